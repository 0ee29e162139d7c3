//! Delivery settings: checked when they are set, resolved (endpoint before queue before default) when they are used.

use std::time::Duration;

use proto::{DeliverySettings, OrderingPolicy, RetryPolicy, Span};

use crate::{
    error::{Error, Problems, Result},
    limits::{self, Breaker, Rate},
    redact, retention,
    retry::{Backoff, Retry},
    verdict::{self, Policy},
    words,
};

/// The settings that hold for an endpoint's deliveries, with nothing left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// When to try again.
    pub retry: Retry,
    /// The time of one attempt in all.
    pub timeout: Duration,
    /// The part of it in which a connection must come about.
    pub connect_timeout: Duration,
    /// How many requests are in flight at most.
    pub max_in_flight: u32,
    /// How fast it is sent to, if that is limited.
    pub rate: Option<Rate>,
    /// Whether fewer are in flight while the endpoint shows that it has too many.
    pub adaptive_concurrency: bool,
    /// When it counts as down; `None`: never.
    pub breaker: Option<Breaker>,
    /// How old a delivery may get.
    pub max_age: Option<Duration>,
    /// How long nothing but failures may come of it before it is disabled.
    pub disable_after: Option<Duration>,
    /// What answers mean.
    pub verdict: Policy,
    /// In what order deliveries go.
    pub ordering: OrderingPolicy,
    /// Whether requests carry `traceparent`.
    pub trace_context: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retry: Retry::default(),
            // Standard Webhooks asks for 15 to 30 s; serverless functions start cold.
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            // Peers ship 1, and their users complain of head-of-line blocking.
            max_in_flight: 64,
            rate: None,
            adaptive_concurrency: true,
            breaker: Some(Breaker::default()),
            max_age: None,
            disable_after: Some(Duration::from_hours(5 * 24)),
            verdict: Policy::default(),
            ordering: OrderingPolicy::default(),
            trace_context: true,
        }
    }
}

/// A span that was set, where none at all means no limit.
fn unless_zero(set: Option<Span>, default: Option<Duration>) -> Option<Duration> {
    set.map_or(default, |span| Some(span.0).filter(|span| !span.is_zero()))
}

/// The endpoint's own setting if it has one, else its queue's, else the default. What is made of several parts (a retry policy, a rate, a
/// breaker) is taken as a whole.
pub fn resolve(endpoint: &DeliverySettings, queue: &DeliverySettings, defaults: &Settings) -> Settings {
    Settings {
        retry: endpoint
            .retry
            .as_ref()
            .or(queue.retry.as_ref())
            .map_or_else(|| defaults.retry.clone(), resolve_retry),
        timeout: endpoint
            .timeout
            .or(queue.timeout)
            .map_or(defaults.timeout, |span| span.0),
        connect_timeout: endpoint
            .connect_timeout
            .or(queue.connect_timeout)
            .map_or(defaults.connect_timeout, |s| s.0),
        max_in_flight: endpoint
            .max_in_flight
            .or(queue.max_in_flight)
            .unwrap_or(defaults.max_in_flight),
        rate: endpoint
            .rate_limit
            .as_ref()
            .or(queue.rate_limit.as_ref())
            .map_or(defaults.rate, |limit| Some(Rate::of(limit))),
        adaptive_concurrency: endpoint
            .adaptive_concurrency
            .or(queue.adaptive_concurrency)
            .unwrap_or(defaults.adaptive_concurrency),
        breaker: endpoint
            .breaker
            .as_ref()
            .or(queue.breaker.as_ref())
            .map_or(defaults.breaker, limits::resolve_breaker),
        max_age: unless_zero(endpoint.max_age.or(queue.max_age), defaults.max_age),
        disable_after: unless_zero(
            endpoint.disable_after.or(queue.disable_after),
            defaults.disable_after,
        ),
        verdict: Policy::of(endpoint, queue),
        ordering: endpoint.ordering.or(queue.ordering).unwrap_or(defaults.ordering),
        trace_context: endpoint
            .trace_context
            .or(queue.trace_context)
            .unwrap_or(defaults.trace_context),
    }
}

/// Fills what a policy leaves out.
pub fn resolve_retry(policy: &RetryPolicy) -> Retry {
    let standard = Retry::default();
    let jitter = policy.jitter.unwrap_or(standard.jitter);
    if let Some(schedule) = &policy.schedule {
        let pauses: Vec<Duration> = schedule.iter().map(|span| span.0).collect();
        let all = u32::try_from(pauses.len()).unwrap_or(u32::MAX).saturating_add(1);
        return Retry {
            attempts: policy.attempts.unwrap_or(all),
            backoff: Backoff::Schedule(pauses),
            jitter,
        };
    }
    let span = |given: Option<Span>, default: Duration| given.map_or(default, |span| span.0);
    let max = span(policy.max, Duration::from_hours(6));
    Retry {
        attempts: policy.attempts.unwrap_or(standard.attempts),
        backoff: Backoff::Exponential {
            initial: span(policy.initial, Duration::from_secs(5)).min(max),
            factor: policy.factor.unwrap_or(4.0),
            max,
        },
        jitter,
    }
}

