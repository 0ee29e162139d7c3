//! An endpoint's signing secrets: add (with an overlap in which those of the same scheme go on signing), list, reveal, delete; and the
//! explanation of signatures.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};
use proto::{NewSecret, RevealedSecret, Secret as ShownSecret, SigningScheme, Verification};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    audit::{Action, Deed, kind_word},
    change::Change,
    db::Queue,
    endpoints::no_endpoint,
    error::{Error, Problems, Result},
    id::{EndpointId, TaskId},
    signature::{self, Given, Known, PublicKey, Secret, Signer},
};

/// How long old secrets go on signing unless the caller says: a day in which receivers can be changed.
const OVERLAP: Duration = Duration::from_hours(24);
/// The longest overlap.
const LONGEST: Duration = Duration::from_hours(30 * 24);
/// Most secrets that sign at once: each lengthens the header that receivers must take, to some 500 bytes.
const MOST: i64 = 5;

/// A secret that signs, prepared, and when it stops.
pub type Signing = (Signer, Option<DateTime<Utc>>);

pub(crate) fn scheme_word(scheme: SigningScheme) -> &'static str {
    match scheme {
        SigningScheme::V1 => "v1",
        SigningScheme::V1a => "v1a",
    }
}

fn parse_scheme(word: &str, id: Uuid) -> Result<SigningScheme> {
    match word {
        "v1" => Ok(SigningScheme::V1),
        "v1a" => Ok(SigningScheme::V1a),
        other => Err(Error::corrupt("endpoint_secrets", "scheme", id, other)),
    }
}

fn shown_key(key: Option<Vec<u8>>) -> Option<String> {
    let bytes = key?.try_into().ok()?;
    Some(PublicKey::from_bytes(bytes).reveal())
}

impl Queue {
    /// The secret that somebody gave, or one that is made of the scheme they want. Notes what is wrong.
    pub(crate) fn secret_of(
        &self,
        given: Option<&str>,
        scheme: Option<SigningScheme>,
        problems: &mut Problems,
    ) -> Option<Secret> {
        let Some(text) = given else {
            let scheme = scheme.unwrap_or(SigningScheme::V1);
            return Some(self.with_ids(|_, rng| Secret::make(scheme, rng)));
        };
        match Secret::parse(text) {
            Ok(secret) => {
                let fine = scheme.is_none_or(|scheme| scheme == secret.scheme());
                problems.require(
                    fine,
                    "scheme",
                    "is not that of the secret: whsec_ is v1, whsk_ is v1a",
                );
                Some(secret)
            }
            Err(problem) => {
                problems.add("secret", problem.to_string());
                None
            }
        }
    }

    pub(crate) async fn insert_secret(
        &self,
        change: &mut Change,
        endpoint: EndpointId,
        queue: &str,
        secret: &Secret,
        now: DateTime<Utc>,
    ) -> Result<Uuid> {
        let id = self.mint(now);
        let vault = &self.inner.vault;
        let sealed = self.with_ids(|_, rng| vault.seal(id, secret.expose(), rng));
        let public = secret.public_key();
        sqlx::query!(
            "-- make secret
            INSERT INTO endpoint_secrets (id, endpoint_id, sealed, created_at, scheme, public_key, key_id) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            id,
            endpoint,
            sealed,
            now,
            scheme_word(secret.scheme()),
            public.as_ref().map(|key| key.as_bytes().as_slice()),
            vault.key_id()
        )
        .execute(&mut *change.tx)
        .await?;
        self.audit_secret(&mut change.tx, Action::SecretMade, id, endpoint, queue, now)
            .await?;
        Ok(id)
    }

    async fn audit_secret(
        &self,
        tx: &mut PgConnection,
        action: Action,
        secret: Uuid,
        endpoint: EndpointId,
        queue: &str,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let deed = Deed {
            action,
            subject: secret.to_string(),
            endpoint: Some(endpoint),
            queues: &[queue.to_owned()],
        };
        self.audit(tx, deed, now).await
    }

    /// Marks an endpoint as changed, as its secrets are part of it; the name of its queue.
    async fn touch(change: &mut Change, endpoint: EndpointId, now: DateTime<Utc>) -> Result<String> {
        let queue = sqlx::query_scalar!(
            "-- secrets: touch the endpoint
            UPDATE endpoints AS e SET updated_at = $2, changed = $3 FROM queues AS q
            WHERE e.id = $1 AND e.deleted_at IS NULL AND q.id = e.queue_id RETURNING q.name",
            endpoint,
            now,
            change.version
        )
        .fetch_optional(&mut *change.tx)
        .await?;
        queue.ok_or_else(|| no_endpoint(endpoint))
    }

