use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use proto::{DeliverySettings, VerdictSettings};
use serde_json::json;

use super::*;
use crate::{error::Problems, outcome::FailureKind};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

fn answer(status: u16, retry_after: Option<u64>) -> Outcome {
    with_headers(status, retry_after, &[])
}

fn with_headers(status: u16, retry_after: Option<u64>, headers: &[(&str, &str)]) -> Outcome {
    let headers = headers.iter();
    Outcome::Answered(Answer {
        status,
        headers: headers
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: Bytes::new(),
        truncated: false,
        retry_after: retry_after.map(|s| now() + Duration::from_secs(s)),
    })
}

fn failed(kind: FailureKind) -> Outcome {
    Outcome::Failed(Failure {
        kind,
        detail: "it broke".into(),
    })
}

fn settings(value: serde_json::Value) -> DeliverySettings {
    serde_json::from_value(value).unwrap()
}

fn policy(endpoint: serde_json::Value, queue: serde_json::Value) -> Policy {
    Policy::of(&settings(endpoint), &settings(queue))
}

fn judge_by(policy: &Policy, outcome: &Outcome, made: u32, expires_in: Option<u64>) -> Judgement {
    let retry = Retry {
        jitter: 0.0,
        ..Retry::default()
    };
    judge(
        outcome,
        Case {
            retry: &retry,
            policy,
            made,
            expires_at: expires_in.map(|s| now() + Duration::from_secs(s)),
            now: now(),
            chance: 0.5,
        },
    )
}

fn retry(seconds: u64) -> Verdict {
    Verdict::Retry {
        at: now() + Duration::from_secs(seconds),
    }
}

fn hold(seconds: u64) -> LaneOrder {
    LaneOrder::HoldUntil(now() + Duration::from_secs(seconds))
}

#[test]
fn the_standard_table() {
    let table = [
        (200, None, Verdict::Delivered, LaneOrder::Carry),
        (204, None, Verdict::Delivered, LaneOrder::Carry),
        (299, None, Verdict::Delivered, LaneOrder::Carry),
        (301, None, retry(5), LaneOrder::Carry),
        (304, None, retry(5), LaneOrder::Carry),
        (400, None, Verdict::Dead, LaneOrder::Carry),
        (401, Some(60), Verdict::Dead, LaneOrder::Carry),
        (404, None, Verdict::Dead, LaneOrder::Carry),
        (408, None, retry(5), LaneOrder::Carry),
        (410, None, Verdict::Dead, LaneOrder::Disable),
        (425, None, retry(5), LaneOrder::Carry),
        (429, None, retry(5), LaneOrder::Carry),
        (429, Some(60), retry(60), hold(60)),
        (429, Some(2), retry(5), hold(2)),
        (500, Some(60), retry(60), LaneOrder::Carry),
        (503, Some(60), retry(60), hold(60)),
        (503, Some(1_000_000), retry(1_000_000), hold(3_600)),
        (599, None, retry(5), LaneOrder::Carry),
        (100, None, Verdict::Dead, LaneOrder::Carry),
    ];
    for (status, retry_after, verdict, lane) in table {
        let judged = judge_by(&Policy::default(), &answer(status, retry_after), 1, None);
        assert_eq!(
            (&judged.verdict, judged.lane),
            (&verdict, lane),
            "{status} {retry_after:?}"
        );
        if verdict == Verdict::Delivered {
            assert_eq!(judged.reason, "");
        } else {
            assert!(judged.reason.contains(&status.to_string()), "{}", judged.reason);
            assert!(rule_of(&judged.reason).unwrap().starts_with("preset standard: "));
        }
    }
}

