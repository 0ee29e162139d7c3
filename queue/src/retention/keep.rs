//! The round: what has expired goes, as much of it as one round can take. One node at a time does it.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use proto::RetentionPolicy;
use sqlx::{PgConnection, types::Json};
use tracing::{debug, info};

use super::{
    Retention,
    compact::{self, Outcome},
    needed, time,
    worth::{Facts, Load},
};
use crate::{
    chores::Chore,
    db::Queue,
    error::Result,
    id::{self, QueueId},
    partition::{Partition, Stretch, Table, run},
};

/// How long a round goes on with batches where there is more to do.
const ROUND: Duration = Duration::from_secs(20);

/// Rows that one statement removes.
const BATCH: i64 = 10_000;

/// How long counts by the minute are kept: a week can be compared with the one before.
const ROLLUPS: TimeDelta = TimeDelta::days(15);

/// How long it is told what came of replays.
const REPLAYS: TimeDelta = TimeDelta::days(90);

/// How long it is known of an expunged task that it was, beyond the time that anything of it may be kept: clocks that are slow, and results that come late.
const EXPUNGED: TimeDelta = TimeDelta::days(2);

/// How far the clocks of nodes may be apart before a queue seems to be younger than its first task.
const SKEW: TimeDelta = TimeDelta::hours(1);

/// What a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Partitions of which nothing was needed any more.
    pub dropped: usize,
    /// Partitions of which only what is needed is left.
    pub compacted: usize,
    /// Partitions that could not be had, because somebody reads them: later.
    pub busy: usize,
    /// Partitions of which so much is needed that swapping them would keep others waiting: when they are older.
    pub put_off: usize,
    /// Dead letters that were kept long enough.
    pub dead_letters: u64,
    /// Rows of counts, jobs and what lies outside of all partitions.
    pub rows: u64,
    /// Whether there is more that one round could take.
    pub more: bool,
}

impl Kept {
    /// Whether there was anything to do.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Queue {
    /// Lets go of what is kept no longer, one bounded round. Nothing happens while another node does it.
    pub async fn keep_to_retention(&self, now: DateTime<Utc>) -> Result<Kept> {
        let mut kept = Kept::default();
        if !self.take_chore(Chore::Storage).await? {
            return Ok(kept);
        }
        let begun = Instant::now();
        self.remove_leftovers().await?;
        let keeps = self.read_retentions(&mut *self.inner.pool.begin().await?).await?;
        self.forget_dead_letters(&keeps, now, begun, &mut kept).await?;
        self.forget_rows(now, begun, &mut kept).await?;
        kept.rows += self.tidy_rest(&keeps, now).await?;
        let mut partitions = self.partitions().await?;
        partitions.retain(|one| one.stretch.is_some_and(|stretch| stretch.to <= now));
        partitions.sort_unstable_by_key(|one| one.stretch.map(|stretch| stretch.from));
        let compactions = self.compactions().await?;
        let mut in_use = vec![];
        for partition in &partitions {
            if begun.elapsed() >= ROUND {
                kept.more = true;
                break;
            }
            // What holds one partition of a table mostly holds all of them.
            let Some(stretch) = partition.stretch.filter(|_| !in_use.contains(&partition.table)) else {
                continue;
            };
            match self
                .look_after(partition, stretch, &keeps, &compactions, now)
                .await?
            {
                None => {}
                Some(Outcome::Dropped) => kept.dropped += 1,
                Some(Outcome::Compacted) => kept.compacted += 1,
                Some(Outcome::Busy) => {
                    kept.busy += 1;
                    in_use.push(partition.table);
                }
                Some(Outcome::PutOff) => kept.put_off += 1,
                Some(Outcome::Overtaken) => break,
            }
        }
        Ok(kept)
    }

