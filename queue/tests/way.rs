//! The way of a task through the database: enqueue, due, load, finish; cancel, purge, replay.

mod kit;

use std::time::Duration;

use kit::{Kit, new_task, now};
use proto::{DeadLetterFilter, DeliveryState, TaskState};
use queue::{
    Enqueuer,
    delivery::Purpose,
    enqueue::{self, Target},
    rights::Reach,
    task::{self, NewTask},
    tasks::TaskFilter,
    verdict::Verdict,
};
use sqlx::{Connection, PgConnection};

async fn state(kit: &Kit, task: uuid::Uuid) -> TaskState {
    kit.queue.read_task(task, now()).await.unwrap().state
}

#[tokio::test]
async fn a_delivered_task_leaves_a_log_and_no_delivery() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await;
    let ids = kit.enqueue_some("q", 3).await;
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    let due = kit.due(endpoint.id, 10).await;
    assert_eq!(due.iter().map(|d| d.content.id).collect::<Vec<_>>(), ids);
    assert_eq!(&due[1].content.payload[..], b"{\"n\":1}");
    assert_eq!(state(&kit, ids[0]).await, TaskState::Pending);
    let finished: Vec<_> = due
        .into_iter()
        .map(|d| kit.finished(d, 200, Verdict::Delivered))
        .collect();
    kit.queue.finish(&finished).await.unwrap();
    assert!(kit.due(endpoint.id, 10).await.is_empty());
    assert_eq!(state(&kit, ids[0]).await, TaskState::Delivered);
    let attempts = kit.queue.attempts_of_task(ids[0], None, 10, now()).await.unwrap();
    assert_eq!(
        (attempts.len(), attempts[0].status, attempts[0].number),
        (1, Some(200), 1)
    );
    assert_eq!(attempts[0].response_body_base64.as_deref(), Some("/29rAA=="));
    assert_eq!(attempts[0].response_headers[1].value, "a b c");
    assert_eq!(attempts[0].reason, "the endpoint answered 200");
    let deliveries = kit.queue.deliveries_of(ids[0], None, 10, now()).await.unwrap();
    assert_eq!(
        (deliveries[0].state, deliveries[0].attempts),
        (DeliveryState::Delivered, 1)
    );
}

#[tokio::test]
async fn a_verdict_made_from_an_old_count_changes_nothing_but_the_log() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await;
    let id = kit.enqueue_some("q", 1).await[0];
    let first = kit.due(endpoint.id, 1).await.remove(0);
    let later = now() + Duration::from_mins(1);
    kit.queue
        .finish(&[kit.finished(first.clone(), 500, Verdict::Retry { at: later })])
        .await
        .unwrap();
    // A node that lost the shard comes late with what it saw before.
    kit.queue
        .finish(&[kit.finished(first.clone(), 500, Verdict::Dead)])
        .await
        .unwrap();
    kit.queue
        .finish(&[kit.finished(first.clone(), 500, Verdict::Retry { at: now() })])
        .await
        .unwrap();
    assert_eq!(state(&kit, id).await, TaskState::Retrying);
    assert!(kit.due(endpoint.id, 1).await.is_empty());
    assert_eq!(
        kit.queue
            .attempts_of_task(id, None, 10, now())
            .await
            .unwrap()
            .len(),
        3
    );
    // Delivered is delivered, whoever did it.
    kit.queue
        .finish(&[kit.finished(first, 200, Verdict::Delivered)])
        .await
        .unwrap();
    assert_eq!(state(&kit, id).await, TaskState::Delivered);
    assert!(
        kit.queue
            .discover(&(0..=255).collect::<Vec<_>>())
            .await
            .unwrap()
            .is_empty()
    );
}

