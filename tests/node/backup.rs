//! A dump that is taken while tasks are pending, restored into a new database: nothing of what was accepted is lost.

use std::collections::BTreeSet;

use proto::{Queue, TaskState};
use serde_json::json;
use testing::Database;
use uuid::Uuid;

use crate::harness::{
    Gate, Home, Receiver, Reply,
    postgres::{plain, run},
};

/// Tasks of each kind.
const TASKS: usize = 40;

#[tokio::test]
async fn a_dump_with_pending_tasks_is_restored_into_a_new_server_and_nothing_is_lost() {
    let database = Database::create().await;
    let home = Home::at(database.url());
    let receiver = Receiver::start().await;
    let (node, api, gate) = (home.start(&[]).await, home.api(), Gate::closed());
    let holding = gate.clone();
    receiver.answer("/held", move |_| Reply::status(200).through(&holding));
    receiver.answer("/failing", |_| Reply::status(503));
    for (queue, path) in [("paused", "/paused"), ("held", "/held"), ("failing", "/failing")] {
        api.make_queue(queue).await;
        let settings = json!({"retry": {"initial": "1s", "factor": 1.0, "attempts": 100}});
        api.make_endpoint(queue, &receiver.url(path), settings).await;
    }
    let _: Queue = api.act("/v1/queues/paused/pause").await;
    let mut accepted = BTreeSet::<Uuid>::new();
    for number in 0..TASKS {
        accepted.insert(api.enqueue("paused", json!({ "payload": number })).await);
        accepted.insert(api.enqueue("held", json!({ "payload": number })).await);
        accepted.insert(api.enqueue("failing", json!({ "payload": number })).await);
        accepted.insert(
            api.enqueue("paused", json!({ "payload": number, "delay": "1s" }))
                .await,
        );
    }
    // A breaker opens after a few: the others wait behind it.
    receiver.until("/failing", 5).await;

    let dump = home.folder().join("posthaste.dump");
    let dump = dump.to_str().expect("a path in UTF-8");
    run(
        "pg_dump",
        &["--format=custom", "--file", dump, plain(database.url())],
    );
    node.kill().await;
    gate.open();
    receiver.begin_life().await;
    let restored = Database::create().await;
    let (url, empty) = (
        plain(restored.url()),
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public",
    );
    run("psql", &["--quiet", "--command", empty, url]);
    run("pg_restore", &["--no-owner", "--dbname", url, dump]);

    receiver.answer("/failing", |_| Reply::status(200));
    let beside = home.beside(restored.url());
    let (_node, api) = (beside.start(&[]).await, beside.api());
    let _: Queue = api.act("/v1/queues/paused/resume").await;
    for task in &accepted {
        let read = api.until_task(*task, TaskState::Delivered).await;
        assert!(matches!(read.payload, Some(proto::Payload::Text(_))), "{read:?}");
    }
    // And the new server has room for what comes next.
    let next = api.enqueue("held", json!({"payload": "next"})).await;
    api.until_task(next, TaskState::Delivered).await;
}
