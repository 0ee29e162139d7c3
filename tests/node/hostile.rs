//! Endpoints that misbehave: each attempt ends within its deadline in the verdict that is documented, and nobody else notices.

use std::time::{Duration, Instant};

use proto::{Endpoint, Page, Task, TaskState};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Api, Home, Receiver, eventually, turns, until};
use crate::villain::{Deed, Villain};

/// What an attempt may take that would last for ever.
const TIMEOUT: Duration = Duration::from_millis(500);

/// What is right of a deed's attempts: their status, or else their failure; and whether what was kept of the answer was cut.
struct Expected {
    delivered: bool,
    status: Option<u16>,
    failure: Option<&'static str>,
    cut: bool,
}

const fn fails(failure: &'static str) -> Expected {
    Expected {
        delivered: false,
        status: None,
        failure: Some(failure),
        cut: false,
    }
}

const fn delivered(cut: bool) -> Expected {
    Expected {
        delivered: true,
        status: Some(200),
        failure: None,
        cut,
    }
}

const DEEDS: [(Deed, Expected); 13] = [
    (Deed::Hangs, fails("timeout")),
    (Deed::DripsHead, fails("timeout")),
    (Deed::DripsBody, fails("timeout")),
    (Deed::Resets, fails("reset")),
    (Deed::ResetsBody, fails("reset")),
    (Deed::CutsBody, fails("reset")),
    (Deed::EndlessHead, fails("protocol")),
    (Deed::Garbage, fails("protocol")),
    (Deed::GarbageBody, fails("protocol")),
    (
        Deed::Redirects,
        Expected {
            delivered: false,
            status: Some(307),
            failure: None,
            cut: false,
        },
    ),
    // The endpoint has accepted it; what it says beyond 16 KiB is not read.
    (Deed::EndlessBody, delivered(true)),
    (Deed::Bomb, delivered(true)),
    (Deed::ClosesSilently, delivered(false)),
];

async fn register(api: &Api, deed: Deed, expected: &Expected, villain: &Villain) -> Endpoint {
    let queue = format!("{deed:?}");
    api.make_queue(&queue).await;
    // The breaker would keep most of the attempts from being made.
    let mut settings = json!({
        "retry": { "schedule": ["100ms"], "attempts": 2, "jitter": 0 },
        "breaker": { "enabled": false },
    });
    if expected.failure == Some("timeout") {
        settings["timeout"] = json!("500ms");
    }
    api.make_endpoint(&queue, &villain.url(), settings).await
}

