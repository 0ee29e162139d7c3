//! What went through all queues: sums of rollups, for the first page that people look at. Never a look at tasks or deliveries.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    db::Queue,
    error::Result,
    id::{EndpointId, QueueId},
    rollup::{BUCKETS, Counts, WHOLE_QUEUE},
};

impl Queue {
    /// The sums over steps of time of these queues (`None`: of all), oldest first. Latencies are those of all endpoints.
    pub async fn traffic_of_all(
        &self,
        queues: Option<&[QueueId]>,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
        step: TimeDelta,
    ) -> Result<Vec<(DateTime<Utc>, Counts)>> {
        let rows = sqlx::query!(
            r#"-- traffic of all queues
            SELECT date_bin(make_interval(secs => $1::float8), minute, 'epoch') AS "begin!",
                sum(enqueued)::bigint AS "enqueued!", sum(unmatched)::bigint AS "unmatched!", sum(delivered)::bigint AS "delivered!",
                sum(retried)::bigint AS "retried!", sum(dead)::bigint AS "dead!",
                ARRAY[sum(latency[1]), sum(latency[2]), sum(latency[3]), sum(latency[4]), sum(latency[5]), sum(latency[6]),
                    sum(latency[7]), sum(latency[8]), sum(latency[9]), sum(latency[10]), sum(latency[11]), sum(latency[12]),
                    sum(latency[13]), sum(latency[14]), sum(latency[15]), sum(latency[16]), sum(latency[17])]::bigint[] AS "latency!"
            FROM rollups
            WHERE minute >= $2 AND minute < $3 AND ($4::uuid[] IS NULL OR queue_id = ANY ($4))
            GROUP BY 1 ORDER BY 1"#,
            seconds(step),
            since,
            until,
            queues as Option<&[QueueId]>
        )
        .fetch_all(&self.inner.pool)
        .await?;
        let read = rows.into_iter().map(|row| {
            let counts = Counts {
                enqueued: row.enqueued,
                unmatched: row.unmatched,
                delivered: row.delivered,
                retried: row.retried,
                dead: row.dead,
                latency: buckets(&row.latency),
            };
            (row.begin, counts)
        });
        Ok(read.collect())
    }

    /// The sums of the endpoints of these queues (`None`: of all), those with the most failures first, and then the busiest.
    pub async fn troubled_endpoints(
        &self,
        queues: Option<&[QueueId]>,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<(EndpointId, Counts)>> {
        let rows = sqlx::query!(
            r#"-- troubled endpoints
            SELECT endpoint_id, sum(delivered)::bigint AS "delivered!", sum(retried)::bigint AS "retried!", sum(dead)::bigint AS "dead!",
                ARRAY[sum(latency[1]), sum(latency[2]), sum(latency[3]), sum(latency[4]), sum(latency[5]), sum(latency[6]),
                    sum(latency[7]), sum(latency[8]), sum(latency[9]), sum(latency[10]), sum(latency[11]), sum(latency[12]),
                    sum(latency[13]), sum(latency[14]), sum(latency[15]), sum(latency[16]), sum(latency[17])]::bigint[] AS "latency!"
            FROM rollups
            WHERE minute >= $1 AND minute < $2 AND ($3::uuid[] IS NULL OR queue_id = ANY ($3)) AND endpoint_id <> $4
            GROUP BY endpoint_id
            ORDER BY sum(dead) + sum(retried) DESC, sum(delivered) DESC, endpoint_id LIMIT $5"#,
            since,
            until,
            queues as Option<&[QueueId]>,
            WHOLE_QUEUE,
            limit
        )
        .fetch_all(&self.inner.pool)
        .await?;
        let read = rows.into_iter().map(|row| {
            let counts = Counts {
                delivered: row.delivered,
                retried: row.retried,
                dead: row.dead,
                latency: buckets(&row.latency),
                ..Counts::default()
            };
            (row.endpoint_id, counts)
        });
        Ok(read.collect())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a week at most")]
fn seconds(step: TimeDelta) -> f64 {
    step.num_seconds().max(60) as f64
}

fn buckets(read: &[i64]) -> [i64; BUCKETS] {
    let mut all = [0; BUCKETS];
    all.iter_mut().zip(read).for_each(|(bucket, n)| *bucket = *n);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The statements name each bucket.
    #[test]
    fn there_are_as_many_buckets_as_are_summed() {
        assert_eq!(BUCKETS, 17);
    }
}
