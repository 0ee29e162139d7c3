//! Load: what a lane reads of the deliveries that wait in the database. Reads only; nothing is claimed, because a shard has one owner.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use sqlx::types::Json;
use uuid::Uuid;

use crate::{
    db::Queue,
    delivery::{Delivery, Purpose},
    error::{Error, Result},
    id::{DeliveryId, EndpointId, QueueId, TaskId},
    ordering::{self, Found},
    task::{Content, DEFAULT_PRIORITY},
};

/// How many priorities a lane reads: those of tasks, 0 to 9, and [`TEST_PRIORITY`].
pub const PRIORITIES: usize = 11;

/// The priority of test-sends, beyond every task's: a lane that is paused reads nothing else.
pub const TEST_PRIORITY: u8 = 10;

/// How much waiting a step of priority is worth where a lane chooses what goes next. So the lowest priority waits at most 9 times as long
/// more than the highest.
pub const PRIORITY_STEP: Duration = Duration::from_secs(30);

/// Where a lane's reading has come to, for each priority: the due time and id of the last row that it took or knew.
///
/// Going on from there spares walking over the index entries of rows that were delivered and deleted but not yet vacuumed away. A row that
/// commits late can lie behind it: so a lane begins from the start again when it has come to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(pub [Option<(DateTime<Utc>, DeliveryId)>; PRIORITIES]);

impl Cursor {
    /// Before every row.
    pub const START: Self = Self([None; PRIORITIES]);

    /// Moves past a row.
    pub fn pass(&mut self, row: &Due) {
        let at = &mut self.0[usize::from(row.priority).min(PRIORITIES - 1)];
        *at = (*at).max(Some((row.due_at, row.id)));
    }
}

/// One lane's wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// Whose deliveries.
    pub endpoint_id: EndpointId,
    /// From where on.
    pub cursor: Cursor,
    /// Most rows of each priority.
    pub limit: u32,
    /// Only test-sends: the endpoint is paused or disabled.
    pub tests_only: bool,
}

/// A delivery that is due, before its task is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Its id.
    pub id: DeliveryId,
    /// Its task.
    pub task_id: TaskId,
    /// Its queue.
    pub queue_id: QueueId,
    /// Its endpoint.
    pub endpoint_id: EndpointId,
    /// When it was due.
    pub due_at: DateTime<Utc>,
    /// When it was due at first: what its age is counted from.
    pub since: DateTime<Utc>,
    /// When sending it makes no more sense.
    pub expires_at: Option<DateTime<Utc>>,
    /// Bytes of the payload.
    pub size: usize,
    /// 0 to 9, 9 goes first.
    pub priority: u8,
    /// Attempts made so far.
    pub attempts: u32,
    /// Why it exists.
    pub purpose: Purpose,
    /// What it is in order with.
    pub ordering_key: Option<String>,
}

/// A delivery as its row has it.
pub(crate) struct DueRow {
    pub(crate) id: DeliveryId,
    pub(crate) task_id: TaskId,
    pub(crate) queue_id: QueueId,
    pub(crate) endpoint_id: EndpointId,
    pub(crate) due_at: DateTime<Utc>,
    pub(crate) first_due_at: Option<DateTime<Utc>>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) size: i32,
    pub(crate) priority: i16,
    pub(crate) attempts: i16,
    pub(crate) purpose: i16,
    pub(crate) replay_id: Option<Uuid>,
    pub(crate) ordering_key: Option<String>,
}

impl DueRow {
    pub(crate) fn read(self) -> Result<Due> {
        Ok(Due {
            id: self.id,
            task_id: self.task_id,
            queue_id: self.queue_id,
            endpoint_id: self.endpoint_id,
            due_at: self.due_at,
            since: self.first_due_at.unwrap_or(self.due_at),
            expires_at: self.expires_at,
            size: usize::try_from(self.size).unwrap_or(0),
            priority: u8::try_from(ordering::own(self.priority)).unwrap_or(DEFAULT_PRIORITY),
            attempts: u32::try_from(self.attempts).unwrap_or(0),
            purpose: Purpose::of(self.purpose, self.replay_id)
                .ok_or_else(|| Error::corrupt("deliveries", "purpose", self.id, self.purpose))?,
            ordering_key: self.ordering_key,
        })
    }
}

impl Queue {
    /// The due deliveries of several lanes, in one statement. For each lane and priority the oldest first; never touches one not due.
    pub async fn due(&self, pages: &[PageRequest], now: DateTime<Utc>) -> Result<Vec<Due>> {
        let (mut endpoints, mut priorities, mut limits) = (vec![], vec![], vec![]);
        let (mut after_due, mut after_id) = (vec![], vec![]);
        for page in pages {
            let lowest = if page.tests_only {
                usize::from(TEST_PRIORITY)
            } else {
                0
            };
            for priority in (lowest..PRIORITIES).rev() {
                let (due, id) = page.cursor.0[priority].unwrap_or((DateTime::UNIX_EPOCH, DeliveryId::nil()));
                endpoints.push(page.endpoint_id);
                priorities.push(i16::try_from(priority).unwrap_or(0));
                limits.push(i64::from(page.limit));
                after_due.push(due);
                after_id.push(id);
            }
        }
        let rows = sqlx::query_as!(
            DueRow,
            r#"-- due
            SELECT d.id, d.task_id, d.queue_id, d.endpoint_id, d.due_at, d.first_due_at, d.expires_at, d.size, d.priority, d.attempts, d.purpose, d.replay_id, d.ordering_key
            FROM unnest($1::uuid[], $2::smallint[], $3::bigint[], $4::timestamptz[], $5::uuid[])
                AS page (endpoint_id, priority, most, after_due, after_id)
            CROSS JOIN LATERAL (
                SELECT * FROM deliveries
                WHERE purpose >= 0 AND endpoint_id = page.endpoint_id AND priority = page.priority
                    AND due_at <= $6 AND (due_at, id) > (page.after_due, page.after_id)
                ORDER BY due_at, id
                LIMIT page.most
            ) AS d"#,
            &endpoints,
            &priorities,
            &limits,
            &after_due,
            &after_id,
            now
        )
        .fetch_all(&self.inner.hot)
        .await?;
        rows.into_iter().map(DueRow::read).collect()
    }

