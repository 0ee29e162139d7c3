//! Endpoints that misbehave: each attempt ends within its deadline in the verdict that is documented, and nobody else notices.

use std::time::{Duration, Instant};

use proto::{Endpoint, TaskState};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Api, Home, Receiver, eventually};
use crate::villain::{Deed, Villain};

/// What each attempt may take.
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

async fn register(api: &Api, queue: &str, url: &str) -> Endpoint {
    api.make_queue(queue).await;
    let settings = json!({
        "timeout": "500ms", "connect_timeout": "200ms",
        "retry": { "schedule": ["100ms"], "attempts": 2, "jitter": 0 },
    });
    api.make_endpoint(queue, url, settings).await
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
        let queue = format!("{deed:?}");
        let endpoint = register(&api, &queue, &villain.url()).await;
        let mut tasks = vec![];
        for number in 0..5 {
            tasks.push(api.enqueue(&queue, json!({ "payload": number })).await);
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

/// All of them at once, each with more to do than it can, beside one endpoint that is as it should be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_suffers_and_memory_stays_flat() {
    const TASKS: usize = 128;
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (node, api) = (home.start(&[]).await, home.api());
    register(&api, "good", &receiver.url("/good")).await;
    let mut villains = vec![];
    for (deed, _) in DEEDS {
        let villain = Villain::start(deed, receiver.url("/elsewhere")).await;
        register(&api, &format!("{deed:?}"), &villain.url()).await;
        villains.push(villain);
    }
    let mut slowest = Duration::ZERO;
    let mut peaks = vec![];
    for round in 1..=3 {
        for (deed, _) in DEEDS {
            let tasks: Vec<Value> = (0..TASKS).map(|number| json!({ "payload": number })).collect();
            let _: Value = api
                .post(&format!("/v1/queues/{deed:?}/tasks/batch"), &Value::Array(tasks))
                .await;
        }
        let mut peak = 0;
        eventually("every villain has had its tasks", async || {
            let (begun, before) = (Instant::now(), receiver.count("/good"));
            api.enqueue("good", json!({ "payload": "good" })).await;
            receiver.until("/good", before + 1).await;
            slowest = slowest.max(begun.elapsed());
            peak = peak.max(node.memory() >> 20);
            villains
                .iter()
                .all(|villain| villain.requests() >= round * TASKS)
                .then_some(())
        })
        .await;
        peaks.push(peak);
    }
    println!("slowest {slowest:?}, MiB in each round {peaks:?}");
    // Each villain holds 64 requests for half a second: whoever waited for them would wait for all of theirs.
    assert!(
        slowest < Duration::from_secs(5),
        "the good endpoint waited {slowest:?}"
    );
    assert!(
        peaks[2] < peaks[0] + 32 && peaks[2] < 300,
        "MiB in each round: {peaks:?}"
    );
    assert_eq!(receiver.count("/elsewhere"), 0, "redirects are not followed");
}
