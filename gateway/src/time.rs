//! The time, and points in time as callers give them.

use chrono::{DateTime, Datelike, Utc};

/// What is said of a time that is none of these.
pub(crate) const PLAUSIBLE: &str = "a time between the years 1970 and 9999";

/// Whether a time is one that a filter can mean. Beyond, it fits neither PostgreSQL's range nor an id's 48 bits of milliseconds.
pub(crate) fn is_plausible(at: DateTime<Utc>) -> bool {
    (1970..=9999).contains(&at.year())
}

/// The time. Read here, once a request; every decision gets it as an argument.
#[expect(
    clippy::disallowed_methods,
    reason = "the edge at which requests get their time"
)]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}
