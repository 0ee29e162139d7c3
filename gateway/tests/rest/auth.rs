//! Who may ask.

use axum::http::{Method, StatusCode};
use queue::Queue;

use crate::{
    access::{ROUTES, SOME_ID},
    kit::{App, make_key, now, vault},
};

#[tokio::test]
async fn every_route_wants_a_key_and_knows_itself() {
    let app = App::new().await;
    for route in &ROUTES {
        let path = route.path.replace("{queue}", "q");
        let path = path
            .split('/')
            .map(|part| if part.starts_with('{') { SOME_ID } else { part });
        let path = path.collect::<Vec<_>>().join("/");
        let method: Method = route.method.parse().unwrap();
        let refused = app.request_without_key(method.clone(), &path).send().await;
        refused.problem(401);
        assert_eq!(
            refused.header("www-authenticate"),
            Some("Bearer realm=\"posthaste\""),
            "{method} {path}"
        );
        // With one, each is there: whatever it answers names what is missing or wrong, never the path or the method.
        let known = app.request(method.clone(), &path).send().await;
        assert_ne!(known.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        if known.status == StatusCode::NOT_FOUND {
            let detail = known.problem(404).detail;
            assert!(
                detail.contains("There is no ") && (detail.contains("\"q\"") || detail.contains(SOME_ID)),
                "{detail}"
            );
        }
    }
}

#[tokio::test]
async fn a_key_that_is_not_valid_is_refused() {
    let app = App::new().await;
    let truncated = app.key[..app.key.len() - 1].to_owned();
    for value in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer ph_",
        "Basic cGhfOng=",
        "Bearer nonsense",
        "Bearer ph_\u{fc}",
        &truncated,
        &app.key,
    ] {
        let refused = app
            .request_without_key(Method::GET, "/v1/queues")
            .header("authorization", value)
            .send()
            .await;
        refused.problem(401);
    }
    let wrong = format!("Bearer {truncated}x");
    app.request_without_key(Method::GET, "/v1/queues")
        .header("authorization", &wrong)
        .send()
        .await
        .problem(401);
    let lower = format!("bearer {}", app.key);
    app.request_without_key(Method::GET, "/v1/queues")
        .header("authorization", &lower)
        .send()
        .await
        .is(StatusCode::OK);
}

#[tokio::test]
async fn a_key_that_another_node_just_made_works_at_once() {
    let app = App::new().await;
    let other = Queue::open(queue::Config::new(app.database.url()), vault(), now())
        .await
        .unwrap();
    let key = format!("Bearer {}", other_key(&other).await);
    app.request_without_key(Method::GET, "/v1/queues")
        .header("authorization", &key)
        .send()
        .await
        .is(StatusCode::OK);
    other.close().await;
}

async fn other_key(queue: &Queue) -> String {
    let new = proto::NewKey {
        name: "elsewhere".into(),
        scopes: vec![proto::Scope::Read],
        queues: vec!["*".into()],
        ..proto::NewKey::default()
    };
    make_key(queue, new).await
}

#[tokio::test]
async fn health_is_for_everyone() {
    let app = App::new().await;
    for path in ["/healthz", "/readyz"] {
        app.request_without_key(Method::GET, path)
            .send()
            .await
            .is(StatusCode::OK);
        let refused = app.request_without_key(Method::POST, path).send().await;
        refused.problem(405);
        assert_eq!(refused.header("allow"), Some("GET,HEAD"));
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_to_who_has_a_key() {
    let app = App::new().await;
    for path in [
        "/v1",
        "/v1/queue",
        "/v1/queues/",
        "/v1/queues/a/b",
        "/v2/queues",
        "//",
        "/v1/tasks",
    ] {
        app.request_without_key(Method::GET, path)
            .send()
            .await
            .problem(401);
        app.get(path).await.problem(404);
    }
    let refused = app.request(Method::PUT, "/v1/queues").send().await;
    refused.problem(405);
    assert_eq!(refused.header("allow"), Some("POST,GET,HEAD"));
    app.request(Method::GET, "/v1/queues/q/purge")
        .send()
        .await
        .problem(405);
    app.request_without_key(Method::PUT, "/v1/queues")
        .send()
        .await
        .problem(401);
}