/// As when the connection broke between the commit and its answer.
#[tokio::test]
async fn results_that_are_written_again_change_nothing() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await;
    kit.enqueue_some("q", 3).await;
    let later = now() + Duration::from_hours(1);
    let verdicts = [Verdict::Delivered, Verdict::Retry { at: later }, Verdict::Dead];
    let due = kit.due(endpoint.id, 3).await;
    let finished: Vec<_> = due
        .into_iter()
        .zip(verdicts)
        .map(|(delivery, verdict)| kit.finished(delivery, 500, verdict))
        .collect();
    for _ in 0..2 {
        kit.queue.finish(&finished).await.unwrap();
        let mut states = vec![];
        for one in &finished {
            let attempts = kit
                .queue
                .attempts_of_delivery(one.delivery.id, None, 10, now())
                .await
                .unwrap();
            let delivery = kit.queue.read_delivery(one.delivery.id, now()).await.unwrap();
            states.push((attempts.len(), delivery.attempts, delivery.state));
        }
        let expected = [
            DeliveryState::Delivered,
            DeliveryState::Retrying,
            DeliveryState::Dead,
        ];
        assert_eq!(states, expected.map(|state| (1, 1, state)));
    }
}

#[tokio::test]
async fn a_dead_letter_is_replayed_under_the_same_task() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await;
    let ids = kit.enqueue_some("q", 5).await;
    let dead: Vec<_> = kit
        .due(endpoint.id, 5)
        .await
        .into_iter()
        .map(|d| kit.finished(d, 404, Verdict::Dead))
        .collect();
    kit.queue.finish(&dead).await.unwrap();
    assert_eq!(state(&kit, ids[0]).await, TaskState::Dead);
    let letters = kit
        .queue
        .list_dead_letters(&Reach::everything(), DeadLetterFilter::default(), None, 10, now())
        .await
        .unwrap();
    assert_eq!(letters.len(), 5);
    assert_eq!(
        (letters[0].status, letters[0].attempts, letters[0].kind.as_str()),
        (Some(404), 1, "test.made")
    );
    let replayed = kit
        .queue
        .replay(&Reach::everything(), letters[0].id, now())
        .await
        .unwrap();
    assert_eq!(replayed.task, letters[0].task);
    assert_ne!(replayed.delivery, letters[0].id);
    let none = DeadLetterFilter {
        status: Some(500),
        ..DeadLetterFilter::default()
    };
    assert_eq!(
        kit.queue
            .replay_all(&Reach::everything(), none, now())
            .await
            .unwrap()
            .count,
        0
    );
    let some = DeadLetterFilter {
        queue: Some("q".into()),
        kind: Some("test.*".into()),
        ..DeadLetterFilter::default()
    };
    assert_eq!(
        kit.queue
            .replay_all(&Reach::everything(), some, now())
            .await
            .unwrap()
            .count,
        4
    );
    let due = kit.due(endpoint.id, 10).await;
    assert_eq!(due.len(), 5);
    assert!(
        due.iter()
            .all(|d| d.purpose == Purpose::Replay(None) && ids.contains(&d.content.id) && d.attempts == 0)
    );
    let again = kit.queue.replay(&Reach::everything(), letters[0].id, now()).await;
    assert!(again.is_err());
}

#[tokio::test]
async fn what_is_cancelled_or_purged_is_logged_and_not_due() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await;
    kit.endpoint("q", &[]).await;
    let ids = kit.enqueue_some("q", 3).await;
    assert_eq!(kit.queue.cancel(ids[0], now()).await.unwrap(), 2);
    assert_eq!(kit.queue.cancel(ids[0], now()).await.unwrap(), 0);
    assert_eq!(state(&kit, ids[0]).await, TaskState::Cancelled);
    assert_eq!(kit.due(endpoint.id, 9).await.len(), 2);
    assert_eq!(
        kit.queue.purge_endpoint(endpoint.id, now()).await.unwrap().count,
        2
    );
    assert_eq!(kit.queue.purge_queue("q", now()).await.unwrap().count, 2);
    assert_eq!(state(&kit, ids[2]).await, TaskState::Cancelled);
}