    /// Reads the tasks of due deliveries and makes them ready to push. A delivery whose task is gone is left out, and named in the second list.
    pub async fn load(&self, due: Vec<Due>) -> Result<(Vec<Delivery>, Vec<Due>)> {
        let mut ids: Vec<TaskId> = due.iter().map(|row| row.task_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let rows = sqlx::query!(
            r#"-- load
            SELECT id, queue_id, type AS kind, content_type, payload,
                headers AS "headers: Json<std::collections::BTreeMap<String, String>>", retry AS "retry: Json<proto::RetryPolicy>"
            -- the bounds leave out the other days' partitions, each of which would be probed for every id
            FROM tasks WHERE id = ANY($1) AND id BETWEEN $2 AND $3"#,
            &ids,
            ids.first(),
            ids.last()
        )
        .fetch_all(&self.inner.hot)
        .await?;
        let contents: HashMap<TaskId, Arc<Content>> = rows
            .into_iter()
            .map(|row| {
                let content = Content {
                    id: row.id,
                    queue_id: row.queue_id,
                    kind: row.kind,
                    content_type: row.content_type,
                    payload: Bytes::from(row.payload),
                    headers: row.headers.map(|h| h.0).unwrap_or_default(),
                    retry: row.retry.map(|r| r.0),
                };
                (row.id, Arc::new(content))
            })
            .collect();
        let (mut ready, mut gone) = (Vec::with_capacity(due.len()), vec![]);
        for row in due {
            let Some(content) = contents.get(&row.task_id) else {
                gone.push(row);
                continue;
            };
            ready.push(Delivery {
                id: row.id,
                endpoint_id: row.endpoint_id,
                content: content.clone(),
                due_at: row.due_at,
                since: row.since,
                expires_at: row.expires_at,
                priority: row.priority,
                attempts: row.attempts,
                purpose: row.purpose,
                ordering_key: row.ordering_key.map(Arc::from),
            });
        }
        Ok((ready, gone))
    }

    /// For each endpoint of these shards that has deliveries: when its earliest is due, and whether some are held. A loose index scan: one step for each endpoint and
    /// priority that has any, however many rows it has.
    pub async fn discover(&self, shards: &[u8]) -> Result<Vec<Found>> {
        let wanted: std::collections::HashSet<u8> = shards.iter().copied().collect();
        let rows = sqlx::query!(
            r#"-- discover
            WITH RECURSIVE step AS (
                (SELECT endpoint_id, priority, due_at FROM deliveries WHERE purpose >= 0 ORDER BY endpoint_id, priority, due_at LIMIT 1)
                UNION ALL
                SELECT next.* FROM step CROSS JOIN LATERAL (
                    SELECT d.endpoint_id, d.priority, d.due_at FROM deliveries d
                    WHERE d.purpose >= 0 AND (d.endpoint_id, d.priority) > (step.endpoint_id, step.priority)
                    ORDER BY d.endpoint_id, d.priority, d.due_at
                    LIMIT 1
                ) AS next
            )
            SELECT endpoint_id AS "endpoint_id!", min(due_at) FILTER (WHERE priority >= 0) AS due_at, bool_or(priority < 0) AS "held!"
            FROM step GROUP BY endpoint_id"#
        )
        .fetch_all(&self.inner.hot)
        .await?;
        let ours = rows
            .into_iter()
            .filter(|row| wanted.contains(&crate::endpoint::shard_of(row.endpoint_id)));
        let found = ours.map(|row| Found {
            endpoint_id: row.endpoint_id,
            due_at: row.due_at,
            held: row.held,
        });
        Ok(found.collect())
    }

    /// When the earliest delivery of each of these endpoints is due that is not due yet; those with none are left out.
    pub async fn next_due(
        &self,
        endpoints: &[EndpointId],
        now: DateTime<Utc>,
    ) -> Result<Vec<(EndpointId, DateTime<Utc>)>> {
        let rows = sqlx::query!(
            r#"-- next due
            SELECT e.id AS "endpoint_id!", min(d.due_at) AS "due_at!"
            FROM unnest($1::uuid[]) AS e (id) CROSS JOIN generate_series(0, 10) AS p (priority)
            CROSS JOIN LATERAL (
                SELECT due_at FROM deliveries
                WHERE purpose >= 0 AND endpoint_id = e.id AND priority = p.priority::smallint AND due_at > $2
                ORDER BY due_at, id LIMIT 1
            ) AS d
            GROUP BY e.id"#,
            endpoints,
            now
        )
        .fetch_all(&self.inner.hot)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| (row.endpoint_id, row.due_at))
            .collect())
    }
}
