//! What an endpoint's answers mean for a delivery, for its lane, and for the endpoint.

use std::time::{Duration, Instant};

use proto::{Attempt, EndpointStatus, TaskState};
use serde_json::{Value, json};

use crate::harness::{Home, Receiver, Reply, eventually};

fn verdicts(attempts: &[Attempt]) -> Vec<&str> {
    attempts.iter().map(|attempt| attempt.verdict.as_str()).collect()
}

#[tokio::test]
async fn a_failed_delivery_is_tried_again_by_its_schedule() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api) = (home.start(&[]).await, home.api());
    receiver.answer("/", |arrival| {
        Reply::status(if arrival.attempt < 3 { 500 } else { 204 })
    });
    api.make_queue("q").await;
    let settings = json!({ "retry": { "schedule": ["1s", "2s"], "jitter": 0 } });
    api.make_endpoint("q", &receiver.url("/"), settings).await;
    let task = api
        .enqueue("q", json!({ "type": "a.b", "payload": { "n": 1 } }))
        .await;
    let attempts = api.until_attempts(task, 1).await;
    assert_eq!(api.task(task).await.state, TaskState::Retrying);
    assert!(
        attempts[0].retry_at.is_some_and(|at| at > attempts[0].started_at),
        "{attempts:?}"
    );
    let arrivals = receiver.until("/", 3).await;
    let numbers: Vec<u32> = arrivals.iter().map(|arrival| arrival.attempt).collect();
    assert_eq!(numbers, [1, 2, 3]);
    let gaps: Vec<Duration> = arrivals.windows(2).map(|two| two[1].at - two[0].at).collect();
    // Never earlier; a busy machine is later.
    assert!(
        gaps[0] >= Duration::from_secs(1) && gaps[1] >= Duration::from_secs(2),
        "{gaps:?}"
    );
    assert!(
        arrivals.iter().all(|arrival| arrival.id == task),
        "the id stays the same"
    );
    let stamps: Vec<i64> = arrivals
        .iter()
        .map(|arrival| arrival.header("webhook-timestamp").parse().unwrap())
        .collect();
    assert!(
        stamps[0] < stamps[1] && stamps[1] < stamps[2],
        "each attempt has the time of its own: {stamps:?}"
    );
    api.until_task(task, TaskState::Delivered).await;
    let attempts = api.attempts(task).await;
    assert_eq!(verdicts(&attempts), ["retry", "retry", "delivered"]);
    let statuses: Vec<_> = attempts.iter().map(|attempt| attempt.status).collect();
    assert_eq!(statuses, [Some(500), Some(500), Some(204)]);
    assert!(
        attempts
            .iter()
            .all(|attempt| attempt.response_body.as_deref() == Some("seen") || attempt.status == Some(204))
    );
}

#[tokio::test]
async fn a_task_has_a_policy_of_its_own_and_ends_when_its_attempts_do() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api) = (home.start(&[]).await, home.api());
    receiver.answer("/", |_| Reply::status(503));
    api.make_queue("q").await;
    let endpoint = api.make_endpoint("q", &receiver.url("/"), json!({})).await;
    let task = json!({ "payload": 1, "retry": { "schedule": ["50ms"], "attempts": 4, "jitter": 0 } });
    let task = api.enqueue("q", task).await;
    api.until_task(task, TaskState::Dead).await;
    assert_eq!(
        verdicts(&api.attempts(task).await),
        ["retry", "retry", "retry", "dead"]
    );
    let letters = api.dead_letters(&endpoint).await;
    assert_eq!(
        (
            letters.len(),
            letters[0].task,
            letters[0].attempts,
            letters[0].status
        ),
        (1, task, 4, Some(503))
    );
    assert!(
        letters[0].reason.contains("attempt 4 of 4"),
        "{}",
        letters[0].reason
    );
}

