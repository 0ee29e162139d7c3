//! Users, read and listed; and as the catalog takes them.

use chrono::{DateTime, Utc};
use proto::User;
use uuid::Uuid;

use super::{UserEntry, no_user, rules};
use crate::{
    catalog::Snapshot,
    db::Queue,
    error::{Error, Result},
    rights::Reach,
};

/// A row of `users`.
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) name: String,
    pub(super) role: String,
    pub(super) queues: Vec<String>,
    pub(super) disabled: bool,
    pub(super) created_at: DateTime<Utc>,
    pub(super) signed_in_at: Option<DateTime<Utc>>,
}

impl Row {
    pub(super) fn into_user(self) -> Result<User> {
        Ok(User {
            id: self.id,
            name: self.name,
            role: rules::role(&self.role)
                .ok_or_else(|| Error::corrupt("users", "role", self.id, &self.role))?,
            queues: self.queues,
            disabled: self.disabled,
            created_at: self.created_at,
            signed_in_at: self.signed_in_at,
        })
    }
}

impl Queue {
    /// Reads a user.
    pub async fn read_user(&self, id: Uuid) -> Result<User> {
        let row = sqlx::query_as!(
            Row,
            "-- read user
            SELECT id, name, role, queues, disabled, created_at, signed_in_at FROM users WHERE id = $1 AND deleted_at IS NULL",
            id
        )
        .fetch_optional(&self.inner.pool)
        .await?;
        row.ok_or_else(|| no_user(id))?.into_user()
    }

    /// Lists the users that reach nothing beyond `reach`, oldest first, those after `after`, at most `limit`.
    pub async fn list_users(&self, reach: &Reach, after: Option<Uuid>, limit: i64) -> Result<Vec<User>> {
        let rows = sqlx::query_as!(
            Row,
            "-- list users
            SELECT id, name, role, queues, disabled, created_at, signed_in_at FROM users
            -- a star in a user's pattern is like any character to LIKE: only a star of the reach takes it up
            WHERE deleted_at IS NULL AND id > $1
                AND ($3::text[] IS NULL OR NOT EXISTS (SELECT FROM unnest(queues) AS g (glob) WHERE NOT glob LIKE ANY ($3)))
            ORDER BY id LIMIT $2",
            after.unwrap_or_default(),
            limit,
            reach.likes() as _
        )
        .fetch_all(&self.inner.pool)
        .await?;
        rows.into_iter().map(Row::into_user).collect()
    }

    pub(crate) async fn read_changed_users(&self, next: &mut Snapshot, known: i64) -> Result<()> {
        let rows = sqlx::query!(
            "-- catalog: changed users
            SELECT id, name, password, role, queues, disabled, epoch, deleted_at FROM users WHERE changed > $1",
            known
        )
        .fetch_all(&self.inner.pool)
        .await?;
        for row in rows {
            if row.deleted_at.is_some() {
                next.users.remove(&row.id);
                continue;
            }
            let role =
                rules::role(&row.role).ok_or_else(|| Error::corrupt("users", "role", row.id, &row.role))?;
            let entry = UserEntry {
                id: row.id,
                name: row.name,
                role,
                rights: UserEntry::rights_of(role, row.queues),
                disabled: row.disabled,
                epoch: row.epoch,
                password: row.password,
            };
            next.users.insert(row.id, entry.into());
        }
        Ok(())
    }
}
