//! Users: make, change, delete, and end their sessions.

use chrono::{DateTime, Utc};
use proto::{NewUser, Role, User, UserUpdate};
use uuid::Uuid;

use super::{no_user, password, read::Row, rules};
use crate::{
    audit::{Action, Deed},
    change::Change,
    db::Queue,
    error::{Problems, Result},
    rights::Scopes,
};

/// The name of the user that the first start makes.
const FIRST: &str = "admin";

impl Queue {
    /// Makes a user.
    pub async fn make_user(&self, new: NewUser, now: DateTime<Utc>) -> Result<User> {
        let checked = rules::check(&new)?;
        let hashed = self.hash_password(new.password).await?;
        let mut change = self.begin_change().await?;
        let made = self.insert_user(&mut change, &checked, &hashed, now).await?;
        change.commit(self).await?;
        Ok(made)
    }

    /// Makes the first user, an admin of everything, with a password that is made up and returned; `None` if there is, or ever was, one.
    pub async fn make_first_user(&self, now: DateTime<Utc>) -> Result<Option<(String, String)>> {
        let password = self.with_ids(|_, rng| password::random(rng));
        let new = NewUser {
            name: FIRST.to_owned(),
            password: password.clone(),
            role: Role::Admin,
            queues: vec!["*".to_owned()],
        };
        let checked = rules::check(&new)?;
        let hashed = self.hash_password(new.password).await?;
        // The change holds the catalog's row: whoever comes second sees the first one's user.
        let mut change = self.begin_change().await?;
        let exists = sqlx::query_scalar!(
            r#"-- is there a user
            SELECT EXISTS (SELECT FROM users) AS "exists!""#
        )
        .fetch_one(&mut *change.tx)
        .await?;
        if exists {
            return Ok(None);
        }
        self.insert_user(&mut change, &checked, &hashed, now).await?;
        change.commit(self).await?;
        Ok(Some((checked.name, password)))
    }

    async fn insert_user(
        &self,
        change: &mut Change,
        user: &rules::Checked,
        hashed: &str,
        now: DateTime<Utc>,
    ) -> Result<User> {
        let row = sqlx::query_as!(
            Row,
            "-- make user
            INSERT INTO users (id, name, password, role, queues, disabled, created_at, changed)
            VALUES ($1, $2, $3, $4, $5, false, $6, $7)
            ON CONFLICT (name) WHERE deleted_at IS NULL DO NOTHING
            RETURNING id, name, role, queues, disabled, created_at, signed_in_at",
            self.mint(now),
            user.name,
            hashed,
            user.role.word(),
            &user.queues,
            now,
            change.version
        )
        .fetch_optional(&mut *change.tx)
        .await?;
        let made = row.ok_or_else(|| rules::taken(&user.name))?.into_user()?;
        self.audit_user(change, Action::UserMade, &made, now).await?;
        Ok(made)
    }

    /// Changes a user. What takes rights away ends the user's sessions: a new password, a role that may less, being disabled.
    pub async fn update_user(&self, id: Uuid, update: UserUpdate, now: DateTime<Utc>) -> Result<User> {
        let name = self.read_user(id).await?.name;
        let mut problems = Problems::default();
        if let Some(password) = &update.password {
            rules::check_password(password, &name, "password", &mut problems);
        }
        if let Some(queues) = &update.queues {
            rules::check_queues(queues, &mut problems);
        }
        problems.finish()?;
        let hashed = match update.password.clone() {
            Some(password) => Some(self.hash_password(password).await?),
            None => None,
        };
        let mut change = self.begin_change().await?;
        let before = user_to_change(&mut change, id).await?;
        let (disabled, role) = (
            update.disabled.unwrap_or(before.disabled),
            update.role.unwrap_or(before.role),
        );
        let ends = hashed.is_some() || disabled && !before.disabled || allows_less(before.role, role);
        let row = sqlx::query_as!(
            Row,
            "-- update user
            UPDATE users SET role = $2, queues = $3, disabled = $4, password = coalesce($5, password),
                epoch = epoch + $6::bool::int, changed = $7
            WHERE id = $1
            RETURNING id, name, role, queues, disabled, created_at, signed_in_at",
            id,
            role.word(),
            &update.queues.unwrap_or(before.queues),
            disabled,
            hashed,
            ends,
            change.version
        )
        .fetch_one(&mut *change.tx)
        .await?;
        let user = row.into_user()?;
        let action = if hashed.is_some() {
            Action::UserPasswordChanged
        } else {
            Action::UserChanged
        };
        self.audit_user(&mut change, action, &user, now).await?;
        change.commit(self).await?;
        Ok(user)
    }