    /// Compacts a partition if it is time.
    async fn look_after(
        &self,
        partition: &Partition,
        stretch: Stretch,
        keeps: &[(QueueId, Retention)],
        compactions: &HashMap<String, DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<Option<Outcome>> {
        let compacted_at = compactions.get(&partition.name).copied();
        let facts = Facts {
            now,
            stretch,
            settling: self.partition_length(),
            keeps: of_table(keeps, partition.table, stretch),
            compacted_at,
            put_off_at: compactions.get(&compact::put_off_mark(partition)).copied(),
        };
        let Some(split) = facts.split().filter(|split| facts.may_be_worth(split)) else {
            return Ok(None);
        };
        let mut tx = self.begin_by_index().await?;
        if needed::is_held(&mut tx, partition.table, stretch, now).await? {
            return Ok(None);
        }
        let load = Load {
            rows: rows_of(&mut tx, partition, compacted_at.is_some()).await?,
            needed: needed::count(&mut tx, partition.table, stretch).await?,
            kept_share: share_of(&mut tx, partition, &split.keepers).await?,
        };
        tx.commit().await?;
        if !facts.is_worth(&split, &load) {
            return Ok(None);
        }
        let outcome = self.compact(partition, stretch, &split.keepers, now).await?;
        let name = &partition.name;
        match outcome {
            Outcome::Busy => debug!(partition = name, "a partition is in use; it is compacted later"),
            Outcome::PutOff => info!(
                partition = name,
                "so much of a partition is needed that compacting it would keep others waiting; it is tried again when it is older"
            ),
            Outcome::Overtaken => debug!(
                partition = name,
                "what was to be kept has changed; it is compacted later"
            ),
            Outcome::Dropped => info!(partition = name, "a partition of which nothing is needed is gone"),
            Outcome::Compacted => info!(partition = name, "only what is needed is left of a partition"),
        }
        Ok(Some(outcome))
    }

    /// Tables that a node was filling when it died.
    async fn remove_leftovers(&self) -> Result<()> {
        let names = sqlx::query_scalar!(
            r#"-- retention: leftovers
            SELECT relname::text AS "name!" FROM pg_class
            WHERE relkind = 'r' AND NOT relispartition AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'tasks'::regclass)
                AND relname ~ '^(tasks|attempts)_[0-9_]+_new$'"#
        )
        .fetch_all(&self.inner.pool)
        .await?;
        for name in names {
            if let Some(mut tx) = self.begin_chore().await? {
                run(
                    &mut tx,
                    format!("-- retention: leftover\nDROP TABLE IF EXISTS {name}"),
                )
                .await?;
                tx.commit().await?;
            }
        }
        Ok(())
    }

