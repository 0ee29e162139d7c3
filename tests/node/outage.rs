//! A database that is away for a while, while requests are in flight: producers are told, results are kept, nobody needs to do anything.

use std::time::Duration;

use http::Method;
use posthaste::embedded;
use proto::{Endpoint, EndpointStatus, TaskState};
use serde_json::{Value, json};
use tempfile::TempDir;
use testing::{Database, Wire};

use crate::harness::{Account, Api, Gate, Home, Load, Receiver, Reply, eventually, until};

/// Longer than two renewals of a lease, and than the wait for a connection.
const AWAY: Duration = Duration::from_secs(5);

async fn is_ready(api: &Api) -> bool {
    let answer = api.send(Method::GET, "/readyz", &[], "").await;
    answer
        .expect("the node answers, whatever its database does")
        .status
        == 200
}

/// Load goes on while the database is away; `away` says how it goes and `back` how it returns. Nothing is lost, nothing arrives twice.
async fn endures(home: &Home, settings: &[&str], away: impl AsyncFnOnce(), back: impl AsyncFnOnce()) {
    let receiver = Receiver::start().await;
    let (node, api, gate) = (home.start(settings).await, home.api(), Gate::closed());
    receiver.answer("/busy", |_| Reply::status(200).after(Duration::from_millis(10)));
    let holding = gate.clone();
    receiver.answer("/held", move |_| Reply::status(200).through(&holding));
    for (queue, path) in [("load", "/busy"), ("held", "/held"), ("quiet", "/quiet")] {
        api.make_queue(queue).await;
        api.make_endpoint(queue, &receiver.url(path), json!({})).await;
    }
    let mut held = vec![];
    for number in 0..10 {
        held.push(api.enqueue("held", json!({ "payload": number })).await);
    }
    // Not due before the database is back.
    let later = api
        .enqueue(
            "quiet",
            json!({ "payload": 0, "delay": (AWAY + AWAY / 2).as_secs() }),
        )
        .await;
    let load = Load::start(&api, "load", 4, 1);
    until("tasks are accepted", || load.accepted() > 100).await;
    receiver.until("/held", held.len()).await;

    away().await;
    until("producers are told", || load.unavailable() > 0).await;
    eventually("it says that it is not ready", async || {
        (!is_ready(&api).await).then_some(())
    })
    .await;
    gate.open();
    tokio::time::sleep(AWAY).await;
    back().await;

    eventually("it says that it is ready", async || {
        is_ready(&api).await.then_some(())
    })
    .await;
    let accepted = load.accepted();
    until("tasks are accepted again", || load.accepted() > accepted + 100).await;
    let sent = load.stop().await;
    assert_eq!(sent.unanswered, 0, "each request is answered");
    let account = Account::settle(&receiver, &["/busy"], &sent.accepted).await;
    assert_eq!(
        account.repeated(),
        0,
        "results are kept while the database is away"
    );
    for task in held {
        let attempts = api.until_attempts(task, 1).await;
        assert_eq!(
            (attempts.len(), attempts[0].verdict.as_str()),
            (1, "delivered"),
            "{attempts:?}"
        );
    }
    assert_eq!(receiver.count("/held"), 10);
    assert_eq!(receiver.until("/quiet", 1).await[0].id, later);
    drop(node);
}

async fn wired() -> (Database, Wire, Home) {
    let database = Database::create().await;
    let wire = Wire::to(&database).await;
    let home = Home::at(wire.url());
    (database, wire, home)
}

/// The connections are cut, and the node's leases run out meanwhile, though nobody else takes its shards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_for_longer_than_a_lease() {
    let (_database, wire, home) = wired().await;
    let short = ["dispatcher.lease_ttl=3s", "dispatcher.lease_renew=1s"];
    endures(&home, &short, async || wire.cut(), async || wire.mend()).await;
}

/// What is accepted before the node has its leases back is pushed when it has them, not when it looks around the next time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_accepted_between_two_leases() {
    let (_database, wire, home) = wired().await;
    let receiver = Receiver::start().await;
    let settings = ["dispatcher.lease_ttl=5s", "dispatcher.lease_renew=2s"];
    let (_node, api) = (home.start(&settings).await, home.api());
    api.make_queue("q").await;
    api.make_endpoint("q", &receiver.url("/"), json!({})).await;
    wire.cut();
    tokio::time::sleep(AWAY).await;
    wire.mend();
    eventually("a task is accepted", async || {
        let task = api
            .send_json(Method::POST, "/v1/queues/q/tasks", &json!({ "payload": 1 }))
            .await;
        task.ok().filter(|answer| answer.status == 202)
    })
    .await;
    // A look comes every 30 s, and the last one was at the start.
    receiver.within(Duration::from_secs(15), "/", 1).await;
}

