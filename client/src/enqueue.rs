//! Enqueueing. An answer means that the tasks are committed.

use std::{collections::BTreeMap, fmt::Write};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::Method;
use proto::{BatchResult, Enqueued, NewTask, RetryPolicy, Span};

use crate::{
    Client, Lines, Result,
    request::{Call, fresh_key},
    tasks::time,
};

/// A task whose payload is any bytes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RawTask {
    /// What kind of task it is, dotted: `invoice.paid`.
    pub kind: Option<String>,
    /// The payload.
    pub payload: Bytes,
    /// Its media type; `application/octet-stream` if left out.
    pub content_type: Option<String>,
    /// Headers sent with each request. Visible ASCII only.
    pub headers: BTreeMap<String, String>,
    /// 0 to 9, 9 goes first.
    pub priority: Option<u8>,
    /// How long to wait before the first attempt.
    pub delay: Option<Span>,
    /// When to make the first attempt, in place of `delay`.
    pub due_at: Option<DateTime<Utc>>,
    /// When sending it makes no more sense.
    pub expires_at: Option<DateTime<Utc>>,
    /// A name of the caller's for this task. ASCII only.
    pub idempotency_key: Option<String>,
    /// What it is in order with. ASCII only.
    pub ordering_key: Option<String>,
    /// When to try again, in place of the endpoint's and queue's policy.
    pub retry: Option<RetryPolicy>,
}

impl Client {
    /// Enqueues a task. One without an idempotency key gets one that nobody else has, so that it is enqueued once however often the
    /// request has to be made; then `repeated` in the answer means that an earlier attempt had succeeded.
    pub async fn enqueue(&self, queue: &str, mut task: NewTask) -> Result<Enqueued> {
        self.name(&mut task.idempotency_key);
        self.call(Method::POST, &["queues", queue, "tasks"])
            .harmless(task.idempotency_key.is_some())
            .json(&task)
            .answer()
            .await
    }

    /// Enqueues any bytes. Fields that are wrong are named as headers: `posthaste-type` for the type.
    pub async fn enqueue_raw(&self, queue: &str, mut task: RawTask) -> Result<Enqueued> {
        self.name(&mut task.idempotency_key);
        let harmless = task.idempotency_key.is_some();
        let content_type = task.content_type.as_deref().unwrap_or("application/octet-stream");
        let mut call = self
            .call(Method::POST, &["queues", queue, "tasks", "raw"])
            .harmless(harmless)
            .body(content_type, task.payload);
        let retry = task
            .retry
            .map(|policy| serde_json::to_string(&policy).unwrap_or_default());
        for (name, value) in [
            ("posthaste-type", task.kind),
            (
                "posthaste-priority",
                task.priority.map(|priority| priority.to_string()),
            ),
            ("posthaste-delay", task.delay.map(|delay| delay.to_string())),
            ("posthaste-due-at", task.due_at.map(time)),
            ("posthaste-expires-at", task.expires_at.map(time)),
            ("posthaste-ordering-key", task.ordering_key),
            ("posthaste-retry", retry),
            ("idempotency-key", task.idempotency_key.as_deref().map(quoted)),
        ] {
            call = with_header(call, name, value);
        }
        for (name, value) in task.headers {
            call = with_header(call, &format!("posthaste-header-{name}"), Some(value));
        }
        call.answer().await
    }

    /// Enqueues many, at most 10,000 and 16 MiB unless the server is configured otherwise. Each has its own result, in order, and
    /// one that is refused does not sink the others. Keys are given as by [`Client::enqueue`].
    pub async fn enqueue_batch(&self, queue: &str, mut tasks: Vec<NewTask>) -> Result<BatchResult> {
        for task in &mut tasks {
            self.name(&mut task.idempotency_key);
        }
        self.call(Method::POST, &["queues", queue, "tasks", "batch"])
            .harmless(tasks.iter().all(|task| task.idempotency_key.is_some()))
            .json(&tasks)
            .answer()
            .await
    }

    /// Enqueues many that are written as JSON already, a task a line.
    pub async fn enqueue_lines(&self, queue: &str, lines: &Lines) -> Result<BatchResult> {
        self.call(Method::POST, &["queues", queue, "tasks", "batch"])
            .harmless(lines.are_named())
            .body("application/x-ndjson", lines.text())
            .answer()
            .await
    }

    fn name(&self, key: &mut Option<String>) {
        if key.is_none() && self.inner.idempotency_keys {
            *key = Some(fresh_key());
        }
    }
}

fn with_header<'a>(call: Call<'a>, name: &str, value: Option<String>) -> Call<'a> {
    match value {
        Some(value) => call.header(name, &value),
        None => call,
    }
}

/// A string as a structured field has it (RFC 9651, section 3.3.3).
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        let escape = if matches!(c, '"' | '\\') { "\\" } else { "" };
        let _ = write!(quoted, "{escape}{c}");
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_quoted() {
        assert_eq!(quoted("a b"), "\"a b\"");
        assert_eq!(quoted(r#"a"\"#), r#""a\"\\""#);
    }
}
