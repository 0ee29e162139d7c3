//! Who asks, found once for each request by [`crate::auth`].

use std::sync::Arc;

use chrono::{DateTime, Utc};
use proto::{Actor, ActorKind};
use queue::{
    keys::{KeyEntry, Rate},
    rights::{Reach, Scopes},
    users::UserEntry,
};
use uuid::Uuid;

use crate::auth::jwt::Token;

/// Who asks, and what they may. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// Who has this API key.
    Key(Arc<KeyEntry>),
    /// Who has signed in with this key, and until when that lasts.
    Session(Arc<KeyEntry>, DateTime<Utc>),
    /// This user, who has signed in, and until when that lasts.
    User(Arc<UserEntry>, DateTime<Utc>),
    /// Who has this token.
    Token(Arc<Token>),
}

impl Caller {
    /// What they may do.
    pub(crate) fn scopes(&self) -> Scopes {
        match self {
            Self::Key(key) | Self::Session(key, _) => key.rights.scopes,
            Self::User(user, _) => user.rights.scopes,
            Self::Token(token) => token.rights.scopes,
        }
    }

    /// Who they are, for the audit.
    pub(crate) fn actor(&self) -> Actor {
        match self {
            Self::Key(key) | Self::Session(key, _) => Actor {
                kind: ActorKind::Key,
                id: key.id.to_string(),
                name: key.name.clone(),
            },
            Self::User(user, _) => Actor {
                kind: ActorKind::User,
                id: user.id.to_string(),
                name: user.name.clone(),
            },
            Self::Token(token) => Actor {
                kind: ActorKind::Token,
                id: token.subject.clone().unwrap_or_default(),
                name: token.issuer.clone(),
            },
        }
    }

    /// How fast they may enqueue, if that is limited: the key that counts, and its rate.
    pub(crate) fn rate(&self) -> Option<(Uuid, Rate)> {
        match self {
            Self::Key(key) | Self::Session(key, _) => key.rate.map(|rate| (key.id, rate)),
            Self::User(..) | Self::Token(_) => None,
        }
    }

    /// Which queues they see and touch, with everything that belongs to these.
    pub(crate) fn reach(&self) -> &Reach {
        match self {
            Self::Key(key) | Self::Session(key, _) => &key.rights.reach,
            Self::User(user, _) => &user.rights.reach,
            Self::Token(token) => &token.rights.reach,
        }
    }
}
