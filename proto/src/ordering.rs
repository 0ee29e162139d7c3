use serde::{Deserialize, Serialize};

/// In what order an endpoint's deliveries go. It holds for what is enqueued from then on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OrderingPolicy {
    /// What is in order with what; default `unordered`.
    #[serde(default)]
    pub mode: OrderingMode,
    /// What becomes of those behind one that failed and is tried again; default `block`.
    #[serde(default)]
    pub on_failure: OnFailure,
}

/// What is in order with what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OrderingMode {
    /// Nothing.
    #[default]
    Unordered,
    /// Tasks with the same `ordering_key`; those without one have no order.
    Key,
    /// All of an endpoint's tasks: one goes at a time.
    Fifo,
}

/// What becomes of those behind one that failed and is tried again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// They wait until it is delivered or dead.
    #[default]
    Block,
    /// They go on; it is tried again beside them.
    Skip,
}
