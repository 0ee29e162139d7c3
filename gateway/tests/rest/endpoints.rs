//! Endpoints and their secrets.

use axum::http::StatusCode;
use gateway::Config;
use proto::{Endpoint, EndpointStatus, Page, RevealedSecret, Secret, TestResult};
use queue::verdict::Verdict;
use serde_json::json;
use std::time::Duration;

use crate::kit::App;

const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[tokio::test]
async fn an_endpoint_is_registered_read_changed_and_deleted() {
    let app = App::new().await;
    app.make_queue("q").await;
    let new = json!({
        "url": "https://EXAMPLE.com/a b", "description": "shop", "filter": ["order.*"], "headers": {"X-Shop": "7"},
        "settings": {"max_in_flight": 2}, "secret": WHSEC,
    });
    let made = app
        .post("/v1/queues/q/endpoints", new)
        .await
        .is(StatusCode::CREATED);
    let endpoint: Endpoint = made.read();
    let path = format!("/v1/endpoints/{}", endpoint.id);
    assert_eq!(made.header("location"), Some(path.as_str()));
    assert_eq!(made.header("cache-control"), Some("no-store"));
    assert_eq!(
        (endpoint.url.as_str(), endpoint.secret.as_deref()),
        ("https://example.com/a%20b", Some(WHSEC))
    );
    assert_eq!(
        (endpoint.queue.as_str(), endpoint.status),
        ("q", EndpointStatus::Enabled)
    );
    let read: Endpoint = app.get(&path).await.is(StatusCode::OK).read();
    assert_eq!(
        read,
        Endpoint {
            secret: None,
            ..endpoint.clone()
        }
    );

    let update = json!({"url": "http://127.0.0.1:9000/", "filter": [], "settings": {"max_in_flight": null, "timeout": "1s"}});
    let changed = app.patch(&path, update).await.is(StatusCode::OK).json();
    assert_eq!(changed["url"], "http://127.0.0.1:9000/");
    assert_eq!(
        (&changed["description"], &changed["filter"], &changed["headers"]),
        (&json!("shop"), &json!([]), &json!({"X-Shop": "7"}))
    );
    assert_eq!(changed["settings"], json!({"timeout": "1s"}));

    let listed: Page<Endpoint> = app.get("/v1/queues/q/endpoints").await.is(StatusCode::OK).read();
    assert_eq!(
        listed.items.iter().map(|e| e.id).collect::<Vec<_>>(),
        [endpoint.id]
    );
    assert!(listed.items[0].secret.is_none());

    app.delete(&path).await.is(StatusCode::NO_CONTENT);
    app.get(&path).await.problem(404);
    app.delete(&path).await.problem(404);
    app.patch(&path, "{}").await.problem(404);
    for action in ["pause", "resume", "enable", "disable", "purge", "test"] {
        app.act(&format!("{path}/{action}")).await.problem(404);
    }
    for part in ["attempts", "secrets", "traffic"] {
        app.get(&format!("{path}/{part}")).await.problem(404);
    }
}

#[tokio::test]
async fn its_status_is_switched() {
    let app = App::new().await;
    app.make_queue("q").await;
    let path = format!("/v1/endpoints/{}", app.make_endpoint("q", "").await.id);
    for (action, status, reason) in [
        ("pause", EndpointStatus::Paused, false),
        ("pause", EndpointStatus::Paused, false),
        ("resume", EndpointStatus::Enabled, false),
        ("pause", EndpointStatus::Paused, false),
        ("enable", EndpointStatus::Enabled, false),
        ("disable", EndpointStatus::Disabled, true),
        ("disable", EndpointStatus::Disabled, true),
    ] {
        let endpoint: Endpoint = app
            .act(&format!("{path}/{action}"))
            .await
            .is(StatusCode::OK)
            .read();
        assert_eq!(
            (endpoint.status, endpoint.disabled_reason.is_some()),
            (status, reason),
            "{action}"
        );
    }
    for action in ["pause", "resume"] {
        let refused = app.act(&format!("{path}/{action}")).await.problem(409);
        assert!(refused.detail.contains("disabled"), "{refused:?}");
    }
    let enabled: Endpoint = app.act(&format!("{path}/enable")).await.is(StatusCode::OK).read();
    assert_eq!(
        (enabled.status, enabled.disabled_reason),
        (EndpointStatus::Enabled, None)
    );
}

