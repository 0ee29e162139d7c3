//! Delivery settings and retry policies.

use proto::{DeliverySettings, RetryPolicy, grpc::v1};

use super::{Form, duration};

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
        assert_eq!(fields[3..], ["settings.timeout", "settings.connect_timeout"]);
    }
}
