use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::object::object;

/// What is to be replayed. What is left out does not narrow; an empty filter means all dead letters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReplayFilter {
    /// What became of it; default `dead`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ReplaySource>,
    /// The name of a queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// An endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Uuid>,
    /// A glob of task types.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The last HTTP status. Not for `any`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The last kind of failure. For `dead` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// A text in the reason of the last verdict, in whatever case; 1 to 200 characters. For `dead` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Given up, delivered, or, for `any`, enqueued at or after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    /// The same before this time; now unless said: what comes later is not part of a replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

/// What became of what is to be replayed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReplaySource {
    /// It is a dead letter, which it is no more once it is replayed.
    #[default]
    Dead,
    /// It was delivered, as the log of attempts has it.
    Delivered,
    /// Whatever became of it: every task of a queue, once, to the endpoint that `endpoint` or the replay's `target` names; except those that
    /// wait for it.
    Any,
}

/// A replay to be begun.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewReplay {
    /// What is to be replayed. It must be there: everything is meant only by who sends `{}`.
    #[serde(deserialize_with = "object")]
    pub filter: ReplayFilter,
    /// How many a second; 1 to 10,000, default 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 10_000))]
    pub rate: Option<u32>,
    /// The endpoint that all of it is sent to, in place of those it was for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Uuid>,
}

/// What a replay would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReplayPreview {
    /// How many deliveries it would make.
    pub count: u64,
    /// Whether that is all: no more than 10,000 are counted, and no more than 100,000 looked at.
    pub exact: bool,
    /// How many seconds that would take at its rate.
    pub seconds: u64,
}

/// Where a replay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReplayStatus {
    /// A node works on it, or will within seconds.
    Running,
    /// A person paused it.
    Paused,
    /// It is through.
    Done,
    /// A person cancelled it: what it has made goes its way.
    Cancelled,
}

/// A replay: new deliveries of old tasks, made in the background at a rate of its own, below what is enqueued meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Replay {
    /// Its id, which its requests carry as `posthaste-replay`.
    pub id: Uuid,
    /// What is replayed.
    pub filter: ReplayFilter,
    /// How many a second.
    pub rate: u32,
    /// The endpoint that all of it is sent to, if not those it was for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Uuid>,
    /// Where it is.
    pub status: ReplayStatus,
    /// How many deliveries it was expected to make when it began.
    pub expected: u64,
    /// Whether that was all, or there are at least so many.
    pub expected_exact: bool,
    /// How many it has looked at.
    pub looked: u64,
    /// How many of them the filter means.
    pub matched: u64,
    /// How many of these it has replayed.
    pub done: u64,
    /// How many of these it has not: the task or the endpoint is gone, or it waits already.
    pub skipped: u64,
    /// Why the last batch failed, if it did; it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// When it was begun by its caller.
    pub created_at: DateTime<Utc>,
    /// When a node first worked on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<DateTime<Utc>>,
    /// When it was through, or cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
}
