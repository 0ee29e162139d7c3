//! Results: group commit of what came of deliveries. Nothing is forgotten before it is written: while the database is away results are
//! kept, and pushing stops when too many are (see `permits`).

use std::{sync::Arc, time::Duration};

use queue::{
    Error,
    finish::Finished,
    outcome::{Failure, FailureKind, Outcome},
};
use tokio::{sync::mpsc, task::JoinSet};
use tracing::{error, warn};

use crate::{
    config::{RESULT_BYTES, RESULT_PAUSE, RESULTS, RESULTS_AT_ONCE},
    lanes::Lanes,
};

/// Where results are given.
pub(crate) struct Results(mpsc::UnboundedSender<Finished>);

/// What writes them.
pub(crate) struct Written(mpsc::UnboundedReceiver<Finished>);

pub(crate) fn channel() -> (Results, Written) {
    // Its bound is that of unwritten results.
    let (sender, receiver) = mpsc::unbounded_channel();
    (Results(sender), Written(receiver))
}

impl Results {
    pub(crate) fn send(&self, finished: Finished) {
        // The writers end only after the last lane.
        let _ = self.0.send(finished);
    }
}

impl Written {
    pub(crate) fn start(self, lanes: &Arc<Lanes>, tasks: &mut JoinSet<()>) {
        tasks.spawn(write(lanes.clone(), self.0));
    }
}

async fn write(lanes: Arc<Lanes>, mut waiting: mpsc::UnboundedReceiver<Finished>) {
    loop {
        let batch = gather(&mut waiting).await;
        if batch.is_empty() {
            return;
        }
        commit(&lanes, batch).await;
    }
}

async fn gather(waiting: &mut mpsc::UnboundedReceiver<Finished>) -> Vec<Finished> {
    let Some(first) = waiting.recv().await else {
        return vec![];
    };
    if waiting.len() < RESULTS_AT_ONCE {
        tokio::time::sleep(RESULT_PAUSE).await;
    }
    let mut bytes = kept_bytes(&first);
    let mut batch = vec![first];
    while batch.len() < RESULTS && bytes < RESULT_BYTES {
        let Ok(next) = waiting.try_recv() else { break };
        bytes += kept_bytes(&next);
        batch.push(next);
    }
    batch
}

fn kept_bytes(finished: &Finished) -> usize {
    match finished.request.as_ref().map(|request| &request.outcome) {
        Some(Outcome::Answered(answer)) => 512 + answer.body.len(),
        _ => 512,
    }
}

/// Leaves of a result only what no database can refuse.
fn leave_out_answer(finished: &mut Finished) {
    finished.reason = "what the endpoint answered could not be stored".into();
    if let Some(request) = &mut finished.request {
        let detail = finished.reason.clone();
        request.outcome = Outcome::Failed(Failure {
            kind: FailureKind::Protocol,
            detail,
        });
    }
}

/// The pauses between tries while the database is away.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
];

async fn commit(lanes: &Arc<Lanes>, batch: Vec<Finished>) {
    let mut todo = vec![batch];
    while let Some(mut batch) = todo.pop() {
        let mut tries = 0_usize;
        loop {
            match lanes.queue.finish(&batch).await {
                Ok(()) => {
                    lanes.settled(&batch);
                    break;
                }
                Err(Error::Unavailable(problem)) => {
                    if tries.is_multiple_of(20) {
                        warn!(
                            problem,
                            results = batch.len(),
                            "results cannot be written; they are kept until they can"
                        );
                    }
                    tokio::time::sleep(PAUSES[tries.min(PAUSES.len() - 1)]).await;
                    tries = tries.saturating_add(1);
                }
                // A result that the database will not take must not hold up the others: it is found by halving.
                Err(_) if batch.len() > 1 => {
                    let half = batch.split_off(batch.len() / 2);
                    todo.extend([half, batch]);
                    break;
                }
                Err(problem) => {
                    let id = batch[0].delivery.id;
                    if tries == usize::MAX {
                        error!(%problem, delivery = %id, "a result cannot be written at all; the delivery is made again later");
                        lanes.settled(&batch);
                        break;
                    }
                    error!(%problem, delivery = %id, "a result cannot be written; it is written without its answer");
                    batch.iter_mut().for_each(leave_out_answer);
                    tries = usize::MAX;
                }
            }
        }
    }
}
