//! What is no subscription.

use axum::http::{Method, StatusCode};
use gateway::Config;
use proto::Scope;
use queue::events::Limits;

use crate::{kit::App, server::Server};

const PATHS: [&str; 2] = ["/v1/events", "/v1/events/ws"];

#[tokio::test]
async fn mistakes_name_their_parameter() {
    let app = App::new().await;
    for path in PATHS {
        for (query, fields) in [
            ("?queue=a%20b", &["queue"][..]),
            ("?queue=", &["queue"]),
            ("?type=%C3%BC", &["type"]),
            ("?state=lost", &["state"]),
            ("?state=delivered,lost,gone", &["state", "state"]),
            ("?task=7&endpoint=8", &["task", "endpoint"]),
            ("?after=now", &["after"]),
            ("?kind=dead", &["kind"]),
            ("?queue=a&queue=b", &["queue"]),
        ] {
            let refused = app.get(&format!("{path}{query}")).await;
            // Whether it is a WebSocket at all is asked before its filter is looked at.
            if path == "/v1/events" {
                assert_eq!(refused.blames(400), fields, "{query}");
            } else {
                refused.problem(400);
            }
        }
        let header = app
            .request(Method::GET, path)
            .header("last-event-id", "seven")
            .send()
            .await;
        assert_eq!(header.blames(400), ["last-event-id"]);
        app.act(path).await.problem(405);
    }
}

#[tokio::test]
async fn strangers_and_those_who_may_not_read_hear_nothing() {
    let server = Server::start().await;
    let writer = server.key(Scope::Enqueue, "*").await.key.unwrap();
    for path in PATHS {
        let app = &server.app;
        app.request_without_key(Method::GET, path)
            .send()
            .await
            .problem(401);
        let refused = app
            .request_without_key(Method::GET, path)
            .header("authorization", &format!("Bearer {writer}"))
            .send()
            .await;
        if path == "/v1/events" {
            assert!(refused.problem(403).detail.contains("`read`"));
        } else {
            // No WebSocket at all, which is found first.
            refused.problem(400);
        }
    }
}

#[tokio::test]
async fn a_websocket_must_be_one() {
    let app = App::new().await;
    let problem = app.get("/v1/events/ws").await.problem(400);
    assert!(problem.detail.contains("WebSocket"), "{problem:?}");
}

#[tokio::test]
async fn there_are_only_so_many_subscribers() {
    let limits = Limits {
        subscribers: 2,
        ..Limits::default()
    };
    let server = Server::with(Config::default(), limits).await;
    let one = server.listen("/v1/events").await;
    let _two = server.listen("/v1/events?queue=q").await;
    server.app.get("/v1/events").await.problem(503);
    drop(one);
    // That it is gone is noticed when something is to be written.
    let mut refused = 0;
    loop {
        let answer = server.app.request(Method::HEAD, "/v1/events").send().await;
        if answer.status == StatusCode::OK {
            break;
        }
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        refused += 1;
        assert!(refused < 1_000, "its place is never free again");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
