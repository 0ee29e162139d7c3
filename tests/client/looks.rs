//! What explains and what measures: why a delivery is where it is, what a response would cause, what the database takes; and content that
//! goes at once.

use posthaste_client::proto::{
    Delivery, DeliveryWait, Endpoint, Expunged, LaneEffect, Page, SimulatedVerdict, Storage, Task,
};
use serde_json::Value;

use crate::{
    harness::{Home, Receiver, Reply, eventually},
    terminal::{Terminal, row},
};

#[tokio::test]
async fn a_delivery_says_why_it_waits_and_a_response_what_it_would_cause() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (user, _node) = Terminal::and_node(&home).await;
    receiver.answer("/", |_| Reply::status(500));
    user.ok(&["queue", "make", "orders", "--set", "retry.schedule=[\"1h\"]"])
        .await;
    let endpoint: Endpoint = user
        .json(&["endpoint", "make", "orders", &receiver.url("/")])
        .await;
    let said: Value = user.json(&["enqueue", "orders", "1"]).await;
    let task = said["id"].as_str().expect("an id");
    let delivery = eventually("it failed once", async || {
        let page: Page<Delivery> = user.json(&["task", "deliveries", task]).await;
        let first = page.items.into_iter().next()?;
        (first.attempts == 1).then_some(first.id.to_string())
    })
    .await;
    let read: Delivery = user.json(&["task", "why", &delivery]).await;
    let why = read.why.expect("an explanation");
    assert_eq!(why.waits_for, Some(DeliveryWait::Retry));
    let text = user.ok(&["task", "why", &delivery]).await;
    assert_eq!(row(&text, "waits for"), ["waits for", "retry"]);
    assert_eq!(row(&text, "rule"), ["rule", "preset standard: 5xx"]);
    assert!(
        text.contains("Attempt 1 failed: the endpoint answered 500"),
        "{text}"
    );
    let nobody = uuid::Uuid::from_u128(7).to_string();
    assert!(
        user.call(&["task", "why", &nobody])
            .await
            .fails(1)
            .contains("(404)")
    );

    let id = endpoint.id.to_string();
    let told: SimulatedVerdict = user.json(&["endpoint", "simulate", &id, "--status", "404"]).await;
    assert_eq!((told.verdict.as_str(), told.lane), ("dead", LaneEffect::Carry));
    let text = user
        .ok(&[
            "endpoint",
            "simulate",
            &id,
            "--status",
            "429",
            "--header",
            "retry-after: 60",
        ])
        .await;
    assert_eq!(row(&text, "verdict"), ["verdict", "retry"]);
    assert_eq!(row(&text, "rule"), ["rule", "preset standard: 429 and 503"]);
    assert!(row(&text, "lane")[1].starts_with("is held until 2"), "{text}");
    let text = user
        .ok(&[
            "queue",
            "simulate",
            "orders",
            "--failure",
            "timeout",
            "--attempt",
            "2",
        ])
        .await;
    // Of one retry that the schedule has, it was the last.
    assert_eq!(row(&text, "verdict"), ["verdict", "dead"]);
    user.call(&["queue", "simulate", "orders"]).await.fails(2);
    user.call(&[
        "queue",
        "simulate",
        "orders",
        "--status",
        "200",
        "--failure",
        "dns",
    ])
    .await
    .fails(2);
    let odd = user
        .call(&["queue", "simulate", "orders", "--failure", "rain"])
        .await;
    assert!(odd.fails(1).contains("failure"));
}

#[tokio::test]
async fn the_content_of_a_task_goes_at_once() {
    let home = Home::external().await;
    let (user, _node) = Terminal::and_node(&home).await;
    user.ok(&["queue", "make", "orders"]).await;
    user.ok(&["endpoint", "make", "orders", "http://127.0.0.1:9/"])
        .await;
    let enqueue = [
        "enqueue",
        "orders",
        "\"zebra\"",
        "--delay",
        "1h",
        "--header",
        "x-shop: 7",
    ];
    let said: Value = user.json(&enqueue).await;
    let task = said["id"].as_str().expect("an id");
    let unsure = user.call(&["task", "expunge", task]).await.fails(2);
    assert!(
        unsure.contains("It cannot be brought back") && unsure.contains("--yes"),
        "{unsure}"
    );
    assert!(user.ok(&["task", "read", task]).await.contains("zebra"));

    let expunged: Expunged = user.json(&["task", "expunge", task, "--yes"]).await;
    assert_eq!(expunged.cancelled, 1);
    let read: Task = user.json(&["task", "read", task]).await;
    assert_eq!(
        (read.payload, read.expunged_at),
        (None, Some(expunged.expunged_at))
    );
    let text = user.ok(&["task", "read", task]).await;
    assert!(
        text.contains("(expunged)") && !text.contains("zebra") && !text.contains("x-shop"),
        "{text}"
    );
    let again = user.ok(&["task", "expunge", task, "--yes"]).await;
    assert_eq!(row(&again, "cancelled deliveries")[1], "0");
    let refused = user.call(&["task", "replay", task]).await.fails(1);
    assert!(refused.contains("expunged"), "{refused}");
}

#[tokio::test]
async fn what_the_database_takes_is_told() {
    let home = Home::external().await;
    let (mut user, _node) = Terminal::and_node(&home).await;
    user.ok(&["queue", "make", "orders"]).await;
    for _ in 0..3 {
        user.ok(&["enqueue", "orders", "1"]).await;
    }
    let storage: Storage = user.json(&["storage"]).await;
    let text = user.ok(&["storage"]).await;
    assert!(storage.database_bytes > 1 << 20, "{storage:?}");
    assert!(row(&text, "database")[1].ends_with("iB"), "{text}");
    assert!(row(&text, "disk")[1].starts_with("not known"), "{text}");
    assert!(
        storage.tables.is_sorted_by(|one, next| one.bytes >= next.bytes),
        "the largest first: {:?}",
        storage.tables
    );
    for table in ["tasks", "deliveries", "attempts"] {
        let named = storage.tables.iter().find(|one| one.name == table);
        assert!(named.is_some_and(|one| one.bytes > 0), "{table}: {storage:?}");
        assert_eq!(row(&text, &format!("{table} "))[0], table);
    }
    // It is of the whole server: not for whoever reaches a part of it.
    let key: Value = user
        .json(&["key", "make", "part", "--scope", "admin", "--queue", "orders"])
        .await;
    user.set("POSTHASTE_KEY", key["key"].as_str().expect("its text"));
    assert!(user.call(&["storage"]).await.fails(1).contains("(403)"));
}
