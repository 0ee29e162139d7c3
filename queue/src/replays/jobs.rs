//! Jobs: preview, begin, list, read, pause, resume, cancel.

use chrono::{DateTime, Utc};
use proto::{NewReplay, Replay, ReplayFilter, ReplayPreview, ReplayStatus};
use sqlx::types::Json;

use super::{Course, Place, ReplayId, look::look, source_word, wish::Wish};
use crate::{
    audit::{Action, Deed},
    db::Queue,
    error::{Error, Result},
    queues::no_queue,
    rights::Reach,
};

/// How far a preview counts.
const COUNTED: u64 = 10_000;
/// How many rows it looks at, however few it counts: some hundred milliseconds.
const LOOKED_AT: usize = 100_000;
/// Rows of one statement of it.
const CHUNK: usize = 2_000;

struct JobRow {
    id: ReplayId,
    reach: Vec<String>,
    filter: Json<ReplayFilter>,
    target_id: Option<uuid::Uuid>,
    rate: i32,
    status: String,
    expected: i64,
    expected_exact: bool,
    looked: i64,
    matched: i64,
    done: i64,
    problem: Option<String>,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
}

impl JobRow {
    fn into_replay(self) -> Result<Replay> {
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        let status = parse_status(&self.status)
            .ok_or_else(|| Error::corrupt("replay_jobs", "status", self.id, &self.status))?;
        Ok(Replay {
            id: self.id,
            filter: self.filter.0,
            rate: u32::try_from(self.rate).unwrap_or(0),
            target: self.target_id,
            status,
            expected: count(self.expected),
            expected_exact: self.expected_exact,
            looked: count(self.looked),
            matched: count(self.matched),
            done: count(self.done),
            skipped: count(self.matched - self.done),
            problem: self.problem,
            created_at: self.created_at,
            started_at: self.started_at,
            ended_at: self.ended_at,
        })
    }
}

/// The word of a status in the database and the API.
fn status_word(status: ReplayStatus) -> &'static str {
    match status {
        ReplayStatus::Running => "running",
        ReplayStatus::Paused => "paused",
        ReplayStatus::Done => "done",
        ReplayStatus::Cancelled => "cancelled",
    }
}

fn parse_status(word: &str) -> Option<ReplayStatus> {
    use ReplayStatus::{Cancelled, Done, Paused, Running};
    [Running, Paused, Done, Cancelled]
        .into_iter()
        .find(|status| status_word(*status) == word)
}

/// What may be made of a replay that is in `from`; the sentence says why not.
fn may_become(from: ReplayStatus, to: ReplayStatus) -> Result<(), &'static str> {
    match (from, to) {
        (ReplayStatus::Done, _) => Err("this replay is done: begin another"),
        (ReplayStatus::Cancelled, ReplayStatus::Cancelled) => Ok(()),
        (ReplayStatus::Cancelled, _) => Err("this replay was cancelled: begin another"),
        _ => Ok(()),
    }
}

impl Queue {
    /// Tells how many deliveries a replay would make, without making any.
    pub async fn preview_replay(
        &self,
        reach: &Reach,
        new: &NewReplay,
        now: DateTime<Utc>,
    ) -> Result<ReplayPreview> {
        let wish = self.resolve_replay(reach, new, now).await?;
        let (count, exact) = self.count_replay(&wish.course).await?;
        Ok(ReplayPreview {
            count,
            exact,
            seconds: count.div_ceil(u64::from(wish.rate)),
        })
    }

    /// Counts what a course means, as far as that is quick; and whether that is all.
    async fn count_replay(&self, course: &Course) -> Result<(u64, bool)> {
        let mut tx = self.inner.pool.begin().await?;
        let (mut place, mut count, mut looked) = (Place::default(), 0, 0);
        while place.part < course.parts.len() {
            if count >= COUNTED || looked >= LOOKED_AT {
                return Ok((count.min(COUNTED), false));
            }
            let rows = look(&mut tx, course, place, i64::try_from(CHUNK).unwrap_or(i64::MAX)).await?;
            count += rows.iter().filter(|row| row.wanted).count() as u64;
            // A part costs a statement, though it be empty.
            looked += rows.len() + 1;
            place = place.after(&rows, rows.len(), CHUNK);
        }
        Ok((count.min(COUNTED), count <= COUNTED))
    }

