//! A writer: gathers what waits, commits it, answers the waiters, and hands the deliveries over.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use tokio::{sync::mpsc, task::JoinSet};
use tracing::{debug, error, warn};

use super::{
    Answer, Config, KeyReused, Receipt, Unit, When,
    rows::{Kept, Planner, Rows},
};
use crate::{
    catalog::Snapshot,
    db::Queue,
    depth::Slot,
    error::{Error, Result},
    id::TaskId,
    task::Checked,
};

/// What waits for its commit.
#[derive(Default)]
struct Gathered {
    units: VecDeque<Unit>,
    tasks: usize,
}

impl Gathered {
    fn add(&mut self, unit: Unit) {
        self.tasks += unit.tasks.len();
        self.units.push_back(unit);
    }

    /// The first units, as many as fit; at least one.
    fn take(&mut self, most_tasks: usize, most_bytes: usize) -> Vec<Unit> {
        let (mut group, mut tasks, mut bytes) = (vec![], 0, 0);
        while tasks < most_tasks
            && bytes < most_bytes
            && let Some(unit) = self.units.pop_front()
        {
            tasks += unit.tasks.len();
            bytes += unit.tasks.iter().map(|t| t.task.payload.len()).sum::<usize>();
            group.push(unit);
        }
        self.tasks -= tasks;
        group
    }
}

/// The last group that was committed.
struct Last {
    requests: usize,
    begun: Instant,
}

pub(super) struct Writer {
    pub(super) queue: Queue,
    pub(super) config: Config,
}

impl Writer {
    pub(super) async fn run(self, mut waiting: mpsc::UnboundedReceiver<Unit>) {
        let writer = Arc::new(self);
        let mut commits = JoinSet::new();
        let mut gathered = Gathered::default();
        let mut last = Last {
            requests: 0,
            begun: Instant::now(),
        };
        let mut is_open = true;
        let mut turn = 0;
        while is_open || !gathered.units.is_empty() || !commits.is_empty() {
            let when = writer
                .config
                .next_commit(commits.len(), gathered.tasks, last.requests);
            let due = match when {
                When::Now => Some(last.begun),
                When::After(pause) => Some(last.begun + pause),
                When::Later => None,
            };
            if due.is_some_and(|due| due <= Instant::now()) {
                let group = gathered.take(writer.config.group_tasks, writer.config.group_bytes);
                last = Last {
                    requests: group.len(),
                    begun: Instant::now(),
                };
                // Those under way are among the last few begun, so they have different slots.
                turn += 1;
                let slot = writer.queue.inner.depths.of_commit(turn);
                commits.spawn(writer.clone().commit(group, slot));
                continue;
            }
            tokio::select! {
                unit = waiting.recv(), if is_open => match unit {
                    Some(unit) => gathered.add(unit),
                    None => is_open = false,
                },
                Some(ended) = commits.join_next() => {
                    if let Err(error) = ended {
                        error!(%error, "a commit of tasks ended early: whether they are stored is not known");
                    }
                }
                () = tokio::time::sleep_until(due.unwrap_or(last.begun).into()), if due.is_some() => {}
            }
            while let Ok(unit) = waiting.try_recv() {
                gathered.add(unit);
            }
        }
    }

    /// Commits what was gathered, in as few statements as the limits allow, and answers.
    async fn commit(self: Arc<Self>, mut units: Vec<Unit>, slot: Slot) {
        let mut answers: Vec<Answer> = units
            .iter()
            .map(|unit| Ok(Vec::with_capacity(unit.tasks.len())))
            .collect();
        let mut todo: Vec<(usize, Checked)> = Vec::new();
        for (index, unit) in units.iter_mut().enumerate() {
            todo.extend(
                std::mem::take(&mut unit.tasks)
                    .into_iter()
                    .map(|task| (index, task)),
            );
        }
        let mut todo = todo.into_iter().peekable();
        while todo.peek().is_some() {
            let group = self.next_group(&units, &answers, &mut todo);
            if group.is_empty() {
                break;
            }
            match self.commit_group(&units, &group, slot).await {
                Ok(receipts) => {
                    for ((unit, _), receipt) in group.iter().zip(receipts) {
                        log(&units[*unit], &receipt);
                        if let Ok(answer) = &mut answers[*unit] {
                            answer.push(receipt);
                        }
                    }
                }
                Err(error) => {
                    warn!(%error, tasks = group.len(), "tasks could not be committed");
                    if let Some(door) = self.queue.door() {
                        door.look();
                    }
                    for (unit, _) in &group {
                        answers[*unit] = Err(error.clone());
                    }
                }
            }
        }
        for (unit, answer) in units.into_iter().zip(answers) {
            // A waiter that has gone away left its task here all the same: it is committed and will be delivered.
            let _ = unit.answer.send(answer);
        }
    }

