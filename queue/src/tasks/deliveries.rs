//! The deliveries of a task, those that wait and those that have ended.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use proto::DeliveryState;

use crate::{
    db::Queue,
    error::{Error, Result},
    id::{self, DeliveryId, QueueId, TaskId},
    verdict::plain_reason,
};

impl Queue {
    /// The queue of a delivery's task, whether the delivery waits or has ended.
    pub async fn queue_of_delivery(&self, id: DeliveryId) -> Result<QueueId> {
        let queue = sqlx::query_scalar!(
            r#"-- queue of delivery
            SELECT queue_id AS "queue_id!" FROM deliveries WHERE id = $1
            UNION ALL SELECT queue_id FROM attempts WHERE delivery_id = $1 LIMIT 1"#,
            id
        )
        .fetch_optional(&self.inner.pool)
        .await?;
        queue.ok_or_else(|| no_delivery(id))
    }

    /// The deliveries of a task, those that wait and those that ended, oldest first; those after `after`, at most `limit`.
    pub async fn deliveries_of(
        &self,
        task: TaskId,
        after: Option<uuid::Uuid>,
        limit: i64,
        now: DateTime<Utc>,
    ) -> Result<Vec<proto::Delivery>> {
        self.queue_of_task(task).await?;
        let (from, to) = id::deliveries_of(task);
        self.read_deliveries(
            task,
            after.map_or(from, |after| after.max(from)),
            to,
            after.is_some(),
            limit,
            now,
        )
        .await
    }

    async fn read_deliveries(
        &self,
        task: TaskId,
        from: uuid::Uuid,
        to: uuid::Uuid,
        beyond: bool,
        limit: i64,
        now: DateTime<Utc>,
    ) -> Result<Vec<proto::Delivery>> {
        let waiting = sqlx::query!(
            "-- deliveries that wait
            SELECT id, endpoint_id, due_at, attempts, reason FROM deliveries
            WHERE id BETWEEN $1 AND $2 AND task_id = $3 AND (NOT $4 OR id > $1) ORDER BY id LIMIT $5",
            from,
            to,
            task,
            beyond,
            limit
        )
        .fetch_all(&self.inner.pool)
        .await?;
        let ended = sqlx::query!(
            "-- deliveries by their last attempt
            SELECT DISTINCT ON (delivery_id) delivery_id, id, endpoint_id, number, verdict, reason, status, total_us FROM attempts
            WHERE delivery_id BETWEEN $1 AND $2 AND task_id = $3 AND (NOT $4 OR delivery_id > $1)
            ORDER BY delivery_id, id DESC LIMIT $5",
            from,
            to,
            task,
            beyond,
            limit
        )
        .fetch_all(&self.inner.pool)
        .await?;
        let mut all: Vec<proto::Delivery> = Vec::with_capacity(waiting.len() + ended.len());
        let mut seen = HashSet::new();
        for row in waiting {
            seen.insert(row.id);
            let state = match row.attempts {
                0 if row.due_at > now => DeliveryState::Scheduled,
                0 => DeliveryState::Pending,
                _ => DeliveryState::Retrying,
            };
            all.push(proto::Delivery {
                id: row.id,
                task,
                endpoint: row.endpoint_id,
                state,
                attempts: u32::try_from(row.attempts).unwrap_or(0),
                due_at: Some(row.due_at),
                ended_at: None,
                reason: row.reason,
                why: None,
            });
        }
        for row in ended.into_iter().filter(|row| !seen.contains(&row.delivery_id)) {
            let state = match row.verdict.as_str() {
                "delivered" => DeliveryState::Delivered,
                "cancelled" => DeliveryState::Cancelled,
                "dead" => DeliveryState::Dead,
                // Between two attempts a delivery always waits: it ended between the two statements above.
                _ => continue,
            };
            let ended_at = id::minted_at(row.id) + chrono::TimeDelta::microseconds(i64::from(row.total_us));
            all.push(proto::Delivery {
                id: row.delivery_id,
                task,
                endpoint: row.endpoint_id,
                state,
                attempts: u32::try_from(row.number).unwrap_or(0),
                due_at: None,
                ended_at: Some(ended_at),
                reason: row.reason.or_else(|| row.status.map(plain_reason)),
                why: None,
            });
        }
        all.sort_unstable_by_key(|delivery| delivery.id);
        all.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(all)
    }

    /// Reads one delivery, whether it waits or has ended, and why it is where it is.
    pub async fn read_delivery(&self, delivery: uuid::Uuid, now: DateTime<Utc>) -> Result<proto::Delivery> {
        let none = || no_delivery(delivery);
        let task = sqlx::query_scalar!(
            r#"-- task of delivery
            SELECT task_id AS "task_id!" FROM deliveries WHERE id = $1
            UNION ALL SELECT task_id FROM attempts WHERE delivery_id = $1 LIMIT 1"#,
            delivery
        )
        .fetch_optional(&self.inner.pool)
        .await?
        .ok_or_else(none)?;
        let found = self
            .read_deliveries(task, delivery, delivery, false, 1, now)
            .await?;
        let mut delivery = found.into_iter().next().ok_or_else(none)?;
        delivery.why = Some(self.why(&delivery, now).await?);
        Ok(delivery)
    }
}

/// There is no delivery of this id.
pub fn no_delivery(id: DeliveryId) -> Error {
    Error::NotFound(format!("delivery {id}"))
}
