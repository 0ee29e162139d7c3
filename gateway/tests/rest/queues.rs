//! Queues.

use axum::http::StatusCode;
use proto::{Count, Page, Queue, Traffic};
use serde_json::json;

use crate::kit::App;

#[tokio::test]
async fn a_queue_is_made_read_changed_and_deleted() {
    let app = App::new().await;
    let new = json!({"name": "orders.v2", "description": "all orders", "settings": {"timeout": "10s", "retry": {"attempts": 3, "jitter": 0.0}}});
    let made = app.post("/v1/queues", new).await.is(StatusCode::CREATED);
    assert_eq!(made.header("location"), Some("/v1/queues/orders.v2"));
    let queue: Queue = made.read();
    assert_eq!(
        (
            queue.name.as_str(),
            queue.description.as_str(),
            queue.paused,
            queue.endpoints
        ),
        ("orders.v2", "all orders", false, 0)
    );
    assert_eq!(
        app.get("/v1/queues/orders.v2")
            .await
            .is(StatusCode::OK)
            .read::<Queue>(),
        queue
    );
    app.post("/v1/queues", json!({"name": "orders.v2"}))
        .await
        .problem(409);

    let patch = json!({"description": "", "settings": {"timeout": null, "retry": {"attempts": 4}}});
    let changed = app
        .patch("/v1/queues/orders.v2", patch)
        .await
        .is(StatusCode::OK)
        .json();
    assert_eq!(changed["description"], "");
    assert_eq!(
        changed["settings"],
        json!({"retry": {"attempts": 4, "jitter": 0.0}})
    );
    assert_eq!(
        app.patch("/v1/queues/orders.v2", "{}")
            .await
            .is(StatusCode::OK)
            .json()["settings"],
        changed["settings"]
    );

    for (action, paused) in [
        ("pause", true),
        ("pause", true),
        ("resume", false),
        ("resume", false),
    ] {
        let queue: Queue = app
            .act(&format!("/v1/queues/orders.v2/{action}"))
            .await
            .is(StatusCode::OK)
            .read();
        assert_eq!(queue.paused, paused, "{action}");
    }

    app.make_endpoint("orders.v2", "").await;
    let all: Page<Queue> = app.get("/v1/queues").await.is(StatusCode::OK).read();
    assert_eq!(
        all.items
            .iter()
            .map(|q| (q.name.as_str(), q.endpoints))
            .collect::<Vec<_>>(),
        [("orders.v2", 1)]
    );
    assert_eq!(all.next_page, None);

    let gone = app
        .delete("/v1/queues/orders.v2")
        .await
        .is(StatusCode::NO_CONTENT);
    assert!(gone.body.is_empty());
    for path in [
        "/v1/queues/orders.v2",
        "/v1/queues/orders.v2/endpoints",
        "/v1/queues/orders.v2/tasks",
        "/v1/queues/orders.v2/traffic",
    ] {
        app.get(path).await.problem(404);
    }
    for action in ["pause", "resume", "purge", "tasks"] {
        app.post(&format!("/v1/queues/orders.v2/{action}"), r#"{"payload":1}"#)
            .await
            .problem(404);
    }
    app.delete("/v1/queues/orders.v2").await.problem(404);
    app.make_queue("orders.v2").await;
}

#[tokio::test]
async fn a_purge_cancels_what_waits_and_counts_it() {
    let app = App::new().await;
    app.make_queue("q").await;
    app.make_queue("other").await;
    let (endpoint, _) = (
        app.make_endpoint("q", "").await,
        app.make_endpoint("q", "\"a\"").await,
    );
    app.make_endpoint("other", "").await;
    let mut tasks = vec![];
    for kind in ["a", "b"] {
        tasks.push(
            app.enqueue("q", json!({"payload": 1, "type": kind, "delay": "1h"}))
                .await,
        );
    }
    let elsewhere = app.enqueue("other", r#"{"payload":1}"#).await;
    assert_eq!((tasks[0].deliveries, tasks[1].deliveries), (2, 1));

    let one: Count = app
        .act(&format!("/v1/endpoints/{}/purge", endpoint.id))
        .await
        .is(StatusCode::OK)
        .read();
    assert_eq!(
        one,
        Count {
            count: 2,
            more: false
        }
    );
    let rest: Count = app.act("/v1/queues/q/purge").await.is(StatusCode::OK).read();
    assert_eq!(rest.count, 1);
    assert_eq!(app.act("/v1/queues/q/purge").await.read::<Count>().count, 0);
    assert_eq!(
        app.get(&format!("/v1/tasks/{}", tasks[0].id)).await.json()["state"],
        "cancelled"
    );
    assert_eq!(
        app.get(&format!("/v1/tasks/{}", elsewhere.id)).await.json()["state"],
        "pending"
    );
}

#[tokio::test]
async fn traffic_is_counted_by_the_minute() {
    let app = App::new().await;
    app.make_queue("q").await;
    let endpoint = app.make_endpoint("q", "\"a\"").await;
    for kind in ["a", "a", "b"] {
        app.enqueue("q", json!({"payload": 1, "type": kind})).await;
    }
    app.finish_all(endpoint.id, 200, queue::verdict::Verdict::Delivered)
        .await;
    app.queue.flush_rollups().await.unwrap();

    let all: Traffic = app.get("/v1/queues/q/traffic").await.is(StatusCode::OK).read();
    assert_eq!(all.latency_bounds_ms.len() + 1, all.points[0].latency.len());
    let sum = |of: fn(&proto::TrafficPoint) -> u64| all.points.iter().map(of).sum::<u64>();
    assert_eq!(
        (
            sum(|p| p.enqueued),
            sum(|p| p.unmatched),
            sum(|p| p.delivered),
            sum(|p| p.dead)
        ),
        (3, 1, 2, 0)
    );
    assert!(
        all.points
            .iter()
            .all(|p| p.queue == "q" && (p.endpoint.is_none() == (p.enqueued > 0))),
        "{all:?}"
    );

    let its: Traffic = app
        .get(&format!("/v1/endpoints/{}/traffic", endpoint.id))
        .await
        .is(StatusCode::OK)
        .read();
    assert_eq!(its.points.iter().map(|p| p.delivered).sum::<u64>(), 2);
    assert!(its.points.iter().all(|p| p.endpoint == Some(endpoint.id)));
    let before = app
        .get("/v1/queues/q/traffic?since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z")
        .await;
    assert!(before.is(StatusCode::OK).read::<Traffic>().points.is_empty());
}
