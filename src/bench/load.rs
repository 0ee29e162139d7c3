//! The load client: connections that post prepared bodies, in a closed loop or at a steady rate, and what they were answered.
//! It has a thread of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use hdrhistogram::Histogram;
use http::{StatusCode, header};
use proto::{BatchItem, BatchResult, Enqueued};
use tokio::{
    sync::{Mutex, mpsc, oneshot},
    task::JoinSet,
    time::sleep,
};
use uuid::Uuid;

use super::{
    api,
    clock::{Clock, Moment},
    figure::float,
    latency,
    wire::{Answer, Client, Shot, Site},
};

/// The longest that a connection heeds a `Retry-After`: this is a benchmark, it wants to go on.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What is posted where, and what the answer must be.
#[derive(Debug, Clone)]
pub(super) struct Load {
    pub(super) site: Site,
    pub(super) shot: Shot,
    /// The bodies, which take turns, whatever connection sends them: so those for many endpoints come to each of them steadily, and not in
    /// bursts of as many as there are connections.
    pub(super) bodies: Vec<Bytes>,
    /// What an answer says.
    pub(super) form: Form,
    /// How many connections post, each with one request under way.
    pub(super) connections: u32,
    /// How long an answer may take.
    pub(super) patience: Duration,
}

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Nothing but its status.
    Bare,
    /// The id of one task.
    Single,
    /// One result an item.
    Batch,
}

/// When requests are sent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    /// So many requests, each connection sending its next one when the last is answered.
    Closed { requests: u64 },
    /// So many a second for so long, whether or not the earlier ones were answered. Latency counts from the moment when a
    /// request was to be sent, so that a server that stalls cannot hide how many it kept waiting.
    Open { rate: f64, duration: Duration },
}

/// A task that the server has accepted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Accepted {
    pub(super) task: Uuid,
    /// When the answer that says so was read.
    pub(super) answered: Moment,
}

/// What came of a load.
#[derive(Debug)]
pub(super) struct Run {
    /// When the first request was sent.
    pub(super) began: Moment,
    /// When the last answer was read.
    pub(super) ended: Moment,
    /// The tasks that were accepted.
    pub(super) accepted: Vec<Accepted>,
    /// How long answers took, in microseconds.
    pub(super) latency: Histogram<u64>,
    /// Requests that were answered as they should be.
    pub(super) answered: u64,
    /// Requests that the server turned away for the moment: 429 or 503.
    pub(super) turned_away: u64,
    /// Requests without an answer: what became of their tasks is unknown.
    pub(super) unanswered: u64,
    /// Items of batches that were refused.
    pub(super) refused: u64,
}

impl Load {
    /// Posts at this pace. An answer that can only mean a mistake (4xx, 500) ends it with an error.
    pub(super) async fn run(self, pace: Pace, clock: Clock) -> Result<Run> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (done, result) = oneshot::channel();
        thread::Builder::new()
            .name("bench-load".to_owned())
            .spawn(move || {
                // Nobody waits any more if the run was interrupted.
                let _ = done.send(runtime.block_on(self.post(pace, clock)));
            })?;
        result.await.context("the load client died")?
    }

    fn body(&self, turn: u64) -> Option<&Bytes> {
        let of = self.bodies.len() as u64;
        self.bodies.get(usize::try_from(turn.checked_rem(of)?).ok()?)
    }

    async fn post(self, pace: Pace, clock: Clock) -> Result<Run> {
        let client = Client::open(&self.site).await?;
        let load = Arc::new(self);
        let turns = Arc::new(Turns::start(pace, clock)?);
        let mut run = Run::new(clock.now());
        let mut workers = JoinSet::new();
        for _ in 0..load.connections {
            workers.spawn(work(Arc::clone(&load), client.clone(), Arc::clone(&turns), clock));
        }
        while let Some(part) = workers.join_next().await {
            run.add(part.context("a load connection died")??);
        }
        run.ended = clock.now();
        Ok(run)
    }
}

async fn work(load: Arc<Load>, client: Client, turns: Arc<Turns>, clock: Clock) -> Result<Run> {
    let mut run = Run::new(clock.now());
    while let Some(Turn { number, due }) = turns.next(clock).await {
        let body = load.body(number).context("a load without bodies")?.clone();
        let Ok(answer) = client.send(&load.shot, body, load.patience).await else {
            run.unanswered += 1;
            continue;
        };
        let answered = clock.now();
        if matches!(
            answer.status,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
        ) {
            run.turned_away += 1;
            sleep(pause(&answer)).await;
            continue;
        }
        run.note(load.form, &answer, answered)?;
        run.answered += 1;
        latency::record(&mut run.latency, answered.since(due));
    }
    Ok(run)
}

