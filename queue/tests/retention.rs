//! Bounded storage, on a real PostgreSQL, with the time as an argument: what is kept no longer goes, and nothing that is needed does.

mod kit;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use kit::{Kit, new_task, now, open};
use proto::{Keep, QueueUpdate, Span, TaskState};
use queue::{Error, Queue, rights::Reach, task::NewTask, verdict::Verdict};
use serde_json::json;
use sqlx::{Connection, PgConnection};

/// Long after everything's time, for a queue with the defaults.
fn after(days: i64) -> DateTime<Utc> {
    now() + TimeDelta::days(days)
}

async fn set(queue: &Queue, name: &str, settings: serde_json::Value) {
    let update = QueueUpdate {
        settings: Some(settings),
        ..QueueUpdate::default()
    };
    queue.update_queue(name, update, now()).await.unwrap();
    queue.refresh_catalog().await.unwrap();
}

async fn connect(kit: &Kit) -> PgConnection {
    PgConnection::connect(kit.database.url()).await.unwrap()
}

/// Rows of a table and of the partitions that lie before `now`.
async fn rows(kit: &Kit, table: &str) -> i64 {
    let count = format!("SELECT count(*) FROM {table}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(count))
        .fetch_one(&mut connect(kit).await)
        .await
        .unwrap()
}

async fn partitions(kit: &Kit) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent IN ('tasks'::regclass, 'attempts'::regclass) ORDER BY 1",
    )
    .fetch_all(&mut connect(kit).await)
    .await
    .unwrap()
}

async fn state(kit: &Kit, task: uuid::Uuid, at: DateTime<Utc>) -> TaskState {
    kit.queue.read_task(task, at).await.unwrap().state
}

/// A task of every fate: scheduled far ahead, retrying, dead, delivered, and one that nobody wanted.
struct Fates {
    scheduled: uuid::Uuid,
    retrying: uuid::Uuid,
    dead: uuid::Uuid,
    delivered: uuid::Uuid,
}

async fn fates(kit: &Kit, queue: &str, endpoint: uuid::Uuid) -> Fates {
    let ahead = NewTask {
        delay: Some(Duration::from_hours(24 * 200)),
        ..new_task("\"ahead\"")
    };
    let scheduled = kit.enqueue(queue, vec![ahead]).await[0].clone().unwrap().id;
    let ids = kit.enqueue_some(queue, 3).await;
    let mut finished = vec![];
    for delivery in kit.due(endpoint, 10).await {
        let verdict = match ids.iter().position(|id| *id == delivery.content.id).unwrap() {
            0 => Verdict::Retry { at: after(100) },
            1 => Verdict::Dead,
            _ => Verdict::Delivered,
        };
        finished.push(kit.finished(delivery, 500, verdict));
    }
    assert_eq!(finished.len(), 3);
    kit.queue.finish(&finished).await.unwrap();
    Fates {
        scheduled,
        retrying: ids[0],
        dead: ids[1],
        delivered: ids[2],
    }
}

