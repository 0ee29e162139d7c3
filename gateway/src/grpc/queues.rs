//! `posthaste.v1.QueueService`

use proto::grpc::v1::{self, queue_service_server::QueueService};
use tonic::{Request, Response, Status};

use super::{
    open,
    status::reply,
    wire::{Form, queues, verdicts},
};
use crate::{path::queue_name, state::Gateway};

/// The service.
pub(super) struct Queues(pub(super) Gateway);

#[tonic::async_trait]
impl QueueService for Queues {
    async fn create_queue(
        &self,
        request: Request<v1::CreateQueueRequest>,
    ) -> Result<Response<v1::CreateQueueResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let made = acting.make_queue(queues::read_new(given)?).await?;
        let queue = Some(queues::queue(made));
        Ok(reply(v1::CreateQueueResponse { queue }))
    }

    async fn list_queues(
        &self,
        request: Request<v1::ListQueuesRequest>,
    ) -> Result<Response<v1::ListQueuesResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let mut form = Form::default();
        let paging = form.paging(given.limit, given.page, &self.0);
        form.finish()?;
        let page = acting.list_queues(paging).await?;
        Ok(reply(v1::ListQueuesResponse {
            queues: page.items.into_iter().map(queues::queue).collect(),
            next_page: page.next_page,
        }))
    }

    async fn get_queue(
        &self,
        request: Request<v1::GetQueueRequest>,
    ) -> Result<Response<v1::GetQueueResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let queue = acting.read_queue(&queue_name(given.name)?).await?;
        let queue = Some(queues::queue(queue));
        Ok(reply(v1::GetQueueResponse { queue }))
    }

    async fn update_queue(
        &self,
        request: Request<v1::UpdateQueueRequest>,
    ) -> Result<Response<v1::UpdateQueueResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let (name, update) = queues::read_update(given)?;
        let queue = acting.update_queue(&queue_name(name)?, update).await?;
        let queue = Some(queues::queue(queue));
        Ok(reply(v1::UpdateQueueResponse { queue }))
    }

    async fn delete_queue(
        &self,
        request: Request<v1::DeleteQueueRequest>,
    ) -> Result<Response<v1::DeleteQueueResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        acting.delete_queue(&queue_name(given.name)?).await?;
        Ok(reply(v1::DeleteQueueResponse {}))
    }

    async fn pause_queue(
        &self,
        request: Request<v1::PauseQueueRequest>,
    ) -> Result<Response<v1::PauseQueueResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let queue = acting.pause_queue(&queue_name(given.name)?, true).await?;
        let queue = Some(queues::queue(queue));
        Ok(reply(v1::PauseQueueResponse { queue }))
    }

    async fn resume_queue(
        &self,
        request: Request<v1::ResumeQueueRequest>,
    ) -> Result<Response<v1::ResumeQueueResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let queue = acting.pause_queue(&queue_name(given.name)?, false).await?;
        let queue = Some(queues::queue(queue));
        Ok(reply(v1::ResumeQueueResponse { queue }))
    }

    async fn purge_queue(
        &self,
        request: Request<v1::PurgeQueueRequest>,
    ) -> Result<Response<v1::PurgeQueueResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let purged = acting.purge_queue(&queue_name(given.name)?).await?;
        let (count, more) = (purged.count, purged.more);
        Ok(reply(v1::PurgeQueueResponse { count, more }))
    }

    async fn simulate_queue(
        &self,
        request: Request<v1::SimulateQueueRequest>,
    ) -> Result<Response<v1::SimulateQueueResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let mut form = Form::default();
        let case = verdicts::read_case(given.case.unwrap_or_default(), &mut form);
        form.finish()?;
        let verdict = acting.simulate_queue(&queue_name(given.name)?, &case).await?;
        let verdict = Some(verdicts::simulated(verdict));
        Ok(reply(v1::SimulateQueueResponse { verdict }))
    }

    async fn get_queue_traffic(
        &self,
        request: Request<v1::GetQueueTrafficRequest>,
    ) -> Result<Response<v1::GetQueueTrafficResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let mut form = Form::default();
        let (since, until) = (form.time(given.since, "since"), form.time(given.until, "until"));
        form.finish()?;
        let traffic = acting
            .traffic_of_queue(&queue_name(given.name)?, since, until)
            .await?;
        let traffic = Some(queues::traffic(traffic));
        Ok(reply(v1::GetQueueTrafficResponse { traffic }))
    }
}
