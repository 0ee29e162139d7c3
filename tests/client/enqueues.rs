//! One task, any bytes, a file of many.

use std::{fs, net::SocketAddr};

use posthaste_client::proto::{Enqueued, Page, Task};
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::{
    harness::{Home, Node, Receiver, eventually},
    terminal::{Terminal, row},
};

/// A queue with one endpoint.
async fn shop(home: &Home, receiver: &Receiver) -> (Terminal, Node) {
    let (user, node) = Terminal::and_node(home).await;
    user.ok(&["queue", "make", "orders"]).await;
    user.ok(&[
        "endpoint",
        "make",
        "orders",
        &receiver.url("/"),
        "--filter",
        "order.*",
    ])
    .await;
    (user, node)
}

async fn tasks(user: &Terminal) -> Vec<Task> {
    let lines = user
        .ok(&["task", "list", "orders", "--all", "--output", "json"])
        .await;
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn a_payload_is_an_argument_a_file_or_standard_input() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (user, _node) = shop(&home, &receiver).await;
    let one = [
        "enqueue",
        "orders",
        "{\"id\" : 7}",
        "--type",
        "order.paid",
        "--header",
        "x-shop: 7",
        "--priority",
        "9",
    ];
    let text = user.ok(&one).await;
    assert_eq!(row(&text, "deliveries"), ["deliveries", "1"]);
    let arrival = receiver.until("/", 1).await.remove(0);
    assert_eq!(arrival.id.to_string(), row(&text, "id")[1]);
    assert_eq!(
        (&arrival.body[..], arrival.header("x-shop")),
        (&b"{\"id\" : 7}"[..], "7")
    );

    user.file("order.json", " [1]\n");
    user.ok(&["enqueue", "orders", "@order.json", "--type", "order.paid"])
        .await;
    assert_eq!(receiver.until("/", 2).await[1].body, b"[1]"[..]);

    user.pipe("\"piped\"", &["enqueue", "orders", "--type", "order.paid"])
        .await
        .ok();
    assert_eq!(receiver.until("/", 3).await[2].body, b"\"piped\""[..]);

    user.file("scan.png", b"\xff\0\n");
    let scan = [
        "enqueue",
        "orders",
        "@scan.png",
        "--type",
        "order.scan",
        "--content-type",
        "image/png",
        "--retry",
        "attempts=2",
    ];
    user.ok(&scan).await;
    let arrival = receiver.until("/", 4).await.remove(3);
    assert_eq!(
        (&arrival.body[..], arrival.header("content-type")),
        (&b"\xff\0\n"[..], "image/png")
    );

    for wrong in [
        &["enqueue", "orders", "@scan.png"][..],
        &["enqueue", "orders", "{"],
        &["enqueue", "orders"],
        &["enqueue", "orders", "1", "--priority", "high"],
        &["enqueue", "orders", "1", "--delay", "soon"],
        &["enqueue", "orders", "1", "--file", "scan.png"],
    ] {
        user.call(wrong).await.fails(2);
    }
    let refused = user
        .call(&["enqueue", "orders", "1", "--type", "a b"])
        .await
        .fails(1);
    assert!(refused.contains("(400)") && refused.contains("type"), "{refused}");
    let refused = user.call(&["enqueue", "nowhere", "1"]).await.fails(1);
    assert!(refused.contains("(404)"), "{refused}");
    assert_eq!(tasks(&user).await.len(), 4, "nothing else was enqueued");
}

#[tokio::test]
async fn a_task_is_for_later_and_for_once() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (user, _node) = shop(&home, &receiver).await;
    let later = [
        "enqueue",
        "orders",
        "1",
        "--type",
        "order.due",
        "--delay",
        "2h",
        "--idempotency-key",
        "k",
    ];
    let first: Enqueued = user.json(&later).await;
    assert!(!first.repeated);
    let again = user.ok(&later).await;
    assert_eq!(row(&again, "id")[1], first.id.to_string());
    assert!(again.contains("repeated"), "{again}");
    let task: Task = user.json(&["task", "read", &first.id.to_string()]).await;
    assert_eq!((task.due_at - task.created_at).num_minutes(), 120);
    let short: Enqueued = user.json(&["enqueue", "orders", "1", "--expires", "3h"]).await;
    let task: Task = user.json(&["task", "read", &short.id.to_string()]).await;
    assert!((178..182).contains(&(task.expires_at.unwrap() - task.created_at).num_minutes()));
    let other = user
        .call(&["enqueue", "orders", "2", "--idempotency-key", "k"])
        .await
        .fails(1);
    assert!(other.contains("(422)"), "{other}");
    let unmatched = user.call(&["enqueue", "orders", "1"]).await;
    assert!(
        unmatched.err.contains("No endpoint of the queue wants it"),
        "{unmatched:?}"
    );
}

