//! Enqueue: group commit. Concurrent enqueues share one statement, which is one transaction: tasks, deliveries and idempotency keys.
//!
//! A writer takes everything that is waiting, commits it, and answers each waiter. Idle, one task commits alone at once: there is no
//! timer and no added latency. While one writer waits for the database, the next gathers.
//!
//! The way of a task here: [`Enqueuer`] → `writer` (gathers) → `rows` (fan-out, ids) → `insert` (the statement, of what `wire` encodes) → `writer` (hands over).

mod insert;
mod rows;
mod wire;
mod writer;

use std::sync::Arc;

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
    /// as for some dozens (measured: commits of half the size took a third more of the database for each task).
    pub group_least: usize,
    /// Most tasks of one statement: beyond some thousand a larger one is no faster, only later.
    pub group_tasks: usize,
    /// Most payload bytes of one statement, unless a single task has more.
    pub group_bytes: usize,
    /// Most deliveries of one statement, unless a single task makes more: a queue may have thousands of endpoints.
    pub group_deliveries: usize,
    /// Most bytes of tasks that wait for their commit; what comes beyond is refused with 503 and nothing stored.
    pub waiting_bytes: usize,
}

impl Config {
    /// Whether another group is committed, while `under_way` are and `waiting` tasks wait. The first one never waits for more.
    fn may_commit(&self, under_way: usize, waiting: usize) -> bool {
        let enough = under_way == 0 || waiting >= self.group_least;
        waiting > 0 && under_way < self.writers.max(1) && enough
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            writers: 4,
            group_least: 32,
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
        let stopped = || Error::Unavailable("this node is shutting down".into());
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
        committed.await.map_err(|_| stopped())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_commit_waits_for_nothing_and_further_ones_for_enough() {
        let config = Config {
            writers: 3,
            group_least: 10,
            ..Config::default()
        };
        for (under_way, waiting, expected) in [
            (0, 0, false),
            (0, 1, true),
            (1, 9, false),
            (1, 10, true),
            (2, 10, true),
            (3, 1_000, false),
        ] {
            assert_eq!(
                config.may_commit(under_way, waiting),
                expected,
                "{under_way} {waiting}"
            );
        }
    }
}
