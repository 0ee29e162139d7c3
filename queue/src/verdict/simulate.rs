//! The dry run: what a response would cause, without one.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use proto::{DeliverySettings, LaneEffect, SimulatedVerdict, VerdictCase};

use super::{Case, LaneOrder, Verdict, judge, plain_reason};
use crate::{
    db::Queue,
    error::{Problems, Result},
    id::EndpointId,
    outcome::{Answer, Failure, FailureKind, Outcome},
    retry_after,
    settings::{self, Settings},
};

/// Most headers of a response that is made up: as many as a real one may have.
const MOST_HEADERS: usize = 100;

/// The response that is asked about.
fn outcome_of(case: &VerdictCase, now: DateTime<Utc>) -> Result<Outcome> {
    let mut problems = Problems::default();
    problems.require(
        case.attempt.is_none_or(|made| (1..=100).contains(&made)),
        "attempt",
        "1 to 100",
    );
    problems.require(
        case.headers.len() <= MOST_HEADERS,
        "headers",
        format!("at most {MOST_HEADERS}"),
    );
    let words = FailureKind::ALL.map(FailureKind::as_str).join(", ");
    let outcome = match (case.status, case.failure.as_deref()) {
        (Some(status), None) => {
            problems.require((100..=999).contains(&status), "status", "100 to 999");
            let headers = case.headers.iter();
            let headers: Vec<_> = headers
                .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
                .collect();
            let told = headers.iter().find(|(name, _)| name == "retry-after");
            Some(Outcome::Answered(Answer {
                status,
                retry_after: told.and_then(|(_, value)| retry_after::resolve(value, now)),
                headers,
                body: Bytes::new(),
                truncated: false,
            }))
        }
        (None, Some(word)) => {
            let kind = FailureKind::parse(word);
            problems.require(kind.is_some(), "failure", format!("one of {words}"));
            problems.require(
                case.headers.is_empty(),
                "headers",
                "none come where no answer comes",
            );
            kind.map(|kind| {
                let detail = format!("no answer came ({word})");
                Outcome::Failed(Failure { kind, detail })
            })
        }
        _ => {
            problems.add("status", "give either it, or `failure` if no answer is to come");
            None
        }
    };
    problems.finish()?;
    outcome.ok_or_else(|| crate::Error::invalid("failure", format!("one of {words}")))
}

/// What a response would cause where these settings hold.
fn simulate(settings: &Settings, case: &VerdictCase, now: DateTime<Utc>) -> Result<SimulatedVerdict> {
    let outcome = outcome_of(case, now)?;
    let judged = |chance: f64| {
        judge(
            &outcome,
            Case {
                retry: &settings.retry,
                policy: &settings.verdict,
                made: case.attempt.unwrap_or(1),
                expires_at: None,
                // It was first due by now at the latest.
                too_old_at: settings.max_age.map(|most| now + most),
                now,
                chance,
            },
        )
    };
    let (earliest, latest) = (judged(0.0), judged(1.0));
    let at = |verdict: &Verdict| match verdict {
        Verdict::Retry { at } => Some(*at),
        Verdict::Delivered | Verdict::Dead => None,
    };
    let (lane, hold_until) = match earliest.lane {
        LaneOrder::Carry => (LaneEffect::Carry, None),
        LaneOrder::HoldUntil(until) => (LaneEffect::Hold, Some(until)),
        LaneOrder::Disable => (LaneEffect::Disable, None),
    };
    let reason = match (&outcome, earliest.reason) {
        (Outcome::Answered(answer), reason) if reason.is_empty() => plain_reason(answer.status),
        (_, reason) => reason,
    };
    Ok(SimulatedVerdict {
        verdict: earliest.verdict.as_str().to_owned(),
        rule: settings.verdict.find(&outcome).1.to_string(),
        reason,
        retry_at: at(&earliest.verdict),
        retry_by: at(&latest.verdict),
        lane,
        hold_until,
    })
}

impl Queue {
    /// What a response of an endpoint would cause.
    pub async fn simulate_endpoint(
        &self,
        id: EndpointId,
        case: &VerdictCase,
        now: DateTime<Utc>,
    ) -> Result<SimulatedVerdict> {
        simulate(&self.find_endpoint(id).await?.settings, case, now)
    }

    /// What a response would cause of an endpoint of this queue that has no settings of its own.
    pub async fn simulate_queue(
        &self,
        name: &str,
        case: &VerdictCase,
        now: DateTime<Utc>,
    ) -> Result<SimulatedVerdict> {
        let queue = self.find_queue(name).await?;
        let none = DeliverySettings::default();
        let settings = settings::resolve(&none, &queue.settings, &self.inner.config.defaults);
        simulate(&settings, case, now)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 0).unwrap()
    }

    fn ask(settings: serde_json::Value, case: serde_json::Value) -> Result<SimulatedVerdict> {
        let queue: DeliverySettings = serde_json::from_value(settings).unwrap();
        let resolved = settings::resolve(&DeliverySettings::default(), &queue, &Settings::default());
        simulate(&resolved, &serde_json::from_value(case).unwrap(), now())
    }

    #[test]
    fn tells_when_and_by_which_rule() {
        let told = ask(
            json!({"retry": {"initial": "10s", "jitter": 0.1}}),
            json!({"status": 503, "headers": {"Retry-After": "60"}}),
        )
        .unwrap();
        let at = |seconds| Some(now() + std::time::Duration::from_secs(seconds));
        assert_eq!(told.rule, "preset standard: 429 and 503");
        assert_eq!((told.retry_at, told.retry_by), (at(60), at(61)));
        assert_eq!((told.lane, told.hold_until), (LaneEffect::Hold, at(60)));
        let told = ask(
            json!({"verdict": {"rules": [{"match": {"failure": ["timeout"]}, "then": "dead"}]}}),
            json!({"failure": "timeout"}),
        )
        .unwrap();
        assert_eq!((told.verdict.as_str(), told.retry_at), ("dead", None));
        assert_eq!(told.rule, "rule 1 of the queue: timeout → dead");
        let told = ask(json!({}), json!({"status": 204})).unwrap();
        assert_eq!(
            (told.verdict.as_str(), told.rule.as_str()),
            ("delivered", "preset standard: 2xx")
        );
        let aged = json!({"max_age": "1m", "retry": {"schedule": ["1h"]}});
        let told = ask(aged, json!({"status": 500})).unwrap();
        assert_eq!((told.verdict.as_str(), told.retry_at), ("dead", None));
        assert!(told.reason.contains("max_age"), "{}", told.reason);
        let last = ask(json!({}), json!({"status": 500, "attempt": 12})).unwrap();
        assert_eq!(last.verdict, "dead");
        assert!(
            last.reason.ends_with("that was attempt 12 of 12"),
            "{}",
            last.reason
        );
    }

    #[test]
    fn what_is_no_response_is_told_by_field() {
        for (case, field) in [
            (json!({}), "status"),
            (json!({"status": 200, "failure": "dns"}), "status"),
            (json!({"status": 99}), "status"),
            (json!({"failure": "sloth"}), "failure"),
            (json!({"failure": "dns", "headers": {"a": "b"}}), "headers"),
            (json!({"status": 500, "attempt": 0}), "attempt"),
        ] {
            match ask(json!({}), case.clone()) {
                Err(crate::Error::Invalid(errors)) => assert_eq!(errors[0].field, field, "{case}"),
                other => panic!("{case}: {other:?}"),
            }
        }
    }
}
