//! `posthaste demo`: every part of the product has something to show within seconds.

use std::time::{Duration, Instant};

use proto::{EndpointStatus, Page, Queue, TaskState};
use rustix::process::Signal;

use crate::harness::{Api, Home, eventually};

/// Until tasks of all these states are there.
async fn until_all(api: &Api, states: &[TaskState]) {
    for state in states {
        let word = serde_json::to_value(state).expect("a word");
        let path = format!(
            "/v1/queues/demo/tasks?limit=1&state={}",
            word.as_str().expect("a word")
        );
        eventually(&format!("a task is {state:?}"), async || {
            api.get::<Page<proto::Task>>(&path).await.items.pop()
        })
        .await;
    }
}

#[tokio::test]
async fn there_is_something_of_everything_within_seconds_and_after_a_restart() {
    let home = Home::embedded();
    for _ in 0..2 {
        let node = home.start_demo(&[]).await;
        let (api, begun) = (home.api(), Instant::now());
        // It is made anew when the node serves.
        let endpoints = eventually("the demo has its endpoints", async || {
            let answer = api
                .send(http::Method::GET, "/v1/queues/demo/endpoints", &[], "")
                .await;
            let page: Page<proto::Endpoint> = answer.ok().filter(|answer| answer.status == 200)?.json();
            (page.items.len() == 4).then_some(page)
        })
        .await;
        let mut paths: Vec<&str> = endpoints
            .items
            .iter()
            .filter_map(|endpoint| endpoint.url.rsplit('/').next())
            .collect();
        paths.sort_unstable();
        assert_eq!(paths, ["dead", "flaky", "healthy", "slow"]);
        assert!(
            endpoints
                .items
                .iter()
                .all(|endpoint| endpoint.status == EndpointStatus::Enabled)
        );
        until_all(
            &api,
            &[TaskState::Delivered, TaskState::Retrying, TaskState::Scheduled],
        )
        .await;
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        let queue: Queue = api.get("/v1/queues/demo").await;
        assert!(queue.depth > 0, "what is scheduled waits");
        drop(node);
    }
}

#[tokio::test]
async fn a_queue_that_no_demo_made_stays() {
    let home = Home::external().await;
    let node = home.start(&[]).await;
    node.api().make_queue("demo").await;
    let made: Queue = node.api().get("/v1/queues/demo").await;
    node.signal(Signal::TERM);
    assert!(node.ended().await.success());

    let mut demo = home.begin("demo", &[]);
    assert_eq!(demo.ended().await.code(), Some(1), "{}", demo.log());
    let log = demo.log();
    assert!(
        log.contains("posthaste queue delete demo"),
        "it says what to do: {log}"
    );
    assert!(log.contains("dispatcher drained"), "it ends in order: {log}");

    let node = home.start(&[]).await;
    let kept: Queue = node.api().get("/v1/queues/demo").await;
    assert_eq!((kept.id, kept.endpoints, kept.depth), (made.id, 0, 0));
}

/// As in a container, where the server listens to others.
#[tokio::test]
async fn it_does_not_start_where_its_own_endpoints_would_be_refused() {
    let home = Home::embedded();
    let open = "gateway.listen=0.0.0.0:0";
    let mut demo = home.begin("demo", &[open]);
    assert_eq!(demo.ended().await.code(), Some(2), "{}", demo.log());
    let log = demo.log();
    assert!(log.contains("--set egress.allow=127.0.0.0/8"), "{log}");
    assert!(!home.folder().join("node").exists(), "nothing was begun");

    let _node = home.start_demo(&[open, "egress.allow=127.0.0.0/8"]).await;
    until_all(&home.api(), &[TaskState::Delivered]).await;
}
