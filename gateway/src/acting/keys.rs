//! API keys. An admin whose own reach is narrower than everything makes, sees and touches only keys that reach no further.

use proto::{Key, KeyUpdate, NewKey, Page, RotateKey, Scope};
use queue::rights::Reach;
use uuid::Uuid;

use super::Acting;
use crate::{
    page::Paging,
    problem::{Kind, Refusal},
    time,
};

impl Acting {
    /// Makes a key. The answer is the only one that carries it.
    pub(crate) async fn make_key(&self, new: NewKey) -> Result<Key, Refusal> {
        self.may(Scope::Admin)?;
        self.may_give(&new.queues)?;
        Ok(self.audited().make_key(new, time::now()).await?)
    }

    /// Lists keys, oldest first, those included that were revoked or have expired.
    pub(crate) async fn list_keys(&self, paging: Paging) -> Result<Page<Key>, Refusal> {
        self.may(Scope::Admin)?;
        let (list, after) = paging.of::<Uuid>("keys".to_owned(), &self.gateway)?;
        let keys = self.queue().list_keys(self.reach(), after, list.rows()).await?;
        Ok(list.page(keys, |last| last.id))
    }

    /// Reads a key.
    pub(crate) async fn read_key(&self, id: Uuid) -> Result<Key, Refusal> {
        self.may(Scope::Admin)?;
        let key = self.queue().read_key(id).await?;
        if self.reach().contains(&Reach::of(key.queues.clone())) {
            Ok(key)
        } else {
            Err(queue::keys::no_key(id).into())
        }
    }

    /// Changes a key.
    pub(crate) async fn update_key(&self, id: Uuid, update: KeyUpdate) -> Result<Key, Refusal> {
        self.read_key(id).await?;
        self.may_give(update.queues.as_deref().unwrap_or_default())?;
        Ok(self.audited().update_key(id, update, time::now()).await?)
    }

    /// Revokes a key for good.
    pub(crate) async fn revoke_key(&self, id: Uuid) -> Result<(), Refusal> {
        self.read_key(id).await?;
        Ok(self.audited().revoke_key(id, time::now()).await?)
    }

    /// Makes a key with the same rights in the place of one, beside which that one works for a while.
    pub(crate) async fn rotate_key(&self, id: Uuid, rotate: RotateKey) -> Result<Key, Refusal> {
        self.read_key(id).await?;
        Ok(self.audited().rotate_key(id, rotate, time::now()).await?)
    }

    /// Nobody gives what they do not have. `admin`, which alone gives, has every scope: what is left to ask for is the queues.
    pub(super) fn may_give(&self, queues: &[String]) -> Result<(), Refusal> {
        if self.reach().contains(&Reach::of(queues.to_vec())) {
            return Ok(());
        }
        let detail = format!(
            "Your key or token reaches the queues {:?} only, and cannot give more than that.",
            self.reach()
        );
        Err(Refusal::of_field(Kind::Forbidden, "queues", detail))
    }
}
