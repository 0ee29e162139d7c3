use serde::{Deserialize, Serialize};

use crate::{
    BreakerPolicy, OrderingPolicy, RateLimit, RetentionPolicy, Span, VerdictSettings, object::optional_object,
};

/// How deliveries are made. Each field may be left out: an endpoint's come before its queue's, the queue's before the defaults.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DeliverySettings {
    /// When to try again, and how often.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_object"
    )]
    pub retry: Option<RetryPolicy>,
    /// The time of one attempt in all, response body included. 100 ms to 15 minutes; default 30 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// The part of it in which a connection must come about. 100 ms to 60 s; default 5 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_timeout: Option<Span>,
    /// How many requests an endpoint has in flight at most. 1 to 10,000; default 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 10_000))]
    pub max_in_flight: Option<u32>,
    /// Whether answers of 4xx that the standard table calls final (all but 408, 410, 425 and 429) are retried; default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_client_errors: Option<bool>,
    /// How fast an endpoint is sent to at most; default as fast as it answers.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_object"
    )]
    pub rate_limit: Option<RateLimit>,
    /// Whether fewer requests than `max_in_flight` are in flight while an endpoint shows that it has too many: timeouts, answers of 429
    /// or 503, or answers that come more and more slowly; and ten at first, and one more with each answer. Default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adaptive_concurrency: Option<bool>,
    /// When an endpoint counts as down, and its deliveries wait.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_object"
    )]
    pub breaker: Option<BreakerPolicy>,
    /// How old a delivery may get, from the time it was first due; an older one, or one that would be older at its next attempt, becomes a dead letter. 1 s to 365 d, or 0 for no limit,
    /// which is the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Span>,
    /// How long nothing but failures may come of an endpoint before it is disabled. 1 min to 365 d, or 0 for never; default 5 d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable_after: Option<Span>,
    /// What answers mean: rules, and the table for where none matches. Rules are replaced whole.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_object"
    )]
    pub verdict: Option<VerdictSettings>,
    /// In what order deliveries go.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_object"
    )]
    pub ordering: Option<OrderingPolicy>,
    /// How long what went through is kept. For queues alone.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_object"
    )]
    pub retention: Option<RetentionPolicy>,
    /// Fields of JSON that are shown and stored as hashes: JSON pointers (RFC 6901) such as `/card/number`, where a part `*` stands for
    /// every element or field. What is sent stays as it is. At most 50; for queues alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_items = 50))]
    pub redact: Option<Vec<String>>,
    /// Whether requests carry `traceparent`, by which their receiver's own spans join the trace of the task; default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_context: Option<bool>,
}

/// When a failed delivery is tried again: an exponential backoff, or an explicit schedule.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RetryPolicy {
    /// How many attempts are made in all, the first included. 1 to 100; default 12, or one more than the schedule has entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 100))]
    pub attempts: Option<u32>,
    /// The pause after the first attempt; default 5 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<Span>,
    /// What each further pause is multiplied by. 1 to 10; default 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 10))]
    pub factor: Option<f64>,
    /// The longest pause; default 6 h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Span>,
    /// The pauses themselves, in place of `initial`, `factor` and `max`: at most 100; the last one repeats if there are more attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_items = 100))]
    pub schedule: Option<Vec<Span>>,
    /// By what part of itself a pause is moved at random, to keep retries from coming all at once. 0 to 1; default 0.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 1))]
    pub jitter: Option<f64>,
}