#[tokio::test]
async fn what_is_needed_survives_its_day_and_the_rest_goes() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await.id;
    let forever = kit.queue_with_endpoint("kept").await.id;
    set(
        &kit.queue,
        "kept",
        json!({"retention": {"payloads": "forever", "attempts": "forever"}}),
    )
    .await;
    let fates = fates(&kit, "q", endpoint).await;
    let kept = kit.enqueue_some("kept", 2).await;
    let due = kit.due(forever, 2).await;
    let finished: Vec<_> = due
        .into_iter()
        .map(|d| kit.finished(d, 200, Verdict::Delivered))
        .collect();
    kit.queue.finish(&finished).await.unwrap();
    let before = partitions(&kit).await.len();

    let early = kit.queue.keep_to_retention(after(5)).await.unwrap();
    assert_eq!((early.compacted, rows(&kit, "tasks").await), (0, 6), "{early:?}");

    // A week and a day later the day of the tasks is compacted, and the ones that were made ahead are dropped: nothing is in them.
    let done = kit.queue.keep_to_retention(after(9)).await.unwrap();
    assert!(
        done.compacted == 1 && done.dropped > 0 && done.busy == 0,
        "{done:?}"
    );
    assert!(partitions(&kit).await.len() < before);
    assert_eq!(rows(&kit, "tasks").await, 5);
    for (task, is) in [
        (fates.scheduled, TaskState::Scheduled),
        (fates.retrying, TaskState::Retrying),
        (fates.dead, TaskState::Dead),
        (kept[0], TaskState::Delivered),
    ] {
        let read = kit.queue.read_task(task, after(9)).await.unwrap();
        assert_eq!(
            (read.state, read.expired, read.payload.is_some()),
            (is, false, true),
            "{is:?}"
        );
    }
    assert!(matches!(
        kit.queue.read_task(fates.delivered, after(9)).await,
        Err(Error::NotFound(_))
    ));
    // What is left of it is its attempts, for a month.
    assert_eq!(
        kit.queue
            .attempts_of_task(fates.delivered, None, 10, after(9))
            .await
            .unwrap()
            .len(),
        1
    );

    // Deliveries load what they send, and dead letters are replayed.
    let letter = queue_letter(&kit, fates.dead).await;
    kit.queue
        .replay(&Reach::everything(), letter, after(9))
        .await
        .unwrap();
    let page = queue::load::PageRequest {
        endpoint_id: endpoint,
        cursor: queue::load::Cursor::START,
        limit: 10,
        tests_only: false,
    };
    let due = kit.queue.due(&[page], after(300)).await.unwrap();
    let (ready, gone) = kit.queue.load(due).await.unwrap();
    assert_eq!((ready.len(), gone.len()), (3, 0));
    assert!(
        ready
            .iter()
            .any(|one| one.content.id == fates.dead && one.content.payload.starts_with(b"{"))
    );

    // PostgreSQL counts what a connection has written a second later at the earliest: here once more, for it was analysed before.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    kit.queue.keep_to_retention(after(10)).await.unwrap();

    // After a month the attempts go, but for those of what has not ended, and of who keeps them.
    let done = kit.queue.keep_to_retention(after(33)).await.unwrap();
    assert_eq!(done.compacted, 1, "{done:?}");
    assert_eq!(rows(&kit, "attempts").await, 3);
    assert_eq!(state(&kit, fates.retrying, after(33)).await, TaskState::Retrying);
    assert_eq!(state(&kit, kept[1], after(33)).await, TaskState::Delivered);

    // Once the rest has ended, and nobody keeps anything, nothing is left but what is made ahead.
    set(&kit.queue, "kept", json!({"retention": null})).await;
    for task in [fates.scheduled, fates.retrying, fates.dead] {
        kit.queue.cancel(task, now()).await.unwrap();
    }
    kit.queue.keep_to_retention(after(120)).await.unwrap();
    assert_eq!((rows(&kit, "tasks").await, rows(&kit, "attempts").await), (0, 0));
}

async fn queue_letter(kit: &Kit, task: uuid::Uuid) -> uuid::Uuid {
    sqlx::query_scalar("SELECT id FROM dead_letters WHERE task_id = $1")
        .bind(task)
        .fetch_one(&mut connect(kit).await)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_queue_that_keeps_less_hides_what_has_expired() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("short").await.id;
    kit.queue_with_endpoint("long").await;
    set(
        &kit.queue,
        "short",
        json!({"retention": {"payloads": "none", "attempts": "none"}}),
    )
    .await;
    let fates = fates(&kit, "short", endpoint).await;
    let read = kit.queue.read_task(fates.delivered, now()).await.unwrap();
    assert!(
        read.expired && read.payload.is_none() && read.headers.is_empty(),
        "{read:?}"
    );
    let payload = kit.queue.read_payload(fates.delivered, now()).await;
    assert!(matches!(payload, Err(Error::Conflict(_))), "{payload:?}");
    let later = now() + TimeDelta::seconds(1);
    for (task, payload, attempts) in [
        (fates.scheduled, true, 0),
        (fates.retrying, true, 1),
        (fates.dead, true, 0),
        (fates.delivered, false, 0),
    ] {
        let read = kit.queue.read_task(task, later).await.unwrap();
        assert_eq!(read.payload.is_some(), payload, "{:?}", read.state);
        let shown = kit.queue.attempts_of_task(task, None, 10, later).await.unwrap();
        assert_eq!(shown.len(), attempts, "{:?}", read.state);
    }
    assert!(
        kit.queue
            .attempts_of_endpoint(endpoint, None, 10, later)
            .await
            .unwrap()
            .is_empty()
    );
    // It is cleared when its day is: a day after that has ended, though another queue keeps its own for a week.
    let other = kit.enqueue_some("long", 30).await;
    let done = kit.queue.keep_to_retention(after(3)).await.unwrap();
    assert_eq!(done.compacted, 2, "{done:?}");
    assert_eq!(rows(&kit, "tasks").await, 33);
    assert!(kit.queue.read_task(fates.delivered, after(3)).await.is_err());
    assert!(
        kit.queue
            .read_task(other[0], after(3))
            .await
            .unwrap()
            .payload
            .is_some()
    );
}

