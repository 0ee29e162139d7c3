//! What a caller asks to be replayed, checked, and made into what is gone through.

use chrono::{DateTime, Utc};
use proto::{NewReplay, ReplayFilter, ReplaySource};
use uuid::Uuid;

use super::Course;
use crate::{
    db::Queue,
    error::{Problems, Result},
    glob,
    outcome::FailureKind,
    queues::no_queue,
    rights::Reach,
};

/// How many a second are replayed unless the caller says: what a small endpoint bears beside its other traffic.
pub(super) const DEFAULT_RATE: u32 = 100;
/// Most a second: more is no replay beside other traffic.
const MOST_RATE: u32 = 10_000;
/// Longest text that is looked for in a reason, in characters.
const LONGEST_ERROR: usize = 200;

/// A wish that was checked.
pub(super) struct Wish {
    pub(super) course: Course,
    pub(super) rate: u32,
    /// Globs of the queues that it touches.
    pub(super) reach: Vec<String>,
}

/// Notes what is wrong with the form of a wish.
fn check(new: &NewReplay, problems: &mut Problems) {
    let filter = &new.filter;
    problems.require(
        new.rate.is_none_or(|rate| (1..=MOST_RATE).contains(&rate)),
        "rate",
        format!("1 to {MOST_RATE}"),
    );
    problems.require(
        filter.kind.as_deref().is_none_or(glob::is_valid),
        "filter.type",
        "a glob such as `invoice.*`",
    );
    let words = FailureKind::ALL.map(FailureKind::as_str).join(", ");
    let failure = filter.failure.as_deref();
    problems.require(
        failure.is_none_or(|word| FailureKind::parse(word).is_some()),
        "filter.failure",
        format!("one of {words}"),
    );
    problems.require(
        filter.status.is_none_or(|s| (100..=999).contains(&s)),
        "filter.status",
        "an HTTP status",
    );
    let error = filter.error.as_deref();
    problems.require(
        error.is_none_or(|text| (1..=LONGEST_ERROR).contains(&text.chars().count()) && !text.contains('\0')),
        "filter.error",
        format!("1 to {LONGEST_ERROR} characters, none of them NUL"),
    );
    let source = filter.state.unwrap_or_default();
    let only = "is of dead letters only: leave it out, or the `state`";
    problems.require(
        source == ReplaySource::Dead || error.is_none(),
        "filter.error",
        only,
    );
    problems.require(
        source == ReplaySource::Dead || failure.is_none(),
        "filter.failure",
        only,
    );
    if source == ReplaySource::Any {
        problems.require(
            filter.status.is_none(),
            "filter.status",
            "whatever became of a task, it has no one status: leave it out, or the `state`",
        );
        problems.require(
            filter.queue.is_some(),
            "filter.queue",
            "is missing: name the queue whose tasks are meant",
        );
        problems.require(
            filter.endpoint.is_some() != new.target.is_some(),
            "target",
            "all tasks of a queue go to one endpoint: name it here, or as `filter.endpoint`",
        );
    }
}

impl Queue {
    /// Checks a wish, and narrows it to what lies within `reach`. Without an end of its own it ends now.
    pub(super) async fn resolve_replay(
        &self,
        reach: &Reach,
        new: &NewReplay,
        now: DateTime<Utc>,
    ) -> Result<Wish> {
        let mut problems = Problems::default();
        check(new, &mut problems);
        problems.finish()?;
        let filter = &new.filter;
        let source = filter.state.unwrap_or_default();
        let mut names = vec![];
        let queue = match &filter.queue {
            Some(name) if !reach.covers(name) => return Err(no_queue(name)),
            Some(name) => {
                names.push(name.clone());
                Some(self.find_queue(name).await?.id)
            }
            None => None,
        };
        if let Some(id) = filter.endpoint {
            let endpoint = self.find_endpoint(id).await?;
            let mut problems = Problems::default();
            problems.require(
                queue.is_none_or(|queue| queue == endpoint.queue_id),
                "filter.endpoint",
                "is of another queue",
            );
            problems.finish()?;
            names.push(endpoint.queue.clone());
        }
        let everywhere = names.is_empty();
        if let Some(id) = new.target {
            names.push(self.find_endpoint(id).await?.queue.clone());
        }
        if everywhere {
            names.extend_from_slice(reach.patterns());
        }
        names.sort_unstable();
        names.dedup();
        let queues = match queue {
            Some(queue) => vec![queue],
            None => self.queues_within(reach),
        };
        let by_endpoint =
            source == ReplaySource::Delivered || (source == ReplaySource::Dead && filter.endpoint.is_some());
        let parts = match filter.endpoint {
            Some(endpoint) if by_endpoint => vec![endpoint],
            _ if by_endpoint => self.endpoints_of(&queues, new.target.is_some()).await?,
            _ => queues,
        };
        let course = Course {
            source,
            parts,
            by_endpoint,
            since: filter.since.unwrap_or(DateTime::UNIX_EPOCH),
            until: end_of(filter, now),
            kind: filter.kind.as_deref().map(glob::to_like),
            status: filter.status.and_then(|status| i16::try_from(status).ok()),
            failure: filter.failure.clone(),
            error: filter.error.as_deref().map(str::to_lowercase),
            target: new.target.or(if source == ReplaySource::Any {
                filter.endpoint
            } else {
                None
            }),
            reach: reach.clone(),
            job: Uuid::nil(),
        };
        Ok(Wish {
            course,
            rate: new.rate.unwrap_or(DEFAULT_RATE),
            reach: names,
        })
    }

    /// The ids of all queues that are reached, deleted ones too, in their order.
    fn queues_within(&self, reach: &Reach) -> Vec<Uuid> {
        let snapshot = self.catalog().snapshot();
        let all = || snapshot.queue_names.keys().copied().collect();
        let mut queues = reach.ids(&snapshot).unwrap_or_else(all);
        queues.sort_unstable();
        queues
    }

    /// The endpoints of queues; deleted ones too, if what went to them goes somewhere else now.
    async fn endpoints_of(&self, queues: &[Uuid], deleted: bool) -> Result<Vec<Uuid>> {
        Ok(sqlx::query_scalar!(
            "-- replay: endpoints
            SELECT id FROM endpoints WHERE queue_id = ANY($1) AND ($2 OR deleted_at IS NULL) ORDER BY id",
            queues,
            deleted
        )
        .fetch_all(&self.inner.pool)
        .await?)
    }
}

/// When what is meant ends: never later than now, or what a replay makes could be meant by it.
fn end_of(filter: &ReplayFilter, now: DateTime<Utc>) -> DateTime<Utc> {
    let now = now + chrono::TimeDelta::milliseconds(1);
    filter.until.map_or(now, |until| until.min(now))
}