#[test]
fn the_other_presets() {
    let non_retryable = [("upstash-nonretryable-error", "true")];
    let table = [
        ("retry-all", answer(404, None), retry(5), LaneOrder::Carry),
        ("retry-all", answer(410, None), retry(5), LaneOrder::Carry),
        ("retry-all", answer(429, Some(60)), retry(60), hold(60)),
        ("cloud-tasks", answer(410, None), retry(5), LaneOrder::Carry),
        ("cloud-tasks", answer(302, None), retry(5), LaneOrder::Carry),
        ("cloud-tasks", answer(429, None), retry(5), hold(5)),
        ("cloud-tasks", answer(503, Some(60)), retry(60), hold(60)),
        ("qstash", answer(489, None), retry(5), LaneOrder::Carry),
        (
            "qstash",
            with_headers(489, None, &non_retryable),
            Verdict::Dead,
            LaneOrder::Carry,
        ),
        (
            "qstash",
            with_headers(400, None, &non_retryable),
            retry(5),
            LaneOrder::Carry,
        ),
        ("qstash", failed(FailureKind::Dns), retry(5), LaneOrder::Carry),
    ];
    for (preset, outcome, verdict, lane) in table {
        let policy = policy(json!({}), json!({"verdict": {"preset": preset}}));
        let judged = judge_by(&policy, &outcome, 1, None);
        assert_eq!(
            (judged.verdict, judged.lane),
            (verdict, lane),
            "{preset} {outcome:?}"
        );
        assert!(
            rule_of(&judged.reason)
                .unwrap()
                .starts_with(&format!("preset {preset}: "))
        );
        assert_eq!(
            judge_by(&policy, &answer(201, None), 1, None).verdict,
            Verdict::Delivered
        );
    }
}

#[test]
fn a_setting_retries_client_errors_but_never_410() {
    let policy = policy(json!({"retry_client_errors": true}), json!({}));
    let judged = judge_by(&policy, &answer(404, None), 1, None);
    assert_eq!(judged.verdict, retry(5));
    assert!(
        rule_of(&judged.reason)
            .unwrap()
            .starts_with("setting retry_client_errors")
    );
    assert_eq!(
        judge_by(&policy, &answer(410, None), 1, None).verdict,
        Verdict::Dead
    );
}

#[test]
fn what_a_rule_makes_of_a_response() {
    let header = |value| with_headers(200, None, &[("x-outcome", value)]);
    let table = [
        (
            json!({"status": 404}),
            json!("deliver"),
            answer(404, None),
            Verdict::Delivered,
            LaneOrder::Carry,
        ),
        (
            json!({"status": "4xx"}),
            json!("retry"),
            answer(410, None),
            retry(5),
            LaneOrder::Carry,
        ),
        (
            json!({"status": ["400-403", 500]}),
            json!("dead"),
            answer(500, None),
            Verdict::Dead,
            LaneOrder::Carry,
        ),
        (
            json!({"status": 500}),
            json!({"retry_after": {"for": "30s"}}),
            answer(500, None),
            retry(30),
            LaneOrder::Carry,
        ),
        (
            json!({"status": 500}),
            json!({"retry_after": {"for": "1s"}}),
            answer(500, None),
            retry(1),
            LaneOrder::Carry,
        ),
        (
            json!({"status": 500}),
            json!({"retry_after": {"for": "30s"}}),
            answer(500, Some(60)),
            retry(60),
            LaneOrder::Carry,
        ),
        (
            json!({"status": 500}),
            json!({"hold_lane": {"for": "2m"}}),
            answer(500, None),
            retry(120),
            hold(120),
        ),
        (
            json!({"status": 500}),
            json!({"hold_lane": {}}),
            answer(500, Some(7)),
            retry(7),
            hold(7),
        ),
        (
            json!({"status": 500}),
            json!({"hold_lane": {}}),
            answer(500, None),
            retry(5),
            hold(5),
        ),
        (
            json!({"status": 500}),
            json!("disable"),
            answer(500, None),
            Verdict::Dead,
            LaneOrder::Disable,
        ),
        (
            json!({"failure": ["dns"]}),
            json!("dead"),
            failed(FailureKind::Dns),
            Verdict::Dead,
            LaneOrder::Carry,
        ),
        (
            json!({"header": {"name": "X-Outcome"}}),
            json!("dead"),
            header("any"),
            Verdict::Dead,
            LaneOrder::Carry,
        ),
        (
            json!({"header": {"name": "x-outcome", "value": "no-*"}}),
            json!("dead"),
            header("no-retry"),
            Verdict::Dead,
            LaneOrder::Carry,
        ),
        (
            json!({"header": {"name": "x-outcome", "value": "no-*"}}),
            json!("dead"),
            header("yes"),
            Verdict::Delivered,
            LaneOrder::Carry,
        ),
        (
            json!({"failure": ["tls"]}),
            json!("dead"),
            failed(FailureKind::Dns),
            retry(5),
            LaneOrder::Carry,
        ),
        (
            json!({}),
            json!("dead"),
            failed(FailureKind::Timeout),
            Verdict::Dead,
            LaneOrder::Carry,
        ),
        (
            json!({}),
            json!("dead"),
            answer(200, None),
            Verdict::Dead,
            LaneOrder::Carry,
        ),
    ];
    for (when, then, outcome, verdict, lane) in table {
        let rule = json!({"verdict": {"rules": [{"match": when, "then": then}]}});
        let judged = judge_by(&policy(rule.clone(), json!({})), &outcome, 1, None);
        assert_eq!(
            (judged.verdict, judged.lane),
            (verdict, lane),
            "{rule} {outcome:?}"
        );
    }
}

