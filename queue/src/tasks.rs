//! Tasks and their deliveries, read and listed.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use proto::{DeliveryState, Payload, RetryPolicy, TaskState};
use sqlx::types::Json;

use crate::{
    db::Queue,
    error::{Error, Problems, Result},
    glob,
    id::{self, DeliveryId, QueueId, TaskId},
    verdict::plain_reason,
};

/// Which tasks are meant.
#[derive(Debug, Clone, Default)]
pub struct TaskFilter {
    /// The queue's name.
    pub queue: String,
    /// A glob of types.
    pub kind: Option<String>,
    /// Where they are.
    pub state: Option<TaskState>,
    /// Enqueued at or after.
    pub since: Option<DateTime<Utc>>,
    /// Enqueued before.
    pub until: Option<DateTime<Utc>>,
}

/// A page of tasks. With a filter on the state it can hold fewer than asked although more follow.
#[derive(Debug)]
pub struct TaskPage {
    /// The tasks, newest first, without payloads.
    pub tasks: Vec<proto::Task>,
    /// Where to go on; `None` at the end.
    pub next: Option<TaskId>,
}

/// Tasks looked at for one page: what bounds the time of a filter that hardly any task meets.
const LOOKED_AT: usize = 5_000;

/// How long a task may be on its way to its first trace.
const SETTLED: TimeDelta = TimeDelta::minutes(5);

/// Tasks of one statement while looking.
const CHUNK: i64 = 500;

struct Row {
    id: TaskId,
    queue_id: uuid::Uuid,
    kind: String,
    content_type: String,
    size: i32,
    headers: Option<Json<std::collections::BTreeMap<String, String>>>,
    priority: i16,
    due_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    retry: Option<Json<RetryPolicy>>,
    idempotency_key: Option<String>,
    fanout: i32,
}

/// What is there of a task's deliveries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "seven independent facts, as the statement reports them"
)]
struct Facts {
    /// When its content was expunged.
    expunged_at: Option<DateTime<Utc>>,
    retrying: bool,
    due: bool,
    later: bool,
    letter: bool,
    delivered: bool,
    dead: bool,
    cancelled: bool,
}

impl Facts {
    /// Whether something is still to be sent, or may be replayed: then its content stays, however old it is.
    fn is_needed(self) -> bool {
        self.retrying || self.due || self.later || self.letter
    }
}

/// Where a task is: the first state in [`TaskState`]'s order that holds for any of its deliveries. One that was just enqueued and has
/// left no trace yet that this statement saw counts as pending; one whose traces are kept no longer (`forgotten`) has ended.
fn state_of(facts: Facts, fanout: i32, forgotten: bool) -> TaskState {
    match facts {
        Facts { retrying: true, .. } => TaskState::Retrying,
        Facts { due: true, .. } => TaskState::Pending,
        Facts { later: true, .. } => TaskState::Scheduled,
        Facts { letter: true, .. } => TaskState::Dead,
        Facts { cancelled: true, .. } => TaskState::Cancelled,
        Facts { delivered: true, .. } => TaskState::Delivered,
        Facts { dead: true, .. } => TaskState::Dead,
        _ if fanout == 0 => TaskState::Unmatched,
        _ if forgotten => TaskState::Ended,
        _ => TaskState::Pending,
    }
}

impl Queue {
    /// Reads a task with its payload.
    pub async fn read_task(&self, id: TaskId, now: DateTime<Utc>) -> Result<proto::Task> {
        let row = sqlx::query_as!(
            Row,
            r#"-- read task
            SELECT id, queue_id, type AS kind, content_type, length(payload) AS "size!",
                headers AS "headers: Json<std::collections::BTreeMap<String, String>>", priority, due_at, expires_at,
                retry AS "retry: Json<RetryPolicy>", idempotency_key, fanout
            FROM tasks WHERE id = $1"#,
            id
        )
        .fetch_optional(&self.inner.pool)
        .await?
        .ok_or_else(|| no_task(id))?;
        let facts = self.facts(&[id], now).await?;
        let queue_id = row.queue_id;
        let mut task = self.show(row, &facts, now);
        if task.expired || task.expunged_at.is_some() {
            return Ok(task);
        }
        let (_, payload, _) = self.stored_payload(id).await?;
        let payload = self.redacted(queue_id, payload);
        task.payload = Some(match String::from_utf8(payload) {
            Ok(text) => Payload::Text(text),
            Err(error) => {
                use base64::{Engine, engine::general_purpose::STANDARD};
                Payload::Base64(STANDARD.encode(error.as_bytes()))
            }
        });
        Ok(task)
    }

