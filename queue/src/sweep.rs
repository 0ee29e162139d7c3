//! Sweep: what must be tidied now and then. Each is one bounded step, safe on every node at once.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{db::Queue, error::Result};

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Partitions made.
    pub partitions: usize,
    /// Idempotency keys whose window is over, removed.
    pub keys: u64,
    /// Deliveries of deleted endpoints, cancelled.
    pub deliveries: u64,
    /// Dead letters of deleted endpoints, removed.
    pub dead_letters: u64,
    /// Entries of the audit, kept long enough.
    pub audit: u64,
    /// Nodes not seen for a day, forgotten.
    pub nodes: u64,
}

impl Report {
    /// Whether there was anything to do.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How long after its deletion an endpoint counts as one that no enqueue can still be under way for: longer than any statement may take.
const SETTLED: TimeDelta = TimeDelta::minutes(1);

/// How long a round goes on with batches where there is more to do: less than the pause between rounds.
const ROUND: Duration = Duration::from_secs(30);

/// Rows of one statement.
const BATCH: i64 = 10_000;

impl Queue {
    /// Does one round.
    pub async fn sweep(&self, now: DateTime<Utc>) -> Result<Report> {
        let mut report = Report {
            partitions: self.make_partitions(now).await?,
            ..Report::default()
        };
        report.nodes = self.forget_nodes().await?;
        report.audit = self.forget_audit(now).await?;
        report.keys = self.forget_idempotency_keys(now).await?;
        let deleted = sqlx::query!(
            r#"-- sweep: deleted endpoints
            SELECT id, deleted_at AS "deleted_at!" FROM endpoints WHERE deleted_at IS NOT NULL AND NOT swept ORDER BY deleted_at LIMIT 100"#
        )
        .fetch_all(&self.inner.pool)
        .await?;
        for endpoint in deleted {
            let cancelled = self
                .cancel_waiting(None, Some(endpoint.id), "its endpoint was deleted", now)
                .await?;
            let letters = sqlx::query!(
                "-- sweep: dead letters
                DELETE FROM dead_letters WHERE id IN (
                    SELECT id FROM dead_letters WHERE endpoint_id = $1 ORDER BY died_at, id LIMIT $2
                )",
                endpoint.id,
                BATCH
            )
            .execute(&self.inner.hot)
            .await?
            .rows_affected();
            report.deliveries += cancelled;
            report.dead_letters += letters;
            if cancelled == 0 && letters == 0 && endpoint.deleted_at < now - SETTLED {
                sqlx::query!(
                    "-- sweep: endpoint done\nUPDATE endpoints SET swept = true WHERE id = $1",
                    endpoint.id
                )
                .execute(&self.inner.pool)
                .await?;
                self.forget_lane(endpoint.id).await?;
            }
        }
        Ok(report)
    }

    /// As many as come must go: batch after batch, for as long as a round may take.
    async fn forget_idempotency_keys(&self, now: DateTime<Utc>) -> Result<u64> {
        let (begun, mut gone) = (Instant::now(), 0);
        loop {
            let done = sqlx::query!(
                "-- sweep: idempotency keys
                DELETE FROM idempotency_keys WHERE (queue_id, key) IN (
                    SELECT queue_id, key FROM idempotency_keys WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2
                )",
                now,
                BATCH
            )
            .execute(&self.inner.hot)
            .await?
            .rows_affected();
            gone += done;
            if done < BATCH.unsigned_abs() || begun.elapsed() >= ROUND {
                return Ok(gone);
            }
        }
    }
}
