//! Who asks, told to themselves.

use proto::Session;

use super::Acting;
use crate::{caller::Caller, problem::Refusal, time};

impl Acting {
    /// Writes down that a user has signed in just now.
    pub(crate) async fn note_sign_in(&self) -> Result<(), Refusal> {
        if let Caller::User(user, _) = &self.caller {
            self.audited().note_sign_in(user, time::now()).await?;
        }
        Ok(())
    }

    /// Who the caller is, and what they may. Everybody may ask that.
    pub(crate) fn session(&self, csrf: Option<String>) -> Session {
        let (name, expires_at) = match &self.caller {
            Caller::Key(key) => (key.name.clone(), key.expires_at),
            Caller::Session(key, until) => (key.name.clone(), Some(*until)),
            Caller::User(user, until) => (user.name.clone(), Some(*until)),
            Caller::Token(token) => {
                let name = token.subject.clone().unwrap_or_else(|| token.issuer.clone());
                (name, Some(token.until))
            }
        };
        let (user, key) = match &self.caller {
            Caller::Key(key) | Caller::Session(key, _) => (None, Some(key.id)),
            Caller::User(user, _) => (Some(user.id), None),
            Caller::Token(_) => (None, None),
        };
        Session {
            name,
            user,
            key,
            scopes: self.caller.scopes().to_vec(),
            queues: self.caller.reach().patterns().to_vec(),
            expires_at,
            csrf,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}
