//! Tasks, their deliveries and attempts, read.

use axum::http::StatusCode;
use proto::{Attempt, Cancelled, Delivery, DeliveryState, Page, Payload, Task, TaskState};
use queue::verdict::Verdict;
use serde_json::json;
use uuid::Uuid;

use crate::kit::{App, now};

#[tokio::test]
async fn a_task_is_read_as_it_was_given() {
    let app = App::new().await;
    app.make_queue("q").await;
    app.make_endpoint("q", "").await;
    let new = json!({
        "type": "order.paid", "payload": {"n": 1}, "content_type": "application/vnd.shop+json", "headers": {"X-Shop": "7"}, "priority": 9,
        "due_at": "2100-01-01T00:00:00Z", "idempotency_key": "k", "retry": {"schedule": ["1s", "1m"]},
    });
    assert_eq!(
        app.post("/v1/queues/q/tasks", new.clone()).await.blames(400),
        ["due_at"]
    );
    let mut new = new;
    let (due, end) = (
        now() + chrono::TimeDelta::hours(1),
        now() + chrono::TimeDelta::days(2),
    );
    new["due_at"] = json!(due);
    new["expires_at"] = json!(end);
    let id = app.enqueue("q", new).await.id;
    let task: Task = app
        .get(&format!("/v1/tasks/{id}"))
        .await
        .is(StatusCode::OK)
        .read();
    assert_eq!(
        (task.queue.as_str(), task.kind.as_str(), task.state, task.priority),
        ("q", "order.paid", TaskState::Scheduled, 9)
    );
    assert_eq!(
        (
            task.due_at.timestamp_micros(),
            task.expires_at.map(|at| at.timestamp_micros())
        ),
        (due.timestamp_micros(), Some(end.timestamp_micros()))
    );
    assert_eq!(
        (task.content_type.as_str(), task.size),
        ("application/vnd.shop+json", 7)
    );
    assert_eq!(task.payload, Some(Payload::Text("{\"n\":1}".to_owned())));
    assert_eq!(
        (task.headers["X-Shop"].as_str(), task.idempotency_key.as_deref()),
        ("7", Some("k"))
    );
    assert_eq!(task.retry.unwrap().schedule.unwrap().len(), 2);
}

#[tokio::test]
async fn a_payload_is_never_run_by_a_browser() {
    let app = App::new().await;
    app.make_queue("q").await;
    let task = app
        .enqueue(
            "q",
            json!({"payload_base64": "PHNjcmlwdD4=", "content_type": "text/html"}),
        )
        .await;
    let payload = app
        .get(&format!("/v1/tasks/{}/payload", task.id))
        .await
        .is(StatusCode::OK);
    assert_eq!(payload.body, "<script>");
    assert_eq!(payload.header("content-type"), Some("text/html"));
    assert!(
        payload
            .header("content-disposition")
            .unwrap()
            .starts_with("attachment")
    );
    assert_eq!(payload.header("x-content-type-options"), Some("nosniff"));
    assert!(
        payload
            .header("content-security-policy")
            .unwrap()
            .contains("sandbox")
    );
}

