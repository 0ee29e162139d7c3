//! What is read: counts by the minute, depths, since when endpoints fail, what lanes say of themselves. Of deliveries at most the oldest few of
//! each endpoint, by index.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use proto::{BreakerState, Disk, Lane};
use sqlx::types::{Json, Uuid};

use super::{
    Thresholds,
    condition::{Failing, Figures, Oldest, Reading, WaitsFor},
};
use crate::{
    catalog::Snapshot,
    db::Queue,
    disable::OPS_QUEUE,
    endpoint::Endpoint,
    error::Result,
    id::{EndpointId, QueueId},
    rollup::minute_of,
};

/// Endpoints of one statement: ten looks into an index for each, some 50 µs.
const PAGE: usize = 500;

/// What the lane of an endpoint says, and whether a node pushes for it.
struct Seen {
    lane: Option<Lane>,
    owned: bool,
}

impl Seen {
    fn waits_for(&self) -> WaitsFor {
        if self.owned {
            WaitsFor::Lane(self.lane.as_ref().map(|lane| lane.waits_for))
        } else {
            WaitsFor::Node
        }
    }

    /// Whether its deliveries wait because the endpoint is down, which is told by itself.
    fn is_down(&self) -> bool {
        let breaker = self.lane.as_ref().map(|lane| lane.breaker);
        self.owned && breaker.is_some_and(is_open)
    }
}

fn is_open(breaker: BreakerState) -> bool {
    !matches!(breaker, BreakerState::Off | BreakerState::Closed)
}

impl Queue {
    /// What there is to know of each queue and each endpoint but those of [`OPS_QUEUE`].
    pub(super) async fn read_figures(
        &self,
        snapshot: &Snapshot,
        thresholds: &Thresholds,
        now: DateTime<Utc>,
    ) -> Result<Vec<Reading>> {
        let dead = self.dead_letters_since(thresholds, now).await?;
        let depths: HashMap<QueueId, i64> = self.backlogs().await?.into_iter().collect();
        let mut oldest = self.oldest(snapshot, &depths, thresholds, now).await?;
        let failing = self.failing().await?;
        let mut readings = vec![];
        for queue in snapshot.queues.values().filter(|queue| queue.name != OPS_QUEUE) {
            let reading = |figures| Reading {
                subject: queue.id,
                names: vec![("queue", queue.name.clone())],
                figures,
            };
            let (dead, ended) = dead.get(&queue.id).copied().unwrap_or_default();
            readings.push(reading(Figures::DeadLetters { dead, ended }));
            let deliveries = depths.get(&queue.id).copied().unwrap_or(0);
            readings.push(reading(Figures::Backlog {
                oldest: oldest.remove(&queue.id),
                deliveries: u64::try_from(deliveries).unwrap_or(0),
            }));
        }
        let told_of = snapshot.endpoints.values().filter(|one| one.queue != OPS_QUEUE);
        readings.extend(told_of.map(|endpoint| of_endpoint(endpoint, failing.get(&endpoint.id).copied())));
        Ok(readings)
    }

    /// Whether there will be room; nothing where that is not watched, or not known.
    pub(super) async fn read_storage(
        &self,
        thresholds: &Thresholds,
        disk: Option<Disk>,
        now: DateTime<Utc>,
    ) -> Result<Option<Reading>> {
        if thresholds.storage_within.is_none() || (disk.is_none() && thresholds.storage_max.is_none()) {
            return Ok(None);
        }
        let outlook = self.outlook(disk, thresholds.storage_max, now).await?;
        Ok(outlook.map(|outlook| Reading {
            subject: Uuid::nil(),
            names: vec![],
            figures: Figures::Storage(outlook),
        }))
    }

    /// Of each queue in which anything died within the window: what did, and what ended.
    async fn dead_letters_since(
        &self,
        thresholds: &Thresholds,
        now: DateTime<Utc>,
    ) -> Result<HashMap<QueueId, (u64, u64)>> {
        if thresholds.dead_letters.is_none() && thresholds.dead_share.is_none() {
            return Ok(HashMap::new());
        }
        let rows = sqlx::query!(
            r#"-- notices: dead letters
            SELECT queue_id, sum(dead)::bigint AS "dead!", sum(delivered + dead)::bigint AS "ended!" FROM rollups
            WHERE minute >= $1 AND minute <= $2 GROUP BY queue_id HAVING sum(dead) > 0"#,
            minute_of(now - thresholds.window),
            now
        )
        .fetch_all(&self.inner.pool)
        .await?;
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok(rows
            .into_iter()
            .map(|row| (row.queue_id, (count(row.dead), count(row.ended))))
            .collect())
    }

    /// The oldest delivery of each queue that has been due for half of the threshold and could go. What a person holds back, pausing or
    /// disabling, is not late; and an endpoint that is down is told of by itself.
    async fn oldest(
        &self,
        snapshot: &Snapshot,
        depths: &HashMap<QueueId, i64>,
        thresholds: &Thresholds,
        now: DateTime<Utc>,
    ) -> Result<HashMap<QueueId, Oldest>> {
        let Some(most) = thresholds.backlog_age else {
            return Ok(HashMap::new());
        };
        let deep = |queue: QueueId| depths.get(&queue).is_some_and(|deliveries| *deliveries > 0);
        let open: Vec<&Endpoint> = snapshot
            .endpoints
            .values()
            .map(AsRef::as_ref)
            .filter(|one| one.is_open() && one.queue != OPS_QUEUE && deep(one.queue_id))
            .collect();
        let mut late = vec![];
        for some in open.chunks(PAGE) {
            late.extend(self.due_since_before(some, now - most / 2).await?);
        }
        let seen = self.seen(&late).await?;
        Ok(oldest_by_queue(&late, &seen))
    }

