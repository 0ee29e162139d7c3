//! What runs on this database: nodes, their shards, and versions.

use std::{collections::HashMap, time::Duration};

use proto::{ConfigEntry, SystemNode, SystemReport};

use crate::{db::Queue, endpoint::SHARDS, error::Result};

/// How long ago a node was heard of that counts as alive: some renewals of its lease.
const ALIVE: Duration = Duration::from_secs(30);

impl Queue {
    /// Who runs on this database. `configuration`: that of the node that is asked.
    pub async fn system(&self, configuration: Vec<ConfigEntry>) -> Result<SystemReport> {
        // The migrator's own table, which is in no migration: so this one statement is checked by a test and not by the compiler.
        let (postgres_version, schema_version): (String, i64) = sqlx::query_as(
            "-- system: versions\nSELECT current_setting('server_version'), coalesce(max(version), 0) FROM _sqlx_migrations",
        )
        .fetch_one(&self.inner.pool)
        .await?;
        let rows = sqlx::query!(
            r#"-- system: nodes
            SELECT id, name, role, version, started_at, seen_at, seen_at > now() - make_interval(secs => $1) AS "alive!"
            FROM nodes ORDER BY name, id"#,
            ALIVE.as_secs_f64()
        )
        .fetch_all(&self.inner.pool)
        .await?;
        let leases = sqlx::query!(
            r#"-- system: shards
            SELECT id, node_id AS "node_id!" FROM shards WHERE leased_until > now() AND node_id IS NOT NULL ORDER BY id"#
        )
        .fetch_all(&self.inner.pool)
        .await?;
        let mut owned: HashMap<_, Vec<u8>> = HashMap::new();
        for lease in &leases {
            owned
                .entry(lease.node_id)
                .or_default()
                .extend(u8::try_from(lease.id));
        }
        let nodes = rows.into_iter().map(|row| SystemNode {
            shards: owned.remove(&row.id).unwrap_or_default(),
            id: row.id,
            name: row.name,
            role: row.role,
            version: row.version,
            started_at: row.started_at,
            seen_at: row.seen_at,
            alive: row.alive,
        });
        Ok(SystemReport {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            postgres_version,
            schema_version,
            nodes: nodes.collect(),
            shards: u32::from(SHARDS),
            shards_unowned: u32::from(SHARDS).saturating_sub(u32::try_from(leases.len()).unwrap_or(u32::MAX)),
            configuration,
        })
    }
}
