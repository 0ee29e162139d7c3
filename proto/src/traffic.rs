use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::EndpointStatus;

/// The upper bounds of the latency histogram's buckets, in milliseconds; one more bucket follows for what was slower.
///
/// Powers of two from 1 ms to 32 s: the ratio of neighbours bounds the error of a percentile read from them.
pub const LATENCY_BOUNDS_MS: [u32; 16] = [
    1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768,
];

/// What went through a queue or an endpoint, minute by minute, oldest first. A minute in which nothing happened is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Traffic {
    /// The upper bounds, in milliseconds, of `latency`'s buckets but the last.
    pub latency_bounds_ms: Vec<u32>,
    /// The minutes.
    pub points: Vec<TrafficPoint>,
}

/// One minute of one queue, or of one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrafficPoint {
    /// The minute's begin.
    pub minute: DateTime<Utc>,
    /// The name of the queue.
    pub queue: String,
    /// The endpoint; absent for the queue's own counts (`enqueued`, `unmatched`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Uuid>,
    /// Tasks enqueued.
    pub enqueued: u64,
    /// Tasks enqueued that matched no endpoint.
    pub unmatched: u64,
    /// Deliveries that ended well.
    pub delivered: u64,
    /// Attempts that failed and are retried.
    pub retried: u64,
    /// Deliveries given up.
    pub dead: u64,
    /// How many attempts took how long (total, not counting the wait before), by bucket.
    pub latency: Vec<u64>,
}

/// What went through all queues, summed over steps of time, and which endpoints do worst.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrafficOverview {
    /// The upper bounds, in milliseconds, of `latency`'s buckets but the last.
    pub latency_bounds_ms: Vec<u32>,
    /// The length of a step, in seconds.
    pub step_seconds: u32,
    /// The steps, oldest first. One in which nothing happened is left out.
    pub steps: Vec<TrafficStep>,
    /// The endpoints to which anything was sent, those with the most failures first; fifty at most.
    pub endpoints: Vec<EndpointTraffic>,
}

/// One step of all queues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrafficStep {
    /// Its begin.
    pub begin: DateTime<Utc>,
    /// Tasks enqueued.
    pub enqueued: u64,
    /// Deliveries that ended well.
    pub delivered: u64,
    /// Attempts that failed and are retried.
    pub retried: u64,
    /// Deliveries given up.
    pub dead: u64,
    /// How many attempts took how long (total, not counting the wait before), by bucket.
    pub latency: Vec<u64>,
}

/// What went to one endpoint in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EndpointTraffic {
    /// The endpoint.
    pub endpoint: Uuid,
    /// The name of its queue.
    pub queue: String,
    /// Where its deliveries are posted.
    pub url: String,
    /// Whether it is pushed to.
    pub status: EndpointStatus,
    /// Deliveries that ended well.
    pub delivered: u64,
    /// Attempts that failed and are retried.
    pub retried: u64,
    /// Deliveries given up.
    pub dead: u64,
    /// How many attempts took how long, by bucket.
    pub latency: Vec<u64>,
}
