//! Ages: which deliveries have waited longer than their endpoint's `max_age`, although their turn has not come.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use crate::{
    db::Queue,
    error::Result,
    id::{EndpointId, TaskId},
    load::{Due, DueRow},
};

impl Queue {
    /// Deliveries that have been due since before the time given for their endpoint, with the types of their tasks: at most `most`, the
    /// oldest of each endpoint and priority first, and none that is a test. Those that are held behind others of their key are among them.
    ///
    /// One that failed meanwhile is found only when it has been due again for so long; its turn, if it comes, is earlier.
    pub async fn due_before(
        &self,
        lanes: &[(EndpointId, DateTime<Utc>)],
        most: i64,
    ) -> Result<Vec<(Due, String)>> {
        let (endpoints, before): (Vec<EndpointId>, Vec<DateTime<Utc>>) = lanes.iter().copied().unzip();
        let rows = sqlx::query_as!(
            DueRow,
            r#"-- due before
            SELECT d.id, d.task_id, d.queue_id, d.endpoint_id, d.due_at, d.first_due_at, d.expires_at, d.size, d.priority, d.attempts, d.purpose, d.replay_id, d.ordering_key
            FROM unnest($1::uuid[], $2::timestamptz[]) AS lane (endpoint_id, before)
            -- below 0 are those that are held
            CROSS JOIN generate_series(9, -10, -1) AS p (priority)
            CROSS JOIN LATERAL (
                SELECT * FROM deliveries
                WHERE purpose >= 0 AND endpoint_id = lane.endpoint_id AND priority = p.priority::smallint AND due_at < lane.before
                ORDER BY due_at, id LIMIT $3
            ) AS d
            LIMIT $3"#,
            &endpoints,
            &before,
            most
        )
        .fetch_all(&self.inner.hot)
        .await?;
        let found: Vec<Due> = rows.into_iter().map(DueRow::read).collect::<Result<_>>()?;
        let mut kinds = self.kinds(&found).await?;
        Ok(found
            .into_iter()
            .map(|due| {
                let kind = kinds.remove(&due.task_id).unwrap_or_default();
                (due, kind)
            })
            .collect())
    }

    async fn kinds(&self, due: &[Due]) -> Result<HashMap<TaskId, String>> {
        let mut ids: Vec<TaskId> = due.iter().map(|row| row.task_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let rows = sqlx::query!(
            "-- kinds\nSELECT id, type AS kind FROM tasks WHERE id = ANY($1) AND id BETWEEN $2 AND $3",
            &ids,
            ids.first(),
            ids.last()
        )
        .fetch_all(&self.inner.hot)
        .await?;
        Ok(rows.into_iter().map(|row| (row.id, row.kind)).collect())
    }
}
