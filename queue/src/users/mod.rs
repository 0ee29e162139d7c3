//! Users: people who sign in by a name and a password. Each has a role, and patterns of the queues that they see.
//!
//! Users are part of the catalog, as keys are: whether a session's user still is one is a look into memory, and a change is in effect on
//! every node within a second. A session names the epoch in which it was begun; a change that ends sessions raises the user's.

mod change;
pub mod password;
mod read;
mod rules;
mod sign_in;

use std::{fmt, sync::Arc};

use proto::Role;
use uuid::Uuid;

pub use self::sign_in::Passwords;
use crate::{
    db::Queue,
    error::Error,
    rights::{Reach, Rights},
};

/// A user as the node knows them.
#[derive(Clone)]
pub struct UserEntry {
    /// Their id.
    pub id: Uuid,
    /// Their name.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The same as rights.
    pub rights: Rights,
    /// Whether they are kept from signing in.
    pub disabled: bool,
    /// Sessions of an earlier epoch have ended.
    pub epoch: i32,
    /// The hash of their password.
    password: String,
}

impl fmt::Debug for UserEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserEntry")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("rights", &self.rights)
            .finish_non_exhaustive()
    }
}

impl UserEntry {
    /// What a role allows on these queues.
    fn rights_of(role: Role, queues: Vec<String>) -> Rights {
        Rights {
            scopes: role.scopes().iter().copied().collect(),
            reach: Reach::of(queues),
        }
    }
}

impl Queue {
    /// The user of a session that was begun in `epoch`; `None` if it has ended: by a new password, a sign-out everywhere, or the user's end.
    pub fn find_user(&self, id: Uuid, epoch: i32) -> Option<Arc<UserEntry>> {
        let snapshot = self.catalog().snapshot();
        let entry = snapshot.users.get(&id)?;
        (entry.epoch == epoch && !entry.disabled).then(|| entry.clone())
    }
}

/// There is no user of this id.
pub fn no_user(id: Uuid) -> Error {
    Error::NotFound(format!("user {id}"))
}
