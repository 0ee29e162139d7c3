//! Results: group commit of what came of deliveries. Nothing is forgotten before it is written: while the database is away results are
//! kept, and pushing stops when too many are (see `permits`).

use std::{sync::Arc, time::Duration};

use queue::{
    Error,
    finish::Finished,
    outcome::{Failure, FailureKind, Outcome},
};
use tokio::sync::mpsc;
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

/// Writes results as they come.
pub(crate) async fn write(lanes: Arc<Lanes>, Written(mut waiting): Written) {
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
    let mut batch = Vec::with_capacity(RESULTS.min(waiting.len() + 1));
    batch.push(first);
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

/// What is done about results that were not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The database is away: the same again.
    Later,
    /// One that the database does not take must not hold up the others: it is found by halving.
    Halves,
    /// It is the one: it is written without what its endpoint answered.
    WithoutAnswer,
    /// Not even that can be written: the delivery is made again later.
    GiveUp,
}

fn next(error: &Error, results: usize, has_answer: bool) -> Next {
    match error {
        Error::Unavailable(_) => Next::Later,
        _ if results > 1 => Next::Halves,
        _ if has_answer => Next::WithoutAnswer,
        _ => Next::GiveUp,
    }
}

async fn commit(lanes: &Arc<Lanes>, batch: Vec<Finished>) {
    let mut todo = vec![batch];
    while let Some(batch) = todo.pop() {
        todo.extend(commit_together(lanes, batch).await);
    }
}

/// Writes results in one statement. Returns those that are to be tried apart.
async fn commit_together(lanes: &Arc<Lanes>, mut batch: Vec<Finished>) -> Vec<Vec<Finished>> {
    let (mut has_answer, mut tries) = (true, 0_usize);
    loop {
        let Err(problem) = lanes.queue.finish(&batch).await else {
            lanes.settled(&batch);
            return vec![];
        };
        match next(&problem, batch.len(), has_answer) {
            Next::Later => {
                if tries.is_multiple_of(20) {
                    warn!(
                        %problem,
                        results = batch.len(),
                        "results cannot be written; they are kept until they can"
                    );
                }
                tokio::time::sleep(PAUSES[tries.min(PAUSES.len() - 1)]).await;
                tries = tries.saturating_add(1);
            }
            Next::Halves => {
                let half = batch.split_off(batch.len() / 2);
                return vec![half, batch];
            }
            Next::WithoutAnswer => {
                error!(%problem, delivery = %batch[0].delivery.id, "a result cannot be written; it is written without its answer");
                batch.iter_mut().for_each(leave_out_answer);
                has_answer = false;
            }
            Next::GiveUp => {
                error!(%problem, delivery = %batch[0].delivery.id, "a result cannot be written at all; the delivery is made again later");
                lanes.settled(&batch);
                return vec![];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_cannot_be_written_holds_up_no_other() {
        let away = Error::Unavailable("away".into());
        let refused = Error::Corrupt {
            table: "attempts",
            column: "reason",
            id: String::new(),
            problem: "it is refused".into(),
        };
        for (error, results, has_answer, expected) in [
            (&away, 1_000, true, Next::Later),
            (&away, 1, false, Next::Later),
            (&refused, 1_000, true, Next::Halves),
            (&refused, 2, true, Next::Halves),
            (&refused, 1, true, Next::WithoutAnswer),
            (&refused, 1, false, Next::GiveUp),
        ] {
            assert_eq!(next(error, results, has_answer), expected, "{error}, {results}");
        }
    }
}
