//! Commits of tasks that end early, by a bug: whoever waits for one is told so, and those after it are made.

mod kit;

use std::sync::Arc;

use kit::{Kit, new_task, now};
use queue::{
    Delivery, Door, Error,
    enqueue::Target,
    id::{DeliveryId, EndpointId},
    task,
    tasks::TaskFilter,
};
use sqlx::{Connection, PgConnection};

/// A dispatcher that fails as none may.
struct Broken;

impl Door for Broken {
    fn offer(&self, _: Vec<Delivery>) {}

    fn owns(&self, _: u8) -> bool {
        panic!("a bug")
    }

    fn withdraw(&self, _: &[(EndpointId, DeliveryId)]) {}

    fn look(&self) {}
}

#[tokio::test]
async fn a_commit_that_ended_early_is_not_told_as_a_shutdown() {
    let kit = Kit::new().await;
    kit.queue_with_endpoint("q").await;
    kit.queue.attach(Arc::new(Broken));
    for _ in 0..2 {
        let checked = task::check(new_task("1"), 100, now()).unwrap();
        let answer = kit
            .enqueuer
            .enqueue(kit.find("q").await, vec![checked], Target::Matching, now())
            .await;
        match answer {
            Err(Error::Unavailable(why)) => assert!(why.contains("may have taken effect"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
    // As they have here: it ended after their commit.
    let filter = TaskFilter {
        queue: "q".into(),
        ..TaskFilter::default()
    };
    let page = kit.queue.list_tasks(&filter, None, 10, now()).await.unwrap();
    assert_eq!(page.tasks.len(), 2);
}

/// Lets the first insert of tasks fail, and no other.
const FIRST_FAILS: &str = "
    CREATE SEQUENCE inserts;
    CREATE FUNCTION fail_first() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF nextval('inserts') = 1 THEN RAISE EXCEPTION 'not yet'; END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER fail_first BEFORE INSERT ON tasks FOR EACH STATEMENT EXECUTE FUNCTION fail_first();";

#[tokio::test]
async fn what_follows_a_part_of_a_batch_that_failed_is_not_stored_before_it() {
    let kit = Kit::new().await;
    kit.queue_with_endpoint("q").await;
    let mut connection = PgConnection::connect(kit.database.url()).await.unwrap();
    sqlx::raw_sql(FIRST_FAILS).execute(&mut connection).await.unwrap();
    // More than one statement takes.
    let tasks: Vec<_> = (0..2_500)
        .map(|_| task::check(new_task("1"), 100, now()).unwrap())
        .collect();
    let answer = kit
        .enqueuer
        .enqueue(kit.find("q").await, tasks, Target::Matching, now())
        .await;
    assert!(answer.is_err(), "{answer:?}");
    let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM tasks")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(stored, 0);
}
