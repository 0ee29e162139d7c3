//! Delivery settings and retry policies.

use proto::{
    BreakerPolicy, DeliverySettings, Keep, OnFailure, OrderingMode, OrderingPolicy, RateLimit, RatePeriod,
    RetentionPolicy, RetryPolicy, grpc::v1,
};

use super::{Form, duration, verdicts};

/// Settings that stand in the field `settings`.
pub(in crate::grpc) fn read(given: v1::DeliverySettings, form: &mut Form) -> DeliverySettings {
    DeliverySettings {
        retry: given
            .retry
            .map(|policy| read_retry(policy, "settings.retry", form)),
        timeout: form.span(given.timeout, "settings.timeout"),
        connect_timeout: form.span(given.connect_timeout, "settings.connect_timeout"),
        max_in_flight: given.max_in_flight,
        retry_client_errors: given.retry_client_errors,
        rate_limit: given.rate_limit.map(|rate| read_rate(rate, form)),
        adaptive_concurrency: given.adaptive_concurrency,
        breaker: given.breaker.map(|policy| read_breaker(&policy, form)),
        max_age: form.span(given.max_age, "settings.max_age"),
        disable_after: form.span(given.disable_after, "settings.disable_after"),
        verdict: given
            .verdict
            .map(|verdict| verdicts::read(verdict, "settings.verdict", form)),
        ordering: given.ordering.map(|ordering| read_ordering(ordering, form)),
        retention: given.retention.map(|policy| read_retention(&policy, form)),
        redact: (!given.redact.is_empty()).then_some(given.redact),
        trace_context: given.trace_context,
    }
}

fn read_ordering(given: v1::OrderingPolicy, form: &mut Form) -> OrderingPolicy {
    let mode = match v1::OrderingMode::try_from(given.mode) {
        Ok(v1::OrderingMode::Unspecified | v1::OrderingMode::Unordered) => OrderingMode::Unordered,
        Ok(v1::OrderingMode::Key) => OrderingMode::Key,
        Ok(v1::OrderingMode::Fifo) => OrderingMode::Fifo,
        Err(_) => {
            let all = "ORDERING_MODE_UNORDERED, ORDERING_MODE_KEY or ORDERING_MODE_FIFO";
            form.0.add("settings.ordering.mode", all);
            OrderingMode::Unordered
        }
    };
    let on_failure = match v1::OnFailure::try_from(given.on_failure) {
        Ok(v1::OnFailure::Unspecified | v1::OnFailure::Block) => OnFailure::Block,
        Ok(v1::OnFailure::Skip) => OnFailure::Skip,
        Err(_) => {
            form.0.add(
                "settings.ordering.on_failure",
                "ON_FAILURE_BLOCK or ON_FAILURE_SKIP",
            );
            OnFailure::Block
        }
    };
    OrderingPolicy { mode, on_failure }
}

fn ordering(policy: OrderingPolicy) -> v1::OrderingPolicy {
    let mode = match policy.mode {
        OrderingMode::Unordered => v1::OrderingMode::Unordered,
        OrderingMode::Key => v1::OrderingMode::Key,
        OrderingMode::Fifo => v1::OrderingMode::Fifo,
    };
    let on_failure = match policy.on_failure {
        OnFailure::Block => v1::OnFailure::Block,
        OnFailure::Skip => v1::OnFailure::Skip,
    };
    v1::OrderingPolicy {
        mode: mode as i32,
        on_failure: on_failure as i32,
    }
}

fn read_rate(given: v1::RateLimit, form: &mut Form) -> RateLimit {
    let per = match v1::RatePeriod::try_from(given.per) {
        Ok(v1::RatePeriod::Unspecified | v1::RatePeriod::Second) => RatePeriod::Second,
        Ok(v1::RatePeriod::Minute) => RatePeriod::Minute,
        Ok(v1::RatePeriod::Hour) => RatePeriod::Hour,
        Err(_) => {
            form.0.add(
                "settings.rate_limit.per",
                "RATE_PERIOD_SECOND, RATE_PERIOD_MINUTE or RATE_PERIOD_HOUR",
            );
            RatePeriod::Second
        }
    };
    RateLimit {
        limit: given.limit,
        per,
        burst: given.burst,
    }
}

fn rate(rate: &RateLimit) -> v1::RateLimit {
    let per = match rate.per {
        RatePeriod::Second => v1::RatePeriod::Second,
        RatePeriod::Minute => v1::RatePeriod::Minute,
        RatePeriod::Hour => v1::RatePeriod::Hour,
    };
    v1::RateLimit {
        limit: rate.limit,
        per: per as i32,
        burst: rate.burst,
    }
}

