//! Sweep: what must be tidied now and then. Each is one bounded step, safe on every node at once.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    db::Queue,
    error::Result,
    id::{DeliveryId, EndpointId},
};

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

/// How long a round goes on with batches where there is more to do.
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
        self.sweep_endpoints(now, &mut report).await?;
        Ok(report)
    }

    /// What deleted endpoints left goes, for as long as a round may take: a batch of each in turn, so that none waits until another has nothing left.
    async fn sweep_endpoints(&self, now: DateTime<Utc>, report: &mut Report) -> Result<()> {
        let begun = Instant::now();
        let deleted = sqlx::query!(
            r#"-- sweep: deleted endpoints
            SELECT id, deleted_at AS "deleted_at!" FROM endpoints WHERE deleted_at IS NOT NULL AND NOT swept ORDER BY deleted_at LIMIT $1"#,
            BATCH
        )
        .fetch_all(&self.inner.pool)
        .await?;
        let mut deleted = VecDeque::from(deleted);
        while let Some(endpoint) = deleted.pop_front() {
            if self.sweep_endpoint(endpoint.id, now, report).await? {
                deleted.push_back(endpoint);
            } else if endpoint.deleted_at < now - SETTLED {
                self.end_endpoint(endpoint.id).await?;
            }
            if begun.elapsed() >= ROUND {
                break;
            }
        }
        Ok(())
    }

    /// Removes one batch of what a deleted endpoint left; whether there was anything.
    async fn sweep_endpoint(
        &self,
        endpoint: EndpointId,
        now: DateTime<Utc>,
        report: &mut Report,
    ) -> Result<bool> {
        // Whatever its id: clocks may have been ahead, and nobody wants any of it.
        let cancelled = self
            .cancel_waiting(
                None,
                Some(endpoint),
                DeliveryId::max(),
                "its endpoint was deleted",
                now,
            )
            .await?;
        let letters = sqlx::query!(
            "-- sweep: dead letters
            DELETE FROM dead_letters WHERE id IN (
                SELECT id FROM dead_letters WHERE endpoint_id = $1 ORDER BY died_at, id LIMIT $2
            )",
            endpoint,
            BATCH
        )
        .execute(&self.inner.hot)
        .await?
        .rows_affected();
        report.deliveries += cancelled;
        report.dead_letters += letters;
        Ok(cancelled + letters > 0)
    }

    /// Looks at a deleted endpoint no more, if nothing is left of it: who found nothing to remove may only have come after another node.
    async fn end_endpoint(&self, endpoint: EndpointId) -> Result<()> {
        let ended = sqlx::query!(
            "-- sweep: endpoint done
            UPDATE endpoints SET swept = true
            WHERE id = $1 AND NOT EXISTS (SELECT FROM dead_letters WHERE endpoint_id = $1)
                -- in the order of its index: or a plan made while the table was empty would go through another one
                AND (SELECT id FROM deliveries WHERE purpose >= 0 AND endpoint_id = $1 ORDER BY priority, due_at, id LIMIT 1) IS NULL",
            endpoint
        )
        .execute(&self.inner.hot)
        .await?;
        if ended.rows_affected() > 0 {
            self.forget_lane(endpoint).await?;
        }
        Ok(())
    }

    /// As many as come must go: batch after batch, for as long as a round may take.
    async fn forget_idempotency_keys(&self, now: DateTime<Utc>) -> Result<u64> {
        let (begun, mut gone) = (Instant::now(), 0);
        loop {
            let done = sqlx::query!(
                "-- sweep: idempotency keys
                DELETE FROM idempotency_keys
                -- who takes a key over while this waits for its row keeps it: of the row as it is then, only what is said here is asked again;
                -- and in words that no index serves, or a plan made while the table was empty would begin with all that have expired
                WHERE expires_at + interval '0' <= $1 AND (queue_id, key) IN (
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
