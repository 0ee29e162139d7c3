//! What PostgreSQL finds out about the rows of a partition: enough for whoever decides by it, and no more.

mod kit;

use chrono::TimeDelta;
use kit::{Kit, now};
use proto::QueueUpdate;
use queue::verdict::Verdict;
use serde_json::json;
use sqlx::{Connection, PgConnection};

async fn connect(kit: &Kit) -> PgConnection {
    PgConnection::connect(kit.database.url()).await.unwrap()
}

/// The partition that all rows of a table lie in.
async fn partition(kit: &Kit, table: &str) -> String {
    let name = format!("SELECT DISTINCT tableoid::regclass::text FROM {table}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(name))
        .fetch_one(&mut connect(kit).await)
        .await
        .unwrap()
}

/// The columns of a table that are left out of its statistics.
async fn left_out(kit: &Kit, table: &str) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT attname::text FROM pg_attribute
         WHERE attrelid = $1::text::regclass AND attnum > 0 AND attstattarget = 0 ORDER BY 1",
    )
    .bind(table)
    .fetch_all(&mut connect(kit).await)
    .await
    .unwrap()
}

/// The columns of a table that statistics were made of.
async fn known(kit: &Kit, table: &str) -> Vec<String> {
    sqlx::query_scalar("SELECT attname::text FROM pg_stats WHERE tablename = $1 ORDER BY 1")
        .bind(table)
        .fetch_all(&mut connect(kit).await)
        .await
        .unwrap()
}

/// A task that was delivered.
async fn deliver_one(kit: &Kit, queue: &str, endpoint: uuid::Uuid) {
    kit.enqueue_some(queue, 1).await;
    let delivery = kit.due(endpoint, 1).await.remove(0);
    let finished = kit.finished(delivery, 200, Verdict::Delivered);
    kit.queue.finish(&[finished]).await.unwrap();
}

const NOT_OF_TASKS: [&str; 4] = ["headers", "idempotency_key", "payload", "retry"];
const NOT_OF_ATTEMPTS: [&str; 4] = ["reason", "response_body", "response_headers", "url"];

#[tokio::test]
async fn what_is_only_shown_is_left_out_of_statistics() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await.id;
    deliver_one(&kit, "q", endpoint).await;
    let (tasks, attempts) = (partition(&kit, "tasks").await, partition(&kit, "attempts").await);
    assert_eq!(left_out(&kit, &tasks).await, NOT_OF_TASKS);
    assert_eq!(left_out(&kit, &attempts).await, NOT_OF_ATTEMPTS);
}

#[tokio::test]
async fn what_is_left_of_a_partition_is_known_by_what_it_is_looked_for() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("kept").await.id;
    let update = QueueUpdate {
        settings: Some(json!({"retention": {"payloads": "forever", "attempts": "forever"}})),
        ..QueueUpdate::default()
    };
    kit.queue.update_queue("kept", update, now()).await.unwrap();
    kit.queue_with_endpoint("q").await;
    deliver_one(&kit, "kept", endpoint).await;
    kit.enqueue_some("q", 10).await;
    let tasks = partition(&kit, "tasks").await;
    let later = now() + TimeDelta::days(200);
    let done = kit.queue.keep_to_retention(later).await.unwrap();
    assert!(done.compacted > 0, "{done:?}");
    assert_eq!(partition(&kit, "tasks").await, tasks);
    assert_eq!(left_out(&kit, &tasks).await, NOT_OF_TASKS);
    let known = known(&kit, &tasks).await;
    assert!(known.iter().any(|column| column == "queue_id"), "{known:?}");
    assert!(
        known
            .iter()
            .all(|column| !NOT_OF_TASKS.contains(&column.as_str()))
    );
}
