use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One HTTP request of a delivery: what came back, and what was decided. An expiry or a cancellation is logged as well: with no request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Attempt {
    /// Its id.
    pub id: Uuid,
    /// The delivery it belongs to.
    pub delivery: Uuid,
    /// The task that was sent.
    pub task: Uuid,
    /// The endpoint it went to.
    pub endpoint: Uuid,
    /// Which attempt of the delivery this is, from 1.
    pub number: u32,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// The URL that was posted to; absent if no request was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What was decided: `delivered`, `retry`, `dead` or `cancelled`.
    pub verdict: String,
    /// Why, in a sentence.
    pub reason: String,
    /// When it is tried again, if the verdict is `retry`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<DateTime<Utc>>,
    /// The HTTP status, if the endpoint answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The kind of failure, if it did not: `dns`, `refused`, `connect`, `tls`, `reset`, `protocol`, `timeout` or `auth`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The response's headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub response_headers: Vec<Header>,
    /// The first 16 KiB of the response's body, if it is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_body: Option<String>,
    /// The same in base64, if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_body_base64: Option<String>,
    /// Whether there was more of the body than is kept: it is longer, or it broke off.
    #[serde(default)]
    pub response_truncated: bool,
    /// How long each part took.
    pub timing: Timing,
}

/// One header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Header {
    /// Its name, in lower case.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// How long each part of an attempt took, in milliseconds; absent where the part did not happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Timing {
    /// From due to the start of the attempt.
    pub wait_ms: f64,
    /// Name resolution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_ms: Option<f64>,
    /// TCP connect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_ms: Option<f64>,
    /// TLS handshake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_ms: Option<f64>,
    /// From the start of the attempt to the response head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte_ms: Option<f64>,
    /// From the start of the attempt to its end.
    pub total_ms: f64,
}
