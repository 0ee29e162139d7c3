//! Endpoints that are down: what waits for them, how they are found to be back, and when they are given up.

use std::time::Duration;

use proto::{BreakerState, Delivery, Endpoint, EndpointStatus, Lane, Page, Queue, TaskState, TestResult};
use serde_json::{Value, json};
use testing::Database;

use crate::harness::{Api, Home, Receiver, Reply, eventually, postgres};

async fn lane(api: &Api, endpoint: &Endpoint) -> Lane {
    api.get(&format!("/v1/endpoints/{}/lane", endpoint.id)).await
}

async fn depth(api: &Api) -> u64 {
    let queue: Queue = api.get("/v1/queues/q").await;
    queue.depth
}

/// The endpoint of a queue `q`, which is down, and whose breaker opens soon.
async fn down(api: &Api, receiver: &Receiver) -> Endpoint {
    receiver.answer("/", |_| Reply::status(503));
    api.make_queue("q").await;
    let settings = json!({
        "max_in_flight": 2,
        "breaker": { "failures": 5, "pause": "500ms", "max_pause": "1s" },
        "retry": { "schedule": ["1s"], "attempts": 100 },
    });
    api.make_endpoint("q", &receiver.url("/"), settings).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_an_endpoint_that_is_down_uses_up_no_attempts() {
    const TASKS: usize = 300;
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api) = (home.start(&[]).await, home.api());
    let endpoint = down(&api, &receiver).await;
    api.make_endpoint("q", &receiver.url("/well"), json!({})).await;
    let tasks: Vec<Value> = (0..TASKS).map(|number| json!({ "payload": number })).collect();
    let _: Value = api.post("/v1/queues/q/tasks/batch", &Value::Array(tasks)).await;
    receiver.until("/well", TASKS).await;
    let open = eventually("the lane tells that it is open", async || {
        Some(lane(&api, &endpoint).await).filter(|lane| lane.breaker == BreakerState::Open)
    })
    .await;
    assert!(
        open.probe_at.is_some() && open.ready > 0 && open.failing_since.is_some(),
        "{open:?}"
    );
    let (before, last) = (
        receiver.count("/"),
        api.enqueue("q", json!({ "payload": "last" })).await,
    );
    assert!(before < 5 + 2 + 6, "{before} were tried");
    tokio::time::sleep(Duration::from_secs(4)).await;
    let probes = receiver.count("/") - before;
    assert!((1..=10).contains(&probes), "{probes} probes in 4 s");
    let deliveries: Page<Delivery> = api.get(&format!("/v1/tasks/{last}/deliveries")).await;
    let waits = deliveries.items.iter().find(|one| one.endpoint == endpoint.id);
    assert_eq!(waits.map(|one| one.attempts), Some(0));
    // It is back: everything goes, and nothing was lost.
    receiver.answer("/", |_| Reply::status(200));
    eventually("everything is delivered", async || {
        (depth(&api).await == 0).then_some(())
    })
    .await;
    let tried = receiver.count("/");
    assert!(tried <= TASKS + 1 + 40, "{tried} requests for {TASKS} tasks");
    eventually("the lane is closed", async || {
        let lane = lane(&api, &endpoint).await;
        (lane.breaker == BreakerState::Closed && lane.failing_since.is_none()).then_some(())
    })
    .await;
    assert!(api.dead_letters(&endpoint).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opening_and_closing_on_a_hundred_thousand_that_wait_writes_none_of_them() {
    const BATCHES: u64 = 10;
    const BATCH: u64 = 10_000;
    /// PostgreSQL's connections tell what they wrote after 10 s without work at the latest.
    const TOLD: Duration = Duration::from_secs(12);
    let database = Database::create().await;
    let home = Home::at(database.url());
    let (receiver, _node) = (Receiver::start().await, home.start(&[]).await);
    let api = home.api();
    let endpoint = down(&api, &receiver).await;
    api.switch(&endpoint, "pause").await;
    for _ in 0..BATCHES {
        let tasks: Vec<Value> = (0..BATCH).map(|number| json!({ "payload": number })).collect();
        let _: Value = api.post("/v1/queues/q/tasks/batch", &Value::Array(tasks)).await;
    }
    tokio::time::sleep(TOLD).await;
    let before = postgres::writes(database.url(), "deliveries");
    assert!(before >= BATCHES * BATCH, "{before}");
    api.switch(&endpoint, "resume").await;
    eventually("the lane tells that it is open", async || {
        Some(lane(&api, &endpoint).await).filter(|lane| lane.breaker == BreakerState::Open)
    })
    .await;
    receiver.answer("/", |_| Reply::status(200).after(Duration::from_millis(100)));
    eventually("the lane is closed", async || {
        Some(lane(&api, &endpoint).await).filter(|lane| lane.breaker == BreakerState::Closed)
    })
    .await;
    api.switch(&endpoint, "pause").await;
    tokio::time::sleep(TOLD).await;
    let (requests, writes) = (
        receiver.count("/") as u64,
        postgres::writes(database.url(), "deliveries") - before,
    );
    assert!(
        writes <= requests,
        "{writes} rows written for {requests} requests"
    );
    assert!(requests < 200, "{requests} requests");
    assert!(depth(&api).await >= BATCHES * BATCH - requests);
}

/// It takes a minute, which is the least that can be set.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_fails_for_too_long_is_disabled_until_a_test_passes() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api) = (home.start(&[]).await, home.api());
    receiver.answer("/", |_| Reply::status(500));
    api.make_queue("posthaste.ops").await;
    api.make_endpoint("posthaste.ops", &receiver.url("/ops"), json!({}))
        .await;
    api.make_queue("q").await;
    let settings = json!({
        "disable_after": "1m", "retry": { "schedule": ["3s"], "attempts": 100, "jitter": 0 },
    });
    let endpoint = api.make_endpoint("q", &receiver.url("/"), settings).await;
    let waiting = api.enqueue("q", json!({ "payload": 1 })).await;
    let told = receiver.until("/ops", 1).await;
    assert_eq!(told[0].header("posthaste-type"), "endpoint.disabled");
    let payload: Value = serde_json::from_slice(&told[0].body).expect("JSON");
    assert_eq!(payload["endpoint"], endpoint.id.to_string());
    let disabled = api.endpoint(endpoint.id).await;
    assert_eq!(disabled.status, EndpointStatus::Disabled);
    let reason = disabled.disabled_reason.unwrap_or_default();
    assert!(reason.contains("nothing but failures"), "{reason}");
    // A test that fails changes nothing; one that passes releases what waited.
    let test = format!("/v1/endpoints/{}/test", endpoint.id);
    let failed: TestResult = api.act(&test).await;
    assert!(!failed.delivered);
    assert_eq!(api.endpoint(endpoint.id).await.status, EndpointStatus::Disabled);
    receiver.answer("/", |_| Reply::status(200));
    let passed: TestResult = api.act(&test).await;
    assert!(passed.delivered);
    api.until_task(waiting, TaskState::Delivered).await;
    assert_eq!(api.endpoint(endpoint.id).await.status, EndpointStatus::Enabled);
    let told = receiver.until("/ops", 2).await;
    assert_eq!(told[1].header("posthaste-type"), "endpoint.recovered");
    let payload: Value = serde_json::from_slice(&told[1].body).expect("JSON");
    assert_eq!(
        (&payload["was"], &payload["enabled_by"]),
        (&"disabled".into(), &"test".into())
    );
    assert_eq!(receiver.count("/ops"), 2);
}