#[tokio::test]
async fn fan_out_follows_the_filters_and_says_when_nobody_wants_it() {
    let kit = Kit::new().await;
    let all = kit.queue_with_endpoint("q").await;
    let invoices = kit.endpoint("q", &["invoice.*", "bill"]).await;
    let of = |kind: &str| NewTask {
        kind: kind.into(),
        ..new_task("1")
    };
    let receipts = kit
        .enqueue(
            "q",
            vec![
                of("invoice.paid"),
                of("bill"),
                of("order"),
                NewTask {
                    kind: String::new(),
                    ..new_task("1")
                },
            ],
        )
        .await;
    let fanouts: Vec<_> = receipts.iter().map(|r| r.as_ref().unwrap().deliveries).collect();
    assert_eq!(fanouts, [2, 2, 1, 1]);
    assert_eq!(
        (
            kit.due(all.id, 9).await.len(),
            kit.due(invoices.id, 9).await.len()
        ),
        (4, 2)
    );
    kit.queue.delete_endpoint(all.id, now()).await.unwrap();
    let receipt = kit.enqueue("q", vec![of("order")]).await.remove(0).unwrap();
    assert_eq!(
        (receipt.deliveries, state(&kit, receipt.id).await),
        (0, TaskState::Unmatched)
    );
}

#[tokio::test]
async fn one_key_makes_one_task() {
    let kit = Kit::new().await;
    kit.queue_with_endpoint("q").await;
    let keyed = |key: &str, payload: &str| NewTask {
        idempotency_key: Some(key.into()),
        ..new_task(payload)
    };
    let batch = vec![
        keyed("a", "1"),
        keyed("b", "1"),
        keyed("a", "1"),
        keyed("a", "2"),
        new_task("1"),
    ];
    let first = kit.enqueue("q", batch).await;
    let a = first[0].clone().unwrap();
    assert!(!a.repeated);
    let again = first[2].clone().unwrap();
    assert_eq!((again.id, again.repeated, again.deliveries), (a.id, true, 1));
    assert!(first[3].is_err());
    let second = kit
        .enqueue(
            "q",
            vec![keyed("a", "1"), keyed("a", "1"), keyed("a", "2"), keyed("c", "1")],
        )
        .await;
    for repeat in &second[..2] {
        let repeat = repeat.clone().unwrap();
        assert_eq!((repeat.id, repeat.repeated), (a.id, true));
    }
    assert!(second[2].is_err() && !second[3].clone().unwrap().repeated);
    let tasks: Vec<_> = (0..500)
        .map(|_| kit.enqueue("q", vec![keyed("many", "1")]))
        .collect();
    let mut ids: Vec<_> = futures_util::future::join_all(tasks)
        .await
        .into_iter()
        .map(|r| r[0].clone().unwrap())
        .collect();
    assert_eq!(ids.iter().filter(|r| !r.repeated).count(), 1);
    ids.dedup_by_key(|r| r.id);
    assert_eq!(ids.len(), 1);
    let page = kit
        .queue
        .list_tasks(
            &TaskFilter {
                queue: "q".into(),
                ..TaskFilter::default()
            },
            None,
            100,
            now(),
        )
        .await
        .unwrap();
    assert_eq!(page.tasks.len(), 5);
}

#[tokio::test]
async fn tasks_are_listed_by_state_type_and_time() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await;
    let later = NewTask {
        delay: Some(Duration::from_mins(10)),
        kind: "later.x".into(),
        ..new_task("1")
    };
    let scheduled = kit.enqueue("q", vec![later]).await[0].clone().unwrap().id;
    let ids = kit.enqueue_some("q", 3).await;
    let mut due = kit.due(endpoint.id, 9).await;
    let dead = kit.finished(due.pop().unwrap(), 400, Verdict::Dead);
    let delivered = kit.finished(due.pop().unwrap(), 200, Verdict::Delivered);
    kit.queue.finish(&[dead, delivered]).await.unwrap();
    let list = async |state: Option<TaskState>, kind: Option<&str>| {
        let filter = TaskFilter {
            queue: "q".into(),
            state,
            kind: kind.map(Into::into),
            ..TaskFilter::default()
        };
        let page = kit.queue.list_tasks(&filter, None, 10, now()).await.unwrap();
        page.tasks.into_iter().map(|t| t.id).collect::<Vec<_>>()
    };
    assert_eq!(list(None, None).await, [ids[2], ids[1], ids[0], scheduled]);
    assert_eq!(list(Some(TaskState::Scheduled), None).await, [scheduled]);
    assert_eq!(list(Some(TaskState::Pending), None).await, [ids[0]]);
    assert_eq!(list(Some(TaskState::Dead), None).await, [ids[2]]);
    assert_eq!(list(Some(TaskState::Delivered), None).await, [ids[1]]);
    assert_eq!(list(None, Some("later.*")).await, [scheduled]);
    let filter = TaskFilter {
        queue: "q".into(),
        ..TaskFilter::default()
    };
    let page = kit
        .queue
        .list_tasks(&filter, Some(ids[1]), 1, now())
        .await
        .unwrap();
    assert_eq!((page.tasks[0].id, page.next), (ids[0], Some(ids[0])));
}

