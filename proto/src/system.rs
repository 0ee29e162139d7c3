use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What runs: versions, nodes, and the configuration of the node that was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SystemReport {
    /// The version of the node that was asked.
    pub version: String,
    /// The version of PostgreSQL.
    pub postgres_version: String,
    /// The number of the newest migration that the database has.
    pub schema_version: i64,
    /// The nodes that push, by name. Nodes that only take requests do not register.
    pub nodes: Vec<SystemNode>,
    /// How many shards there are.
    pub shards: u32,
    /// How many of them nobody owns at the moment.
    pub shards_unowned: u32,
    /// The configuration of the node that was asked, without secrets.
    pub configuration: Vec<ConfigEntry>,
}

/// A node that pushes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SystemNode {
    /// Its id.
    pub id: Uuid,
    /// The name of its machine.
    pub name: String,
    /// What it does: `all` or `dispatcher`; absent if it did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Its version; absent if it did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When it was started.
    pub started_at: DateTime<Utc>,
    /// When it was heard of last.
    pub seen_at: DateTime<Utc>,
    /// Whether it was heard of within a lease's length.
    pub alive: bool,
    /// The shards that it owns.
    pub shards: Vec<u8>,
}

/// A setting of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigEntry {
    /// Its name, as in `posthaste.toml`.
    pub key: String,
    /// Its value; secrets are masked.
    pub value: String,
    /// Where the value comes from: `default`, `file`, `environment` or `flag`.
    pub layer: String,
    /// The same, exactly.
    pub source: String,
    /// Whether it is a secret, and so masked.
    pub secret: bool,
}
