//! Rollups: counts by minute, queue and endpoint, added up in memory and flushed every few seconds. What the console charts.
//!
//! A node that is killed loses what it had not flushed, seconds of counts at most; no task is ever lost with them.

use std::collections::HashMap;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use parking_lot::Mutex;
use proto::LATENCY_BOUNDS_MS;
use sqlx::types::Uuid;

use crate::{
    db::Queue,
    enqueue::{Kept, Rows},
    error::{Error, Result},
    id::{self, EndpointId, QueueId},
};

/// How many buckets a latency histogram has: one for each bound, and one beyond.
pub const BUCKETS: usize = LATENCY_BOUNDS_MS.len() + 1;

/// Most rows of one answer: a day of 35 endpoints that are never idle, some 20 MB of JSON.
const MOST_ROWS: i64 = 50_000;

/// Stands in the endpoint's place for the queue's own counts.
pub const WHOLE_QUEUE: EndpointId = Uuid::nil();

/// The counts of one minute.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tasks enqueued.
    pub enqueued: i64,
    /// Tasks enqueued that matched no endpoint.
    pub unmatched: i64,
    /// Deliveries that ended well.
    pub delivered: i64,
    /// Attempts that failed and are retried.
    pub retried: i64,
    /// Deliveries given up.
    pub dead: i64,
    /// Attempts by duration.
    pub latency: [i64; BUCKETS],
}

/// The bucket of a duration in microseconds.
pub fn bucket(us: u32) -> usize {
    LATENCY_BOUNDS_MS
        .iter()
        .position(|bound| us <= bound * 1_000)
        .unwrap_or(BUCKETS - 1)
}

/// One minute of one queue or endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot {
    /// The minute's begin.
    pub minute: DateTime<Utc>,
    /// The queue.
    pub queue_id: QueueId,
    /// The endpoint, or [`WHOLE_QUEUE`].
    pub endpoint_id: EndpointId,
}

/// The minute in which `at` lies.
pub fn minute_of(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::minutes(1)).unwrap_or(at)
}

/// What this node counted and has not flushed.
#[derive(Debug, Default)]
pub(crate) struct Rollups(Mutex<HashMap<Slot, Counts>>);

impl Rollups {
    pub(crate) fn enqueued(&self, rows: &Rows, kept: &Kept) {
        let mut slots = self.0.lock();
        for task in rows.tasks.iter().filter(|task| kept.has(task.id())) {
            let counts = slots
                .entry(Slot {
                    minute: minute_of(id::minted_at(task.id())),
                    queue_id: task.content.queue_id,
                    endpoint_id: WHOLE_QUEUE,
                })
                .or_default();
            counts.enqueued += 1;
            counts.unmatched += i64::from(task.fanout == 0);
        }
    }

    pub(crate) fn count(&self, counted: impl IntoIterator<Item = (Slot, Counts)>) {
        let mut slots = self.0.lock();
        for (slot, counts) in counted {
            let sum = slots.entry(slot).or_default();
            sum.enqueued += counts.enqueued;
            sum.unmatched += counts.unmatched;
            sum.delivered += counts.delivered;
            sum.retried += counts.retried;
            sum.dead += counts.dead;
            for (sum, n) in sum.latency.iter_mut().zip(counts.latency) {
                *sum += n;
            }
        }
    }
}

impl Queue {
    /// Writes what was counted since the last flush; returns how many rows that were. What cannot be written is kept for the next time.
    pub async fn flush_rollups(&self) -> Result<usize> {
        let taken = std::mem::take(&mut *self.inner.rollups.0.lock());
        if taken.is_empty() {
            return Ok(0);
        }
        let mut rows: Vec<(Slot, Counts)> = taken.into_iter().collect();
        // In one order on every node: two flushes never wait for each other.
        rows.sort_unstable_by_key(|(slot, _)| (slot.queue_id, slot.endpoint_id, slot.minute));
        match self.add_rollups(&rows).await {
            Ok(()) => Ok(rows.len()),
            Err(error) => {
                self.inner.rollups.count(rows);
                Err(error)
            }
        }
    }

