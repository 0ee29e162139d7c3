//! The time, and what is done at intervals.

use std::time::Duration;

use chrono::{DateTime, Utc};
use leptos::{leptos_dom::helpers::IntervalHandle, prelude::*};

#[derive(Clone, Copy)]
struct Clock(RwSignal<DateTime<Utc>>);

/// The time now.
pub(crate) fn now() -> DateTime<Utc> {
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970")]
    DateTime::from_timestamp_millis(js_sys::Date::now() as i64).unwrap_or_default()
}

/// Makes the clock tick.
pub(crate) fn begin() {
    let clock = Clock(RwSignal::new(now()));
    provide_context(clock);
    every(Duration::from_secs(1), move || clock.0.set(now()));
}

/// The time, to the second, going on.
pub(crate) fn ticking() -> RwSignal<DateTime<Utc>> {
    expect_context::<Clock>().0
}

/// An interval, ended when this is dropped.
struct Interval(IntervalHandle);

impl Drop for Interval {
    fn drop(&mut self) {
        self.0.clear();
    }
}

/// Does something again and again, for as long as the part of the page lives that asks for it.
pub(crate) fn every(pause: Duration, act: impl Fn() + 'static) {
    if let Ok(handle) = set_interval_with_handle(act, pause) {
        StoredValue::new_local(Interval(handle));
    }
}
