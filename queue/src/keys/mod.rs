//! API keys: `ph_` and 256 random bits, kept only as a hash. Each says what it allows, to which queues, until when, and how fast.
//!
//! Keys are part of the catalog: asking whether one is valid is a look into memory, and a change is in effect on every node as soon as
//! the catalog's news has reached it, within a second.

mod change;
mod read;
mod rules;
mod uses;

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use rand::Rng;
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub use self::{rules::Rate, uses::Uses};
use crate::{
    db::Queue,
    error::{Error, Result},
    rights::Rights,
};

/// SHA-256 of a key.
pub type KeyHash = [u8; 32];

/// What every key begins with.
pub const PREFIX: &str = "ph_";

/// Characters of a key that are kept to know it by: 48 of its 256 bits.
const SHOWN: usize = PREFIX.len() + 8;

/// A key as the node knows it.
#[derive(Debug, Clone)]
pub struct KeyEntry {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// What it allows.
    pub rights: Rights,
    /// How fast tasks may be enqueued with it; `None`: unlimited.
    pub rate: Option<Rate>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was used.
    pub(crate) uses: Arc<Uses>,
}

/// What is known of the text of a key.
#[derive(Debug, Clone)]
pub enum KeyLook {
    /// It is valid.
    Valid(Arc<KeyEntry>),
    /// It was, until then.
    Expired(DateTime<Utc>),
    /// No such key, or one that was revoked.
    Unknown,
}

/// The hash under which a key is kept and found.
pub fn hash(key: &str) -> KeyHash {
    Sha256::digest(key.as_bytes()).into()
}

impl Queue {
    /// Looks for a key in memory. A valid one counts as used at `now`.
    pub fn authenticate(&self, key: &str, now: DateTime<Utc>) -> KeyLook {
        if !key.starts_with(PREFIX) {
            return KeyLook::Unknown;
        }
        // The look-up is by hash: how long it takes tells nothing of a key that is close to a real one.
        let snapshot = self.catalog().snapshot();
        let Some(entry) = snapshot.keys.get(&hash(key)) else {
            return KeyLook::Unknown;
        };
        if let Some(ended) = entry.expires_at.filter(|end| *end <= now) {
            return KeyLook::Expired(ended);
        }
        entry.uses.note(now);
        KeyLook::Valid(entry.clone())
    }

    /// The same after a look at the database: another node may just have made the key.
    pub async fn authenticate_anew(&self, key: &str, now: DateTime<Utc>) -> Result<KeyLook> {
        self.refresh_catalog().await?;
        Ok(self.authenticate(key, now))
    }
}

impl Queue {
    /// A key as it is now; `None` if it was revoked or has expired. For who asks for longer than a request takes.
    pub fn find_valid_key(&self, id: Uuid, now: DateTime<Utc>) -> Option<Arc<KeyEntry>> {
        let snapshot = self.catalog().snapshot();
        let entry = snapshot.keys.values().find(|entry| entry.id == id)?;
        entry
            .expires_at
            .is_none_or(|end| end > now)
            .then(|| entry.clone())
    }

    /// The same for who asks in the name of a key, by a session: the key counts as used at `now`.
    pub fn use_key(&self, id: Uuid, now: DateTime<Utc>) -> Option<Arc<KeyEntry>> {
        let entry = self.find_valid_key(id, now)?;
        entry.uses.note(now);
        Some(entry)
    }
}

/// There is no key of this id.
pub fn no_key(id: Uuid) -> Error {
    Error::NotFound(format!("key {id}"))
}

fn random_key(rng: &mut impl Rng) -> String {
    let mut bytes = [0; 32];
    rng.fill_bytes(&mut bytes);
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
}
