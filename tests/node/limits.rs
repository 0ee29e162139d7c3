//! How fast an endpoint is sent to, and how old what waits for it may get.

use std::time::{Duration, Instant};

use http::Method;
use proto::{Endpoint, Lane, LaneWait, TaskState};
use serde_json::{Value, json};

use crate::harness::{Api, Arrival, Home, Receiver, Reply, eventually, turns};

async fn change(api: &Api, endpoint: &Endpoint, settings: Value) {
    let path = format!("/v1/endpoints/{}", endpoint.id);
    let change = json!({ "settings": settings });
    let answer = api.send_json(Method::PATCH, &path, &change).await;
    assert_eq!(answer.expect("an answer").status, 200);
}

async fn lane(api: &Api, endpoint: &Endpoint) -> Lane {
    api.get(&format!("/v1/endpoints/{}/lane", endpoint.id)).await
}

/// How many arrived from `begin` on for so long.
fn within(arrivals: &[Arrival], begin: Instant, length: Duration) -> usize {
    arrivals
        .iter()
        .filter(|arrival| arrival.at >= begin && arrival.at < begin + length)
        .count()
}

/// No second has more than the rate, its burst, and what a busy machine delivers late; and many have nearly as much.
fn keeps(arrivals: &[Arrival], rate: usize, least: usize) {
    const SECOND: Duration = Duration::from_secs(1);
    let end = arrivals.iter().map(|arrival| arrival.at).max();
    // Whole seconds only: what comes after the last arrival nobody has seen.
    let counts: Vec<usize> = arrivals
        .iter()
        .filter(|arrival| end.is_some_and(|end| arrival.at + SECOND <= end))
        .map(|arrival| within(arrivals, arrival.at, SECOND))
        .collect();
    assert!(!counts.is_empty(), "less than a second was seen");
    let most = counts.iter().copied().max().unwrap_or(0);
    assert!(most <= rate + rate / 4 + 3, "{most} in a second at {rate}/s");
    let median = {
        let mut sorted = counts;
        sorted.sort_unstable();
        sorted[sorted.len() / 2]
    };
    assert!(median >= least, "{median} in most seconds at {rate}/s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rate_is_kept_over_a_change_and_a_restart() {
    let _turn = turns::measuring().await;
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (node, api) = (home.start(&[]).await, home.api());
    api.make_queue("q").await;
    let slow = json!({ "rate_limit": { "limit": 20 } });
    let endpoint = api.make_endpoint("q", &receiver.url("/"), slow).await;
    let tasks: Vec<Value> = (0..2_000).map(|number| json!({ "payload": number })).collect();
    let _: Value = api.post("/v1/queues/q/tasks/batch", &Value::Array(tasks)).await;
    receiver.until("/", 60).await;
    let seen = eventually("the lane tells that it waits for its rate", async || {
        Some(lane(&api, &endpoint).await).filter(|lane| lane.waits_for == LaneWait::Rate)
    })
    .await;
    assert!(
        seen.ready > 1_000 && seen.until.is_some() && seen.tokens.is_some(),
        "{seen:?}"
    );
    keeps(&receiver.at("/"), 20, 14);
    // A change holds within a second.
    change(&api, &endpoint, json!({ "rate_limit": { "limit": 100 } })).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let changed = Instant::now();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let arrivals = receiver.at("/");
    let after: Vec<Arrival> = arrivals
        .into_iter()
        .filter(|arrival| arrival.at >= changed)
        .collect();
    keeps(&after, 100, 70);
    // A restart neither loses the rate nor gives more than it.
    node.kill().await;
    let restarted = Instant::now();
    let node = home.start(&[]).await;
    receiver.until("/", receiver.count("/") + 200).await;
    let arrivals = receiver.at("/");
    let after: Vec<Arrival> = arrivals
        .into_iter()
        .filter(|arrival| arrival.at >= restarted)
        .collect();
    keeps(&after, 100, 70);
    // Without a rate the rest goes at once; and nothing was tried in vain.
    change(&api, &endpoint, json!({ "rate_limit": null })).await;
    let arrivals = receiver.until("/", 2_000).await;
    assert!(arrivals.iter().all(|arrival| arrival.attempt == 1));
    drop(node);
}

/// At their turn, and while their lane waits.
#[tokio::test]
async fn what_is_too_old_becomes_a_dead_letter() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api) = (home.start(&[]).await, home.api());
    api.make_queue("q").await;
    let endpoint = api
        .make_endpoint("q", &receiver.url("/"), json!({ "max_age": "2s" }))
        .await;
    api.switch(&endpoint, "pause").await;
    let mut tasks = vec![];
    for number in 0..3 {
        tasks.push(
            api.enqueue("q", json!({ "type": "a.b", "payload": number }))
                .await,
        );
    }
    let turn = Instant::now();
    for task in &tasks {
        api.until_task(*task, TaskState::Dead).await;
    }
    println!("given up after {:?}", turn.elapsed());
    // One whose lane opens before it is looked at.
    let late = api.enqueue("q", json!({ "payload": "late" })).await;
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    api.switch(&endpoint, "resume").await;
    api.until_task(late, TaskState::Dead).await;
    let letters = api.dead_letters(&endpoint).await;
    assert_eq!(letters.len(), 4);
    for letter in &letters {
        assert!(letter.reason.contains("max_age (2s)"), "{}", letter.reason);
        assert_eq!(letter.attempts, 0);
    }
    assert_eq!(letters.iter().filter(|letter| letter.kind == "a.b").count(), 3);
    assert_eq!(receiver.count("/"), 0);
    let fresh = api.enqueue("q", json!({ "payload": "fresh" })).await;
    api.until_task(fresh, TaskState::Delivered).await;
}

#[tokio::test]
async fn what_would_be_too_old_at_its_next_attempt_is_not_kept_until_then() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api) = (home.start(&[]).await, home.api());
    receiver.answer("/", |_| Reply::status(500));
    api.make_queue("q").await;
    let settings = json!({ "max_age": "1m", "retry": { "schedule": ["1s", "1h"], "jitter": 0 } });
    let endpoint = api.make_endpoint("q", &receiver.url("/"), settings).await;
    let task = api.enqueue("q", json!({ "payload": 1 })).await;
    let attempts = api.until_attempts(task, 2).await;
    let verdicts: Vec<&str> = attempts.iter().map(|attempt| attempt.verdict.as_str()).collect();
    assert_eq!(verdicts, ["retry", "dead"]);
    api.until_task(task, TaskState::Dead).await;
    let letters = api.dead_letters(&endpoint).await;
    assert_eq!((letters.len(), letters[0].attempts), (1, 2));
    assert!(letters[0].reason.contains("max_age"), "{}", letters[0].reason);
}
