//! Dead letters: list, read, and the filter that replay and purge share. `groups`: how many there are of what.

mod groups;

use chrono::{DateTime, Utc};
use proto::{DeadLetter, DeadLetterFilter};

use crate::{
    audit::{Action, Deed},
    db::Queue,
    error::{Error, Problems, Result},
    glob,
    id::{DeliveryId, EndpointId, QueueId},
    outcome::FailureKind,
    queues::no_queue,
    rights::Reach,
};

/// A filter whose names are ids and whose globs are patterns.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    /// `None`: of whatever queue.
    pub(crate) queues: Option<Vec<QueueId>>,
    pub(crate) endpoint: Option<EndpointId>,
    pub(crate) kind: Option<String>,
    pub(crate) status: Option<i16>,
    pub(crate) failure: Option<String>,
    pub(crate) since: DateTime<Utc>,
    pub(crate) until: DateTime<Utc>,
}

impl Filter {
    /// Checks a caller's filter, and narrows it to what lies within `reach`. Without an end of its own it ends now: what dies while an action runs is not part of it.
    pub(crate) async fn resolve(
        queue: &Queue,
        reach: &Reach,
        filter: DeadLetterFilter,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let mut problems = Problems::default();
        problems.require(
            filter.kind.as_deref().is_none_or(glob::is_valid),
            "type",
            "a glob such as `invoice.*`",
        );
        let failure = filter.failure.as_deref();
        let words = FailureKind::ALL.map(FailureKind::as_str).join(", ");
        problems.require(
            failure.is_none_or(|word| FailureKind::parse(word).is_some()),
            "failure",
            format!("one of {words}"),
        );
        problems.require(
            filter.status.is_none_or(|s| (100..=999).contains(&s)),
            "status",
            "an HTTP status",
        );
        problems.finish()?;
        let queues = match &filter.queue {
            Some(name) if !reach.covers(name) => return Err(no_queue(name)),
            Some(name) => Some(vec![queue.find_queue(name).await?.id]),
            None => reach.ids(&queue.catalog().snapshot()),
        };
        Ok(Self {
            queues,
            endpoint: filter.endpoint,
            kind: filter.kind.as_deref().map(glob::to_like),
            status: filter.status.and_then(|status| i16::try_from(status).ok()),
            failure: filter.failure,
            since: filter.since.unwrap_or(DateTime::UNIX_EPOCH),
            until: filter.until.unwrap_or(now + chrono::TimeDelta::milliseconds(1)),
        })
    }
}

/// What a filter is about, as it is written down.
#[derive(Debug)]
pub(crate) struct Meant {
    subject: String,
    endpoint: Option<EndpointId>,
    queues: Vec<String>,
}

impl Meant {
    /// Its endpoint, or its queue, or nothing in particular; and the queues that it may touch.
    pub(crate) fn of(filter: &DeadLetterFilter, reach: &Reach) -> Self {
        let queue = filter.queue.clone();
        let endpoint = filter.endpoint;
        Self {
            subject: endpoint.map_or_else(|| queue.clone().unwrap_or_default(), |id| id.to_string()),
            endpoint,
            queues: queue.map_or_else(|| reach.patterns().to_vec(), |queue| vec![queue]),
        }
    }

    pub(crate) fn deed(&self, action: Action) -> Deed<'_> {
        Deed {
            action,
            subject: self.subject.clone(),
            endpoint: self.endpoint,
            queues: &self.queues,
        }
    }
}

/// A dead letter, and its place among others.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) id: DeliveryId,
    pub(crate) died_at: DateTime<Utc>,
}

struct Row {
    id: DeliveryId,
    task_id: uuid::Uuid,
    queue_id: QueueId,
    endpoint_id: EndpointId,
    kind: String,
    attempts: i16,
    reason: String,
    status: Option<i16>,
    failure: Option<String>,
    died_at: DateTime<Utc>,
}

impl Row {
    fn into_letter(self, queue: &Queue) -> DeadLetter {
        DeadLetter {
            id: self.id,
            task: self.task_id,
            kind: self.kind,
            queue: queue.catalog().snapshot().queue_name(self.queue_id),
            endpoint: self.endpoint_id,
            attempts: u32::try_from(self.attempts).unwrap_or(0),
            reason: self.reason,
            status: self.status.and_then(|status| u16::try_from(status).ok()),
            failure: self.failure,
            died_at: self.died_at,
        }
    }
}