#[tokio::test]
async fn dead_letters_go_by_their_own_time() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await.id;
    let other = kit.queue_with_endpoint("other").await.id;
    set(&kit.queue, "other", json!({"retention": {"dead_letters": "1h"}})).await;
    let (one, two) = (
        fates(&kit, "q", endpoint).await,
        fates(&kit, "other", other).await,
    );
    let done = kit
        .queue
        .keep_to_retention(now() + TimeDelta::hours(2))
        .await
        .unwrap();
    assert_eq!((done.dead_letters, rows(&kit, "dead_letters").await), (1, 1));
    // While a letter is kept its task is, beyond the time of payloads; and no longer.
    for (days, there) in [(80, true), (100, false)] {
        kit.queue.keep_to_retention(after(days)).await.unwrap();
        let read = kit.queue.read_task(one.dead, after(days)).await;
        assert_eq!(read.is_ok_and(|task| task.payload.is_some()), there, "{days}");
    }
    assert!(kit.queue.read_task(two.dead, now()).await.is_err());
    assert_eq!(rows(&kit, "dead_letters").await, 0);
}

#[tokio::test]
async fn a_queue_that_keeps_no_dead_letters_has_none() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await.id;
    set(&kit.queue, "q", json!({"retention": {"dead_letters": "none"}})).await;
    let fates = fates(&kit, "q", endpoint).await;
    assert_eq!(rows(&kit, "dead_letters").await, 0);
    // What happened is told all the same, and the delivery is no more.
    assert_eq!(state(&kit, fates.dead, now()).await, TaskState::Dead);
    assert_eq!(rows(&kit, "attempts").await, 3);
    assert_eq!(rows(&kit, "deliveries").await, 2);
    set(&kit.queue, "q", json!({"retention": {"dead_letters": "1h"}})).await;
    self::fates(&kit, "q", endpoint).await;
    assert_eq!(rows(&kit, "dead_letters").await, 1);
}

#[tokio::test]
async fn a_partition_that_is_read_is_left_for_later() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await.id;
    let fates = fates(&kit, "q", endpoint).await;
    let mut reader = connect(&kit).await;
    let mut tx = reader.begin().await.unwrap();
    sqlx::query("SELECT count(*) FROM tasks")
        .execute(&mut *tx)
        .await
        .unwrap();
    let done = kit.queue.keep_to_retention(after(9)).await.unwrap();
    assert!(done.busy > 0 && done.compacted == 0, "{done:?}");
    assert_eq!(rows(&kit, "tasks").await, 4);
    // Enqueues go on meanwhile.
    kit.enqueue_some("q", 1).await;
    tx.rollback().await.unwrap();
    let done = kit.queue.keep_to_retention(after(9)).await.unwrap();
    assert_eq!((done.busy, done.compacted), (0, 1), "{done:?}");
    assert!(kit.queue.read_task(fates.delivered, now()).await.is_err());
    assert_eq!(state(&kit, fates.scheduled, now()).await, TaskState::Scheduled);
}

