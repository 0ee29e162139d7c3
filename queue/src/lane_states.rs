//! What lanes tell of themselves: for people, and for the node that takes a lane over.

use chrono::{DateTime, Utc};
use proto::Lane;
use sqlx::types::Json;

use crate::{db::Queue, endpoint::shard_of, error::Result, id::EndpointId};

/// Since when nothing but failures come of an endpoint; `None`: that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failing {
    /// The endpoint.
    pub endpoint_id: EndpointId,
    /// Since when.
    pub since: Option<DateTime<Utc>>,
}

impl Queue {
    /// Writes the state of lanes, in one statement; each of another endpoint.
    pub async fn write_lanes(&self, lanes: &[Lane]) -> Result<()> {
        if lanes.is_empty() {
            return Ok(());
        }
        let ids: Vec<EndpointId> = lanes.iter().map(|lane| lane.endpoint).collect();
        let shards: Vec<i16> = ids.iter().map(|id| i16::from(shard_of(*id))).collect();
        let states: Vec<_> = lanes.iter().map(Json).collect();
        sqlx::query!(
            "-- write lanes
            INSERT INTO lane_states (endpoint_id, shard, state)
            SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::jsonb[])
            ON CONFLICT (endpoint_id) DO UPDATE SET shard = excluded.shard, state = excluded.state",
            &ids,
            &shards,
            &states as _
        )
        .execute(&self.inner.hot)
        .await?;
        Ok(())
    }

    /// The state of an endpoint's lane, as its node wrote it last; `None` if there is nothing to tell.
    pub async fn read_lane(&self, endpoint: EndpointId) -> Result<Option<Lane>> {
        let state = sqlx::query_scalar!(
            r#"-- read lane
            SELECT state AS "state: Json<Lane>" FROM lane_states WHERE endpoint_id = $1"#,
            endpoint
        )
        .fetch_optional(&self.inner.pool)
        .await?;
        Ok(state.map(|state| state.0))
    }

    /// Writes which endpoints began to fail, or failed no more.
    pub async fn write_failing(&self, changed: &[Failing]) -> Result<()> {
        let (begun, ended): (Vec<_>, Vec<_>) = changed.iter().partition(|one| one.since.is_some());
        let ids = |of: &[&Failing]| of.iter().map(|one| one.endpoint_id).collect::<Vec<_>>();
        let begun_ids = ids(&begun);
        let shards: Vec<i16> = begun_ids.iter().map(|id| i16::from(shard_of(*id))).collect();
        let since: Vec<DateTime<Utc>> = begun.iter().filter_map(|one| one.since).collect();
        sqlx::query!(
            "-- write failing
            WITH ended AS (DELETE FROM failing WHERE endpoint_id = ANY($1))
            INSERT INTO failing (endpoint_id, shard, since) SELECT * FROM unnest($2::uuid[], $3::smallint[], $4::timestamptz[])
            ON CONFLICT (endpoint_id) DO UPDATE SET since = excluded.since",
            &ids(&ended),
            &begun_ids,
            &shards,
            &since
        )
        .execute(&self.inner.hot)
        .await?;
        Ok(())
    }

    /// What a node must know of the lanes of shards that it takes over: which endpoints fail, and since when. What others told of these
    /// lanes holds no more.
    pub async fn take_over_lanes(&self, shards: &[u8]) -> Result<Vec<(EndpointId, DateTime<Utc>)>> {
        let shards: Vec<i16> = shards.iter().map(|shard| i16::from(*shard)).collect();
        sqlx::query!(
            "-- take over lanes: states\nDELETE FROM lane_states WHERE shard = ANY($1)",
            &shards
        )
        .execute(&self.inner.hot)
        .await?;
        let failing = sqlx::query!(
            "-- take over lanes: failing\nSELECT endpoint_id, since FROM failing WHERE shard = ANY($1)",
            &shards
        )
        .fetch_all(&self.inner.hot)
        .await?;
        Ok(failing
            .into_iter()
            .map(|row| (row.endpoint_id, row.since))
            .collect())
    }

    /// Forgets what was told of a lane, after its endpoint is gone.
    pub(crate) async fn forget_lane(&self, endpoint: EndpointId) -> Result<()> {
        sqlx::query!(
            "-- forget lane\nWITH gone AS (DELETE FROM lane_states WHERE endpoint_id = $1) DELETE FROM failing WHERE endpoint_id = $1",
            endpoint
        )
        .execute(&self.inner.hot)
        .await?;
        Ok(())
    }
}
