use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Why a delivery is where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Why {
    /// In a sentence or two.
    pub sentence: String,
    /// The rule behind the last verdict, if a response was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What it waits for; absent if it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<DeliveryWait>,
    /// Until when it waits for that, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
    /// How many deliveries of its endpoint go before it, if it is due. No more than 10,000 are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<u64>,
    /// Whether there are more than were counted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more_ahead: bool,
    /// When it is likely to be sent, if that can be told: when what it waits for is over, and those before it are through at the pace of
    /// the last minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<DateTime<Utc>>,
}

/// What a delivery waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeliveryWait {
    /// The time it was enqueued for.
    Time,
    /// The pause after an attempt that failed.
    Retry,
    /// Its endpoint is paused.
    EndpointPaused,
    /// Its endpoint is disabled.
    EndpointDisabled,
    /// Its queue is paused.
    QueuePaused,
    /// Its endpoint is deleted: it is cancelled soon.
    EndpointDeleted,
    /// No node pushes for its endpoint at the moment.
    Node,
    /// Its endpoint asked to be left alone.
    Hold,
    /// Its endpoint is down.
    Breaker,
    /// The rate of its endpoint.
    Rate,
    /// As many requests of its endpoint are in flight as may be.
    Slot,
    /// As many requests of the node are in flight as may be.
    Permit,
    /// An earlier one of its ordering key.
    Order,
    /// Its turn, which comes as those before it go; or it is under way.
    Turn,
}
