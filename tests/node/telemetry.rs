//! Telemetry: what monitoring reads of the real program, and the traces that it sends.

use std::{collections::BTreeSet, env, fs, net::TcpListener};

use http::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{Home, Receiver, Reply, eventually};

/// The metrics by name, kind and help, as they are committed. `UPDATE=1` writes them anew.
const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.txt");

/// A line each: name, kind, help.
fn listed(page: &str) -> BTreeSet<String> {
    let mut list = BTreeSet::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(rest) = line.strip_prefix("# HELP ") else {
            continue;
        };
        let (name, help) = rest.split_once(' ').expect("help");
        let kind = lines.next().and_then(|line| line.strip_prefix("# TYPE "));
        let (of, kind) = kind.and_then(|rest| rest.split_once(' ')).expect("a type");
        assert_eq!(of, name);
        if name.starts_with("posthaste_") {
            list.insert(format!("{name} {kind}: {help}"));
        }
    }
    list
}

/// The value of a series.
fn value(page: &str, series: &str) -> Option<f64> {
    let line = page.lines().find_map(|line| line.strip_prefix(series))?;
    line.trim().parse().ok()
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "whoever runs the test says whether the list is written anew"
)]
async fn monitoring_reads_what_is_listed() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _node = home.start(&[&format!("metrics.listen={free}")]).await;
    let api = home.api();
    api.make_queue("shop").await;
    api.make_queue("mail").await;
    api.make_endpoint("shop", &receiver.url("/fine"), json!({})).await;
    let once = json!({ "retry": { "schedule": ["50ms"], "jitter": 0 } });
    api.make_endpoint("mail", &receiver.url("/down"), once).await;
    receiver.answer("/down", |_| Reply::status(500));
    let fine = api.enqueue("shop", json!({ "payload": 1 })).await;
    let down = api.enqueue("mail", json!({ "payload": 2 })).await;
    api.until_attempts(fine, 1).await;
    api.until_attempts(down, 2).await;
    let key: Value = api
        .post(
            "/v1/keys",
            &json!({ "name": "shop's", "scopes": ["read"], "queues": ["shop*"] }),
        )
        .await;
    let page = async |key: Option<&str>| {
        if let Some(key) = key {
            api.use_key(key);
        }
        let answer = api
            .send(Method::GET, "/metrics", &[], "")
            .await
            .expect("an answer");
        (
            answer.status,
            String::from_utf8(answer.body.to_vec()).expect("UTF-8"),
        )
    };
    let (refused, _) = page(Some("ph_wrong")).await;
    assert_eq!(refused, 401);
    let (_, all) = page(Some(&home.key())).await;
    for (series, expected) in [
        ("posthaste_enqueued_tasks_total{queue=\"shop\"}", 1.0),
        (
            "posthaste_verdicts_total{queue=\"shop\",verdict=\"delivered\"}",
            1.0,
        ),
        ("posthaste_verdicts_total{queue=\"mail\",verdict=\"dead\"}", 1.0),
        ("posthaste_verdicts_total{queue=\"mail\",verdict=\"retry\"}", 1.0),
        ("posthaste_attempt_seconds_count{outcome=\"2xx\"}", 1.0),
        ("posthaste_attempt_seconds_count{outcome=\"5xx\"}", 2.0),
        ("posthaste_backlog_deliveries{queue=\"mail\"}", 0.0),
        ("posthaste_shards_owned", 256.0),
        ("posthaste_in_flight_limit", 1024.0),
        ("posthaste_wrong_keys_total", 1.0),
    ] {
        assert_eq!(value(&all, series), Some(expected), "{series} in\n{all}");
    }
    let enqueues = "posthaste_requests_total{operation=\"POST /v1/queues/{queue}/tasks\",status=\"202\",transport=\"rest\"}";
    assert_eq!(value(&all, enqueues), Some(2.0), "{all}");

    let text = listed(&all).into_iter().collect::<Vec<_>>().join("\n") + "\n";
    if env::var_os("UPDATE").is_some() {
        fs::write(LIST, &text).unwrap();
    }
    assert_eq!(
        text,
        fs::read_to_string(LIST).unwrap_or_default(),
        "docs/metrics.txt is of another time: run this test with UPDATE=1"
    );

    // A key that reaches some queues reads of these.
    let (_, some) = page(key["key"].as_str()).await;
    assert!(
        some.contains("queue=\"shop\"") && !some.contains("mail"),
        "{some}"
    );
    assert!(!some.contains("posthaste_in_flight "), "{some}");

    // The port of its own asks nobody for a key, and serves nothing else.
    api.use_address(free);
    assert!(page(Some("none")).await.1.contains("posthaste_in_flight "));
    let other = api
        .send(Method::GET, "/v1/queues", &[], "")
        .await
        .expect("an answer");
    assert_eq!(other.status, 404);
}

