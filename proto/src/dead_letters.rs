use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A delivery that ran out of attempts or was refused for good; kept until replayed, purged or expired.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeadLetter {
    /// The delivery's id.
    pub id: Uuid,
    /// Its task.
    pub task: Uuid,
    /// The task's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The name of its queue.
    pub queue: String,
    /// The endpoint it could not be delivered to.
    pub endpoint: Uuid,
    /// How many attempts were made.
    pub attempts: u32,
    /// Why it was given up, in a sentence.
    pub reason: String,
    /// The last HTTP status, if there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The last kind of failure, if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// When it was given up.
    pub died_at: DateTime<Utc>,
}

/// Which dead letters are meant. What is left out does not narrow; an empty filter means all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema, utoipa::IntoParams),
    into_params(parameter_in = Query)
)]
#[serde(deny_unknown_fields)]
pub struct DeadLetterFilter {
    /// The name of a queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// An endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Uuid>,
    /// A glob of task types.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The last HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The last kind of failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Given up at or after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    /// Given up before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

/// Dead letters of one endpoint that were given up for one reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeadLetterGroup {
    /// The name of their queue.
    pub queue: String,
    /// The endpoint they could not be delivered to.
    pub endpoint: Uuid,
    /// Why they were given up, in a sentence.
    pub reason: String,
    /// The last HTTP status, if there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The last kind of failure, if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// How many they are.
    pub count: u64,
    /// When the last of them was given up.
    pub last_died_at: DateTime<Utc>,
}

/// Dead letters by endpoint and reason: what to mend first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeadLetterGroups {
    /// The groups, largest first; at most 100.
    pub groups: Vec<DeadLetterGroup>,
    /// How many dead letters the filter means, of those that were looked at; those of groups that are left out count as well.
    pub count: u64,
    /// Whether there may be older ones that were not looked at: the newest 50,000 of the queue or endpoint are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

/// A delivery made by a replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Replayed {
    /// The new delivery.
    pub delivery: Uuid,
    /// The old task, which it sends once more under the same `webhook-id`.
    pub task: Uuid,
}
