//! Keys: make, change, revoke, rotate.

use std::time::Duration;

use chrono::{DateTime, Utc};
use proto::{Key, KeyUpdate, NewKey, RotateKey, Scope};
use uuid::Uuid;

use super::{
    SHOWN, hash, no_key, random_key,
    read::Row,
    rules::{self, Checked},
};
use crate::{
    audit::{Action, Deed},
    change::Change,
    db::Queue,
    error::{Error, Problems, Result},
};

/// How long a rotated key goes on working unless the caller says: a day in which its users can be changed.
const GRACE: Duration = Duration::from_hours(24);
/// The longest grace.
const LONGEST: Duration = Duration::from_hours(30 * 24);

impl Queue {
    /// Makes a key. The answer is the only one that carries it.
    pub async fn make_key(&self, new: NewKey, now: DateTime<Utc>) -> Result<Key> {
        let checked = rules::check(new, None, now)?;
        let mut change = self.begin_change().await?;
        let made = self.insert_key(&mut change, &checked, now).await?;
        self.audit_key(&mut change, Action::KeyMade, &made, now).await?;
        change.commit(self).await?;
        Ok(made)
    }

    async fn audit_key(
        &self,
        change: &mut Change,
        action: Action,
        key: &Key,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let deed = Deed {
            action,
            subject: key.id.to_string(),
            endpoint: None,
            queues: &key.queues,
        };
        self.audit(&mut change.tx, deed, now).await
    }

    /// Makes the first key, which may do everything, and returns its text; `None` if there is one already. Two nodes starting at once make one.
    pub async fn make_first_key(&self, now: DateTime<Utc>) -> Result<Option<String>> {
        // The change holds the catalog's row: whoever comes second sees the first one's key.
        let mut change = self.begin_change().await?;
        let exists = sqlx::query_scalar!(
            r#"-- is there a key
            SELECT EXISTS (SELECT FROM api_keys) AS "exists!""#
        )
        .fetch_one(&mut *change.tx)
        .await?;
        if exists {
            return Ok(None);
        }
        let first = NewKey {
            name: "first admin key".into(),
            scopes: vec![Scope::Admin],
            queues: vec!["*".into()],
            ..NewKey::default()
        };
        let made = self
            .insert_key(&mut change, &rules::check(first, None, now)?, now)
            .await?;
        self.audit_key(&mut change, Action::KeyMade, &made, now).await?;
        change.commit(self).await?;
        Ok(made.key)
    }

    async fn insert_key(&self, change: &mut Change, key: &Checked, now: DateTime<Utc>) -> Result<Key> {
        let (text, id) = self.with_ids(|mint, rng| (random_key(rng), mint.next(now, rng)));
        let hash = hash(&text);
        let (rate, burst) = key.stored_rate();
        let row = sqlx::query_as!(
            Row,
            "-- make key
            INSERT INTO api_keys (id, name, hash, prefix, scopes, queues, rate, burst, created_at, expires_at, changed)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            RETURNING id, name, prefix, scopes, queues, rate, burst, created_at, expires_at, last_used_at, revoked_at, successor",
            id,
            key.name,
            hash.as_slice(),
            &text[..SHOWN],
            &key.scopes(),
            key.rights.reach.patterns(),
            rate,
            burst,
            now,
            key.expires_at,
            change.version
        )
        .fetch_one(&mut *change.tx)
        .await?;
        Ok(Key {
            key: Some(text),
            ..row.into_key()
        })
    }

    /// Changes a key, unless it was revoked. The last key that can make others for ever stays one.
    pub async fn update_key(&self, id: Uuid, update: KeyUpdate, now: DateTime<Utc>) -> Result<Key> {
        let mut change = self.begin_change().await?;
        let current = living_key(&mut change, id).await?;
        let had = current.expires_at;
        let next = NewKey {
            name: update.name.unwrap_or(current.name),
            scopes: update.scopes.unwrap_or(current.scopes),
            queues: update.queues.unwrap_or(current.queues),
            rate: update.rate.unwrap_or(current.rate),
            expires_at: update.expires_at.unwrap_or(current.expires_at),
        };
        let next = rules::check(next, had, now)?;
        if !rules::is_lasting_admin(&next) {
            spare_last_admin(&mut change, id).await?;
        }
        let (rate, burst) = next.stored_rate();
        let row = sqlx::query_as!(
            Row,
            "-- update key
            UPDATE api_keys SET name = $2, scopes = $3, queues = $4, rate = $5, burst = $6, expires_at = $7, changed = $8 WHERE id = $1
            RETURNING id, name, prefix, scopes, queues, rate, burst, created_at, expires_at, last_used_at, revoked_at, successor",
            id,
            next.name,
            &next.scopes(),
            next.rights.reach.patterns(),
            rate,
            burst,
            next.expires_at,
            change.version
        )
        .fetch_one(&mut *change.tx)
        .await?;
        let key = row.into_key();
        self.audit_key(&mut change, Action::KeyChanged, &key, now).await?;
        change.commit(self).await?;
        Ok(key)
    }

