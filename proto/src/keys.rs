use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Span, null::present, object::optional_object};

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Put tasks into queues.
    Enqueue,
    /// See everything but secrets and keys.
    Read,
    /// Make, change and delete queues and endpoints, their secrets included; pause, purge, cancel, test.
    Manage,
    /// Replay dead letters.
    Replay,
    /// Keys, and everything else.
    Admin,
}

/// How fast tasks may be enqueued with a key: a token bucket on each node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EnqueueRate {
    /// Tasks a second, 1 to 1,000,000.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 1_000_000))]
    pub per_second: u32,
    /// Tasks at once, 1 to 1,000,000, and so the largest batch; as many as a second has, unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 1_000_000))]
    pub burst: Option<u32>,
}

/// An API key to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// For people: who uses it, and what for; 1 to 100 characters.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100))]
    pub name: String,
    /// What it allows; at least one.
    #[cfg_attr(feature = "openapi", schema(min_items = 1))]
    pub scopes: Vec<Scope>,
    /// Which queues it sees and touches: globs of their names such as `shop-*`; `*` is all of them. 1 to 100.
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 100))]
    pub queues: Vec<String>,
    /// How fast tasks may be enqueued with it; unlimited if left out.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_object"
    )]
    pub rate: Option<EnqueueRate>,
    /// When it ends; never if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
}

/// What of a key is to change: what is left out stays; lists are replaced whole; `null` takes a limit back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct KeyUpdate {
    /// The new name.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    #[cfg_attr(
        feature = "openapi",
        schema(nullable = false, min_length = 1, max_length = 100)
    )]
    pub name: Option<String>,
    /// The new scopes.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    #[cfg_attr(feature = "openapi", schema(nullable = false, min_items = 1))]
    pub scopes: Option<Vec<Scope>>,
    /// The new queue patterns.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    #[cfg_attr(feature = "openapi", schema(nullable = false, min_items = 1, max_items = 100))]
    pub queues: Option<Vec<String>>,
    /// The new rate; `null`: unlimited.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<EnqueueRate>))]
    pub rate: Option<Option<EnqueueRate>>,
    /// The new end; `null`: never.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<DateTime<Utc>>))]
    pub expires_at: Option<Option<DateTime<Utc>>>,
}

/// How a key is replaced by a new one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RotateKey {
    /// How long the old key goes on working; a day unless said, 30 days at most, `0s` ends it at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace: Option<Span>,
    /// When the new key ends. Unless said, it lives as long as the old one was made to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
}

/// An API key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Key {
    /// Its id.
    pub id: Uuid,
    /// For people.
    pub name: String,
    /// Its first characters, to know it by.
    pub prefix: String,
    /// The key itself: in the answer that made it, and never again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// Which queues it sees and touches.
    pub queues: Vec<String>,
    /// How fast tasks may be enqueued with it; absent: unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<EnqueueRate>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute or so; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was revoked; absent: it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<DateTime<Utc>>,
    /// The key that was made in its place, if it was rotated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<Uuid>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_takes_a_limit_back_and_leaving_out_keeps_it() {
        let read = |json: &str| serde_json::from_str::<KeyUpdate>(json);
        let update = read(r#"{"rate":null,"expires_at":null}"#).unwrap();
        assert_eq!((update.rate, update.expires_at), (Some(None), Some(None)));
        assert_eq!(read("{}").unwrap(), KeyUpdate::default());
        for wrong in [
            r#"{"name":null}"#,
            r#"{"scopes":null}"#,
            r#"{"queues":null}"#,
            r#"{"scopes":["root"]}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_a_key_allows_is_always_said() {
        for wrong in [
            r#"{"name":"a"}"#,
            r#"{"name":"a","scopes":["read"]}"#,
            r#"{"name":"a","queues":["*"]}"#,
            r#"{"name":"a","scopes":["read"],"queues":["*"],"rate":[1]}"#,
            r#"{"name":"a","scopes":["read"],"queues":["*"],"rate":{"per_second":-1}}"#,
        ] {
            assert!(serde_json::from_str::<NewKey>(wrong).is_err(), "{wrong}");
        }
    }
}
