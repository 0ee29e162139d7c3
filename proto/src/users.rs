use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Scope, null::present};

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// See everything but secrets, keys and users.
    Viewer,
    /// That, and put tasks in, manage queues and endpoints, and replay.
    Operator,
    /// Everything, keys and users included.
    Admin,
}

impl Role {
    /// Every role, from the least to the most.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The scopes that it stands for.
    pub fn scopes(self) -> &'static [Scope] {
        match self {
            Self::Viewer => &[Scope::Read],
            Self::Operator => &[Scope::Enqueue, Scope::Read, Scope::Manage, Scope::Replay],
            Self::Admin => &[Scope::Admin],
        }
    }

    /// Its word, as the API writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// A user to be made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// What they sign in with: 1 to 64 of `a-z 0-9 . _ @ + -`; capitals are the same as small letters.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 64))]
    pub name: String,
    /// 12 to 200 characters.
    #[cfg_attr(feature = "openapi", schema(min_length = 12, max_length = 200))]
    pub password: String,
    /// What they may do.
    pub role: Role,
    /// Which queues they see and touch: globs of their names; all of them (`*`) if left out. 1 to 100.
    #[serde(default = "everything")]
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 100))]
    pub queues: Vec<String>,
}

fn everything() -> Vec<String> {
    vec!["*".to_owned()]
}

impl fmt::Debug for NewUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewUser")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What of a user is to change: what is left out stays; lists are replaced whole. A new password, `disabled` and a role that may less end
/// all sessions of the user.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct UserUpdate {
    /// The new role.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub role: Option<Role>,
    /// The new queue patterns.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    #[cfg_attr(feature = "openapi", schema(nullable = false, min_items = 1, max_items = 100))]
    pub queues: Option<Vec<String>>,
    /// Whether they are kept from signing in.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub disabled: Option<bool>,
    /// The new password, 12 to 200 characters.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    #[cfg_attr(
        feature = "openapi",
        schema(nullable = false, min_length = 12, max_length = 200)
    )]
    pub password: Option<String>,
}

impl fmt::Debug for UserUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserUpdate")
            .field("role", &self.role)
            .field("queues", &self.queues)
            .field("disabled", &self.disabled)
            .finish_non_exhaustive()
    }
}

/// A user: somebody who signs in to the console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct User {
    /// Their id.
    pub id: Uuid,
    /// What they sign in with.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Which queues they see and touch.
    pub queues: Vec<String>,
    /// Whether they are kept from signing in.
    pub disabled: bool,
    /// When they were made.
    pub created_at: DateTime<Utc>,
    /// When they last signed in; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_in_at: Option<DateTime<Utc>>,
}

/// A password to be changed by whom it belongs to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The one that holds now.
    pub current: String,
    /// The one that is to hold, 12 to 200 characters.
    #[cfg_attr(feature = "openapi", schema(min_length = 12, max_length = 200))]
    pub new: String,
}

impl fmt::Debug for PasswordChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordChange")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown_by_debug() {
        let new: NewUser =
            serde_json::from_str(r#"{"name":"ada","password":"zebra","role":"viewer"}"#).unwrap();
        assert_eq!(new.queues, ["*"]);
        let update: UserUpdate = serde_json::from_str(r#"{"password":"zebra"}"#).unwrap();
        let change: PasswordChange = serde_json::from_str(r#"{"current":"zebra","new":"zebra"}"#).unwrap();
        for told in [format!("{new:?}"), format!("{update:?}"), format!("{change:?}")] {
            assert!(!told.contains("zebra"), "{told}");
        }
    }

    #[test]
    fn every_role_has_its_word() {
        for role in Role::ALL {
            assert_eq!(serde_json::to_value(role).unwrap(), role.word());
        }
    }
}
