//! What waits: paused queues and endpoints, delayed tasks, tasks that expire or are cancelled; and in which order it goes.

use std::time::{Duration, Instant};

use proto::{Cancelled, Count, Endpoint, TaskState, TestResult};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Api, Home, Node, Receiver, Reply};

/// A node with a queue `q` and an endpoint at `/`.
async fn one_endpoint(home: &Home, receiver: &Receiver, settings: Value) -> (Node, Api, Endpoint) {
    let (node, api) = (home.start(&[]).await, home.api());
    api.make_queue("q").await;
    let endpoint = api.make_endpoint("q", &receiver.url("/"), settings).await;
    (node, api, endpoint)
}

/// Time in which what should not be sent would have been.
const A_WHILE: Duration = Duration::from_millis(700);

#[tokio::test]
async fn a_paused_queue_and_a_paused_endpoint_keep_their_tasks() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (mut node, api, endpoint) = one_endpoint(&home, &receiver, json!({})).await;
    let (queue, endpoint) = (
        "/v1/queues/q".to_owned(),
        format!("/v1/endpoints/{}", endpoint.id),
    );
    for (arrived, paused) in [queue, endpoint].into_iter().enumerate() {
        let _: Value = api.act(&format!("{paused}/pause")).await;
        let task = api.enqueue("q", json!({ "payload": 1 })).await;
        tokio::time::sleep(A_WHILE).await;
        assert_eq!(receiver.count("/"), arrived, "it waits");
        // A pause outlives the node.
        node.kill().await;
        node = home.start(&[]).await;
        tokio::time::sleep(A_WHILE).await;
        assert_eq!(
            (receiver.count("/"), api.task(task).await.state),
            (arrived, TaskState::Pending)
        );
        let _: Value = api.act(&format!("{paused}/resume")).await;
        api.until_task(task, TaskState::Delivered).await;
    }
    drop(node);
}

#[tokio::test]
async fn a_test_is_sent_though_the_endpoint_is_paused() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api, endpoint) = one_endpoint(&home, &receiver, json!({})).await;
    api.switch(&endpoint, "pause").await;
    let waiting = api.enqueue("q", json!({ "payload": "waits" })).await;
    let test = format!("/v1/endpoints/{}/test", endpoint.id);
    let sent: TestResult = api.act(&test).await;
    assert!(sent.delivered && sent.attempt.is_some_and(|attempt| attempt.status == Some(200)));
    let arrivals = receiver.at("/");
    assert_eq!(
        (
            arrivals.len(),
            arrivals[0].id,
            arrivals[0].header("posthaste-type")
        ),
        (1, sent.task, "posthaste.test")
    );
    receiver.answer("/", |_| Reply::status(500));
    let failed: TestResult = api
        .post(&test, &json!({ "type": "my.test", "payload": [1] }))
        .await;
    assert!(!failed.delivered && failed.attempt.is_some_and(|attempt| attempt.verdict == "dead"));
    assert_eq!(
        api.dead_letters(&endpoint).await,
        [],
        "a test leaves no dead letter"
    );
    assert_eq!(
        (
            receiver.at("/")[1].header("posthaste-type"),
            &receiver.at("/")[1].body[..]
        ),
        ("my.test", &b"[1]"[..])
    );
    assert_eq!(api.task(waiting).await.state, TaskState::Pending);
}

#[tokio::test]
async fn a_delayed_task_comes_when_it_is_due() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (node, api, _) = one_endpoint(&home, &receiver, json!({})).await;
    let begun = Instant::now();
    let late = api
        .enqueue("q", json!({ "payload": "late", "delay": "5s" }))
        .await;
    let soon = api
        .enqueue("q", json!({ "payload": "soon", "delay": "2s" }))
        .await;
    let due = api.task(late).await.due_at;
    let never = api
        .enqueue("q", json!({ "payload": "never", "delay": "4s" }))
        .await;
    assert_eq!(api.task(late).await.state, TaskState::Scheduled);
    let cancelled: Cancelled = api.act(&format!("/v1/tasks/{never}/cancel")).await;
    assert_eq!(
        (cancelled.cancelled, api.task(never).await.state),
        (1, TaskState::Cancelled)
    );
    // A node that was started meanwhile knows of it as well.
    node.kill().await;
    let _node = home.start(&[]).await;
    let arrivals = receiver.until("/", 2).await;
    assert_eq!(
        arrivals.iter().map(|arrival| arrival.id).collect::<Vec<_>>(),
        [soon, late]
    );
    assert!(
        arrivals[0].at - begun >= Duration::from_secs(2) && arrivals[1].at - begun >= Duration::from_secs(5)
    );
    let exact = api
        .enqueue(
            "q",
            json!({ "payload": "exact", "due_at": due + Duration::from_secs(1) }),
        )
        .await;
    assert_eq!(receiver.until("/", 3).await[2].id, exact);
}

