//! Tasks and their deliveries, read and listed.
//!
//! - `facts`: where a task is, out of what is there of its deliveries.
//! - `list`: the tasks that a filter means, a bounded look at a time.
//! - `deliveries`: the deliveries of a task.

mod deliveries;
mod facts;
mod list;

use chrono::{DateTime, Utc};
use proto::{Payload, RetryPolicy};
use sqlx::types::Json;

use self::facts::{Facts, state_of};
use crate::{
    db::Queue,
    error::{Error, Result},
    id::{self, QueueId, TaskId},
};

pub use self::{
    deliveries::no_delivery,
    list::{HeaderFilter, TaskFilter, TaskPage},
};

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
        let facts = self
            .facts(&[id], None, now)
            .await?
            .remove(&id)
            .unwrap_or_default();
        let queue_id = row.queue_id;
        let mut task = self.show(row, facts, now);
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

    /// Reads a task's payload as it is sent, except for what its queue redacts: its media type and its bytes. One that is gone is a conflict.
    pub async fn read_payload(&self, id: TaskId, now: DateTime<Utc>) -> Result<(String, Vec<u8>)> {
        let (content_type, payload, queue_id) = self.stored_payload(id).await?;
        self.expect_content(id, queue_id, now).await?;
        Ok((content_type, self.redacted(queue_id, payload)))
    }

    /// A conflict if the content of a task of this queue is gone, or is shown and sent no more.
    pub(crate) async fn expect_content(&self, id: TaskId, queue: QueueId, now: DateTime<Utc>) -> Result<()> {
        let facts = self
            .facts(&[id], None, now)
            .await?
            .remove(&id)
            .unwrap_or_default();
        if facts.expunged_at.is_some() {
            return Err(Error::Conflict("its content was expunged".to_owned()));
        }
        let retention = self.catalog().snapshot().retention(queue);
        if facts.is_expired(retention, id, now) {
            return Err(Error::Conflict(format!(
                "its payload has expired: the queue keeps payloads for {} (settings.retention.payloads)",
                retention.payloads
            )));
        }
        Ok(())
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

    fn show(&self, row: Row, facts: Facts, now: DateTime<Utc>) -> proto::Task {
        let snapshot = self.catalog().snapshot();
        let retention = snapshot.retention(row.queue_id);
        let expired = facts.is_expired(retention, row.id, now);
        let headers = row.headers.filter(|_| !expired).map(|h| h.0);
        proto::Task {
            id: row.id,
            queue: snapshot.queue_name(row.queue_id),
            kind: row.kind,
            state: state_of(facts, row.fanout, retention.is_traceless(row.id, now)),
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
}

/// There is no task of this id.
pub fn no_task(id: TaskId) -> Error {
    Error::NotFound(format!("task {id}"))
}
