//! Bad tasks: a clear 4xx that names the field, and nothing stored.

use axum::http::Method;
use gateway::Config;

use crate::kit::App;

const TASKS: &str = "/v1/queues/q/tasks";
const RAW: &str = "/v1/queues/q/tasks/raw";

/// What is wrong beside a payload, and the field to blame.
const WRONG: [(&str, &str); 51] = [
    (r#""payload_base64":"AA==""#, "payload_base64"),
    (r#""payload":2"#, "payload"),
    (r#""tpye":"a""#, "tpye"),
    (r#""type":7"#, "type"),
    (r#""type":"a b""#, "type"),
    (r#""type":"a\u0000""#, "type"),
    (r#""type":"invoice.*""#, "type"),
    (r#""priority":10"#, "priority"),
    (r#""priority":-1"#, "priority"),
    (r#""priority":300"#, "priority"),
    (r#""priority":"high""#, "priority"),
    (r#""priority":1.5"#, "priority"),
    (r#""delay":-1"#, "delay"),
    (r#""delay":"-1s""#, "delay"),
    (r#""delay":"367d""#, "delay"),
    (r#""delay":1e300"#, "delay"),
    (r#""delay":[]"#, "delay"),
    (r#""due_at":"2190-01-01T00:00:00Z""#, "due_at"),
    (r#""due_at":1700000000"#, "due_at"),
    (r#""due_at":"2026-02-30T00:00:00Z""#, "due_at"),
    (r#""due_at":"+262000-01-01T00:00:00Z""#, "due_at"),
    (r#""delay":"1s","due_at":"2020-01-01T00:00:00Z""#, "delay"),
    (r#""expires_at":"2020-01-01T00:00:00Z""#, "expires_at"),
    (r#""expires_at":"-200000-01-01T00:00:00Z""#, "expires_at"),
    (r#""expires_at":"2190-01-01T00:00:00Z""#, "expires_at"),
    (r#""content_type":"json""#, "content_type"),
    (r#""content_type":"a/b\r\nx: y""#, "content_type"),
    (r#""headers":[]"#, "headers"),
    (r#""headers":{"x":null}"#, "headers.x"),
    (r#""headers":{"Host":"a"}"#, "headers.Host"),
    (r#""headers":{"webhook-id":"a"}"#, "headers.webhook-id"),
    (r#""headers":{"posthaste-queue":"a"}"#, "headers.posthaste-queue"),
    (
        r#""headers":{"transfer-encoding":"chunked"}"#,
        "headers.transfer-encoding",
    ),
    (r#""headers":{"Connection":"close"}"#, "headers.Connection"),
    (r#""headers":{"content-length":"1"}"#, "headers.content-length"),
    (r#""headers":{"x":"a\r\nb: c"}"#, "headers.x"),
    (r#""headers":{"x":"a\u0000"}"#, "headers.x"),
    (r#""headers":{"":"a"}"#, "headers."),
    (r#""idempotency_key":"""#, "idempotency_key"),
    (r#""idempotency_key":"a\u0000""#, "idempotency_key"),
    (r#""idempotency_key":7"#, "idempotency_key"),
    (r#""retry":{"attempts":0}"#, "retry.attempts"),
    (r#""retry":{"attempts":-1}"#, "retry.attempts"),
    (r#""retry":{"factor":0.1}"#, "retry.factor"),
    (r#""retry":{"jitter":2}"#, "retry.jitter"),
    (r#""retry":{"schedule":["1s",-1]}"#, "retry.schedule[1]"),
    (r#""retry":{"schedule":[]}"#, "retry.schedule"),
    (r#""retry":{"tries":3}"#, "retry.tries"),
    (r#""retry":[3]"#, "retry"),
    (r#""retry":3"#, "retry"),
    (r#""type":{}"#, "type"),
];

#[tokio::test]
async fn a_field_that_is_wrong_is_named() {
    let app = App::new().await;
    app.make_queue("q").await;
    for (wrong, field) in WRONG {
        let answer = app.post(TASKS, format!("{{\"payload\":1,{wrong}}}")).await;
        assert_eq!(answer.blames(400), [field], "{wrong}");
    }
    let several = r#"{"payload":1,"type":"a b","priority":77,"retry":{"attempts":0}}"#;
    let fields = ["type", "priority", "retry.attempts"];
    assert_eq!(app.post(TASKS, several).await.blames(400), fields);
    let headers: String = (0..33).map(|i| format!("\"x-{i}\":\"\",")).collect();
    for (body, field) in [
        (
            format!("{{\"payload\":1,\"type\":\"{}\"}}", "a".repeat(201)),
            "type",
        ),
        (
            format!("{{\"payload\":1,\"headers\":{{{headers}\"y\":\"\"}}}}"),
            "headers",
        ),
        (
            format!("{{\"payload\":1,\"idempotency_key\":\"{}\"}}", "k".repeat(256)),
            "idempotency_key",
        ),
    ] {
        assert_eq!(app.post(TASKS, &body).await.blames(400), [field], "{body}");
    }
    assert_eq!(app.count_tasks("q").await, 0);
}

#[tokio::test]
async fn a_body_that_is_no_task_is_refused() {
    let app = App::new().await;
    app.make_queue("q").await;
    for (body, field) in [
        ("", "body"),
        ("{", "body"),
        ("{\"payload\":1,}", "body"),
        ("{'payload':1}", "body"),
        ("{\"payload\":NaN}", "body"),
        ("{\"payload\":01}", "body"),
        ("{\"payload\":1} {}", "body"),
        ("{\"payload\":\"a\u{0}\"}", "body"),
        ("[]", "body"),
        ("null", "body"),
        ("\"payload\"", "body"),
        ("{}", "payload"),
        ("{\"payload_base64\":\"A\"}", "payload_base64"),
        ("{\"payload_base64\":7}", "payload_base64"),
    ] {
        assert_eq!(app.post(TASKS, body).await.blames(400), [field], "{body}");
    }
    let no_text = app
        .request(Method::POST, TASKS)
        .body(b"{\"payload\":\"\xff\"}".to_vec());
    assert_eq!(no_text.send().await.blames(400), ["body"]);
    let form = app
        .request(Method::POST, TASKS)
        .header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(form.body("payload=1").send().await.blames(415), ["content-type"]);
    app.post("/v1/queues/none/tasks", r#"{"payload":1}"#)
        .await
        .problem(404);
    app.post("/v1/queues/a%00b/tasks", r#"{"payload":1}"#)
        .await
        .problem(404);
    assert_eq!(app.count_tasks("q").await, 0);
}

#[tokio::test]
async fn a_payload_that_is_too_large_is_refused() {
    let app = App::new().await;
    app.make_queue("q").await;
    let most = 1 << 20;
    for body in [
        format!("{{\"payload\":\"{}\"}}", "x".repeat(most)),
        format!("{{\"payload\":\"{}\"}}", "x".repeat(4 * most)),
        format!("{{\"payload_base64\":\"{}\"}}", "AAAA".repeat(most / 3 + 1)),
    ] {
        assert_eq!(app.post(TASKS, body).await.blames(413), ["payload"]);
    }
    assert_eq!(app.count_tasks("q").await, 0);
    app.enqueue("q", format!("{{\"payload\":\"{}\"}}", "x".repeat(most - 2)))
        .await;
    app.enqueue(
        "q",
        format!("{{\"payload_base64\":\"{}\"}}", "AAAA".repeat(most / 3)),
    )
    .await;
}

#[tokio::test]
async fn a_header_that_is_wrong_is_named() {
    let app = App::with(Config {
        payload_max: 100,
        ..Config::default()
    })
    .await;
    app.make_queue("q").await;
    for (name, value, field) in [
        ("content-type", "json", "content-type"),
        ("posthaste-type", "a b", "posthaste-type"),
        ("posthaste-priority", "10", "posthaste-priority"),
        ("posthaste-priority", "-1", "posthaste-priority"),
        ("posthaste-delay", "400d", "posthaste-delay"),
        ("posthaste-due-at", "2190-01-01T00:00:00Z", "posthaste-due-at"),
        (
            "posthaste-expires-at",
            "2001-01-01T00:00:00Z",
            "posthaste-expires-at",
        ),
        ("posthaste-retry", "{\"attempts\":0}", "posthaste-retry.attempts"),
        ("posthaste-retry", "{\"attempts\":", "posthaste-retry"),
        ("posthaste-header-host", "a", "posthaste-header-host"),
        ("posthaste-header-webhook-id", "a", "posthaste-header-webhook-id"),
        ("posthaste-header-x", "\u{fc}", "posthaste-header-x"),
        ("posthaste-header-", "a", "posthaste-header-"),
        ("posthaste-nope", "a", "posthaste-nope"),
        ("idempotency-key", "\"a", "idempotency-key"),
    ] {
        let answer = app
            .request(Method::POST, RAW)
            .header(name, value)
            .body("x")
            .send()
            .await;
        assert_eq!(answer.blames(400), [field], "{name}: {value}");
    }
    let large = app.request(Method::POST, RAW).body("x".repeat(101)).send().await;
    assert_eq!(large.blames(413), ["body"]);
    app.request(Method::POST, "/v1/queues/none/tasks/raw")
        .body("x")
        .send()
        .await
        .problem(404);
    assert_eq!(app.count_tasks("q").await, 0);
}
