//! Lists, walked page by page.

use axum::http::StatusCode;
use proto::Page;
use queue::verdict::Verdict;
use serde_json::Value;

use crate::kit::{App, now};

/// Walks a list to its end; `meanwhile` is done after each page. Returns what `key` says of each item.
async fn walk(app: &App, path: &str, key: &str, meanwhile: impl AsyncFn()) -> Vec<String> {
    let (mut found, mut page) = (vec![], String::new());
    loop {
        let answer: Page<Value> = app.get(&format!("{path}{page}")).await.is(StatusCode::OK).read();
        found.extend(
            answer
                .items
                .iter()
                .map(|item| item[key].as_str().unwrap().to_owned()),
        );
        let Some(next) = answer.next_page else {
            return found;
        };
        assert!(!answer.items.is_empty());
        page = format!("&page={next}");
        meanwhile().await;
    }
}

#[tokio::test]
async fn a_walk_over_tasks_finds_each_once_while_others_come_in() {
    let app = App::new().await;
    app.make_queue("q").await;
    let mut ids = vec![];
    for i in 0..37 {
        ids.push(
            app.enqueue("q", format!("{{\"payload\":{i}}}"))
                .await
                .id
                .to_string(),
        );
    }
    ids.reverse();
    let found = walk(&app, "/v1/queues/q/tasks?limit=10", "id", async || {
        for _ in 0..15 {
            app.enqueue("q", r#"{"payload":"late"}"#).await;
        }
    })
    .await;
    assert_eq!(found, ids);
    assert_eq!(
        walk(
            &app,
            "/v1/queues/q/tasks?limit=7&state=unmatched",
            "id",
            async || ()
        )
        .await
        .len(),
        37 + 45
    );
}

#[tokio::test]
async fn every_list_is_walked_to_its_end() {
    let app = App::new().await;
    let names: Vec<String> = (0..7).map(|i| format!("q{i}")).collect();
    for name in &names {
        app.make_queue(name).await;
    }
    assert_eq!(walk(&app, "/v1/queues?limit=3", "name", async || ()).await, names);
    assert_eq!(walk(&app, "/v1/queues?limit=7", "name", async || ()).await, names);

    let mut endpoints = vec![];
    for _ in 0..7 {
        endpoints.push(app.make_endpoint("q0", "").await.id);
    }
    let ids: Vec<String> = endpoints.iter().map(ToString::to_string).collect();
    assert_eq!(
        walk(&app, "/v1/queues/q0/endpoints?limit=2", "id", async || ()).await,
        ids
    );

    let task = app.enqueue("q0", r#"{"payload":1}"#).await.id;
    for endpoint in &endpoints[..5] {
        for _ in 0..2 {
            app.finish_all(*endpoint, 503, Verdict::Retry { at: now() }).await;
        }
    }
    let deliveries = walk(
        &app,
        &format!("/v1/tasks/{task}/deliveries?limit=2"),
        "id",
        async || (),
    )
    .await;
    assert_eq!(deliveries.len(), 7);
    assert!(deliveries.is_sorted());
    let attempts = walk(
        &app,
        &format!("/v1/tasks/{task}/attempts?limit=3"),
        "id",
        async || (),
    )
    .await;
    assert_eq!(
        attempts.iter().collect::<std::collections::HashSet<_>>().len(),
        10
    );
    for endpoint in &endpoints {
        app.finish_all(*endpoint, 400, Verdict::Dead).await;
    }
    let first = &endpoints[0];
    let its = walk(
        &app,
        &format!("/v1/endpoints/{first}/attempts?limit=2"),
        "id",
        async || (),
    )
    .await;
    assert_eq!(its.len(), 3);
    assert!(its.is_sorted_by(|a, b| a > b));

    let letters = walk(&app, "/v1/dead-letters?limit=2", "id", async || ()).await;
    assert_eq!(letters.len(), 7);
    let mut sorted = letters.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, deliveries);
    let mut by_delivery = 0;
    for letter in &letters {
        by_delivery += walk(
            &app,
            &format!("/v1/deliveries/{letter}/attempts?limit=1"),
            "id",
            async || (),
        )
        .await
        .len();
    }
    assert_eq!(by_delivery, 10 + 7);
}

#[tokio::test]
async fn a_token_is_good_for_its_own_list_only() {
    let app = App::new().await;
    for name in ["a", "b", "c"] {
        app.make_queue(name).await;
        for _ in 0..3 {
            app.enqueue(name, r#"{"payload":1,"type":"t"}"#).await;
        }
    }
    let next = async |path: &str| {
        app.get(path).await.json()["next_page"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let token = next("/v1/queues/a/tasks?limit=1&type=t").await;
    app.get(&format!("/v1/queues/a/tasks?limit=2&type=t&page={token}"))
        .await
        .is(StatusCode::OK);
    let mut tampered = token.clone().into_bytes();
    let last = tampered.len() - 2;
    tampered[last] = if tampered[last] == b'A' { b'B' } else { b'A' };
    let tampered = String::from_utf8(tampered).unwrap();
    for path in [
        format!("/v1/queues/a/tasks?page={token}"),
        format!("/v1/queues/a/tasks?type=t*&page={token}"),
        format!("/v1/queues/a/tasks?type=t&state=dead&page={token}"),
        format!("/v1/queues/b/tasks?type=t&page={token}"),
        format!("/v1/queues?page={token}"),
        format!("/v1/dead-letters?page={token}"),
        format!("/v1/queues/a/tasks?type=t&page={tampered}"),
        format!("/v1/queues/a/tasks?type=t&page={}", &token[..token.len() - 4]),
        "/v1/queues/a/tasks?type=t&page=".to_owned(),
        "/v1/queues/a/tasks?type=t&page=%00".to_owned(),
    ] {
        assert_eq!(app.get(&path).await.blames(400), ["page"], "{path}");
    }
}

#[tokio::test]
async fn query_parameters_are_checked() {
    let app = App::new().await;
    app.make_queue("q").await;
    for (path, fields) in [
        ("/v1/queues?limit=0", vec!["limit"]),
        ("/v1/queues?limit=1001", vec!["limit"]),
        ("/v1/queues?limit=-1", vec!["limit"]),
        ("/v1/queues?limit=ten", vec!["limit"]),
        ("/v1/queues?limit=", vec!["limit"]),
        ("/v1/queues?limit=99999999999999999999", vec!["limit"]),
        ("/v1/queues?limit=1&limit=2", vec!["limit"]),
        ("/v1/queues?state=dead", vec!["state"]),
        (
            "/v1/queues/q/tasks?state=lost&since=x&colour=red",
            vec!["state", "since", "colour"],
        ),
        ("/v1/queues/q/tasks?type=a%20b", vec!["type"]),
        ("/v1/queues/q/tasks?type=%00", vec!["type"]),
        ("/v1/queues/q/tasks?type=", vec!["type"]),
        ("/v1/queues/q/tasks?until=-9999-01-01T00:00:00Z", vec!["until"]),
        (
            "/v1/queues/q/traffic?since=2026-01-01T00:00:00Z&until=2026-01-03T00:00:00Z",
            vec!["since"],
        ),
        ("/v1/queues/q/traffic?limit=3", vec!["limit"]),
        ("/v1/dead-letters?status=ok", vec!["status"]),
        ("/v1/dead-letters?status=99", vec!["status"]),
        ("/v1/dead-letters?endpoint=x", vec!["endpoint"]),
        ("/v1/dead-letters?failure=%00", vec!["failure"]),
        ("/v1/dead-letters?since=2026-01-01", vec!["since"]),
    ] {
        assert_eq!(app.get(path).await.blames(400), fields, "{path}");
    }
    for path in ["/v1/queues/q", "/v1/tasks/7", "/v1/endpoints/7/secrets"] {
        assert_eq!(
            app.get(&format!("{path}?verbose=1")).await.blames(400),
            ["verbose"],
            "{path}"
        );
    }
    // Or all would be purged where one type was meant.
    for path in [
        "/v1/queues/q/purge",
        "/v1/queues/q/tasks",
        "/v1/dead-letters/purge",
    ] {
        assert_eq!(
            app.post(&format!("{path}?type=a"), r#"{"payload":1}"#)
                .await
                .blames(400),
            ["type"],
            "{path}"
        );
    }
    app.get("/v1/queues/q?").await.is(StatusCode::OK);
    app.get("/healthz?probe=1").await.is(StatusCode::OK);
    app.get("/v1/queues?limit=1000").await.is(StatusCode::OK);
    app.get("/v1/queues/q/tasks?since=2026-01-01T00:00:00%2B02:00")
        .await
        .is(StatusCode::OK);
}
