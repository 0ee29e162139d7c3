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
    judge_within(policy, outcome, made, expires_in, None)
}

fn judge_within(
    policy: &Policy,
    outcome: &Outcome,
    made: u32,
    expires_in: Option<u64>,
    too_old_in: Option<u64>,
) -> Judgement {
    let retry = Retry {
        jitter: 0.0,
        ..Retry::default()
    };
    let after = |seconds| now() + Duration::from_secs(seconds);
    judge(
        outcome,
        Case {
            retry: &retry,
            policy,
            made,
            expires_at: expires_in.map(after),
            too_old_at: too_old_in.map(after),
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
    // What it matches and does; the response as a status, a `Retry-After` and the value of a header, or as a failure; and what it causes.
    let table = r#"[
        [{"status": 404}, "deliver", [404, null, null], "delivered"],
        [{"status": "4xx"}, "retry", [410, null, null], "retry 5"],
        [{"status": ["400-403", 500]}, "dead", [500, null, null], "dead"],
        [{"status": 500}, {"retry_after": {"for": "30s"}}, [500, null, null], "retry 30"],
        [{"status": 500}, {"retry_after": {"for": "1s"}}, [500, null, null], "retry 1"],
        [{"status": 500}, {"retry_after": {"for": "30s"}}, [500, 60, null], "retry 60"],
        [{"status": 500}, {"hold_lane": {"for": "2m"}}, [500, null, null], "retry 120, hold 120"],
        [{"status": 500}, {"hold_lane": {}}, [500, 7, null], "retry 7, hold 7"],
        [{"status": 500}, {"hold_lane": {}}, [500, null, null], "retry 5, hold 5"],
        [{"status": 500}, "disable", [500, null, null], "dead, disable"],
        [{"failure": ["dns"]}, "dead", "dns", "dead"],
        [{"failure": ["tls"]}, "dead", "dns", "retry 5"],
        [{"header": {"name": "X-Outcome"}}, "dead", [200, null, "any"], "dead"],
        [{"header": {"name": "x-outcome", "value": "no-*"}}, "dead", [200, null, "no-retry"], "dead"],
        [{"header": {"name": "x-outcome", "value": "no-*"}}, "dead", [200, null, "yes"], "delivered"],
        [{}, "dead", "timeout", "dead"],
        [{}, "dead", [200, null, null], "dead"]
    ]"#;
    let table: Vec<[serde_json::Value; 4]> = serde_json::from_str(table).unwrap();
    let seconds = |at: DateTime<Utc>| (at - now()).num_seconds();
    for [when, then, response, expected] in table {
        let outcome = if let Some(word) = response.as_str() {
            failed(FailureKind::parse(word).unwrap())
        } else {
            let header = response[2].as_str().map(|value| ("x-outcome", value));
            let status = u16::try_from(response[0].as_u64().unwrap()).unwrap();
            with_headers(status, response[1].as_u64(), header.as_slice())
        };
        let rule = json!({"verdict": {"rules": [{"match": when, "then": then}]}});
        let judged = judge_by(&policy(rule.clone(), json!({})), &outcome, 1, None);
        let verdict = match judged.verdict {
            Verdict::Retry { at } => format!("retry {}", seconds(at)),
            other => other.as_str().to_owned(),
        };
        let lane = match judged.lane {
            LaneOrder::Carry => String::new(),
            LaneOrder::HoldUntil(at) => format!(", hold {}", seconds(at)),
            LaneOrder::Disable => ", disable".to_owned(),
        };
        assert_eq!(json!(verdict + &lane), expected, "{rule} {outcome:?}");
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
fn what_would_be_too_old_at_its_next_attempt_is_given_up_at_once() {
    let rule = |then: serde_json::Value| {
        policy(
            json!({"verdict": {"rules": [{"match": {}, "then": then}]}}),
            json!({}),
        )
    };
    for (policy, response, next, lane) in [
        (Policy::default(), answer(500, None), 5, LaneOrder::Carry),
        (Policy::default(), answer(503, Some(60)), 60, hold(60)),
        (
            Policy::default(),
            failed(FailureKind::Timeout),
            5,
            LaneOrder::Carry,
        ),
        (
            rule(json!({"retry_after": {"for": "30s"}})),
            answer(500, None),
            30,
            LaneOrder::Carry,
        ),
        (
            rule(json!({"hold_lane": {"for": "2m"}})),
            answer(500, None),
            120,
            hold(120),
        ),
    ] {
        let judge = |too_old_in| judge_within(&policy, &response, 1, None, Some(too_old_in));
        assert_eq!(judge(next + 1).verdict, retry(next), "{response:?}");
        let judged = judge(next);
        assert_eq!(
            (judged.verdict, judged.lane),
            (Verdict::Dead, lane),
            "{response:?}"
        );
        let words = "; it would be older than max_age at its next attempt";
        assert!(judged.reason.ends_with(words), "{}", judged.reason);
        assert!(rule_of(&judged.reason).is_some(), "{}", judged.reason);
    }
    let accepted = judge_within(&Policy::default(), &answer(200, None), 1, None, Some(0));
    assert_eq!(accepted.verdict, Verdict::Delivered);
    let last = judge_within(&Policy::default(), &answer(500, None), 12, None, Some(1));
    assert!(
        last.reason.ends_with("that was attempt 12 of 12"),
        "{}",
        last.reason
    );
}

#[test]
fn every_mistake_names_its_field() {
    // What the second rule matches and does, and what is wrong with it.
    let table = r#"[
        [{"status": "5x"}, "dead", "match.status"],
        [{"status": "0xx"}, "dead", "match.status"],
        [{"status": "599-500"}, "dead", "match.status"],
        [{"status": 99}, "dead", "match.status"],
        [{"status": 1000}, "dead", "match.status"],
        [{"status": []}, "dead", "match.status"],
        [{"header": {"name": "a b"}}, "dead", "match.header.name"],
        [{"header": {"name": "a", "value": "\n"}}, "dead", "match.header.value"],
        [{"failure": ["sloth"]}, "dead", "match.failure"],
        [{"failure": []}, "dead", "match.failure"],
        [{"failure": ["dns"], "status": 500}, "dead", "match.failure"],
        [{}, {"retry_after": {"for": "31d"}}, "then.retry_after.for"],
        [{}, {"hold_lane": {"for": "61m"}}, "then.hold_lane.for"]
    ]"#;
    let table: Vec<(serde_json::Value, serde_json::Value, String)> = serde_json::from_str(table).unwrap();
    let dead = json!({"match": {}, "then": "dead"});
    let wrong = |settings: serde_json::Value| -> Vec<String> {
        let settings: VerdictSettings = serde_json::from_value(settings).unwrap();
        let mut problems = Problems::default();
        check(&settings, "v", &mut problems);
        problems.into_vec().into_iter().map(|e| e.field).collect()
    };
    for (when, then, field) in table {
        let settings = json!({"rules": [dead, {"match": when, "then": then}]});
        assert_eq!(
            wrong(settings.clone()),
            [format!("v.rules[1].{field}")],
            "{settings}"
        );
    }
    assert_eq!(wrong(json!({"rules": vec![dead; 51]})), ["v.rules"]);
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