    /// Of each of these endpoints that has a delivery which is due since before then: the oldest one's time.
    async fn due_since_before<'a>(
        &self,
        endpoints: &[&'a Endpoint],
        before: DateTime<Utc>,
    ) -> Result<Vec<(&'a Endpoint, DateTime<Utc>)>> {
        let ids: Vec<EndpointId> = endpoints.iter().map(|one| one.id).collect();
        let rows = sqlx::query!(
            r#"-- notices: due since before
            SELECT lane.endpoint_id AS "endpoint_id!", min(first.due_at) AS "due_at!"
            FROM unnest($1::uuid[]) AS lane (endpoint_id) CROSS JOIN generate_series(0, 9) AS p (priority)
            CROSS JOIN LATERAL (
                SELECT due_at FROM deliveries
                WHERE purpose >= 0 AND endpoint_id = lane.endpoint_id AND priority = p.priority::smallint AND due_at < $2
                ORDER BY due_at, id LIMIT 1
            ) AS first
            GROUP BY lane.endpoint_id"#,
            &ids,
            before
        )
        .fetch_all(&self.inner.hot)
        .await?;
        let known: HashMap<EndpointId, &'a Endpoint> = endpoints.iter().map(|one| (one.id, *one)).collect();
        Ok(rows
            .into_iter()
            .filter_map(|row| Some((*known.get(&row.endpoint_id)?, row.due_at)))
            .collect())
    }

    async fn seen(&self, late: &[(&Endpoint, DateTime<Utc>)]) -> Result<HashMap<EndpointId, Seen>> {
        if late.is_empty() {
            return Ok(HashMap::new());
        }
        let ids: Vec<EndpointId> = late.iter().map(|(endpoint, _)| endpoint.id).collect();
        let shards: Vec<i16> = late
            .iter()
            .map(|(endpoint, _)| i16::from(endpoint.shard))
            .collect();
        let rows = sqlx::query!(
            r#"-- notices: lanes
            SELECT e.id AS "id!", l.state AS "lane?: Json<Lane>", coalesce(s.leased_until > now(), false) AS "owned!"
            FROM unnest($1::uuid[], $2::smallint[]) AS e (id, shard)
            LEFT JOIN lane_states l ON l.endpoint_id = e.id LEFT JOIN shards s ON s.id = e.shard"#,
            &ids,
            &shards
        )
        .fetch_all(&self.inner.pool)
        .await?;
        let seen = rows.into_iter().map(|row| {
            let seen = Seen {
                lane: row.lane.map(|lane| lane.0),
                owned: row.owned,
            };
            (row.id, seen)
        });
        Ok(seen.collect())
    }

    /// The endpoints of which nothing but failures come for a minute or longer.
    async fn failing(&self) -> Result<HashMap<EndpointId, Failing>> {
        let rows = sqlx::query!(
            r#"-- notices: failing
            SELECT f.endpoint_id, f.since, l.state AS "lane?: Json<Lane>" FROM failing f LEFT JOIN lane_states l USING (endpoint_id)"#
        )
        .fetch_all(&self.inner.pool)
        .await?;
        let failing = rows.into_iter().map(|row| {
            let failing = Failing {
                since: row.since,
                open: row.lane.is_some_and(|lane| is_open(lane.0.breaker)),
            };
            (row.endpoint_id, failing)
        });
        Ok(failing.collect())
    }
}

fn of_endpoint(endpoint: &Endpoint, failing: Option<Failing>) -> Reading {
    Reading {
        subject: endpoint.id,
        names: vec![
            ("endpoint", endpoint.id.to_string()),
            ("queue", endpoint.queue.clone()),
            ("url", endpoint.url.to_string()),
        ],
        figures: Figures::Down(failing),
    }
}

/// Of each queue the oldest, and how many endpoints are late; without those that are down.
fn oldest_by_queue(
    late: &[(&Endpoint, DateTime<Utc>)],
    seen: &HashMap<EndpointId, Seen>,
) -> HashMap<QueueId, Oldest> {
    let mut by_queue: HashMap<QueueId, Oldest> = HashMap::new();
    for (endpoint, due_at) in late {
        let seen = seen.get(&endpoint.id);
        if seen.is_some_and(Seen::is_down) {
            continue;
        }
        let one = Oldest {
            due_at: *due_at,
            endpoint: endpoint.id,
            waits_for: seen.map_or(WaitsFor::Lane(None), Seen::waits_for),
            endpoints: 1,
        };
        by_queue
            .entry(endpoint.queue_id)
            .and_modify(|oldest| {
                let endpoints = oldest.endpoints + 1;
                if one.due_at < oldest.due_at {
                    *oldest = one.clone();
                }
                oldest.endpoints = endpoints;
            })
            .or_insert(one);
    }
    by_queue
}
