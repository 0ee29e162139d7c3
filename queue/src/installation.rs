//! Whether this database is ours, and its secrets readable with the keys at hand; and the change from one key to another.

use chrono::{DateTime, Utc};
use proto::Count;
use uuid::Uuid;

use crate::{
    audit::{Action, Deed},
    db::Queue,
    error::{Error, Result},
    id,
    purge::Batches,
};

/// Secrets that are sealed anew in one transaction.
const BATCH: i64 = 500;

impl Queue {
    pub(crate) async fn check_installation(&self, now: DateTime<Utc>) -> Result<()> {
        let (ours, known) = (self.inner.vault.key_id(), self.inner.vault.key_ids());
        let id = self.with_ids(|_, rng| id::one(now, rng));
        sqlx::query!(
            "-- installation: first start\nINSERT INTO installation (id, vault_fingerprint) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            id,
            ours
        )
        .execute(&self.inner.pool)
        .await?;
        let row = sqlx::query!(
            r#"-- installation
            SELECT vault_fingerprint, coalesce(
                (SELECT key_id FROM endpoint_secrets WHERE key_id <> ALL ($1) LIMIT 1),
                (SELECT auth_key_id FROM endpoints WHERE auth_key_id <> ALL ($1) LIMIT 1)
            ) AS strange FROM installation"#,
            &known
        )
        .fetch_one(&self.inner.pool)
        .await?;
        let needed = if known.contains(&row.vault_fingerprint) {
            row.strange
        } else {
            Some(row.vault_fingerprint)
        };
        let Some(needed) = needed else { return Ok(()) };
        Err(Error::Conflict(format!(
            "there are secrets in this database that were sealed with another key ({needed}) than the one configured ({ours}): \
             set secrets.key to the key that was used before, or name that in secrets.older_keys; every node needs the same"
        )))
    }

    /// Seals anew, with the key that seals now, what older keys have sealed, in batches, as much as one request can. When nothing is left of
    /// them the older keys are needed no more.
    pub async fn rotate_vault(&self, now: DateTime<Utc>) -> Result<Count> {
        let deed = Deed {
            action: Action::VaultRotated,
            subject: self.inner.vault.key_id().to_owned(),
            endpoint: None,
            queues: &["*".to_owned()],
        };
        self.audit_ahead(deed, now).await?;
        let mut batches = Batches::begin();
        loop {
            let done = self.reseal_secrets().await? + self.reseal_auth().await?;
            if let Some(count) = batches.add(done) {
                if !count.more {
                    self.settle_vault().await?;
                }
                return Ok(count);
            }
        }
    }

    /// What was sealed for these rows of a table's column, sealed with the key that holds.
    fn seal_anew(
        &self,
        (table, column): (&'static str, &'static str),
        rows: impl Iterator<Item = (Uuid, Vec<u8>)>,
    ) -> Result<(Vec<Uuid>, Vec<Vec<u8>>)> {
        let vault = &self.inner.vault;
        rows.map(|(id, sealed)| {
            let opened = vault.open(id, &sealed);
            let opened = opened.map_err(|e| Error::corrupt(table, column, id, e))?;
            let opened = zeroize::Zeroizing::new(opened);
            Ok((id, self.with_ids(|_, rng| vault.seal(id, &opened, rng))))
        })
        .collect()
    }

    async fn reseal_secrets(&self) -> Result<u64> {
        let vault = &self.inner.vault;
        let mut tx = self.inner.pool.begin().await?;
        let rows = sqlx::query!(
            "-- reseal: read
            SELECT id, sealed FROM endpoint_secrets WHERE key_id IS DISTINCT FROM $1 ORDER BY id LIMIT $2 FOR UPDATE",
            vault.key_id(),
            BATCH
        )
        .fetch_all(&mut *tx)
        .await?;
        let rows = rows.into_iter().map(|row| (row.id, row.sealed));
        let (ids, sealed) = self.seal_anew(("endpoint_secrets", "sealed"), rows)?;
        let done = sqlx::query!(
            "-- reseal
            UPDATE endpoint_secrets AS s SET sealed = n.sealed, key_id = $3
            FROM unnest($1::uuid[], $2::bytea[]) AS n (id, sealed) WHERE s.id = n.id",
            &ids,
            &sealed,
            vault.key_id()
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }

    async fn reseal_auth(&self) -> Result<u64> {
        let vault = &self.inner.vault;
        let mut tx = self.inner.pool.begin().await?;
        let rows = sqlx::query!(
            r#"-- reseal: read auth
            SELECT id, auth_sealed AS "sealed!" FROM endpoints WHERE auth_key_id <> $1 ORDER BY id LIMIT $2 FOR UPDATE"#,
            vault.key_id(),
            BATCH
        )
        .fetch_all(&mut *tx)
        .await?;
        let rows = rows.into_iter().map(|row| (row.id, row.sealed));
        let (ids, sealed) = self.seal_anew(("endpoints", "auth_sealed"), rows)?;
        let done = sqlx::query!(
            "-- reseal: auth
            UPDATE endpoints AS e SET auth_sealed = n.sealed, auth_key_id = $3
            FROM unnest($1::uuid[], $2::bytea[]) AS n (id, sealed) WHERE e.id = n.id",
            &ids,
            &sealed,
            vault.key_id()
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }

    /// Names the key that seals now as that of the database, once no other has sealed anything.
    async fn settle_vault(&self) -> Result<()> {
        sqlx::query!(
            "-- installation: new key
            UPDATE installation SET vault_fingerprint = $1
            WHERE NOT EXISTS (SELECT FROM endpoint_secrets WHERE key_id IS DISTINCT FROM $1)
                AND NOT EXISTS (SELECT FROM endpoints WHERE auth_key_id <> $1)",
            self.inner.vault.key_id()
        )
        .execute(&self.inner.pool)
        .await?;
        Ok(())
    }
}