#[test]
fn the_endpoints_rules_come_before_the_queues_and_each_is_named() {
    let endpoint = json!({"verdict": {"preset": "retry-all", "rules": [
        {"match": {"status": 404}, "then": "dead"}, {"match": {"status": "4xx"}, "then": "deliver"},
    ]}});
    let queue = json!({"verdict": {"preset": "qstash", "rules": [{"match": {}, "then": {"retry_after": {"for": "1m"}}}]}});
    let both = policy(endpoint.clone(), queue);
    let named = |policy: &Policy, status| judge_by(policy, &answer(status, None), 1, None).reason;
    assert!(named(&both, 404).starts_with("the endpoint answered 404 [rule 1 of the endpoint: 404 → dead]"));
    assert_eq!(
        named(&both, 409),
        "the endpoint answered 409 [rule 2 of the endpoint: 4xx → deliver]"
    );
    assert_eq!(
        rule_of(&named(&both, 500)),
        Some("rule 1 of the queue: everything → retry after 1m")
    );
    assert_eq!(
        rule_of(&named(
            &policy(endpoint, json!({"verdict": {"preset": "qstash"}})),
            500
        )),
        Some("preset retry-all: all but 2xx")
    );
}

#[test]
fn a_reason_names_its_rule_whatever_else_is_in_brackets() {
    assert_eq!(
        rule_of("no route to [::1]:80 [preset standard: no answer]; attempt 1 of 12"),
        Some("preset standard: no answer")
    );
    for none in [
        "",
        "no route to [::1]:80",
        "its task is gone",
        "the endpoint answered 200",
    ] {
        assert_eq!(rule_of(none), None, "{none}");
    }
}

#[test]
fn the_last_attempt_and_the_expiry_end_it() {
    let standard = Policy::default();
    assert_eq!(
        judge_by(&standard, &answer(500, None), 12, None).verdict,
        Verdict::Dead
    );
    assert_eq!(
        judge_by(&standard, &answer(500, None), 1, Some(4)).verdict,
        Verdict::Dead
    );
    assert_eq!(
        judge_by(&standard, &answer(500, None), 1, Some(6)).verdict,
        retry(5)
    );
    let after = policy(
        json!({"verdict": {"rules": [{"match": {}, "then": {"retry_after": {"for": "1s"}}}]}}),
        json!({}),
    );
    assert_eq!(
        judge_by(&after, &answer(500, None), 12, None).verdict,
        Verdict::Dead
    );
}

#[test]
fn every_mistake_names_its_field() {
    let rule = |when: serde_json::Value, then: serde_json::Value| json!({"rules": [{"match": {}, "then": "dead"}, {"match": when, "then": then}]});
    let dead = json!("dead");
    for (value, field) in [
        (
            rule(json!({"status": "5x"}), dead.clone()),
            "v.rules[1].match.status",
        ),
        (
            rule(json!({"status": "0xx"}), dead.clone()),
            "v.rules[1].match.status",
        ),
        (
            rule(json!({"status": "599-500"}), dead.clone()),
            "v.rules[1].match.status",
        ),
        (
            rule(json!({"status": 99}), dead.clone()),
            "v.rules[1].match.status",
        ),
        (
            rule(json!({"status": 1000}), dead.clone()),
            "v.rules[1].match.status",
        ),
        (
            rule(json!({"status": []}), dead.clone()),
            "v.rules[1].match.status",
        ),
        (
            rule(json!({"header": {"name": "a b"}}), dead.clone()),
            "v.rules[1].match.header.name",
        ),
        (
            rule(json!({"header": {"name": "a", "value": "\n"}}), dead.clone()),
            "v.rules[1].match.header.value",
        ),
        (
            rule(json!({"failure": ["sloth"]}), dead.clone()),
            "v.rules[1].match.failure",
        ),
        (
            rule(json!({"failure": []}), dead.clone()),
            "v.rules[1].match.failure",
        ),
        (
            rule(json!({"failure": ["dns"], "status": 500}), dead),
            "v.rules[1].match.failure",
        ),
        (
            rule(json!({}), json!({"retry_after": {"for": "31d"}})),
            "v.rules[1].then.retry_after.for",
        ),
        (
            rule(json!({}), json!({"hold_lane": {"for": "61m"}})),
            "v.rules[1].then.hold_lane.for",
        ),
        (
            json!({"rules": vec![json!({"match": {}, "then": "dead"}); 51]}),
            "v.rules",
        ),
    ] {
        let settings: VerdictSettings = serde_json::from_value(value.clone()).unwrap();
        let mut problems = Problems::default();
        check(&settings, "v", &mut problems);
        let fields: Vec<_> = problems.into_vec().into_iter().map(|e| e.field).collect();
        assert_eq!(fields, [field], "{value}");
    }
}

