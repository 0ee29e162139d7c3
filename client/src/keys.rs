//! API keys. All of this is for keys with the scope `admin`.

use http::Method;
use proto::{Key, KeyUpdate, NewKey, RotateKey};
use uuid::Uuid;

use crate::{Client, List, Result};

impl Client {
    /// Makes a key. The answer, and only it, has the key itself.
    pub async fn make_key(&self, new: &NewKey) -> Result<Key> {
        self.call(Method::POST, &["keys"]).json(new).answer().await
    }

    /// All keys, those that ended or were revoked too.
    pub fn keys(&self) -> List<Key> {
        List::new(self, &["keys"])
    }

    /// Reads a key.
    pub async fn key(&self, id: Uuid) -> Result<Key> {
        self.call(Method::GET, &["keys", &id.to_string()]).answer().await
    }

    /// Changes a key. It holds on every node within a second.
    pub async fn update_key(&self, id: Uuid, update: &KeyUpdate) -> Result<Key> {
        self.call(Method::PATCH, &["keys", &id.to_string()])
            .json(update)
            .answer()
            .await
    }

    /// Makes a key in place of this one, which goes on for a while. The answer, and only it, has the new key itself.
    pub async fn rotate_key(&self, id: Uuid, rotate: &RotateKey) -> Result<Key> {
        self.call(Method::POST, &["keys", &id.to_string(), "rotate"])
            .json(rotate)
            .answer()
            .await
    }

    /// Ends a key, on every node within a second.
    pub async fn revoke_key(&self, id: Uuid) -> Result<()> {
        self.call(Method::DELETE, &["keys", &id.to_string()])
            .deleted()
            .await
    }
}
