//! Replays: new deliveries of old tasks, as jobs that run in the background at a rate of their own, or of one task at once.
//!
//! - `wish`: what a caller asks for, checked, and made into parts that are gone through one after the other.
//! - `look`: the next rows of a part, and which of them the filter means. Bounded by rows, never by what the filter finds.
//! - `make`: the deliveries of what was found.
//! - `run`: the [`Runner`], which does one batch after the other. A batch, and the place in the parts that it leads to, are one
//!   transaction, which locks the job's row: whatever dies in between, and whichever node goes on, nothing is made twice or left out.
//! - `jobs`: preview, begin, list, read, pause, resume, cancel.
//! - `one`: one task, whatever became of it.

mod jobs;
mod look;
mod make;
mod one;
mod run;
mod wish;

use chrono::{DateTime, Utc};
use proto::ReplaySource;
use uuid::Uuid;

use crate::{
    error::Error,
    id::{DeliveryId, EndpointId, QueueId, TaskId},
    rights::Reach,
};

pub use self::run::{Report, Runner};

/// A replay's id.
pub type ReplayId = Uuid;

/// What a job goes through and what it means of that.
#[derive(Debug, Clone)]
struct Course {
    source: ReplaySource,
    /// Queues, or endpoints where `by_endpoint`.
    parts: Vec<Uuid>,
    by_endpoint: bool,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
    /// A pattern for `LIKE`.
    kind: Option<String>,
    status: Option<i16>,
    failure: Option<String>,
    /// In lower case.
    error: Option<String>,
    /// Where everything is sent, if not where it was for.
    target: Option<EndpointId>,
    /// What whoever wished it reaches, and so what it may touch: tasks of these queues, and endpoints of these queues unless a target takes their
    /// place. What was sent on from one queue to another is of both.
    reach: Reach,
    /// The job itself, whose own dead letters it passes over; nil where there is none yet.
    job: ReplayId,
}

/// How far a job has come: in which part, and there the time and id of the last row looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Place {
    part: usize,
    after: Option<(DateTime<Utc>, Uuid)>,
}

/// A row that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    /// What comes next is later than this time, or has a higher id.
    at: DateTime<Utc>,
    /// The dead letter, the attempt, or the task.
    id: Uuid,
    task_id: TaskId,
    /// Where it was for; nil where the replay itself says where it goes.
    endpoint_id: EndpointId,
    /// Whether the filter means it.
    wanted: bool,
}

/// A delivery that was made.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) delivery: DeliveryId,
    pub(crate) task: TaskId,
    pub(crate) queue: QueueId,
    pub(crate) endpoint: EndpointId,
    pub(crate) kind: String,
}

/// The word of a source in the database and the API.
fn source_word(source: ReplaySource) -> &'static str {
    match source {
        ReplaySource::Dead => "dead",
        ReplaySource::Delivered => "delivered",
        ReplaySource::Any => "any",
    }
}

/// The source that a word in the database names.
fn parse_source(word: &str, job: ReplayId) -> Result<ReplaySource, Error> {
    match word {
        "dead" => Ok(ReplaySource::Dead),
        "delivered" => Ok(ReplaySource::Delivered),
        "any" => Ok(ReplaySource::Any),
        _ => Err(Error::corrupt("replay_jobs", "source", job, word)),
    }
}