#[tokio::test]
async fn deliveries_and_attempts_tell_what_happened() {
    let app = App::new().await;
    app.make_queue("q").await;
    let (good, bad, waits) = (
        app.make_endpoint("q", "").await,
        app.make_endpoint("q", "").await,
        app.make_endpoint("q", "").await,
    );
    let task = app.enqueue("q", r#"{"payload":1,"type":"a"}"#).await;
    assert_eq!(task.deliveries, 3);
    app.finish_all(good.id, 204, Verdict::Delivered).await;
    app.finish_all(bad.id, 500, Verdict::Retry { at: now() }).await;
    app.finish_all(bad.id, 400, Verdict::Dead).await;

    let path = format!("/v1/tasks/{}", task.id);
    let deliveries: Page<Delivery> = app
        .get(&format!("{path}/deliveries"))
        .await
        .is(StatusCode::OK)
        .read();
    let of = |endpoint: Uuid| deliveries.items.iter().find(|d| d.endpoint == endpoint).unwrap();
    assert_eq!(
        (of(good.id).state, of(good.id).attempts),
        (DeliveryState::Delivered, 1)
    );
    assert_eq!((of(bad.id).state, of(bad.id).attempts), (DeliveryState::Dead, 2));
    assert_eq!(
        (of(waits.id).state, of(waits.id).attempts),
        (DeliveryState::Pending, 0)
    );
    let mut one: Delivery = app
        .get(&format!("/v1/deliveries/{}", of(bad.id).id))
        .await
        .is(StatusCode::OK)
        .read();
    // Only one that is read by itself says why it is where it is.
    assert!(one.why.take().unwrap().sentence.starts_with("It was given up"));
    assert_eq!(&one, of(bad.id));

    let all: Page<Attempt> = app
        .get(&format!("{path}/attempts"))
        .await
        .is(StatusCode::OK)
        .read();
    assert_eq!(all.items.len(), 3);
    let its: Page<Attempt> = app
        .get(&format!("/v1/deliveries/{}/attempts", of(bad.id).id))
        .await
        .is(StatusCode::OK)
        .read();
    assert_eq!(
        its.items
            .iter()
            .map(|a| (a.number, a.status, a.verdict.as_str()))
            .collect::<Vec<_>>(),
        [(1, Some(500), "retry"), (2, Some(400), "dead")]
    );
    let newest: Page<Attempt> = app
        .get(&format!("/v1/endpoints/{}/attempts", bad.id))
        .await
        .is(StatusCode::OK)
        .read();
    assert_eq!(newest.items.iter().map(|a| a.number).collect::<Vec<_>>(), [2, 1]);
    let none = app
        .get(&format!("/v1/deliveries/{}/attempts", of(waits.id).id))
        .await
        .is(StatusCode::OK);
    assert!(none.read::<Page<Attempt>>().items.is_empty());

    let state = app.get(&path).await.json()["state"].clone();
    assert_eq!(state, "pending");
    let cancelled: Cancelled = app.act(&format!("{path}/cancel")).await.is(StatusCode::OK).read();
    assert_eq!(cancelled.cancelled, 1);
    assert_eq!(
        app.act(&format!("{path}/cancel"))
            .await
            .is(StatusCode::OK)
            .read::<Cancelled>()
            .cancelled,
        0
    );
}

#[tokio::test]
async fn tasks_are_listed_by_state_type_and_time() {
    let app = App::new().await;
    app.make_queue("q").await;
    app.make_queue("other").await;
    let endpoint = app.make_endpoint("q", "\"order.*\"").await;
    let begin = now();
    let delivered = app.enqueue("q", r#"{"payload":1,"type":"order.paid"}"#).await.id;
    app.finish_all(endpoint.id, 200, Verdict::Delivered).await;
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let middle = now();
    let pending = app.enqueue("q", r#"{"payload":1,"type":"order.sent"}"#).await.id;
    let scheduled = app
        .enqueue("q", r#"{"payload":1,"type":"order.late","delay":"1h"}"#)
        .await
        .id;
    let unmatched = app.enqueue("q", r#"{"payload":1,"type":"stock.low"}"#).await.id;
    app.enqueue("other", r#"{"payload":1}"#).await;

    let list = async |query: &str| -> Vec<Uuid> {
        let page = app
            .get(&format!("/v1/queues/q/tasks?{query}"))
            .await
            .is(StatusCode::OK)
            .read::<Page<Task>>();
        assert!(
            page.items
                .iter()
                .all(|task| task.payload.is_none() && task.queue == "q")
        );
        page.items.iter().map(|task| task.id).collect()
    };
    assert_eq!(list("").await, [unmatched, scheduled, pending, delivered]);
    assert_eq!(list("type=order.*").await, [scheduled, pending, delivered]);
    assert_eq!(list("state=delivered").await, [delivered]);
    assert_eq!(list("state=pending").await, [pending]);
    assert_eq!(list("state=scheduled").await, [scheduled]);
    assert_eq!(list("state=unmatched").await, [unmatched]);
    assert!(list("state=dead").await.is_empty());
    let time = |at: chrono::DateTime<chrono::Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    assert_eq!(list(&format!("until={}", time(middle))).await, [delivered]);
    assert_eq!(
        list(&format!("since={}&type=*.sent", time(middle))).await,
        [pending]
    );
    assert_eq!(
        list(&format!("since={}&until={}", time(begin), time(middle))).await,
        [delivered]
    );
}

#[tokio::test]
async fn tasks_are_found_by_where_they_went_and_by_their_headers() {
    let app = App::new().await;
    app.make_queue("q").await;
    let (orders, all) = (
        app.make_endpoint("q", "\"order.*\"").await,
        app.make_endpoint("q", "").await,
    );
    let seven = app
        .enqueue(
            "q",
            json!({"payload": 1, "type": "order.paid", "headers": {"X-Shop": "7", "x-till": "A:1"}}),
        )
        .await
        .id;
    // Found by an attempt, by a dead letter, and by what waits.
    app.finish_all(orders.id, 200, Verdict::Delivered).await;
    app.finish_all(all.id, 400, Verdict::Dead).await;
    let eight = app
        .enqueue(
            "q",
            json!({"payload": 1, "type": "stock.low", "headers": {"x-shop": "8"}}),
        )
        .await
        .id;
    let plain = app
        .enqueue("q", json!({"payload": 1, "type": "order.sent"}))
        .await
        .id;

    let list = async |query: &str| -> Vec<Uuid> {
        let page = app
            .get(&format!("/v1/queues/q/tasks?{query}"))
            .await
            .is(StatusCode::OK)
            .read::<Page<Task>>();
        page.items.iter().map(|task| task.id).collect()
    };
    let of = |id: Uuid| format!("endpoint={id}");
    assert_eq!(list(&of(orders.id)).await, [plain, seven]);
    assert_eq!(list(&of(all.id)).await, [plain, eight, seven]);
    assert_eq!(list(&format!("{}&state=pending", of(orders.id))).await, [plain]);
    assert_eq!(list(&format!("{}&state=dead", of(all.id))).await, [seven]);
    assert_eq!(list(&format!("{}&type=stock.*", of(all.id))).await, [eight]);
    assert_eq!(list(&format!("{}&header=x-shop", of(orders.id))).await, [seven]);

    assert_eq!(list("header=x-shop").await, [eight, seven]);
    assert_eq!(list("header=X-SHOP:7").await, [seven]);
    assert_eq!(list("header=x-shop:%207").await, [seven]);
    assert_eq!(list("header=x-till:A:1").await, [seven]);
    assert_eq!(list("header=x-shop:8&state=pending").await, [eight]);
    for none in ["x-till:a:1", "x-shop:", "x-shop:77", "x-other"] {
        assert!(list(&format!("header={none}")).await.is_empty(), "{none}");
    }
    // Page by page it is the same.
    let (mut path, mut found) = (format!("/v1/queues/q/tasks?limit=1&{}", of(all.id)), vec![]);
    loop {
        let page: Page<Task> = app.get(&path).await.is(StatusCode::OK).read();
        found.extend(page.items.iter().map(|task| task.id));
        let Some(next) = page.next_page else { break };
        path = format!("/v1/queues/q/tasks?limit=1&{}&page={next}", of(all.id));
    }
    assert_eq!(found, [plain, eight, seven]);

    for (query, field) in [
        ("endpoint=x", "endpoint"),
        ("header=", "header"),
        ("header=a%20b", "header"),
        ("header=a:%00", "header"),
    ] {
        assert_eq!(
            app.get(&format!("/v1/queues/q/tasks?{query}")).await.blames(400),
            [field],
            "{query}"
        );
    }
    app.get(&format!("/v1/queues/q/tasks?{}", of(Uuid::max())))
        .await
        .problem(404);
}