fn some_rule() -> impl Strategy<Value = serde_json::Value> {
    let status = prop_oneof![
        (100u16..600).prop_map(|status| json!({"status": status})),
        (1u16..6).prop_map(|class| json!({"status": format!("{class}xx")})),
        Just(json!({"failure": ["timeout", "dns"]})),
        Just(json!({"header": {"name": "x-a", "value": "1*"}})),
        Just(json!({})),
    ];
    let then = prop_oneof![
        Just(json!("deliver")),
        Just(json!("retry")),
        Just(json!("dead")),
        Just(json!("disable")),
        Just(json!({"hold_lane": {}})),
        (0u64..10_000).prop_map(|seconds| json!({"retry_after": {"for": seconds}})),
    ];
    (status, then).prop_map(|(when, then)| json!({"match": when, "then": then}))
}

fn some_outcome() -> impl Strategy<Value = Outcome> {
    let header = prop::option::of("[12]{1,2}");
    prop_oneof![
        (100u16..=999, prop::option::of(0u64..100_000), header).prop_map(|(status, told, value)| {
            let headers: Vec<_> = value.iter().map(|value| ("x-a", value.as_str())).collect();
            with_headers(status, told, &headers)
        }),
        (0..FailureKind::ALL.len()).prop_map(|kind| failed(FailureKind::ALL[kind])),
    ]
}

proptest! {
    /// Every response has a verdict, whatever the rules; and it is that of the first rule that matches alone.
    #[test]
    fn total_and_in_order(
        endpoint in prop::collection::vec(some_rule(), 0..5),
        queue in prop::collection::vec(some_rule(), 0..5),
        preset in prop::sample::select(vec!["standard", "retry-all", "cloud-tasks", "qstash"]),
        outcome in some_outcome(),
        made in 1u32..15,
    ) {
        let own = json!({"verdict": {"rules": endpoint}});
        let of_queue = json!({"verdict": {"rules": queue, "preset": preset}});
        let judged = judge_by(&policy(own, of_queue.clone()), &outcome, made, None);
        prop_assert!(!judged.reason.is_empty() || judged.verdict == Verdict::Delivered);
        let alone = |rule: &serde_json::Value| {
            let policy = policy(json!({"verdict": {"rules": [rule], "preset": preset}}), json!({}));
            let matched = matches!(policy.find(&outcome).1, Source::Endpoint(1, _));
            matched.then(|| judge_by(&policy, &outcome, made, None))
        };
        let by_preset = || judge_by(&policy(json!({}), json!({"verdict": {"preset": preset}})), &outcome, made, None);
        let expected = endpoint.iter().chain(&queue).find_map(alone).unwrap_or_else(by_preset);
        prop_assert_eq!((&judged.verdict, judged.lane), (&expected.verdict, expected.lane));
        if made >= 12 {
            prop_assert!(!matches!(judged.verdict, Verdict::Retry { .. }), "attempts have an end");
        }
        if let Verdict::Retry { at } = judged.verdict {
            prop_assert!(at >= now());
        }
        if !judged.reason.is_empty() {
            prop_assert!(rule_of(&judged.reason).is_some(), "{}", judged.reason);
        }
    }

    #[test]
    fn every_failure_is_retried_while_attempts_last(kind in 0usize..FailureKind::ALL.len(), made in 1u32..20) {
        let judged = judge_by(&Policy::default(), &failed(FailureKind::ALL[kind]), made, None);
        prop_assert_eq!(matches!(judged.verdict, Verdict::Retry { .. }), made < 12);
        prop_assert!(judged.reason.starts_with("it broke"));
        prop_assert_eq!(judged.lane, LaneOrder::Carry);
    }
}
