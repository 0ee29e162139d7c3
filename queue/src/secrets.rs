//! An endpoint's signing secrets: add (with an overlap in which the old ones go on signing), list, reveal.

use std::time::Duration;

use chrono::{DateTime, Utc};
use proto::{NewSecret, RevealedSecret};

use crate::{
    change::Change,
    db::Queue,
    endpoints::no_endpoint,
    error::{Error, Problems, Result},
    id::EndpointId,
    signature::Secret,
};

/// How long old secrets go on signing unless the caller says: a day in which receivers can be changed.
const OVERLAP: Duration = Duration::from_hours(24);
/// The longest overlap.
const LONGEST: Duration = Duration::from_hours(30 * 24);
/// Most secrets that sign at once: each lengthens the header that receivers must take.
const MOST: i64 = 5;

impl Queue {
    pub(crate) async fn insert_secret(
        &self,
        change: &mut Change,
        endpoint: EndpointId,
        secret: &Secret,
        now: DateTime<Utc>,
    ) -> Result<uuid::Uuid> {
        let id = self.mint(now);
        let sealed = self.with_ids(|_, rng| self.inner.vault.seal(id, secret.expose(), rng));
        sqlx::query!(
            "-- make secret\nINSERT INTO endpoint_secrets (id, endpoint_id, sealed, created_at) VALUES ($1, $2, $3, $4)",
            id,
            endpoint,
            sealed,
            now
        )
        .execute(&mut *change.tx)
        .await?;
        Ok(id)
    }

    /// Adds a secret, which becomes the current one. The others sign beside it until the overlap is over. Secrets that have ended are removed.
    pub async fn add_secret(
        &self,
        endpoint: EndpointId,
        new: NewSecret,
        now: DateTime<Utc>,
    ) -> Result<RevealedSecret> {
        let mut problems = Problems::default();
        let overlap = new.overlap.map_or(OVERLAP, |span| span.0);
        problems.require(overlap <= LONGEST, "overlap", "at most 30d");
        let secret = match new.secret.as_deref().map(Secret::parse) {
            None => Some(self.with_ids(|_, rng| Secret::make(rng))),
            Some(parsed) => parsed
                .map_err(|problem| problems.add("secret", problem.to_string()))
                .ok(),
        };
        problems.finish()?;
        let Some(secret) = secret else {
            return Err(Error::invalid("secret", "cannot be read"));
        };
        let ends = now + overlap;
        let mut change = self.begin_change().await?;
        let touched = sqlx::query!(
            "-- add secret: touch the endpoint\nUPDATE endpoints SET updated_at = $2, changed = $3 WHERE id = $1 AND deleted_at IS NULL",
            endpoint,
            now,
            change.version
        )
        .execute(&mut *change.tx)
        .await?;
        if touched.rows_affected() == 0 {
            return Err(no_endpoint(endpoint));
        }
        sqlx::query!("-- add secret: remove ended\nDELETE FROM endpoint_secrets WHERE endpoint_id = $1 AND expires_at <= $2", endpoint, now)
            .execute(&mut *change.tx)
            .await?;
        sqlx::query!(
            "-- add secret: end the others\nUPDATE endpoint_secrets SET expires_at = least(coalesce(expires_at, $2), $2) WHERE endpoint_id = $1",
            endpoint,
            ends
        )
        .execute(&mut *change.tx)
        .await?;
        let others = sqlx::query_scalar!(
            r#"-- add secret: count
            SELECT count(*) AS "count!" FROM endpoint_secrets WHERE endpoint_id = $1 AND expires_at > $2"#,
            endpoint,
            now
        )
        .fetch_one(&mut *change.tx)
        .await?;
        if others >= MOST {
            return Err(Error::Conflict(format!(
                "{MOST} secrets sign already: wait until one has ended, or give an overlap of 0s to end them all"
            )));
        }
        let id = self.insert_secret(&mut change, endpoint, &secret, now).await?;
        change.commit(self).await?;
        Ok(RevealedSecret {
            id,
            secret: secret.reveal(),
            created_at: now,
            expires_at: None,
        })
    }

    /// The endpoint's secrets that have not ended, newest first, with their values.
    pub async fn reveal_secrets(
        &self,
        endpoint: EndpointId,
        now: DateTime<Utc>,
    ) -> Result<Vec<RevealedSecret>> {
        self.find_endpoint(endpoint).await?;
        let rows = sqlx::query!(
            "-- reveal secrets
            SELECT id, sealed, created_at, expires_at FROM endpoint_secrets
            WHERE endpoint_id = $1 AND (expires_at IS NULL OR expires_at > $2) ORDER BY id DESC",
            endpoint,
            now
        )
        .fetch_all(&self.inner.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let secret = self.open_secret(row.id, &row.sealed)?.reveal();
                Ok(RevealedSecret {
                    id: row.id,
                    secret,
                    created_at: row.created_at,
                    expires_at: row.expires_at,
                })
            })
            .collect()
    }
}
