//! Repeats under an idempotency key.

use std::collections::HashSet;

use axum::http::{Method, StatusCode};
use proto::Enqueued;

use crate::kit::{Answer, App};

const TASKS: &str = "/v1/queues/q/tasks";

async fn with_header(app: &App, key: &str, json: &str) -> Answer {
    app.request(Method::POST, TASKS)
        .header("idempotency-key", key)
        .json(json)
        .send()
        .await
}

#[tokio::test]
async fn a_repeat_makes_no_second_task() {
    let app = App::new().await;
    app.make_queue("q").await;
    app.make_queue("other").await;
    app.make_endpoint("q", "").await;
    let first: Enqueued = app.enqueue("q", r#"{"payload":1,"idempotency_key":"k"}"#).await;
    assert_eq!((first.deliveries, first.repeated), (1, false));
    let again = Enqueued {
        repeated: true,
        ..first.clone()
    };
    // In the field or in the header, quoted or bare, or in both.
    assert_eq!(
        app.enqueue("q", r#"{"payload":1,"idempotency_key":"k"}"#).await,
        again
    );
    for (key, json) in [
        ("k", r#"{"payload":1}"#),
        ("\"k\"", r#"{"payload":1}"#),
        ("k", r#"{"idempotency_key":"k","payload":1}"#),
    ] {
        let answer = with_header(&app, key, json).await.is(StatusCode::ACCEPTED);
        assert_eq!(answer.read::<Enqueued>(), again, "{key} {json}");
        assert_eq!(
            answer.header("location"),
            Some(format!("/v1/tasks/{}", first.id).as_str())
        );
    }
    assert_eq!(app.count_tasks("q").await, 1);
    assert!(
        !app.enqueue("other", r#"{"payload":1,"idempotency_key":"k"}"#)
            .await
            .repeated
    );

    for other in [
        r#"{"payload":2}"#,
        r#"{"payload":1 ,"type":"a"}"#,
        r#"{"payload":1,"priority":4}"#,
        r#"{"payload":1,"delay":"1s"}"#,
    ] {
        assert_eq!(
            with_header(&app, "k", other).await.blames(422),
            ["idempotency_key"],
            "{other}"
        );
    }
    let raw = app
        .request(Method::POST, "/v1/queues/q/tasks/raw")
        .header("idempotency-key", "k")
        .body("1")
        .send()
        .await;
    assert_eq!(raw.blames(422), ["idempotency-key"]);
    assert_eq!(app.count_tasks("q").await, 1);
}

#[tokio::test]
async fn two_keys_that_differ_or_are_none_are_refused() {
    let app = App::new().await;
    app.make_queue("q").await;
    assert_eq!(
        with_header(&app, "a", r#"{"payload":1,"idempotency_key":"b"}"#)
            .await
            .blames(400),
        ["idempotency_key"]
    );
    assert_eq!(
        with_header(&app, "\"a", r#"{"payload":1}"#).await.blames(400),
        ["idempotency-key"]
    );
    assert_eq!(
        with_header(&app, "\"\"", r#"{"payload":1}"#).await.blames(400),
        ["idempotency_key"]
    );
    let long = "x".repeat(256);
    assert_eq!(
        with_header(&app, &long, r#"{"payload":1}"#).await.blames(400),
        ["idempotency_key"]
    );
    let twice = app
        .request(Method::POST, TASKS)
        .header("idempotency-key", "a")
        .header("idempotency-key", "a")
        .json(r#"{"payload":1}"#);
    assert_eq!(twice.send().await.blames(400), ["idempotency-key"]);
    assert_eq!(app.count_tasks("q").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_repeats_at_once_make_one_task() {
    let app = std::sync::Arc::new(App::new().await);
    app.make_queue("q").await;
    app.make_endpoint("q", "").await;
    let mut repeats = tokio::task::JoinSet::new();
    for _ in 0..10_000 {
        let app = app.clone();
        repeats.spawn(async move {
            app.enqueue("q", r#"{"payload":{"n":1},"idempotency_key":"once"}"#)
                .await
        });
    }
    let answers: Vec<Enqueued> = repeats.join_all().await;
    assert_eq!(
        answers
            .iter()
            .map(|answer| answer.id)
            .collect::<HashSet<_>>()
            .len(),
        1
    );
    assert_eq!(answers.iter().filter(|answer| !answer.repeated).count(), 1);
    assert!(answers.iter().all(|answer| answer.deliveries == 1));
    assert_eq!(app.count_tasks("q").await, 1);
}
