//! The statements of an enqueue.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use proto::RetryPolicy;
use sqlx::types::Json;

use super::rows::{Kept, Rows};
use crate::{
    db::Queue,
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

/// The columns of the deliveries that are the same as their tasks'.
struct Copied {
    tasks: Vec<TaskId>,
    queues: Vec<QueueId>,
    due: Vec<DateTime<Utc>>,
    expires: Vec<Option<DateTime<Utc>>>,
    priorities: Vec<i16>,
    purposes: Vec<i16>,
    sizes: Vec<i32>,
}

impl Copied {
    fn of(rows: &Rows) -> Self {
        let size = |row: usize| i32::try_from(rows.payloads[row].len()).unwrap_or(i32::MAX);
        Self {
            tasks: each(rows, |row| rows.ids[row]),
            queues: each(rows, |row| rows.queues[row]),
            due: each(rows, |row| rows.due[row]),
            expires: each(rows, |row| rows.expires[row]),
            priorities: each(rows, |row| rows.priorities[row]),
            purposes: each(rows, |row| rows.purposes[row].code()),
            sizes: each(rows, size),
        }
    }
}

fn each<T>(rows: &Rows, of: impl Fn(usize) -> T) -> Vec<T> {
    rows.sent_of.iter().map(|row| of(*row)).collect()
}

impl Queue {
    /// Inserts tasks and deliveries in one statement; `None` if the catalog is not of this version any more, and nothing was inserted.
    pub(super) async fn insert(&self, version: i64, rows: &Rows) -> Result<Option<Kept>> {
        let payloads: Vec<&[u8]> = rows.payloads.iter().map(AsRef::as_ref).collect();
        let copied = Copied::of(rows);
        if rows.keys.iter().any(Option::is_some) {
            self.insert_with_keys(version, rows, &payloads, &copied).await
        } else {
            self.insert_plain(version, rows, &payloads, &copied).await
        }
    }

    async fn insert_plain(
        &self,
        version: i64,
        rows: &Rows,
        payloads: &[&[u8]],
        copied: &Copied,
    ) -> Result<Option<Kept>> {
        let done = sqlx::query!(
            r#"-- enqueue
            WITH guard AS (
                -- nothing is inserted unless the fan-out was made from the catalog as it is now
                SELECT FROM catalog WHERE version = $1
            ), stored AS (
                INSERT INTO tasks (id, queue_id, type, content_type, payload, headers, priority, due_at, expires_at, retry, fanout)
                SELECT t.* FROM guard, unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bytea[], $7::jsonb[], $8::smallint[],
                    $9::timestamptz[], $10::timestamptz[], $11::jsonb[], $12::int[]) AS t
            ), sent AS (
                INSERT INTO deliveries (id, task_id, queue_id, endpoint_id, due_at, expires_at, size, priority, purpose)
                SELECT d.* FROM guard, unnest($13::uuid[], $14::uuid[], $15::uuid[], $16::uuid[], $17::timestamptz[], $18::timestamptz[],
                    $19::int[], $20::smallint[], $21::smallint[]) AS d
            )
            SELECT EXISTS (SELECT FROM guard) AS "current!""#,
            version,
            &rows.ids,
            &rows.queues,
            &rows.kinds,
            &rows.content_types,
            payloads as &[&[u8]],
            &rows.headers as &[Option<Json<BTreeMap<String, String>>>],
            &rows.priorities,
            &rows.due,
            &rows.expires as &[Option<DateTime<Utc>>],
            &rows.retries as &[Option<Json<RetryPolicy>>],
            &rows.fanouts,
            &rows.sent_ids,
            &copied.tasks,
            &copied.queues,
            &rows.sent_endpoints,
            &copied.due,
            &copied.expires as &[Option<DateTime<Utc>>],
            &copied.sizes,
            &copied.priorities,
            &copied.purposes,
        )
        .fetch_one(&self.inner.hot)
        .await?;
        Ok(done.current.then_some(Kept::All))
    }

    async fn insert_with_keys(
        &self,
        version: i64,
        rows: &Rows,
        payloads: &[&[u8]],
        copied: &Copied,
    ) -> Result<Option<Kept>> {
        let fingerprints: Vec<Option<&[u8]>> = rows
            .fingerprints
            .iter()
            .map(|f| f.as_ref().map(<[u8; 32]>::as_slice))
            .collect();
        let window = self.inner.config.idempotency_window.as_secs_f64();
        let done = sqlx::query!(
            r#"-- enqueue with idempotency keys
            WITH guard AS (
                SELECT FROM catalog WHERE version = $1
            ), given AS MATERIALIZED (
                SELECT t.* FROM guard, unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bytea[], $7::jsonb[], $8::smallint[],
                    $9::timestamptz[], $10::timestamptz[], $11::jsonb[], $12::text[], $13::int[], $14::bytea[])
                    AS t (id, queue_id, type, content_type, payload, headers, priority, due_at, expires_at, retry, key, fanout, fingerprint)
            ), claimed AS (
                -- in the keys' order, so that two statements never wait for each other; an expired key is taken over
                INSERT INTO idempotency_keys AS k (queue_id, key, task_id, fanout, fingerprint, expires_at)
                SELECT queue_id, key, id, fanout, fingerprint, now() + make_interval(secs => $15)
                FROM given WHERE key IS NOT NULL ORDER BY queue_id, key
                ON CONFLICT (queue_id, key) DO UPDATE
                    SET task_id = excluded.task_id, fanout = excluded.fanout, fingerprint = excluded.fingerprint, expires_at = excluded.expires_at
                    WHERE k.expires_at <= now()
                RETURNING task_id
            ), stored AS (
                INSERT INTO tasks (id, queue_id, type, content_type, payload, headers, priority, due_at, expires_at, retry, idempotency_key, fanout)
                SELECT id, queue_id, type, content_type, payload, headers, priority, due_at, expires_at, retry, key, fanout
                FROM given WHERE key IS NULL OR id IN (SELECT task_id FROM claimed)
                RETURNING id
            ), sent AS (
                INSERT INTO deliveries (id, task_id, queue_id, endpoint_id, due_at, expires_at, size, priority, purpose)
                SELECT d.* FROM unnest($16::uuid[], $17::uuid[], $18::uuid[], $19::uuid[], $20::timestamptz[], $21::timestamptz[],
                    $22::int[], $23::smallint[], $24::smallint[])
                    AS d (id, task_id, queue_id, endpoint_id, due_at, expires_at, size, priority, purpose)
                WHERE d.task_id IN (SELECT id FROM stored)
            )
            SELECT EXISTS (SELECT FROM guard) AS "current!", ARRAY(SELECT id FROM stored) AS "stored!""#,
            version,
            &rows.ids,
            &rows.queues,
            &rows.kinds,
            &rows.content_types,
            payloads as &[&[u8]],
            &rows.headers as &[Option<Json<BTreeMap<String, String>>>],
            &rows.priorities,
            &rows.due,
            &rows.expires as &[Option<DateTime<Utc>>],
            &rows.retries as &[Option<Json<RetryPolicy>>],
            &rows.keys as &[Option<String>],
            &rows.fanouts,
            &fingerprints as &[Option<&[u8]>],
            window,
            &rows.sent_ids,
            &copied.tasks,
            &copied.queues,
            &rows.sent_endpoints,
            &copied.due,
            &copied.expires as &[Option<DateTime<Utc>>],
            &copied.sizes,
            &copied.priorities,
            &copied.purposes,
        )
        .fetch_one(&self.inner.hot)
        .await?;
        if !done.current {
            return Ok(None);
        }
        let stored: HashSet<TaskId> = done.stored.into_iter().collect();
        let lost: HashSet<_> = rows
            .ids
            .iter()
            .filter(|id| !stored.contains(id))
            .copied()
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
        let wanted: Vec<usize> = (0..rows.ids.len())
            .filter(|row| lost.contains(&rows.ids[*row]))
            .collect();
        let queues: Vec<QueueId> = wanted.iter().map(|row| rows.queues[*row]).collect();
        let keys: Vec<String> = wanted
            .iter()
            .map(|row| rows.keys[*row].clone().unwrap_or_default())
            .collect();
        let losers: Vec<TaskId> = wanted.iter().map(|row| rows.ids[*row]).collect();
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