    /// The queue that a task was enqueued to. It is known while the task itself is kept, or an attempt of it.
    pub async fn queue_of_task(&self, id: TaskId) -> Result<QueueId> {
        let (from, to) = id::deliveries_of(id);
        let queue = sqlx::query_scalar!(
            r#"-- queue of task
            SELECT coalesce(
                (SELECT queue_id FROM tasks WHERE id = $1),
                (SELECT queue_id FROM attempts WHERE delivery_id BETWEEN $2 AND $3 AND task_id = $1 LIMIT 1)
            ) AS queue_id"#,
            id,
            from,
            to
        )
        .fetch_one(&self.inner.pool)
        .await?;
        queue.ok_or_else(|| no_task(id))
    }

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

    /// Reads a task's payload as it is sent, except for what its queue redacts: its media type and its bytes. One that is gone is a conflict.
    pub async fn read_payload(&self, id: TaskId, now: DateTime<Utc>) -> Result<(String, Vec<u8>)> {
        let (content_type, payload, queue_id) = self.stored_payload(id).await?;
        let facts = self.facts(&[id], now).await?.remove(&id).unwrap_or_default();
        if facts.expunged_at.is_some() {
            return Err(Error::Conflict("its content was expunged".to_owned()));
        }
        let retention = self.catalog().snapshot().retention(queue_id);
        if retention.is_expired(id, now) && !facts.is_needed() {
            return Err(Error::Conflict(format!(
                "its payload has expired: the queue keeps payloads for {} (settings.retention.payloads)",
                retention.payloads
            )));
        }
        Ok((content_type, self.redacted(queue_id, payload)))
    }

    /// What is shown of bytes that went through a queue.
    pub(crate) fn redacted(&self, queue: QueueId, bytes: Vec<u8>) -> Vec<u8> {
        let snapshot = self.catalog().snapshot();
        let redaction = snapshot.redactions.get(&queue);
        redaction
            .and_then(|redaction| redaction.apply(&bytes, self.inner.vault.redaction_key()))
            .unwrap_or(bytes)
    }

    async fn stored_payload(&self, id: TaskId) -> Result<(String, Vec<u8>, QueueId)> {
        let row = sqlx::query!(
            "-- read payload\nSELECT content_type, payload, queue_id FROM tasks WHERE id = $1",
            id
        )
        .fetch_optional(&self.inner.pool)
        .await?
        .ok_or_else(|| no_task(id))?;
        Ok((row.content_type, row.payload, row.queue_id))
    }

