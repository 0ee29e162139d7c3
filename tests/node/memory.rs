//! What lanes hold in memory, and that what some hold is never missing to others.

use std::time::Duration;

use http::Method;
use proto::{Endpoint, Lane};
use serde_json::{Value, json};

use crate::harness::{Api, Gate, Home, Receiver, Reply, eventually, turns};

/// Little memory for deliveries, so that few of them fill it.
const LITTLE: &str = "dispatcher.buffer_bytes=1MiB";

async fn enqueue(api: &Api, queue: &str, tasks: usize) {
    let payload = "p".repeat(200);
    let batch: Vec<Value> = (0..tasks)
        .map(|number| json!({ "payload": [number, payload] }))
        .collect();
    let path = format!("/v1/queues/{queue}/tasks/batch");
    let _: Value = api.post(&path, &Value::Array(batch)).await;
}

async fn lane(api: &Api, endpoint: &Endpoint) -> Lane {
    api.get(&format!("/v1/endpoints/{}/lane", endpoint.id)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queues_that_are_deleted_while_they_drain_leave_no_trace_in_memory() {
    let _turn = turns::busy().await;
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api) = (home.start(&[LITTLE]).await, home.api());
    for round in 0..6 {
        let (queue, path) = (format!("q{round}"), format!("/{round}"));
        api.make_queue(&queue).await;
        let endpoint = api.make_endpoint(&queue, &receiver.url(&path), json!({})).await;
        api.switch(&endpoint, "pause").await;
        enqueue(&api, &queue, 9_000).await;
        api.switch(&endpoint, "resume").await;
        receiver.within(Duration::from_mins(1), &path, 500).await;
        let deleted = api
            .send(Method::DELETE, &format!("/v1/queues/{queue}"), &[], "")
            .await;
        assert_eq!(deleted.expect("an answer").status, 204);
        assert!(receiver.count(&path) < 9_000, "it was drained too fast to tell");
    }
    api.make_queue("last").await;
    api.make_endpoint("last", &receiver.url("/last"), json!({})).await;
    enqueue(&api, "last", 3_000).await;
    receiver.within(Duration::from_mins(1), "/last", 3_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoints_that_hang_give_back_what_they_hold() {
    let _turn = turns::busy().await;
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api) = (home.start(&[LITTLE]).await, home.api());
    let gate = Gate::closed();
    let mut hanging = vec![];
    for number in 0..8 {
        let (queue, path, gate) = (format!("q{number}"), format!("/{number}"), gate.clone());
        receiver.answer(&path, move |_| Reply::status(200).through(&gate));
        api.make_queue(&queue).await;
        let (url, settings) = (receiver.url(&path), json!({ "max_in_flight": 10 }));
        hanging.push(api.make_endpoint(&queue, &url, settings).await);
        enqueue(&api, &queue, 900).await;
    }
    for endpoint in &hanging {
        eventually("it holds next to nothing", async || {
            Some(lane(&api, endpoint).await)
                .filter(|lane| lane.ready <= 16 && lane.backlog && lane.in_flight == 10)
        })
        .await;
    }
    gate.open();
    for number in 0..8 {
        receiver
            .within(Duration::from_mins(1), &format!("/{number}"), 900)
            .await;
    }
}