    /// Adds a secret, which becomes the current one of its scheme. The others of this scheme sign beside it until the overlap is over. Those
    /// that have ended are removed.
    pub async fn add_secret(
        &self,
        endpoint: EndpointId,
        new: NewSecret,
        now: DateTime<Utc>,
    ) -> Result<RevealedSecret> {
        let mut problems = Problems::default();
        let overlap = new.overlap.map_or(OVERLAP, |span| span.0);
        problems.require(overlap <= LONGEST, "overlap", "at most 30d");
        let secret = self.secret_of(new.secret.as_deref(), new.scheme, &mut problems);
        problems.finish()?;
        let Some(secret) = secret else {
            return Err(Error::invalid("secret", "cannot be read"));
        };
        let mut change = self.begin_change().await?;
        let queue = Self::touch(&mut change, endpoint, now).await?;
        sqlx::query!("-- add secret: remove ended\nDELETE FROM endpoint_secrets WHERE endpoint_id = $1 AND expires_at <= $2", endpoint, now)
            .execute(&mut *change.tx)
            .await?;
        sqlx::query!(
            "-- add secret: end the others
            UPDATE endpoint_secrets SET expires_at = least(coalesce(expires_at, $2), $2) WHERE endpoint_id = $1 AND scheme = $3",
            endpoint,
            now + overlap,
            scheme_word(secret.scheme())
        )
        .execute(&mut *change.tx)
        .await?;
        let others = sqlx::query_scalar!(
            r#"-- add secret: count
            SELECT count(*) AS "count!" FROM endpoint_secrets WHERE endpoint_id = $1 AND (expires_at IS NULL OR expires_at > $2)"#,
            endpoint,
            now
        )
        .fetch_one(&mut *change.tx)
        .await?;
        if others >= MOST {
            return Err(Error::Conflict(format!(
                "{MOST} secrets sign already: wait until one has ended, delete one, or give an overlap of 0s to end those of this scheme"
            )));
        }
        let id = self
            .insert_secret(&mut change, endpoint, &queue, &secret, now)
            .await?;
        change.commit(self).await?;
        Ok(RevealedSecret {
            id,
            secret: secret.reveal(),
            scheme: secret.scheme(),
            public_key: secret.public_key().map(|key| key.reveal()),
            created_at: now,
            expires_at: None,
        })
    }

