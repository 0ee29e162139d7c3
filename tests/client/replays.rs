//! What is sent once more: tasks, whatever became of them, and what a filter means, as a job.

use posthaste_client::proto::{
    AuditEntry, Endpoint, Page, Replay, ReplayPreview, ReplayStatus, Task, TaskReplayed,
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    harness::{Home, Receiver, Reply, eventually},
    terminal::{Terminal, row},
};

/// Enqueues a task with a header, and waits until it is in this state.
async fn task(user: &Terminal, shop: u32, state: &str) -> String {
    let header = format!("x-shop: {shop}");
    let said: Value = user.json(&["enqueue", "orders", "1", "--header", &header]).await;
    let id = said["id"].as_str().expect("an id").to_owned();
    until(user, &id, state).await;
    id
}

async fn until(user: &Terminal, task: &str, state: &str) {
    eventually(state, async || {
        let text = user.ok(&["task", "read", task]).await;
        (row(&text, "state")[1] == state).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_task_that_was_delivered_is_found_and_sent_once_more() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (user, _node) = Terminal::and_node(&home).await;
    user.ok(&["queue", "make", "orders"]).await;
    let endpoint: Endpoint = user
        .json(&["endpoint", "make", "orders", &receiver.url("/")])
        .await;
    let to = endpoint.id.to_string();
    let (seven, eight) = (
        task(&user, 7, "delivered").await,
        task(&user, 8, "delivered").await,
    );
    let ids = async |filter: &[&str]| -> Vec<String> {
        let page: Page<Task> = user.json(&[&["task", "list", "orders"], filter].concat()).await;
        page.items.iter().map(|task| task.id.to_string()).collect()
    };
    assert_eq!(ids(&["--header", "X-Shop: 7"]).await, [seven.as_str()]);
    assert_eq!(
        ids(&["--header", "x-shop", "--endpoint", &to]).await,
        [eight.as_str(), &seven]
    );
    let nobody = Uuid::from_u128(7).to_string();
    let gone = user
        .call(&["task", "list", "orders", "--endpoint", &nobody])
        .await;
    assert!(gone.fails(1).contains("(404)"));

    let said = user.ok(&["task", "replay", &seven, &eight]).await;
    assert_eq!(row(&said, "replayed tasks"), ["replayed tasks", "2"]);
    assert_eq!(row(&said, "new deliveries"), ["new deliveries", "2"]);
    let arrivals = receiver.until("/", 4).await;
    let mut again: Vec<(String, &str)> = arrivals[2..]
        .iter()
        .map(|arrival| (arrival.id.to_string(), arrival.header("posthaste-replay")))
        .collect();
    again.sort();
    assert_eq!(again, [(seven.clone(), "1"), (eight.clone(), "1")]);
    assert_eq!(arrivals[0].header("posthaste-replay"), "");
    until(&user, &eight, "delivered").await;

    // One that cannot be sent does not keep the others from it.
    let both = user
        .call(&[
            "task",
            "replay",
            &nobody,
            &eight,
            "--endpoint",
            &to,
            "--output",
            "json",
        ])
        .await;
    let made: Vec<TaskReplayed> = serde_json::from_str(&both.out).expect("what was made");
    assert_eq!((made.len(), made[0].deliveries[0].endpoint), (1, endpoint.id));
    let said = both.fails(1);
    assert!(said.contains(&nobody) && said.contains("1 of 2 tasks"), "{said}");
    user.call(&["task", "replay", &nobody]).await.fails(1);
    user.call(&["task", "replay"]).await.fails(2);
    let audit: Page<AuditEntry> = user.json(&["audit", "--limit", "1"]).await;
    assert_eq!(
        (audit.items[0].action.as_str(), audit.items[0].subject.as_str()),
        ("task.replayed", eight.as_str())
    );
}

#[tokio::test]
async fn what_died_is_replayed_as_a_job() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (user, _node) = Terminal::and_node(&home).await;
    receiver.answer("/", |_| Reply::status(400));
    user.ok(&["queue", "make", "orders"]).await;
    user.ok(&["endpoint", "make", "orders", &receiver.url("/")]).await;
    for shop in 0..3 {
        task(&user, shop, "dead").await;
    }
    receiver.answer("/", |_| Reply::status(200));
    let meant = ["--queue", "orders", "--status", "400"];
    let preview: ReplayPreview = user.json(&[&["replay", "preview"], &meant[..]].concat()).await;
    assert_eq!((preview.count, preview.exact), (3, true));
    let text = user.ok(&[&["replay", "preview"], &meant[..]].concat()).await;
    assert_eq!(row(&text, "makes"), ["makes", "3 deliveries"]);

    user.call(&["replay", "start"]).await.fails(2);
    user.call(&[&["replay", "start", "--all"], &meant[..]].concat())
        .await
        .fails(2);
    let unsure = user.call(&[&["replay", "start"], &meant[..]].concat()).await;
    assert!(unsure.fails(2).contains("Replay 3 deliveries"));
    let none: Page<Replay> = user.json(&["replay", "list"]).await;
    assert!(none.items.is_empty(), "{none:?}");

    // Slow enough to be paused on its way.
    let start = [&["replay", "start"], &meant[..], &["--rate", "1", "--yes"]].concat();
    let begun: Replay = user.json(&start).await;
    let id = begun.id.to_string();
    let paused: Replay = user.json(&["replay", "pause", &id]).await;
    assert_eq!(paused.status, ReplayStatus::Paused);
    let listed = user.ok(&["replay", "list", "--status", "paused"]).await;
    assert!(listed.contains(&id), "{listed}");
    let on: Replay = user.json(&["replay", "resume", &id]).await;
    assert_eq!(on.status, ReplayStatus::Running);
    let cancelled: Replay = user.json(&["replay", "cancel", &id]).await;
    assert_eq!(cancelled.status, ReplayStatus::Cancelled);
    assert_eq!(
        row(&user.ok(&["replay", "read", &id]).await, "status")[1],
        "cancelled"
    );
    let refused = user.call(&["replay", "resume", &id]).await;
    assert!(refused.fails(1).contains("begin another"));

    // The rest, to its end.
    let start = ["replay", "start", "--all", "--wait", "--yes"];
    let ended: Replay = user.json(&start).await;
    assert_eq!(ended.status, ReplayStatus::Done);
    receiver.until("/", 6).await;
    let audit: Page<AuditEntry> = user.json(&["audit", "--limit", "3"]).await;
    let actions: Vec<_> = audit.items.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["replay.begun", "replay.cancelled", "replay.begun"]);
}
