//! The depth that a queue says it has is the number of its deliveries, whatever made and ended them.

mod kit;

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use kit::{Kit, new_task, now};
use proto::{DeadLetterFilter, QueueUpdate};
use queue::{rights::Reach, task::NewTask, verdict::Verdict};
use sqlx::{Connection, PgConnection};

/// What the queues say, having made sure that it is so.
async fn depths(kit: &Kit) -> [u64; 2] {
    let mut connection = PgConnection::connect(kit.database.url()).await.unwrap();
    let mut said = [0; 2];
    for (said, name) in said.iter_mut().zip(["a", "b"]) {
        *said = kit.queue.read_queue(name).await.unwrap().depth;
        let counted: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM deliveries WHERE queue_id = (SELECT id FROM queues WHERE name = $1 AND deleted_at IS NULL)",
        )
        .bind(name)
        .fetch_one(&mut connection)
        .await
        .unwrap();
        assert_eq!(i64::try_from(*said), Ok(counted), "{name}");
    }
    said
}

fn keyed(key: &str) -> NewTask {
    NewTask {
        idempotency_key: Some(key.into()),
        ..new_task("1")
    }
}

#[tokio::test]
async fn every_verb_keeps_it() {
    let kit = Kit::new().await;
    let first = kit.queue_with_endpoint("a").await.id;
    let other = kit.queue_with_endpoint("b").await.id;
    assert_eq!(depths(&kit).await, [0, 0]);

    // Concurrent commits, fan-out, and repeats of an idempotency key.
    kit.endpoint("b", &["test.*"]).await;
    let made = join_all((0..8).map(|turn| kit.enqueue_some(if turn % 2 == 0 { "a" } else { "b" }, 10))).await;
    assert_eq!(depths(&kit).await, [40, 80]);
    kit.enqueue("a", vec![keyed("k"), keyed("k"), keyed("l")]).await;
    kit.enqueue("a", vec![keyed("l"), new_task("2")]).await;
    assert_eq!(depths(&kit).await, [43, 80]);

    // Delivered, dead, tried again; and all of it written twice, as after an answer that was lost.
    let due = kit.due(first, 6).await;
    let later = now() + Duration::from_mins(1);
    let verdicts = [Verdict::Delivered, Verdict::Dead, Verdict::Retry { at: later }];
    let finished: Vec<_> = due
        .into_iter()
        .zip(verdicts.into_iter().cycle())
        .map(|(delivery, verdict)| kit.finished(delivery, 500, verdict))
        .collect();
    kit.queue.finish(&finished).await.unwrap();
    assert_eq!(depths(&kit).await, [39, 80]);
    kit.queue.finish(&finished).await.unwrap();
    assert_eq!(depths(&kit).await, [39, 80]);

    let everything = DeadLetterFilter::default();
    kit.queue
        .replay_all(&Reach::everything(), everything, now())
        .await
        .unwrap();
    assert_eq!(depths(&kit).await, [41, 80]);
    assert_eq!(kit.queue.cancel(made[1][0], now()).await.unwrap(), 2);
    assert_eq!(depths(&kit).await, [41, 78]);
    kit.queue.purge_endpoint(other, now()).await.unwrap();
    assert_eq!(depths(&kit).await, [41, 39]);
    kit.queue.purge_queue("a", now()).await.unwrap();
    assert_eq!(depths(&kit).await, [0, 39]);
}

#[tokio::test]
async fn a_full_queue_has_no_room_until_deliveries_end() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await.id;
    let limit = |limit| QueueUpdate {
        max_depth: Some(limit),
        ..QueueUpdate::default()
    };
    kit.queue.update_queue("q", limit(Some(10)), now()).await.unwrap();
    let begin = Instant::now();
    let room = async |later: Duration| {
        let queue = kit.find("q").await;
        kit.queue.has_room(&queue, begin + later).await.unwrap()
    };
    assert!(room(Duration::ZERO).await);
    // What this node adds is known at once, however young the last look.
    kit.enqueue_some("q", 10).await;
    assert!(!room(Duration::ZERO).await);
    let due = kit.due(endpoint, 1).await.remove(0);
    let finished = kit.finished(due, 200, Verdict::Delivered);
    kit.queue.finish(&[finished]).await.unwrap();
    assert!(room(Duration::from_secs(1)).await);
    kit.enqueue_some("q", 5).await;
    assert!(!room(Duration::from_secs(2)).await);
    kit.queue.update_queue("q", limit(None), now()).await.unwrap();
    assert!(room(Duration::from_secs(2)).await);
    assert!(kit.queue.update_queue("q", limit(Some(0)), now()).await.is_err());
}
