//! What runs and what it takes; retention, expunging and redaction as callers see them.

use axum::http::StatusCode;
use proto::{Storage, SystemReport, Task};
use queue::verdict::Verdict;
use serde_json::{Value, json};

use crate::kit::App;

#[tokio::test]
async fn storage_and_system_are_told_without_secrets() {
    let app = App::new().await;
    let entry = proto::ConfigEntry {
        key: "gateway.listen".into(),
        value: "127.0.0.1:8080".into(),
        layer: "default".into(),
        source: "default".into(),
        secret: false,
    };
    app.gateway.describe(gateway::Surroundings {
        configuration: vec![entry.clone()],
        disk: std::sync::Arc::new(|| {
            Some(proto::Disk {
                total_bytes: 10,
                free_bytes: 5,
            })
        }),
    });
    app.make_queue("q").await;
    let storage: Storage = app.get("/v1/storage").await.read();
    assert!(storage.tables.iter().any(|table| table.name == "deliveries"));
    assert_eq!(
        (
            storage.disk.map(|disk| disk.free_bytes),
            storage.partition_seconds
        ),
        (Some(5), 86_400)
    );
    let system: SystemReport = app.get("/v1/system").await.read();
    assert_eq!(system.configuration, [entry]);
    assert!(system.schema_version >= 16 && !system.postgres_version.is_empty());
}

#[tokio::test]
async fn queues_say_how_long_they_keep_and_endpoints_do_not() {
    let app = App::new().await;
    let new = json!({"name": "q", "settings": {"retention": {"payloads": "none", "attempts": "forever"}, "redact": ["/card"]}});
    let made: Value = app.post("/v1/queues", new).await.is(StatusCode::CREATED).json();
    assert_eq!(
        made["settings"]["retention"],
        json!({"payloads": "none", "attempts": "forever"})
    );
    let wrong = json!({"url": "https://example.com/", "settings": {"retention": {"payloads": "1d"}, "redact": ["/a"]}});
    let refused = app.post("/v1/queues/q/endpoints", wrong).await;
    let problem = refused.problem(400);
    let fields: Vec<_> = problem.errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, ["settings.retention", "settings.redact"]);

    let endpoint = app.make_endpoint("q", "").await;
    let task = app.enqueue("q", &json!({"payload": {"card": "4111"}})).await.id;
    let shown = app.get(&format!("/v1/tasks/{task}/payload")).await;
    assert!(String::from_utf8_lossy(&shown.body).starts_with(r#"{"card":"sha256:"#));
    assert_eq!(app.finish_all(endpoint.id, 200, Verdict::Delivered).await, 1);
    let read: Task = app.get(&format!("/v1/tasks/{task}")).await.read();
    assert!(read.expired && read.payload.is_none(), "{read:?}");
    let gone = app.get(&format!("/v1/tasks/{task}/payload")).await;
    assert!(gone.problem(409).detail.contains("expired"));

    let task = app.enqueue("q", &json!({"payload": {"card": "4111"}})).await.id;
    let path = format!("/v1/tasks/{task}/expunge");
    let expunged: proto::Expunged = app.post(&path, "").await.is(StatusCode::OK).read();
    assert_eq!(expunged.cancelled, 1);
    let gone = app.get(&format!("/v1/tasks/{task}/payload")).await;
    assert!(gone.problem(409).detail.contains("expunged"));
}
