//! Cancel: takes back what of a task has not ended.

use chrono::{DateTime, Utc};
use proto::EventKind;

use crate::{
    db::Queue,
    error::Result,
    events::Moved,
    id::{self, TaskId},
};

impl Queue {
    /// Cancels the deliveries of a task that have not ended; returns how many. A request that is out already goes its way, and is logged.
    pub async fn cancel(&self, task: TaskId, now: DateTime<Utc>) -> Result<u32> {
        let (from, to) = id::deliveries_of(task);
        let log_id = self.mint(now);
        let rows = sqlx::query!(
            r#"-- cancel
            WITH gone AS (
                DELETE FROM deliveries WHERE id BETWEEN $1 AND $2 AND task_id = $3
                RETURNING id, task_id, queue_id, endpoint_id, attempts
            ), logged AS (
                INSERT INTO attempts (id, delivery_id, task_id, queue_id, endpoint_id, number, verdict, reason, wait_us, total_us)
                SELECT $4, id, task_id, queue_id, endpoint_id, attempts, 'cancelled', 'cancelled by request', 0, 0 FROM gone
            ), counted AS (
                INSERT INTO depths AS d (queue_id, slot, deliveries)
                SELECT queue_id, $5, -count(*) FROM gone GROUP BY queue_id ORDER BY queue_id
                ON CONFLICT (queue_id, slot) DO UPDATE SET deliveries = d.deliveries + excluded.deliveries
            )
            SELECT gone.id AS "id!", gone.queue_id AS "queue_id!", endpoint_id AS "endpoint_id!", attempts AS "attempts!", type AS "kind!"
            FROM gone JOIN tasks ON tasks.id = $3"#,
            from,
            to,
            task,
            log_id,
            self.inner.depths.other().0
        )
        .fetch_all(&self.inner.hot)
        .await?;
        let cancelled = rows.iter().map(|row| Moved {
            delivery: row.id,
            task,
            queue: row.queue_id,
            endpoint: row.endpoint_id,
            kind: &row.kind,
            attempts: u32::try_from(row.attempts).unwrap_or(0),
        });
        self.tell_moved(
            EventKind::DeliveryCancelled,
            "cancelled by request",
            cancelled,
            now,
        );
        let gone: Vec<_> = rows.iter().map(|row| (row.endpoint_id, row.id)).collect();
        self.withdrawn(&gone).await?;
        Ok(u32::try_from(gone.len()).unwrap_or(u32::MAX))
    }
}
