//! Signing in: is this the password of that name?

use std::{fmt, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use tokio::sync::Semaphore;

use super::{UserEntry, password, rules};
use crate::{
    audit::{Action, Deed},
    db::Queue,
    error::{Error, Result},
};

/// Passwords that are hashed at once: each takes a core for some 20 ms, and 19 MiB.
const AT_ONCE: usize = 2;

/// How long one waits for its turn: some hundred others.
const PATIENCE: Duration = Duration::from_secs(3);

/// Turns at hashing passwords.
pub struct Passwords(Arc<Semaphore>);

impl Default for Passwords {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passwords")
    }
}

impl Passwords {
    /// Does work of that weight beside the tasks of this process, when it is its turn.
    pub(super) async fn weigh<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let busy = || Error::Unavailable("too many people sign in at once".to_owned());
        let turn = tokio::time::timeout(PATIENCE, self.0.clone().acquire_owned());
        let turn = turn.await.map_err(|_| busy())?.map_err(|_| busy())?;
        let done = tokio::task::spawn_blocking(move || {
            // Held here: who goes away meanwhile frees no core.
            let _turn = turn;
            work()
        });
        done.await.map_err(|error| Error::Unavailable(error.to_string()))
    }
}

impl Queue {
    /// The hash of a password with a salt of its own.
    pub(super) async fn hash_password(&self, text: String) -> Result<String> {
        let mut salt = [0; password::SALT];
        self.with_ids(|_, rng| rand::Rng::fill_bytes(rng, &mut salt));
        let hashed = self
            .inner
            .passwords
            .weigh(move || password::hash(&text, &salt))
            .await?;
        hashed.map_err(|error| Error::Unavailable(format!("the password cannot be hashed: {error}")))
    }

    /// The user of this name, if this is their password; `None` for any other, which takes as long. Whether they may sign in is another
    /// question: see [`UserEntry::disabled`]. Does not look into the database.
    pub async fn check_password(&self, name: &str, text: String) -> Result<Option<Arc<UserEntry>>> {
        let name = rules::kept(name);
        let found = {
            let snapshot = self.catalog().snapshot();
            snapshot.users.values().find(|user| user.name == name).cloned()
        };
        let hashed = found
            .as_ref()
            .map_or_else(|| password::NOBODYS.to_owned(), |user| user.password.clone());
        let right = self
            .inner
            .passwords
            .weigh(move || password::verify(&text, &hashed))
            .await?;
        Ok(found.filter(|_| right))
    }

    /// Whether somebody of this name is known here.
    pub fn knows_user(&self, name: &str) -> bool {
        let name = rules::kept(name);
        self.catalog()
            .snapshot()
            .users
            .values()
            .any(|user| user.name == name)
    }

    /// Writes down that a user signed in: who acts is the user.
    pub async fn note_sign_in(&self, user: &UserEntry, now: DateTime<Utc>) -> Result<()> {
        let mut tx = self.inner.pool.begin().await?;
        sqlx::query!(
            "-- note sign-in
            UPDATE users SET signed_in_at = $2 WHERE id = $1",
            user.id,
            now
        )
        .execute(&mut *tx)
        .await?;
        let deed = Deed {
            action: Action::UserSignedIn,
            subject: user.id.to_string(),
            endpoint: None,
            queues: user.rights.reach.patterns(),
        };
        self.audit(&mut tx, deed, now).await?;
        Ok(tx.commit().await?)
    }
}
