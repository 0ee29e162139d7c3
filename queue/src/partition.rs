//! Partitions of `tasks` and `attempts`, made ahead of time: each holds what was made in a stretch of time, a day unless configured otherwise.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{AssertSqlSafe, PgConnection};
use tracing::warn;
use uuid::Uuid;

use crate::{
    db::Queue,
    error::{Error, Result},
    id,
};

/// A day: the length of a partition unless configured otherwise.
pub const DAY: Duration = Duration::from_hours(24);

/// The shortest: shorter ones would be more than plans take well.
const SHORTEST: Duration = Duration::from_secs(10);

/// How long ahead partitions are made at least. If no node runs for longer than this, the first to start makes them before it takes a task.
const AHEAD: TimeDelta = TimeDelta::minutes(10);

/// How many are made ahead at least.
const AHEAD_COUNT: i32 = 7;

/// How long the making waits for those who read: it is tried again by the next sweep, long before the partition is needed.
const LOCK: &str = "SET LOCAL lock_timeout = '500ms'";

/// The partitioned tables. Both are cut by id, whose first 48 bits are its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Table {
    Tasks,
    Attempts,
}

impl Table {
    pub(crate) const ALL: [Self; 2] = [Self::Tasks, Self::Attempts];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tasks => "tasks",
            Self::Attempts => "attempts",
        }
    }

    /// What is shown of its rows, and by which no statement finds any or joins them. Statistics of these columns cost most, being long or all
    /// different, and no plan needs them.
    fn shown(self) -> &'static [&'static str] {
        match self {
            Self::Tasks => &["payload", "headers", "retry", "idempotency_key"],
            Self::Attempts => &["reason", "url", "response_headers", "response_body"],
        }
    }

    /// The statement that leaves these columns of its partition `name` out of all statistics.
    pub(crate) fn without_statistics(self, name: &str) -> String {
        let columns: Vec<String> = self
            .shown()
            .iter()
            .map(|column| format!("ALTER COLUMN {column} SET STATISTICS 0"))
            .collect();
        format!("ALTER TABLE {name} {}", columns.join(", "))
    }
}

/// A stretch of time: from its first instant to the first after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) from: DateTime<Utc>,
    pub(crate) to: DateTime<Utc>,
}

/// A partition that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Partition {
    pub(crate) table: Table,
    pub(crate) oid: i64,
    pub(crate) name: String,
    /// `None`: it holds what no other does.
    pub(crate) stretch: Option<Stretch>,
}

/// The begin of the stretch of the grid that `at` lies in.
fn floor(at: DateTime<Utc>, length: TimeDelta) -> DateTime<Utc> {
    let step = length.num_milliseconds().max(1);
    let ms = at.timestamp_millis();
    DateTime::from_timestamp_millis(ms - ms.rem_euclid(step)).unwrap_or(at)
}

/// The stretches that need a partition at `now` and have none: from the one before (for ids minted by a slow clock) to those ahead. Whatever
/// lengths those that are there have, the new ones only fill the gaps between.
fn missing(there: &[Stretch], now: DateTime<Utc>, length: TimeDelta) -> Vec<Stretch> {
    let begin = floor(now, length);
    let until = begin + length + (length * AHEAD_COUNT).max(AHEAD);
    let (mut at, mut gaps) = (begin - length, vec![]);
    while at < until {
        if let Some(one) = there.iter().find(|one| one.from <= at && at < one.to) {
            at = one.to;
            continue;
        }
        let next = there.iter().map(|one| one.from).filter(|from| *from > at).min();
        let end = floor(at, length) + length;
        let to = next.map_or(end, |next| next.min(end));
        gaps.push(Stretch { from: at, to });
        at = to;
    }
    gaps
}

/// The name of a new partition.
fn name_of(table: Table, stretch: Stretch) -> String {
    let is_day = stretch.to - stretch.from == TimeDelta::days(1)
        && stretch.from == floor(stretch.from, TimeDelta::days(1));
    let format = if is_day { "%Y%m%d" } else { "%Y%m%d_%H%M%S" };
    format!("{}_{}", table.name(), stretch.from.format(format))
}

/// The bounds as PostgreSQL writes them: `FOR VALUES FROM ('…') TO ('…')`.
fn parse_bounds(bounds: &str) -> Option<Stretch> {
    let mut quoted = bounds.split('\'').skip(1).step_by(2);
    let mut time = || Some(id::minted_at(Uuid::parse_str(quoted.next()?).ok()?));
    Some(Stretch {
        from: time()?,
        to: time()?,
    })
}

impl Stretch {
    /// The bounds as ids.
    pub(crate) fn ids(self) -> (Uuid, Uuid) {
        (id::floor(self.from), id::floor(self.to))
    }

    /// The bounds in SQL.
    pub(crate) fn bounds(self) -> String {
        let (from, to) = self.ids();
        format!("FOR VALUES FROM ('{from}') TO ('{to}')")
    }
}

impl Queue {
    /// How long the partitions are that this node makes.
    pub(crate) fn partition_length(&self) -> TimeDelta {
        TimeDelta::from_std(self.inner.config.partition).unwrap_or(TimeDelta::days(1))
    }

    /// The partitions that are there, in no order.
    pub(crate) async fn partitions(&self) -> Result<Vec<Partition>> {
        let rows = sqlx::query!(
            r#"-- partitions
            SELECT i.inhparent = 'tasks'::regclass AS "is_task!", c.oid::bigint AS "oid!", c.relname::text AS "name!",
                pg_get_expr(c.relpartbound, c.oid) AS "bounds!"
            FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent IN ('tasks'::regclass, 'attempts'::regclass)"#
        )
        .fetch_all(&self.inner.pool)
        .await?;
        let partition = |row: (bool, i64, String, String)| Partition {
            table: if row.0 { Table::Tasks } else { Table::Attempts },
            oid: row.1,
            name: row.2,
            stretch: parse_bounds(&row.3),
        };
        Ok(rows
            .into_iter()
            .map(|row| partition((row.is_task, row.oid, row.name, row.bounds)))
            .collect())
    }

