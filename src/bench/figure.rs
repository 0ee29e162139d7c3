//! A measured number, and how it is written.

use std::{fmt, time::Duration};

use hdrhistogram::Histogram;

use super::latency;

/// A measured number with its unit. `None`: it could not be measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// Its name in JSON, unit included: `enqueue_p99_ms`.
    pub key: &'static str,
    /// What stands before it in its row of the table; may be empty.
    pub label: &'static str,
    /// The number, in the unit.
    pub value: Option<f64>,
    /// The unit.
    pub unit: Unit,
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Things a second.
    PerSecond,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Bytes; shown as MB of 1,000,000.
    Bytes,
    /// A ratio; shown as a percentage.
    Ratio,
}

impl Figure {
    fn new(key: &'static str, label: &'static str, value: f64, unit: Unit) -> Self {
        Self {
            key,
            label,
            value: value.is_finite().then_some(value),
            unit,
        }
    }

    /// A number of things.
    pub(super) fn count(key: &'static str, label: &'static str, count: u64) -> Self {
        Self::new(key, label, float(count), Unit::Count)
    }

    /// `count` things in `time`.
    pub(super) fn rate(key: &'static str, label: &'static str, count: u64, time: Duration) -> Self {
        Self::per_second(key, label, float(count) / time.as_secs_f64())
    }

    /// A rate that is known already.
    pub(super) fn per_second(key: &'static str, label: &'static str, rate: f64) -> Self {
        Self::new(key, label, rate, Unit::PerSecond)
    }

    /// A time.
    pub(super) fn seconds(key: &'static str, label: &'static str, time: Duration) -> Self {
        Self::new(key, label, time.as_secs_f64(), Unit::Seconds)
    }

    /// A share of something.
    pub(super) fn ratio(key: &'static str, label: &'static str, part: f64, whole: f64) -> Self {
        Self::new(key, label, part / whole, Unit::Ratio)
    }

    /// Memory, if it could be measured.
    pub(super) fn bytes(key: &'static str, label: &'static str, bytes: Option<u64>) -> Self {
        Self {
            key,
            label,
            value: bytes.map(float),
            unit: Unit::Bytes,
        }
    }

    /// A time in milliseconds.
    pub(super) fn milliseconds(key: &'static str, label: &'static str, time: f64) -> Self {
        Self::new(key, label, time, Unit::Milliseconds)
    }

    /// A percentile of a histogram in microseconds.
    pub(super) fn percentile(
        key: &'static str,
        label: &'static str,
        of: &Histogram<u64>,
        percent: f64,
    ) -> Self {
        let value = if of.is_empty() {
            f64::NAN
        } else {
            latency::percentile_ms(of, percent)
        };
        Self::new(key, label, value, Unit::Milliseconds)
    }

    /// The number, or NaN if it could not be measured.
    pub(super) fn number(&self) -> f64 {
        self.value.unwrap_or(f64::NAN)
    }
}

/// A count as a floating-point number: exact up to 2^53, which no benchmark reaches.
#[expect(
    clippy::cast_precision_loss,
    reason = "exact up to 2^53, and no benchmark counts that far"
)]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(value) = self.value else {
            return f.write_str("not measured");
        };
        match self.unit {
            Unit::Count => f.write_str(&commas(&format!("{value:.0}"))),
            Unit::PerSecond => write!(f, "{}/s", commas(&format!("{value:.0}"))),
            Unit::Milliseconds => write!(f, "{value:.2} ms"),
            Unit::Seconds => write!(f, "{value:.1} s"),
            Unit::Bytes => write!(f, "{:.0} MB", value / 1e6),
            Unit::Ratio => write!(f, "{:.1} %", value * 100.0),
        }
    }
}

/// A count with a comma at each thousand.
pub(super) fn grouped(count: u64) -> String {
    commas(&count.to_string())
}

fn commas(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_with_their_units() {
        for (figure, text) in [
            (Figure::count("", "", 0), "0"),
            (Figure::count("", "", 999), "999"),
            (Figure::count("", "", 1_000), "1,000"),
            (Figure::count("", "", 12_345_678), "12,345,678"),
            (
                Figure::rate("", "", 30_000, Duration::from_millis(1_500)),
                "20,000/s",
            ),
            (Figure::seconds("", "", Duration::from_millis(2_340)), "2.3 s"),
            (Figure::ratio("", "", 1.0, 8.0), "12.5 %"),
            (Figure::bytes("", "", Some(299_600_000)), "300 MB"),
            (Figure::bytes("", "", None), "not measured"),
            (Figure::rate("", "", 5, Duration::ZERO), "not measured"),
            (Figure::ratio("", "", 0.0, 0.0), "not measured"),
            (
                Figure::percentile("", "", &latency::histogram(), 99.0),
                "not measured",
            ),
        ] {
            assert_eq!(figure.to_string(), text);
        }
    }

    #[test]
    fn percentiles_are_in_milliseconds_and_within_a_thousandth() {
        let mut histogram = latency::histogram();
        for ms in 1..=1_000 {
            latency::record(&mut histogram, Duration::from_millis(ms));
        }
        for (percent, ms) in [(50.0, 500.0), (90.0, 900.0), (99.0, 990.0), (100.0, 1_000.0)] {
            let measured = Figure::percentile("", "", &histogram, percent).number();
            assert!((measured - ms).abs() <= ms / 1_000.0, "p{percent}: {measured}");
        }
        latency::record(&mut histogram, Duration::from_hours(1));
        let longest = Figure::percentile("", "", &histogram, 100.0).number();
        assert!(
            (longest - 600_000.0).abs() <= 600.0,
            "beyond ten minutes counts as ten minutes: {longest}"
        );
    }
}
