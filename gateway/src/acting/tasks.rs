//! Tasks and their deliveries.

use proto::{Cancelled, Delivery, Expunged, Page, ReplayTask, Scope, Task, TaskReplayed};
use queue::{
    id::{DeliveryId, TaskId},
    tasks::TaskFilter,
};
use uuid::Uuid;

use super::{Acting, to_its_end};
use crate::{page::Paging, problem::Refusal, time};

impl Acting {
    /// Lists the tasks of a queue that a filter means, newest first.
    pub(crate) async fn list_tasks(&self, filter: TaskFilter, paging: Paging) -> Result<Page<Task>, Refusal> {
        self.may(Scope::Read)?;
        self.reaches(&filter.queue)?;
        if let Some(endpoint) = filter.endpoint {
            self.endpoint(endpoint).await?;
        }
        let (list, before) = paging.of::<Uuid>(format!("tasks {filter:?}"), &self.gateway)?;
        let page = self
            .queue()
            .list_tasks(&filter, before, list.limit(), time::now())
            .await?;
        let next_page = page.next.map(|next| list.write(&next));
        Ok(Page {
            items: page.tasks,
            next_page,
        })
    }

    /// Reads a task with its payload.
    pub(crate) async fn read_task(&self, id: TaskId) -> Result<Task, Refusal> {
        self.may(Scope::Read)?;
        self.reaches_task(id).await?;
        Ok(self.queue().read_task(id, time::now()).await?)
    }

    /// A payload's media type and bytes.
    pub(crate) async fn read_payload(&self, id: TaskId) -> Result<(String, Vec<u8>), Refusal> {
        self.may(Scope::Read)?;
        self.reaches_task(id).await?;
        Ok(self.queue().read_payload(id, time::now()).await?)
    }

    /// Cancels what of a task has not ended.
    pub(crate) async fn cancel_task(&self, id: TaskId) -> Result<Cancelled, Refusal> {
        self.may(Scope::Manage)?;
        self.reaches_task(id).await?;
        let (queue, now) = (self.queue().clone(), time::now());
        let cancelled = to_its_end(async move { queue.cancel(id, now).await }).await?;
        if cancelled == 0 {
            // Nothing to cancel is an answer; no such task is an error.
            self.queue().queue_of_task(id).await?;
        }
        Ok(Cancelled { cancelled })
    }

    /// Sends a task once more: to each endpoint that it went to and the caller reaches, or to the one that is named.
    pub(crate) async fn replay_task(&self, id: TaskId, how: ReplayTask) -> Result<TaskReplayed, Refusal> {
        self.may(Scope::Replay)?;
        self.reaches_task(id).await?;
        if let Some(endpoint) = how.endpoint {
            self.endpoint(endpoint).await?;
        }
        let (queue, reach, now) = (self.audited(), self.reach().clone(), time::now());
        to_its_end(async move { queue.replay_task(&reach, id, how.endpoint, now).await }).await
    }

    /// Clears a task's content now.
    pub(crate) async fn expunge_task(&self, id: TaskId) -> Result<Expunged, Refusal> {
        self.may(Scope::Manage)?;
        self.reaches_task(id).await?;
        let (queue, now) = (self.audited(), time::now());
        to_its_end(async move { queue.expunge(id, now).await }).await
    }

    /// Lists the deliveries of a task, oldest first.
    pub(crate) async fn list_deliveries(
        &self,
        task: TaskId,
        paging: Paging,
    ) -> Result<Page<Delivery>, Refusal> {
        self.may(Scope::Read)?;
        self.reaches_task(task).await?;
        let (list, after) = paging.of::<Uuid>(format!("deliveries of {task}"), &self.gateway)?;
        let deliveries = self
            .queue()
            .deliveries_of(task, after, list.rows(), time::now())
            .await?;
        Ok(list.page(deliveries, |last| last.id))
    }

    /// Reads a delivery.
    pub(crate) async fn read_delivery(&self, id: DeliveryId) -> Result<Delivery, Refusal> {
        self.may(Scope::Read)?;
        self.reaches_delivery(id).await?;
        Ok(self.queue().read_delivery(id, time::now()).await?)
    }
}
