//! What lies outside of all partitions: a few rows that came late. They go one by one.

use chrono::{DateTime, Utc};

use super::Retention;
use crate::{
    db::Queue,
    error::Result,
    id::{self, QueueId},
    partition::Table,
};

/// Rows of one round.
const BATCH: i64 = 1_000;

impl Queue {
    /// Removes rows of the rest whose time is over and that nothing needs; returns how many.
    pub(super) async fn tidy_rest(&self, keeps: &[(QueueId, Retention)], now: DateTime<Utc>) -> Result<u64> {
        let settled = now - self.partition_length();
        let floors = |table: Table| -> (Vec<QueueId>, Vec<uuid::Uuid>) {
            keeps
                .iter()
                .filter_map(|(queue, retention)| {
                    let keep = retention.of_table(table)?;
                    Some((*queue, id::floor((now - keep).min(settled))))
                })
                .unzip()
        };
        let (queues, before) = floors(Table::Tasks);
        let expired = sqlx::query_scalar!(
            "-- retention: rest of tasks
            SELECT t.id FROM tasks_rest t JOIN unnest($1::uuid[], $2::uuid[]) AS k (queue_id, before) ON k.queue_id = t.queue_id
            WHERE t.id < k.before LIMIT $3",
            &queues,
            &before,
            BATCH
        )
        .fetch_all(&self.inner.pool)
        .await?;
        let mut gone = 0;
        if !expired.is_empty() {
            let (lows, highs): (Vec<_>, Vec<_>) = expired.iter().map(|task| id::deliveries_of(*task)).unzip();
            gone += sqlx::query!(
                "-- retention: remove rest of tasks
                DELETE FROM tasks_rest t USING unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS g (id, lo, hi)
                WHERE t.id = g.id
                    AND NOT EXISTS (SELECT FROM deliveries d WHERE d.id BETWEEN g.lo AND g.hi AND d.task_id = g.id)
                    AND NOT EXISTS (SELECT FROM dead_letters l WHERE l.id BETWEEN g.lo AND g.hi AND l.task_id = g.id)",
                &expired,
                &lows,
                &highs
            )
            .execute(&self.inner.pool)
            .await?
            .rows_affected();
        }
        let (queues, before) = floors(Table::Attempts);
        gone += sqlx::query!(
            "-- retention: rest of attempts
            DELETE FROM attempts_rest WHERE (delivery_id, id) IN (
                SELECT a.delivery_id, a.id FROM attempts_rest a
                JOIN unnest($1::uuid[], $2::uuid[]) AS k (queue_id, before) ON k.queue_id = a.queue_id
                WHERE a.id < k.before AND NOT EXISTS (SELECT FROM deliveries d WHERE d.id = a.delivery_id) LIMIT $3
            )",
            &queues,
            &before,
            BATCH
        )
        .execute(&self.inner.pool)
        .await?
        .rows_affected();
        Ok(gone)
    }
}
