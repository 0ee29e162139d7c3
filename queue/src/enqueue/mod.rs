//! Enqueue: group commit. Concurrent enqueues share one statement, which is one transaction: tasks, deliveries and idempotency keys.
//!
//! A writer takes everything that is waiting, commits it, and answers each waiter. Idle, or with one producer after the other, a task
//! commits alone at once. While one writer waits for the database, the next gathers; and when many come at once, a little longer.
//!
//! The way of a task here: [`Enqueuer`] → `writer` (gathers) → `rows` (fan-out, ids) → `insert` (the statement, of what `wire` encodes) → `writer` (hands over).

mod insert;
mod rows;
mod wire;
mod writer;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

pub(crate) use self::rows::{Kept, Rows};
use self::writer::Writer;
use crate::{
    catalog::QueueEntry,
    db::Queue,
    error::{Error, Result},
    id::{EndpointId, TaskId},
    task::Checked,
};

/// How enqueues are gathered.
#[derive(Debug, Clone)]
pub struct Config {
    /// How many group commits are under way at once: what gathers while one waits for the disk need not wait for it to end.
    pub writers: usize,
    /// How many tasks must wait before a further commit is begun beside one that is under way: a statement costs as much for one task
    /// as for some dozens (measured with 256 producers: at 128 commits are twice as large, and a task takes a seventh less of the database; but
    /// it comes in larger bursts, and p99 from the answer to the receipt at half load rises from 1.5 to 3 ms).
    pub group_least: usize,
    /// How many requests of one commit show that they come in crowds...
    pub crowd: usize,
    /// ...and how long after the begin of such a commit the next one is begun at the earliest, so that a steady load is written in fewer
    /// statements. Measured: at half of what a node can do, 16 tasks a commit in place of 5; with all that it can do, a tenth less
    /// processor time a task in the server.
    pub pause: Duration,
    /// Most tasks of one statement: beyond some thousand a larger one is no faster, only later.
    pub group_tasks: usize,
    /// Most payload bytes of one statement, unless a single task has more.
    pub group_bytes: usize,
    /// Most deliveries of one statement, unless a single task makes more: a queue may have thousands of endpoints.
    pub group_deliveries: usize,
    /// Most bytes of tasks that wait for their commit; what comes beyond is refused with 503 and nothing stored.
    pub waiting_bytes: usize,
}

/// When the next group is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Now,
    /// So long after the last one was begun.
    After(Duration),
    /// When something has changed.
    Later,
}

impl Config {
    /// When another group is committed, while `under_way` are and `waiting` tasks wait, and the last one was of `last` requests. The first one waits
    /// for nothing, unless the last one shows that requests come in crowds.
    fn next_commit(&self, under_way: usize, waiting: usize, last: usize) -> When {
        if waiting == 0 || under_way >= self.writers.max(1) {
            When::Later
        } else if waiting >= self.group_least {
            When::Now
        } else if under_way > 0 {
            When::Later
        } else if last >= self.crowd {
            When::After(self.pause)
        } else {
            When::Now
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            writers: 4,
            group_least: 32,
            crowd: 4,
            pause: Duration::from_millis(2),
            group_tasks: 2_000,
            group_bytes: 4 << 20,
            group_deliveries: 10_000,
            waiting_bytes: 64 << 20,
        }
    }
}

/// What a waiter is told of one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The task's id; of a repeat, the first one's.
    pub id: TaskId,
    /// How many deliveries were made of it.
    pub deliveries: u32,
    /// Whether a task with its idempotency key was there already.
    pub repeated: bool,
}

/// The same idempotency key was used with other content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyReused;

/// Where a task goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// To every endpoint of its queue that wants its type.
    Matching,
    /// To one endpoint, as a test.
    Test(EndpointId),
}

type Answer = Result<Vec<Result<Receipt, KeyReused>>>;

struct Unit {
    queue: Arc<QueueEntry>,
    tasks: Vec<Checked>,
    target: Target,
    now: DateTime<Utc>,
    answer: oneshot::Sender<Answer>,
    _memory: OwnedSemaphorePermit,
}

impl Unit {
    /// How many deliveries one of its tasks makes, as the queue was when the task came.
    fn fanout(&self, task: &Checked) -> usize {
        match self.target {
            Target::Matching => self.queue.fanout.matching(&task.task.kind).count(),
            Target::Test(_) => 1,
        }
    }
}

/// Gathers and commits. Cheap to clone; the writer stops when the last clone is gone and all is committed.
#[derive(Clone)]
pub struct Enqueuer {
    units: mpsc::UnboundedSender<Unit>,
    memory: Arc<Semaphore>,
    most: u32,
}

impl std::fmt::Debug for Enqueuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Enqueuer").finish_non_exhaustive()
    }
}

impl Enqueuer {
    /// Starts the writer. What it commits for this node's shards is offered to its dispatcher; the owners of other shards are notified.
    pub fn start(queue: &Queue, config: &Config) -> Self {
        let (units, waiting) = mpsc::unbounded_channel();
        let writer = Writer {
            queue: queue.clone(),
            config: config.clone(),
        };
        tokio::spawn(writer.run(waiting));
        let most = u32::try_from(config.waiting_bytes).unwrap_or(u32::MAX);
        Self {
            units,
            memory: Arc::new(Semaphore::new(most as usize)),
            most,
        }
    }

    /// Commits tasks to a queue, and answers for each in order. An error means that nothing is promised: the tasks may be given again.
    pub async fn enqueue(
        &self,
        queue: Arc<QueueEntry>,
        tasks: Vec<Checked>,
        target: Target,
        now: DateTime<Utc>,
    ) -> Answer {
        if tasks.is_empty() {
            return Ok(vec![]);
        }
        let bytes: usize = tasks.iter().map(|t| t.task.payload.len() + 1_024).sum();
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.most);
        let memory = self.memory.clone().try_acquire_many_owned(bytes).map_err(|_| {
            Error::Unavailable(
                "too many tasks are waiting to be committed; the database is slower than the producers"
                    .into(),
            )
        })?;
        let (answer, committed) = oneshot::channel();
        self.units
            .send(Unit {
                queue,
                tasks,
                target,
                now,
                answer,
                _memory: memory,
            })
            .map_err(|_| stopped())?;
        committed.await.map_err(|_| self.unanswered())?
    }

    /// Why tasks are not answered for: their commit ended early, unless the writer has.
    fn unanswered(&self) -> Error {
        if self.units.is_closed() {
            return stopped();
        }
        Error::Unavailable(
            "the commit of the task failed for an unknown reason, and may have taken effect all the same"
                .into(),
        )
    }
}

fn stopped() -> Error {
    Error::Unavailable("this node is shutting down".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_waits_for_enough_or_for_the_crowd_and_else_for_nothing() {
        let config = Config {
            writers: 3,
            group_least: 10,
            crowd: 4,
            pause: Duration::from_millis(2),
            ..Config::default()
        };
        let pause = When::After(config.pause);
        for (under_way, waiting, last, expected) in [
            (0, 0, 1, When::Later),
            (0, 1, 1, When::Now),
            (0, 9, 3, When::Now),
            (0, 1, 4, pause),
            (0, 9, 1_000, pause),
            (0, 10, 1_000, When::Now),
            (1, 9, 1, When::Later),
            (1, 9, 1_000, When::Later),
            (1, 10, 1, When::Now),
            (2, 10, 1_000, When::Now),
            (3, 1_000, 1, When::Later),
        ] {
            let when = config.next_commit(under_way, waiting, last);
            assert_eq!(when, expected, "{under_way} {waiting} {last}");
        }
    }
}
