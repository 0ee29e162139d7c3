//! The part of a dispatcher, for tests where none runs.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use queue::{
    Queue,
    finish::{Finished, Request},
    id::EndpointId,
    load::{Cursor, PageRequest},
    outcome::{Answer, Outcome, Timing},
    verdict::Verdict,
};

#[expect(clippy::disallowed_methods, reason = "the edge of the tests")]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}

/// Takes everything due at an endpoint, and writes that it answered `status` and `body`, with this verdict. How many that were.
pub(crate) async fn finish_all(
    queue: &Queue,
    endpoint: EndpointId,
    status: u16,
    body: &'static [u8],
    verdict: Verdict,
) -> usize {
    let page = PageRequest {
        endpoint_id: endpoint,
        cursor: Cursor::START,
        limit: 1_000,
        tests_only: false,
    };
    let soon = now() + Duration::from_millis(1);
    let due = queue.due(&[page], soon).await.unwrap();
    let (ready, _) = queue.load(due).await.unwrap();
    let answer = Answer {
        status,
        headers: vec![("content-type".into(), "text/plain".into())],
        body: Bytes::from_static(body),
        truncated: false,
        retry_after: None,
    };
    let finished: Vec<Finished> = ready
        .into_iter()
        .map(|delivery| Finished {
            delivery,
            id: queue.mint(now()),
            verdict: verdict.clone(),
            reason: format!("the endpoint answered {status}"),
            makes_way: false,
            request: Some(Request {
                url: "https://example.com/hook".into(),
                outcome: Outcome::Answered(answer.clone()),
                timing: Timing {
                    total_us: 1_500,
                    ..Timing::default()
                },
            }),
            ended_at: now(),
        })
        .collect();
    queue.finish(&finished).await.unwrap();
    finished.len()
}
