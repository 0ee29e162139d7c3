//! What is tidied now and then: all of it, however much there is, and nothing that somebody else just took.

mod kit;

use std::time::Duration;

use kit::{Kit, new_task, now};
use queue::task::NewTask;
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

/// Longer than anything here takes, on any machine.
const PATIENCE: Duration = Duration::from_secs(30);

async fn connect(kit: &Kit) -> PgConnection {
    PgConnection::connect(kit.database.url()).await.unwrap()
}

/// Deliveries of all queues.
async fn waiting(kit: &Kit) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM deliveries")
        .fetch_one(&mut connect(kit).await)
        .await
        .unwrap()
}

/// Waits until somebody waits for a lock.
async fn until_one_waits(kit: &Kit) {
    let mut connection = connect(kit).await;
    let look = async {
        loop {
            let one_waits: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')",
            )
            .fetch_one(&mut connection)
            .await
            .unwrap();
            if one_waits {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, look).await.expect("somebody who waits");
}

#[tokio::test]
async fn what_was_minted_by_a_clock_that_was_ahead_is_purged_and_swept() {
    let kit = Kit::new().await;
    let swept = kit.queue_with_endpoint("swept").await.id;
    let purged = kit.queue_with_endpoint("purged").await.id;
    // The clock is put back afterwards: ids go on from here.
    kit.queue.mint(now() + Duration::from_mins(10));
    kit.enqueue_some("swept", 3).await;
    kit.enqueue_some("purged", 3).await;
    let done = kit.queue.purge_endpoint(purged, now()).await.unwrap();
    assert_eq!((done.count, done.more), (3, false));
    kit.queue.delete_endpoint(swept, now()).await.unwrap();
    let report = kit.queue.sweep(now() + Duration::from_mins(2)).await.unwrap();
    assert_eq!((report.deliveries, waiting(&kit).await), (3, 0));
    assert_eq!(kit.queue.read_queue("swept").await.unwrap().depth, 0);
}

#[tokio::test]
async fn one_round_cancels_all_that_a_deleted_endpoint_left() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await.id;
    for _ in 0..5 {
        kit.enqueue_some("q", 1_000).await;
    }
    kit.queue.delete_endpoint(endpoint, now()).await.unwrap();
    let report = kit.queue.sweep(now()).await.unwrap();
    assert_eq!((report.deliveries, waiting(&kit).await), (5_000, 0));
    assert_eq!(kit.queue.read_queue("q").await.unwrap().depth, 0);
}

#[tokio::test]
async fn a_deleted_endpoint_has_its_turn_however_many_were_deleted_before() {
    let kit = Kit::new().await;
    kit.queue_with_endpoint("old").await;
    for _ in 0..100 {
        kit.endpoint("old", &[]).await;
    }
    let endpoint = kit.queue_with_endpoint("q").await.id;
    kit.enqueue_some("q", 3).await;
    kit.queue.delete_queue("old", now()).await.unwrap();
    let later = now() + Duration::from_secs(1);
    kit.queue.delete_endpoint(endpoint, later).await.unwrap();
    let report = kit.queue.sweep(later).await.unwrap();
    assert_eq!((report.deliveries, waiting(&kit).await), (3, 0));
}

#[tokio::test]
async fn an_endpoint_is_not_done_because_another_node_was_quicker() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await.id;
    kit.enqueue_some("q", 2_500).await;
    kit.queue.delete_endpoint(endpoint, now()).await.unwrap();
    let later = now() + Duration::from_hours(1);
    let mut connection = connect(&kit).await;
    let mut other = connection.begin().await.unwrap();
    // The very rows that a batch takes.
    sqlx::query(
        "DELETE FROM deliveries WHERE id IN (
            SELECT id FROM deliveries WHERE endpoint_id = $1 ORDER BY priority, due_at, id LIMIT 2000
        )",
    )
    .bind(endpoint)
    .execute(&mut *other)
    .await
    .unwrap();
    let quicker = async {
        until_one_waits(&kit).await;
        other.commit().await.unwrap();
    };
    let (report, ()) = tokio::join!(kit.queue.sweep(later), quicker);
    assert_eq!((report.unwrap().deliveries, waiting(&kit).await), (0, 500));
    let report = kit.queue.sweep(later).await.unwrap();
    assert_eq!((report.deliveries, waiting(&kit).await), (500, 0));
    assert!(kit.queue.sweep(later).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_idempotency_key_that_is_taken_over_meanwhile_stays() {
    let kit = Kit::new().await;
    kit.queue_with_endpoint("q").await;
    let keyed = || NewTask {
        idempotency_key: Some("k".into()),
        ..new_task("1")
    };
    let first = kit.enqueue("q", vec![keyed()]).await[0].clone().unwrap();
    let mut connection = connect(&kit).await;
    sqlx::query("UPDATE idempotency_keys SET expires_at = now() - interval '1 hour'")
        .execute(&mut connection)
        .await
        .unwrap();
    // As an enqueue does, with a task of its own.
    let mut enqueue = connection.begin().await.unwrap();
    sqlx::query("UPDATE idempotency_keys SET expires_at = now() + interval '1 day'")
        .execute(&mut *enqueue)
        .await
        .unwrap();
    let taken_over = async {
        until_one_waits(&kit).await;
        enqueue.commit().await.unwrap();
    };
    let (report, ()) = tokio::join!(kit.queue.sweep(now()), taken_over);
    assert_eq!(report.unwrap().keys, 0);
    let again = kit.enqueue("q", vec![keyed()]).await[0].clone().unwrap();
    assert_eq!((again.id, again.repeated), (first.id, true));
    // Once its window is over, it goes.
    let report = kit.queue.sweep(now() + Duration::from_hours(48)).await.unwrap();
    assert_eq!(report.keys, 1);
}
