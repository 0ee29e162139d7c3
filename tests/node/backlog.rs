//! A deep backlog: it stays in the database, is read in pages, and is nobody else's business.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use proto::BatchResult;
use serde_json::{Value, json};

use crate::harness::{Home, Receiver, turns};

/// Tasks that wait.
const TASKS: usize = 50_000;

/// Time to deliver them in, without optimisations and beside other tests: ten times what it takes alone.
const LONG: Duration = Duration::from_mins(4);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_thousand_tasks_wait_and_then_arrive_once_each() {
    let _turn = turns::busy().await;
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (node, api) = (home.start(&[]).await, home.api());
    for queue in ["deep", "other"] {
        api.make_queue(queue).await;
    }
    let deep = api.make_endpoint("deep", &receiver.url("/deep"), json!({})).await;
    api.make_endpoint("other", &receiver.url("/other"), json!({}))
        .await;
    api.switch(&deep, "pause").await;

    let (mut accepted, mut most) = (HashSet::new(), 0);
    let payload = "p".repeat(200);
    while accepted.len() < TASKS {
        let batch: Vec<Value> = (0..5_000)
            .map(|number| json!({ "payload": [number, payload] }))
            .collect();
        let result: BatchResult = api
            .post("/v1/queues/deep/tasks/batch", &Value::Array(batch))
            .await;
        assert_eq!(result.rejected, 0);
        for item in result.items {
            let proto::BatchItem::Accepted(enqueued) = item else {
                panic!("{item:?}")
            };
            accepted.insert(enqueued.id);
        }
        most = most.max(node.memory() >> 20);
    }
    assert_eq!((accepted.len(), receiver.count("/deep")), (TASKS, 0));

    let begun = Instant::now();
    api.switch(&deep, "resume").await;
    let (mut others, mut slowest) = (0, Duration::ZERO);
    while receiver.count("/deep") < TASKS {
        assert!(
            begun.elapsed() < LONG,
            "{} of {TASKS} after {LONG:?}",
            receiver.count("/deep")
        );
        let enqueued = Instant::now();
        api.enqueue("other", json!({ "payload": others })).await;
        others += 1;
        receiver.until("/other", others).await;
        slowest = slowest.max(enqueued.elapsed());
        most = most.max(node.memory() >> 20);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let whole = begun.elapsed();
    println!("{TASKS} in {whole:?}; beside them {others}, each within {slowest:?}; {most} MiB");
    // Behind the backlog the first would have waited for all of it.
    assert!(
        slowest * 3 < whole,
        "the other endpoint waited {slowest:?} of {whole:?}"
    );
    assert!(most < 300, "{most} MiB");
    let arrived: HashSet<_> = receiver
        .at("/deep")
        .into_iter()
        .map(|arrival| arrival.id)
        .collect();
    assert!(arrived == accepted);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(receiver.count("/deep"), TASKS, "each arrived once");
}
