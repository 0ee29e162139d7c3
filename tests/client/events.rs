//! What happens, as it happens.

use posthaste_client::proto::{EventKind, EventMessage};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::{
    harness::{Home, Receiver},
    terminal::Terminal,
};

#[tokio::test]
async fn events_are_lines_of_json() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (user, _node) = Terminal::and_node(&home).await;
    for queue in ["orders", "other"] {
        user.ok(&["queue", "make", queue]).await;
    }
    user.ok(&["endpoint", "make", "orders", &receiver.url("/")]).await;
    let mut following = user.start(&["events", "--follow", "--queue", "orders", "--output", "json"]);
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    // Whoever subscribes is told of what happens from then on; when that is nobody knows. So something happens until it is told.
    let first = loop {
        user.ok(&["queue", "pause", "orders"]).await;
        user.ok(&["queue", "resume", "orders"]).await;
        let told = tokio::time::timeout(std::time::Duration::from_secs(1), lines.next_line()).await;
        if let Ok(line) = told {
            break line.unwrap().unwrap();
        }
    };
    assert!(
        first.contains("\"queue.paused\"") || first.contains("\"queue.resumed\""),
        "{first}"
    );
    user.ok(&["enqueue", "other", "1"]).await;
    user.ok(&["enqueue", "orders", "1", "--type", "order.paid"]).await;
    let mut told = vec![];
    while told.last() != Some(&EventKind::DeliveryDelivered) {
        let line = lines.next_line().await.unwrap().expect("it goes on");
        let EventMessage::Event(event) = serde_json::from_str(&line).unwrap() else {
            continue;
        };
        assert_eq!(event.queue, "orders");
        told.push(event.kind);
    }
    assert!(told.contains(&EventKind::TaskEnqueued), "{told:?}");
    following.kill().await.unwrap();
}

#[tokio::test]
async fn they_end_when_they_are_told_to() {
    let home = Home::external().await;
    let (user, _node) = Terminal::and_node(&home).await;
    assert_eq!(user.ok(&["events", "--for", "300ms"]).await, "");
    user.ok(&["queue", "make", "orders"]).await;
    let mut counting = user.start(&["events", "--count", "2", "--state", "queue.*"]);
    while counting.try_wait().unwrap().is_none() {
        user.ok(&["queue", "pause", "orders"]).await;
        user.ok(&["queue", "resume", "orders"]).await;
    }
    let said = counting.wait_with_output().await.unwrap();
    assert!(said.status.success());
    let text = String::from_utf8_lossy(&said.stdout);
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(
        text.lines()
            .all(|line| line.contains("  queue.") && line.ends_with("orders")),
        "{text}"
    );
    user.call(&["events"]).await.fails(2);
    let odd = user
        .call(&["events", "--follow", "--state", "odd"])
        .await
        .fails(1);
    assert!(odd.contains("state"), "{odd}");
}