#[tokio::test]
async fn secrets_are_listed_without_their_values_and_revealed_one_by_one() {
    let app = App::new().await;
    app.make_queue("q").await;
    let endpoint = app.make_endpoint("q", "").await;
    let path = format!("/v1/endpoints/{}/secrets", endpoint.id);
    let added = app
        .post(&path, json!({"secret": WHSEC, "overlap": "2h"}))
        .await
        .is(StatusCode::CREATED);
    assert_eq!(added.header("cache-control"), Some("no-store"));
    let added: RevealedSecret = added.read();
    assert_eq!((added.secret.as_str(), added.expires_at), (WHSEC, None));

    let listed = app.get(&path).await.is(StatusCode::OK);
    assert!(!String::from_utf8_lossy(&listed.body).contains("whsec_"));
    let listed: Page<Secret> = listed.read();
    assert_eq!(
        listed
            .items
            .iter()
            .map(|s| s.expires_at.is_some())
            .collect::<Vec<_>>(),
        [false, true]
    );
    let old = app
        .get(&format!("{path}/{}", listed.items[1].id))
        .await
        .is(StatusCode::OK);
    assert_eq!(old.header("cache-control"), Some("no-store"));
    assert_eq!(Some(old.read::<RevealedSecret>().secret), endpoint.secret);
    app.get(&format!("{path}/{}", endpoint.id)).await.problem(404);

    // No body: one is made.
    let made: RevealedSecret = app.act(&path).await.is(StatusCode::CREATED).read();
    assert!(made.secret.starts_with("whsec_") && made.secret != WHSEC);
    for (body, field) in [
        (json!({"secret": "abc"}), "secret"),
        (json!({"overlap": "31d"}), "overlap"),
        (json!({"x": 1}), "x"),
    ] {
        assert_eq!(app.post(&path, body).await.blames(400), [field]);
    }
}

#[tokio::test]
async fn a_test_send_answers_with_the_attempt() {
    let app = App::new().await;
    app.make_queue("q").await;
    let endpoint = app.make_endpoint("q", "\"never.wanted\"").await;
    app.act(&format!("/v1/endpoints/{}/pause", endpoint.id))
        .await
        .is(StatusCode::OK);
    let path = format!("/v1/endpoints/{}/test", endpoint.id);
    let dispatcher = async {
        while app.finish_all(endpoint.id, 200, Verdict::Delivered).await == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let (answer, ()) = tokio::join!(app.act(&path), dispatcher);
    let result: TestResult = answer.is(StatusCode::OK).read();
    let attempt = result.attempt.unwrap();
    assert!(result.delivered);
    assert_eq!(
        (attempt.task, attempt.endpoint, attempt.status),
        (result.task, endpoint.id, Some(200))
    );
    assert_eq!(attempt.response_body.as_deref(), Some("so it is"));
    let task = app
        .get(&format!("/v1/tasks/{}", result.task))
        .await
        .is(StatusCode::OK)
        .json();
    assert_eq!(
        (&task["type"], &task["content_type"]),
        (&json!("posthaste.test"), &json!("application/json"))
    );
    let payload = app
        .get(&format!("/v1/tasks/{}/payload", result.task))
        .await
        .json();
    assert_eq!(
        (&payload["test"], &payload["endpoint"]),
        (&json!(true), &json!(endpoint.id))
    );
}

#[tokio::test]
async fn a_test_send_that_takes_long_is_answered_all_the_same() {
    let app = App::with(Config {
        request_timeout: Duration::from_millis(1_500),
        ..Config::default()
    })
    .await;
    app.make_queue("q").await;
    let endpoint = app.make_endpoint("q", "").await;
    let path = format!("/v1/endpoints/{}/test", endpoint.id);
    let result: TestResult = app
        .post(&path, r#"{"type": "my.test", "payload":  [1]}"#)
        .await
        .is(StatusCode::OK)
        .read();
    assert_eq!((result.delivered, result.attempt), (false, None));
    assert_eq!(
        app.get(&format!("/v1/tasks/{}/payload", result.task)).await.body,
        "[1]"
    );
    assert_eq!(
        app.post(&path, r#"{"type": "my test"}"#).await.blames(400),
        ["type"]
    );
}