fn pause(answer: &Answer) -> Duration {
    let seconds = answer
        .headers
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(1)).min(LONGEST_PAUSE)
}

impl Run {
    pub(super) fn new(began: Moment) -> Self {
        Self {
            began,
            ended: began,
            accepted: Vec::new(),
            latency: latency::histogram(),
            answered: 0,
            turned_away: 0,
            unanswered: 0,
            refused: 0,
        }
    }

    pub(super) fn add(&mut self, part: Self) {
        self.accepted.extend(part.accepted);
        self.latency += part.latency;
        self.answered += part.answered;
        self.turned_away += part.turned_away;
        self.unanswered += part.unanswered;
        self.refused += part.refused;
    }

    /// How long it took.
    pub(super) fn elapsed(&self) -> Duration {
        self.ended.since(self.began)
    }

    fn note(&mut self, form: Form, answer: &Answer, answered: Moment) -> Result<()> {
        if !answer.status.is_success() {
            bail!(api::refusal("the server refused a request of the load", answer));
        }
        let unread = || {
            format!(
                "the server answered {} with something else than the API promises",
                answer.status
            )
        };
        match form {
            Form::Bare => {}
            Form::Single => {
                let Enqueued { id, .. } = serde_json::from_slice(&answer.body).with_context(unread)?;
                self.accepted.push(Accepted { task: id, answered });
            }
            Form::Batch => {
                let result: BatchResult = serde_json::from_slice(&answer.body).with_context(unread)?;
                for item in result.items {
                    match item {
                        BatchItem::Accepted(Enqueued { id, .. }) => {
                            self.accepted.push(Accepted { task: id, answered });
                        }
                        BatchItem::Rejected { .. } => self.refused += 1,
                    }
                }
            }
        }
        Ok(())
    }
}

/// One request to be sent.
#[derive(Debug, Clone, Copy)]
struct Turn {
    /// From 0.
    number: u64,
    /// When it was to be sent.
    due: Moment,
}

/// Whose turn it is to send.
enum Turns {
    Closed {
        taken: AtomicU64,
        requests: u64,
    },
    Open {
        due: Mutex<mpsc::UnboundedReceiver<Turn>>,
    },
}

impl Turns {
    fn start(pace: Pace, clock: Clock) -> Result<Self> {
        match pace {
            Pace::Closed { requests } => Ok(Self::Closed {
                taken: AtomicU64::new(0),
                requests,
            }),
            Pace::Open { rate, duration } => {
                let (send, due) = mpsc::unbounded_channel();
                // A thread, because tokio's timers tick in milliseconds, and what is measured takes about as long.
                thread::Builder::new()
                    .name("bench-pace".to_owned())
                    .spawn(move || {
                        let start = clock.now();
                        for (number, offset) in (0..).zip(schedule(rate, duration)) {
                            thread::sleep(offset.saturating_sub(clock.now().since(start)));
                            let due = start.after(offset);
                            if send.send(Turn { number, due }).is_err() {
                                return;
                            }
                        }
                    })?;
                Ok(Self::Open { due: Mutex::new(due) })
            }
        }
    }

    /// Waits for the next turn. `None`: all have been.
    async fn next(&self, clock: Clock) -> Option<Turn> {
        match self {
            Self::Closed { taken, requests } => {
                let number = taken.fetch_add(1, Ordering::Relaxed);
                let due = clock.now();
                (number < *requests).then_some(Turn { number, due })
            }
            Self::Open { due } => due.lock().await.recv().await,
        }
    }
}

/// When, after the start, requests are to be sent.
fn schedule(rate: f64, duration: Duration) -> impl Iterator<Item = Duration> {
    (0..u64::MAX)
        .map(move |turn| Duration::from_secs_f64(float(turn) / rate))
        .take_while(move |moment| *moment < duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many connections ask, and in whatever pace: the requests are numbered from first to last, and so the bodies take turns.
    #[tokio::test]
    async fn turns_are_those_of_the_load_and_not_of_each_connection() -> Result<()> {
        let clock = Clock::start();
        let steady = Pace::Open {
            rate: 1_000.0,
            duration: Duration::from_millis(10),
        };
        for pace in [Pace::Closed { requests: 10 }, steady] {
            let turns = Arc::new(Turns::start(pace, clock)?);
            let mut connections = JoinSet::new();
            for _ in 0..4 {
                let turns = Arc::clone(&turns);
                connections.spawn(async move {
                    let mut numbers = vec![];
                    while let Some(turn) = turns.next(clock).await {
                        numbers.push(turn.number);
                        tokio::task::yield_now().await;
                    }
                    numbers
                });
            }
            let mut numbers = connections.join_all().await.concat();
            numbers.sort_unstable();
            assert_eq!(numbers, (0..10).collect::<Vec<_>>(), "{pace:?}");
        }
        Ok(())
    }
}
