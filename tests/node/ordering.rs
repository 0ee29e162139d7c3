//! Order: the deliveries of a key go one at a time, in the order in which they were enqueued, whatever fails.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use proto::{BatchResult, DeadLetterGroups, TaskState};
use serde_json::{Value, json};

use crate::harness::{Api, Arrival, Gate, Home, Receiver, Reply, eventually, turns, until};

/// Enqueues task `number` of each key, in one batch a number.
async fn enqueue(api: &Api, keys: usize, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let task = |key| json!({ "ordering_key": format!("key-{key}"), "payload": { "key": key, "number": number } });
        let tasks: Vec<Value> = (0..keys).map(task).collect();
        let result: BatchResult = api.post("/v1/queues/q/tasks/batch", &json!(tasks)).await;
        assert_eq!(result.rejected, 0);
    }
}

fn number(arrival: &Arrival) -> (u64, u64) {
    let body: Value = serde_json::from_slice(&arrival.body).expect("it is JSON");
    (
        body["key"].as_u64().unwrap_or_default(),
        body["number"].as_u64().expect("it has a number"),
    )
}

/// The numbers that arrived of each key, in order.
fn by_key(arrivals: &[Arrival]) -> HashMap<u64, Vec<u64>> {
    let mut keys = HashMap::<u64, Vec<u64>>::new();
    for (key, number) in arrivals.iter().map(number) {
        keys.entry(key).or_default().push(number);
    }
    keys
}

/// Each number comes until it is accepted, and only then the one after it.
fn assert_in_order(numbers: &[u64], count: usize) {
    assert_eq!(
        (numbers.first(), numbers.last()),
        (Some(&0), Some(&(count as u64 - 1)))
    );
    for pair in numbers.windows(2) {
        assert!(pair[1] == pair[0] || pair[1] == pair[0] + 1, "{numbers:?}");
    }
}

/// A fifth of the attempts fail; which, their ids tell.
fn fails(arrival: &Arrival) -> bool {
    (arrival.id.as_u128() + u128::from(arrival.attempt)).is_multiple_of(5)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_in_order_over_failures_and_crashes_while_other_keys_flow() {
    const KEYS: usize = 40;
    const EACH: usize = 20;
    let _turn = turns::busy().await;
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (mut node, api) = (home.start(&[]).await, home.api());
    receiver.answer("/", |arrival| {
        Reply::status(if fails(arrival) { 500 } else { 200 })
    });
    api.make_queue("q").await;
    let settings =
        json!({ "ordering": { "mode": "key" }, "retry": { "attempts": 50, "schedule": ["50ms"] } });
    api.make_endpoint("q", &receiver.url("/"), settings).await;
    enqueue(&api, KEYS, 0..EACH / 2).await;
    for part in [KEYS, KEYS * EACH / 3] {
        receiver.until("/", part).await;
        node.kill().await;
        receiver.begin_life().await;
        node = home.start(&[]).await;
    }
    enqueue(&api, KEYS, EACH / 2..EACH).await;
    let is_done = |numbers: &Vec<u64>| numbers.last() == Some(&(EACH as u64 - 1));
    until("the last of each key has arrived", || {
        let keys = by_key(&receiver.at("/"));
        keys.len() == KEYS && keys.values().all(is_done)
    })
    .await;
    for numbers in by_key(&receiver.at("/")).values() {
        assert_in_order(numbers, EACH);
    }
}

#[tokio::test]
async fn strict_order_needs_no_key_and_a_dead_one_gives_way() {
    const COUNT: usize = 12;
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api) = (home.start(&[]).await, home.api());
    // The fifth is refused for good.
    receiver.answer("/", |arrival| {
        Reply::status(if number(arrival).1 == 4 { 400 } else { 200 })
    });
    api.make_queue("q").await;
    let settings = json!({ "ordering": { "mode": "fifo" } });
    let endpoint = api.make_endpoint("q", &receiver.url("/"), settings).await;
    let mut tasks = vec![];
    for number in 0..COUNT {
        // The later ones are more urgent, which changes nothing.
        let priority = number.min(9);
        let task = json!({ "priority": priority, "payload": { "number": number } });
        tasks.push(api.enqueue("q", task).await);
    }
    let arrivals = receiver.until("/", COUNT).await;
    let numbers: Vec<u64> = arrivals.iter().map(|arrival| number(arrival).1).collect();
    assert_eq!(numbers, (0..COUNT as u64).collect::<Vec<_>>());
    api.until_task(tasks[COUNT - 1], TaskState::Delivered).await;
    assert_eq!(api.dead_letters(&endpoint).await.len(), 1);
}

