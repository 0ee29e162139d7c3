//! What became of tasks, and dead letters.

use posthaste_client::proto::{Attempt, DeadLetter, Delivery, Page, Task, TaskState};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    harness::{Home, Node, Receiver, Reply, eventually},
    terminal::{Terminal, row},
};

/// A queue whose endpoint refuses everything, and so many tasks that it refused.
async fn refused(home: &Home, receiver: &Receiver, count: usize) -> (Terminal, Node, Vec<Uuid>) {
    let (user, node) = Terminal::and_node(home).await;
    receiver.answer("/", |_| Reply::status(400));
    user.ok(&["queue", "make", "orders"]).await;
    user.ok(&["endpoint", "make", "orders", &receiver.url("/")]).await;
    let mut ids = vec![];
    for number in 0..count {
        let kind = if number % 2 == 0 {
            "order.paid"
        } else {
            "user.made"
        };
        let said: Value = user
            .json(&["enqueue", "orders", "{\"id\":7}", "--type", kind])
            .await;
        ids.push(said["id"].as_str().unwrap().parse().unwrap());
    }
    eventually("they are dead", async || {
        let page: Page<DeadLetter> = user.json(&["dlq", "list"]).await;
        (page.items.len() == count).then_some(())
    })
    .await;
    (user, node, ids)
}

#[tokio::test]
async fn a_task_tells_what_became_of_it() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (user, _node, ids) = refused(&home, &receiver, 2).await;
    let id = ids[0].to_string();
    let text = user.ok(&["task", "read", &id]).await;
    assert_eq!(row(&text, "state"), ["state", "dead"]);
    assert!(
        text.ends_with(
            "payload   application/json, 8 bytes\n          {\n            \"id\": 7\n          }\n"
        ),
        "{text}"
    );
    assert_eq!(
        user.call(&["task", "read", &id, "--payload"]).await.bytes,
        b"{\"id\":7}"
    );

    let deliveries: Page<Delivery> = user.json(&["task", "deliveries", &id]).await;
    let delivery = deliveries.items[0].id.to_string();
    let cells = user.ok(&["task", "deliveries", &id]).await;
    assert_eq!(row(&cells, &delivery)[2..4], ["dead", "1"]);
    let attempts: Page<Attempt> = user.json(&["task", "attempts", &id]).await;
    assert_eq!(attempts.items[0].status, Some(400));
    let same: Page<Attempt> = user.json(&["task", "attempts", "--delivery", &delivery]).await;
    assert_eq!(same, attempts);
    let cells = user.ok(&["task", "attempts", &id]).await;
    assert_eq!(row(&cells, "1")[2], "400", "{cells}");

    let list = [
        "task", "list", "orders", "--state", "dead", "--type", "order.*", "--since", "1h",
    ];
    let page: Page<Task> = user.json(&list).await;
    assert_eq!(
        (page.items.len(), page.items[0].id, page.items[0].state),
        (1, ids[0], TaskState::Dead)
    );
    let none = user
        .call(&["task", "list", "orders", "--until", "2000-01-01"])
        .await;
    assert_eq!(none.err, "Nothing found.\n");
    user.call(&["task", "list", "orders", "--state", "lost"])
        .await
        .fails(2);
    user.call(&["task", "read", &Uuid::from_u128(7).to_string()])
        .await
        .fails(1);
    user.call(&["task", "attempts"]).await.fails(2);
}

#[tokio::test]
async fn what_is_due_later_can_be_cancelled() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (user, _node) = Terminal::and_node(&home).await;
    user.ok(&["queue", "make", "orders"]).await;
    user.ok(&["endpoint", "make", "orders", &receiver.url("/")]).await;
    let mut ids = vec![];
    for _ in 0..2 {
        let said: Value = user.json(&["enqueue", "orders", "1", "--delay", "1h"]).await;
        ids.push(said["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(
        row(&user.ok(&["task", "read", &ids[0]]).await, "state")[1],
        "scheduled"
    );
    let said = user.ok(&["task", "cancel", &ids[0], &ids[1]]).await;
    assert_eq!(said, "cancelled deliveries  2\n");
    assert_eq!(
        row(&user.ok(&["task", "read", &ids[0]]).await, "state")[1],
        "cancelled"
    );
}

#[tokio::test]
async fn dead_letters_are_read_replayed_and_thrown_away() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (user, _node, ids) = refused(&home, &receiver, 5).await;
    let page: Page<DeadLetter> = user
        .json(&["dlq", "list", "--type", "order.*", "--status", "400"])
        .await;
    assert_eq!(page.items.len(), 3);
    let letter = page.items[0].id.to_string();
    let groups = user.ok(&["dlq", "groups", "--queue", "orders"]).await;
    assert!(groups.contains("answered 400"), "{groups}");
    let text = user.ok(&["dlq", "read", &letter]).await;
    assert_eq!(row(&text, "answer"), ["answer", "400"]);
    assert_eq!(row(&text, "1")[2], "400", "its attempts follow: {text}");
    receiver.answer("/", |_| Reply::status(200));

    user.call(&["dlq", "replay"]).await.fails(2);
    let unsure = user.call(&["dlq", "replay", "--type", "order.*"]).await.fails(2);
    assert!(
        unsure.contains("Replay 3 dead letters?") && unsure.contains("--yes"),
        "{unsure}"
    );
    let unsure = user.call(&["dlq", "purge", "--all"]).await.fails(2);
    assert!(unsure.contains("Throw away 5 dead letters?"), "{unsure}");
    user.call(&["dlq", "purge", "--all", "--queue", "orders", "--yes"])
        .await
        .fails(2);

    let replayed: Value = user.json(&["dlq", "replay", &letter]).await;
    assert!(
        ids.iter().any(|id| id.to_string() == replayed["task"]),
        "{replayed}"
    );
    receiver.until("/", 6).await;
    assert_eq!(
        user.ok(&["dlq", "replay", "--type", "order.*", "--yes"]).await,
        "replayed  2\n"
    );
    receiver.until("/", 8).await;
    assert_eq!(
        user.ok(&["dlq", "purge", "--queue", "orders", "--yes"]).await,
        "purged  2\n"
    );
    assert_eq!(user.json::<Page<DeadLetter>>(&["dlq", "list"]).await.items, []);
    user.call(&["dlq", "replay", &letter]).await.fails(1);
}