fn read_breaker(given: &v1::BreakerPolicy, form: &mut Form) -> BreakerPolicy {
    BreakerPolicy {
        enabled: given.enabled,
        failures: given.failures,
        ratio: given.ratio,
        window: form.span(given.window, "settings.breaker.window"),
        min_requests: given.min_requests,
        pause: form.span(given.pause, "settings.breaker.pause"),
        max_pause: form.span(given.max_pause, "settings.breaker.max_pause"),
    }
}

fn breaker(policy: &BreakerPolicy) -> v1::BreakerPolicy {
    v1::BreakerPolicy {
        enabled: policy.enabled,
        failures: policy.failures,
        ratio: policy.ratio,
        window: policy.window.map(|span| duration(span.0)),
        min_requests: policy.min_requests,
        pause: policy.pause.map(|span| duration(span.0)),
        max_pause: policy.max_pause.map(|span| duration(span.0)),
    }
}

/// A policy that stands in `field`.
pub(in crate::grpc) fn read_retry(given: v1::RetryPolicy, field: &str, form: &mut Form) -> RetryPolicy {
    let pauses = given.schedule.into_iter().enumerate();
    let schedule: Vec<_> = pauses
        .filter_map(|(at, pause)| form.span(Some(pause), &format!("{field}.schedule[{at}]")))
        .collect();
    RetryPolicy {
        attempts: given.attempts,
        initial: form.span(given.initial, &format!("{field}.initial")),
        factor: given.factor,
        max: form.span(given.max, &format!("{field}.max")),
        schedule: (!schedule.is_empty()).then_some(schedule),
        jitter: given.jitter,
    }
}

pub(in crate::grpc) fn settings(settings: DeliverySettings) -> v1::DeliverySettings {
    v1::DeliverySettings {
        retry: settings.retry.map(retry),
        timeout: settings.timeout.map(|span| duration(span.0)),
        connect_timeout: settings.connect_timeout.map(|span| duration(span.0)),
        max_in_flight: settings.max_in_flight,
        retry_client_errors: settings.retry_client_errors,
        rate_limit: settings.rate_limit.as_ref().map(rate),
        adaptive_concurrency: settings.adaptive_concurrency,
        breaker: settings.breaker.as_ref().map(breaker),
        max_age: settings.max_age.map(|span| duration(span.0)),
        disable_after: settings.disable_after.map(|span| duration(span.0)),
        verdict: settings.verdict.map(verdicts::settings),
        ordering: settings.ordering.map(ordering),
        retention: settings.retention.map(retention),
        redact: settings.redact.unwrap_or_default(),
        trace_context: settings.trace_context,
    }
}

fn read_retention(given: &v1::RetentionPolicy, form: &mut Form) -> RetentionPolicy {
    let mut keep = |keep: Option<v1::Keep>, name: &str| {
        let field = format!("settings.retention.{name}");
        match keep?.how? {
            v1::keep::How::Time(time) => form.span(Some(time), &field).map(Keep::For),
            v1::keep::How::Word(word) => match form.word::<v1::KeepWord>(word, &field)? {
                v1::KeepWord::Unspecified => None,
                v1::KeepWord::Forever => Some(Keep::Forever),
                v1::KeepWord::None => Some(Keep::None),
            },
        }
    };
    RetentionPolicy {
        payloads: keep(given.payloads, "payloads"),
        attempts: keep(given.attempts, "attempts"),
        dead_letters: keep(given.dead_letters, "dead_letters"),
    }
}

fn retention(policy: RetentionPolicy) -> v1::RetentionPolicy {
    let keep = |keep: Keep| v1::Keep {
        how: Some(match keep {
            Keep::For(span) => v1::keep::How::Time(duration(span.0)),
            Keep::Forever => v1::keep::How::Word(v1::KeepWord::Forever as i32),
            Keep::None => v1::keep::How::Word(v1::KeepWord::None as i32),
        }),
    };
    v1::RetentionPolicy {
        payloads: policy.payloads.map(keep),
        attempts: policy.attempts.map(keep),
        dead_letters: policy.dead_letters.map(keep),
    }
}