    /// What every queue keeps, deleted ones too.
    async fn read_retentions(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Vec<(QueueId, Retention)>, sqlx::Error> {
        let rows = sqlx::query!(
            r#"-- retention: of queues
            SELECT id, settings -> 'retention' AS "retention: Json<RetentionPolicy>" FROM queues"#
        )
        .fetch_all(connection)
        .await?;
        let retention =
            |policy: Option<Json<RetentionPolicy>>| Retention::of(policy.as_ref().map(|policy| &policy.0));
        Ok(rows
            .into_iter()
            .map(|row| (row.id, retention(row.retention)))
            .collect())
    }

    /// The queues that keep their rows of a stretch as things stand now.
    pub(super) async fn keepers_of(
        &self,
        connection: &mut PgConnection,
        table: Table,
        stretch: Stretch,
        now: DateTime<Utc>,
    ) -> Result<Vec<QueueId>, sqlx::Error> {
        let keeps = self.read_retentions(connection).await?;
        let facts = Facts {
            now,
            stretch,
            settling: TimeDelta::zero(),
            keeps: of_table(&keeps, table, stretch),
            compacted_at: None,
            put_off_at: None,
        };
        Ok(facts.split().map_or_else(
            || facts.keeps.iter().map(|(queue, _)| *queue).collect(),
            |split| split.keepers,
        ))
    }

    async fn forget_dead_letters(
        &self,
        keeps: &[(QueueId, Retention)],
        now: DateTime<Utc>,
        begun: Instant,
        kept: &mut Kept,
    ) -> Result<()> {
        let (queues, befores): (Vec<_>, Vec<_>) = keeps
            .iter()
            .filter_map(|(queue, retention)| Some((*queue, now - time(retention.dead_letters)?)))
            .unzip();
        loop {
            let done = sqlx::query!(
                "-- retention: dead letters
                DELETE FROM dead_letters WHERE id IN (
                    SELECT l.id FROM unnest($1::uuid[], $2::timestamptz[]) AS q (id, before) CROSS JOIN LATERAL (
                        SELECT id FROM dead_letters WHERE queue_id = q.id AND died_at <= q.before ORDER BY died_at, id LIMIT $3
                    ) AS l LIMIT $3
                )",
                &queues,
                &befores,
                BATCH
            )
            .execute(&self.inner.hot)
            .await?
            .rows_affected();
            kept.dead_letters += done;
            if done < BATCH.unsigned_abs() {
                return Ok(());
            }
            if begun.elapsed() >= ROUND {
                kept.more = true;
                return Ok(());
            }
        }
    }

    /// What lies in tables of its own and has a time of its own.
    async fn forget_rows(&self, now: DateTime<Utc>, begun: Instant, kept: &mut Kept) -> Result<()> {
        loop {
            let done = sqlx::query!(
                "-- retention: rollups
                WITH RECURSIVE step AS (
                    (SELECT queue_id, endpoint_id FROM rollups ORDER BY queue_id, endpoint_id LIMIT 1)
                    UNION ALL
                    SELECT next.* FROM step CROSS JOIN LATERAL (
                        SELECT r.queue_id, r.endpoint_id FROM rollups r
                        WHERE (r.queue_id, r.endpoint_id) > (step.queue_id, step.endpoint_id)
                        ORDER BY r.queue_id, r.endpoint_id LIMIT 1
                    ) AS next
                )
                DELETE FROM rollups WHERE (queue_id, endpoint_id, minute) IN (
                    SELECT old.queue_id, old.endpoint_id, old.minute FROM step CROSS JOIN LATERAL (
                        SELECT r.queue_id, r.endpoint_id, r.minute FROM rollups r
                        WHERE r.queue_id = step.queue_id AND r.endpoint_id = step.endpoint_id AND r.minute < $1
                        ORDER BY r.minute LIMIT 2000
                    ) AS old LIMIT $2
                )",
                now - ROLLUPS,
                BATCH
            )
            .execute(&self.inner.hot)
            .await?
            .rows_affected();
            kept.rows += done;
            if done < BATCH.unsigned_abs() {
                break;
            }
            if begun.elapsed() >= ROUND {
                kept.more = true;
                break;
            }
        }
        kept.rows += sqlx::query!(
            "-- retention: replays
            DELETE FROM replay_jobs WHERE id IN (SELECT id FROM replay_jobs WHERE ended_at < $1 ORDER BY ended_at LIMIT $2)",
            now - REPLAYS,
            BATCH
        )
        .execute(&self.inner.pool)
        .await?
        .rows_affected();
        self.expunge_again(now).await?;
        kept.rows += self.forget_expunged(now).await?;
        Ok(())
    }

    /// That a task was expunged is known as long as there is a partition that may hold anything of it.
    async fn forget_expunged(&self, now: DateTime<Utc>) -> Result<u64> {
        let partitions = self.partitions().await?;
        let oldest = partitions.iter().filter_map(|one| Some(one.stretch?.from)).min();
        let before = oldest.unwrap_or(now).min(now - EXPUNGED);
        Ok(sqlx::query!(
            "-- retention: expunged long ago\nDELETE FROM expunged WHERE task_id < $1 AND at < $2",
            id::floor(before),
            now - EXPUNGED
        )
        .execute(&self.inner.pool)
        .await?
        .rows_affected())
    }
}

/// How long each queue keeps its rows of a stretch, except for those that were made after it.
fn of_table(
    keeps: &[(QueueId, Retention)],
    table: Table,
    stretch: Stretch,
) -> Vec<(QueueId, Option<TimeDelta>)> {
    keeps
        .iter()
        .filter(|(queue, _)| id::minted_at(*queue) < stretch.to + SKEW)
        .map(|(queue, retention)| (*queue, retention.of_table(table)))
        .collect()
}

/// PostgreSQL's estimate of a partition's rows, if it made one. What is left of a compacted one was analysed within the second in which it was
/// written: its counter has it twice.
async fn rows_of(
    connection: &mut PgConnection,
    partition: &Partition,
    is_compacted: bool,
) -> Result<Option<f64>> {
    let rows = sqlx::query_scalar!(
        r#"-- retention: estimated rows
        -- the one is of the last time it was analysed, and the other is lost with a crash
        SELECT CASE WHEN $2 AND reltuples > 0 THEN reltuples
            ELSE greatest(reltuples, pg_stat_get_live_tuples(oid)) END::float8 AS "rows!"
        FROM pg_class WHERE oid::bigint = $1"#,
        partition.oid,
        is_compacted
    )
    .fetch_optional(connection)
    .await?;
    Ok(rows.filter(|rows| *rows > 0.0))
}

/// What part of a partition's rows is of these queues, by the estimate of the most common ones, if there is one.
async fn share_of(
    connection: &mut PgConnection,
    partition: &Partition,
    queues: &[QueueId],
) -> Result<Option<f64>> {
    Ok(sqlx::query_scalar!(
        r#"-- retention: estimated share
        SELECT coalesce(sum(freq) FILTER (WHERE value = ANY($2)), 0)::float8 AS "share!"
        FROM pg_stats s CROSS JOIN LATERAL unnest(s.most_common_vals::text::uuid[], s.most_common_freqs) AS v (value, freq)
        WHERE s.schemaname = current_schema() AND s.tablename = $1 AND s.attname = 'queue_id'
        HAVING count(*) > 0"#,
        partition.name,
        queues
    )
    .fetch_optional(connection)
    .await?)
}
