//! `/v1/events`.

use std::time::Duration;

use axum::http::StatusCode;
use gateway::Config;
use proto::{EventMessage, KeyUpdate, Scope};
use queue::{events::Limits, verdict::Verdict};
use tokio::time::timeout;

use crate::{
    kit::now,
    server::{FOREVER, Server},
};

#[tokio::test]
async fn tells_what_happens_in_order() {
    let server = Server::start().await;
    let mut events = server.listen("/v1/events").await;
    server.app.make_queue("q").await;
    let endpoint = server.app.make_endpoint("q", "").await.id;
    let task = server
        .app
        .enqueue("q", r#"{"type":"invoice.paid","payload":1}"#)
        .await
        .id;
    server.app.finish_all(endpoint, 200, Verdict::Delivered).await;
    assert_eq!(events.names(2).await, ["queue.created", "endpoint.created"]);
    for (name, status) in [("task.enqueued", None), ("delivery.delivered", Some(200))] {
        let heard = events.next().await.unwrap();
        assert_eq!(heard.name, name);
        let EventMessage::Event(event) = heard.message else {
            panic!("{heard:?}");
        };
        assert_eq!((event.task, event.status), (Some(task), status));
        assert_eq!(
            (event.queue.as_str(), event.task_type.as_deref()),
            ("q", Some("invoice.paid"))
        );
    }
}

#[tokio::test]
async fn each_is_told_what_its_filter_means() {
    let server = Server::start().await;
    for name in ["a", "b"] {
        server.app.make_queue(name).await;
    }
    let endpoint = server.app.make_endpoint("a", "").await.id;
    let mut of_b = server.listen("/v1/events?queue=b").await;
    let mut dead = server.listen("/v1/events?state=dead,delivery.retrying").await;
    let mut paid = server
        .listen("/v1/events?type=invoice.*&state=enqueued,unmatched")
        .await;
    let mut of_endpoint = server.listen(&format!("/v1/events?endpoint={endpoint}")).await;
    let first = server
        .app
        .enqueue("a", r#"{"type":"invoice.paid","payload":1}"#)
        .await
        .id;
    let mut of_task = server.listen(&format!("/v1/events?task={first}")).await;
    server.app.enqueue("b", r#"{"payload":1}"#).await;
    let retry = Verdict::Retry { at: now() };
    server.app.finish_all(endpoint, 500, retry).await;
    server.app.finish_all(endpoint, 404, Verdict::Dead).await;
    server
        .app
        .enqueue("b", r#"{"type":"invoice.due","payload":1}"#)
        .await;
    server
        .app
        .act(&format!("/v1/endpoints/{endpoint}/pause"))
        .await
        .is(StatusCode::OK);

    assert_eq!(of_b.names(2).await, ["task.unmatched"; 2]);
    assert_eq!(dead.names(2).await, ["delivery.retrying", "delivery.dead"]);
    assert_eq!(paid.names(2).await, ["task.enqueued", "task.unmatched"]);
    let of_it = ["delivery.retrying", "delivery.dead", "endpoint.paused"];
    assert_eq!(of_endpoint.names(3).await, of_it);
    assert_eq!(of_task.names(2).await, ["delivery.retrying", "delivery.dead"]);
}

#[tokio::test]
async fn a_key_hears_of_its_own_queues_only() {
    let server = Server::start().await;
    let tenant = server.key(Scope::Read, "a-*").await.key.unwrap();
    let mut everything = server.listen_as(&tenant, "/v1/events", "").await;
    let mut by_name = server.listen_as(&tenant, "/v1/events?queue=b-1,a-2", "").await;
    let other = server.app.make_queue("b-1").await;
    server.app.enqueue("b-1", r#"{"payload":1}"#).await;
    server.app.act("/v1/queues/b-1/pause").await.is(StatusCode::OK);
    for name in ["a-1", "a-2"] {
        server.app.make_queue(name).await;
    }
    for (events, queue) in [(&mut everything, "a-1"), (&mut by_name, "a-2")] {
        let heard = events.next().await.unwrap();
        let EventMessage::Event(event) = heard.message else {
            panic!("{heard:?}");
        };
        assert_eq!(event.queue, queue);
        assert_ne!(event.queue, other.name);
    }
}

#[tokio::test]
async fn who_comes_back_goes_on_after_the_last_id() {
    let server = Server::start().await;
    server.app.make_queue("q").await;
    let mut events = server.listen("/v1/events").await;
    server.app.act("/v1/queues/q/pause").await;
    let last = events.next().await.unwrap().id.unwrap();
    drop(events);
    server.app.act("/v1/queues/q/resume").await;
    server.app.enqueue("q", r#"{"payload":1}"#).await;
    let header = format!("Last-Event-ID: {last}\r\n");
    let mut again = server.listen_as(&server.app.key, "/v1/events", &header).await;
    assert_eq!(again.names(2).await, ["queue.resumed", "task.unmatched"]);
    let mut again = server.listen(&format!("/v1/events?after={last}")).await;
    server.app.act("/v1/queues/q/pause").await;
    assert_eq!(
        again.names(3).await,
        ["queue.resumed", "task.unmatched", "queue.paused"]
    );
    // From where nobody remembers.
    let unknown = "0198c0de-0000-7000-8000-000000000000";
    let mut forgotten = server.listen(&format!("/v1/events?after={unknown}")).await;
    let first = forgotten.next().await.unwrap();
    let EventMessage::Missed(missed) = first.message else {
        panic!("{first:?}");
    };
    assert_eq!(missed.count, None);
    server.app.act("/v1/queues/q/resume").await;
    assert_eq!(forgotten.names(1).await, ["queue.resumed"]);
}

#[tokio::test]
async fn who_does_not_read_is_told_how_many_it_missed_and_holds_up_no_enqueue() {
    const BATCHES: usize = 6;
    const BATCH: usize = 10_000;
    let limits = Limits {
        buffer: 100,
        ..Limits::default()
    };
    let server = Server::with(Config::default(), limits).await;
    server.app.make_queue("q").await;
    let mut slow = server.listen("/v1/events?queue=q").await;
    let tasks = vec![r#"{"payload":1}"#; BATCH].join("\n");
    for _ in 0..BATCHES {
        let answer = server
            .app
            .request(axum::http::Method::POST, "/v1/queues/q/tasks/batch")
            .header("content-type", "application/x-ndjson")
            .body(tasks.clone())
            .send()
            .await
            .is(StatusCode::OK);
        assert_eq!(answer.json()["accepted"], BATCH);
    }
    // All were answered, and the slow one has not read a byte of it.
    let (mut told, mut missed) = (0, 0);
    while told + missed < BATCHES * BATCH {
        match slow.next().await.unwrap().message {
            EventMessage::Event(_) => told += 1,
            EventMessage::Missed(gap) => missed += usize::try_from(gap.count.unwrap()).unwrap(),
        }
    }
    assert_eq!(told + missed, BATCHES * BATCH);
    assert!(missed > 0 && told > 0, "{told} {missed}");
}

#[tokio::test]
async fn says_something_although_nothing_happens() {
    let config = Config {
        heartbeat: Duration::from_millis(50),
        ..Config::default()
    };
    let server = Server::with(config, Limits::default()).await;
    let mut events = server.listen("/v1/events").await;
    for _ in 0..3 {
        assert_eq!(events.block().await.as_deref(), Some(":"));
    }
}

#[tokio::test]
async fn outlasts_the_time_of_a_request() {
    let config = Config {
        request_timeout: Duration::from_millis(300),
        heartbeat: Duration::from_millis(100),
        ..Config::default()
    };
    let server = Server::with(config, Limits::default()).await;
    let mut events = server.listen("/v1/events").await;
    for _ in 0..10 {
        assert_eq!(events.block().await.as_deref(), Some(":"));
    }
}

#[tokio::test]
async fn ends_when_its_key_does() {
    let server = Server::start().await;
    let (revoked, narrowed, expiring) = (
        server.key(Scope::Read, "*").await,
        server.key(Scope::Read, "*").await,
        server.key(Scope::Read, "*").await,
    );
    let text = |key: &proto::Key| key.key.clone().unwrap();
    let mut of_revoked = server.listen_as(&text(&revoked), "/v1/events", "").await;
    let mut of_narrowed = server.listen_as(&text(&narrowed), "/v1/events", "").await;
    let mut of_expiring = server.listen_as(&text(&expiring), "/v1/events", "").await;
    let mut stays = server.listen("/v1/events").await;
    server.app.queue.revoke_key(revoked.id, now()).await.unwrap();
    assert_eq!(of_revoked.next().await, None);
    let update = KeyUpdate {
        queues: Some(vec!["a".into()]),
        ..KeyUpdate::default()
    };
    server
        .app
        .queue
        .update_key(narrowed.id, update, now())
        .await
        .unwrap();
    assert_eq!(of_narrowed.next().await, None);
    // Put off first: a new end takes the place of an old one.
    for later in [Duration::from_mins(10), Duration::from_secs(1)] {
        let update = KeyUpdate {
            expires_at: Some(Some(now() + later)),
            ..KeyUpdate::default()
        };
        server
            .app
            .queue
            .update_key(expiring.id, update, now())
            .await
            .unwrap();
    }
    assert_eq!(of_expiring.next().await, None);
    server.app.make_queue("q").await;
    assert_eq!(stays.names(1).await, ["queue.created"]);
}

#[tokio::test]
async fn ends_cleanly_when_the_gateway_stops() {
    let server = Server::start().await;
    let mut events = server.listen("/v1/events").await;
    server.app.make_queue("q").await;
    assert_eq!(events.names(1).await, ["queue.created"]);
    server.stop.cancel();
    assert_eq!(events.next().await, None);
    let ended = timeout(FOREVER, server.serving).await.expect("it does not stop");
    ended.unwrap().unwrap();
}