pub(in crate::grpc) fn retry(policy: RetryPolicy) -> v1::RetryPolicy {
    let schedule = policy.schedule.unwrap_or_default();
    v1::RetryPolicy {
        attempts: policy.attempts,
        initial: policy.initial.map(|span| duration(span.0)),
        factor: policy.factor,
        max: policy.max.map(|span| duration(span.0)),
        schedule: schedule.into_iter().map(|span| duration(span.0)).collect(),
        jitter: policy.jitter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_back_as_they_went() {
        for json in [
            "{}",
            r#"{"retry":{}}"#,
            r#"{"retry":{"attempts":3,"initial":"2s","factor":1.5,"max":"1h","jitter":0.0},"timeout":"1s500ms"}"#,
            r#"{"retry":{"schedule":["1s","5m"]},"connect_timeout":"2s","max_in_flight":7,"retry_client_errors":false}"#,
            r#"{"rate_limit":{"limit":5,"per":"minute","burst":2},"adaptive_concurrency":false,"max_age":"1h","disable_after":"0s"}"#,
            r#"{"rate_limit":{"limit":5,"per":"second"},"breaker":{}}"#,
            r#"{"retention":{"payloads":"1h","attempts":"forever","dead_letters":"none"},"redact":["/card/number","/a~1b"]}"#,
            r#"{"retention":{"attempts":"30d"}}"#,
            r#"{"ordering":{"mode":"key","on_failure":"skip"}}"#,
            r#"{"ordering":{"mode":"fifo","on_failure":"block"}}"#,
            r#"{"breaker":{"enabled":true,"failures":3,"ratio":0.25,"window":"1m","min_requests":5,"pause":"2s","max_pause":"5m"}}"#,
            r#"{"verdict":{}}"#,
            r#"{"verdict":{"preset":"qstash","rules":[
                {"match":{},"then":"deliver"},{"match":{"status":["4xx","500-503"]},"then":"retry"},
                {"match":{"header":{"name":"x","value":"a*"}},"then":{"retry_after":{"for":"30s"}}},
                {"match":{"failure":["dns","tls"]},"then":"dead"},{"match":{"header":{"name":"x"}},"then":{"hold_lane":{"for":"1m"}}},
                {"match":{"status":500},"then":{"hold_lane":{}}},{"match":{"status":501},"then":"disable"}]}}"#,
        ] {
            let given: DeliverySettings = serde_json::from_str(json).unwrap();
            let mut form = Form::default();
            assert_eq!(read(settings(given.clone()), &mut form), given, "{json}");
            form.finish().unwrap();
        }
    }

    #[test]
    fn every_mistake_names_its_field() {
        let minus = prost_types::Duration {
            seconds: -1,
            nanos: 0,
        };
        let wrong = Some(minus);
        let policy = v1::RetryPolicy {
            initial: wrong,
            max: wrong,
            schedule: vec![prost_types::Duration::default(), minus],
            ..v1::RetryPolicy::default()
        };
        let mut form = Form::default();
        let given = v1::DeliverySettings {
            retry: Some(policy),
            timeout: wrong,
            connect_timeout: wrong,
            rate_limit: Some(v1::RateLimit {
                limit: 1,
                per: 9,
                burst: None,
            }),
            breaker: Some(v1::BreakerPolicy {
                window: wrong,
                pause: wrong,
                max_pause: wrong,
                ..v1::BreakerPolicy::default()
            }),
            max_age: wrong,
            disable_after: wrong,
            ordering: Some(v1::OrderingPolicy {
                mode: 9,
                on_failure: 9,
            }),
            retention: Some(v1::RetentionPolicy {
                payloads: Some(v1::Keep {
                    how: Some(v1::keep::How::Time(minus)),
                }),
                attempts: Some(v1::Keep {
                    how: Some(v1::keep::How::Word(9)),
                }),
                dead_letters: None,
            }),
            ..v1::DeliverySettings::default()
        };
        read(given, &mut form);
        let fields: Vec<String> = form.0.into_vec().into_iter().map(|error| error.field).collect();
        let retry = [
            "settings.retry.schedule[1]",
            "settings.retry.initial",
            "settings.retry.max",
        ];
        assert_eq!(fields[..3], retry);
        let rest = [
            "settings.timeout",
            "settings.connect_timeout",
            "settings.rate_limit.per",
            "settings.breaker.window",
            "settings.breaker.pause",
            "settings.breaker.max_pause",
            "settings.max_age",
            "settings.disable_after",
            "settings.ordering.mode",
            "settings.ordering.on_failure",
            "settings.retention.payloads",
            "settings.retention.attempts",
        ];
        assert_eq!(fields[3..], rest);
    }
}
