//! Replays as jobs: in the background, at their own rate, over restarts, each once.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use proto::{Page, Replay, ReplayPreview, ReplayStatus};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Api, Home, Receiver, Reply, eventually};

/// So many tasks, in batches.
async fn enqueue(api: &Api, queue: &str, count: usize) -> HashSet<Uuid> {
    let mut tasks = HashSet::new();
    for from in (0..count).step_by(500) {
        let batch: Vec<Value> = (from..count.min(from + 500))
            .map(|number| json!({ "type": "order.paid", "payload": number }))
            .collect();
        let result: proto::BatchResult = api
            .post(&format!("/v1/queues/{queue}/tasks/batch"), &Value::Array(batch))
            .await;
        for item in result.items {
            match item {
                proto::BatchItem::Accepted(enqueued) => tasks.insert(enqueued.id),
                proto::BatchItem::Rejected { .. } => panic!("{item:?}"),
            };
        }
    }
    tasks
}

async fn until_replay(api: &Api, id: Uuid, what: &str, so: impl Fn(&Replay) -> bool) -> Replay {
    eventually(what, async || {
        let replay: Replay = api.get(&format!("/v1/replays/{id}")).await;
        so(&replay).then_some(replay)
    })
    .await
}

/// How often each task arrived on behalf of a replay.
fn replayed(receiver: &Receiver, path: &str, replay: Uuid) -> HashMap<Uuid, usize> {
    let id = replay.to_string();
    let mut seen = HashMap::new();
    for arrival in receiver.at(path) {
        if arrival.header("posthaste-replay") == id {
            *seen.entry(arrival.id).or_default() += 1;
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_killed_in_the_middle_of_a_replay_replays_each_once() {
    const LETTERS: usize = 3_000;
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (node, api) = (home.start(&[]).await, home.api());
    receiver.answer("/", |_| Reply::status(400));
    api.make_queue("q").await;
    let endpoint = api.make_endpoint("q", &receiver.url("/"), json!({})).await;
    let tasks = enqueue(&api, "q", LETTERS).await;
    let new = json!({ "filter": { "queue": "q", "status": 400, "error": "ANSWERED 400" }, "rate": 600 });
    let preview = eventually("all are dead", async || {
        let preview: ReplayPreview = api.post("/v1/replays:preview", &new).await;
        (preview.count == LETTERS as u64).then_some(preview)
    })
    .await;
    assert_eq!((preview.exact, preview.seconds), (true, 5));
    // What is replayed waits, so that each delivery is made once and sent once.
    api.switch(&endpoint, "pause").await;
    receiver.answer("/", |_| Reply::status(200));
    let begun: Replay = api.post("/v1/replays", &new).await;
    assert_eq!((begun.expected, begun.expected_exact), (LETTERS as u64, true));
    let some = until_replay(&api, begun.id, "some are replayed", |replay| replay.done > 300).await;
    assert!(some.done < LETTERS as u64, "it is killed in the middle: {some:?}");
    node.kill().await;
    let _node = home.start(&[]).await;
    let ended = until_replay(&api, begun.id, "the replay is done", |replay| {
        replay.status == ReplayStatus::Done
    })
    .await;
    assert_eq!(
        (ended.done, ended.matched, ended.skipped),
        (LETTERS as u64, LETTERS as u64, 0),
        "{ended:?}"
    );
    assert!(
        ended.started_at.is_some() && ended.ended_at > ended.started_at,
        "{ended:?}"
    );
    assert_eq!(api.dead_letters(&endpoint).await, []);
    let queue: proto::Queue = api.get("/v1/queues/q").await;
    assert_eq!(
        queue.depth, LETTERS as u64,
        "each is made once, and none is left out"
    );
    api.switch(&endpoint, "resume").await;
    receiver.until("/", 2 * LETTERS).await;
    let seen = replayed(&receiver, "/", begun.id);
    assert_eq!(
        seen.keys().copied().collect::<HashSet<_>>(),
        tasks,
        "under the same ids"
    );
    assert!(seen.values().all(|times| *times == 1), "none twice");
}

#[tokio::test]
async fn a_replay_keeps_its_rate_and_is_paused_resumed_and_cancelled() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api) = (home.start(&[]).await, home.api());
    receiver.answer("/", |_| Reply::status(400));
    api.make_queue("q").await;
    api.make_endpoint("q", &receiver.url("/"), json!({})).await;
    enqueue(&api, "q", 200).await;
    let new = json!({ "filter": { "queue": "q" }, "rate": 20 });
    eventually("all are dead", async || {
        let preview: ReplayPreview = api.post("/v1/replays:preview", &new).await;
        (preview.count == 200).then_some(())
    })
    .await;
    let begun_at = Instant::now();
    let begun: Replay = api.post("/v1/replays", &new).await;
    // They die again, and are not replayed once more by it.
    let some = until_replay(&api, begun.id, "30 are replayed", |replay| replay.done >= 30).await;
    // A second's share is 20, and a batch, which is a fifth of it, may be ahead.
    let most = begun_at.elapsed().as_millis() * 20 / 1_000 + 4;
    assert!(u128::from(some.done) <= most, "{} is more than {most}", some.done);
    let path = format!("/v1/replays/{}", begun.id);
    let paused: Replay = api.act(&format!("{path}/pause")).await;
    assert_eq!(paused.status, ReplayStatus::Paused);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let still: Replay = api.get(&path).await;
    assert_eq!(still.done, paused.done, "it makes nothing while it is paused");
    let _: Replay = api.act(&format!("{path}/resume")).await;
    until_replay(&api, begun.id, "it goes on", |replay| replay.done > paused.done).await;
    let cancelled: Replay = api.act(&format!("{path}/cancel")).await;
    assert_eq!(cancelled.status, ReplayStatus::Cancelled);
    assert!(
        cancelled.ended_at.is_some() && cancelled.done < 200,
        "{cancelled:?}"
    );
    let again = api
        .send(http::Method::POST, &format!("{path}/resume"), &[], "")
        .await
        .expect("an answer");
    assert_eq!(again.status, 409);
    let listed: Page<Replay> = api.get("/v1/replays?queue=q&status=cancelled").await;
    assert_eq!(listed.items, [cancelled]);
}

#[tokio::test]
async fn what_was_delivered_and_what_was_only_enqueued_goes_to_another_endpoint() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api) = (home.start(&[]).await, home.api());
    api.make_queue("q").await;
    api.make_endpoint("q", &receiver.url("/first"), json!({})).await;
    let tasks = enqueue(&api, "q", 120).await;
    receiver.until("/first", 120).await;
    api.make_queue("other").await;
    let target = api
        .make_endpoint("other", &receiver.url("/other"), json!({}))
        .await;
    for (state, path) in [("delivered", "/other"), ("any", "/other")] {
        let new = json!({ "filter": { "state": state, "queue": "q", "type": "order.*" }, "rate": 1000, "target": target.id });
        let preview = eventually("all are logged", async || {
            let preview: ReplayPreview = api.post("/v1/replays:preview", &new).await;
            (preview.count == 120).then_some(preview)
        })
        .await;
        assert!(preview.exact);
        let begun: Replay = api.post("/v1/replays", &new).await;
        let ended = until_replay(&api, begun.id, "it is done", |replay| {
            replay.status == ReplayStatus::Done
        })
        .await;
        assert_eq!((ended.done, ended.skipped), (120, 0), "{state}");
        let seen = eventually("all arrived", async || {
            let seen = replayed(&receiver, path, begun.id);
            (seen.len() == 120).then_some(seen)
        })
        .await;
        assert_eq!(seen.keys().copied().collect::<HashSet<_>>(), tasks, "{state}");
        // It is delivered before the next one looks what waits.
        eventually("nothing waits", async || {
            let queue: proto::Queue = api.get("/v1/queues/q").await;
            (queue.depth == 0).then_some(())
        })
        .await;
        assert!(seen.values().all(|times| *times == 1), "{state}");
    }
    assert_eq!(receiver.count("/first"), 120);
    let refused = api
        .send_json(
            http::Method::POST,
            "/v1/replays",
            &json!({ "filter": { "state": "any", "status": 500 } }),
        )
        .await
        .expect("an answer");
    let problem: proto::Problem = refused.json();
    let fields: Vec<&str> = problem.errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, ["filter.status", "filter.queue", "target"]);
}