    /// Gives a user, whose current password was asked for, a new one. Ends all sessions of theirs.
    pub async fn change_password(
        &self,
        id: Uuid,
        name: &str,
        new: String,
        now: DateTime<Utc>,
    ) -> Result<User> {
        let mut problems = Problems::default();
        rules::check_password(&new, name, "new", &mut problems);
        problems.finish()?;
        let update = UserUpdate {
            password: Some(new),
            ..UserUpdate::default()
        };
        self.update_user(id, update, now).await
    }

    /// Ends all sessions of a user, on every node within a second.
    pub async fn sign_user_out(&self, id: Uuid, now: DateTime<Utc>) -> Result<()> {
        let mut change = self.begin_change().await?;
        let user = user_to_change(&mut change, id).await?;
        sqlx::query!(
            "-- sign user out\nUPDATE users SET epoch = epoch + 1, changed = $2 WHERE id = $1",
            id,
            change.version
        )
        .execute(&mut *change.tx)
        .await?;
        self.audit_user(&mut change, Action::UserSignedOut, &user, now)
            .await?;
        change.commit(self).await
    }

    /// Deletes a user for good; the audit goes on naming them. The name is free again.
    pub async fn delete_user(&self, id: Uuid, now: DateTime<Utc>) -> Result<()> {
        let mut change = self.begin_change().await?;
        let user = user_to_change(&mut change, id).await?;
        sqlx::query!(
            "-- delete user
            UPDATE users SET deleted_at = $2, password = '', epoch = epoch + 1, changed = $3 WHERE id = $1",
            id,
            now,
            change.version
        )
        .execute(&mut *change.tx)
        .await?;
        self.audit_user(&mut change, Action::UserDeleted, &user, now)
            .await?;
        change.commit(self).await
    }

    async fn audit_user(
        &self,
        change: &mut Change,
        action: Action,
        user: &User,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let deed = Deed {
            action,
            subject: user.id.to_string(),
            endpoint: None,
            queues: &user.queues,
        };
        self.audit(&mut change.tx, deed, now).await
    }
}

/// Whether a role lacks a scope that another one has.
fn allows_less(before: Role, now: Role) -> bool {
    let has: Scopes = now.scopes().iter().copied().collect();
    before.scopes().iter().any(|scope| !has.allow(*scope))
}

/// A user that was not deleted. The change holds the catalog's row, so nobody else changes them before the change ends.
async fn user_to_change(change: &mut Change, id: Uuid) -> Result<User> {
    let row = sqlx::query_as!(
        Row,
        "-- user to change
        SELECT id, name, role, queues, disabled, created_at, signed_in_at FROM users WHERE id = $1 AND deleted_at IS NULL",
        id
    )
    .fetch_optional(&mut *change.tx)
    .await?;
    row.ok_or_else(|| no_user(id))?.into_user()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_that_may_less_is_known() {
        for (before, now, less) in [
            (Role::Viewer, Role::Operator, false),
            (Role::Viewer, Role::Admin, false),
            (Role::Operator, Role::Admin, false),
            (Role::Admin, Role::Operator, true),
            (Role::Operator, Role::Viewer, true),
            (Role::Admin, Role::Admin, false),
        ] {
            assert_eq!(allows_less(before, now), less, "{before:?} {now:?}");
        }
    }
}