impl Queue {
    /// Lists the dead letters within `reach` that a filter means, newest first, those after `after` (its time and id), at most `limit`.
    pub async fn list_dead_letters(
        &self,
        reach: &Reach,
        filter: DeadLetterFilter,
        after: Option<(DateTime<Utc>, DeliveryId)>,
        limit: i64,
        now: DateTime<Utc>,
    ) -> Result<Vec<DeadLetter>> {
        let filter = Filter::resolve(self, reach, filter, now).await?;
        let (before, before_id) = after.unwrap_or((filter.until, DeliveryId::nil()));
        let rows = match &filter.queues {
            None => {
                sqlx::query_as!(
                    Row,
                    "-- list dead letters
                    SELECT id, task_id, queue_id, endpoint_id, type AS kind, attempts, reason, status, failure, died_at FROM dead_letters
                    WHERE ($1::uuid IS NULL OR endpoint_id = $1) AND ($2::text IS NULL OR type LIKE $2)
                        AND ($3::smallint IS NULL OR status = $3) AND ($4::text IS NULL OR failure = $4)
                        AND died_at >= $5 AND died_at < $6 AND (died_at, id) < ($7, $8)
                    ORDER BY died_at DESC, id DESC LIMIT $9",
                    filter.endpoint,
                    filter.kind,
                    filter.status,
                    filter.failure,
                    filter.since,
                    filter.until,
                    before,
                    before_id,
                    limit
                )
                .fetch_all(&self.inner.pool)
                .await?
            }
            Some(queues) => {
                sqlx::query_as!(
                    Row,
                    r#"-- list dead letters of queues
                    SELECT l.id AS "id!", task_id AS "task_id!", queue_id AS "queue_id!", endpoint_id AS "endpoint_id!", type AS "kind!",
                        attempts AS "attempts!", reason AS "reason!", status, failure, died_at AS "died_at!"
                    -- each queue by its index: what others have between is not read
                    FROM unnest($10::uuid[]) AS q (id) CROSS JOIN LATERAL (
                        SELECT * FROM dead_letters
                        WHERE queue_id = q.id AND ($1::uuid IS NULL OR endpoint_id = $1) AND ($2::text IS NULL OR type LIKE $2)
                            AND ($3::smallint IS NULL OR status = $3) AND ($4::text IS NULL OR failure = $4)
                            AND died_at >= $5 AND died_at < $6 AND (died_at, id) < ($7, $8)
                        ORDER BY died_at DESC, id DESC LIMIT $9
                    ) AS l
                    ORDER BY l.died_at DESC, l.id DESC LIMIT $9"#,
                    filter.endpoint,
                    filter.kind,
                    filter.status,
                    filter.failure,
                    filter.since,
                    filter.until,
                    before,
                    before_id,
                    limit,
                    queues
                )
                .fetch_all(&self.inner.pool)
                .await?
            }
        };
        Ok(rows.into_iter().map(|row| row.into_letter(self)).collect())
    }

    /// Reads a dead letter.
    pub async fn read_dead_letter(&self, id: DeliveryId) -> Result<DeadLetter> {
        let row = sqlx::query_as!(
            Row,
            "-- read dead letter
            SELECT id, task_id, queue_id, endpoint_id, type AS kind, attempts, reason, status, failure, died_at FROM dead_letters WHERE id = $1",
            id
        )
        .fetch_optional(&self.inner.pool)
        .await?;
        row.map(|row| row.into_letter(self))
            .ok_or_else(|| no_dead_letter(id))
    }

    /// The queue of a dead letter's task.
    pub async fn queue_of_dead_letter(&self, id: DeliveryId) -> Result<QueueId> {
        let queue = sqlx::query_scalar!(
            "-- queue of dead letter\nSELECT queue_id FROM dead_letters WHERE id = $1",
            id
        )
        .fetch_optional(&self.inner.pool)
        .await?;
        queue.ok_or_else(|| no_dead_letter(id))
    }

    /// The oldest dead letters that a filter means, those after `after` (its time and id), at most `limit`.
    pub(crate) async fn some_dead_letters(
        &self,
        filter: &Filter,
        after: Option<(DateTime<Utc>, DeliveryId)>,
        limit: i64,
    ) -> Result<Vec<Found>> {
        let (after_at, after_id) = after.unwrap_or_default();
        let found = match &filter.queues {
            None => {
                sqlx::query_as!(
                    Found,
                    "-- some dead letters
                    SELECT id, died_at FROM dead_letters
                    WHERE ($1::uuid IS NULL OR endpoint_id = $1) AND ($2::text IS NULL OR type LIKE $2)
                        AND ($3::smallint IS NULL OR status = $3) AND ($4::text IS NULL OR failure = $4) AND died_at >= $5 AND died_at < $6
                        AND (died_at, id) > ($8, $9)
                    ORDER BY died_at, id LIMIT $7",
                    filter.endpoint,
                    filter.kind,
                    filter.status,
                    filter.failure,
                    filter.since,
                    filter.until,
                    limit,
                    after_at,
                    after_id
                )
                .fetch_all(&self.inner.pool)
                .await?
            }
            Some(queues) => {
                sqlx::query_as!(
                    Found,
                    r#"-- some dead letters of queues
                    SELECT l.id AS "id!", l.died_at AS "died_at!" FROM unnest($8::uuid[]) AS q (id) CROSS JOIN LATERAL (
                        SELECT id, died_at FROM dead_letters
                        WHERE queue_id = q.id AND ($1::uuid IS NULL OR endpoint_id = $1) AND ($2::text IS NULL OR type LIKE $2)
                            AND ($3::smallint IS NULL OR status = $3) AND ($4::text IS NULL OR failure = $4)
                            AND died_at >= $5 AND died_at < $6 AND (died_at, id) > ($9, $10)
                        ORDER BY died_at, id LIMIT $7
                    ) AS l
                    ORDER BY l.died_at, l.id LIMIT $7"#,
                    filter.endpoint,
                    filter.kind,
                    filter.status,
                    filter.failure,
                    filter.since,
                    filter.until,
                    limit,
                    queues,
                    after_at,
                    after_id
                )
                .fetch_all(&self.inner.pool)
                .await?
            }
        };
        Ok(found)
    }
}

/// There is no dead letter of this id.
pub fn no_dead_letter(id: DeliveryId) -> Error {
    Error::NotFound(format!("dead letter {id}"))
}
