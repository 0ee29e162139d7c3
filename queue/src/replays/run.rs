//! The runner: works on the jobs that this node holds, one batch after the other, each job at its own rate.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use proto::{EventKind, ReplaySource};
use tracing::warn;

use super::{Course, Made, Place, ReplayId, Row, look::look, parse_source};
use crate::{
    db::Queue,
    endpoint::shard_of,
    error::{Error, Result},
    events::Moved,
    glob,
    id::{self, TaskId},
    ownership::NodeId,
    partition::Table,
    rights::Reach,
};

/// Jobs that a node works on at once; more wait for one of them to end.
const AT_ONCE: i64 = 8;
/// How often a node looks for jobs.
const CLAIM: Duration = Duration::from_secs(1);
/// How long a job stays a node's that is not heard of: much longer than a batch takes.
const LEASE: Duration = Duration::from_secs(15);
/// Batches a second where the rate allows: progress is seen, and a kill repeats nothing anyway.
const BATCHES: u32 = 5;
/// Most deliveries of one batch.
const BATCH: usize = 1_000;
/// Rows that a batch looks at: at least and at most.
const LOOKED: (usize, usize) = (200, 2_000);
/// The least pause between two batches of a job, so that one which finds little does not keep the database busy.
const LEAST_PAUSE: Duration = Duration::from_millis(10);
/// How long a batch may take before its connection is given up; its transaction is then undone.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause after a batch that failed.
const AGAIN: Duration = Duration::from_secs(5);
/// How long a job waits before it goes through the log of deliveries: nodes' clocks agree to about a second, and what it makes itself
/// must not seem to be from before.
const SETTLED: TimeDelta = TimeDelta::seconds(2);

/// Works on replays, on behalf of one node.
#[derive(Debug)]
pub struct Runner {
    queue: Queue,
    node: NodeId,
    /// The jobs of this node, and when the next batch of each is due.
    held: HashMap<ReplayId, Instant>,
    claimed: Option<Instant>,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Deliveries that were made.
    pub replayed: usize,
    /// Until when there is nothing to do.
    pub pause: Duration,
}

/// What became of a job's turn.
enum Turn {
    /// It goes on after this pause, having made so many deliveries.
    On(Duration, usize),
    /// It has ended, having made so many.
    Ended(usize),
    /// It is not this node's to work on: paused, cancelled, or another's.
    NotOurs,
}

impl Runner {
    /// A runner for this node; its id is that of its leases.
    pub fn new(queue: Queue, node: NodeId) -> Self {
        Self {
            queue,
            node,
            held: HashMap::new(),
            claimed: None,
        }
    }

    /// Looks for jobs, if it is time, and does a batch of each that is due.
    pub async fn run_once(&mut self, now: DateTime<Utc>) -> Result<Report> {
        if self.claimed.is_none_or(|at| at.elapsed() >= CLAIM) {
            let begun = Instant::now();
            let jobs = self.queue.claim_replays(self.node, now).await?;
            self.held.retain(|job, _| jobs.contains(job));
            for job in jobs {
                self.held.entry(job).or_insert(begun);
            }
            self.claimed = Some(begun);
        }
        let mut replayed = 0;
        let due: Vec<(ReplayId, Instant)> = self.held.iter().map(|(job, at)| (*job, *at)).collect();
        for (job, at) in due {
            if at > Instant::now() {
                continue;
            }
            match self.turn(job, now).await {
                Ok(Turn::On(pause, made)) => {
                    replayed += made;
                    // From when it was due, or a rate would be undercut by what the batch takes; but nothing is caught up.
                    let floor = Instant::now().checked_sub(pause).unwrap_or(at);
                    self.held.insert(job, at.max(floor) + pause);
                }
                Ok(Turn::Ended(made)) => {
                    replayed += made;
                    self.held.remove(&job);
                }
                Ok(Turn::NotOurs) => drop(self.held.remove(&job)),
                Err(error) => {
                    warn!(replay = %job, %error, "a batch of a replay failed; it is tried again");
                    self.held.insert(job, Instant::now() + AGAIN);
                    self.queue.note_replay_problem(job, &error.to_string()).await?;
                }
            }
        }
        let next = self
            .held
            .values()
            .min()
            .map(|at| at.saturating_duration_since(Instant::now()));
        Ok(Report {
            replayed,
            pause: next.unwrap_or(CLAIM).min(CLAIM),
        })
    }

