//! What bounds the sending to an endpoint: its rate, its breaker, and the ages of deliveries and failures. Checked and resolved here for
//! [`crate::settings`]; kept by the dispatcher's lanes.

use std::time::Duration;

use proto::{BreakerPolicy, DeliverySettings, RateLimit, RatePeriod, Span};

use crate::error::Problems;

/// How often a lane is woken at most: what comes free in less than this cannot be told from a burst.
const WAKES: Duration = Duration::from_millis(20);

/// How late a request may be and still not count as a new beginning: a busy machine keeps the rate.
const SLACK: Duration = Duration::from_millis(50);

/// A rate at which requests are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The time from one to the next.
    pub interval: Duration,
    /// By how much they may be ahead of that: so many go at once after a pause as fit into it, and one.
    pub ahead: Duration,
}

impl Rate {
    /// The rate that a setting means.
    pub fn of(limit: &RateLimit) -> Self {
        let period = match limit.per {
            RatePeriod::Second => Duration::from_secs(1),
            RatePeriod::Minute => Duration::from_mins(1),
            RatePeriod::Hour => Duration::from_hours(1),
        };
        let interval = period / limit.limit.max(1);
        let ahead = match limit.burst {
            Some(burst) => interval.saturating_mul(burst.saturating_sub(1)).max(WAKES),
            None => SLACK,
        };
        Self { interval, ahead }
    }

    /// How many may go at once after a pause.
    pub fn burst(&self) -> u32 {
        let more = self.ahead.as_nanos() / self.interval.as_nanos().max(1);
        u32::try_from(more).unwrap_or(u32::MAX).saturating_add(1)
    }
}

/// When a lane stops because its endpoint is down, and how it begins again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Breaker {
    /// So many failures in a row open it.
    pub failures: u32,
    /// This part of the requests of `window` failing opens it as well.
    pub ratio: f64,
    /// The time over which `ratio` is taken.
    pub window: Duration,
    /// How many requests `window` must have had.
    pub min_requests: u32,
    /// The pause before the first probe.
    pub pause: Duration,
    /// The longest one.
    pub max_pause: Duration,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            // Few enough that little is used up, more than a receiver that is restarted behind a proxy answers with.
            failures: 10,
            ratio: 0.5,
            window: Duration::from_secs(30),
            min_requests: 20,
            pause: Duration::from_secs(1),
            max_pause: Duration::from_mins(1),
        }
    }
}

/// The breaker that a policy means, what it leaves out filled in; `None` if it is switched off.
pub(crate) fn resolve_breaker(policy: &BreakerPolicy) -> Option<Breaker> {
    let standard = Breaker::default();
    let span = |given: Option<Span>, default: Duration| given.map_or(default, |span| span.0);
    let pause = span(policy.pause, standard.pause);
    policy.enabled.unwrap_or(true).then(|| Breaker {
        failures: policy.failures.unwrap_or(standard.failures),
        ratio: policy.ratio.unwrap_or(standard.ratio),
        window: span(policy.window, standard.window),
        min_requests: policy.min_requests.unwrap_or(standard.min_requests),
        pause,
        max_pause: span(policy.max_pause, standard.max_pause).max(pause),
    })
}

/// Notes what is wrong with these of the settings given as `field`.
pub(crate) fn check(settings: &DeliverySettings, field: &str, problems: &mut Problems) {
    let at = |name: &str| format!("{field}.{name}");
    if let Some(rate) = &settings.rate_limit {
        let fine = |n: u32| (1..=1_000_000).contains(&n);
        problems.require(fine(rate.limit), at("rate_limit.limit"), "1 to 1000000");
        problems.require(
            rate.burst.is_none_or(fine),
            at("rate_limit.burst"),
            "1 to 1000000",
        );
    }
    if let Some(policy) = &settings.breaker {
        check_breaker(policy, &at("breaker"), problems);
    }
    let year = Duration::from_hours(365 * 24);
    let or_zero = |span: Option<Span>, least: Duration| {
        span.is_none_or(|span| span.0.is_zero() || (least..=year).contains(&span.0))
    };
    problems.require(
        or_zero(settings.max_age, Duration::from_secs(1)),
        at("max_age"),
        "1s to 365d, or 0s for no limit",
    );
    problems.require(
        or_zero(settings.disable_after, Duration::from_mins(1)),
        at("disable_after"),
        "1m to 365d, or 0s for never",
    );
}

fn check_breaker(policy: &BreakerPolicy, field: &str, problems: &mut Problems) {
    let at = |name: &str| format!("{field}.{name}");
    let within = |span: Option<Span>, least: Duration, most: Duration| {
        span.is_none_or(|span| (least..=most).contains(&span.0))
    };
    let (tenth, hour) = (Duration::from_millis(100), Duration::from_hours(1));
    problems.require(
        policy.failures.is_none_or(|n| (1..=10_000).contains(&n)),
        at("failures"),
        "1 to 10000",
    );
    problems.require(
        policy.ratio.is_none_or(|ratio| (0.01..=1.0).contains(&ratio)),
        at("ratio"),
        "0.01 to 1",
    );
    problems.require(
        within(policy.window, Duration::from_secs(1), hour),
        at("window"),
        "1s to 1h",
    );
    problems.require(
        policy.min_requests.is_none_or(|n| (1..=100_000).contains(&n)),
        at("min_requests"),
        "1 to 100000",
    );
    problems.require(within(policy.pause, tenth, hour), at("pause"), "100ms to 1h");
    problems.require(
        within(policy.max_pause, tenth, 24 * hour),
        at("max_pause"),
        "100ms to 24h",
    );
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rate(value: serde_json::Value) -> Rate {
        Rate::of(&serde_json::from_value(value).unwrap())
    }

    #[test]
    fn a_rate_is_an_interval_and_a_burst() {
        for (value, micros, burst) in [
            (json!({"limit": 100}), 10_000, 6),
            (json!({"limit": 100, "burst": 50}), 10_000, 50),
            (json!({"limit": 100, "burst": 1}), 10_000, 3),
            (json!({"limit": 5}), 200_000, 1),
            (json!({"limit": 1000, "per": "hour"}), 3_600_000, 1),
            (json!({"limit": 60, "per": "minute", "burst": 60}), 1_000_000, 60),
            (json!({"limit": 1_000_000}), 1, 50_001),
        ] {
            let rate = rate(value.clone());
            assert_eq!(
                (rate.interval.as_micros(), rate.burst()),
                (micros, burst),
                "{value}"
            );
        }
    }

    #[test]
    fn a_breaker_can_be_off_and_its_pauses_never_shrink() {
        let resolve = |value| resolve_breaker(&serde_json::from_value(value).unwrap());
        assert_eq!(resolve(json!({})), Some(Breaker::default()));
        assert_eq!(resolve(json!({"enabled": false, "failures": 3})), None);
        let own = resolve(json!({"failures": 3, "pause": "10m"})).unwrap();
        assert_eq!((own.failures, own.max_pause), (3, Duration::from_mins(10)));
    }
}
