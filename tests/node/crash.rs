//! Killed under load, again and again: what was accepted arrives, and only what was in flight arrives twice.

use std::time::Duration;

use http::Method;
use proto::Enqueued;
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::harness::{Account, Api, Home, Load, Receiver, Reply, eventually, turns, until};

/// Requests in flight on the node, and results that it has not written: what one kill can make arrive twice at most.
const UNFINISHED: usize = 128 + 128;

/// Whoever waits for a lease to run out is still waiting when these tests have failed.
const SETTINGS: [&str; 4] = [
    "dispatcher.max_in_flight=128",
    "dispatcher.max_unwritten=128",
    "dispatcher.lease_ttl=5m",
    "dispatcher.lease_renew=1s",
];

/// A fast endpoint, and one that always has something in flight.
const PATHS: [&str; 2] = ["/fast", "/slow"];

async fn make_endpoints(api: &Api, receiver: &Receiver) {
    receiver.answer("/slow", |_| Reply::status(200).after(Duration::from_millis(10)));
    api.make_queue("load").await;
    for path in PATHS {
        api.make_endpoint("load", &receiver.url(path), json!({})).await;
    }
    api.make_queue("probe").await;
    api.make_endpoint("probe", &receiver.url("/probe"), json!({}))
        .await;
}

/// Enqueues a task to an endpoint that has no others, and waits for it: the node pushes.
async fn probe(api: &Api, receiver: &Receiver) {
    let task = eventually("the probe is accepted", async || {
        let task = json!({ "payload": "probe" });
        let answer = api
            .send_json(Method::POST, "/v1/queues/probe/tasks", &task)
            .await
            .ok()?;
        // Its connections to a PostgreSQL that was just started are being made.
        (answer.status == 202).then(|| answer.json::<Enqueued>().id)
    })
    .await;
    until("the probe arrived", || {
        receiver.at("/probe").iter().any(|arrival| arrival.id == task)
    })
    .await;
}

fn kill_postgres(pid: Option<i32>) {
    let pid = pid.and_then(Pid::from_raw).expect("PostgreSQL runs");
    kill_process(pid, Signal::KILL).expect("it can be killed");
}

#[expect(
    clippy::disallowed_methods,
    reason = "an edge: it is printed, so that a failure can be repeated"
)]
fn random() -> SmallRng {
    let seed = rand::random();
    println!("seed {seed}");
    SmallRng::seed_from_u64(seed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_killed_ten_times_loses_nothing() {
    const KILLS: usize = 10;
    let _turn = turns::busy().await;
    let (home, receiver) = (Home::embedded(), Receiver::start().await);
    let (api, mut random) = (home.api(), random());
    let mut node = home.start(&SETTINGS).await;
    make_endpoints(&api, &receiver).await;
    let load = Load::start(&api, "load", 4, 1);
    let mut postgres = home.postgres("node");
    for kill in 1..=KILLS {
        // At work, or still reading what the one before it has left.
        tokio::time::sleep(Duration::from_millis(random.random_range(20..800))).await;
        node.kill().await;
        receiver.begin_life().await;
        if kill == KILLS / 2 {
            // Both at once.
            kill_postgres(postgres);
            node = home.start(&SETTINGS).await;
            postgres = home.postgres("node");
        } else {
            node = home.start(&SETTINGS).await;
            assert_eq!(
                home.postgres("node"),
                postgres,
                "the PostgreSQL that was left is taken over"
            );
        }
        // Its shards are its own at once, although their leases have minutes to run.
        probe(&api, &receiver).await;
    }
    let sent = load.stop().await;
    assert!(sent.accepted.len() > 300, "that was no load: {sent:?}");
    let account = Account::settle(&receiver, &PATHS, &sent.accepted).await;
    assert_eq!(
        account.repeated_within_a_life(),
        0,
        "only a kill excuses a repeat"
    );
    let repeats = account.repeated_after();
    println!("{} tasks, repeats by life: {repeats:?}", sent.accepted.len());
    assert!(
        repeats.values().all(|repeated| *repeated <= UNFINISHED),
        "{repeats:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_killed_under_load_comes_back_and_nothing_is_lost_or_repeated() {
    let _turn = turns::busy().await;
    let (home, receiver) = (Home::embedded(), Receiver::start().await);
    let (_node, api) = (home.start(&SETTINGS).await, home.api());
    make_endpoints(&api, &receiver).await;
    let load = Load::start(&api, "load", 4, 1);
    for _ in 0..3 {
        let accepted = load.accepted();
        until("tasks are accepted", || load.accepted() > accepted + 100).await;
        let before = home.postgres("node");
        kill_postgres(before);
        eventually("another PostgreSQL runs", async || {
            home.postgres("node").filter(|now| Some(*now) != before)
        })
        .await;
        let accepted = load.accepted();
        until("tasks are accepted again", || load.accepted() > accepted).await;
        probe(&api, &receiver).await;
    }
    let sent = load.stop().await;
    assert!(
        sent.unavailable > 0,
        "producers are told that it is away: {sent:?}"
    );
    assert_eq!(sent.unanswered, 0, "each request is answered");
    let account = Account::settle(&receiver, &PATHS, &sent.accepted).await;
    assert_eq!(account.repeated(), 0, "results are kept while PostgreSQL is away");
}
