//! Why a delivery is where it is: gathered from its row, its endpoint and its lane, and told in data and in a sentence.

mod explain;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use proto::{Delivery, DeliveryState, EndpointStatus, Why};

use self::explain::{Ahead, Blocked, Facts, explain};
use crate::{
    db::Queue,
    endpoint::shard_of,
    error::Result,
    id::{DeliveryId, EndpointId},
    load::PRIORITY_STEP,
    rollup,
};

/// How many deliveries that go before one are counted: some milliseconds.
const COUNTED: u64 = 10_000;

/// Over how much time the pace of an endpoint is taken.
const PACE: TimeDelta = TimeDelta::minutes(3);

/// The least time over which it is: counts are written every few seconds.
const LEAST_PACE: Duration = Duration::from_secs(10);

impl Queue {
    /// Why a delivery is where it is. What its lane does is some moments old.
    pub async fn why(&self, delivery: &Delivery, now: DateTime<Utc>) -> Result<Why> {
        let waits = matches!(
            delivery.state,
            DeliveryState::Scheduled | DeliveryState::Pending | DeliveryState::Retrying
        );
        if !waits {
            let letter = delivery.state == DeliveryState::Dead && self.is_dead_letter(delivery.id).await?;
            return Ok(explain(&Facts {
                letter,
                ..Facts::of(delivery, now)
            }));
        }
        let endpoint = delivery.endpoint;
        let blocked = self.blocked(endpoint).await?;
        let is_due = delivery.due_at.is_none_or(|due| due <= now);
        if !is_due || blocked.is_some() {
            return Ok(explain(&Facts {
                blocked,
                ..Facts::of(delivery, now)
            }));
        }
        let (owned, behind) = (
            self.is_pushed_for(endpoint).await?,
            self.behind(delivery.id).await?,
        );
        if behind.is_some() {
            return Ok(explain(&Facts {
                owned,
                behind,
                ..Facts::of(delivery, now)
            }));
        }
        let lane = self.read_lane(endpoint).await?;
        Ok(explain(&Facts {
            owned,
            lane: lane.as_ref(),
            ahead: self.ahead_of(delivery.id, now).await?,
            per_second: self.pace_of(endpoint, now).await?,
            ..Facts::of(delivery, now)
        }))
    }

    /// What keeps an endpoint's deliveries back until a person acts.
    async fn blocked(&self, id: EndpointId) -> Result<Option<Blocked>> {
        let snapshot = self.catalog().snapshot();
        let Some(endpoint) = snapshot.endpoints.get(&id) else {
            return Ok(Some(Blocked::Deleted));
        };
        Ok(match endpoint.status {
            EndpointStatus::Paused => Some(Blocked::Paused),
            EndpointStatus::Disabled => {
                let reason = self.read_endpoint(id).await?.disabled_reason;
                Some(Blocked::Disabled(reason.unwrap_or_default()))
            }
            EndpointStatus::Enabled if endpoint.queue_paused => Some(Blocked::QueuePaused),
            EndpointStatus::Enabled => None,
        })
    }

    async fn is_dead_letter(&self, id: DeliveryId) -> Result<bool> {
        Ok(sqlx::query_scalar!(
            r#"-- why: is a dead letter
            SELECT EXISTS (SELECT FROM dead_letters WHERE id = $1) AS "is!""#,
            id
        )
        .fetch_one(&self.inner.pool)
        .await?)
    }

    /// Whether some node holds the lease of an endpoint's shard.
    async fn is_pushed_for(&self, id: EndpointId) -> Result<bool> {
        Ok(sqlx::query_scalar!(
            r#"-- why: is pushed for
            SELECT EXISTS (SELECT FROM shards WHERE id = $1 AND leased_until > now()) AS "is!""#,
            i16::from(shard_of(id))
        )
        .fetch_one(&self.inner.pool)
        .await?)
    }

    /// The delivery behind which one is held, of the same key.
    async fn behind(&self, id: DeliveryId) -> Result<Option<DeliveryId>> {
        Ok(sqlx::query_scalar!(
            "-- why: behind
            SELECT first.id FROM deliveries d
            JOIN deliveries first ON first.endpoint_id = d.endpoint_id AND first.ordering_key = d.ordering_key AND first.priority >= 0
            WHERE d.id = $1 AND d.priority < 0",
            id
        )
        .fetch_optional(&self.inner.hot)
        .await?)
    }

    /// How many deliveries go before one that is due: those that have waited longer, each step of priority counting as so much more
    /// waiting, as the lane takes them.
    async fn ahead_of(&self, id: DeliveryId, now: DateTime<Utc>) -> Result<Option<Ahead>> {
        let count = sqlx::query_scalar!(
            "-- why: ahead
            SELECT sum(c.number)::bigint FROM deliveries d CROSS JOIN generate_series(0, 9) AS p (priority)
            CROSS JOIN LATERAL (
                SELECT count(*) AS number FROM (
                    SELECT FROM deliveries o
                    WHERE o.purpose >= 0 AND o.endpoint_id = d.endpoint_id AND o.priority = p.priority::smallint AND o.due_at <= $2
                        AND (o.due_at, o.id) < (d.due_at + (p.priority - d.priority) * make_interval(secs => $3), d.id)
                    ORDER BY o.due_at, o.id LIMIT $4
                ) AS before
            ) AS c
            WHERE d.id = $1",
            id,
            now,
            PRIORITY_STEP.as_secs_f64(),
            i64::try_from(COUNTED + 1).unwrap_or(i64::MAX)
        )
        .fetch_one(&self.inner.hot)
        .await?;
        Ok(count.map(|count| {
            let count = u64::try_from(count).unwrap_or(0);
            Ahead {
                count: count.min(COUNTED),
                more: count > COUNTED,
            }
        }))
    }

    /// How many attempts of an endpoint ended in a second of the last minutes.
    async fn pace_of(&self, id: EndpointId, now: DateTime<Utc>) -> Result<Option<f64>> {
        let Some(endpoint) = self.catalog().snapshot().endpoints.get(&id).cloned() else {
            return Ok(None);
        };
        let row = sqlx::query!(
            "-- why: pace
            SELECT sum(delivered + retried + dead)::bigint AS ended, min(minute) AS since FROM rollups
            WHERE queue_id = $1 AND endpoint_id = $2 AND minute >= $3",
            endpoint.queue_id,
            id,
            rollup::minute_of(now - PACE)
        )
        .fetch_one(&self.inner.pool)
        .await?;
        let (Some(ended), Some(since)) = (row.ended, row.since) else {
            return Ok(None);
        };
        let time = (now - since).to_std().unwrap_or_default().max(LEAST_PACE);
        let ended = u32::try_from(ended).unwrap_or(u32::MAX);
        Ok((ended > 0).then(|| f64::from(ended) / time.as_secs_f64()))
    }
}
