//! What happened in one attempt: facts only, no judgement (that is [`crate::verdict`]).

use bytes::Bytes;
use chrono::{DateTime, Utc};

/// What came of one HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The endpoint answered with a complete response head.
    Answered(Answer),
    /// No usable answer came.
    Failed(Failure),
}

/// An endpoint's answer, cut to what is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// Header names and values in the order they came; names in lower case, values that are not UTF-8 made so lossily.
    pub headers: Vec<(String, String)>,
    /// The first bytes of the body, at most the configured cut (16 KiB by default).
    pub body: Bytes,
    /// Whether there was more of the body than was kept: it is longer, or it broke off.
    pub truncated: bool,
    /// `Retry-After`, resolved against the moment the answer came (RFC 9110, section 10.2.3).
    pub retry_after: Option<DateTime<Utc>>,
}

/// Why there was no usable answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind of failure; a closed list, used by policies, filters and metrics.
    pub kind: FailureKind,
    /// One sentence for whoever runs the endpoint. Never says more of a refused address than that it was refused.
    pub detail: String,
}

/// The kinds of failure, by who can act on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The name did not resolve.
    Dns,
    /// The address is in a range that the egress guard refuses.
    Refused,
    /// No TCP connection came about (refused, unreachable, or not within the connect limit).
    Connect,
    /// The TLS handshake failed: certificate, version or cipher.
    Tls,
    /// The connection was closed or reset before an answer had come, or within the body of a 2xx.
    Reset,
    /// The answer was not HTTP, or broke a limit on its head.
    Protocol,
    /// The attempt's total deadline passed, wherever it then was but in the body of an answer other than 2xx, whose status stands.
    Timeout,
    /// What the endpoint asks for to know who sends could not be had: an access token, a client certificate that is of use.
    Auth,
}

impl FailureKind {
    /// Every kind, for filters and documentation.
    pub const ALL: [Self; 8] = [
        Self::Dns,
        Self::Refused,
        Self::Connect,
        Self::Tls,
        Self::Reset,
        Self::Protocol,
        Self::Timeout,
        Self::Auth,
    ];

    /// The word used in the database, the API and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Refused => "refused",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Reset => "reset",
            Self::Protocol => "protocol",
            Self::Timeout => "timeout",
            Self::Auth => "auth",
        }
    }

    /// The kind that [`Self::as_str`] names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// How long each part of an attempt took, in microseconds. `None` where the part did not happen:
/// a kept-alive connection has no DNS, connect or TLS of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timing {
    /// From due to the start of the attempt: how long it waited here.
    pub wait_us: u32,
    /// Name resolution.
    pub dns_us: Option<u32>,
    /// TCP connect.
    pub connect_us: Option<u32>,
    /// TLS handshake.
    pub tls_us: Option<u32>,
    /// From the start of the attempt to the response head.
    pub first_byte_us: Option<u32>,
    /// From the start of the attempt to its end, body included.
    pub total_us: u32,
}
