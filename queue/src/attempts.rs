//! Attempts: the log of what happened, read.

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use proto::{Attempt, Header, Timing};

use crate::{
    db::Queue,
    error::{Error, Result},
    id::{self, AttemptId, DeliveryId, EndpointId, QueueId, TaskId},
    partition::Table,
    verdict::plain_reason,
};

struct Row {
    id: AttemptId,
    delivery_id: DeliveryId,
    task_id: TaskId,
    endpoint_id: EndpointId,
    number: i16,
    verdict: String,
    reason: Option<String>,
    retry_at: Option<chrono::DateTime<chrono::Utc>>,
    url: Option<String>,
    status: Option<i16>,
    failure: Option<String>,
    wait_us: i32,
    dns_us: Option<i32>,
    connect_us: Option<i32>,
    tls_us: Option<i32>,
    first_byte_us: Option<i32>,
    total_us: i32,
    response_headers: Option<String>,
    response_body: Option<Vec<u8>>,
    response_truncated: bool,
    /// Whether its task was expunged.
    expunged: bool,
}

impl From<Row> for Attempt {
    fn from(mut row: Row) -> Self {
        if row.expunged {
            // Of a request that was out already: it is cleared soon.
            (row.response_headers, row.response_body) = (None, None);
        }
        let ms = |us: i32| f64::from(us) / 1_000.0;
        let (text, base64) = match row.response_body.map(String::from_utf8) {
            None => (None, None),
            Some(Ok(text)) => (Some(text), None),
            Some(Err(error)) => (None, Some(STANDARD.encode(error.as_bytes()))),
        };
        Self {
            id: row.id,
            delivery: row.delivery_id,
            task: row.task_id,
            endpoint: row.endpoint_id,
            number: u32::try_from(row.number).unwrap_or(0),
            started_at: id::minted_at(row.id),
            url: row.url,
            reason: row
                .reason
                .unwrap_or_else(|| row.status.map(plain_reason).unwrap_or_default()),
            verdict: row.verdict,
            retry_at: row.retry_at,
            status: row.status.and_then(|status| u16::try_from(status).ok()),
            failure: row.failure,
            response_headers: row
                .response_headers
                .as_deref()
                .map(parse_headers)
                .unwrap_or_default(),
            response_body: text,
            response_body_base64: base64,
            response_truncated: row.response_truncated,
            timing: Timing {
                wait_ms: ms(row.wait_us),
                dns_ms: row.dns_us.map(ms),
                connect_ms: row.connect_us.map(ms),
                tls_ms: row.tls_us.map(ms),
                first_byte_ms: row.first_byte_us.map(ms),
                total_ms: ms(row.total_us),
            },
        }
    }
}

fn parse_headers(lines: &str) -> Vec<Header> {
    let pairs = lines.lines().filter_map(|line| line.split_once(": "));
    pairs
        .map(|(name, value)| Header {
            name: name.into(),
            value: value.into(),
        })
        .collect()
}

impl Queue {
    /// The attempts of a task's deliveries, delivery by delivery, oldest first; those after `after` (delivery and attempt), at most `limit`.
    pub async fn attempts_of_task(
        &self,
        task: TaskId,
        after: Option<(DeliveryId, AttemptId)>,
        limit: i64,
        now: DateTime<Utc>,
    ) -> Result<Vec<Attempt>> {
        let oldest = self.oldest_attempt(self.queue_of_task(task).await?, now);
        let (from, to) = id::deliveries_of(task);
        let after = after.unwrap_or((from, AttemptId::nil()));
        self.read_attempts(Some(task), after, to, limit, oldest).await
    }

    /// The smallest id of an attempt that is shown although its delivery has ended: what the queue keeps no longer is not, whether it is gone or not.
    fn oldest_attempt(&self, queue: QueueId, now: DateTime<Utc>) -> AttemptId {
        let keep = self
            .catalog()
            .snapshot()
            .retention(queue)
            .of_table(Table::Attempts);
        // What a queue keeps no longer than it is needed, goes when its delivery has ended.
        keep.map_or(AttemptId::nil(), |keep| id::floor(now - keep))
    }

    /// The attempts of one delivery, in the same way.
    pub async fn attempts_of_delivery(
        &self,
        delivery: DeliveryId,
        after: Option<AttemptId>,
        limit: i64,
        now: DateTime<Utc>,
    ) -> Result<Vec<Attempt>> {
        let oldest = match self.queue_of_delivery(delivery).await {
            Ok(queue) => self.oldest_attempt(queue, now),
            Err(Error::NotFound(_)) => return Ok(vec![]),
            Err(error) => return Err(error),
        };
        let after = (delivery, after.unwrap_or_default());
        self.read_attempts(None, after, delivery, limit, oldest).await
    }

    async fn read_attempts(
        &self,
        task: Option<TaskId>,
        after: (DeliveryId, AttemptId),
        to: DeliveryId,
        limit: i64,
        oldest: AttemptId,
    ) -> Result<Vec<Attempt>> {
        let rows = sqlx::query_as!(
            Row,
            r#"-- attempts
            SELECT id, delivery_id, task_id, endpoint_id, number, verdict, reason, retry_at, url, status, failure, wait_us, dns_us, connect_us,
                tls_us, first_byte_us, total_us, response_headers, response_body, response_truncated,
                EXISTS (SELECT FROM expunged e WHERE e.task_id = attempts.task_id) AS "expunged!"
            FROM attempts
            WHERE delivery_id >= $1 AND delivery_id <= $3 AND (delivery_id, id) > ($1, $2) AND ($4::uuid IS NULL OR task_id = $4)
                AND (id >= $6 OR EXISTS (SELECT FROM deliveries d WHERE d.id = attempts.delivery_id))
            ORDER BY delivery_id, id LIMIT $5"#,
            after.0,
            after.1,
            to,
            task,
            limit,
            oldest
        )
        .fetch_all(&self.inner.pool)
        .await?;
        Ok(rows.into_iter().map(Attempt::from).collect())
    }

    /// An endpoint's attempts, newest first; those before `before`, at most `limit`.
    pub async fn attempts_of_endpoint(
        &self,
        endpoint: EndpointId,
        before: Option<AttemptId>,
        limit: i64,
        now: DateTime<Utc>,
    ) -> Result<Vec<Attempt>> {
        let oldest = self.oldest_attempt(self.find_endpoint(endpoint).await?.queue_id, now);
        let rows = sqlx::query_as!(
            Row,
            r#"-- attempts of endpoint
            SELECT id, delivery_id, task_id, endpoint_id, number, verdict, reason, retry_at, url, status, failure, wait_us, dns_us, connect_us,
                tls_us, first_byte_us, total_us, response_headers, response_body, response_truncated,
                EXISTS (SELECT FROM expunged e WHERE e.task_id = a.task_id) AS "expunged!"
            FROM (
                SELECT * FROM attempts WHERE endpoint_id = $1 AND id < $2 AND id >= $4 ORDER BY id DESC LIMIT $3
            ) AS a ORDER BY id DESC"#,
            endpoint,
            before.unwrap_or(AttemptId::max()),
            limit,
            oldest
        )
        .fetch_all(&self.inner.pool)
        .await?;
        Ok(rows.into_iter().map(Attempt::from).collect())
    }
}