    /// Revokes a key for good; one that was revoked stays so. The last key that can make others for ever is spared.
    pub async fn revoke_key(&self, id: Uuid, now: DateTime<Utc>) -> Result<()> {
        let mut change = self.begin_change().await?;
        spare_last_admin(&mut change, id).await?;
        let queues = sqlx::query_scalar!(
            "-- revoke key
            UPDATE api_keys SET revoked_at = coalesce(revoked_at, $2), changed = $3 WHERE id = $1 RETURNING queues",
            id,
            now,
            change.version
        )
        .fetch_optional(&mut *change.tx)
        .await?
        .ok_or_else(|| no_key(id))?;
        let deed = Deed {
            action: Action::KeyRevoked,
            subject: id.to_string(),
            endpoint: None,
            queues: &queues,
        };
        self.audit(&mut change.tx, deed, now).await?;
        change.commit(self).await
    }

    /// Makes a key with the same rights in the place of one, which goes on working until its grace is over. Each is rotated once, while it is valid.
    pub async fn rotate_key(&self, id: Uuid, rotate: RotateKey, now: DateTime<Utc>) -> Result<Key> {
        let mut problems = Problems::default();
        let grace = rotate.grace.map_or(GRACE, |span| span.0);
        problems.require(grace <= LONGEST, "grace", "at most 30d");
        problems.finish()?;
        let mut change = self.begin_change().await?;
        let old = living_key(&mut change, id).await?;
        if let Some(successor) = old.successor {
            return Err(Error::Conflict(format!(
                "this key was rotated already: its successor is {successor}"
            )));
        }
        if old.expires_at.is_some_and(|end| end <= now) {
            return Err(Error::Conflict(
                "this key has expired: make a new one, or give it a later `expires_at` first".into(),
            ));
        }
        let lifetime = old.expires_at.map(|end| end - old.created_at);
        let new = NewKey {
            name: old.name,
            scopes: old.scopes,
            queues: old.queues,
            rate: old.rate,
            expires_at: rotate.expires_at.or_else(|| Some(now + lifetime?)),
        };
        let made = self
            .insert_key(&mut change, &rules::check(new, None, now)?, now)
            .await?;
        spare_last_admin(&mut change, id).await?;
        sqlx::query!(
            "-- rotate key
            UPDATE api_keys SET successor = $2, expires_at = least(coalesce(expires_at, $3), $3), changed = $4 WHERE id = $1",
            id,
            made.id,
            now + grace,
            change.version
        )
        .execute(&mut *change.tx)
        .await?;
        let old = Key { id, ..made.clone() };
        self.audit_key(&mut change, Action::KeyRotated, &old, now).await?;
        change.commit(self).await?;
        Ok(made)
    }
}

/// A key that was not revoked. The change holds the catalog's row, so nobody else changes it before the change ends.
async fn living_key(change: &mut Change, id: Uuid) -> Result<Key> {
    let row = sqlx::query_as!(
        Row,
        "-- key to change
        SELECT id, name, prefix, scopes, queues, rate, burst, created_at, expires_at, last_used_at, revoked_at, successor
        FROM api_keys WHERE id = $1",
        id
    )
    .fetch_optional(&mut *change.tx)
    .await?
    .ok_or_else(|| no_key(id))?;
    if row.revoked_at.is_some() {
        return Err(Error::Conflict(
            "this key was revoked, which is for good: make a new one".into(),
        ));
    }
    Ok(row.into_key())
}

/// An error if this key is the last admin of everything that never expires, and about to be it no more.
async fn spare_last_admin(change: &mut Change, id: Uuid) -> Result<()> {
    let is_last = sqlx::query_scalar!(
        r#"-- is last admin
        SELECT count(*) = 1 AND bool_or(id = $1) AS "is_last!" FROM api_keys
        WHERE revoked_at IS NULL AND expires_at IS NULL AND 'admin' = ANY (scopes)
            AND EXISTS (SELECT FROM unnest(queues) AS g (glob) WHERE glob ~ '^[*]+$')"#,
        id
    )
    .fetch_one(&mut *change.tx)
    .await?;
    if is_last { Err(rules::last_admin()) } else { Ok(()) }
}
