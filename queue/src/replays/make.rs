//! The deliveries of what a replay has found. Their tasks, and so the `webhook-id`, stay the same.

use chrono::{DateTime, Utc};
use proto::ReplaySource;
use sqlx::PgConnection;

use super::{Course, Made, Row};
use crate::{
    db::Queue,
    delivery::Purpose,
    error::Result,
    id::{self, DeliveryId},
};

/// The priority of what is replayed: below everything that is enqueued without saying so.
const PRIORITY: i16 = 0;

impl Queue {
    /// Makes the deliveries of these rows. Those whose task or endpoint is gone, or that wait already, are left out.
    pub(super) async fn make_replayed(
        &self,
        connection: &mut PgConnection,
        course: &Course,
        rows: &[&Row],
        now: DateTime<Utc>,
    ) -> Result<Vec<Made>> {
        let fresh: Vec<DeliveryId> =
            self.with_ids(|_, rng| rows.iter().map(|row| id::delivery_of(row.task_id, rng)).collect());
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        let slot = self.inner.depths.other().0;
        let purpose = Purpose::Replay(Some(course.job)).code();
        if course.source == ReplaySource::Dead {
            return Ok(sqlx::query_as!(
                Made,
                r#"-- replay: dead letters
                WITH taken AS (
                    DELETE FROM dead_letters l USING unnest($1::uuid[], $2::uuid[]) AS g (id, fresh)
                    WHERE l.id = g.id
                        AND EXISTS (SELECT FROM tasks t WHERE t.id = l.task_id)
                        AND NOT EXISTS (SELECT FROM expunged x WHERE x.task_id = l.task_id)
                        AND EXISTS (SELECT FROM endpoints e WHERE e.id = coalesce($3, l.endpoint_id) AND e.deleted_at IS NULL)
                    RETURNING g.fresh, l.task_id, l.queue_id, coalesce($3, l.endpoint_id) AS endpoint_id, l.type, l.size
                ), made AS (
                    INSERT INTO deliveries (id, task_id, queue_id, endpoint_id, due_at, size, priority, purpose, replay_id)
                    SELECT fresh, task_id, queue_id, endpoint_id, $4, size, $5, $6, $7 FROM taken
                ), counted AS (
                    INSERT INTO depths AS d (queue_id, slot, deliveries)
                    SELECT queue_id, $8, count(*) FROM taken GROUP BY queue_id ORDER BY queue_id
                    ON CONFLICT (queue_id, slot) DO UPDATE SET deliveries = d.deliveries + excluded.deliveries
                )
                SELECT fresh AS "delivery!", task_id AS "task!", queue_id AS "queue!", endpoint_id AS "endpoint!", type AS "kind!" FROM taken"#,
                &ids,
                &fresh,
                course.target,
                now,
                PRIORITY,
                purpose,
                course.job,
                slot
            )
            .fetch_all(connection)
            .await?);
        }
        let tasks: Vec<_> = rows.iter().map(|row| row.task_id).collect();
        let endpoints: Vec<_> = rows
            .iter()
            .map(|row| course.target.unwrap_or(row.endpoint_id))
            .collect();
        let (from, to): (Vec<_>, Vec<_>) = tasks.iter().map(|task| id::deliveries_of(*task)).unzip();
        Ok(sqlx::query_as!(
            Made,
            r#"-- replay: tasks
            WITH found AS (
                SELECT g.fresh, t.id, t.queue_id, g.endpoint_id, t.type, length(t.payload) AS size
                FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[]) AS g (fresh, task_id, endpoint_id, lo, hi)
                JOIN tasks t ON t.id = g.task_id
                WHERE EXISTS (SELECT FROM endpoints e WHERE e.id = g.endpoint_id AND e.deleted_at IS NULL)
                    AND NOT EXISTS (SELECT FROM expunged x WHERE x.task_id = t.id)
                    AND NOT EXISTS (
                        SELECT FROM deliveries d WHERE d.id BETWEEN g.lo AND g.hi AND d.task_id = g.task_id AND d.endpoint_id = g.endpoint_id
                    )
            ), made AS (
                INSERT INTO deliveries (id, task_id, queue_id, endpoint_id, due_at, size, priority, purpose, replay_id)
                SELECT fresh, id, queue_id, endpoint_id, $6, size, $7, $8, $9 FROM found
            ), counted AS (
                INSERT INTO depths AS d (queue_id, slot, deliveries)
                SELECT queue_id, $10, count(*) FROM found GROUP BY queue_id ORDER BY queue_id
                ON CONFLICT (queue_id, slot) DO UPDATE SET deliveries = d.deliveries + excluded.deliveries
            )
            SELECT fresh AS "delivery!", id AS "task!", queue_id AS "queue!", endpoint_id AS "endpoint!", type AS "kind!" FROM found"#,
            &fresh,
            &tasks,
            &endpoints,
            &from,
            &to,
            now,
            PRIORITY,
            purpose,
            course.job,
            slot
        )
        .fetch_all(connection)
        .await?)
    }
}