/// A server of the test's own, stopped and started again in earnest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_server_that_is_started_again() {
    let folder = data_folder();
    let options = server_options(&folder);
    let server = embedded::start(&options).await.expect("a server");
    let home = Home::at(&server.url());
    let url = server.url();
    let mut again = None;
    endures(
        &home,
        &[],
        async || server.stop().await,
        async || {
            again = Some(embedded::start(&options).await.expect("the same server"));
        },
    )
    .await;
    let again = again.expect("it was started");
    assert_eq!(again.url(), url);
    drop(home);
    again.stop().await;
}

fn data_folder() -> TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))
        .expect("a folder of ours");
    folder
}

#[expect(clippy::disallowed_methods, reason = "an edge: the tests' own PATH")]
fn server_options(folder: &TempDir) -> embedded::Options {
    embedded::Options {
        data_dir: folder.path().join("data"),
        max_connections: 40,
        download: false,
        search_path: std::env::var("PATH").expect("a PATH"),
    }
}

/// Results that cannot be written are bounded, and so is memory: pushing stops.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pushing_stops_at_the_bound_while_results_cannot_be_written() {
    /// In flight, and unwritten.
    const MOST: usize = 16 + 16;
    let (_database, wire, home) = wired().await;
    let receiver = Receiver::start().await;
    let settings = [
        "dispatcher.max_in_flight=16",
        "dispatcher.max_unwritten=16",
        "dispatcher.max_in_flight_per_endpoint=16",
    ];
    let (_node, api) = (home.start(&settings).await, home.api());
    api.make_queue("q").await;
    let endpoint = api.make_endpoint("q", &receiver.url("/"), json!({})).await;
    api.switch(&endpoint, "pause").await;
    let tasks: Vec<Value> = (0..300).map(|n| json!({ "payload": n })).collect();
    let _: Value = api.post("/v1/queues/q/tasks/batch", &Value::Array(tasks)).await;
    // The first answers come when the database is gone.
    let gate = Gate::closed();
    let holding = gate.clone();
    receiver.answer("/", move |_| Reply::status(200).through(&holding));
    api.switch(&endpoint, "resume").await;
    receiver.until("/", 1).await;
    wire.cut();
    gate.open();
    tokio::time::sleep(AWAY / 2).await;
    assert!(
        receiver.count("/") <= MOST,
        "{} requests were made",
        receiver.count("/")
    );
    wire.mend();
    receiver.until("/", 300).await;
    let mut ids: Vec<_> = receiver.at("/").into_iter().map(|arrival| arrival.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), receiver.count("/")), (300, 300));
}

/// What an answer means for the endpoint is not forgotten either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_says_gone_meanwhile_is_disabled_later() {
    let (_database, wire, home) = wired().await;
    let receiver = Receiver::start().await;
    let (_node, api) = (home.start(&[]).await, home.api());
    let gate = Gate::closed();
    let holding = gate.clone();
    receiver.answer("/", move |_| Reply::status(410).through(&holding));
    api.make_queue("q").await;
    let endpoint = api
        .make_endpoint("q", &receiver.url("/"), json!({ "max_in_flight": 1 }))
        .await;
    let first = api.enqueue("q", json!({ "payload": 1 })).await;
    let second = api.enqueue("q", json!({ "payload": 2 })).await;
    receiver.until("/", 1).await;
    wire.cut();
    gate.open();
    tokio::time::sleep(AWAY).await;
    wire.mend();
    eventually("it is disabled", async || {
        let read = api
            .send(Method::GET, &format!("/v1/endpoints/{}", endpoint.id), &[], "")
            .await;
        let answer = read.ok().filter(|answer| answer.status == 200)?;
        (answer.json::<Endpoint>().status == EndpointStatus::Disabled).then_some(())
    })
    .await;
    api.until_task(first, TaskState::Dead).await;
    assert_eq!(api.task(second).await.state, TaskState::Pending);
    assert_eq!(receiver.count("/"), 1, "nothing more is sent");
}