#[tokio::test]
async fn one_node_at_a_time_does_it() {
    let kit = Kit::new().await;
    kit.queue_with_endpoint("q").await;
    kit.enqueue_some("q", 3).await;
    let other = open(&kit.database).await;
    kit.queue.keep_to_retention(now()).await.unwrap();
    assert!(other.keep_to_retention(after(400)).await.unwrap().is_empty());
    sqlx::query("UPDATE chores SET leased_until = now() - interval '1 second'")
        .execute(&mut connect(&kit).await)
        .await
        .unwrap();
    other.keep_to_retention(after(1)).await.unwrap();
    // Whoever had it before does nothing more.
    assert!(kit.queue.keep_to_retention(after(400)).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_replay_under_way_holds_what_it_may_want_and_nothing_expired_is_replayed() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await.id;
    let fates = fates(&kit, "q", endpoint).await;
    let new = json!({"filter": {"queue": "q", "state": "delivered"}});
    let reach = Reach::of(vec!["*".into()]);
    // Begun when the payload was there, it goes on with it; begun too late, it finds nothing.
    for (begun, matched) in [(after(6), 1), (after(8), 0)] {
        let job = kit
            .queue
            .begin_replay(&reach, serde_json::from_value(new.clone()).unwrap(), begun)
            .await
            .unwrap();
        let held = kit.queue.keep_to_retention(after(9)).await.unwrap();
        assert_eq!(held.compacted, 0, "{held:?}");
        let mut runner = queue::replays::Runner::new(kit.queue.clone(), kit.queue.mint(now()));
        for _ in 0..200 {
            runner.run_once(begun + TimeDelta::seconds(5)).await.unwrap();
            if kit
                .queue
                .read_replay(&reach, job.id)
                .await
                .unwrap()
                .ended_at
                .is_some()
            {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let done = kit.queue.read_replay(&reach, job.id).await.unwrap();
        assert!(done.ended_at.is_some(), "{done:?}");
        assert_eq!(done.matched, matched, "{done:?}");
        kit.queue.cancel(fates.delivered, now()).await.unwrap();
    }
    assert_eq!(kit.queue.keep_to_retention(after(9)).await.unwrap().compacted, 1);
}

#[tokio::test]
async fn rows_without_a_partition_are_kept_and_go_in_their_time() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await.id;
    let ids = kit.enqueue_some("q", 2).await;
    let mut due = kit.due(endpoint, 2).await;
    let late = kit.finished(due.pop().unwrap(), 200, Verdict::Delivered);
    // As if the results had waited until their day was gone.
    let days: Vec<String> = partitions(&kit).await;
    for day in days.iter().filter(|name| name.starts_with("attempts_2")) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("DROP TABLE {day}")))
            .execute(&mut connect(&kit).await)
            .await
            .unwrap();
    }
    kit.queue.finish(&[late]).await.unwrap();
    assert_eq!(rows(&kit, "attempts_rest").await, 1);
    assert_eq!(
        kit.queue
            .attempts_of_task(ids[1], None, 10, now())
            .await
            .unwrap()
            .len(),
        1
    );
    // Partitions are made again but for the stretch of the rest's own rows.
    kit.queue.make_partitions(now()).await.unwrap();
    assert!(
        partitions(&kit)
            .await
            .iter()
            .filter(|name| name.starts_with("attempts_2"))
            .count()
            >= 7
    );
    kit.queue.keep_to_retention(after(29)).await.unwrap();
    assert_eq!(rows(&kit, "attempts_rest").await, 1);
    kit.queue.keep_to_retention(after(32)).await.unwrap();
    assert_eq!(rows(&kit, "attempts_rest").await, 0);
}

#[tokio::test]
async fn expunged_content_is_gone_at_once_and_after_compaction() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await.id;
    let fates = fates(&kit, "q", endpoint).await;
    for task in [fates.scheduled, fates.retrying, fates.dead, fates.delivered] {
        let first = kit.queue.expunge(task, now()).await.unwrap();
        let again = kit.queue.expunge(task, after(1)).await.unwrap();
        assert_eq!((again.expunged_at, again.cancelled), (first.expunged_at, 0));
        let read = kit.queue.read_task(task, now()).await.unwrap();
        assert!(
            read.payload.is_none() && read.expunged_at.is_some() && !read.expired,
            "{read:?}"
        );
        let attempts = kit.queue.attempts_of_task(task, None, 10, now()).await.unwrap();
        assert!(
            attempts
                .iter()
                .all(|a| a.response_headers.is_empty() && a.response_body_base64.is_none())
        );
    }
    assert_eq!(state(&kit, fates.scheduled, now()).await, TaskState::Cancelled);
    let letter = queue_letter(&kit, fates.dead).await;
    match kit.queue.replay(&Reach::everything(), letter, now()).await {
        Err(Error::Conflict(why)) => assert!(why.contains("expunged"), "{why}"),
        other => panic!("{other:?}"),
    }
    let content: i64 = sqlx::query_scalar("SELECT coalesce(sum(length(payload)), 0)::bigint FROM tasks")
        .fetch_one(&mut connect(&kit).await)
        .await
        .unwrap();
    assert_eq!(content, 0);
    kit.queue.keep_to_retention(after(9)).await.unwrap();
    assert_eq!(rows(&kit, "tasks").await, 1, "the dead letter's");
    let audit = kit
        .queue
        .list_audit(&Reach::of(vec!["*".into()]), None, 10)
        .await
        .unwrap();
    assert_eq!(
        audit
            .iter()
            .filter(|entry| entry.action == "task.expunged")
            .count(),
        4
    );
}