#[tokio::test]
async fn retry_after_holds_the_lane_and_no_other() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api) = (home.start(&[]).await, home.api());
    receiver.answer("/held", |arrival| {
        if arrival.attempt == 1 && arrival.body == "1" {
            Reply::status(429).header("retry-after", "5")
        } else {
            Reply::status(200)
        }
    });
    api.make_queue("q").await;
    let settings = json!({ "max_in_flight": 1, "retry": { "schedule": ["100ms"], "jitter": 0 } });
    api.make_endpoint("q", &receiver.url("/held"), settings).await;
    api.make_endpoint("q", &receiver.url("/free"), json!({})).await;
    let begun = Instant::now();
    let first = api.enqueue("q", json!({ "payload": 1 })).await;
    api.until_attempts(first, 1).await;
    for number in 2..6 {
        api.enqueue("q", json!({ "payload": number })).await;
    }
    receiver.until("/free", 5).await;
    let arrivals = receiver.until("/held", 6).await;
    assert!(
        arrivals[1].at - arrivals[0].at >= Duration::from_millis(4_900),
        "the lane was held"
    );
    let freed = receiver
        .at("/free")
        .iter()
        .filter(|arrival| arrival.at < arrivals[1].at)
        .count();
    assert_eq!(
        freed,
        5,
        "the other endpoint was not, within {:?}",
        begun.elapsed()
    );
    let attempts = api.until_attempts(first, 3).await;
    assert_eq!(
        attempts
            .iter()
            .filter(|attempt| attempt.verdict == "delivered")
            .count(),
        2
    );
}

#[tokio::test]
async fn gone_disables_the_endpoint_until_a_person_enables_it() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (node, api) = (home.start(&[]).await, home.api());
    receiver.answer("/", |_| Reply::status(410));
    api.make_queue("q").await;
    let endpoint = api.make_endpoint("q", &receiver.url("/"), json!({})).await;
    let first = api.enqueue("q", json!({ "payload": 1 })).await;
    api.until_task(first, TaskState::Dead).await;
    let disabled = eventually("the endpoint is disabled", async || {
        Some(api.endpoint(endpoint.id).await).filter(|endpoint| endpoint.status == EndpointStatus::Disabled)
    })
    .await;
    assert!(
        disabled
            .disabled_reason
            .is_some_and(|reason| reason.contains("410"))
    );
    let second = api.enqueue("q", json!({ "payload": 2 })).await;
    // It outlives the node.
    node.kill().await;
    let _node = home.start(&[]).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(receiver.count("/"), 1, "nothing more is sent");
    assert_eq!(
        api.task(second).await.state,
        TaskState::Pending,
        "what comes waits"
    );
    receiver.answer("/", |_| Reply::status(200));
    api.switch(&endpoint, "enable").await;
    api.until_task(second, TaskState::Delivered).await;
    assert_eq!(api.dead_letters(&endpoint).await[0].task, first);
}

#[tokio::test]
async fn other_client_errors_are_final_unless_the_policy_says_otherwise() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api) = (home.start(&[]).await, home.api());
    api.make_queue("q").await;
    let retry = json!({ "schedule": ["50ms"], "attempts": 2, "jitter": 0 });
    for (path, settings) in [
        ("/strict", json!({ "retry": retry })),
        ("/lenient", json!({ "retry": retry, "retry_client_errors": true })),
    ] {
        receiver.answer(path, |_| Reply::status(404));
        api.make_endpoint("q", &receiver.url(path), settings).await;
    }
    let task = api.enqueue("q", json!({ "payload": 1 })).await;
    api.until_attempts(task, 3).await;
    api.until_task(task, TaskState::Dead).await;
    assert_eq!((receiver.count("/strict"), receiver.count("/lenient")), (1, 2));
}

