use serde::{Deserialize, Serialize};

use crate::Span;

/// How fast an endpoint is sent to: so many requests in each period, spread evenly over it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// How many requests. 1 to 1,000,000.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 1_000_000))]
    pub limit: u32,
    /// In which time; default `second`.
    #[serde(default)]
    pub per: RatePeriod,
    /// How many may go at once after a pause. 1 to 1,000,000; default what 50 ms bring, and never less than what 20 ms bring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 1_000_000))]
    pub burst: Option<u32>,
}

/// The time that a rate is counted in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RatePeriod {
    /// One second.
    #[default]
    Second,
    /// One minute.
    Minute,
    /// One hour.
    Hour,
}

/// When an endpoint counts as down. Its deliveries then wait and use up no attempts, while single ones probe whether it is back.
/// Only failures of the infrastructure count: no answer, and answers of 502, 503 and 504.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BreakerPolicy {
    /// Whether there is a breaker at all; default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// So many failures in a row open it. 1 to 10,000; default 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 10_000))]
    pub failures: Option<u32>,
    /// This part of the requests of `window` failing opens it as well. 0.01 to 1; default 0.5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 0.01, maximum = 1))]
    pub ratio: Option<f64>,
    /// The time over which `ratio` is taken. 1 s to 1 h; default 30 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Span>,
    /// How many requests `window` must have had for `ratio` to count. 1 to 100,000; default 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 100_000))]
    pub min_requests: Option<u32>,
    /// The pause before the first probe; each further one is twice as long. 100 ms to 1 h; default 1 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Span>,
    /// The longest pause between probes. 100 ms to 24 h; default 1 min.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_pause: Option<Span>,
}