#[tokio::test]
async fn what_a_deleted_endpoint_leaves_is_swept() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await;
    let ids = kit.enqueue_some("q", 3).await;
    let due = kit.due(endpoint.id, 1).await.remove(0);
    kit.queue
        .finish(&[kit.finished(due, 400, Verdict::Dead)])
        .await
        .unwrap();
    kit.queue.delete_queue("q", now()).await.unwrap();
    let report = kit.queue.sweep(now()).await.unwrap();
    assert_eq!((report.deliveries, report.dead_letters), (2, 1));
    assert_eq!(state(&kit, ids[2]).await, TaskState::Cancelled);
    let much_later = now() + Duration::from_hours(1);
    kit.queue.sweep(much_later).await.unwrap();
    assert!(
        kit.queue.sweep(much_later).await.unwrap().is_empty(),
        "an endpoint that is swept is not looked at again"
    );
}

#[tokio::test]
async fn rollups_add_up() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await;
    kit.enqueue_some("q", 3).await;
    let due = kit.due(endpoint.id, 3).await;
    let verdicts = [Verdict::Delivered, Verdict::Dead, Verdict::Retry { at: now() }];
    for (delivery, verdict) in due.into_iter().zip(verdicts) {
        kit.queue
            .finish(&[kit.finished(delivery, 200, verdict)])
            .await
            .unwrap();
        kit.queue.flush_rollups().await.unwrap();
    }
    assert_eq!(kit.queue.flush_rollups().await.unwrap(), 0);
    let queue = kit.find("q").await.id;
    let hour = Duration::from_hours(1);
    let rows = kit
        .queue
        .traffic(queue, None, now() - hour, now() + hour)
        .await
        .unwrap();
    let sum = |of: fn(&queue::rollup::Counts) -> i64| rows.iter().map(|(_, counts)| of(counts)).sum::<i64>();
    assert_eq!(
        (
            sum(|c| c.enqueued),
            sum(|c| c.delivered),
            sum(|c| c.dead),
            sum(|c| c.retried)
        ),
        (3, 1, 1, 1)
    );
    assert_eq!(sum(|c| c.latency[1]), 3, "1.5 ms lie in the second bucket");
    assert_eq!(sum(|c| c.latency.iter().sum()), 3);
}

#[tokio::test]
async fn tasks_for_many_endpoints_share_a_statement_as_long_as_their_deliveries_fit() {
    let kit = Kit::new().await;
    kit.queue_with_endpoint("q").await;
    for number in 0..20 {
        kit.endpoint("q", &[&format!("kind.{number}")]).await;
    }
    // Each task makes two deliveries: one of its own kind's endpoint, one of that which wants everything.
    let config = enqueue::Config {
        group_deliveries: 40,
        ..enqueue::Config::default()
    };
    let enqueuer = Enqueuer::start(&kit.queue, &config);
    let tasks = (0..30).map(|number| {
        let task = NewTask {
            kind: format!("kind.{}", number % 20),
            ..new_task("{}")
        };
        task::check(task, 1 << 20, now()).unwrap()
    });
    let receipts = enqueuer
        .enqueue(kit.find("q").await, tasks.collect(), Target::Matching, now())
        .await
        .unwrap();
    assert!(
        receipts
            .iter()
            .all(|receipt| receipt.as_ref().unwrap().deliveries == 2)
    );
    let mut connection = PgConnection::connect(kit.database.url()).await.unwrap();
    let transactions: i64 = sqlx::query_scalar("SELECT count(DISTINCT xmin::text) FROM tasks")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(transactions, 2, "of 60 deliveries, 40 fit into one");
}
