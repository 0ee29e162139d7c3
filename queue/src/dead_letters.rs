//! Dead letters: list, read, and the filter that replay and purge share.

use chrono::{DateTime, Utc};
use proto::{DeadLetter, DeadLetterFilter};

use crate::{
    db::Queue,
    error::{Error, Problems, Result},
    glob,
    id::{DeliveryId, EndpointId, QueueId},
    outcome::FailureKind,
};

/// A filter whose names are ids and whose globs are patterns.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    pub(crate) queue: Option<QueueId>,
    pub(crate) endpoint: Option<EndpointId>,
    pub(crate) kind: Option<String>,
    pub(crate) status: Option<i16>,
    pub(crate) failure: Option<String>,
    pub(crate) since: DateTime<Utc>,
    pub(crate) until: DateTime<Utc>,
}

impl Filter {
    /// Checks a caller's filter. Without an end of its own it ends now: what dies while an action runs is not part of it.
    pub(crate) async fn resolve(queue: &Queue, filter: DeadLetterFilter, now: DateTime<Utc>) -> Result<Self> {
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
        let queue_id = match &filter.queue {
            Some(name) => Some(queue.find_queue(name).await?.id),
            None => None,
        };
        Ok(Self {
            queue: queue_id,
            endpoint: filter.endpoint,
            kind: filter.kind.as_deref().map(glob::to_like),
            status: filter.status.and_then(|status| i16::try_from(status).ok()),
            failure: filter.failure,
            since: filter.since.unwrap_or(DateTime::UNIX_EPOCH),
            until: filter.until.unwrap_or(now + chrono::TimeDelta::milliseconds(1)),
        })
    }
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
    /// Lists dead letters, newest first, those after `after` (its time and id), at most `limit`.
    pub async fn list_dead_letters(
        &self,
        filter: DeadLetterFilter,
        after: Option<(DateTime<Utc>, DeliveryId)>,
        limit: i64,
        now: DateTime<Utc>,
    ) -> Result<Vec<DeadLetter>> {
        let filter = Filter::resolve(self, filter, now).await?;
        let (before, before_id) = after.unwrap_or((filter.until, DeliveryId::nil()));
        let rows = sqlx::query_as!(
            Row,
            "-- list dead letters
            SELECT id, task_id, queue_id, endpoint_id, type AS kind, attempts, reason, status, failure, died_at FROM dead_letters
            WHERE ($1::uuid IS NULL OR queue_id = $1) AND ($2::uuid IS NULL OR endpoint_id = $2) AND ($3::text IS NULL OR type LIKE $3)
                AND ($4::smallint IS NULL OR status = $4) AND ($5::text IS NULL OR failure = $5)
                AND died_at >= $6 AND died_at < $7 AND (died_at, id) < ($8, $9)
            ORDER BY died_at DESC, id DESC LIMIT $10",
            filter.queue,
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
        .await?;
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
            .ok_or_else(|| Error::NotFound(format!("dead letter {id}")))
    }

    /// The ids of the oldest dead letters that a filter means.
    pub(crate) async fn some_dead_letters(&self, filter: &Filter, limit: i64) -> Result<Vec<DeliveryId>> {
        Ok(sqlx::query_scalar!(
            "-- some dead letters
            SELECT id FROM dead_letters
            WHERE ($1::uuid IS NULL OR queue_id = $1) AND ($2::uuid IS NULL OR endpoint_id = $2) AND ($3::text IS NULL OR type LIKE $3)
                AND ($4::smallint IS NULL OR status = $4) AND ($5::text IS NULL OR failure = $5) AND died_at >= $6 AND died_at < $7
            ORDER BY died_at, id LIMIT $8",
            filter.queue,
            filter.endpoint,
            filter.kind,
            filter.status,
            filter.failure,
            filter.since,
            filter.until,
            limit
        )
        .fetch_all(&self.inner.pool)
        .await?)
    }
}