#[tokio::test]
async fn redacted_fields_are_hashes_where_they_are_stored_and_shown_and_not_where_they_are_sent() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await.id;
    set(&kit.queue, "q", json!({"redact": ["/card/number"]})).await;
    let task = kit
        .enqueue("q", vec![new_task(r#"{"card":{"number":"4111","name":"A"}}"#)])
        .await[0]
        .clone()
        .unwrap()
        .id;
    let shown = serde_json::to_string(&kit.queue.read_task(task, now()).await.unwrap()).unwrap();
    assert!(
        !shown.contains("4111") && shown.contains("sha256:") && shown.contains("name"),
        "{shown}"
    );
    let (_, payload) = kit.queue.read_payload(task, now()).await.unwrap();
    assert!(!String::from_utf8(payload).unwrap().contains("4111"));
    let delivery = kit.due(endpoint, 1).await.remove(0);
    assert_eq!(
        delivery.content.payload,
        r#"{"card":{"number":"4111","name":"A"}}"#
    );
    let mut finished = kit.finished(delivery, 200, Verdict::Delivered);
    if let Some(request) = &mut finished.request
        && let queue::outcome::Outcome::Answered(answer) = &mut request.outcome
    {
        answer.body = bytes::Bytes::from_static(br#"{"card":{"number":"4111"},"ok":true}"#);
    }
    kit.queue.finish(&[finished]).await.unwrap();
    let stored: Vec<u8> = sqlx::query_scalar("SELECT response_body FROM attempts WHERE task_id = $1")
        .bind(task)
        .fetch_one(&mut connect(&kit).await)
        .await
        .unwrap();
    let stored = String::from_utf8(stored).unwrap();
    assert!(
        !stored.contains("4111") && stored.contains(r#""ok":true"#),
        "{stored}"
    );
}

#[tokio::test]
async fn partitions_may_be_as_short_as_a_minute() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await.id;
    let minute = Keep::For(Span::seconds(60));
    set(
        &kit.queue,
        "q",
        json!({"retention": {"payloads": minute, "attempts": minute, "dead_letters": minute}}),
    )
    .await;
    let config = queue::Config {
        partition: Duration::from_mins(1),
        ..queue::Config::new(kit.database.url())
    };
    let vault = queue::vault::Vault::new(&[7; 32]);
    // Those of a day lie ahead for a week; the short ones follow them.
    let then = after(20);
    let short = Queue::open(config, vault, then).await.unwrap();
    assert!(partitions(&kit).await.len() > 40);
    fates(&kit, "q", endpoint).await;
    let done = short
        .keep_to_retention(then + TimeDelta::minutes(5))
        .await
        .unwrap();
    assert!(done.dropped > 4, "{done:?}");
    assert!(short.make_partitions(then + TimeDelta::minutes(5)).await.unwrap() > 4);
}

#[tokio::test]
async fn the_report_is_of_what_is_there() {
    let kit = Kit::new().await;
    kit.queue_with_endpoint("q").await;
    kit.enqueue_some("q", 2_000).await;
    sqlx::raw_sql("ANALYZE")
        .execute(&mut connect(&kit).await)
        .await
        .unwrap();
    let disk = proto::Disk {
        total_bytes: 1 << 40,
        free_bytes: 1 << 39,
    };
    let storage = kit.queue.storage(Some(disk), now()).await.unwrap();
    let tasks = storage.tables.iter().find(|table| table.name == "tasks").unwrap();
    assert!(
        tasks.rows == 2_000 && tasks.bytes > 100_000 && tasks.index_bytes > 0,
        "{tasks:?}"
    );
    assert!(storage.database_bytes > tasks.bytes);
    assert!(storage.oldest_partition.is_some_and(|at| at <= now()));
    assert!(
        storage
            .partitions
            .iter()
            .all(|one| one.from.is_none_or(|from| from <= now()))
    );
    assert_eq!(storage.bytes_per_day, None, "no day is over");
    let tomorrow = kit.queue.storage(Some(disk), after(2)).await.unwrap();
    assert!(
        tomorrow.bytes_per_day.is_some_and(|bytes| bytes > 100_000),
        "{tomorrow:?}"
    );
    assert!(tomorrow.forecast.unwrap().peak_bytes > storage.database_bytes);
    let system = kit.queue.system(vec![]).await.unwrap();
    assert!(
        system.schema_version >= 16 && system.shards_unowned == 256,
        "{system:?}"
    );
}
