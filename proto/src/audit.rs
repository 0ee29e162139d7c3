use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Something of consequence that somebody did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditEntry {
    /// Its id.
    pub id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: Actor,
    /// What, such as `secret.revealed` or `key.made`; new ones may come.
    pub action: String,
    /// What it was done to: an id, or a queue's name.
    pub subject: String,
    /// The endpoint that it belongs to, if it belongs to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Uuid>,
    /// The queues that it concerns: names, or the globs of a key. Whoever does not reach all of them is not shown it.
    pub queues: Vec<String>,
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Actor {
    /// How they showed who they are.
    pub kind: ActorKind,
    /// The id of the API key or the user, or the subject of the token; empty for the server itself.
    pub id: String,
    /// The name that the key or the user had then, or the issuer of the token.
    pub name: String,
}

/// How somebody showed who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// With an API key.
    Key,
    /// With a token of an issuer that is trusted.
    Token,
    /// With a name and a password.
    User,
    /// The server itself did it.
    Server,
}
