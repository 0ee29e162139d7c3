//! One task in, as JSON and as raw bytes.

use axum::http::{Method, StatusCode};
use proto::{Enqueued, Task, TaskState};
use serde_json::json;

use crate::kit::App;

#[tokio::test]
async fn an_accepted_task_says_where_it_is_and_to_how_many_it_goes() {
    let app = App::new().await;
    app.make_queue("q").await;
    app.make_endpoint("q", "\"order.*\"").await;
    app.make_endpoint("q", "").await;
    for (kind, deliveries) in [("order.paid", 2), ("stock.low", 1)] {
        let answer = app
            .post("/v1/queues/q/tasks", json!({"type": kind, "payload": {}}))
            .await
            .is(StatusCode::ACCEPTED);
        let task: Enqueued = answer.read();
        assert_eq!((task.deliveries, task.repeated), (deliveries, false), "{kind}");
        let place = answer.header("location").unwrap();
        assert_eq!(app.get(place).await.is(StatusCode::OK).read::<Task>().id, task.id);
    }
    app.make_queue("lonely").await;
    let unmatched = app.enqueue("lonely", r#"{"payload":1}"#).await;
    assert_eq!(unmatched.deliveries, 0);
    let task: Task = app.get(&format!("/v1/tasks/{}", unmatched.id)).await.read();
    assert_eq!((task.state, task.kind.as_str()), (TaskState::Unmatched, ""));
}

#[tokio::test]
async fn a_json_payload_is_kept_byte_for_byte() {
    let app = App::new().await;
    app.make_queue("q").await;
    let large = format!("[{}\"end\"]", "  1.50 ,\n".repeat(20_000));
    for payload in [
        "null",
        "true",
        "\"\"",
        "\"\\u00e9 \\ud83d\\ude00 \\ud800 é\"",
        "1.0e400",
        "-0",
        "123456789012345678901234567890.000",
        "{ \"a\" : 1,\t\"a\": 2 ,\r\n \"b\":[ ] }",
        "[1 , 2,3 ]",
        &large,
    ] {
        let task = app
            .enqueue(
                "q",
                format!(" {{ \"payload\" :  {payload}\n, \"type\" : \"t\"}} "),
            )
            .await;
        let kept = app
            .get(&format!("/v1/tasks/{}/payload", task.id))
            .await
            .is(StatusCode::OK);
        assert_eq!(kept.header("content-type"), Some("application/json"));
        assert!(kept.body == payload, "{}", &payload[..payload.len().min(80)]);
    }
}

#[tokio::test]
async fn any_bytes_go_in_raw_or_as_base64() {
    let app = App::new().await;
    app.make_queue("q").await;
    let all: Vec<u8> = (0..=255).collect();
    let raw = app
        .request(Method::POST, "/v1/queues/q/tasks/raw")
        .body(all.clone())
        .send()
        .await
        .is(StatusCode::ACCEPTED);
    let id = raw.read::<Enqueued>().id;
    assert_eq!(raw.header("location"), Some(format!("/v1/tasks/{id}").as_str()));
    let kept = app.get(&format!("/v1/tasks/{id}/payload")).await;
    assert_eq!(
        (kept.header("content-type"), kept.body.as_ref()),
        (Some("application/octet-stream"), all.as_slice())
    );
    let shown = app.get(&format!("/v1/tasks/{id}")).await.json();
    assert!(
        shown["payload"]["base64"]
            .as_str()
            .unwrap()
            .starts_with("AAECAwQF"),
        "{shown}"
    );

    let task = app.enqueue("q", r#"{"payload_base64":"/////w=="}"#).await;
    let kept = app.get(&format!("/v1/tasks/{}/payload", task.id)).await;
    assert_eq!(
        (kept.header("content-type"), kept.body.as_ref()),
        (Some("application/octet-stream"), [0xff; 4].as_slice())
    );

    let empty = app
        .act("/v1/queues/q/tasks/raw")
        .await
        .is(StatusCode::ACCEPTED)
        .read::<Enqueued>();
    assert!(
        app.get(&format!("/v1/tasks/{}/payload", empty.id))
            .await
            .is(StatusCode::OK)
            .body
            .is_empty()
    );
}

#[tokio::test]
async fn the_fields_of_a_raw_task_are_headers() {
    let app = App::new().await;
    app.make_queue("q").await;
    app.make_endpoint("q", "\"a.b\"").await;
    let task: Enqueued = app
        .request(Method::POST, "/v1/queues/q/tasks/raw")
        .header("content-type", "text/csv; charset=utf-8")
        .header("posthaste-type", "a.b")
        .header("posthaste-priority", "0")
        .header("posthaste-delay", "90s")
        .header("posthaste-retry", r#"{"attempts":2}"#)
        .header("posthaste-header-x-shop", "7")
        .header("idempotency-key", "\"k 1\"")
        .body("a;b\n")
        .send()
        .await
        .is(StatusCode::ACCEPTED)
        .read();
    assert_eq!(task.deliveries, 1);
    let task: Task = app.get(&format!("/v1/tasks/{}", task.id)).await.read();
    assert_eq!(
        (task.kind.as_str(), task.priority, task.state),
        ("a.b", 0, TaskState::Scheduled)
    );
    assert_eq!(
        (task.content_type.as_str(), task.size),
        ("text/csv; charset=utf-8", 4)
    );
    assert_eq!(
        (task.headers["x-shop"].as_str(), task.idempotency_key.as_deref()),
        ("7", Some("k 1"))
    );
    assert_eq!(task.retry.unwrap().attempts, Some(2));
}

#[tokio::test]
async fn what_another_server_delivers_is_a_raw_task() {
    let app = App::new().await;
    app.make_queue("q").await;
    let task: Enqueued = app
        .request(Method::POST, "/v1/queues/q/tasks/raw")
        .header("content-type", "application/json")
        .header("webhook-id", "01980a3b-7c2d-7e4f-8a5b-6c7d8e9fa0b1")
        .header("webhook-timestamp", "1767225600")
        .header("webhook-signature", "v1,AA==")
        .header("posthaste-queue", "orders")
        .header("posthaste-type", "order.paid")
        .header("posthaste-attempt", "1")
        .header("posthaste-replay", "1")
        .header("posthaste-hop", "1")
        .body("{}")
        .send()
        .await
        .is(StatusCode::ACCEPTED)
        .read();
    let task: Task = app.get(&format!("/v1/tasks/{}", task.id)).await.read();
    assert_eq!((task.queue.as_str(), task.kind.as_str()), ("q", "order.paid"));
    assert_eq!(task.content_type, "application/json");
}

#[tokio::test]
async fn json_that_is_encoded_is_refused_and_raw_bytes_keep_their_coding() {
    let app = App::new().await;
    app.make_queue("q").await;
    let send = async |path: &str, coding: &str| {
        app.request(Method::POST, &format!("/v1/queues/q/tasks{path}"))
            .header("content-encoding", coding)
            .json(r#"{"payload":1}"#)
            .send()
            .await
    };
    for path in ["", "/batch"] {
        for coding in ["gzip", "identity, br", "\u{fc}"] {
            let refused = send(path, coding).await;
            assert_eq!(refused.blames(415), ["content-encoding"], "{path} {coding}");
        }
    }
    assert_eq!(app.count_tasks("q").await, 0);
    for path in ["", "/raw"] {
        send(path, "Identity").await.is(StatusCode::ACCEPTED);
    }
    // Raw bytes are sent on as they are, and receivers are told.
    let folded: Enqueued = app
        .request(Method::POST, "/v1/queues/q/tasks/raw")
        .header("content-encoding", "gzip")
        .body(b"\x1f\x8b\x08".to_vec())
        .send()
        .await
        .is(StatusCode::ACCEPTED)
        .read();
    let folded: Task = app.get(&format!("/v1/tasks/{}", folded.id)).await.read();
    assert_eq!(folded.headers["content-encoding"], "gzip");
}

#[tokio::test]
async fn null_stands_for_what_is_left_out_but_is_a_payload() {
    let app = App::new().await;
    app.make_queue("q").await;
    let task = app
        .enqueue("q", r#"{"payload":null,"type":null,"priority":null,"delay":null,"idempotency_key":null,"retry":null,"content_type":null}"#)
        .await;
    assert_eq!(
        app.get(&format!("/v1/tasks/{}/payload", task.id)).await.body,
        "null"
    );
}
