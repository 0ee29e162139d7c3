//! The one way of tasks in: a queue that the caller may put them into, a check of each, their commit, and an answer for each.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use proto::{Enqueued, Scope};
use queue::{
    catalog::QueueEntry,
    enqueue::{KeyReused, Receipt, Target},
    task::{self, Checked, NewTask},
};

use super::Acting;
use crate::{
    problem::{Kind, Refusal},
    rates::Allowance,
};

/// When a producer may ask again whether a full queue takes more: it is a matter of seconds, or of someone's doing.
const FULL: Duration = Duration::from_secs(2);

impl Acting {
    /// The queue of this name, if the caller may put tasks into it. A look into memory, before any of the body is read.
    pub(crate) async fn queue_for_tasks(&self, name: &str) -> Result<Arc<QueueEntry>, Refusal> {
        self.may(Scope::Enqueue)?;
        self.reaches(name)?;
        Ok(self.queue().find_queue(name).await?)
    }

    /// Checks a task against every rule.
    pub(crate) fn check(&self, task: NewTask, now: DateTime<Utc>) -> Result<Checked, Refusal> {
        Ok(task::check(task, self.gateway.config().payload_max, now)?)
    }

    /// Commits one task to a queue from [`Acting::queue_for_tasks`].
    pub(crate) async fn enqueue(
        &self,
        queue: Arc<QueueEntry>,
        task: Checked,
        now: DateTime<Utc>,
    ) -> Result<Enqueued, Refusal> {
        self.room(&queue).await?;
        self.spend(1)?;
        self.commit(queue, task, Target::Matching, now).await
    }

    /// Refuses tasks for a queue that is as deep as it may be.
    async fn room(&self, queue: &QueueEntry) -> Result<(), Refusal> {
        if self.queue().has_room(queue, Instant::now()).await? {
            return Ok(());
        }
        let detail = format!(
            "The queue {:?} holds as many deliveries as it may (`max_depth`: {}). It takes more as these end.",
            queue.name,
            queue.max_depth.unwrap_or(0)
        );
        Err(Refusal::new(Kind::TooMany, detail).retry_after(FULL))
    }

    /// What the caller may still enqueue, if that is limited.
    pub(crate) fn allowance(&self) -> Option<Allowance> {
        let (key, rate) = self.caller.rate()?;
        Some(self.gateway.rates().allowance(key, rate, Instant::now()))
    }

    /// How many tasks the caller may enqueue just now without being refused, as far as the rate goes; if none, after which time one.
    pub(crate) fn at_once(&self) -> Result<usize, Duration> {
        let Some((key, rate)) = self.caller.rate() else {
            return Ok(usize::MAX);
        };
        let allowance = self.gateway.rates().allowance(key, rate, Instant::now());
        match usize::try_from(allowance.tasks()) {
            Ok(0) => Err(Duration::from_secs(1) / rate.per_second.get()),
            tasks => Ok(tasks.unwrap_or(usize::MAX)),
        }
    }

    /// Takes so many tasks from what the caller may enqueue.
    fn spend(&self, tasks: usize) -> Result<(), Refusal> {
        let Some((key, rate)) = self.caller.rate() else {
            return Ok(());
        };
        let tasks = u32::try_from(tasks).unwrap_or(u32::MAX);
        if tasks > rate.burst.get() {
            // No waiting would help.
            let detail = format!(
                "more than the {} tasks that your key may enqueue at once: send smaller batches",
                rate.burst
            );
            return Err(Refusal::of_field(Kind::TooLarge, "body", detail));
        }
        let taken = self.gateway.rates().take(key, rate, tasks, Instant::now());
        taken.map_err(|wait| {
            let detail = format!(
                "Your key may enqueue {} tasks a second, and {} at once: that is used up.",
                rate.per_second, rate.burst
            );
            Refusal::new(Kind::TooMany, detail).retry_after(wait)
        })
    }

    pub(super) async fn commit(
        &self,
        queue: Arc<QueueEntry>,
        task: Checked,
        target: Target,
        now: DateTime<Utc>,
    ) -> Result<Enqueued, Refusal> {
        let enqueuer = self.gateway.enqueuer();
        let mut receipts = enqueuer.enqueue(queue, vec![task], target, now).await?;
        receipts
            .pop()
            .ok_or_else(unanswered)?
            .map(enqueued)
            .map_err(key_reused)
    }

    /// Commits those of a batch that passed their check, which count towards the caller's rate, and answers for all in order.
    pub(crate) async fn enqueue_batch(
        &self,
        queue: Arc<QueueEntry>,
        batch: Vec<Result<Checked, Refusal>>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Result<Enqueued, Refusal>>, Refusal> {
        let mut tasks = Vec::with_capacity(batch.len());
        let mut refused = Vec::with_capacity(batch.len());
        for item in batch {
            refused.push(item.map(|task| tasks.push(task)));
        }
        self.room(&queue).await?;
        self.spend(tasks.len())?;
        let enqueuer = self.gateway.enqueuer();
        let receipts = enqueuer.enqueue(queue, tasks, Target::Matching, now).await?;
        let mut receipts = receipts.into_iter();
        refused
            .into_iter()
            .map(|item| match item {
                Err(refusal) => Ok(Err(refusal)),
                Ok(()) => Ok(receipts
                    .next()
                    .ok_or_else(unanswered)?
                    .map(enqueued)
                    .map_err(key_reused)),
            })
            .collect()
    }
}

fn enqueued(
    Receipt {
        id,
        deliveries,
        repeated,
    }: Receipt,
) -> Enqueued {
    Enqueued {
        id,
        deliveries,
        repeated,
    }
}

fn key_reused(KeyReused: KeyReused) -> Refusal {
    let detail = "a task with this key and other content is there already: a repeat must be the same in every field, \
                  a new task needs a new key";
    Refusal::of_field(Kind::KeyReused, "idempotency_key", detail)
}

/// A writer that answers for fewer tasks than it was given has a bug.
fn unanswered() -> Refusal {
    tracing::error!("a commit answered for fewer tasks than it was given");
    Refusal::internal()
}
