//! Several nodes on one database: each endpoint has one owner, and gets another one when that one goes.

use std::collections::HashSet;
use std::time::Duration;

use http::Method;
use proto::{Endpoint, Enqueued};
use queue::endpoint::shard_of;
use rustix::process::Signal;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Account, Api, Home, Load, Node, Receiver, Reply, eventually, until, within};

/// Endpoints enough that two nodes have some each, whatever their ids.
const ENDPOINTS: usize = 32;

/// Requests in flight on a node, and results that it has not written: what its death can make arrive twice at most.
const UNFINISHED: usize = 64 + 64;

const BOUNDS: [&str; 2] = ["dispatcher.max_in_flight=64", "dispatcher.max_unwritten=64"];

/// A node that keeps nothing of answers: by that its attempts are known from those of others.
const KEEPS_NOTHING: &str = "dispatcher.response_body_kept=0";

/// The word that the receiver answers.
const ANSWER: &str = "seen";

async fn make_endpoints(api: &Api, receiver: &Receiver) -> Vec<(Endpoint, String)> {
    api.make_queue("q").await;
    let mut endpoints = vec![];
    for number in 0..ENDPOINTS {
        let path = format!("/{number}");
        receiver.answer(&path, |_| Reply::status(200).after(Duration::from_millis(10)));
        endpoints.push((
            api.make_endpoint("q", &receiver.url(&path), json!({})).await,
            path,
        ));
    }
    endpoints
}

fn paths(endpoints: &[(Endpoint, String)]) -> Vec<&str> {
    endpoints.iter().map(|(_, path)| path.as_str()).collect()
}

/// The endpoints to which the node that keeps nothing has pushed a task, and those to which another one has.
async fn pushers(api: &Api, task: Uuid) -> (HashSet<Uuid>, HashSet<Uuid>) {
    let attempts = api.until_attempts(task, ENDPOINTS).await;
    let (kept, not_kept): (Vec<_>, Vec<_>) = attempts
        .into_iter()
        .partition(|attempt| attempt.response_body.as_deref() == Some(ANSWER));
    let endpoints = |attempts: Vec<proto::Attempt>| attempts.iter().map(|attempt| attempt.endpoint).collect();
    (endpoints(not_kept), endpoints(kept))
}

/// Enqueues tasks until both nodes push some of one: a node that came has its share of the shards.
async fn until_shared(api: &Api) {
    eventually("both nodes push", async || {
        let task = api.enqueue("q", json!({ "type": "probe", "payload": 0 })).await;
        let (one, other) = pushers(api, task).await;
        (!one.is_empty() && !other.is_empty()).then_some(())
    })
    .await;
}

/// Two nodes that both push, and where to.
async fn pair(home: &Home, receiver: &Receiver, lease: &[&str]) -> (Node, Node, Vec<(Endpoint, String)>) {
    let settings = [lease, &BOUNDS].concat();
    let first = home.start_as("first", &settings).await;
    let endpoints = make_endpoints(first.api(), receiver).await;
    let second = home
        .start_as("second", &[&settings[..], &[KEEPS_NOTHING]].concat())
        .await;
    until_shared(first.api()).await;
    (first, second, endpoints)
}

/// Load on both.
async fn loads(first: &Node, second: &Node) -> [Load; 2] {
    let loads = [first, second].map(|node| Load::start(node.api(), "q", 1, 0));
    until("tasks are accepted", || {
        loads.iter().all(|load| load.accepted() >= 20)
    })
    .await;
    loads
}