/// Compares what is logged of a task with what is right.
async fn check(api: &Api, task: Uuid, deed: Deed, expected: &Expected) {
    let state = if expected.delivered {
        TaskState::Delivered
    } else {
        TaskState::Dead
    };
    api.until_task(task, state).await;
    let attempts = api.attempts(task).await;
    let verdicts: Vec<&str> = attempts.iter().map(|attempt| attempt.verdict.as_str()).collect();
    let right: &[&str] = if expected.delivered {
        &["delivered"]
    } else {
        &["retry", "dead"]
    };
    assert_eq!(verdicts, right, "{deed:?}: {attempts:#?}");
    for attempt in &attempts {
        assert_eq!(attempt.status, expected.status, "{deed:?}: {attempt:#?}");
        assert_eq!(
            attempt.failure.as_deref(),
            expected.failure,
            "{deed:?}: {attempt:#?}"
        );
        assert_eq!(attempt.response_truncated, expected.cut, "{deed:?}: {attempt:#?}");
        let kept = attempt.response_body.as_deref().unwrap_or_default().len();
        assert!(kept <= 16 << 10, "{deed:?}: {kept} bytes are kept");
        // Far from the 30 s that hold where nothing is set; a busy machine is late.
        assert!(attempt.timing.total_ms < 10_000.0, "{deed:?}: {attempt:#?}");
        if expected.failure == Some("timeout") {
            assert!(
                attempt.timing.total_ms >= TIMEOUT.as_secs_f64() * 1_000.0,
                "{deed:?}: {attempt:#?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_misdeed_ends_in_its_verdict() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api) = (home.start(&[]).await, home.api());
    let mut cases = vec![];
    for (deed, expected) in DEEDS {
        let villain = Villain::start(deed, receiver.url("/elsewhere")).await;
        let endpoint = register(&api, deed, &expected, &villain).await;
        let mut tasks = vec![];
        for number in 0..5 {
            tasks.push(
                api.enqueue(&format!("{deed:?}"), json!({ "payload": number }))
                    .await,
            );
        }
        cases.push((deed, expected, villain, endpoint, tasks));
    }
    for (deed, expected, villain, endpoint, tasks) in &cases {
        for task in tasks {
            check(&api, *task, *deed, expected).await;
        }
        let letters = api.dead_letters(endpoint).await;
        assert_eq!(
            letters.len(),
            if expected.delivered { 0 } else { tasks.len() },
            "{deed:?}"
        );
        assert!(
            letters
                .iter()
                .all(|letter| letter.attempts == 2 && letter.failure.as_deref() == expected.failure)
        );
        assert!(villain.requests() >= tasks.len(), "{deed:?}");
    }
    assert_eq!(receiver.count("/elsewhere"), 0, "redirects are not followed");
}

async fn enqueue(api: &Api, queue: &str, count: usize) {
    let tasks: Vec<Value> = (0..count).map(|number| json!({ "payload": number })).collect();
    let path = format!("/v1/queues/{queue}/tasks/batch");
    let _: Value = api.post(&path, &Value::Array(tasks)).await;
}

/// Whether no task of a queue waits or is in flight.
async fn ended(api: &Api, tasks: &str) -> bool {
    for state in ["pending", "retrying"] {
        let page: Page<Task> = api.get(&format!("{tasks}?state={state}&limit=1")).await;
        if !page.items.is_empty() {
            return false;
        }
    }
    true
}

/// All of them at once, each with more to do than it can, beside one endpoint that is as it should be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_suffers_and_memory_stays_flat() {
    const TASKS: usize = 96;
    let _turn = turns::busy().await;
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (node, api) = (home.start(&[]).await, home.api());
    api.make_queue("good").await;
    api.make_endpoint("good", &receiver.url("/good"), json!({})).await;
    let mut villains = vec![];
    for (deed, expected) in DEEDS {
        let villain = Villain::start(deed, receiver.url("/elsewhere")).await;
        register(&api, deed, &expected, &villain).await;
        villains.push(villain);
    }
    // This one holds all that it may hold until the test is over.
    let stuck = Villain::start(Deed::Hangs, String::new()).await;
    api.make_queue("stuck").await;
    api.make_endpoint(
        "stuck",
        &stuck.url(),
        json!({ "timeout": "10m", "adaptive_concurrency": false }),
    )
    .await;
    enqueue(&api, "stuck", 1_000).await;
    until("it hangs", || stuck.requests() >= 64).await;
    let mut slowest = Duration::ZERO;
    let mut peaks = vec![];
    for _ in 0..3 {
        let mut busy = vec![];
        for (deed, _) in DEEDS {
            let queue = format!("{deed:?}");
            enqueue(&api, &queue, TASKS).await;
            busy.push(format!("/v1/queues/{queue}/tasks"));
        }
        let mut peak = 0;
        eventually("every task of the villains has ended", async || {
            let (begun, before) = (Instant::now(), receiver.count("/good"));
            api.enqueue("good", json!({ "payload": "good" })).await;
            receiver.until("/good", before + 1).await;
            slowest = slowest.max(begun.elapsed());
            peak = peak.max(node.memory() >> 20);
            if let Some(path) = busy.last()
                && ended(&api, path).await
            {
                busy.pop();
            }
            busy.is_empty().then_some(())
        })
        .await;
        peaks.push(peak);
    }
    println!("slowest {slowest:?}, MiB in each round {peaks:?}");
    // Whoever waits for the one that is stuck waits for ten minutes.
    assert!(
        slowest < Duration::from_secs(20),
        "the good endpoint waited {slowest:?}"
    );
    assert!(
        peaks[2] < peaks[0] + 32 && peaks[2] < 300,
        "MiB in each round: {peaks:?}"
    );
    assert_eq!(receiver.count("/elsewhere"), 0, "redirects are not followed");
}
