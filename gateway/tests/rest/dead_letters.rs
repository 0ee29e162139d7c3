//! Dead letters: listed, read, replayed, purged.

use axum::http::StatusCode;
use proto::{Count, DeadLetter, DeadLetterGroups, Endpoint, Page, Replayed};
use queue::verdict::Verdict;
use serde_json::json;
use uuid::Uuid;

use crate::kit::App;

/// Two queues with an endpoint each, and three letters of the first (two answered 400, one 500), one of the second.
async fn graveyard() -> (App, Endpoint, Endpoint) {
    let app = App::new().await;
    let mut endpoints = vec![];
    for name in ["q", "other"] {
        app.make_queue(name).await;
        endpoints.push(app.make_endpoint(name, "").await);
    }
    let (second, first) = (endpoints.pop().unwrap(), endpoints.pop().unwrap());
    for kind in ["order.paid", "order.sent"] {
        app.enqueue("q", json!({"payload": 1, "type": kind})).await;
    }
    assert_eq!(app.finish_all(first.id, 400, Verdict::Dead).await, 2);
    app.enqueue("q", json!({"payload": 1, "type": "stock.low"})).await;
    app.finish_all(first.id, 500, Verdict::Dead).await;
    app.enqueue("other", json!({"payload": 1})).await;
    app.finish_all(second.id, 400, Verdict::Dead).await;
    (app, first, second)
}

async fn list(app: &App, query: &str) -> Vec<DeadLetter> {
    app.get(&format!("/v1/dead-letters?{query}"))
        .await
        .is(StatusCode::OK)
        .read::<Page<DeadLetter>>()
        .items
}

#[tokio::test]
async fn they_are_listed_by_what_they_are() {
    let (app, first, second) = graveyard().await;
    let all = list(&app, "").await;
    assert_eq!(all.len(), 4);
    assert_eq!(
        (
            all[0].endpoint,
            all[0].queue.as_str(),
            all[0].status,
            all[0].attempts
        ),
        (second.id, "other", Some(400), 1)
    );
    assert_eq!(list(&app, "queue=q").await.len(), 3);
    assert_eq!(list(&app, &format!("endpoint={}", first.id)).await.len(), 3);
    assert_eq!(list(&app, "queue=q&type=order.*&status=400").await.len(), 2);
    assert_eq!(
        list(&app, "status=500")
            .await
            .iter()
            .map(|l| l.kind.as_str())
            .collect::<Vec<_>>(),
        ["stock.low"]
    );
    assert!(list(&app, "failure=timeout").await.is_empty());
    assert!(list(&app, "until=2020-01-01T00:00:00Z").await.is_empty());
    app.get("/v1/dead-letters?queue=none").await.problem(404);

    let path = format!("/v1/dead-letters/{}", all[0].id);
    assert_eq!(
        app.get(&path).await.is(StatusCode::OK).read::<DeadLetter>(),
        all[0]
    );
    assert_eq!(
        app.get(&format!("/v1/tasks/{}", all[0].task)).await.json()["state"],
        "dead"
    );
}

#[tokio::test]
async fn they_are_counted_by_endpoint_and_reason() {
    let (app, first, second) = graveyard().await;
    let groups = async |query: &str| -> DeadLetterGroups {
        app.get(&format!("/v1/dead-letters/groups?{query}"))
            .await
            .is(StatusCode::OK)
            .read()
    };
    let all = groups("").await;
    assert_eq!((all.count, all.more, all.groups.len()), (4, false, 3));
    let [largest, last, third] = all.groups.as_slice() else {
        panic!("{all:?}")
    };
    assert_eq!(
        (
            largest.endpoint,
            largest.queue.as_str(),
            largest.status,
            largest.count
        ),
        (first.id, "q", Some(400), 2)
    );
    // Of as many, those that died last come first.
    assert_eq!(
        (last.endpoint, last.status, last.count),
        (second.id, Some(400), 1)
    );
    assert_eq!(
        (third.endpoint, third.status, third.count),
        (first.id, Some(500), 1)
    );
    let letter = &list(&app, "queue=other").await[0];
    assert_eq!(
        (&last.reason, last.last_died_at),
        (&letter.reason, letter.died_at)
    );

    for (query, count, number) in [
        ("queue=q", 3, 2),
        ("queue=q&type=order.*", 2, 1),
        ("status=500", 1, 1),
        ("failure=timeout", 0, 0),
        ("until=2020-01-01T00:00:00Z", 0, 0),
        (&format!("endpoint={}", first.id), 3, 2),
        (&format!("endpoint={}&queue=other", first.id), 0, 0),
    ] {
        let found = groups(query).await;
        assert_eq!((found.count, found.groups.len()), (count, number), "{query}");
    }
    app.get("/v1/dead-letters/groups?queue=none").await.problem(404);
    assert_eq!(
        app.get("/v1/dead-letters/groups?limit=3").await.blames(400),
        ["limit"]
    );
}