/// Lines of which the third, the fifth and the sixth are wrong, and the fourth is blank.
const FILE: &str = "{\"type\":\"order.a\",\"payload\":{\"n\" : 1}}
{\"payload\":2,\"idempotency_key\":\"own\"}
{\"type\":\"order.a\"}

not json
{\"type\":\"a b\",\"payload\":6}
{\"type\":\"order.a\",\"payload_base64\":\"/w==\"}";

#[tokio::test]
async fn a_file_tells_its_refused_lines_and_a_run_repeats_nothing() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (user, _node) = shop(&home, &receiver).await;
    user.file("tasks.ndjson", FILE);
    let import = [
        "enqueue",
        "orders",
        "--file",
        "tasks.ndjson",
        "--run",
        "monday",
        "--refused",
        "refused.ndjson",
        "--batch",
        "2",
    ];
    let said = user.call(&import).await;
    assert_eq!(
        said.out,
        "accepted   3\nrepeated   0\nunmatched  1\nrefused    3\n"
    );
    for begin in ["line 3: payload: ", "line 5: body: is not JSON", "line 6: type: "] {
        assert!(
            said.err.lines().any(|line| line.starts_with(begin)),
            "{begin} in {said:?}"
        );
    }
    assert!(said.fails(1).ends_with("posthaste: 3 of 6 tasks were refused\n"));
    let refused = fs::read_to_string(user.folder().join("refused.ndjson")).unwrap();
    let lines: Vec<&str> = FILE.lines().collect();
    assert_eq!(refused, [lines[2], lines[4], lines[5], ""].join("\n"));
    let arrived = receiver.until("/", 2).await;
    let mut bodies: Vec<_> = arrived.iter().map(|arrival| arrival.body.to_vec()).collect();
    bodies.sort();
    assert_eq!(bodies, [b"{\"n\" : 1}".to_vec(), b"\xff".to_vec()]);

    let again = user.call(&[&import[..6], &["--output", "json"]].concat()).await;
    assert_eq!(again.code, 1);
    let outcome: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!(
        (&outcome["accepted"], &outcome["repeated"], &outcome["rejected"]),
        (&3.into(), &3.into(), &3.into())
    );
    let numbers: Vec<_> = outcome["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["line"].clone())
        .collect();
    assert_eq!(numbers, [3, 5, 6]);
    assert_eq!(tasks(&user).await.len(), 3);

    let rest = user
        .pipe(FILE, &["enqueue", "orders", "--file", "-", "--from-line", "7"])
        .await;
    assert_eq!(row(&rest.ok(), "accepted"), ["accepted", "1"]);
    assert_eq!(tasks(&user).await.len(), 4);
    user.call(&["enqueue", "orders", "--file", "nothing.ndjson"])
        .await
        .fails(1);
    user.call(&["enqueue", "orders", "1", "--run", "x"])
        .await
        .fails(2);
}

#[tokio::test]
async fn what_is_too_large_alone_sinks_nothing_else() {
    let home = Home::external().await;
    let node = home
        .start(&["gateway.batch_max_bytes=20000", "gateway.payload_max=8000"])
        .await;
    let user = Terminal::at(node.address(), &home.key());
    user.ok(&["queue", "make", "orders"]).await;
    let line = |bytes: usize| format!("{{\"payload\":\"{}\"}}\n", "x".repeat(bytes));
    let file = [
        line(6_000),
        line(6_000),
        line(30_000),
        line(6_000),
        line(9_000),
        line(6_000),
    ]
    .concat();
    user.file("tasks.ndjson", file);
    let said = user.call(&["enqueue", "orders", "--file", "tasks.ndjson"]).await;
    assert_eq!(row(&said.out, "accepted"), ["accepted", "4"], "{said:?}");
    assert!(
        said.err.contains("line 3: ") && said.err.contains("line 5: payload: "),
        "{said:?}"
    );
    said.fails(1);
    assert_eq!(tasks(&user).await.len(), 4);
}

/// An address that stays, and the way from there to wherever the node is now.
async fn way_to(node: SocketAddr) -> (SocketAddr, watch::Sender<SocketAddr>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (to, there) = watch::channel(node);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let there = *there.borrow();
            tokio::spawn(async move {
                if let Ok(mut far) = TcpStream::connect(there).await {
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                }
            });
        }
    });
    (address, to)
}

#[tokio::test]
async fn a_run_outlasts_a_restart_and_one_that_stops_says_how_to_go_on() {
    let home = Home::external().await;
    let node = home.start(&[]).await;
    let (address, to) = way_to(node.address()).await;
    let mut user = Terminal::at(address, &home.key());
    user.ok(&["queue", "make", "orders"]).await;
    let line = |n: u32| format!("{{\"payload\":{n}}}\n");
    user.file("tasks.ndjson", (0..5_000).map(line).collect::<String>());
    let import = [
        "enqueue",
        "orders",
        "--file",
        "tasks.ndjson",
        "--batch",
        "10",
        "--run",
        "long",
    ];
    let running = user.start(&import);
    eventually("some are enqueued", async || {
        let page: Page<Task> = user.json(&["task", "list", "orders", "--limit", "1"]).await;
        (!page.items.is_empty()).then_some(())
    })
    .await;
    node.kill().await;
    let node = home.start(&[]).await;
    to.send_replace(node.address());
    let said = running.wait_with_output().await.unwrap();
    let out = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success(), "{said:?}");
    assert_eq!(row(&out, "accepted"), ["accepted", "5000"]);
    assert_eq!(
        tasks(&user).await.len(),
        5_000,
        "none is lost and none is doubled"
    );

    user.set("POSTHASTE_KEY", "ph_wrong");
    let stopped = user.call(&import).await.fails(1);
    assert!(
        stopped.contains("Stopped before line 1. To go on there:"),
        "{stopped}"
    );
    assert!(
        stopped.contains("enqueue orders --file tasks.ndjson --run long --from-line 1"),
        "{stopped}"
    );
    assert!(stopped.contains("(401)"), "{stopped}");
}