    /// Makes what partitions are missing, and returns how many that were. Safe to run on every node at once.
    pub async fn make_partitions(&self, now: DateTime<Utc>) -> Result<usize> {
        let there = self.partitions().await?;
        let length = self.partition_length();
        let missing: Vec<(Table, Stretch)> = Table::ALL
            .iter()
            .flat_map(|table| {
                let stretches: Vec<Stretch> = there
                    .iter()
                    .filter(|one| one.table == *table)
                    .filter_map(|one| one.stretch)
                    .collect();
                missing(&stretches, now, length)
                    .into_iter()
                    .map(|stretch| (*table, stretch))
            })
            .collect();
        if missing.is_empty() {
            return Ok(0);
        }
        match self.make_all(&missing).await {
            Ok(()) => Ok(missing.len()),
            // Rows of such a stretch lie in the rest already: they stay there, and others are made all the same.
            Err(sqlx::Error::Database(error)) if error.is_check_violation() => {
                let mut made = 0;
                for one in &missing {
                    match self.make_all(std::slice::from_ref(one)).await {
                        Ok(()) => made += 1,
                        Err(error) => {
                            warn!(%error, from = %one.1.from, "a partition cannot be made; its rows lie with the rest");
                        }
                    }
                }
                Ok(made)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn make_all(&self, missing: &[(Table, Stretch)]) -> Result<(), sqlx::Error> {
        let mut tx = self.inner.pool.begin().await?;
        // One node at a time; released with the transaction, so it works through a pooler.
        sqlx::query!("-- partition lock\nSELECT pg_advisory_xact_lock(hashtext('posthaste partitions'))")
            .execute(&mut *tx)
            .await?;
        sqlx::raw_sql(LOCK).execute(&mut *tx).await?;
        for (table, stretch) in missing {
            // Names and bounds are made of times here: nothing of a caller's is in this text.
            let (name, bounds) = (name_of(*table, *stretch), stretch.bounds());
            run(
                &mut tx,
                format!(
                    "-- make partition
                    CREATE TABLE IF NOT EXISTS {name} PARTITION OF {} {bounds};
                    {}",
                    table.name(),
                    table.without_statistics(&name)
                ),
            )
            .await?;
        }
        tx.commit().await
    }
}

/// Runs a statement whose text is made here, of names of tables and of times.
pub(crate) async fn run(connection: &mut PgConnection, statement: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(connection)
        .await
        .map(drop)
}

/// Notes what is wrong with a length of partitions.
pub(crate) fn check_length(length: Duration) -> Result<()> {
    if (SHORTEST..=DAY).contains(&length) {
        return Ok(());
    }
    Err(Error::invalid("storage.partition", "10s to 1d"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn partitions_cover_a_week_without_a_gap() {
        let now = at("2026-12-31T23:59:59Z");
        let made = missing(&[], now, TimeDelta::days(1));
        assert_eq!(made.len(), 9);
        assert_eq!(name_of(Table::Tasks, made[0]), "tasks_20261230");
        assert_eq!(name_of(Table::Attempts, made[8]), "attempts_20270107");
        let (from, to) = made[1].ids();
        assert!(from <= id::floor(now) && id::floor(now) < to);
        assert_eq!(parse_bounds(&made[0].bounds()), Some(made[0]));
        assert_eq!(parse_bounds("DEFAULT"), None);
    }

    #[test]
    fn a_changed_length_fills_gaps_and_never_overlaps() {
        let day = Stretch {
            from: at("2026-01-01T00:00:00Z"),
            to: at("2026-01-02T00:00:00Z"),
        };
        let made = missing(&[day], at("2026-01-01T23:50:30Z"), TimeDelta::minutes(1));
        assert_eq!(name_of(Table::Tasks, made[0]), "tasks_20260102_000000");
        assert_eq!(made[0].to - made[0].from, TimeDelta::minutes(1));
        let short = Stretch {
            from: at("2026-01-01T07:00:00Z"),
            to: at("2026-01-01T07:01:00Z"),
        };
        let made = missing(&[short], at("2026-01-01T12:00:00Z"), TimeDelta::days(1));
        assert_eq!((made[0].from, made[0].to), (at("2025-12-31T00:00:00Z"), day.from));
        assert_eq!((made[1].from, made[1].to), (day.from, short.from));
        assert_eq!((made[2].from, made[2].to), (short.to, day.to));
    }

    proptest! {
        /// Whatever was made at whatever lengths before, all that is needed is covered, once.
        #[test]
        fn lengths_may_change_at_any_time(rounds in prop::collection::vec((0i64..3_000, 1i64..1_440), 1..6)) {
            let mut there: Vec<Stretch> = vec![];
            for (minute, length) in rounds {
                let now = DateTime::from_timestamp(1_800_000_000 + minute * 60, 0).unwrap();
                let length = TimeDelta::minutes(length);
                there.extend(missing(&there, now, length));
                prop_assert!(missing(&there, now, length).is_empty());
                there.sort_unstable_by_key(|one| one.from);
                prop_assert!(there.iter().all(|one| one.from < one.to));
                prop_assert!(there.windows(2).all(|pair| pair[0].to <= pair[1].from));
                prop_assert!(there.iter().any(|one| one.from <= now && now < one.to));
            }
        }
    }
}