#[tokio::test]
async fn one_or_many_are_replayed() {
    let (app, first, second) = graveyard().await;
    let letter = list(&app, "queue=other").await.remove(0);
    let path = format!("/v1/dead-letters/{}", letter.id);
    let replayed: Replayed = app.act(&format!("{path}/replay")).await.is(StatusCode::OK).read();
    assert_eq!(replayed.task, letter.task);
    assert_ne!(replayed.delivery, letter.id);
    app.get(&path).await.problem(404);
    app.act(&format!("{path}/replay")).await.problem(404);
    assert_eq!(app.finish_all(second.id, 200, Verdict::Delivered).await, 1);

    let replay = async |filter: serde_json::Value| -> u64 {
        app.post("/v1/dead-letters/replay", filter)
            .await
            .is(StatusCode::OK)
            .read::<Count>()
            .count
    };
    assert_eq!(replay(json!({"queue": "q", "type": "order.*"})).await, 2);
    assert_eq!(replay(json!({})).await, 1);
    assert_eq!(replay(json!({})).await, 0);
    assert_eq!(app.finish_all(first.id, 200, Verdict::Delivered).await, 3);
    assert!(list(&app, "").await.is_empty());
}

#[tokio::test]
async fn a_letter_without_its_endpoint_cannot_be_replayed() {
    let (app, first, _) = graveyard().await;
    app.delete(&format!("/v1/endpoints/{}", first.id))
        .await
        .is(StatusCode::NO_CONTENT);
    let letter = list(&app, "queue=q").await.remove(0);
    app.act(&format!("/v1/dead-letters/{}/replay", letter.id))
        .await
        .problem(409);
    assert_eq!(
        app.post("/v1/dead-letters/replay", "{}")
            .await
            .is(StatusCode::OK)
            .read::<Count>()
            .count,
        1
    );
}

#[tokio::test]
async fn they_are_thrown_away_by_filter() {
    let (app, ..) = graveyard().await;
    let purge = async |filter: serde_json::Value| -> u64 {
        app.post("/v1/dead-letters/purge", filter)
            .await
            .is(StatusCode::OK)
            .read::<Count>()
            .count
    };
    assert_eq!(purge(json!({"status": 500})).await, 1);
    assert_eq!(purge(json!({"endpoint": Uuid::nil()})).await, 0);
    assert_eq!(purge(json!({})).await, 3);
    assert!(list(&app, "").await.is_empty());
}

#[tokio::test]
async fn all_of_them_are_meant_only_by_who_says_so() {
    let (app, ..) = graveyard().await;
    for path in ["/v1/dead-letters/replay", "/v1/dead-letters/purge"] {
        assert_eq!(app.act(path).await.blames(400), ["body"]);
        assert!(app.act(path).await.problem(400).detail.contains("{}"));
        for (body, status, field) in [
            (json!({"queue": 7}), 400, Some("queue")),
            (json!({"queues": "q"}), 400, Some("queues")),
            (json!({"type": "a b"}), 400, Some("type")),
            (json!({"status": 42}), 400, Some("status")),
            (json!({"status": -1}), 400, Some("status")),
            (json!({"failure": "bad luck"}), 400, Some("failure")),
            (json!({"endpoint": "x"}), 400, Some("endpoint")),
            (json!({"since": "-200000-01-01T00:00:00Z"}), 400, Some("since")),
            (json!({"until": "yesterday"}), 400, Some("until")),
            (json!([]), 400, Some("body")),
            (json!({"queue": "none"}), 404, None),
            (json!({"queue": "a\u{0}b"}), 404, None),
        ] {
            let answer = app.post(path, &body).await;
            assert_eq!(
                answer.blames(status).first().map(String::as_str),
                field,
                "{path} {body}"
            );
        }
    }
    assert_eq!(list(&app, "").await.len(), 4);
}
