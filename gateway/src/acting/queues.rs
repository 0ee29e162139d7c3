//! Queues.

use proto::{Count, NewQueue, Page, Queue, QueueUpdate, Scope};

use super::{Acting, to_its_end};
use crate::{
    page::Paging,
    problem::{Kind, Refusal},
    time,
};

impl Acting {
    /// Makes a queue, whose name must be one that the caller reaches.
    pub(crate) async fn make_queue(&self, new: NewQueue) -> Result<Queue, Refusal> {
        self.may(Scope::Manage)?;
        if !self.reach().covers(&new.name) {
            let detail = format!(
                "Your key or token reaches the queues {:?} only: give the new one such a name.",
                self.reach()
            );
            return Err(Refusal::new(Kind::Forbidden, detail));
        }
        Ok(self.queue().make_queue(new, time::now()).await?)
    }

    /// Lists queues by name.
    pub(crate) async fn list_queues(&self, paging: Paging) -> Result<Page<Queue>, Refusal> {
        self.may(Scope::Read)?;
        let (list, after) = paging.of::<String>("queues".to_owned(), &self.gateway)?;
        let queues = self
            .queue()
            .list_queues(self.reach(), after.as_deref(), list.rows())
            .await?;
        Ok(list.page(queues, |last| last.name.clone()))
    }

    /// Reads a queue.
    pub(crate) async fn read_queue(&self, name: &str) -> Result<Queue, Refusal> {
        self.may(Scope::Read)?;
        self.reaches(name)?;
        Ok(self.queue().read_queue(name).await?)
    }

    /// Changes a queue.
    pub(crate) async fn update_queue(&self, name: &str, update: QueueUpdate) -> Result<Queue, Refusal> {
        self.may(Scope::Manage)?;
        self.reaches(name)?;
        Ok(self.queue().update_queue(name, update, time::now()).await?)
    }

    /// Deletes a queue with its endpoints.
    pub(crate) async fn delete_queue(&self, name: &str) -> Result<(), Refusal> {
        self.may(Scope::Manage)?;
        self.reaches(name)?;
        Ok(self.audited().delete_queue(name, time::now()).await?)
    }

    /// Pauses a queue, or lets it go on.
    pub(crate) async fn pause_queue(&self, name: &str, paused: bool) -> Result<Queue, Refusal> {
        self.may(Scope::Manage)?;
        self.reaches(name)?;
        Ok(self.queue().pause_queue(name, paused, time::now()).await?)
    }

    /// Cancels what was enqueued to a queue and has not ended.
    pub(crate) async fn purge_queue(&self, name: &str) -> Result<Count, Refusal> {
        self.may(Scope::Manage)?;
        self.reaches(name)?;
        let (queue, name, now) = (self.audited(), name.to_owned(), time::now());
        to_its_end(async move { queue.purge_queue(&name, now).await }).await
    }
}
