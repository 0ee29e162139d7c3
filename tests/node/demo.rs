//! `posthaste demo`: every part of the product has something to show within seconds.

use std::time::{Duration, Instant};

use proto::{EndpointStatus, Page, Queue, TaskState};

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