    async fn add_rollups(&self, rows: &[(Slot, Counts)]) -> Result<()> {
        let column = |of: fn(&Counts) -> i64| rows.iter().map(|(_, counts)| of(counts)).collect::<Vec<i64>>();
        let minutes: Vec<_> = rows.iter().map(|(slot, _)| slot.minute).collect();
        let queues: Vec<_> = rows.iter().map(|(slot, _)| slot.queue_id).collect();
        let endpoints: Vec<_> = rows.iter().map(|(slot, _)| slot.endpoint_id).collect();
        // Unnest takes arrays of one dimension: the histograms go as one, and are cut apart again by position.
        let latency: Vec<i64> = rows.iter().flat_map(|(_, counts)| counts.latency).collect();
        sqlx::query!(
            "-- flush rollups
            INSERT INTO rollups AS r (minute, queue_id, endpoint_id, enqueued, unmatched, delivered, retried, dead, latency)
            SELECT minute, queue_id, endpoint_id, enqueued, unmatched, delivered, retried, dead,
                ($9::bigint[])[(n - 1) * $10::int + 1 : n * $10::int]
            FROM unnest($1::timestamptz[], $2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
                WITH ORDINALITY AS g (minute, queue_id, endpoint_id, enqueued, unmatched, delivered, retried, dead, n)
            ORDER BY n
            ON CONFLICT (queue_id, endpoint_id, minute) DO UPDATE SET
                enqueued = r.enqueued + excluded.enqueued,
                unmatched = r.unmatched + excluded.unmatched,
                delivered = r.delivered + excluded.delivered,
                retried = r.retried + excluded.retried,
                dead = r.dead + excluded.dead,
                latency = ARRAY(SELECT a + b FROM unnest(r.latency, excluded.latency) AS both_of (a, b))",
            &minutes,
            &queues,
            &endpoints,
            &column(|c| c.enqueued),
            &column(|c| c.unmatched),
            &column(|c| c.delivered),
            &column(|c| c.retried),
            &column(|c| c.dead),
            &latency,
            i32::try_from(BUCKETS).unwrap_or(i32::MAX),
        )
        .execute(&self.inner.hot)
        .await?;
        Ok(())
    }

    /// The rollups of a queue, or of one endpoint, oldest first.
    pub async fn traffic(
        &self,
        queue_id: QueueId,
        endpoint_id: Option<EndpointId>,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<(Slot, Counts)>> {
        let rows = sqlx::query!(
            "-- traffic
            SELECT minute, queue_id, endpoint_id, enqueued, unmatched, delivered, retried, dead, latency FROM rollups
            WHERE queue_id = $1 AND ($2::uuid IS NULL OR endpoint_id = $2) AND minute >= $3 AND minute < $4
            ORDER BY minute, endpoint_id LIMIT $5",
            queue_id,
            endpoint_id,
            since,
            until,
            MOST_ROWS + 1
        )
        .fetch_all(&self.inner.pool)
        .await?;
        if rows.len() as u64 > MOST_ROWS.unsigned_abs() {
            return Err(Error::invalid(
                "since",
                format!(
                    "more than {MOST_ROWS} minutes of endpoints: ask for a shorter time, or for one endpoint"
                ),
            ));
        }
        let read = rows.into_iter().map(|row| {
            let mut latency = [0; BUCKETS];
            latency
                .iter_mut()
                .zip(row.latency)
                .for_each(|(bucket, n)| *bucket = n);
            let slot = Slot {
                minute: row.minute,
                queue_id: row.queue_id,
                endpoint_id: row.endpoint_id,
            };
            let counts = Counts {
                enqueued: row.enqueued,
                unmatched: row.unmatched,
                delivered: row.delivered,
                retried: row.retried,
                dead: row.dead,
                latency,
            };
            (slot, counts)
        });
        Ok(read.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_end_at_their_bounds() {
        assert_eq!(bucket(0), 0);
        assert_eq!(bucket(1_000), 0);
        assert_eq!(bucket(1_001), 1);
        assert_eq!(bucket(32_768_000), 15);
        assert_eq!(bucket(u32::MAX), 16);
    }
}
