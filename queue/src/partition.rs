//! Day partitions of `tasks` and `attempts`, made ahead of time.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use sqlx::AssertSqlSafe;

use crate::{db::Queue, error::Result, id};

/// The partitioned tables. Both are cut by id, whose first 48 bits are its time.
const TABLES: [&str; 2] = ["tasks", "attempts"];

/// How many days ahead partitions are made. If no node runs for longer than this, the first to start makes them before it takes a task.
const AHEAD: u64 = 7;

/// A partition of one day.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Partition {
    name: String,
    from: String,
    to: String,
}

/// The partitions that must exist at `now`: yesterday's for ids minted by a slow clock, today's, and those ahead.
fn wanted(table: &str, now: DateTime<Utc>) -> Vec<Partition> {
    let first = now.date_naive() - Days::new(1);
    (0..=AHEAD + 1)
        .map(|day| partition(table, first + Days::new(day)))
        .collect()
}

fn partition(table: &str, day: NaiveDate) -> Partition {
    let bound = |day: NaiveDate| id::floor(day.and_time(NaiveTime::MIN).and_utc()).to_string();
    Partition {
        name: format!("{table}_{}", day.format("%Y%m%d")),
        from: bound(day),
        to: bound(day + Days::new(1)),
    }
}

impl Queue {
    /// Makes what partitions are missing, and returns how many that were. Safe to run on every node at once.
    pub async fn make_partitions(&self, now: DateTime<Utc>) -> Result<usize> {
        let there: Vec<String> = sqlx::query_scalar!(
            r#"-- partitions
            SELECT c.relname::text AS "name!" FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent IN ('tasks'::regclass, 'attempts'::regclass)"#
        )
        .fetch_all(&self.inner.pool)
        .await?;
        let missing = TABLES
            .iter()
            .flat_map(|table| wanted(table, now).into_iter().map(move |p| (*table, p)));
        let missing: Vec<_> = missing
            .filter(|(_, partition)| !there.contains(&partition.name))
            .collect();
        if missing.is_empty() {
            return Ok(0);
        }
        let mut tx = self.inner.pool.begin().await?;
        // One node at a time; released with the transaction, so it works through a pooler.
        sqlx::query!("-- partition lock\nSELECT pg_advisory_xact_lock(hashtext('posthaste partitions'))")
            .execute(&mut *tx)
            .await?;
        for (table, Partition { name, from, to }) in &missing {
            // Names and bounds are made of dates here: nothing of a caller's is in this text.
            let statement = format!(
                "-- make partition\nCREATE TABLE IF NOT EXISTS {name} PARTITION OF {table} FOR VALUES FROM ('{from}') TO ('{to}')"
            );
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(missing.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_cover_a_week_without_a_gap() {
        let now: DateTime<Utc> = "2026-12-31T23:59:59Z".parse().unwrap();
        let partitions = wanted("tasks", now);
        assert_eq!(partitions.len(), 9);
        assert_eq!(partitions[0].name, "tasks_20261230");
        assert_eq!(partitions[8].name, "tasks_20270107");
        assert!(partitions.windows(2).all(|pair| pair[0].to == pair[1].from));
        let id = id::floor(now).to_string();
        assert!(partitions[1].from <= id && id < partitions[1].to);
    }
}