    /// The endpoint's secrets that have not ended, newest first, without their values.
    pub async fn list_secrets(&self, endpoint: EndpointId, now: DateTime<Utc>) -> Result<Vec<ShownSecret>> {
        let rows = sqlx::query!(
            "-- list secrets
            SELECT id, scheme, public_key, created_at, expires_at FROM endpoint_secrets
            WHERE endpoint_id = $1 AND (expires_at IS NULL OR expires_at > $2) ORDER BY id DESC",
            endpoint,
            now
        )
        .fetch_all(&self.inner.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(ShownSecret {
                    id: row.id,
                    scheme: parse_scheme(&row.scheme, row.id)?,
                    public_key: shown_key(row.public_key),
                    created_at: row.created_at,
                    expires_at: row.expires_at,
                })
            })
            .collect()
    }

    /// A secret that has not ended, with its value. That it was shown is written down by the statement that reads it.
    pub async fn reveal_secret(
        &self,
        endpoint: EndpointId,
        secret: Uuid,
        now: DateTime<Utc>,
    ) -> Result<RevealedSecret> {
        let actor = self.actor();
        let row = sqlx::query!(
            r#"-- reveal secret
            WITH found AS (
                SELECT s.id, s.scheme, s.public_key, s.sealed, s.created_at, s.expires_at, q.name AS queue
                FROM endpoint_secrets s JOIN endpoints e ON e.id = s.endpoint_id JOIN queues q ON q.id = e.queue_id
                WHERE s.id = $2 AND s.endpoint_id = $1 AND (s.expires_at IS NULL OR s.expires_at > $3) AND e.deleted_at IS NULL
            ), noted AS (
                INSERT INTO audit (id, at, actor_kind, actor, actor_name, action, subject, endpoint_id, queues)
                SELECT $4, $3, $5, $6, $7, $8, id::text, $1, ARRAY[queue] FROM found
            )
            SELECT id AS "id!", scheme AS "scheme!", public_key, sealed AS "sealed!", created_at AS "created_at!", expires_at FROM found"#,
            endpoint,
            secret,
            now,
            self.mint(now),
            kind_word(actor.kind),
            actor.id,
            actor.name,
            Action::SecretRevealed.word()
        )
        .fetch_optional(&self.inner.pool)
        .await?
        .ok_or_else(|| no_secret(secret))?;
        let value = self.open_secret(row.id, &row.scheme, &row.sealed)?;
        Ok(RevealedSecret {
            id: row.id,
            secret: value.reveal(),
            scheme: value.scheme(),
            public_key: shown_key(row.public_key),
            created_at: row.created_at,
            expires_at: row.expires_at,
        })
    }

    /// Deletes a secret: it signs nothing from now on. The last one that signs without end stays.
    pub async fn delete_secret(&self, endpoint: EndpointId, secret: Uuid, now: DateTime<Utc>) -> Result<()> {
        let mut change = self.begin_change().await?;
        let queue = Self::touch(&mut change, endpoint, now).await?;
        let done = sqlx::query!(
            "-- delete secret\nDELETE FROM endpoint_secrets WHERE id = $2 AND endpoint_id = $1",
            endpoint,
            secret
        )
        .execute(&mut *change.tx)
        .await?;
        if done.rows_affected() == 0 {
            return Err(no_secret(secret));
        }
        let stays = sqlx::query_scalar!(
            r#"-- delete secret: is one left
            SELECT EXISTS (SELECT FROM endpoint_secrets WHERE endpoint_id = $1 AND expires_at IS NULL) AS "stays!""#,
            endpoint
        )
        .fetch_one(&mut *change.tx)
        .await?;
        if !stays {
            return Err(Error::Conflict(
                "it is the last secret that signs without end: add another first".into(),
            ));
        }
        self.audit_secret(
            &mut change.tx,
            Action::SecretDeleted,
            secret,
            endpoint,
            &queue,
            now,
        )
        .await?;
        change.commit(self).await
    }

    /// Explains why a receiver accepts a request's signature or does not. Without a body it is the payload of the task that the request names.
    pub async fn verify(
        &self,
        endpoint: EndpointId,
        request: &Given<'_>,
        body: Option<&[u8]>,
        now: DateTime<Utc>,
    ) -> Result<Verification> {
        let queue = self.find_endpoint(endpoint).await?.queue_id;
        let sent = match request.id.and_then(|id| id.trim().trim_matches('"').parse().ok()) {
            Some(task) => self.payload_in(queue, task).await?,
            None => None,
        };
        let Some(body) = body.or(sent.as_deref()) else {
            return Err(Error::invalid(
                "body",
                "is needed: no task of the endpoint's queue has this `webhook-id`, whose payload could be taken",
            ));
        };
        let known = self.known_secrets(endpoint).await?;
        // Hashing a large body for each way in which it may have been changed takes a while.
        let texts = [request.id, request.timestamp, request.signature, request.secret]
            .map(|text| text.map(str::to_owned));
        let body = body.to_vec();
        let explained = tokio::task::spawn_blocking(move || {
            let [id, timestamp, signature, secret] = &texts;
            let given = Given {
                id: id.as_deref(),
                timestamp: timestamp.as_deref(),
                signature: signature.as_deref(),
                body: &body,
                secret: secret.as_deref(),
            };
            signature::explain(&given, &known, sent.as_deref(), now)
        });
        explained
            .await
            .map_err(|error| Error::Unavailable(format!("the explanation ended early: {error}")))
    }

    async fn payload_in(&self, queue: Uuid, task: TaskId) -> Result<Option<Vec<u8>>> {
        Ok(sqlx::query_scalar!(
            "-- verify: what was sent\nSELECT payload FROM tasks WHERE id = $1 AND queue_id = $2",
            task,
            queue
        )
        .fetch_optional(&self.inner.pool)
        .await?)
    }

    /// Every secret that an endpoint has, those included that have ended and were not removed yet.
    async fn known_secrets(&self, endpoint: EndpointId) -> Result<Vec<Known>> {
        let rows = sqlx::query!(
            "-- verify: secrets\nSELECT id, scheme, sealed, expires_at FROM endpoint_secrets WHERE endpoint_id = $1 ORDER BY id DESC",
            endpoint
        )
        .fetch_all(&self.inner.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(Known {
                    id: row.id,
                    secret: self.open_secret(row.id, &row.scheme, &row.sealed)?,
                    expires_at: row.expires_at,
                })
            })
            .collect()
    }

    /// What signs for these endpoints, newest first.
    pub(crate) async fn read_signers(
        &self,
        endpoints: &[EndpointId],
    ) -> Result<HashMap<EndpointId, Vec<Signing>>> {
        let rows = sqlx::query!(
            r#"-- catalog: secrets of changed endpoints
            SELECT id, endpoint_id, scheme, sealed, expires_at FROM endpoint_secrets WHERE endpoint_id = ANY($1) ORDER BY id DESC"#,
            endpoints
        )
        .fetch_all(&self.inner.pool)
        .await?;
        let mut signers = HashMap::<_, Vec<_>>::new();
        for row in rows {
            let secret = self.open_secret(row.id, &row.scheme, &row.sealed)?;
            signers
                .entry(row.endpoint_id)
                .or_default()
                .push((Signer::new(&secret), row.expires_at));
        }
        Ok(signers)
    }

    fn open_secret(&self, id: Uuid, scheme: &str, sealed: &[u8]) -> Result<Secret> {
        let bytes = self
            .inner
            .vault
            .open(id, sealed)
            .map_err(|e| Error::corrupt("endpoint_secrets", "sealed", id, e))?;
        Secret::from_bytes(parse_scheme(scheme, id)?, bytes)
            .map_err(|e| Error::corrupt("endpoint_secrets", "sealed", id, e))
    }
}

/// There is no such secret that signs.
fn no_secret(id: Uuid) -> Error {
    Error::NotFound(format!("secret {id} that signs"))
}
