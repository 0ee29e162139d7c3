use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Attempt, DeliverySettings, EndpointAuth, SigningScheme,
    null::present,
    object::{object, optional_object},
};

/// An endpoint to be registered on a queue.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewEndpoint {
    /// Where deliveries are posted: http or https, no user name or password, at most 2,048 characters.
    #[cfg_attr(feature = "openapi", schema(format = "uri", max_length = 2048))]
    pub url: String,
    /// For people; at most 500 characters.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_length = 500))]
    pub description: String,
    /// Which task types it wants: globs such as `invoice.*`; `*` stands for any run of characters. Empty: every task. At most 100.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_items = 100))]
    pub filter: Vec<String>,
    /// Headers sent with each request, at most 32; not those that Posthaste or HTTP itself sets. Whoever may read the endpoint reads their
    /// values: secrets belong into `auth`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How its requests show who sends them.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_object"
    )]
    pub auth: Option<EndpointAuth>,
    /// How its deliveries are made, where it differs from its queue.
    #[serde(default, deserialize_with = "object")]
    pub settings: DeliverySettings,
    /// How its deliveries are signed first of all: which secret is made. Further ones can be added. Default `v1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<SigningScheme>,
    /// An existing signing secret: `whsec_` and base64 of 24 to 64 bytes, or `whsk_` and base64 of 32 or 64 bytes. One is made if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// What of an endpoint is to change: what is left out stays; `filter`, `headers` and `auth` are replaced whole; `settings` is a JSON merge patch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EndpointUpdate {
    /// The new URL.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    #[cfg_attr(feature = "openapi", schema(nullable = false, max_length = 2048))]
    pub url: Option<String>,
    /// The new description.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    #[cfg_attr(feature = "openapi", schema(nullable = false, max_length = 500))]
    pub description: Option<String>,
    /// The new filter.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    #[cfg_attr(feature = "openapi", schema(nullable = false, max_items = 100))]
    pub filter: Option<Vec<String>>,
    /// The new headers.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub headers: Option<BTreeMap<String, String>>,
    /// How its requests show who sends them from now on, whole; `null` takes it away.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub auth: Option<Option<EndpointAuth>>,
    /// A merge patch of the settings.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    #[cfg_attr(feature = "openapi", schema(value_type = DeliverySettings))]
    pub settings: Option<serde_json::Value>,
}

/// Whether an endpoint is pushed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EndpointStatus {
    /// It is.
    Enabled,
    /// A person paused it: its deliveries wait.
    Paused,
    /// It was disabled because of what it answered: its deliveries wait until it is enabled again.
    Disabled,
}

/// A URL registered on a queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Endpoint {
    /// Its id.
    pub id: Uuid,
    /// The name of its queue.
    pub queue: String,
    /// Where deliveries are posted.
    pub url: String,
    /// For people.
    pub description: String,
    /// Which task types it wants; empty: every task.
    pub filter: Vec<String>,
    /// Headers sent with each request.
    pub headers: BTreeMap<String, String>,
    /// How its requests show who sends them, with `set` in the place of every secret value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<EndpointAuth>,
    /// What was set on it; what is absent is its queue's, or the default.
    pub settings: DeliverySettings,
    /// Whether it is pushed to.
    pub status: EndpointStatus,
    /// Why it was disabled, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<String>,
    /// The signing secret; only in the answer to its making.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What a test-send posts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TestSend {
    /// The task type sent; default `posthaste.test`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The payload sent; a small one is made if left out.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    #[cfg_attr(feature = "openapi", schema(value_type = serde_json::Value))]
    pub payload: Option<Box<serde_json::value::RawValue>>,
}

/// What came of a test-send: one attempt, never retried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TestResult {
    /// The task that was sent.
    pub task: Uuid,
    /// Whether the endpoint accepted it.
    pub delivered: bool,
    /// The whole exchange; absent if it had not ended when the request's own time was over: look at the task later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,
}
