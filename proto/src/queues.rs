use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{DeliverySettings, null::present, object::object};

/// A queue to be made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewQueue {
    /// 1 to 100 of `a-z A-Z 0-9 . _ -`, beginning with a letter or digit; never changes.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"))]
    pub name: String,
    /// For people; at most 500 characters.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_length = 500))]
    pub description: String,
    /// How its deliveries are made, unless an endpoint or a task says otherwise.
    #[serde(default, deserialize_with = "object")]
    pub settings: DeliverySettings,
    /// How many deliveries that have not ended it may hold: beyond it enqueues are refused with 429. No limit if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub max_depth: Option<u64>,
}

/// What of a queue is to change: a JSON merge patch (RFC 7396). What is left out stays; in `settings`, `null` takes a setting back.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct QueueUpdate {
    /// The new description.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    #[cfg_attr(feature = "openapi", schema(nullable = false, max_length = 500))]
    pub description: Option<String>,
    /// A merge patch of the settings.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    #[cfg_attr(feature = "openapi", schema(value_type = DeliverySettings))]
    pub settings: Option<serde_json::Value>,
    /// The new limit; `null` takes it back.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>, minimum = 1))]
    pub max_depth: Option<Option<u64>>,
}

/// A named stream of tasks, with its defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Queue {
    /// Its id.
    pub id: Uuid,
    /// Its name, by which the API knows it.
    pub name: String,
    /// For people.
    pub description: String,
    /// What was set on it; what is absent has the default.
    pub settings: DeliverySettings,
    /// How many deliveries that have not ended it may hold; absent for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_depth: Option<u64>,
    /// How many deliveries it has that have not ended: scheduled, pending, retrying or in flight.
    pub depth: u64,
    /// Whether its deliveries wait although they are due.
    pub paused: bool,
    /// How many endpoints are registered on it.
    pub endpoints: u64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}
