//! Putting what is left of a partition in its place keeps nobody waiting for long, and loses nothing.

mod kit;

use std::time::Duration;

use chrono::{DateTime, Utc};
use kit::{Kit, now};
use queue::verdict::Verdict;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

fn after(days: u64) -> DateTime<Utc> {
    now() + Duration::from_hours(24 * days)
}

async fn connect(kit: &Kit) -> PgConnection {
    PgConnection::connect(kit.database.url()).await.unwrap()
}

async fn execute(kit: &Kit, statements: String) {
    sqlx::raw_sql(AssertSqlSafe(statements))
        .execute(&mut connect(kit).await)
        .await
        .unwrap();
}

async fn number(kit: &Kit, query: &'static str) -> i64 {
    sqlx::query_scalar(query)
        .fetch_one(&mut connect(kit).await)
        .await
        .unwrap()
}

async fn tasks(kit: &Kit) -> i64 {
    number(kit, "SELECT count(*) FROM tasks").await
}

/// Ten tasks of one day: the first is tried again later, the second is dead, the others were delivered.
async fn ten_tasks(kit: &Kit) -> Vec<Uuid> {
    let endpoint = kit.queue_with_endpoint("q").await.id;
    let ids = kit.enqueue_some("q", 10).await;
    let mut finished = vec![];
    for delivery in kit.due(endpoint, 10).await {
        let verdict = match ids.iter().position(|id| *id == delivery.content.id) {
            Some(0) => Verdict::Retry { at: after(100) },
            Some(1) => Verdict::Dead,
            _ => Verdict::Delivered,
        };
        finished.push(kit.finished(delivery, 500, verdict));
    }
    kit.queue.finish(&finished).await.unwrap();
    ids
}

/// Makes each delivery take two seconds to read, when that is so, and counts how often one is read while the table of tasks is locked.
async fn slow_down(kit: &Kit, when: &str) {
    execute(
        kit,
        format!(
            "CREATE SEQUENCE reads_under_lock;
            CREATE FUNCTION is_shown() RETURNS boolean LANGUAGE plpgsql AS $$
            DECLARE
                is_locked boolean := EXISTS (
                    SELECT FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'tasks'::regclass AND mode = 'AccessExclusiveLock'
                );
            BEGIN
                IF is_locked THEN PERFORM nextval('reads_under_lock'); END IF;
                IF {when} THEN PERFORM pg_sleep(2); END IF;
                RETURN true;
            END $$;
            ALTER TABLE deliveries RENAME TO deliveries_shown;
            CREATE VIEW deliveries AS SELECT * FROM deliveries_shown WHERE is_shown()"
        ),
    )
    .await;
}

async fn reads_under_lock(kit: &Kit) -> i64 {
    let count = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM reads_under_lock";
    number(kit, count).await
}

#[tokio::test]
async fn what_would_keep_others_waiting_is_put_off_before_the_table_is_locked() {
    let kit = Kit::new().await;
    let ids = ten_tasks(&kit).await;
    // Whatever has a limit of time.
    slow_down(&kit, "current_setting('statement_timeout') <> '0'").await;
    let done = kit.queue.keep_to_retention(after(9)).await.unwrap();
    assert_eq!((done.put_off, done.compacted, done.busy), (1, 0, 0), "{done:?}");
    assert_eq!((reads_under_lock(&kit).await, tasks(&kit).await), (0, 10));

    // It is left alone for a while, and then tried again.
    let done = kit.queue.keep_to_retention(after(10)).await.unwrap();
    assert_eq!((done.put_off, done.compacted), (0, 0), "{done:?}");
    let quick = "CREATE OR REPLACE FUNCTION is_shown() RETURNS boolean LANGUAGE sql AS 'SELECT true'";
    execute(&kit, quick.to_owned()).await;
    let done = kit.queue.keep_to_retention(after(10)).await.unwrap();
    assert_eq!((done.put_off, done.compacted), (0, 0), "{done:?}");
    let done = kit.queue.keep_to_retention(after(12)).await.unwrap();
    assert_eq!((done.put_off, done.compacted), (0, 1), "{done:?}");
    assert_eq!(tasks(&kit).await, 2);
    for id in &ids[..2] {
        let read = kit.queue.read_task(*id, after(12)).await.unwrap();
        assert!(read.payload.is_some(), "{read:?}");
    }
    let marks = number(
        &kit,
        "SELECT count(*) FROM compactions WHERE partition LIKE '% put off'",
    )
    .await;
    assert_eq!(marks, 0, "it is put off no more");
}

#[tokio::test]
async fn what_takes_too_long_with_the_table_locked_is_not_tried_again_at_once() {
    let kit = Kit::new().await;
    ten_tasks(&kit).await;
    slow_down(&kit, "is_locked").await;
    let done = kit.queue.keep_to_retention(after(9)).await.unwrap();
    assert_eq!((done.put_off, done.compacted, done.busy), (1, 0, 0), "{done:?}");
    assert_eq!((reads_under_lock(&kit).await, tasks(&kit).await), (1, 10));
    let done = kit.queue.keep_to_retention(after(10)).await.unwrap();
    assert_eq!((done.put_off, done.compacted), (0, 0), "{done:?}");
    assert_eq!(reads_under_lock(&kit).await, 1);
}

#[tokio::test]
async fn a_partition_that_was_put_off_goes_as_soon_as_nothing_of_it_is_needed() {
    let kit = Kit::new().await;
    let ids = ten_tasks(&kit).await;
    slow_down(&kit, "is_locked").await;
    let done = kit.queue.keep_to_retention(after(9)).await.unwrap();
    assert_eq!((done.put_off, tasks(&kit).await), (1, 10), "{done:?}");
    for id in &ids[..2] {
        kit.queue.cancel(*id, now()).await.unwrap();
    }
    execute(&kit, "DELETE FROM dead_letters".to_owned()).await;
    let done = kit.queue.keep_to_retention(after(9)).await.unwrap();
    assert_eq!((done.dropped, tasks(&kit).await), (1, 0), "{done:?}");
}

#[tokio::test]
async fn what_becomes_needed_at_the_last_moment_stays() {
    let kit = Kit::new().await;
    let ids = ten_tasks(&kit).await;
    let late = ids[5];
    let partition: String = sqlx::query_scalar("SELECT tableoid::regclass::text FROM tasks WHERE id = $1")
        .bind(late)
        .fetch_one(&mut connect(&kit).await)
        .await
        .unwrap();
    // A delivery is made of an old task when all is copied, and the table is about to be locked: of all transactions of the chore only that
    // one has a limit for locks.
    execute(
        &kit,
        format!(
            "CREATE FUNCTION replay_late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF current_setting('lock_timeout') <> '0' AND to_regclass('{partition}_new') IS NOT NULL THEN
                    INSERT INTO deliveries (id, task_id, queue_id, endpoint_id, due_at, size, priority)
                    SELECT t.id, t.id, t.queue_id, e.id, now(), 1, 4 FROM tasks t CROSS JOIN endpoints e WHERE t.id = '{late}'
                    ON CONFLICT DO NOTHING;
                END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER replay_late BEFORE UPDATE ON chores FOR EACH ROW EXECUTE FUNCTION replay_late()"
        ),
    )
    .await;
    let done = kit.queue.keep_to_retention(after(9)).await.unwrap();
    assert_eq!((done.put_off, done.compacted), (0, 1), "{done:?}");
    assert_eq!(tasks(&kit).await, 3);
    let read = kit.queue.read_task(late, after(9)).await.unwrap();
    assert!(read.payload.is_some() && !read.expired, "{read:?}");
}