#[tokio::test]
async fn a_trace_goes_from_the_producer_to_the_receiver() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let collector = format!("traces.endpoint={}", receiver.url("/v1/traces"));
    let node = home.start(&[&collector, "traces.sample=0"]).await;
    let api = home.api();
    api.make_queue("q").await;
    api.make_endpoint("q", &receiver.url("/told"), json!({})).await;
    api.make_endpoint("q", &receiver.url("/not-told"), json!({ "trace_context": false }))
        .await;
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let headers = [
        ("content-type", "application/json"),
        ("traceparent", parent.as_str()),
        ("tracestate", "vendor=1"),
    ];
    let enqueued = api
        .send(Method::POST, "/v1/queues/q/tasks", &headers, r#"{"payload":1}"#)
        .await
        .expect("an answer");
    assert_eq!(enqueued.status, 202, "{enqueued:?}");
    let told = receiver.until("/told", 1).await;
    let sent = told[0].header("traceparent").to_owned();
    assert!(
        sent.starts_with(&format!("00-{TRACE}-")) && sent.ends_with("-01"),
        "{sent}"
    );
    assert_eq!(told[0].header("tracestate"), "vendor=1");
    let span: Vec<u8> = (0..8)
        .map(|at| u8::from_str_radix(&sent[36 + at * 2..38 + at * 2], 16).unwrap())
        .collect();
    assert_ne!(&sent[36..52], "00f067aa0ba902b7");
    let not_told = receiver.until("/not-told", 1).await;
    assert_eq!(not_told[0].header("traceparent"), "");

    // Five spans at the least are sent: the enqueue, its commit, and of each delivery the wait and the attempt.
    let holds =
        |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).filter(|window| *window == part).count();
    let trace: Vec<u8> = (0..16)
        .map(|at| u8::from_str_radix(&TRACE[at * 2..at * 2 + 2], 16).unwrap())
        .collect();
    eventually("the spans arrive", async || {
        let all: Vec<u8> = receiver
            .at("/v1/traces")
            .iter()
            .flat_map(|one| one.body.to_vec())
            .collect();
        let whole = holds(&all, &trace) == 6
            && holds(&all, &span) == 1
            && ["enqueue", "commit", "wait", "POST"]
                .iter()
                .all(|name| holds(&all, name.as_bytes()) > 0);
        whole.then_some(())
    })
    .await;

    // One that comes in no trace begins none at a share of 0, and names one of its own that nobody records.
    let task = api.enqueue("q", json!({ "payload": 2 })).await;
    let told = receiver.until("/told", 2).await;
    let own = told[1].header("traceparent");
    assert!(
        own.starts_with(&format!("00-{}-", task.simple())) && own.ends_with("-00"),
        "{own}"
    );
    node.signal(Signal::TERM);
    assert!(node.ended().await.success());
}

#[tokio::test]
async fn a_task_is_followed_through_the_log_which_tells_no_content_and_no_secret() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let node = home.start(&["log.level=debug", "log.format=json"]).await;
    let api = home.api();
    receiver.answer("/", |arrival| {
        let first = arrival.header("posthaste-attempt") == "1";
        Reply::status(if first { 503 } else { 200 }).header("x-said", "what-it-said")
    });
    api.make_queue("q").await;
    let settings = json!({ "retry": { "attempts": 3, "initial": "1s", "factor": 1, "max": "1s" } });
    let endpoint = api.make_endpoint("q", &receiver.url("/"), settings).await;
    let task = api
        .enqueue(
            "q",
            json!({ "payload": "what-it-holds", "headers": { "x-own": "what-it-bears" } }),
        )
        .await;
    receiver.until("/", 2).await;
    let line = |log: &str, words: &str, verdict: Option<&str>| {
        let lines = log
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("an object a line"));
        lines
            .filter(|line| line["message"] == words && line["task"] == task.to_string())
            .find(|line| verdict.is_none_or(|verdict| line["verdict"] == verdict))
    };
    eventually("the last attempt is told", async || {
        line(&node.log(), "a delivery had its turn", Some("delivered")).map(drop)
    })
    .await;
    let log = node.log();
    let accepted = line(&log, "a task was accepted", None).expect("its acceptance");
    assert_eq!(
        (&accepted["queue"], &accepted["deliveries"]),
        (&json!("q"), &json!(1))
    );
    let [first, last] = ["retry", "delivered"]
        .map(|verdict| line(&log, "a delivery had its turn", Some(verdict)).expect("each attempt"));
    assert_eq!((&first["number"], &last["number"]), (&json!(1), &json!(2)));
    assert!(first["delivery"] == last["delivery"] && first["attempt"] != last["attempt"]);
    assert_eq!(first["endpoint"], endpoint.id.to_string());
    for hidden in ["what-it-said", "what-it-holds", "what-it-bears", "whsec_", "ph_"] {
        assert!(!log.contains(hidden), "{hidden}");
    }
}
