use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What the lane of an endpoint does: how many requests are in flight, and what the next one waits for. A second old at most while little
/// happens, some seconds on a node with very many busy lanes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Lane {
    /// The endpoint.
    pub endpoint: Uuid,
    /// What the next delivery waits for.
    pub waits_for: LaneWait,
    /// How long it waits at most, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
    /// Requests in flight.
    pub in_flight: u32,
    /// How many may be now: fewer than `max_in_flight` while the endpoint shows that it has too many, or begins anew after it was down.
    pub in_flight_limit: u32,
    /// How many may be when all is well.
    pub max_in_flight: u32,
    /// Deliveries that are due and in memory.
    pub ready: u64,
    /// Whether more may be due in the database.
    pub backlog: bool,
    /// How many requests the rate allows at once, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u32>,
    /// Until when the endpoint asked to be left alone (`Retry-After`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_until: Option<DateTime<Utc>>,
    /// Whether the endpoint is down.
    pub breaker: BreakerState,
    /// While it is down: when it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe_at: Option<DateTime<Utc>>,
    /// How long its answers take, as an average that follows the last ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_ms: Option<f64>,
    /// Since when nothing but failures came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<DateTime<Utc>>,
    /// When this was so.
    pub updated_at: DateTime<Utc>,
}

/// What the next delivery of a lane waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LaneWait {
    /// For nothing: it goes.
    Nothing,
    /// There is none that is due.
    Work,
    /// The endpoint or its queue is paused, or the endpoint is disabled.
    Enabling,
    /// As many requests of the endpoint are in flight as may be.
    Slot,
    /// As many requests of the node are in flight as may be: other lanes go first.
    Permit,
    /// The endpoint asked to be left alone.
    Hold,
    /// The rate.
    Rate,
    /// The endpoint is down.
    Breaker,
    /// The endpoint was down, and another delivery finds out whether it is back.
    Probe,
}

/// Whether an endpoint is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Nobody watches.
    Off,
    /// It is up.
    Closed,
    /// It is down.
    Open,
    /// A probe is under way.
    Probing,
    /// It is up again, and gets more and more to do.
    Recovering,
}