    async fn turn(&self, job: ReplayId, now: DateTime<Utc>) -> Result<Turn> {
        match tokio::time::timeout(PATIENCE, self.queue.replay_batch(job, self.node, now)).await {
            Ok(turn) => turn,
            Err(_) => Err(Error::Unavailable(format!(
                "a batch took longer than {PATIENCE:?}"
            ))),
        }
    }
}

/// How many deliveries the next batch makes at most, and how many rows it looks at for them.
fn measure(rate: u32) -> (usize, usize) {
    let budget = usize::try_from(rate / BATCHES).unwrap_or(BATCH).clamp(1, BATCH);
    (budget, (budget * 2).clamp(LOOKED.0, LOOKED.1))
}

/// Which of the rows are dealt with: up to the one that uses up the budget.
fn cut(rows: &[Row], budget: usize) -> usize {
    let wanted = rows.iter().enumerate().filter(|(_, row)| row.wanted);
    wanted.map(|(at, _)| at + 1).nth(budget - 1).unwrap_or(rows.len())
}

impl Queue {
    /// Takes the jobs that this node works on: those it has, and those that nobody has. Renews their leases.
    async fn claim_replays(&self, node: NodeId, now: DateTime<Utc>) -> Result<Vec<ReplayId>> {
        Ok(sqlx::query_scalar!(
            "-- replay: claim
            UPDATE replay_jobs SET node_id = $1, leased_until = now() + make_interval(secs => $2), started_at = coalesce(started_at, $3)
            WHERE id IN (
                SELECT id FROM replay_jobs
                WHERE status = 'running' AND (node_id = $1 OR leased_until IS NULL OR leased_until < now())
                ORDER BY id LIMIT $4 FOR UPDATE SKIP LOCKED
            )
            RETURNING id",
            node,
            LEASE.as_secs_f64(),
            now,
            AT_ONCE
        )
        .fetch_all(&self.inner.pool)
        .await?)
    }

    async fn note_replay_problem(&self, job: ReplayId, problem: &str) -> Result<()> {
        sqlx::query!(
            "-- replay: problem\nUPDATE replay_jobs SET problem = left($2, 500) WHERE id = $1",
            job,
            problem
        )
        .execute(&self.inner.pool)
        .await?;
        Ok(())
    }

