//! Tasks, their deliveries and attempts, as they are read.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{Method, header};
use proto::{Attempt, Cancelled, Delivery, Expunged, ReplayTask, Task, TaskReplayed, TaskState};
use serde::Serialize;
use uuid::Uuid;

use crate::{Client, List, Result};

/// Which tasks of a queue are meant. What is left out does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// A glob of task types: `invoice.*`.
    pub kind: Option<String>,
    /// With a delivery to this endpoint, whatever became of it.
    pub endpoint: Option<Uuid>,
    /// With this header of their own: `name`, in whatever case, or `name:value` for its whole value.
    pub header: Option<String>,
    /// Where they are.
    pub state: Option<TaskState>,
    /// Enqueued at or after this time.
    pub since: Option<DateTime<Utc>>,
    /// Enqueued before this time.
    pub until: Option<DateTime<Utc>>,
}

impl Client {
    /// The tasks of a queue, newest first, without their payloads.
    pub fn tasks(&self, queue: &str, filter: &TaskFilter) -> List<Task> {
        List::new(self, &["queues", queue, "tasks"])
            .filter("type", filter.kind.as_ref())
            .filter("endpoint", filter.endpoint)
            .filter("header", filter.header.as_ref())
            .filter("state", filter.state.map(word))
            .filter("since", filter.since.map(time))
            .filter("until", filter.until.map(time))
    }

    /// Reads a task with its payload.
    pub async fn task(&self, id: Uuid) -> Result<Task> {
        self.call(Method::GET, &["tasks", &id.to_string()]).answer().await
    }

    /// Reads its payload as it was enqueued: its media type, and its bytes.
    pub async fn payload(&self, task: Uuid) -> Result<(String, Bytes)> {
        let answer = self
            .call(Method::GET, &["tasks", &task.to_string(), "payload"])
            .whole()
            .await?;
        let content_type = answer
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        Ok((content_type.unwrap_or_default().to_owned(), answer.body))
    }

    /// Cancels what of a task is not delivered and not under way.
    pub async fn cancel_task(&self, id: Uuid) -> Result<Cancelled> {
        self.call(Method::POST, &["tasks", &id.to_string(), "cancel"])
            .answer()
            .await
    }

    /// Sends it once more, to each endpoint that it went to and that is still there, or to `endpoint` alone: new deliveries under the same `webhook-id`.
    pub async fn replay_task(&self, id: Uuid, endpoint: Option<Uuid>) -> Result<TaskReplayed> {
        self.call(Method::POST, &["tasks", &id.to_string(), "replay"])
            .json(&ReplayTask { endpoint })
            .answer()
            .await
    }

    /// Clears its payload and headers, and what endpoints answered; what of it has not ended is cancelled.
    pub async fn expunge_task(&self, id: Uuid) -> Result<Expunged> {
        self.call(Method::POST, &["tasks", &id.to_string(), "expunge"])
            .harmless(true)
            .answer()
            .await
    }

    /// Its deliveries, one an endpoint, and one more a replay.
    pub fn deliveries(&self, task: Uuid) -> List<Delivery> {
        List::new(self, &["tasks", &task.to_string(), "deliveries"])
    }

    /// Its attempts, by delivery, oldest first.
    pub fn attempts_of_task(&self, task: Uuid) -> List<Attempt> {
        List::new(self, &["tasks", &task.to_string(), "attempts"])
    }

    /// Reads a delivery.
    pub async fn delivery(&self, id: Uuid) -> Result<Delivery> {
        self.call(Method::GET, &["deliveries", &id.to_string()])
            .answer()
            .await
    }

    /// The attempts of a delivery, oldest first.
    pub fn attempts_of_delivery(&self, delivery: Uuid) -> List<Attempt> {
        List::new(self, &["deliveries", &delivery.to_string(), "attempts"])
    }
}

/// A time as a query has it.
pub(crate) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

/// The word that JSON has for it.
fn word(value: impl Serialize) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    json.as_str().unwrap_or_default().to_owned()
}