    /// What is committed next. Of a unit that has failed nothing more is: its caller gives all of it again, and the order of its tasks stays.
    fn next_group(
        &self,
        units: &[Unit],
        answers: &[Answer],
        todo: &mut std::iter::Peekable<impl Iterator<Item = (usize, Checked)>>,
    ) -> Vec<(usize, Checked)> {
        let (mut group, mut bytes, mut deliveries) = (vec![], 0, 0);
        while let Some((unit, task)) = todo.peek() {
            if answers[*unit].is_err() {
                todo.next();
                continue;
            }
            let (size, fanout) = (task.task.payload.len(), units[*unit].fanout(task));
            let full = group.len() >= self.config.group_tasks
                || bytes + size > self.config.group_bytes
                || deliveries + fanout > self.config.group_deliveries;
            if full && !group.is_empty() {
                break;
            }
            bytes += size;
            deliveries += fanout;
            group.extend(todo.next());
        }
        group
    }

    async fn commit_group(
        &self,
        units: &[Unit],
        group: &[(usize, Checked)],
        slot: Slot,
    ) -> Result<Vec<Result<Receipt, KeyReused>>> {
        // The version moves only when somebody changes queues or endpoints at this very moment; three in a row is a storm of changes.
        for _ in 0..20 {
            let snapshot = self.queue.catalog().snapshot();
            let mut rows = Rows::default();
            let plan = self.queue.with_ids(|mint, rng| {
                let mut planner = Planner {
                    snapshot: &snapshot,
                    rows: &mut rows,
                    keys: HashMap::new(),
                };
                let mut mints = || mint.next(units[group[0].0].now, rng);
                let tasks: Vec<(TaskId, usize)> = group
                    .iter()
                    .map(|(unit, checked)| planner.add(&units[*unit], checked, &mut mints))
                    .collect();
                rows.add_delivery_ids(rng);
                tasks
            });
            let timer = self.queue.inner.metrics.enqueue_seconds.start_timer();
            let inserted = self.queue.insert(snapshot.version, &rows, slot).await;
            timer.observe_duration();
            let Some(kept) = inserted? else {
                self.queue.refresh_catalog().await?;
                continue;
            };
            return self.settle(&snapshot, rows, &plan, group, kept).await;
        }
        Err(Error::Unavailable(
            "the catalog keeps changing under the enqueue".into(),
        ))
    }

    /// After the commit: offers what this node pushes, notifies the owners of the rest, and makes the receipts.
    async fn settle(
        &self,
        snapshot: &Snapshot,
        rows: Rows,
        plan: &[(TaskId, usize)],
        group: &[(usize, Checked)],
        kept: Kept,
    ) -> Result<Vec<Result<Receipt, KeyReused>>> {
        let firsts = self.queue.firsts(&rows, &kept).await?;
        let receipts = plan
            .iter()
            .zip(group)
            .map(|((id, row), (_, checked))| {
                // What shares the row of a loser has lost with it.
                if let Some(first) = firsts.get(&rows.tasks[*row].id()) {
                    if Some(first.fingerprint) != checked.fingerprint {
                        return Err(KeyReused);
                    }
                    return Ok(Receipt {
                        id: first.task_id,
                        deliveries: first.fanout,
                        repeated: true,
                    });
                }
                let task = &rows.tasks[*row];
                let repeated = task.id() != *id;
                if repeated && task.fingerprint != checked.fingerprint {
                    return Err(KeyReused);
                }
                Ok(Receipt {
                    id: task.id(),
                    deliveries: task.fanout,
                    repeated,
                })
            })
            .collect();
        for (queue, deliveries) in rows.deeper(&kept) {
            self.queue.inner.depths.added(queue, deliveries);
        }
        self.queue.inner.rollups.enqueued(&rows, &kept);
        self.queue.inner.metrics.enqueued(&rows, &kept, snapshot);
        // Before the dispatcher has them: nothing is told of a delivery before its task.
        self.queue.tell_enqueued(&rows, &kept);
        self.hand_over(snapshot, rows, &kept).await;
        Ok(receipts)
    }

    async fn hand_over(&self, snapshot: &Snapshot, rows: Rows, kept: &Kept) {
        let (mut mine, mut theirs) = (Vec::new(), Vec::new());
        rows.into_deliveries(
            |task, endpoint| {
                if !kept.has(task) {
                    return false;
                }
                let Some(endpoint) = snapshot.endpoints.get(&endpoint) else {
                    return false;
                };
                let ours = self.queue.door().is_some_and(|door| door.owns(endpoint.shard));
                if !ours {
                    theirs.push(endpoint.shard);
                }
                ours
            },
            &mut mine,
        );
        if let Some(door) = self.queue.door().filter(|_| !mine.is_empty()) {
            door.offer(mine);
        }
        if !theirs.is_empty()
            && let Err(error) = self.queue.notify_work(theirs).await
        {
            warn!(%error, "the owners of other shards could not be notified; they find the deliveries at their next look");
        }
    }
}

/// A line of each task, for who asks for that many.
fn log(unit: &Unit, receipt: &Result<Receipt, KeyReused>) {
    if let Ok(receipt) = receipt {
        debug!(
            task = %receipt.id,
            queue = unit.queue.name,
            deliveries = receipt.deliveries,
            repeated = receipt.repeated,
            "a task was accepted"
        );
    }
}
