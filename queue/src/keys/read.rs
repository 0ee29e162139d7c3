//! Keys, read and listed; and as the catalog takes them.

use chrono::{DateTime, Utc};
use proto::{EnqueueRate, Key};
use uuid::Uuid;

use super::{KeyEntry, KeyHash, Rate, Uses, no_key};
use crate::{
    catalog::Snapshot,
    db::Queue,
    error::{Error, Result},
    rights::{self, Reach, Rights, Scopes},
};

/// A row of `api_keys`.
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) name: String,
    pub(super) prefix: String,
    pub(super) scopes: Vec<String>,
    pub(super) queues: Vec<String>,
    pub(super) rate: Option<i32>,
    pub(super) burst: Option<i32>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) expires_at: Option<DateTime<Utc>>,
    pub(super) last_used_at: Option<DateTime<Utc>>,
    pub(super) revoked_at: Option<DateTime<Utc>>,
    pub(super) successor: Option<Uuid>,
}

impl Row {
    pub(super) fn into_key(self) -> Key {
        Key {
            id: self.id,
            name: self.name,
            prefix: self.prefix,
            key: None,
            scopes: scopes(&self.scopes).to_vec(),
            queues: self.queues,
            rate: rate(self.rate, self.burst).map(Rate::shown),
            created_at: self.created_at,
            expires_at: self.expires_at,
            last_used_at: self.last_used_at,
            revoked_at: self.revoked_at,
            successor: self.successor,
        }
    }
}

/// The scopes that words name. One that is not known is of a newer version, and allows nothing here.
fn scopes(words: &[String]) -> Scopes {
    words.iter().filter_map(|word| rights::scope(word)).collect()
}

fn rate(per_second: Option<i32>, burst: Option<i32>) -> Option<Rate> {
    Rate::of(EnqueueRate {
        per_second: u32::try_from(per_second?).ok()?,
        burst: u32::try_from(burst?).ok(),
    })
}

impl Queue {
    /// Reads a key.
    pub async fn read_key(&self, id: Uuid) -> Result<Key> {
        let row = sqlx::query_as!(
            Row,
            "-- read key
            SELECT id, name, prefix, scopes, queues, rate, burst, created_at, expires_at, last_used_at, revoked_at, successor
            FROM api_keys WHERE id = $1",
            id
        )
        .fetch_optional(&self.inner.pool)
        .await?;
        row.map(Row::into_key).ok_or_else(|| no_key(id))
    }

    /// Lists the keys that reach nothing beyond `reach`, oldest first, those after `after`, at most `limit`.
    pub async fn list_keys(&self, reach: &Reach, after: Option<Uuid>, limit: i64) -> Result<Vec<Key>> {
        let rows = sqlx::query_as!(
            Row,
            "-- list keys
            SELECT id, name, prefix, scopes, queues, rate, burst, created_at, expires_at, last_used_at, revoked_at, successor
            FROM api_keys
            -- a star in a key's pattern is like any character to LIKE: only a star of the reach takes it up
            WHERE id > $1 AND ($3::text[] IS NULL OR NOT EXISTS (SELECT FROM unnest(queues) AS g (glob) WHERE NOT glob LIKE ANY ($3)))
            ORDER BY id LIMIT $2",
            after.unwrap_or_default(),
            limit,
            reach.likes() as _
        )
        .fetch_all(&self.inner.pool)
        .await?;
        Ok(rows.into_iter().map(Row::into_key).collect())
    }

    pub(crate) async fn read_changed_keys(&self, next: &mut Snapshot, known: i64) -> Result<()> {
        let rows = sqlx::query!(
            "-- catalog: changed keys
            SELECT id, name, hash, scopes, queues, rate, burst, expires_at, last_used_at, revoked_at FROM api_keys WHERE changed > $1",
            known
        )
        .fetch_all(&self.inner.pool)
        .await?;
        for row in rows {
            let hash = KeyHash::try_from(row.hash.as_slice())
                .map_err(|_| Error::corrupt("api_keys", "hash", row.id, "not 32 bytes"))?;
            let before = next.keys.remove(&hash);
            if row.revoked_at.is_some() {
                continue;
            }
            let entry = KeyEntry {
                id: row.id,
                name: row.name,
                rights: Rights {
                    scopes: scopes(&row.scopes),
                    reach: Reach::of(row.queues),
                },
                rate: rate(row.rate, row.burst),
                expires_at: row.expires_at,
                uses: before.map_or_else(
                    || Uses::written(row.last_used_at).into(),
                    |entry| entry.uses.clone(),
                ),
            };
            next.keys.insert(hash, entry.into());
        }
        Ok(())
    }
}
