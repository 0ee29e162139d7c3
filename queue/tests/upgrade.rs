//! A database of an earlier version, with tasks on their way: brought up to date, it delivers them. One of a later version is refused.

mod kit;

use kit::now;
use proto::TaskState;
use queue::{
    Config, Error, Queue,
    load::{Cursor, PageRequest},
    rights::Reach,
    vault::Vault,
};
use sqlx::{Connection, PgConnection};
use testing::Database;

/// A dump of a server with the schema of migration 15: three queues with an endpoint each, one that is ordered and paused besides, and
/// tasks that are delivered, dead, retrying, pending, held, and scheduled a year ahead.
const DUMP: &str = include_str!("../../tests/data/schema-0015.sql");

/// What the secrets in it are sealed with.
const KEY: [u8; 32] = [7; 32];

async fn restored() -> (Database, PgConnection) {
    let database = Database::create().await;
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    sqlx::raw_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        .execute(&mut connection)
        .await
        .unwrap();
    sqlx::raw_sql(DUMP).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let connection = PgConnection::connect(database.url()).await.unwrap();
    (database, connection)
}

#[tokio::test]
async fn what_was_on_its_way_before_an_upgrade_goes_on_after_it() {
    let (database, mut connection) = restored().await;
    let queue = Queue::open(Config::new(database.url()), Vault::new(&KEY), now())
        .await
        .unwrap();
    let newest: i64 = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert!(newest >= 16, "{newest}");

    let endpoints: Vec<uuid::Uuid> = sqlx::query_scalar("SELECT id FROM endpoints ORDER BY id")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let pages: Vec<PageRequest> = endpoints
        .iter()
        .map(|endpoint| PageRequest {
            endpoint_id: *endpoint,
            cursor: Cursor::START,
            limit: 100,
            tests_only: false,
        })
        .collect();
    let in_two_years = now() + chrono::TimeDelta::days(730);
    let due = queue.due(&pages, in_two_years).await.unwrap();
    let (ready, gone) = queue.load(due).await.unwrap();
    // One retrying, one pending, one scheduled; and of the three of one key the first, behind which the others are held.
    assert_eq!((ready.len(), gone.len()), (4, 0));
    assert!(
        ready
            .iter()
            .all(|delivery| delivery.content.payload.starts_with(b"{\"n\":"))
    );
    let held: i64 = sqlx::query_scalar("SELECT count(*) FROM deliveries WHERE priority < 0")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(held, 2);
    let letters = queue
        .list_dead_letters(
            &Reach::of(vec!["*".into()]),
            proto::DeadLetterFilter::default(),
            None,
            10,
            now(),
        )
        .await
        .unwrap();
    let replayed = queue
        .replay(&Reach::everything(), letters[0].id, now())
        .await
        .unwrap();
    let task = queue.read_task(replayed.task, now()).await.unwrap();
    assert_eq!(task.state, TaskState::Pending);

    // What is new works on what is old: days are compacted, and nothing that waits is lost.
    let kept = queue.keep_to_retention(in_two_years).await.unwrap();
    assert!(kept.compacted > 0 || kept.dropped > 0, "{kept:?}");
    let due = queue.due(&pages, in_two_years).await.unwrap();
    let (ready, gone) = queue.load(due).await.unwrap();
    assert_eq!((ready.len(), gone.len()), (5, 0));
    // And once they are cancelled, all of it goes.
    for name in ["ok", "failing", "refusing", "ordered"] {
        let purged = queue.purge_queue(name, now()).await.unwrap();
        assert!(!purged.more);
    }
    assert!(queue.due(&pages, in_two_years).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_schema_that_is_newer_is_refused_with_what_to_do() {
    let database = Database::create().await;
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time)
         VALUES (9001, 'of a later version', now(), true, '', 0)",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    match Queue::open(Config::new(database.url()), Vault::new(&KEY), now()).await {
        Err(Error::Conflict(why)) => {
            assert!(
                why.contains("9001") && why.contains("newer") && why.contains("start the newer one"),
                "{why}"
            );
        }
        other => panic!("{other:?}"),
    }
}