    /// Does one batch of a job, if it is this node's.
    async fn replay_batch(&self, job: ReplayId, node: NodeId, now: DateTime<Utc>) -> Result<Turn> {
        let mut tx = self.inner.hot.begin().await?;
        let row = sqlx::query!(
            r#"-- replay: job
            SELECT coalesce(caller_reach, reach) AS "reach!", filter AS "filter: sqlx::types::Json<proto::ReplayFilter>", target_id, rate, source, parts, since, until, part,
                after_at, after_id, created_at
            FROM replay_jobs WHERE id = $1 AND node_id = $2 AND status = 'running' FOR UPDATE"#,
            job,
            node
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else {
            return Ok(Turn::NotOurs);
        };
        let (filter, source) = (row.filter.0, parse_source(&row.source, job)?);
        if source == ReplaySource::Delivered && now < row.created_at + SETTLED {
            return Ok(Turn::On(CLAIM, 0));
        }
        let by_target = (source == ReplaySource::Any).then_some(filter.endpoint).flatten();
        let course = Course {
            source,
            parts: row.parts,
            by_endpoint: filter.endpoint.is_some(),
            since: row.since,
            until: row.until,
            kind: filter.kind.as_deref().map(glob::to_like),
            status: filter.status.and_then(|status| i16::try_from(status).ok()),
            failure: filter.failure,
            error: filter.error.as_deref().map(str::to_lowercase),
            target: row.target_id.or(by_target),
            reach: Reach::of(row.reach),
            job,
        };
        let place = Place {
            part: usize::try_from(row.part).unwrap_or(0),
            after: row.after_at.zip(row.after_id),
        };
        let rate = u32::try_from(row.rate).unwrap_or(1).max(1);
        let (budget, limit) = measure(rate);
        let oldest = self.oldest_replayed(&course, place, row.created_at);
        let mut rows = look(&mut tx, &course, place, i64::try_from(limit).unwrap_or(i64::MAX)).await?;
        for row in &mut rows {
            row.wanted &= row.task_id >= oldest;
        }
        let taken = cut(&rows, budget);
        let wanted: Vec<&Row> = rows[..taken].iter().filter(|row| row.wanted).collect();
        let made = if wanted.is_empty() {
            vec![]
        } else {
            self.make_replayed(&mut tx, &course, &wanted, now).await?
        };
        let next = place.after(&rows, taken, limit);
        let ended = next.part >= course.parts.len();
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        sqlx::query!(
            "-- replay: on
            UPDATE replay_jobs SET part = $2, after_at = $3, after_id = $4, looked = looked + $5, matched = matched + $6, done = done + $7,
                status = CASE WHEN $8 THEN 'done' ELSE status END, ended_at = CASE WHEN $8 THEN $9::timestamptz END, problem = NULL,
                leased_until = now() + make_interval(secs => $10)
            WHERE id = $1",
            job,
            i32::try_from(next.part).unwrap_or(i32::MAX),
            next.after.map(|after| after.0),
            next.after.map(|after| after.1),
            count(taken),
            count(wanted.len()),
            count(made.len()),
            ended,
            now,
            LEASE.as_secs_f64()
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        self.tell_replayed(&made, now).await;
        if ended {
            return Ok(Turn::Ended(made.len()));
        }
        let pause = Duration::from_secs(wanted.len() as u64) / rate;
        Ok(Turn::On(pause.max(LEAST_PAUSE), made.len()))
    }

    /// The smallest id of a task whose payload had not expired when the job began: what has is not sent any more. Dead letters keep theirs.
    fn oldest_replayed(&self, course: &Course, place: Place, begun: DateTime<Utc>) -> TaskId {
        let snapshot = self.catalog().snapshot();
        let part = course.parts.get(place.part);
        let queue = match course.source {
            ReplaySource::Dead => None,
            ReplaySource::Any => part.copied(),
            ReplaySource::Delivered => part.and_then(|id| Some(snapshot.endpoints.get(id)?.queue_id)),
        };
        let keep = queue.and_then(|queue| snapshot.retention(queue).of_table(Table::Tasks));
        keep.map_or(TaskId::nil(), |keep| id::floor(begun - keep))
    }

    /// Tells of deliveries that were made and committed, whoever listens and the nodes that push them.
    pub(crate) async fn tell_replayed(&self, made: &[Made], now: DateTime<Utc>) {
        if made.is_empty() {
            return;
        }
        let moved = made.iter().map(|one| Moved {
            delivery: one.delivery,
            task: one.task,
            queue: one.queue,
            endpoint: one.endpoint,
            kind: &one.kind,
            attempts: 0,
        });
        self.tell_moved(EventKind::DeliveryReplayed, "replayed", moved, now);
        let shards = made.iter().map(|one| shard_of(one.endpoint)).collect();
        // A lost notification is made up for by the next look; the batch is committed.
        if let Err(error) = self.notify_work(shards).await {
            warn!(%error, "nodes could not be told of replayed deliveries; they find them by themselves");
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn rows(wanted: &[bool]) -> Vec<Row> {
        let row = |wanted: &bool| Row {
            at: DateTime::UNIX_EPOCH,
            id: Uuid::nil(),
            task_id: Uuid::nil(),
            endpoint_id: Uuid::nil(),
            wanted: *wanted,
        };
        wanted.iter().map(row).collect()
    }

    #[test]
    fn a_batch_ends_with_its_budget() {
        for (wanted, budget, taken) in [
            (&[][..], 1, 0),
            (&[false, false], 1, 2),
            (&[true, true, true], 2, 2),
            (&[false, true, false, true], 1, 2),
            (&[false, true, false, true], 2, 4),
            (&[true, false], 2, 2),
        ] {
            assert_eq!(cut(&rows(wanted), budget), taken, "{wanted:?} {budget}");
        }
    }

    #[test]
    fn batches_are_measured_by_the_rate() {
        assert_eq!(measure(1), (1, 200));
        assert_eq!(measure(100), (20, 200));
        assert_eq!(measure(1_000), (200, 400));
        assert_eq!(measure(10_000), (1_000, 2_000));
    }
}
