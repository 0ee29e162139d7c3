//! When a request is made again.

use std::time::Duration;

use posthaste_client::{
    Client, Error, Lines, Retries,
    proto::{NewEndpoint, NewQueue, NewSecret, NewTask, QueueUpdate, TestSend},
};
use uuid::Uuid;

use crate::server::{Reply, Server, json, problem};

const ACCEPTED: &str = r#"{"id":"00000000-0000-0000-0000-000000000001","deliveries":1}"#;
const QUEUE: &str = r#"{"id":"00000000-0000-0000-0000-000000000001","name":"q","description":"","settings":{},"paused":true,"endpoints":0,"depth":0,
    "created_at":"2026-01-31T12:00:00Z","updated_at":"2026-01-31T12:00:00Z"}"#;

fn task() -> NewTask {
    serde_json::from_str(r#"{"payload":1}"#).unwrap()
}

#[tokio::test]
async fn an_enqueue_is_repeated_under_one_key_until_it_is_answered() {
    for first in [
        problem(503, None),
        problem(429, None),
        problem(502, None),
        Reply::Break,
    ] {
        let server = Server::start([first.clone(), first, json(202, ACCEPTED)]).await;
        let enqueued = server.client().enqueue("q", task()).await.unwrap();
        assert_eq!(enqueued.id, Uuid::from_u128(1));
        let asked = server.asked();
        assert_eq!(asked.len(), 3);
        let keys: Vec<_> = asked
            .iter()
            .map(|asked| asked.json()["idempotency_key"].clone())
            .collect();
        assert_eq!(keys[0].as_str().map(str::len), Some(32));
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    }
}

#[tokio::test]
async fn each_task_has_a_key_of_its_own_and_keeps_the_callers() {
    let server = Server::start([json(202, ACCEPTED)]).await;
    let client = server.client();
    client.enqueue("q", task()).await.unwrap();
    client.enqueue("q", task()).await.unwrap();
    let own = NewTask {
        idempotency_key: Some("own".into()),
        ..task()
    };
    client.enqueue("q", own).await.unwrap();
    let keys: Vec<_> = server
        .asked()
        .iter()
        .map(|asked| asked.json()["idempotency_key"].clone())
        .collect();
    assert_ne!(keys[0], keys[1]);
    assert_eq!(keys[2], "own");
}

#[tokio::test]
async fn without_a_key_only_what_was_certainly_not_done_is_repeated() {
    for (first, asked) in [
        (problem(503, None), 1),
        (Reply::Break, 1),
        (problem(429, None), 2),
    ] {
        let server = Server::start([first.clone(), json(202, ACCEPTED)]).await;
        let client = Client::builder(&server.url())
            .without_idempotency_keys()
            .build()
            .unwrap();
        let result = client.enqueue("q", task()).await;
        assert_eq!(
            (result.is_ok(), server.asked().len()),
            (asked == 2, asked),
            "{first:?}"
        );
        assert!(server.asked()[0].json().get("idempotency_key").is_none());
    }
    let server = Server::start([problem(503, None)]).await;
    let mut lines = Lines::new();
    lines.push(br#"{"payload":1}"#, Some("a"));
    lines.push(br#"{"payload":1}"#, None);
    assert!(server.client().enqueue_lines("q", &lines).await.is_err());
    assert_eq!(server.asked().len(), 1, "one line has no key");
}

#[tokio::test]
async fn what_makes_something_new_is_not_repeated_and_what_sets_something_is() {
    let server = Server::start([problem(503, None)]).await;
    let client = server.client();
    let id = Uuid::from_u128(1);
    let count = |server: &Server| server.asked().len();
    let _ = client.make_queue(&NewQueue::default()).await.unwrap_err();
    let _ = client
        .make_endpoint("q", &NewEndpoint::default())
        .await
        .unwrap_err();
    let _ = client.test_endpoint(id, &TestSend::default()).await.unwrap_err();
    let _ = client.rotate_secret(id, &NewSecret::default()).await.unwrap_err();
    let _ = client.replay(id).await.unwrap_err();
    assert_eq!(count(&server), 5);
    let _ = client.queue("q").await.unwrap_err();
    let _ = client.queues().page().await.unwrap_err();
    let _ = client
        .update_queue("q", &QueueUpdate::default())
        .await
        .unwrap_err();
    let _ = client.pause_queue("q").await.unwrap_err();
    let _ = client.enable_endpoint(id).await.unwrap_err();
    let _ = client.delete_endpoint(id).await.unwrap_err();
    assert_eq!(count(&server), 5 + 6 * 3);
}

#[tokio::test]
async fn a_pause_that_is_asked_for_is_kept_and_one_too_long_is_handed_on() {
    let server = Server::start([problem(429, Some("1")), json(200, QUEUE)]).await;
    assert!(server.client().pause_queue("q").await.unwrap().paused);
    let asked = server.asked();
    assert!(asked[1].at - asked[0].at >= Duration::from_secs(1));

    let server = Server::start([problem(429, Some("3"))]).await;
    let error = server.client().pause_queue("q").await.unwrap_err();
    let refused = error.refused().unwrap();
    assert_eq!(
        (refused.retry_after, refused.problem.status),
        (Some(Duration::from_secs(3)), 429)
    );
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn what_an_unanswered_attempt_deleted_is_deleted() {
    let server = Server::start([Reply::Break, problem(404, None)]).await;
    server.client().delete_queue("q").await.unwrap();
    let server = Server::start([problem(404, None)]).await;
    let error = server.client().delete_queue("q").await.unwrap_err();
    assert_eq!(error.status(), Some(404), "it was not there from the first");
}

#[tokio::test]
async fn nobody_there_is_told_after_some_attempts() {
    let (listener, server) = Server::bind([]).await;
    drop(listener);
    let error = server.client().queue("q").await.unwrap_err();
    assert!(matches!(error, Error::Unreached { .. }) && error.was_not_sent());
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("no answer from {}/v1/queues/q: ", server.url())),
        "{text}"
    );
    assert!(text.contains("refused"), "{text}");
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_not_waited_for() {
    let (_listener, server) = Server::bind([]).await;
    let client = Client::builder(&server.url())
        .timeout(Duration::from_millis(50))
        .retries(Retries::NONE)
        .build()
        .unwrap();
    let error = client.queue("q").await.unwrap_err();
    assert!(!error.was_not_sent());
    assert!(error.to_string().ends_with("it took too long"), "{error}");
}
