//! Producers that enqueue until they are told to stop, whatever the node answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use parking_lot::Mutex;
use proto::{BatchItem, BatchResult, Enqueued};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Answer, Api};

/// The pause of a producer between two requests: so that tests end with a number of tasks that a loaded machine can deliver.
const PAUSE: Duration = Duration::from_millis(5);

/// Tasks of one batch.
const BATCH: usize = 40;

/// Producers at work.
pub(crate) struct Load {
    sent: Arc<Tally>,
    stop: CancellationToken,
    producers: JoinSet<()>,
}

#[derive(Default)]
struct Tally {
    accepted: Mutex<Vec<Uuid>>,
    unavailable: AtomicUsize,
    unanswered: AtomicUsize,
    /// Answers that nobody should get.
    odd: Mutex<Vec<String>>,
}

/// What producers were told.
#[derive(Debug)]
pub(crate) struct Sent {
    /// Ids that were accepted.
    pub(crate) accepted: Vec<Uuid>,
    /// Requests that were answered 503 with `Retry-After`.
    pub(crate) unavailable: usize,
    /// Requests that got no answer.
    pub(crate) unanswered: usize,
}

impl Load {
    /// Starts producers of single tasks and producers of batches.
    pub(crate) fn start(api: &Api, queue: &str, singles: usize, batches: usize) -> Self {
        let (sent, stop, mut producers) = (Arc::<Tally>::default(), CancellationToken::new(), JoinSet::new());
        for number in 0..singles + batches {
            let (api, queue, sent, stop) = (api.clone(), queue.to_owned(), sent.clone(), stop.clone());
            producers.spawn(async move {
                let mut turn = 0;
                while !stop.is_cancelled() {
                    turn += 1;
                    let task = |item: usize| json!({ "type": "load.test", "payload": [number, turn, item] });
                    if number < singles {
                        sent.note_one(
                            api.send_json(Method::POST, &format!("/v1/queues/{queue}/tasks"), &task(0))
                                .await,
                        );
                        tokio::time::sleep(PAUSE).await;
                    } else {
                        let all: Vec<Value> = (0..BATCH).map(task).collect();
                        let path = format!("/v1/queues/{queue}/tasks/batch");
                        sent.note_batch(api.send_json(Method::POST, &path, &Value::Array(all)).await);
                        tokio::time::sleep(PAUSE * 10).await;
                    }
                }
            });
        }
        Self {
            sent,
            stop,
            producers,
        }
    }

    /// How many tasks were accepted so far.
    pub(crate) fn accepted(&self) -> usize {
        self.sent.accepted.lock().len()
    }

    /// How many requests were answered 503 so far.
    pub(crate) fn unavailable(&self) -> usize {
        self.sent.unavailable.load(Ordering::Relaxed)
    }

    /// Ends the producers. Nobody may have been told anything but accepted, or not now.
    pub(crate) async fn stop(mut self) -> Sent {
        self.stop.cancel();
        while let Some(ended) = self.producers.join_next().await {
            ended.expect("a producer");
        }
        let odd = std::mem::take(&mut *self.sent.odd.lock());
        assert!(odd.is_empty(), "{} odd answers: {}", odd.len(), odd[0]);
        Sent {
            accepted: std::mem::take(&mut *self.sent.accepted.lock()),
            unavailable: self.sent.unavailable.load(Ordering::Relaxed),
            unanswered: self.sent.unanswered.load(Ordering::Relaxed),
        }
    }
}

impl Tally {
    fn note_one(&self, answer: Result<Answer, String>) {
        match answer {
            Ok(answer) if answer.status == 202 => self.accepted.lock().push(answer.json::<Enqueued>().id),
            other => self.note_failure(other),
        }
    }

    fn note_batch(&self, answer: Result<Answer, String>) {
        match answer {
            Ok(answer) if answer.status == 200 => {
                for item in answer.json::<BatchResult>().items {
                    match item {
                        BatchItem::Accepted(enqueued) => self.accepted.lock().push(enqueued.id),
                        BatchItem::Rejected { .. } => self.odd.lock().push(format!("{item:?}")),
                    }
                }
            }
            other => self.note_failure(other),
        }
    }

    fn note_failure(&self, answer: Result<Answer, String>) {
        match answer {
            Ok(answer) if answer.status == 503 && seconds(&answer).is_some() => {
                self.unavailable.fetch_add(1, Ordering::Relaxed);
            }
            Ok(answer) => self.odd.lock().push(format!("{answer:?}")),
            Err(_) => {
                self.unanswered.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

fn seconds(answer: &Answer) -> Option<u32> {
    answer.header("retry-after")?.parse().ok()
}