#[tokio::test]
async fn rules_decide_and_are_named_and_can_be_asked_before() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api) = (home.start(&[]).await, home.api());
    receiver.answer("/", |arrival| match (arrival.body.as_ref(), arrival.attempt) {
        (b"1", _) => Reply::status(409),
        (b"2", _) => Reply::status(200).header("x-outcome", "no-retry please"),
        (b"3", 1) => Reply::status(404),
        (b"4", _) => Reply::status(403),
        _ => Reply::status(200),
    });
    let queue = json!({ "name": "q", "settings": { "verdict": { "preset": "retry-all", "rules": [
        { "match": { "status": "4xx" }, "then": { "retry_after": { "for": "100ms" } } },
    ] } } });
    let _: Value = api.post("/v1/queues", &queue).await;
    let settings = json!({ "verdict": { "rules": [
        { "match": { "status": [409, "500-503"] }, "then": "deliver" },
        { "match": { "header": { "name": "X-Outcome", "value": "no-retry*" } }, "then": "dead" },
        { "match": { "status": 403 }, "then": "disable" },
    ] } });
    let endpoint = api.make_endpoint("q", &receiver.url("/"), settings).await;
    let path = format!("/v1/endpoints/{}/verdict:simulate", endpoint.id);
    let told: proto::SimulatedVerdict = api.post(&path, &json!({ "status": 404, "attempt": 2 })).await;
    assert_eq!(
        (told.verdict.as_str(), told.rule.as_str()),
        ("retry", "rule 1 of the queue: 4xx → retry after 100ms")
    );
    assert_eq!(receiver.count("/"), 0, "nothing is sent");
    for (payload, state, rule) in [
        (
            1,
            TaskState::Delivered,
            "rule 1 of the endpoint: 409, 500-503 → deliver",
        ),
        (
            2,
            TaskState::Dead,
            "rule 2 of the endpoint: header x-outcome → dead",
        ),
        (3, TaskState::Delivered, &told.rule),
        (4, TaskState::Dead, "rule 3 of the endpoint: 403 → disable"),
    ] {
        let task = api.enqueue("q", json!({ "payload": payload })).await;
        api.until_task(task, state).await;
        let reason = &api.attempts(task).await[0].reason;
        assert!(reason.contains(&format!("[{rule}]")), "{payload}: {reason}");
    }
    let disabled = eventually("the endpoint is disabled", async || {
        Some(api.endpoint(endpoint.id).await).filter(|endpoint| endpoint.status == EndpointStatus::Disabled)
    })
    .await;
    assert!(
        disabled
            .disabled_reason
            .is_some_and(|reason| reason.contains("403"))
    );
}

/// What went through is counted, by queue and endpoint, and is the same after a restart.
#[tokio::test]
async fn traffic_is_counted() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (mut node, api) = (home.start(&[]).await, home.api());
    receiver.answer("/", |arrival| match (arrival.body.as_ref(), arrival.attempt) {
        (b"1", 1) => Reply::status(500),
        (b"2", _) => Reply::status(400),
        _ => Reply::status(200),
    });
    api.make_queue("q").await;
    let settings = json!({ "retry": { "schedule": ["50ms"], "jitter": 0 } });
    let filtered = json!({ "url": receiver.url("/"), "filter": ["wanted"], "settings": settings });
    let endpoint: proto::Endpoint = api.post("/v1/queues/q/endpoints", &filtered).await;
    for number in 0..10 {
        api.enqueue("q", json!({ "type": "wanted", "payload": number }))
            .await;
    }
    api.enqueue("q", json!({ "type": "unwanted", "payload": 0 }))
        .await;
    receiver.until("/", 11).await;
    for _ in 0..2 {
        // Counts are flushed every few seconds, and when a node stops.
        eventually("everything is counted", async || {
            let sum = |traffic: &Value, field: &str| -> u64 {
                let points = traffic["points"].as_array().expect("points");
                points.iter().filter_map(|point| point[field].as_u64()).sum()
            };
            let queue: Value = api.get("/v1/queues/q/traffic").await;
            let ended: Value = api.get(&format!("/v1/endpoints/{}/traffic", endpoint.id)).await;
            let enqueued = (sum(&queue, "enqueued"), sum(&queue, "unmatched"));
            let outcomes = (
                sum(&ended, "delivered"),
                sum(&ended, "retried"),
                sum(&ended, "dead"),
            );
            let points = ended["points"].as_array().expect("points").iter();
            let timed: u64 = points
                .flat_map(|point| point["latency"].as_array().expect("a histogram"))
                .filter_map(Value::as_u64)
                .sum();
            (enqueued == (11, 1) && outcomes == (9, 1, 1) && timed == 11).then_some(())
        })
        .await;
        node.kill().await;
        node = home.start(&[]).await;
    }
    drop(node);
}