async fn enqueue(api: &Api, count: usize) -> Vec<Uuid> {
    let mut tasks = vec![];
    for number in 0..count {
        tasks.push(
            api.enqueue("q", json!({ "type": "real", "payload": number }))
                .await,
        );
    }
    tasks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_share_the_work_and_nothing_is_pushed_twice() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let lease = ["dispatcher.lease_renew=500ms"];
    let (first, second, endpoints) = pair(&home, &receiver, &lease).await;
    let loads = loads(&first, &second).await;
    let mut accepted = vec![];
    for load in loads {
        accepted.extend(load.stop().await.accepted);
    }
    let account = Account::settle(&receiver, &paths(&endpoints), &accepted).await;
    assert_eq!(account.repeated(), 0);
    for task in [accepted[0], accepted[accepted.len() - 1]] {
        let (one, other) = pushers(first.api(), task).await;
        assert!(
            one.is_disjoint(&other) && one.len() + other.len() == ENDPOINTS,
            "{one:?} {other:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_node_is_succeeded_when_its_lease_has_run_out() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let lease = ["dispatcher.lease_ttl=3s", "dispatcher.lease_renew=1s"];
    let (first, second, endpoints) = pair(&home, &receiver, &lease).await;
    let loads = loads(&first, &second).await;
    second.kill().await;
    let before = loads[0].accepted();
    until("the survivor accepts", || loads[0].accepted() >= before + 10).await;
    let mut accepted = vec![];
    for load in loads {
        accepted.extend(load.stop().await.accepted);
    }
    // Until it looks around by itself the survivor would take half a minute.
    let all = paths(&endpoints);
    within(Duration::from_secs(20), "the survivor has taken over", || {
        all.iter().all(|path| receiver.count(path) >= accepted.len())
    })
    .await;
    let account = Account::settle(&receiver, &all, &accepted).await;
    assert!(
        account.repeated() <= UNFINISHED,
        "{} arrived twice",
        account.repeated()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stops_hands_over_at_once_and_comes_back() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let lease = ["dispatcher.lease_ttl=10m", "dispatcher.lease_renew=500ms"];
    let (first, second, endpoints) = pair(&home, &receiver, &lease).await;
    let load = Load::start(first.api(), "q", 1, 0);
    until("tasks are accepted", || load.accepted() >= 10).await;
    second.signal(Signal::TERM);
    assert_eq!(second.ended().await.code(), Some(0));
    let _again = home
        .start_as("second", &[&lease[..], &BOUNDS, &[KEEPS_NOTHING]].concat())
        .await;
    until_shared(first.api()).await;
    let sent = load.stop().await;
    assert_eq!(
        (sent.unavailable, sent.unanswered),
        (0, 0),
        "the other node had no pause"
    );
    let account = Account::settle(&receiver, &paths(&endpoints), &sent.accepted).await;
    assert_eq!(
        account.repeated(),
        0,
        "what was in flight ended before it was handed over"
    );
}

/// A request that hangs holds up the stop of its node, and nobody else's deliveries.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stops_hands_over_what_is_quiet_while_one_endpoint_hangs() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let lease = ["dispatcher.lease_ttl=10m", "dispatcher.lease_renew=500ms"];
    let (first, second, endpoints) = pair(&home, &receiver, &lease).await;
    first.api().make_queue("slow").await;
    let slow: Vec<String> = (0..8).map(|number| format!("/slow/{number}")).collect();
    let mut busy = HashSet::new();
    for path in &slow {
        receiver.answer(path, |_| Reply::status(200).after(Duration::from_secs(25)));
        let endpoint = first
            .api()
            .make_endpoint("slow", &receiver.url(path), json!({}))
            .await;
        busy.insert(shard_of(endpoint.id));
    }
    first.api().enqueue("slow", json!({ "payload": 0 })).await;
    until("all of them hang", || {
        slow.iter().all(|path| receiver.count(path) > 0)
    })
    .await;
    // A shard is handed over as a whole.
    let (_, quiet): (Vec<_>, Vec<_>) = endpoints
        .into_iter()
        .partition(|(endpoint, _)| busy.contains(&shard_of(endpoint.id)));
    let paths = paths(&quiet);
    let before: Vec<usize> = paths.iter().map(|path| receiver.count(path)).collect();
    second.signal(Signal::TERM);
    enqueue(first.api(), 1).await;
    within(
        Duration::from_secs(10),
        "every other endpoint has its task",
        || {
            paths
                .iter()
                .zip(&before)
                .all(|(path, before)| receiver.count(path) > *before)
        },
    )
    .await;
    assert_eq!(second.ended().await.code(), Some(0));
}

/// A node that is stopped in its tracks wakes up to find its shards another's: it pushes nothing for them any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_frozen_pushes_nothing_of_its_successors() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let lease = ["dispatcher.lease_ttl=3s", "dispatcher.lease_renew=1s"];
    let (first, second, endpoints) = pair(&home, &receiver, &lease).await;
    second.signal(Signal::STOP);
    let tasks = enqueue(first.api(), 20).await;
    let all = paths(&endpoints);
    let account = Account::settle(&receiver, &all, &tasks).await;
    assert_eq!(account.repeated(), 0);
    second.signal(Signal::CONT);
    eventually("it is ready again", async || {
        let ready = second.api().send(Method::GET, "/readyz", &[], "").await;
        ready.ok().filter(|answer| answer.status == 200)
    })
    .await;
    let more = enqueue(second.api(), 20).await;
    until_shared(first.api()).await;
    let account = Account::settle(&receiver, &all, &[tasks, more].concat()).await;
    assert_eq!(
        account.repeated(),
        0,
        "what its successor delivered is not delivered again"
    );
}

/// Without a dispatcher beside it, the gateway's node tells the other one of every task: that one would look only every half minute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_and_a_dispatcher_are_one_server() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let gateway = home.start_as("gateway", &["role=gateway"]).await;
    let dispatcher = home.start_as("dispatcher", &["role=dispatcher"]).await;
    let api = gateway.api();
    for number in 0..3 {
        // Each time for an endpoint that the dispatcher has not heard of.
        let (queue, path) = (format!("q{number}"), format!("/{number}"));
        api.make_queue(&queue).await;
        let endpoint = api.make_endpoint(&queue, &receiver.url(&path), json!({})).await;
        let task = api.enqueue(&queue, json!({ "payload": number })).await;
        let arrivals = receiver.within(Duration::from_secs(10), &path, 1).await;
        assert_eq!(arrivals[0].id, task);

        api.switch(&endpoint, "pause").await;
        let delayed = api
            .enqueue(&queue, json!({ "payload": number, "delay": "1s" }))
            .await;
        api.switch(&endpoint, "resume").await;
        let arrivals = receiver.within(Duration::from_secs(10), &path, 2).await;
        assert_eq!(arrivals[1].id, delayed);

        let cancelled = api
            .enqueue(&queue, json!({ "payload": number, "delay": "2s" }))
            .await;
        let count: Value = api.act(&format!("/v1/tasks/{cancelled}/cancel")).await;
        assert_eq!(count["cancelled"], 1);
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(receiver.all().len(), 6, "what was cancelled is not sent");

    let healthy = dispatcher
        .api()
        .send(Method::GET, "/readyz", &[], "")
        .await
        .expect("an answer");
    assert_eq!(healthy.status, 200, "a dispatcher says how it is");
    drop(dispatcher);
    let accepted: Enqueued = api
        .post("/v1/queues/q0/tasks", &json!({ "payload": "later" }))
        .await;
    let _dispatcher = home.start_as("dispatcher", &["role=dispatcher"]).await;
    let arrivals = receiver.until("/0", 3).await;
    assert_eq!(
        arrivals[2].id, accepted.id,
        "a gateway alone accepts, a dispatcher delivers when it is there"
    );
}
