//! What runs, and what it takes: of the whole server, and so for those who reach all of it.

use proto::{Scope, Storage, SystemReport};

use super::Acting;
use crate::{
    problem::{Kind, Refusal},
    time,
};

impl Acting {
    /// What the database takes on disk.
    pub(crate) async fn storage(&self) -> Result<Storage, Refusal> {
        self.may_see_all()?;
        let disk = self.gateway.surroundings().and_then(|known| (known.disk)());
        Ok(self.queue().storage(disk, time::now()).await?)
    }

    /// Versions, nodes, and the configuration of this one.
    pub(crate) async fn system(&self) -> Result<SystemReport, Refusal> {
        self.may_see_all()?;
        let configuration = self
            .gateway
            .surroundings()
            .map(|known| known.configuration.clone());
        Ok(self.queue().system(configuration.unwrap_or_default()).await?)
    }

    fn may_see_all(&self) -> Result<(), Refusal> {
        self.may(Scope::Admin)?;
        if self.reach().is_everything() {
            return Ok(());
        }
        let detail = "This is about the whole server: it is for who reaches all queues.";
        Err(Refusal::new(Kind::Forbidden, detail))
    }
}
