//! Histograms of latencies: microseconds, three significant digits, up to ten minutes.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::figure::float;

const LONGEST_US: u64 = 600_000_000;

/// An empty histogram.
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_US, 3).expect("the bounds are constants that hdrhistogram accepts")
}

/// Records one latency; what is beyond ten minutes counts as ten minutes.
pub(super) fn record(histogram: &mut Histogram<u64>, latency: Duration) {
    histogram.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
}

/// The latency that `percent` of those recorded do not exceed, in milliseconds.
pub(super) fn percentile_ms(histogram: &Histogram<u64>, percent: f64) -> f64 {
    float(histogram.value_at_percentile(percent)) / 1_000.0
}
