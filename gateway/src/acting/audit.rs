//! What was done of consequence, and the key of the vault, which belongs to no queue.

use proto::{AuditEntry, Count, Page, Scope};
use uuid::Uuid;

use super::{Acting, to_its_end};
use crate::{
    page::Paging,
    problem::{Kind, Refusal},
    time,
};

impl Acting {
    /// Lists what was done of consequence, newest first.
    pub(crate) async fn list_audit(&self, paging: Paging) -> Result<Page<AuditEntry>, Refusal> {
        self.may(Scope::Admin)?;
        let (list, before) = paging.of::<Uuid>("audit".to_owned(), &self.gateway)?;
        let entries = self.queue().list_audit(self.reach(), before, list.rows()).await?;
        Ok(list.page(entries, |last| last.id))
    }

    /// Seals every secret anew with the key that seals now.
    pub(crate) async fn rotate_vault(&self) -> Result<Count, Refusal> {
        self.may(Scope::Admin)?;
        if !self.reach().is_everything() {
            let detail =
                "The secrets of every queue are sealed with one key: this is for who reaches all queues.";
            return Err(Refusal::new(Kind::Forbidden, detail));
        }
        let (queue, now) = (self.audited(), time::now());
        to_its_end(async move { queue.rotate_vault(now).await }).await
    }
}
