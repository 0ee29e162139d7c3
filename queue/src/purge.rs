//! Purge: cancels everything that waits, of a queue or of an endpoint; and throws dead letters away.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use proto::{Count, DeadLetterFilter};

use crate::{
    audit::{Action, Deed},
    db::Queue,
    dead_letters::{Filter, Meant},
    error::Result,
    id::{DeliveryId, EndpointId, QueueId},
    rights::Reach,
};

/// Rows of one statement: each is a short transaction.
const BATCH: i64 = 2_000;

/// How long one request goes on before it answers that there is more: well under the timeouts of proxies on the way.
pub(crate) const BUDGET: Duration = Duration::from_secs(20);

/// How far an action on many rows has come.
pub(crate) struct Batches {
    begun: Instant,
    budget: Duration,
    count: u64,
}

impl Batches {
    /// Begins an action that goes on for as long as one request may.
    pub(crate) fn begin() -> Self {
        Self::within(BUDGET)
    }

    /// Begins one that goes on for so long.
    pub(crate) fn within(budget: Duration) -> Self {
        Self {
            begun: Instant::now(),
            budget,
            count: 0,
        }
    }

    /// Adds what one batch did; the answer when it did nothing, or when the budget is used up.
    pub(crate) fn add(&mut self, done: u64) -> Option<Count> {
        self.add_before(done, done > 0)
    }

    /// The same where a batch that did nothing may be followed by one that does: `more` says whether any follows.
    pub(crate) fn add_before(&mut self, done: u64, more: bool) -> Option<Count> {
        self.count += done;
        (!more || self.begun.elapsed() >= self.budget).then_some(Count {
            count: self.count,
            more,
        })
    }
}

impl Queue {
    /// Cancels what was enqueued to a queue up to now and has not ended.
    pub async fn purge_queue(&self, name: &str, now: DateTime<Utc>) -> Result<Count> {
        let queue = self.find_queue(name).await?.id;
        let deed = Deed {
            action: Action::QueuePurged,
            subject: name.to_owned(),
            endpoint: None,
            queues: &[name.to_owned()],
        };
        self.audit_ahead(deed, now).await?;
        self.purge(queue, None, now).await
    }

    /// Cancels what waits for an endpoint.
    pub async fn purge_endpoint(&self, endpoint: EndpointId, now: DateTime<Utc>) -> Result<Count> {
        let found = self.find_endpoint(endpoint).await?;
        let deed = Deed {
            action: Action::EndpointPurged,
            subject: endpoint.to_string(),
            endpoint: Some(endpoint),
            queues: std::slice::from_ref(&found.queue),
        };
        self.audit_ahead(deed, now).await?;
        self.purge(found.queue_id, Some(endpoint), now).await
    }

    /// Cancels what waits in a queue, or for one of its endpoints, and tells of it as one event, although it may end early.
    async fn purge(&self, queue: QueueId, endpoint: Option<EndpointId>, now: DateTime<Utc>) -> Result<Count> {
        let (of_queue, why) = match endpoint {
            None => (Some(queue), "purged with its queue"),
            Some(_) => (None, "purged with its endpoint"),
        };
        // Once, for all batches: what is enqueued meanwhile stays.
        let before = self.with_ids(|mint, _| mint.bound(now));
        let mut batches = Batches::begin();
        let purged = loop {
            match self.cancel_waiting(of_queue, endpoint, before, why, now).await {
                Ok(done) => {
                    if let Some(count) = batches.add(done) {
                        break Ok(count);
                    }
                }
                Err(error) => break Err(error),
            }
        };
        if batches.count > 0 {
            self.tell_purged(queue, endpoint, batches.count, now);
        }
        purged
    }

    /// Cancels one batch of what has an id below `before`, of a queue or of an endpoint, and logs why.
    pub(crate) async fn cancel_waiting(
        &self,
        queue: Option<QueueId>,
        endpoint: Option<EndpointId>,
        before: DeliveryId,
        why: &str,
        now: DateTime<Utc>,
    ) -> Result<u64> {
        let log_id = self.mint(now);
        let ids = match (queue, endpoint) {
            (Some(queue), _) => {
                sqlx::query_scalar!(
                    "-- purge: of a queue\nSELECT id FROM deliveries WHERE purpose >= 0 AND queue_id = $1 AND id < $2 ORDER BY id LIMIT $3",
                    queue,
                    before,
                    BATCH
                )
                .fetch_all(&self.inner.hot)
                .await?
            }
            (None, Some(endpoint)) => {
                sqlx::query_scalar!(
                    "-- purge: of an endpoint
                    SELECT id FROM deliveries WHERE purpose >= 0 AND endpoint_id = $1 AND id < $2 ORDER BY priority, due_at, id LIMIT $3",
                    endpoint,
                    before,
                    BATCH
                )
                .fetch_all(&self.inner.hot)
                .await?
            }
            (None, None) => vec![],
        };
        let rows = sqlx::query!(
            r#"-- purge
            WITH gone AS (
                DELETE FROM deliveries WHERE id = ANY($1) RETURNING id, task_id, queue_id, endpoint_id, attempts
            ), logged AS (
                INSERT INTO attempts (id, delivery_id, task_id, queue_id, endpoint_id, number, verdict, reason, wait_us, total_us)
                SELECT $2, id, task_id, queue_id, endpoint_id, attempts, 'cancelled', $3, 0, 0 FROM gone
            ), counted AS (
                INSERT INTO depths AS d (queue_id, slot, deliveries)
                SELECT queue_id, $4, -count(*) FROM gone GROUP BY queue_id ORDER BY queue_id
                ON CONFLICT (queue_id, slot) DO UPDATE SET deliveries = d.deliveries + excluded.deliveries
            )
            SELECT id AS "id!", endpoint_id AS "endpoint_id!" FROM gone"#,
            &ids,
            log_id,
            why,
            self.inner.depths.other().0
        )
        .fetch_all(&self.inner.hot)
        .await?;
        let gone: Vec<_> = rows.into_iter().map(|row| (row.endpoint_id, row.id)).collect();
        self.withdrawn(&gone).await?;
        Ok(gone.len() as u64)
    }

    /// Throws away the dead letters within `reach` that a filter means, those that died up to now.
    pub async fn purge_dead_letters(
        &self,
        reach: &Reach,
        filter: DeadLetterFilter,
        now: DateTime<Utc>,
    ) -> Result<Count> {
        let meant = Meant::of(&filter, reach);
        let filter = Filter::resolve(self, reach, filter, now).await?;
        let mut deed = Some(meant.deed(Action::DeadLettersPurged));
        let mut batches = Batches::begin();
        loop {
            let letters = self.some_dead_letters(&filter, None, BATCH).await?;
            let ids: Vec<DeliveryId> = letters.into_iter().map(|letter| letter.id).collect();
            // Where nothing is thrown away there is nothing to write down.
            if let Some(deed) = deed.take_if(|_| !ids.is_empty()) {
                self.audit_ahead(deed, now).await?;
            }
            let done = sqlx::query!(
                "-- purge dead letters\nDELETE FROM dead_letters WHERE id = ANY($1)",
                &ids
            )
            .execute(&self.inner.hot)
            .await?;
            if let Some(count) = batches.add(done.rows_affected()) {
                return Ok(count);
            }
        }
    }
}
