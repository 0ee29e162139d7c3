//! One task once more, whatever became of it: new deliveries to the endpoints that it went to, or to one that is named.

use chrono::{DateTime, Utc};
use proto::{ReplayedTo, TaskReplayed};
use sqlx::PgConnection;

use super::Made;
use crate::{
    audit::{Action, Deed},
    db::Queue,
    delivery::Purpose,
    error::{Error, Result},
    id::{self, DeliveryId, EndpointId, TaskId},
    rights::Reach,
};

impl Queue {
    /// Makes a new delivery of a task to each endpoint that it went to and that is still there, or to `to` alone: to none of a queue that does not
    /// lie within `reach`. Where one waits already, none is made; where one was given up, its dead letter goes. The task, and so the `webhook-id`,
    /// stays the same. Nothing to be made is a conflict.
    pub async fn replay_task(
        &self,
        reach: &Reach,
        task: TaskId,
        to: Option<EndpointId>,
        now: DateTime<Utc>,
    ) -> Result<TaskReplayed> {
        let queue = self.queue_of_task(task).await?;
        let mut queues = vec![self.catalog().snapshot().queue_name(queue)];
        if let Some(to) = to {
            queues.push(self.find_endpoint(to).await?.queue.clone());
            queues.dedup();
        }
        let refused = |why: String| Error::Conflict(format!("this task cannot be replayed: {why}"));
        self.expect_content(task, queue, now)
            .await
            .map_err(|error| match error {
                Error::Conflict(why) => refused(why),
                other => other,
            })?;
        let mut tx = self.inner.hot.begin().await?;
        // Whoever replays it as well comes after, and sees what was made here.
        let kept = sqlx::query_scalar!(
            r#"-- replay task: lock
            SELECT true AS "kept!" FROM tasks WHERE id = $1 FOR NO KEY UPDATE"#,
            task
        )
        .fetch_optional(&mut *tx)
        .await?;
        if kept.is_none() {
            return Err(refused("its payload is gone".to_owned()));
        }
        let endpoints = match to {
            Some(to) => vec![to],
            None => endpoints_of(&mut tx, task).await?,
        };
        let made = self.make_once_more(&mut tx, reach, task, &endpoints, now).await?;
        if made.is_empty() {
            let waiting = waiting_for(&mut tx, task, &endpoints).await?;
            return Err(refused(why_none(endpoints.len(), waiting).to_owned()));
        }
        let deed = Deed {
            action: Action::TaskReplayed,
            subject: task.to_string(),
            endpoint: to,
            queues: &queues,
        };
        self.audit(&mut tx, deed, now).await?;
        tx.commit().await?;
        self.tell_replayed(&made, now).await;
        let deliveries = made.into_iter().map(|one| ReplayedTo {
            delivery: one.delivery,
            endpoint: one.endpoint,
        });
        Ok(TaskReplayed {
            task,
            deliveries: deliveries.collect(),
        })
    }

    async fn make_once_more(
        &self,
        connection: &mut PgConnection,
        reach: &Reach,
        task: TaskId,
        endpoints: &[EndpointId],
        now: DateTime<Utc>,
    ) -> Result<Vec<Made>> {
        let fresh: Vec<DeliveryId> =
            self.with_ids(|_, rng| endpoints.iter().map(|_| id::delivery_of(task, rng)).collect());
        let (from, to) = id::deliveries_of(task);
        Ok(sqlx::query_as!(
            Made,
            r#"-- replay task
            WITH found AS (
                SELECT g.fresh, t.id, t.queue_id, g.endpoint_id, t.type, length(t.payload) AS size, t.priority
                FROM unnest($2::uuid[], $3::uuid[]) AS g (fresh, endpoint_id) JOIN tasks t ON t.id = $1
                WHERE EXISTS (
                        SELECT FROM endpoints e WHERE e.id = g.endpoint_id AND e.deleted_at IS NULL
                            -- it may have been sent on to another queue's
                            AND ($9::text[] IS NULL OR (SELECT q.name FROM queues q WHERE q.id = e.queue_id) LIKE ANY ($9))
                    )
                    AND NOT EXISTS (SELECT FROM expunged x WHERE x.task_id = $1)
                    AND NOT EXISTS (
                        SELECT FROM deliveries d WHERE d.id BETWEEN $4 AND $5 AND d.task_id = $1 AND d.endpoint_id = g.endpoint_id
                    )
            ), taken AS (
                DELETE FROM dead_letters l USING found WHERE l.id BETWEEN $4 AND $5 AND l.task_id = $1 AND l.endpoint_id = found.endpoint_id
            ), made AS (
                INSERT INTO deliveries (id, task_id, queue_id, endpoint_id, due_at, size, priority, purpose)
                SELECT fresh, id, queue_id, endpoint_id, $6, size, priority, $7 FROM found
            ), counted AS (
                INSERT INTO depths AS d (queue_id, slot, deliveries)
                SELECT queue_id, $8, count(*) FROM found GROUP BY queue_id
                ON CONFLICT (queue_id, slot) DO UPDATE SET deliveries = d.deliveries + excluded.deliveries
            )
            SELECT fresh AS "delivery!", id AS "task!", queue_id AS "queue!", endpoint_id AS "endpoint!", type AS "kind!" FROM found"#,
            task,
            &fresh,
            endpoints,
            from,
            to,
            now,
            Purpose::Replay(None).code(),
            self.inner.depths.other().0,
            reach.likes() as _
        )
        .fetch_all(connection)
        .await?)
    }
}

/// The endpoints that a task went to, or is to go to, as far as that is kept.
async fn endpoints_of(connection: &mut PgConnection, task: TaskId) -> Result<Vec<EndpointId>> {
    let (from, to) = id::deliveries_of(task);
    Ok(sqlx::query_scalar!(
        r#"-- replay task: endpoints
        SELECT endpoint_id AS "endpoint_id!" FROM deliveries WHERE id BETWEEN $2 AND $3 AND task_id = $1
        UNION SELECT endpoint_id FROM dead_letters WHERE id BETWEEN $2 AND $3 AND task_id = $1
        UNION SELECT endpoint_id FROM attempts WHERE delivery_id BETWEEN $2 AND $3 AND task_id = $1
        ORDER BY 1"#,
        task,
        from,
        to
    )
    .fetch_all(connection)
    .await?)
}

/// Whether a delivery of a task waits for one of these endpoints.
async fn waiting_for(connection: &mut PgConnection, task: TaskId, endpoints: &[EndpointId]) -> Result<bool> {
    let (from, to) = id::deliveries_of(task);
    Ok(sqlx::query_scalar!(
        r#"-- replay task: waits
        SELECT EXISTS (
            SELECT FROM deliveries WHERE id BETWEEN $2 AND $3 AND task_id = $1 AND endpoint_id = ANY($4)
        ) AS "waits!""#,
        task,
        from,
        to,
        endpoints
    )
    .fetch_one(connection)
    .await?)
}

/// Why nothing was made for any of so many endpoints; `waits`: for one of them something waits.
fn why_none(endpoints: usize, waits: bool) -> &'static str {
    match (endpoints, waits) {
        (0, _) => "no endpoint is known that it went to: name one as `endpoint`",
        (_, true) => "it is on its way already",
        (_, false) => "the endpoints that it went to are gone: name another as `endpoint`",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_gets_nothing_is_told_what_to_do() {
        assert!(why_none(0, false).contains("name one"));
        assert!(why_none(2, true).contains("already"));
        assert!(why_none(2, false).contains("name another"));
    }
}
