//! The audit: who did what of consequence. An entry is written by the statement or the transaction that does it: nothing is done without
//! its entry, and no entry tells of what was not done.

use chrono::{DateTime, TimeDelta, Utc};
use proto::{Actor, ActorKind, AuditEntry};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    db::Queue,
    error::{Error, Result},
    id::{self, EndpointId},
    rights::Reach,
};

/// How long entries are kept: a year, and time to look back at it.
const KEPT: TimeDelta = TimeDelta::days(400);

/// Entries removed by one statement.
const BATCH: i64 = 10_000;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    KeyMade,
    KeyChanged,
    KeyRevoked,
    KeyRotated,
    UserMade,
    UserChanged,
    UserPasswordChanged,
    UserSignedIn,
    UserSignedOut,
    UserDeleted,
    SecretMade,
    SecretRevealed,
    SecretDeleted,
    AuthChanged,
    EndpointDeleted,
    EndpointPurged,
    QueueDeleted,
    QueuePurged,
    DeadLettersPurged,
    DeadLettersReplayed,
    TaskExpunged,
    TaskReplayed,
    ReplayBegun,
    ReplayCancelled,
    VaultRotated,
}

impl Action {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::KeyMade => "key.made",
            Self::KeyChanged => "key.changed",
            Self::KeyRevoked => "key.revoked",
            Self::KeyRotated => "key.rotated",
            Self::UserMade => "user.made",
            Self::UserChanged => "user.changed",
            Self::UserPasswordChanged => "user.password_changed",
            Self::UserSignedIn => "user.signed_in",
            Self::UserSignedOut => "user.signed_out",
            Self::UserDeleted => "user.deleted",
            Self::SecretMade => "secret.made",
            Self::SecretRevealed => "secret.revealed",
            Self::SecretDeleted => "secret.deleted",
            Self::AuthChanged => "endpoint.auth_changed",
            Self::EndpointDeleted => "endpoint.deleted",
            Self::EndpointPurged => "endpoint.purged",
            Self::QueueDeleted => "queue.deleted",
            Self::QueuePurged => "queue.purged",
            Self::DeadLettersPurged => "dead_letters.purged",
            Self::DeadLettersReplayed => "dead_letters.replayed",
            Self::TaskExpunged => "task.expunged",
            Self::TaskReplayed => "task.replayed",
            Self::ReplayBegun => "replay.begun",
            Self::ReplayCancelled => "replay.cancelled",
            Self::VaultRotated => "vault.rotated",
        }
    }
}

/// Who does things that nobody asked for.
fn server() -> Actor {
    Actor {
        kind: ActorKind::Server,
        id: String::new(),
        name: "server".to_owned(),
    }
}

/// Something done, to be written down.
#[derive(Debug)]
pub(crate) struct Deed<'a> {
    pub(crate) action: Action,
    /// What it was done to: an id, or a queue's name.
    pub(crate) subject: String,
    pub(crate) endpoint: Option<EndpointId>,
    /// Names or globs of the queues that it concerns.
    pub(crate) queues: &'a [String],
}

impl Queue {
    /// The same queue for somebody: what they do of consequence is written down as theirs. Without it, it is the server's own doing.
    #[must_use]
    pub fn on_behalf_of(&self, mut actor: Actor) -> Self {
        // Whoever issues tokens may call somebody what they like; PostgreSQL's text takes no NUL.
        actor.id = actor.id.replace('\0', "\u{fffd}");
        Self {
            inner: self.inner.clone(),
            actor: Some(actor.into()),
        }
    }

    pub(crate) fn actor(&self) -> Actor {
        self.actor.as_deref().cloned().unwrap_or_else(server)
    }

    /// Writes a deed down, in the transaction that does it.
    pub(crate) async fn audit(
        &self,
        tx: &mut PgConnection,
        deed: Deed<'_>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let actor = self.actor();
        sqlx::query!(
            "-- audit
            INSERT INTO audit (id, at, actor_kind, actor, actor_name, action, subject, endpoint_id, queues)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            self.mint(now),
            now,
            kind_word(actor.kind),
            actor.id,
            actor.name,
            deed.action.word(),
            deed.subject,
            deed.endpoint,
            deed.queues
        )
        .execute(tx)
        .await?;
        Ok(())
    }

    /// The same in a transaction of its own, before what takes many.
    pub(crate) async fn audit_ahead(&self, deed: Deed<'_>, now: DateTime<Utc>) -> Result<()> {
        let mut tx = self.inner.pool.begin().await?;
        self.audit(&mut tx, deed, now).await?;
        Ok(tx.commit().await?)
    }

    /// Lists what was done, newest first, as far as it concerns nothing beyond `reach`: before the entry `before`, at most `limit`.
    pub async fn list_audit(
        &self,
        reach: &Reach,
        before: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<AuditEntry>> {
        let rows = sqlx::query!(
            "-- list audit
            SELECT id, at, actor_kind, actor, actor_name, action, subject, endpoint_id, queues FROM audit
            -- a star in a glob is like any character to LIKE: only a star of the reach takes it up
            WHERE id < $1 AND ($3::text[] IS NULL OR NOT EXISTS (SELECT FROM unnest(queues) AS g (glob) WHERE NOT glob LIKE ANY ($3)))
            ORDER BY id DESC LIMIT $2",
            before.unwrap_or(Uuid::max()),
            limit,
            reach.likes() as _
        )
        .fetch_all(&self.inner.pool)
        .await?;
        let entry = |row: (Uuid, String)| {
            kind_of(&row.1).ok_or_else(|| Error::corrupt("audit", "actor_kind", row.0, &row.1))
        };
        rows.into_iter()
            .map(|row| {
                let kind = entry((row.id, row.actor_kind))?;
                Ok(AuditEntry {
                    id: row.id,
                    at: row.at,
                    actor: Actor {
                        kind,
                        id: row.actor,
                        name: row.actor_name,
                    },
                    action: row.action,
                    subject: row.subject,
                    endpoint: row.endpoint_id,
                    queues: row.queues,
                })
            })
            .collect()
    }

    /// Removes entries that were kept long enough; one bounded step.
    pub(crate) async fn forget_audit(&self, now: DateTime<Utc>) -> Result<u64> {
        let done = sqlx::query!(
            "-- sweep: audit\nDELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id < $1 ORDER BY id LIMIT $2)",
            id::floor(now - KEPT),
            BATCH
        )
        .execute(&self.inner.pool)
        .await?;
        Ok(done.rows_affected())
    }
}

pub(crate) fn kind_word(kind: ActorKind) -> &'static str {
    match kind {
        ActorKind::Key => "key",
        ActorKind::Token => "token",
        ActorKind::User => "user",
        ActorKind::Server => "server",
    }
}

fn kind_of(word: &str) -> Option<ActorKind> {
    let kinds = [
        ActorKind::Key,
        ActorKind::Token,
        ActorKind::User,
        ActorKind::Server,
    ];
    kinds.into_iter().find(|kind| kind_word(*kind) == word)
}
