//! Who asks, told to themselves.

use proto::Session;

use super::Acting;
use crate::caller::Caller;

impl Acting {
    /// Who the caller is, and what they may. Everybody may ask that.
    pub(crate) fn session(&self, csrf: Option<String>) -> Session {
        let (name, key, expires_at) = match &self.caller {
            Caller::Key(key) => (key.name.clone(), Some(key.id), key.expires_at),
            Caller::Session(key, until) => (key.name.clone(), Some(key.id), Some(*until)),
            Caller::Token(token) => {
                let name = token.subject.clone().unwrap_or_else(|| token.issuer.clone());
                (name, None, Some(token.until))
            }
        };
        Session {
            name,
            key,
            scopes: self.caller.scopes().to_vec(),
            queues: self.caller.reach().patterns().to_vec(),
            expires_at,
            csrf,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}
