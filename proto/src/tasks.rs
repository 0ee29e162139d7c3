use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{FieldError, RetryPolicy, Span, Why, null::present, object::optional_object};

/// A task to be enqueued. The payload is given once: as `payload` (any JSON value, sent byte for byte as written), or as `payload_base64`.
pub type NewTask = NewTaskWith<Box<RawValue>>;

/// A task to be enqueued, whose payload is written as `P`: `Box<RawValue>`, or `&RawValue` where it is read from a text that stays.
#[derive(Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, bound(deserialize = "P: Deserialize<'de>"))]
#[cfg_attr(feature = "openapi", schema(as = NewTask, bound = "", description = "A task to be enqueued. The payload is given once: as `payload`, which is sent byte for byte as written, or as `payload_base64`."))]
pub struct NewTaskWith<P> {
    /// What kind of task it is, dotted: `invoice.paid`. 1 to 200 of `a-z A-Z 0-9 . _ - : /`; endpoints filter by it. May be left out.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9._:/-]{0,200}$"))]
    pub kind: Option<String>,
    /// Any JSON value, `null` included.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    #[cfg_attr(feature = "openapi", schema(value_type = serde_json::Value))]
    pub payload: Option<P>,
    /// Any bytes, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(content_encoding = "base64"))]
    pub payload_base64: Option<String>,
    /// The payload's media type; default `application/json`, or `application/octet-stream` for `payload_base64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Headers sent with each request, at most 32; not those that Posthaste or HTTP itself sets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// 0 to 9, 9 goes first; default 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 9))]
    pub priority: Option<u8>,
    /// How long to wait before the first attempt; at most a year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Span>,
    /// When to make the first attempt, in place of `delay`; at most a year ahead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<DateTime<Utc>>,
    /// When sending it makes no more sense: what is not delivered by then becomes a dead letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// A name of the caller's for this task, unique in the queue for 24 h: a repeat makes no second task. 1 to 255 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub idempotency_key: Option<String>,
    /// What it is in order with, at endpoints whose `ordering` is by key: tasks with the same one go one at a time, in the order in which
    /// they were enqueued. 1 to 255 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub ordering_key: Option<String>,
    /// When to try again, in place of the endpoint's and queue's policy.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_object"
    )]
    pub retry: Option<RetryPolicy>,
}

/// The answer to an enqueue: the task is committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Enqueued {
    /// The task's id, which is the `webhook-id` of its requests.
    pub id: Uuid,
    /// How many deliveries were made of it. 0: no endpoint of the queue wants its type; it is stored, and sent nowhere.
    pub deliveries: u32,
    /// Whether a task with this idempotency key was there already; then `id` is that one's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeated: bool,
}

/// The answer to a batch: one result an item, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchResult {
    /// How many were accepted.
    pub accepted: u32,
    /// How many were not.
    pub rejected: u32,
    /// The results.
    pub items: Vec<BatchItem>,
}

/// What became of one item of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum BatchItem {
    /// It is committed.
    Accepted(Enqueued),
    /// It was not stored.
    Rejected {
        /// The status that it would have had alone.
        status: u16,
        /// What is wrong with it.
        errors: Vec<FieldError>,
    },
}

/// Where a task is, over all its deliveries: the first of these that holds for any of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// One failed and is due again later.
    Retrying,
    /// One is due, or in flight.
    Pending,
    /// One is due later.
    Scheduled,
    /// One was given up.
    Dead,
    /// One was cancelled.
    Cancelled,
    /// All were delivered.
    Delivered,
    /// No endpoint wanted it.
    Unmatched,
    /// It has ended; what came of it is kept no longer.
    Ended,
}

/// A task as it was enqueued, and where it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Task {
    /// Its id, which is the `webhook-id` of its requests.
    pub id: Uuid,
    /// The name of its queue.
    pub queue: String,
    /// What kind of task it is; empty if none was given.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it is.
    pub state: TaskState,
    /// When it was enqueued.
    pub created_at: DateTime<Utc>,
    /// When its first attempt was or is due.
    pub due_at: DateTime<Utc>,
    /// When sending it makes no more sense.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// 0 to 9, 9 goes first.
    pub priority: u8,
    /// Headers sent with each request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The caller's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Its own retry policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryPolicy>,
    /// The payload's media type.
    pub content_type: String,
    /// The payload's size in bytes.
    pub size: u64,
    /// The payload; only where one task is read, not in lists, and not where it has expired or was expunged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Payload>,
    /// Whether its payload and headers are gone because the queue keeps them no longer. It cannot be replayed any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub expired: bool,
    /// When its content was expunged, if it was: payload, headers, and what endpoints answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expunged_at: Option<DateTime<Utc>>,
}

/// A payload as it can be shown in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// Its text, if it is UTF-8.
    Text(String),
    /// Its bytes in base64, if it is not.
    Base64(String),
}

/// Where a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Due later, for the first time.
    Scheduled,
    /// Due, or in flight.
    Pending,
    /// Failed, and due again later or now.
    Retrying,
    /// The endpoint accepted it.
    Delivered,
    /// Given up; see its dead letter.
    Dead,
    /// Cancelled before it was delivered.
    Cancelled,
}

/// One task on its way to one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Delivery {
    /// Its id.
    pub id: Uuid,
    /// Its task.
    pub task: Uuid,
    /// Where it goes.
    pub endpoint: Uuid,
    /// Where it is.
    pub state: DeliveryState,
    /// How many attempts were made.
    pub attempts: u32,
    /// When its next attempt is due, if there is one to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<DateTime<Utc>>,
    /// When it ended, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
    /// Why it is where it is: the reason of the last verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The explanation of where it is; only where one delivery is read, not in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
}

/// The answer to a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Cancelled {
    /// How many of the task's deliveries were cancelled; those that had ended, or whose request is out already, go their way.
    pub cancelled: u32,
}

/// The answer to an expunging.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Expunged {
    /// When the content went: now, or when it was expunged before.
    pub expunged_at: DateTime<Utc>,
    /// How many of the task's deliveries were cancelled, because there is nothing left to send.
    pub cancelled: u32,
}

/// How one task is replayed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReplayTask {
    /// To this endpoint alone, whether it went there before or not; left out: to each that it went to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Uuid>,
}

/// What a replay of one task made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TaskReplayed {
    /// The task, which is sent once more under the same `webhook-id`.
    pub task: Uuid,
    /// The new deliveries; one at least.
    pub deliveries: Vec<ReplayedTo>,
}

/// A new delivery of an old task, and where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReplayedTo {
    /// The new delivery.
    pub delivery: Uuid,
    /// Its endpoint.
    pub endpoint: Uuid,
}