/// Notes what is wrong with settings given as `field`.
pub fn check(settings: &DeliverySettings, field: &str, problems: &mut Problems) {
    if let Some(policy) = &settings.retry {
        check_retry(policy, &format!("{field}.retry"), problems);
    }
    let within = |span: Option<Span>, least: u64, most: u64| {
        span.is_none_or(|s| (Duration::from_millis(least)..=Duration::from_millis(most)).contains(&s.0))
    };
    problems.require(
        within(settings.timeout, 100, 900_000),
        format!("{field}.timeout"),
        "100ms to 15m",
    );
    problems.require(
        within(settings.connect_timeout, 100, 60_000),
        format!("{field}.connect_timeout"),
        "100ms to 60s",
    );
    if let Some(rules) = &settings.verdict {
        verdict::check(rules, &format!("{field}.verdict"), problems);
    }
    let in_flight = settings.max_in_flight.is_none_or(|n| (1..=10_000).contains(&n));
    problems.require(in_flight, format!("{field}.max_in_flight"), "1 to 10000");
    limits::check(settings, field, problems);
    if let Some(policy) = &settings.retention {
        retention::check(policy, field, problems);
    }
    if let Some(pointers) = &settings.redact {
        redact::check(pointers, field, problems);
    }
}

/// Notes what is wrong with a retry policy given as `field`.
pub(crate) fn check_retry(policy: &RetryPolicy, field: &str, problems: &mut Problems) {
    let day = Duration::from_hours(24);
    let at = |name: &str| format!("{field}.{name}");
    problems.require(
        policy.attempts.is_none_or(|n| (1..=100).contains(&n)),
        at("attempts"),
        "1 to 100",
    );
    problems.require(
        policy.jitter.is_none_or(|j| (0.0..=1.0).contains(&j)),
        at("jitter"),
        "0 to 1",
    );
    problems.require(
        policy.factor.is_none_or(|f| (1.0..=10.0).contains(&f)),
        at("factor"),
        "1 to 10",
    );
    problems.require(
        policy.initial.is_none_or(|s| s.0 <= 30 * day),
        at("initial"),
        "at most 30d",
    );
    problems.require(
        policy.max.is_none_or(|s| s.0 <= 30 * day),
        at("max"),
        "at most 30d",
    );
    if let Some(schedule) = &policy.schedule {
        let length = (1..=100).contains(&schedule.len());
        problems.require(length, at("schedule"), "1 to 100 pauses");
        for (i, pause) in schedule.iter().enumerate() {
            problems.require(pause.0 <= 30 * day, at(&format!("schedule[{i}]")), "at most 30d");
        }
        let alone = policy.initial.is_none() && policy.factor.is_none() && policy.max.is_none();
        problems.require(
            alone,
            at("schedule"),
            "takes the place of initial, factor and max: give either it or them",
        );
    }
}

/// Applies a JSON merge patch (RFC 7396) to settings given as `field`; an error names the part of it. The result is to be checked.
pub fn patch(settings: &DeliverySettings, patch: serde_json::Value, field: &str) -> Result<DeliverySettings> {
    if !patch.is_object() {
        return Err(Error::invalid(field, "an object with the settings that change"));
    }
    let mut value =
        serde_json::to_value(settings).map_err(|error| Error::invalid(field, error.to_string()))?;
    merge(&mut value, patch);
    serde_path_to_error::deserialize(value).map_err(|error| {
        let at = match error.path().to_string() {
            whole if whole == "." => field.to_owned(),
            part => format!("{field}.{}", words::cut(&part)),
        };
        Error::invalid(at, words::in_words(&error.inner().to_string()))
    })
}

