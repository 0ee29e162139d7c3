//! Signals: the first ends a node in order, the second at once.

use std::time::{Duration, Instant};

use http::Method;
use proto::TaskState;
use rustix::process::Signal;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::harness::{Account, Api, Gate, Home, Load, Node, Receiver, Reply, eventually, until};

/// As long as a lease can be: nobody gets a shard in these tests because one has run out.
const LEASE: [&str; 2] = ["dispatcher.lease_ttl=10m", "dispatcher.lease_renew=500ms"];

/// How much of what waits is in flight.
const IN_FLIGHT: usize = 8;

/// A node with 8 requests in flight, whose answers the gate holds back, and 12 tasks waiting behind them.
async fn busy(home: &Home, receiver: &Receiver, name: &str) -> (Node, Gate, Vec<Uuid>) {
    let (node, gate) = (home.start_as(name, &LEASE).await, Gate::closed());
    let holding = gate.clone();
    receiver.answer("/", move |_| Reply::status(200).through(&holding));
    node.api().make_queue("q").await;
    node.api()
        .make_endpoint("q", &receiver.url("/"), json!({ "max_in_flight": IN_FLIGHT }))
        .await;
    let mut tasks = vec![];
    for number in 0..20 {
        tasks.push(node.api().enqueue("q", json!({ "payload": number })).await);
    }
    receiver.until("/", IN_FLIGHT).await;
    (node, gate, tasks)
}

async fn until_refused(api: &Api) {
    eventually("nobody listens any more", async || {
        api.send(Method::GET, "/healthz", &[], "").await.err()
    })
    .await;
}

async fn all_arrive_once(api: &Api, receiver: &Receiver, tasks: &[Uuid]) {
    receiver.until("/", tasks.len()).await;
    for task in tasks {
        api.until_task(*task, TaskState::Delivered).await;
        assert_eq!(api.attempts(*task).await.len(), 1);
    }
    assert_eq!(receiver.count("/"), tasks.len(), "each arrived once");
}

#[tokio::test]
async fn the_first_signal_lets_requests_end_and_writes_their_results() {
    let (home, receiver) = (Home::embedded(), Receiver::start().await);
    let (node, gate, tasks) = busy(&home, &receiver, "node").await;
    let postgres = home.postgres("node");
    node.signal(Signal::TERM);
    until_refused(node.api()).await;
    assert!(
        home.postgres("node") == postgres,
        "there are results to be written"
    );
    gate.open();
    let (log, status) = (node.log(), node.ended().await);
    assert_eq!(status.code(), Some(0), "{log}");
    assert_eq!(
        receiver.count("/"),
        IN_FLIGHT,
        "nothing was begun after the signal"
    );
    assert_eq!(home.postgres("node"), None, "its PostgreSQL has ended with it");

    let _node = home.start_as("node", &LEASE).await;
    all_arrive_once(&home.api(), &receiver, &tasks).await;
}

/// A producer that takes its time keeps the gateway up, for as long as it may.
#[tokio::test]
async fn nothing_is_begun_while_the_last_requests_end() {
    let (home, receiver) = (Home::embedded(), Receiver::start().await);
    let (node, gate, tasks) = busy(&home, &receiver, "node").await;
    let mut slow = TcpStream::connect(node.address()).await.expect("it listens");
    let half = format!(
        "POST /v1/queues/q/tasks HTTP/1.1\r\nhost: node\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: 100\r\n\r\n{{",
        home.key()
    );
    slow.write_all(half.as_bytes()).await.expect("it reads");
    // Its request has begun when another one, on a connection made later, has ended.
    node.api().get::<serde_json::Value>("/v1/queues/q").await;
    node.signal(Signal::TERM);
    until_refused(node.api()).await;
    gate.open();
    // Long enough for all that waits to be pushed, if it were.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(home.postgres("node").is_some(), "the slow request is waited for");
    drop(slow);
    assert_eq!(node.ended().await.code(), Some(0));
    assert_eq!(receiver.count("/"), IN_FLIGHT);

    let _node = home.start_as("node", &LEASE).await;
    all_arrive_once(&home.api(), &receiver, &tasks).await;
}

/// The other node has nothing to wait for: it takes over what the one that ends releases.
#[tokio::test]
async fn the_first_signal_hands_over_what_waits() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (node, gate, tasks) = busy(&home, &receiver, "first").await;
    let other = home.start_as("second", &LEASE).await;
    node.signal(Signal::INT);
    until_refused(node.api()).await;
    gate.open();
    assert_eq!(node.ended().await.code(), Some(0));
    all_arrive_once(other.api(), &receiver, &tasks).await;
}

/// Unlike one that is killed, a node that is told to stop leaves nothing to be done twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_under_load_lose_and_repeat_nothing() {
    let (home, receiver) = (Home::embedded(), Receiver::start().await);
    let (mut node, api) = (home.start(&LEASE).await, home.api());
    receiver.answer("/", |_| Reply::status(200).after(Duration::from_millis(20)));
    api.make_queue("q").await;
    api.make_endpoint("q", &receiver.url("/"), json!({})).await;
    let load = Load::start(&api, "q", 3, 1);
    for _ in 0..3 {
        let accepted = load.accepted();
        until("tasks are accepted", || load.accepted() > accepted + 50).await;
        node.signal(Signal::TERM);
        assert_eq!(node.ended().await.code(), Some(0));
        node = home.start(&LEASE).await;
    }
    let sent = load.stop().await;
    let account = Account::settle(&receiver, &["/"], &sent.accepted).await;
    assert_eq!(account.repeated(), 0);
    drop(node);
}

#[tokio::test]
async fn the_second_signal_ends_it_at_once() {
    let (home, receiver) = (Home::embedded(), Receiver::start().await);
    let (node, gate, tasks) = busy(&home, &receiver, "node").await;
    node.signal(Signal::TERM);
    node.until_log("a second signal ends this at once").await;
    let begun = Instant::now();
    node.signal(Signal::TERM);
    assert_eq!(node.ended().await.code(), Some(128 + 15));
    // Attempts may take 30 s, and would have been waited for.
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    eventually("its PostgreSQL ends by itself", async || {
        home.postgres("node").is_none().then_some(())
    })
    .await;

    receiver.begin_life().await;
    gate.open();
    let node = home.start_as("node", &LEASE).await;
    receiver.until("/", tasks.len() + IN_FLIGHT).await;
    for task in &tasks {
        node.api().until_task(*task, TaskState::Delivered).await;
    }
    assert_eq!(
        receiver.count("/"),
        tasks.len() + IN_FLIGHT,
        "what was in flight came again, and nothing else"
    );
}
