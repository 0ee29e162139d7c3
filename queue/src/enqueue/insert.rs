//! The statements of an enqueue.

use std::collections::{HashMap, HashSet};

use super::{
    rows::{Kept, Rows, TaskRow},
    wire::{NewDelivery, NewTask},
};
use crate::{
    db::Queue,
    depth::Slot,
    error::{Error, Result},
    id::{QueueId, TaskId},
    listen,
};

/// The task that had an idempotency key first.
pub(super) struct First {
    pub(super) task_id: TaskId,
    pub(super) fanout: u32,
    pub(super) fingerprint: [u8; 32],
}

impl Queue {
    /// Inserts tasks and deliveries in one statement; `None` if the catalog is not of this version any more, and nothing was inserted.
    pub(super) async fn insert(&self, version: i64, rows: &Rows, slot: Slot) -> Result<Option<Kept>> {
        if rows.tasks.iter().any(|task| task.idempotency_key.is_some()) {
            self.insert_with_keys(version, rows, slot).await
        } else {
            self.insert_plain(version, rows, slot).await
        }
    }

    async fn insert_plain(&self, version: i64, rows: &Rows, slot: Slot) -> Result<Option<Kept>> {
        let (queues, deeper): (Vec<QueueId>, Vec<i64>) = rows.deeper(&Kept::All).into_iter().unzip();
        let done = sqlx::query!(
            r#"-- enqueue
            WITH guard AS (
                -- nothing is inserted unless the fan-out was made from the catalog as it is now
                SELECT FROM catalog WHERE version = $1
            ), stored AS (
                INSERT INTO tasks (id, queue_id, type, content_type, payload, headers, priority, due_at, expires_at, retry, fanout)
                SELECT id, queue_id, type, content_type, payload, headers, priority, due_at, expires_at, retry, fanout
                FROM guard, unnest($2::new_task[])
            ), sent AS (
                INSERT INTO deliveries (id, task_id, queue_id, endpoint_id, due_at, expires_at, size, priority, purpose, ordering_key)
                SELECT d.* FROM guard, unnest($3::new_delivery_in_order[]) AS d
            ), counted AS (
                -- in the queues' order, so that two statements never wait for each other in a circle
                INSERT INTO depths AS d (queue_id, slot, deliveries)
                SELECT q.id, $4, q.deliveries FROM guard, unnest($5::uuid[], $6::bigint[]) AS q (id, deliveries) ORDER BY q.id
                ON CONFLICT (queue_id, slot) DO UPDATE SET deliveries = d.deliveries + excluded.deliveries
            )
            SELECT EXISTS (SELECT FROM guard) AS "current!""#,
            version,
            &rows.new_tasks() as &[NewTask<'_>],
            &rows.new_deliveries() as &[NewDelivery<'_>],
            slot.0,
            &queues,
            &deeper,
        )
        .fetch_one(&self.inner.hot)
        .await?;
        Ok(done.current.then_some(Kept::All))
    }

    async fn insert_with_keys(&self, version: i64, rows: &Rows, slot: Slot) -> Result<Option<Kept>> {
        let window = self.inner.config.idempotency_window.as_secs_f64();
        let done = sqlx::query!(
            r#"-- enqueue with idempotency keys
            WITH guard AS (
                SELECT FROM catalog WHERE version = $1
            ), given AS MATERIALIZED (
                SELECT t.* FROM guard, unnest($2::new_task[]) AS t
            ), claimed AS (
                -- in the keys' order, so that two statements never wait for each other; an expired key is taken over
                INSERT INTO idempotency_keys AS k (queue_id, key, task_id, fanout, fingerprint, expires_at)
                SELECT queue_id, idempotency_key, id, fanout, fingerprint, now() + make_interval(secs => $3)
                FROM given WHERE idempotency_key IS NOT NULL ORDER BY queue_id, idempotency_key
                ON CONFLICT (queue_id, key) DO UPDATE
                    SET task_id = excluded.task_id, fanout = excluded.fanout, fingerprint = excluded.fingerprint, expires_at = excluded.expires_at
                    WHERE k.expires_at <= now()
                RETURNING task_id
            ), stored AS (
                INSERT INTO tasks (id, queue_id, type, content_type, payload, headers, priority, due_at, expires_at, retry, idempotency_key, fanout)
                SELECT id, queue_id, type, content_type, payload, headers, priority, due_at, expires_at, retry, idempotency_key, fanout
                FROM given WHERE idempotency_key IS NULL OR id IN (SELECT task_id FROM claimed)
                RETURNING id
            ), sent AS (
                INSERT INTO deliveries (id, task_id, queue_id, endpoint_id, due_at, expires_at, size, priority, purpose, ordering_key)
                SELECT d.* FROM unnest($4::new_delivery_in_order[]) AS d WHERE d.task_id IN (SELECT id FROM stored)
                RETURNING queue_id
            ), counted AS (
                INSERT INTO depths AS d (queue_id, slot, deliveries)
                SELECT queue_id, $5, count(*) FROM sent GROUP BY queue_id ORDER BY queue_id
                ON CONFLICT (queue_id, slot) DO UPDATE SET deliveries = d.deliveries + excluded.deliveries
            )
            SELECT EXISTS (SELECT FROM guard) AS "current!", ARRAY(SELECT id FROM stored) AS "stored!""#,
            version,
            &rows.new_tasks() as &[NewTask<'_>],
            window,
            &rows.new_deliveries() as &[NewDelivery<'_>],
            slot.0,
        )
        .fetch_one(&self.inner.hot)
        .await?;
        if !done.current {
            return Ok(None);
        }
        let stored: HashSet<TaskId> = done.stored.into_iter().collect();
        let lost: HashSet<_> = rows
            .tasks
            .iter()
            .map(TaskRow::id)
            .filter(|id| !stored.contains(id))
            .collect();
        Ok(Some(if lost.is_empty() {
            Kept::All
        } else {
            Kept::AllBut(lost)
        }))
    }

    /// For each task that lost its idempotency key: the task that has it. Keyed by the loser's id.
    pub(super) async fn firsts(&self, rows: &Rows, kept: &Kept) -> Result<HashMap<TaskId, First>> {
        let Kept::AllBut(lost) = kept else {
            return Ok(HashMap::new());
        };
        let wanted: Vec<&TaskRow> = rows
            .tasks
            .iter()
            .filter(|task| lost.contains(&task.id()))
            .collect();
        let queues: Vec<QueueId> = wanted.iter().map(|task| task.content.queue_id).collect();
        let keys: Vec<String> = wanted
            .iter()
            .map(|task| task.idempotency_key.clone().unwrap_or_default())
            .collect();
        let losers: Vec<TaskId> = wanted.iter().map(|task| task.id()).collect();
        let found = sqlx::query!(
            r#"-- who has the idempotency keys
            SELECT g.loser AS "loser!", k.task_id, k.fanout, k.fingerprint
            FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS g (queue_id, key, loser)
            JOIN idempotency_keys k ON k.queue_id = g.queue_id AND k.key = g.key"#,
            &queues,
            &keys,
            &losers
        )
        .fetch_all(&self.inner.hot)
        .await?;
        let mut firsts = HashMap::new();
        for row in found {
            let fingerprint = row.fingerprint.as_slice().try_into().map_err(|_| {
                Error::corrupt("idempotency_keys", "fingerprint", row.task_id, "not 32 bytes")
            })?;
            let first = First {
                task_id: row.task_id,
                fanout: u32::try_from(row.fanout).unwrap_or(0),
                fingerprint,
            };
            firsts.insert(row.loser, first);
        }
        if firsts.len() < losers.len() {
            // Swept away between the two statements: the next try has it to itself.
            return Err(Error::Unavailable(
                "an idempotency key expired in this very moment".into(),
            ));
        }
        Ok(firsts)
    }

    /// Tells the nodes that push for these shards that there is work: one notification, whatever the number of deliveries.
    pub(crate) async fn notify_work(&self, mut shards: Vec<u8>) -> Result<()> {
        shards.sort_unstable();
        shards.dedup();
        sqlx::query!(
            "-- notify\nSELECT pg_notify($1, $2)",
            listen::WORK,
            listen::shards_to_text(&shards)
        )
        .execute(&self.inner.hot)
        .await?;
        Ok(())
    }
}
