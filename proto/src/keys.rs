use serde::{Deserialize, Serialize};

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