    /// Lists the tasks that a filter means, newest first, those before `before`, at most `limit`.
    pub async fn list_tasks(
        &self,
        filter: &TaskFilter,
        before: Option<TaskId>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<TaskPage> {
        let mut problems = Problems::default();
        problems.require(
            filter.kind.as_deref().is_none_or(glob::is_valid),
            "type",
            "a glob such as `invoice.*`",
        );
        problems.finish()?;
        let queue = self.find_queue(&filter.queue).await?.id;
        let like = filter.kind.as_deref().map(glob::to_like);
        let from = filter.since.map_or(TaskId::nil(), id::floor);
        let mut until = filter
            .until
            .map_or(TaskId::max(), id::floor)
            .min(before.unwrap_or(TaskId::max()));
        let (mut tasks, mut looked_at) = (Vec::new(), 0);
        loop {
            let rows = match filter.state {
                Some(TaskState::Scheduled | TaskState::Pending | TaskState::Retrying) => {
                    self.waiting_tasks(queue, like.as_deref(), from, until).await?
                }
                _ => self.some_tasks(queue, like.as_deref(), from, until).await?,
            };
            let at_end = rows.len() < usize::try_from(CHUNK).unwrap_or(usize::MAX);
            let ids: Vec<TaskId> = rows.iter().map(|row| row.id).collect();
            let facts = self.facts(&ids, now).await?;
            looked_at += rows.len();
            for row in rows {
                until = row.id;
                let task = self.show(row, &facts, now);
                if filter.state.is_some_and(|state| state != task.state) {
                    continue;
                }
                tasks.push(task);
                if tasks.len() == limit {
                    return Ok(TaskPage {
                        tasks,
                        next: Some(until),
                    });
                }
            }
            if at_end {
                return Ok(TaskPage { tasks, next: None });
            }
            if looked_at >= LOOKED_AT {
                return Ok(TaskPage {
                    tasks,
                    next: Some(until),
                });
            }
        }
    }

    async fn some_tasks(
        &self,
        queue: uuid::Uuid,
        like: Option<&str>,
        from: TaskId,
        until: TaskId,
    ) -> Result<Vec<Row>> {
        Ok(sqlx::query_as!(
            Row,
            r#"-- list tasks
            SELECT id, queue_id, type AS kind, content_type, length(payload) AS "size!",
                headers AS "headers: Json<std::collections::BTreeMap<String, String>>", priority, due_at, expires_at,
                retry AS "retry: Json<RetryPolicy>", idempotency_key, fanout
            FROM tasks WHERE queue_id = $1 AND ($2::text IS NULL OR type LIKE $2) AND id >= $3 AND id < $4
            ORDER BY id DESC LIMIT $5"#,
            queue,
            like,
            from,
            until,
            CHUNK
        )
        .fetch_all(&self.inner.pool)
        .await?)
    }

    /// The tasks of a queue that have deliveries which wait: found by those, which are few where the tasks are many.
    async fn waiting_tasks(
        &self,
        queue: uuid::Uuid,
        like: Option<&str>,
        from: TaskId,
        until: TaskId,
    ) -> Result<Vec<Row>> {
        Ok(sqlx::query_as!(
            Row,
            r#"-- list waiting tasks
            SELECT t.id, t.queue_id, t.type AS kind, t.content_type, length(t.payload) AS "size!",
                t.headers AS "headers: Json<std::collections::BTreeMap<String, String>>", t.priority, t.due_at, t.expires_at,
                t.retry AS "retry: Json<RetryPolicy>", t.idempotency_key, t.fanout
            FROM (
                SELECT DISTINCT task_id FROM (
                    -- a delivery's id sorts as its task's does
                    SELECT task_id FROM deliveries WHERE queue_id = $1 AND id >= $3 AND id < $4 AND task_id < $4 ORDER BY id DESC LIMIT 5000
                ) AS newest ORDER BY task_id DESC LIMIT $5
            ) AS w JOIN tasks t ON t.id = w.task_id
            WHERE $2::text IS NULL OR t.type LIKE $2
            ORDER BY t.id DESC"#,
            queue,
            like,
            from,
            until,
            CHUNK
        )
        .fetch_all(&self.inner.pool)
        .await?)
    }

    async fn facts(&self, tasks: &[TaskId], now: DateTime<Utc>) -> Result<HashMap<TaskId, Facts>> {
        let (from, to): (Vec<_>, Vec<_>) = tasks.iter().map(|task| id::deliveries_of(*task)).unzip();
        let rows = sqlx::query!(
            r#"-- where tasks are
            SELECT g.id AS "id!", (SELECT at FROM expunged WHERE task_id = g.id) AS expunged_at, w.retrying, w.due, w.later, l.letter AS "letter!", a.delivered, a.dead, a.cancelled
            FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS g (id, lo, hi)
            CROSS JOIN LATERAL (
                SELECT bool_or(attempts > 0) AS retrying, bool_or(attempts = 0 AND due_at <= $4) AS due,
                    bool_or(attempts = 0 AND due_at > $4) AS later
                FROM deliveries WHERE id BETWEEN g.lo AND g.hi AND task_id = g.id
            ) AS w
            CROSS JOIN LATERAL (
                SELECT EXISTS (SELECT FROM dead_letters WHERE id BETWEEN g.lo AND g.hi AND task_id = g.id) AS letter
            ) AS l
            CROSS JOIN LATERAL (
                SELECT bool_or(verdict = 'delivered') AS delivered, bool_or(verdict = 'dead') AS dead, bool_or(verdict = 'cancelled') AS cancelled
                FROM attempts WHERE delivery_id BETWEEN g.lo AND g.hi AND task_id = g.id
            ) AS a"#,
            tasks,
            &from,
            &to,
            now
        )
        .fetch_all(&self.inner.pool)
        .await?;
        let is = |flag: Option<bool>| flag.unwrap_or(false);
        let facts = rows.into_iter().map(|row| {
            let facts = Facts {
                expunged_at: row.expunged_at,
                retrying: is(row.retrying),
                due: is(row.due),
                later: is(row.later),
                letter: row.letter,
                delivered: is(row.delivered),
                dead: is(row.dead),
                cancelled: is(row.cancelled),
            };
            (row.id, facts)
        });
        Ok(facts.collect())
    }

    fn show(&self, row: Row, facts: &HashMap<TaskId, Facts>, now: DateTime<Utc>) -> proto::Task {
        let snapshot = self.catalog().snapshot();
        let retention = snapshot.retention(row.queue_id);
        let facts = facts.get(&row.id).copied().unwrap_or_default();
        let expired = facts.expunged_at.is_none() && !facts.is_needed() && retention.is_expired(row.id, now);
        let headers = row.headers.filter(|_| !expired).map(|h| h.0);
        // What was just enqueued leaves a trace within its first attempt.
        let forgotten = retention.is_forgotten(row.id, now - SETTLED);
        proto::Task {
            id: row.id,
            queue: snapshot.queue_name(row.queue_id),
            kind: row.kind,
            state: state_of(facts, row.fanout, forgotten),
            created_at: id::minted_at(row.id),
            due_at: row.due_at,
            expires_at: row.expires_at,
            priority: u8::try_from(row.priority).unwrap_or(0),
            headers: headers.unwrap_or_default(),
            idempotency_key: row.idempotency_key,
            retry: row.retry.map(|r| r.0),
            content_type: row.content_type,
            size: u64::try_from(row.size).unwrap_or(0),
            payload: None,
            expired,
            expunged_at: facts.expunged_at,
        }
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

/// There is no task of this id.
pub fn no_task(id: TaskId) -> Error {
    Error::NotFound(format!("task {id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_alive_delivery_says_where_the_task_is() {
        let none = Facts::default();
        let table = [
            (
                Facts {
                    retrying: true,
                    due: true,
                    letter: true,
                    ..none
                },
                3,
                TaskState::Retrying,
            ),
            (
                Facts {
                    due: true,
                    delivered: true,
                    ..none
                },
                2,
                TaskState::Pending,
            ),
            (Facts { later: true, ..none }, 1, TaskState::Scheduled),
            (
                Facts {
                    letter: true,
                    delivered: true,
                    dead: true,
                    ..none
                },
                2,
                TaskState::Dead,
            ),
            (
                Facts {
                    dead: true,
                    delivered: true,
                    ..none
                },
                1,
                TaskState::Delivered,
            ),
            (Facts { dead: true, ..none }, 1, TaskState::Dead),
            (
                Facts {
                    cancelled: true,
                    delivered: true,
                    ..none
                },
                2,
                TaskState::Cancelled,
            ),
            (none, 0, TaskState::Unmatched),
            (none, 1, TaskState::Pending),
        ];
        assert_eq!(state_of(none, 1, true), TaskState::Ended);
        assert_eq!(state_of(none, 0, true), TaskState::Unmatched);
        for (facts, fanout, expected) in table {
            assert_eq!(state_of(facts, fanout, false), expected, "{facts:?}");
        }
    }
}