#[tokio::test]
async fn a_task_that_has_expired_is_not_sent() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api, endpoint) = one_endpoint(&home, &receiver, json!({})).await;
    api.switch(&endpoint, "pause").await;
    let kept = api.enqueue("q", json!({ "payload": "kept" })).await;
    let end = api.task(kept).await.created_at + Duration::from_secs(3);
    let expired = api
        .enqueue("q", json!({ "payload": "stale", "expires_at": end }))
        .await;
    tokio::time::sleep(Duration::from_millis(3_100)).await;
    api.switch(&endpoint, "resume").await;
    api.until_task(expired, TaskState::Dead).await;
    api.until_task(kept, TaskState::Delivered).await;
    let letters = api.dead_letters(&endpoint).await;
    assert_eq!(
        (letters.len(), letters[0].task, letters[0].attempts),
        (1, expired, 0)
    );
    assert!(letters[0].reason.contains("expired"), "{}", letters[0].reason);
    assert_eq!(receiver.count("/"), 1);
}

#[tokio::test]
async fn a_task_is_cancelled_or_purged_before_it_is_sent() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api, endpoint) = one_endpoint(&home, &receiver, json!({})).await;
    api.switch(&endpoint, "pause").await;
    let mut tasks = vec![];
    for number in 0..4 {
        tasks.push(api.enqueue("q", json!({ "payload": number })).await);
    }
    let cancel = async |task: Uuid| -> u32 {
        let cancelled: Cancelled = api.act(&format!("/v1/tasks/{task}/cancel")).await;
        cancelled.cancelled
    };
    assert_eq!((cancel(tasks[0]).await, cancel(tasks[0]).await), (1, 0), "once");
    assert_eq!(api.attempts(tasks[0]).await[0].verdict, "cancelled");
    api.switch(&endpoint, "resume").await;
    receiver.until("/", 3).await;
    api.until_task(tasks[3], TaskState::Delivered).await;
    assert_eq!(cancel(tasks[3]).await, 0, "too late");
    let _: Value = api.act("/v1/queues/q/pause").await;
    for number in 0..5 {
        tasks.push(api.enqueue("q", json!({ "payload": number })).await);
    }
    let purged: Count = api.act(&format!("/v1/endpoints/{}/purge", endpoint.id)).await;
    assert_eq!(purged.count, 5);
    let last = api.enqueue("q", json!({ "payload": "last" })).await;
    let _: Value = api.act("/v1/queues/q/resume").await;
    api.until_task(last, TaskState::Delivered).await;
    assert_eq!(receiver.count("/"), 4, "nothing of what was taken back");
    assert_eq!(api.task(tasks[4]).await.state, TaskState::Cancelled);
}

#[tokio::test]
async fn the_higher_priority_goes_first() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api, endpoint) = one_endpoint(&home, &receiver, json!({ "max_in_flight": 1 })).await;
    api.switch(&endpoint, "pause").await;
    for priority in [3, 9, 0, 4, 7, 1, 8, 2, 6, 5] {
        for _ in 0..2 {
            api.enqueue("q", json!({ "payload": priority, "priority": priority }))
                .await;
        }
    }
    api.switch(&endpoint, "resume").await;
    let arrivals = receiver.until("/", 20).await;
    let order: String = arrivals
        .iter()
        .map(|arrival| String::from_utf8_lossy(&arrival.body).into_owned())
        .collect();
    assert_eq!(order, "99887766554433221100");
}