fn merge(target: &mut serde_json::Value, patch: serde_json::Value) {
    use serde_json::Value;
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    if let Value::Object(fields) = target {
        for (name, value) in patch {
            if value.is_null() {
                fields.remove(&name);
            } else {
                merge(fields.entry(name).or_insert(Value::Null), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(value: serde_json::Value) -> DeliverySettings {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_endpoint_comes_before_the_queue_before_the_default() {
        let queue = settings(json!({"timeout": "10s", "max_in_flight": 5, "retry": {"attempts": 3}}));
        let endpoint = settings(json!({"timeout": "1s", "retry": {"schedule": ["1s", "2s"]}}));
        let resolved = resolve(&endpoint, &queue, &Settings::default());
        assert_eq!(resolved.timeout, Duration::from_secs(1));
        assert_eq!(resolved.max_in_flight, 5);
        assert_eq!(resolved.connect_timeout, Duration::from_secs(5));
        assert_eq!(resolved.retry.attempts, 3);
        assert!(matches!(resolved.retry.backoff, Backoff::Schedule(_)));
        assert_eq!(
            resolve(&settings(json!({})), &queue, &Settings::default())
                .retry
                .attempts,
            3
        );
        let queue =
            settings(json!({"rate_limit": {"limit": 5}, "max_age": "1h", "breaker": {"failures": 3}}));
        let endpoint = settings(json!({"max_age": "0s", "breaker": {"enabled": false}}));
        let resolved = resolve(&endpoint, &queue, &Settings::default());
        assert_eq!(
            (
                resolved.rate.map(|rate| rate.interval),
                resolved.max_age,
                resolved.breaker
            ),
            (Some(Duration::from_millis(200)), None, None)
        );
        assert_eq!(
            resolve(&settings(json!({})), &settings(json!({})), &Settings::default()),
            Settings::default()
        );
    }

    #[test]
    fn every_bound_names_its_field() {
        for (value, field) in [
            (json!({"timeout": "99ms"}), "settings.timeout"),
            (json!({"timeout": "16m"}), "settings.timeout"),
            (json!({"connect_timeout": "0s"}), "settings.connect_timeout"),
            (json!({"max_in_flight": 0}), "settings.max_in_flight"),
            (json!({"retry": {"attempts": 0}}), "settings.retry.attempts"),
            (json!({"retry": {"attempts": 101}}), "settings.retry.attempts"),
            (json!({"retry": {"factor": 0.5}}), "settings.retry.factor"),
            (json!({"retry": {"jitter": 1.1}}), "settings.retry.jitter"),
            (json!({"retry": {"schedule": []}}), "settings.retry.schedule"),
            (
                json!({"retry": {"schedule": ["40d"]}}),
                "settings.retry.schedule[0]",
            ),
            (
                json!({"retry": {"schedule": ["1s"], "max": "1s"}}),
                "settings.retry.schedule",
            ),
            (json!({"rate_limit": {"limit": 0}}), "settings.rate_limit.limit"),
            (
                json!({"rate_limit": {"limit": 1, "burst": 0}}),
                "settings.rate_limit.burst",
            ),
            (json!({"breaker": {"failures": 0}}), "settings.breaker.failures"),
            (json!({"breaker": {"ratio": 0.0}}), "settings.breaker.ratio"),
            (json!({"breaker": {"window": "0s"}}), "settings.breaker.window"),
            (
                json!({"breaker": {"min_requests": 0}}),
                "settings.breaker.min_requests",
            ),
            (json!({"breaker": {"pause": "2h"}}), "settings.breaker.pause"),
            (
                json!({"breaker": {"max_pause": "2d"}}),
                "settings.breaker.max_pause",
            ),
            (json!({"max_age": "999ms"}), "settings.max_age"),
            (json!({"disable_after": "59s"}), "settings.disable_after"),
            (
                json!({"retention": {"payloads": "0s"}}),
                "settings.retention.payloads",
            ),
            (
                json!({"retention": {"attempts": "999ms"}}),
                "settings.retention.attempts",
            ),
            (
                json!({"retention": {"dead_letters": "0s"}}),
                "settings.retention.dead_letters",
            ),
            (json!({"redact": ["card"]}), "settings.redact[0]"),
            (json!({"redact": ["/a", "/b\u{0}"]}), "settings.redact[1]"),
        ] {
            let mut problems = Problems::default();
            check(&settings(value.clone()), "settings", &mut problems);
            let fields: Vec<_> = problems.into_vec().into_iter().map(|e| e.field).collect();
            assert_eq!(fields, [field], "{value}");
        }
    }

    #[test]
    fn null_takes_a_setting_back() {
        let before = settings(json!({"timeout": "10s", "retry": {"attempts": 3, "jitter": 0.0}}));
        let after = patch(
            &before,
            json!({"timeout": null, "retry": {"attempts": 4}, "max_in_flight": 2}),
            "settings",
        )
        .unwrap();
        assert_eq!(
            after,
            settings(json!({"retry": {"attempts": 4, "jitter": 0.0}, "max_in_flight": 2}))
        );
        assert_eq!(patch(&before, json!({}), "settings").unwrap(), before);
        for (wrong, field) in [
            (json!({"timeuot": "1s"}), "settings.timeuot"),
            (json!({"retry": {"attempts": "three"}}), "settings.retry.attempts"),
            (json!({"retry": []}), "settings.retry"),
            (json!([]), "settings"),
            (json!(null), "settings"),
        ] {
            match patch(&before, wrong.clone(), "settings") {
                Err(Error::Invalid(errors)) => assert_eq!(errors[0].field, field, "{wrong}"),
                other => panic!("{wrong}: {other:?}"),
            }
        }
    }
}