#[tokio::test]
async fn one_that_failed_holds_up_its_key_or_makes_way_as_the_policy_says() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api) = (home.start(&[]).await, home.api());
    api.make_queue("q").await;
    for (path, on_failure) in [("/block", "block"), ("/skip", "skip")] {
        receiver.answer(path, |arrival| {
            Reply::status(if number(arrival) == (0, 0) { 500 } else { 200 })
        });
        let settings = json!({ "ordering": { "mode": "key", "on_failure": on_failure }, "retry": { "schedule": ["1h"] } });
        api.make_endpoint("q", &receiver.url(path), settings).await;
    }
    enqueue(&api, 2, 0..3).await;
    let mut skipped = by_key(&receiver.until("/skip", 6).await);
    assert_eq!(skipped.remove(&0), Some(vec![0, 1, 2]));
    assert_eq!(skipped.remove(&1), Some(vec![0, 1, 2]));
    let mut blocked = by_key(&receiver.until("/block", 4).await);
    assert_eq!(blocked.remove(&1), Some(vec![0, 1, 2]), "another key flows");
    assert_eq!(blocked.remove(&0), Some(vec![0]), "nothing goes past it");
    let held = eventually("only two wait, behind it", async || {
        let waiting: proto::Page<proto::Task> = api.get("/v1/queues/q/tasks?state=pending").await;
        (waiting.items.len() == 2).then_some(waiting.items)
    })
    .await;
    let path = format!("/v1/tasks/{}/deliveries", held[0].id);
    let deliveries: proto::Page<proto::Delivery> = api.get(&path).await;
    let is_pending = |delivery: &&proto::Delivery| delivery.state == proto::DeliveryState::Pending;
    let waiting = deliveries.items.iter().find(is_pending).expect("it waits");
    let read: proto::Delivery = api.get(&format!("/v1/deliveries/{}", waiting.id)).await;
    let why = read.why.expect("it says why");
    assert_eq!(
        why.waits_for,
        Some(proto::DeliveryWait::Order),
        "{}",
        why.sentence
    );
    // Cancelled, it gives way.
    let tasks: proto::Page<proto::Task> = api.get("/v1/queues/q/tasks?state=retrying").await;
    let _: proto::Cancelled = api.act(&format!("/v1/tasks/{}/cancel", tasks.items[0].id)).await;
    let mut blocked = by_key(&receiver.until("/block", 6).await);
    assert_eq!(blocked.remove(&0), Some(vec![0, 1, 2]));
}

#[tokio::test]
async fn one_that_grew_too_old_gives_way() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api) = (home.start(&[]).await, home.api());
    api.make_queue("q").await;
    let settings = json!({ "ordering": { "mode": "fifo" }, "max_age": "1s" });
    let endpoint = api.make_endpoint("q", &receiver.url("/"), settings).await;
    api.switch(&endpoint, "pause").await;
    for number in 0..2 {
        api.enqueue("q", json!({ "payload": { "number": number } })).await;
    }
    let first = eventually("the first is dead", async || {
        api.dead_letters(&endpoint).await.first().cloned()
    })
    .await;
    assert!(first.reason.contains("max_age"), "{}", first.reason);
    // A look finds both, the one that goes and the one that is held behind it.
    let begun = Instant::now();
    eventually("so is the second", async || {
        (api.dead_letters(&endpoint).await.len() == 2).then_some(())
    })
    .await;
    assert!(begun.elapsed() < Duration::from_secs(28), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_waits_in_order_for_an_endpoint_that_is_down_grows_too_old_together() {
    const COUNT: usize = 100;
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api) = (home.start(&[]).await, home.api());
    receiver.answer("/", |_| Reply::status(503));
    api.make_queue("q").await;
    // It counts as down from the first failure on, for longer than this takes.
    let settings = json!({
        "ordering": { "mode": "fifo" }, "max_age": "5s", "breaker": { "failures": 1, "pause": "10m" },
        "retry": { "schedule": ["1s"], "attempts": 100, "jitter": 0 },
    });
    let endpoint = api.make_endpoint("q", &receiver.url("/"), settings).await;
    let begun = Instant::now();
    let task = |number: usize| json!({ "priority": number % 10, "payload": { "number": number } });
    let tasks: Vec<Value> = (0..COUNT).map(task).collect();
    let result: BatchResult = api.post("/v1/queues/q/tasks/batch", &json!(tasks)).await;
    assert_eq!(result.rejected, 0);
    let path = format!("/v1/dead-letters/groups?endpoint={}", endpoint.id);
    let groups = eventually("all are dead", async || {
        let letters: DeadLetterGroups = api.get(&path).await;
        (letters.count == COUNT as u64).then_some(letters.groups)
    })
    .await;
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    let is_too_old = |reason: &str| reason.contains("max_age (5s)");
    assert!(groups.iter().all(|group| is_too_old(&group.reason)), "{groups:?}");
    assert_eq!(receiver.count("/"), 1, "none went while it was down");
}

#[tokio::test]
async fn what_is_held_behind_one_that_hangs_grows_too_old_and_it_arrives_still() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api) = (home.start(&[]).await, home.api());
    let gate = Gate::closed();
    let holding = gate.clone();
    receiver.answer("/", move |_| Reply::status(200).through(&holding));
    api.make_queue("q").await;
    let settings = json!({ "ordering": { "mode": "fifo" }, "max_age": "3s", "timeout": "10m" });
    let endpoint = api.make_endpoint("q", &receiver.url("/"), settings).await;
    let mut tasks = vec![];
    for number in 0..4 {
        tasks.push(api.enqueue("q", json!({ "payload": { "number": number } })).await);
    }
    receiver.until("/", 1).await;
    for held in &tasks[1..] {
        api.until_task(*held, TaskState::Dead).await;
    }
    for letter in api.dead_letters(&endpoint).await {
        assert!(letter.reason.contains("max_age (3s)"), "{}", letter.reason);
    }
    gate.open();
    api.until_task(tasks[0], TaskState::Delivered).await;
    // The dead make way.
    let fresh = api.enqueue("q", json!({ "payload": { "number": 4 } })).await;
    api.until_task(fresh, TaskState::Delivered).await;
    let arrivals = receiver.at("/");
    let numbers: Vec<u64> = arrivals.iter().map(|arrival| number(arrival).1).collect();
    assert_eq!(numbers, [0, 4]);
}
