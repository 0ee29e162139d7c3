//! API keys: `ph_` and 256 random bits, kept only as a hash.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use rand::Rng;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{db::Queue, error::Result, rights::Rights};

/// SHA-256 of a key.
pub type KeyHash = [u8; 32];

/// A key as the node knows it.
#[derive(Debug, Clone)]
pub struct KeyEntry {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// What it allows.
    pub rights: Rights,
}

const PREFIX: &str = "ph_";

/// The hash under which a key is kept and found.
pub fn hash(key: &str) -> KeyHash {
    Sha256::digest(key.as_bytes()).into()
}

impl Queue {
    /// The key with this text, if it is valid. A look into memory: keys are part of the catalog. One that is not known makes the
    /// node look for news, at most as often as `may_refresh` says.
    pub async fn authenticate(&self, key: &str, may_refresh: bool) -> Result<Option<Arc<KeyEntry>>> {
        if !key.starts_with(PREFIX) {
            return Ok(None);
        }
        // The look-up is by hash: how long it takes tells nothing of a key that is close to a real one.
        let hash = hash(key);
        let find = || self.inner.catalog.snapshot().keys.get(&hash).cloned();
        if let Some(key) = find() {
            return Ok(Some(key));
        }
        if !may_refresh {
            return Ok(None);
        }
        self.refresh_catalog().await?;
        Ok(find())
    }

    /// Makes a key and returns its text, which is nowhere kept.
    pub async fn make_key(&self, name: &str, now: DateTime<Utc>) -> Result<String> {
        let (key, id) = self.with_ids(|mint, rng| (random_key(rng), mint.next(now, rng)));
        let hash = hash(&key);
        let mut change = self.begin_change().await?;
        sqlx::query!(
            "-- make key\nINSERT INTO api_keys (id, name, hash, created_at, changed) VALUES ($1, $2, $3, $4, $5)",
            id,
            name,
            hash.as_slice(),
            now,
            change.version
        )
        .execute(&mut *change.tx)
        .await?;
        change.commit(self).await?;
        Ok(key)
    }

    /// Makes the first key if there is none yet; `None` if there is. Two nodes starting at once make one.
    pub async fn make_first_key(&self, now: DateTime<Utc>) -> Result<Option<String>> {
        let (key, id) = self.with_ids(|mint, rng| (random_key(rng), mint.next(now, rng)));
        let hash = hash(&key);
        // The change holds the catalog's row: whoever comes second sees the first one's key.
        let mut change = self.begin_change().await?;
        let made = sqlx::query!(
            "-- make first key
            INSERT INTO api_keys (id, name, hash, created_at, changed)
            SELECT $1, 'first admin key', $2, $3, $4 WHERE NOT EXISTS (SELECT FROM api_keys)",
            id,
            hash.as_slice(),
            now,
            change.version
        )
        .execute(&mut *change.tx)
        .await?;
        if made.rows_affected() == 0 {
            return Ok(None);
        }
        change.commit(self).await?;
        Ok(Some(key))
    }
}

fn random_key(rng: &mut impl Rng) -> String {
    let mut bytes = [0; 32];
    rng.fill_bytes(&mut bytes);
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
}
