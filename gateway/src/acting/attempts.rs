//! The attempts of a task, a delivery, an endpoint.

use proto::{Attempt, Page, Scope};
use queue::id::{DeliveryId, EndpointId, TaskId};
use uuid::Uuid;

use super::Acting;
use crate::{page::Paging, problem::Refusal, time};

impl Acting {
    /// Lists the attempts of a task, delivery by delivery, oldest first.
    pub(crate) async fn attempts_of_task(
        &self,
        id: TaskId,
        paging: Paging,
    ) -> Result<Page<Attempt>, Refusal> {
        self.may(Scope::Read)?;
        self.reaches_task(id).await?;
        let (list, after) = paging.of::<(Uuid, Uuid)>(format!("attempts of task {id}"), &self.gateway)?;
        let attempts = self
            .queue()
            .attempts_of_task(id, after, list.rows(), time::now())
            .await?;
        Ok(list.page(attempts, |last| (last.delivery, last.id)))
    }

    /// Lists the attempts of a delivery, oldest first.
    pub(crate) async fn attempts_of_delivery(
        &self,
        id: DeliveryId,
        paging: Paging,
    ) -> Result<Page<Attempt>, Refusal> {
        self.may(Scope::Read)?;
        self.reaches_delivery(id).await?;
        let (list, after) = paging.of::<Uuid>(format!("attempts of delivery {id}"), &self.gateway)?;
        let attempts = self
            .queue()
            .attempts_of_delivery(id, after, list.rows(), time::now())
            .await?;
        if attempts.is_empty() {
            // None yet is an answer; no such delivery is an error.
            self.queue().read_delivery(id, time::now()).await?;
        }
        Ok(list.page(attempts, |last| last.id))
    }

    /// Lists the attempts at an endpoint, newest first.
    pub(crate) async fn attempts_of_endpoint(
        &self,
        id: EndpointId,
        paging: Paging,
    ) -> Result<Page<Attempt>, Refusal> {
        self.may(Scope::Read)?;
        self.endpoint(id).await?;
        let (list, before) = paging.of::<Uuid>(format!("attempts of endpoint {id}"), &self.gateway)?;
        let attempts = self
            .queue()
            .attempts_of_endpoint(id, before, list.rows(), time::now())
            .await?;
        Ok(list.page(attempts, |last| last.id))
    }
}
