//! Dead letters by endpoint and reason.

use chrono::{DateTime, Utc};
use proto::{DeadLetterFilter, DeadLetterGroup, DeadLetterGroups};

use super::Filter;
use crate::{
    db::Queue,
    error::Result,
    id::{EndpointId, QueueId},
    rights::Reach,
};

/// How many of the newest dead letters are looked at, of each queue that is meant and of all together: some 50 ms.
const LOOKED_AT: i64 = 50_000;

/// How many groups are told of, the largest first: who has more mends these before.
const GROUPS: i64 = 100;

/// The newest come from an index: where one queue has most of the rows, the planner would think that each has so many, and read the whole table.
const BY_INDEX: &str =
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL jit = off";

struct Row {
    looked: i64,
    meant: Option<i64>,
    queue_id: Option<QueueId>,
    endpoint_id: Option<EndpointId>,
    reason: Option<String>,
    status: Option<i16>,
    failure: Option<String>,
    number: Option<i64>,
    last_died_at: Option<DateTime<Utc>>,
}

impl Row {
    /// `None` where nothing was found: such a row tells only how many were looked at.
    fn into_group(self, queue: &Queue) -> Option<DeadLetterGroup> {
        Some(DeadLetterGroup {
            queue: queue.catalog().snapshot().queue_name(self.queue_id?),
            endpoint: self.endpoint_id?,
            reason: self.reason?,
            status: self.status.and_then(|status| u16::try_from(status).ok()),
            failure: self.failure,
            count: self.number.and_then(|number| u64::try_from(number).ok())?,
            last_died_at: self.last_died_at?,
        })
    }
}

impl Queue {
    /// Counts the dead letters within `reach` that a filter means, by endpoint and reason.
    pub async fn group_dead_letters(
        &self,
        reach: &Reach,
        filter: DeadLetterFilter,
        now: DateTime<Utc>,
    ) -> Result<DeadLetterGroups> {
        let filter = Filter::resolve(self, reach, filter, now).await?;
        let mut tx = self.inner.pool.begin().await?;
        sqlx::raw_sql(BY_INDEX).execute(&mut *tx).await?;
        let rows = sqlx::query_as!(
            Row,
            r#"-- group dead letters
            WITH looked AS MATERIALIZED (
                SELECT * FROM (
                    -- Each of the three has its index, and only one of them is read.
                    (
                        SELECT * FROM dead_letters
                        WHERE $1::uuid IS NULL AND $2::uuid[] IS NULL AND died_at >= $3 AND died_at < $4
                        ORDER BY died_at DESC, id DESC LIMIT $8
                    ) UNION ALL (
                        SELECT l.* FROM unnest($2::uuid[]) AS q (id) CROSS JOIN LATERAL (
                            SELECT * FROM dead_letters
                            WHERE $1::uuid IS NULL AND queue_id = q.id AND died_at >= $3 AND died_at < $4
                            ORDER BY died_at DESC, id DESC LIMIT $8
                        ) AS l
                    ) UNION ALL (
                        SELECT * FROM dead_letters
                        WHERE endpoint_id = $1 AND ($2::uuid[] IS NULL OR queue_id = ANY ($2)) AND died_at >= $3 AND died_at < $4
                        ORDER BY died_at DESC, id DESC LIMIT $8
                    )
                ) AS each
                ORDER BY died_at DESC, id DESC LIMIT $8
            ), groups AS (
                SELECT queue_id, endpoint_id, reason, status, failure, count(*) AS number, max(died_at) AS last_died_at,
                    (sum(count(*)) OVER ())::bigint AS meant
                FROM looked
                WHERE ($5::text IS NULL OR type LIKE $5) AND ($6::smallint IS NULL OR status = $6) AND ($7::text IS NULL OR failure = $7)
                GROUP BY queue_id, endpoint_id, reason, status, failure
                ORDER BY number DESC, last_died_at DESC LIMIT $9
            )
            SELECT l.number AS "looked!", g.meant AS "meant?", g.queue_id AS "queue_id?", g.endpoint_id AS "endpoint_id?",
                g.reason AS "reason?", g.status AS "status?", g.failure AS "failure?", g.number AS "number?", g.last_died_at AS "last_died_at?"
            FROM (SELECT count(*) AS number FROM looked) AS l LEFT JOIN groups AS g ON true
            ORDER BY g.number DESC, g.last_died_at DESC"#,
            filter.endpoint,
            filter.queues.as_deref(),
            filter.since,
            filter.until,
            filter.kind,
            filter.status,
            filter.failure,
            LOOKED_AT,
            GROUPS
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        let of_all = |number: fn(&Row) -> Option<i64>| rows.first().and_then(number).unwrap_or(0);
        let (looked, meant) = (of_all(|row| Some(row.looked)), of_all(|row| row.meant));
        Ok(DeadLetterGroups {
            count: u64::try_from(meant).unwrap_or(0),
            more: looked == LOOKED_AT,
            groups: rows.into_iter().filter_map(|row| row.into_group(self)).collect(),
        })
    }
}
