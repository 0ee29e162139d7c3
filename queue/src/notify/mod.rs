//! Notices: what those who run an installation are told, as tasks on the queue [`OPS_QUEUE`](crate::disable::OPS_QUEUE), if they have made it.
//!
//! [`Watch`] looks now and then, on one node at a time. `figures` reads what there is to know, from small tables alone; `condition` says when
//! that is the begin or the end of something, and `decide` what is told of it; `tell` writes that down with the conditions that hold, in one
//! transaction, and makes a task of each notice afterwards, once. What happens to an endpoint (`disable`) goes the same way.
//!
//! Nothing is told of that queue itself: what is told would be the cause of what is told next.

mod condition;
mod decide;
mod figures;
mod tell;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use proto::{Disk, EndpointStatus};

use self::{condition::Reading, decide::decide};
pub(crate) use self::{
    condition::{Condition, Kind},
    tell::{Notice, begin, end},
};
use crate::{catalog::Snapshot, chores::Chore, db::Queue, disable::OPS_QUEUE, error::Result};

/// How often it is asked how large the database is: that takes a look at every file of it, and its answer changes over hours.
const STORAGE_PAUSE: TimeDelta = TimeDelta::minutes(10);

/// From when on a condition is told of; `None`: never. Each ends well below: see the fields.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// Over how much time dead letters are counted, to the minute.
    pub window: Duration,
    /// Dead letters of a queue in that time. It ends below half of them.
    pub dead_letters: Option<u32>,
    /// Their share of the deliveries that ended in that time, 0 to 1, where there are ten of them at least. It ends below half of it.
    pub dead_share: Option<f64>,
    /// How long a delivery has been due that could go. It ends when none has been for half of that.
    pub backlog_age: Option<Duration>,
    /// How long nothing but failures came of an endpoint whose breaker is open. It ends when a delivery is accepted.
    pub endpoint_down: Option<Duration>,
    /// How far ahead the day is on which there is no room left. It ends when that day is half as far again.
    pub storage_within: Option<Duration>,
    /// What the database may take, in bytes, where that is less than its disk has.
    pub storage_max: Option<u64>,
}

/// What a look did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Conditions that began.
    pub begun: usize,
    /// Conditions that ended.
    pub ended: usize,
    /// Notices that became tasks.
    pub told: usize,
}

impl Report {
    /// Whether there was anything to do.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What is known of the disk that the database lies on; must not wait.
pub type LookAtDisk = Arc<dyn Fn() -> Option<Disk> + Send + Sync>;

/// Looks whether there is anything to tell.
pub struct Watch {
    queue: Queue,
    thresholds: Thresholds,
    disk: LookAtDisk,
    storage_read_at: Option<DateTime<Utc>>,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("thresholds", &self.thresholds)
            .finish_non_exhaustive()
    }
}

impl Watch {
    /// A watch over the installation that `queue` belongs to.
    pub fn new(queue: Queue, thresholds: Thresholds, disk: LookAtDisk) -> Self {
        Self {
            queue,
            thresholds,
            disk,
            storage_read_at: None,
        }
    }

    /// Looks once, and tells what has begun and what has ended. Nothing happens while another node does it, and nothing is known of
    /// conditions while there is nobody to tell.
    pub async fn look(&mut self, now: DateTime<Utc>) -> Result<Report> {
        let now = stored(now);
        let mut report = Report::default();
        let snapshot = self.queue.catalog().snapshot();
        if !snapshot.queues.contains_key(OPS_QUEUE) {
            self.queue.forget_notices().await?;
            return Ok(report);
        }
        if !self.queue.take_chore(Chore::Notices).await? {
            return Ok(report);
        }
        // What a node that died had still to tell.
        report.told = self.queue.tell_notices(now).await?;
        let (readings, storage_read) = self.read(&snapshot, now).await?;
        let mut tx = self.queue.inner.pool.begin().await?;
        if !self.queue.holds_chore(Chore::Notices, &mut tx).await? {
            return Ok(report);
        }
        let known = tell::known(&mut tx).await?;
        let gone = |condition: &Condition| is_gone(condition, &snapshot);
        let steps = decide(&known, &readings, &gone, &self.thresholds, now);
        for step in &steps {
            report.begun += usize::from(matches!(step, decide::Step::Begin(..)));
            report.ended += usize::from(matches!(step, decide::Step::End(..)));
            self.queue.take_step(&mut tx, step, now).await?;
        }
        tx.commit().await?;
        if storage_read {
            self.storage_read_at = Some(now);
        }
        report.told += self.queue.tell_notices(now).await?;
        Ok(report)
    }

    /// What there is to know now, and whether that of the storage is part of it.
    async fn read(&self, snapshot: &Snapshot, now: DateTime<Utc>) -> Result<(Vec<Reading>, bool)> {
        let mut readings = self.queue.read_figures(snapshot, &self.thresholds, now).await?;
        let due = self
            .storage_read_at
            .is_none_or(|at| (now - at).abs() >= STORAGE_PAUSE);
        if due {
            let disk = (self.disk)();
            readings.extend(self.queue.read_storage(&self.thresholds, disk, now).await?);
        }
        Ok((readings, due))
    }
}

/// A time as the database gives it back: since when something holds is told in the same words at its end as at its begin.
pub(crate) fn stored(time: DateTime<Utc>) -> DateTime<Utc> {
    time.trunc_subsecs(6)
}

/// Whether what a condition is about is no more, or has become another's to tell.
fn is_gone(condition: &Condition, snapshot: &Snapshot) -> bool {
    let endpoint = snapshot.endpoints.get(&condition.subject);
    match condition.kind {
        Kind::Storage => false,
        Kind::DeadLetters | Kind::Backlog => {
            let name = snapshot.queue_names.get(&condition.subject);
            !name.is_some_and(|name| {
                snapshot.queues.get(name.as_ref()).map(|queue| queue.id) == Some(condition.subject)
            })
        }
        Kind::Down => endpoint.is_none_or(|endpoint| endpoint.status == EndpointStatus::Disabled),
        Kind::Disabled => endpoint.is_none(),
    }
}