    /// Begins a replay. Whoever asks for it must reach all that it may touch: what is out of `reach` is no part of it.
    pub async fn begin_replay(&self, reach: &Reach, new: NewReplay, now: DateTime<Utc>) -> Result<Replay> {
        let Wish {
            course,
            rate,
            reach: touched,
        } = self.resolve_replay(reach, &new, now).await?;
        let (expected, exact) = self.count_replay(&course).await?;
        let id = self.mint(now);
        let mut tx = self.inner.pool.begin().await?;
        sqlx::query!(
            "-- begin replay
            INSERT INTO replay_jobs
                (id, reach, caller_reach, filter, target_id, rate, source, parts, since, until, expected, expected_exact, created_at)
            VALUES ($1, $2, $13, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            id,
            &touched,
            Json(&new.filter) as _,
            new.target,
            i32::try_from(rate).unwrap_or(i32::MAX),
            source_word(course.source),
            &course.parts,
            course.since,
            course.until,
            i64::try_from(expected).unwrap_or(i64::MAX),
            exact,
            now,
            reach.patterns()
        )
        .execute(&mut *tx)
        .await?;
        let deed = Deed {
            action: Action::ReplayBegun,
            subject: id.to_string(),
            endpoint: new.target.or(new.filter.endpoint),
            queues: &touched,
        };
        self.audit(&mut tx, deed, now).await?;
        tx.commit().await?;
        self.read_replay(reach, id).await
    }

    /// Reads a replay, if all that it may touch lies within `reach`.
    pub async fn read_replay(&self, reach: &Reach, id: ReplayId) -> Result<Replay> {
        let row = sqlx::query_as!(
            JobRow,
            r#"-- read replay
            SELECT id, reach, filter AS "filter: Json<ReplayFilter>", target_id, rate, status, expected, expected_exact, looked, matched, done,
                problem, created_at, started_at, ended_at
            FROM replay_jobs WHERE id = $1"#,
            id
        )
        .fetch_optional(&self.inner.pool)
        .await?;
        row.filter(|row| reach.contains(&Reach::of(row.reach.clone())))
            .ok_or_else(|| no_replay(id))?
            .into_replay()
    }

    /// Lists the replays of which all that they may touch lies within `reach`, newest first; those before `before`, at most `limit`.
    /// `queue`: those that are about this queue alone, or about it and a target's.
    pub async fn list_replays(
        &self,
        reach: &Reach,
        queue: Option<&str>,
        status: Option<ReplayStatus>,
        before: Option<ReplayId>,
        limit: i64,
    ) -> Result<Vec<Replay>> {
        if let Some(name) = queue {
            if !reach.covers(name) {
                return Err(no_queue(name));
            }
            self.find_queue(name).await?;
        }
        let rows = sqlx::query_as!(
            JobRow,
            r#"-- list replays
            SELECT id, reach, filter AS "filter: Json<ReplayFilter>", target_id, rate, status, expected, expected_exact, looked, matched, done,
                problem, created_at, started_at, ended_at
            FROM replay_jobs
            WHERE id < $1 AND ($2::text IS NULL OR $2 = ANY (reach)) AND ($3::text IS NULL OR status = $3)
                -- a glob within another is matched by it, as a name would be
                AND ($4::text[] IS NULL OR NOT EXISTS (SELECT FROM unnest(reach) AS r (glob) WHERE NOT r.glob LIKE ANY ($4)))
            ORDER BY id DESC LIMIT $5"#,
            before.unwrap_or(ReplayId::max()),
            queue,
            status.map(status_word),
            reach.likes() as _,
            limit
        )
        .fetch_all(&self.inner.pool)
        .await?;
        rows.into_iter().map(JobRow::into_replay).collect()
    }

    /// Pauses, resumes or cancels a replay. A batch that is under way is waited for.
    pub async fn steer_replay(
        &self,
        reach: &Reach,
        id: ReplayId,
        to: ReplayStatus,
        now: DateTime<Utc>,
    ) -> Result<Replay> {
        let mut tx = self.inner.pool.begin().await?;
        let row = sqlx::query!(
            "-- steer replay: read\nSELECT status, reach FROM replay_jobs WHERE id = $1 FOR UPDATE",
            id
        )
        .fetch_optional(&mut *tx)
        .await?
        .filter(|row| reach.contains(&Reach::of(row.reach.clone())))
        .ok_or_else(|| no_replay(id))?;
        let from = parse_status(&row.status)
            .ok_or_else(|| Error::corrupt("replay_jobs", "status", id, &row.status))?;
        may_become(from, to).map_err(|why| Error::Conflict(why.to_owned()))?;
        if from != to {
            sqlx::query!(
                "-- steer replay\nUPDATE replay_jobs SET status = $2, ended_at = $3 WHERE id = $1",
                id,
                status_word(to),
                (to == ReplayStatus::Cancelled).then_some(now)
            )
            .execute(&mut *tx)
            .await?;
            if to == ReplayStatus::Cancelled {
                let deed = Deed {
                    action: Action::ReplayCancelled,
                    subject: id.to_string(),
                    endpoint: None,
                    queues: &row.reach,
                };
                self.audit(&mut tx, deed, now).await?;
            }
        }
        tx.commit().await?;
        self.read_replay(reach, id).await
    }
}

/// There is no replay of this id.
fn no_replay(id: ReplayId) -> Error {
    Error::NotFound(format!("replay {id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_stays_so() {
        use ReplayStatus::{Cancelled, Done, Paused, Running};
        for (from, pause, resume, cancel) in [
            (Running, true, true, true),
            (Paused, true, true, true),
            (Done, false, false, false),
            (Cancelled, false, false, true),
        ] {
            for (to, fine) in [(Paused, pause), (Running, resume), (Cancelled, cancel)] {
                assert_eq!(may_become(from, to).is_ok(), fine, "{from:?} {to:?}");
            }
            assert_eq!(parse_status(status_word(from)), Some(from));
        }
    }
}
