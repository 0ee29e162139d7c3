//! `posthaste.v1.TaskService`

use proto::{
    Enqueued, ReplayTask,
    grpc::v1::{self, task_service_server::TaskService},
};
use queue::{task::Checked, tasks::TaskFilter};
use tonic::{Request, Response, Status, Streaming};

use super::{
    open,
    status::{rejection, reply},
    stream::Acknowledgements,
    wire::{self, Form, attempts, tasks},
};
use crate::{
    acting::Acting,
    origin::{Enqueuing, Origin},
    path::queue_name,
    problem::{Kind, Refusal},
    state::Gateway,
    time,
};

/// The service.
pub(super) struct Tasks(pub(super) Gateway);

/// Batches above this are checked beside the threads that serve: so many take less than a millisecond.
const CHECKED_HERE: usize = 500;

#[tonic::async_trait]
impl TaskService for Tasks {
    async fn enqueue(
        &self,
        request: Request<v1::EnqueueRequest>,
    ) -> Result<Response<v1::EnqueueResponse>, Status> {
        let mut origin = Origin::of_call(request.metadata().as_ref());
        let (acting, given) = open(&self.0, request)?;
        let name = queue_name(given.queue)?;
        let queue = acting.queue_for_tasks(&name).await?;
        let mut seen = Enqueuing::begin(&self.0, "enqueue", &name, &mut origin);
        let task = given.task.ok_or_else(|| Refusal::invalid("task", "is missing"))?;
        let size = task.payload.as_ref().map_or(0, bytes::Bytes::len);
        let now = time::now();
        let checked = origin.of(acting.check(tasks::read(task, size)?, now)?);
        let enqueued = seen.commit(acting.enqueue(queue, checked, now)).await;
        seen.end(&enqueued, |enqueued| enqueued.id.to_string());
        let enqueued = Some(tasks::enqueued(&enqueued?));
        Ok(told(&acting, v1::EnqueueResponse { enqueued }))
    }

    async fn enqueue_batch(
        &self,
        request: Request<v1::EnqueueBatchRequest>,
    ) -> Result<Response<v1::EnqueueBatchResponse>, Status> {
        let mut origin = Origin::of_call(request.metadata().as_ref());
        let (acting, given) = open(&self.0, request)?;
        let name = queue_name(given.queue)?;
        let queue = acting.queue_for_tasks(&name).await?;
        let mut seen = Enqueuing::begin(&self.0, "enqueue batch", &name, &mut origin);
        let most = self.0.config().batch_max_items;
        if given.tasks.len() > most {
            let detail = format!("more than the {most} tasks that one batch may have: send several");
            return Err(Refusal::of_field(Kind::TooLarge, "tasks", detail).into());
        }
        let now = time::now();
        let checked = if given.tasks.len() <= CHECKED_HERE {
            check_all(&acting, given.tasks, &origin, now)
        } else {
            let acting = acting.clone();
            let checking = tokio::task::spawn_blocking(move || check_all(&acting, given.tasks, &origin, now));
            checking.await.map_err(|error| {
                tracing::error!(%error, "a batch could not be checked");
                Refusal::internal()
            })?
        };
        let results = seen.commit(acting.enqueue_batch(queue, checked, now)).await;
        seen.end(&results, |results| format!("{} tasks", results.len()));
        // What makes REST's body too large is here the list.
        let results = results.map_err(|refusal| refusal.rename_fields(|_| "tasks".to_owned()))?;
        Ok(told(&acting, batch(results)))
    }

    type EnqueueStreamStream = Acknowledgements;

    async fn enqueue_stream(
        &self,
        request: Request<Streaming<v1::EnqueueStreamRequest>>,
    ) -> Result<Response<Acknowledgements>, Status> {
        let origin = Origin::of_call(request.metadata().as_ref());
        let (acting, tasks) = open(&self.0, request)?;
        acting.may(proto::Scope::Enqueue)?;
        Ok(Response::new(Acknowledgements::of(tasks, origin, acting)))
    }

    async fn get_task(
        &self,
        request: Request<v1::GetTaskRequest>,
    ) -> Result<Response<v1::GetTaskResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let task = acting.read_task(wire::id(&given.id)?).await?;
        let task = Some(tasks::task(task));
        Ok(reply(v1::GetTaskResponse { task }))
    }

    async fn list_tasks(
        &self,
        request: Request<v1::ListTasksRequest>,
    ) -> Result<Response<v1::ListTasksResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let mut form = Form::default();
        let filter = TaskFilter {
            queue: queue_name(given.queue)?,
            kind: given.r#type,
            endpoint: given.endpoint.map(|id| form.id(&id, "endpoint")),
            header: tasks::read_header(given.header.as_deref(), &mut form),
            state: tasks::read_state(given.state, &mut form),
            since: form.since(given.since, "since"),
            until: form.since(given.until, "until"),
        };
        let paging = form.paging(given.limit, given.page, &self.0);
        form.finish()?;
        let page = acting.list_tasks(filter, paging).await?;
        Ok(reply(v1::ListTasksResponse {
            tasks: page.items.into_iter().map(tasks::task).collect(),
            next_page: page.next_page,
        }))
    }

    async fn cancel_task(
        &self,
        request: Request<v1::CancelTaskRequest>,
    ) -> Result<Response<v1::CancelTaskResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let cancelled = acting.cancel_task(wire::id(&given.id)?).await?.cancelled;
        Ok(reply(v1::CancelTaskResponse { cancelled }))
    }

    async fn expunge_task(
        &self,
        request: Request<v1::ExpungeTaskRequest>,
    ) -> Result<Response<v1::ExpungeTaskResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let expunged = acting.expunge_task(wire::id(&given.id)?).await?;
        Ok(reply(v1::ExpungeTaskResponse {
            expunged_at: Some(wire::timestamp(expunged.expunged_at)),
            cancelled: expunged.cancelled,
        }))
    }

    async fn replay_task(
        &self,
        request: Request<v1::ReplayTaskRequest>,
    ) -> Result<Response<v1::ReplayTaskResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let mut form = Form::default();
        let id = form.id(&given.id, "id");
        let endpoint = given.endpoint.map(|id| form.id(&id, "endpoint"));
        form.finish()?;
        let replayed = acting.replay_task(id, ReplayTask { endpoint }).await?;
        let deliveries = replayed.deliveries.into_iter().map(tasks::replayed_to);
        Ok(reply(v1::ReplayTaskResponse {
            deliveries: deliveries.collect(),
        }))
    }

    async fn list_task_deliveries(
        &self,
        request: Request<v1::ListTaskDeliveriesRequest>,
    ) -> Result<Response<v1::ListTaskDeliveriesResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let mut form = Form::default();
        let id = form.id(&given.id, "id");
        let paging = form.paging(given.limit, given.page, &self.0);
        form.finish()?;
        let page = acting.list_deliveries(id, paging).await?;
        Ok(reply(v1::ListTaskDeliveriesResponse {
            deliveries: page.items.into_iter().map(tasks::delivery).collect(),
            next_page: page.next_page,
        }))
    }

    async fn list_task_attempts(
        &self,
        request: Request<v1::ListTaskAttemptsRequest>,
    ) -> Result<Response<v1::ListTaskAttemptsResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let mut form = Form::default();
        let id = form.id(&given.id, "id");
        let paging = form.paging(given.limit, given.page, &self.0);
        form.finish()?;
        let (attempts, next_page) = attempts::attempts(acting.attempts_of_task(id, paging).await?);
        Ok(reply(v1::ListTaskAttemptsResponse { attempts, next_page }))
    }

    async fn get_delivery(
        &self,
        request: Request<v1::GetDeliveryRequest>,
    ) -> Result<Response<v1::GetDeliveryResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let delivery = acting.read_delivery(wire::id(&given.id)?).await?;
        let delivery = Some(tasks::delivery(delivery));
        Ok(reply(v1::GetDeliveryResponse { delivery }))
    }

    async fn list_delivery_attempts(
        &self,
        request: Request<v1::ListDeliveryAttemptsRequest>,
    ) -> Result<Response<v1::ListDeliveryAttemptsResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let mut form = Form::default();
        let id = form.id(&given.id, "id");
        let paging = form.paging(given.limit, given.page, &self.0);
        form.finish()?;
        let (attempts, next_page) = attempts::attempts(acting.attempts_of_delivery(id, paging).await?);
        Ok(reply(v1::ListDeliveryAttemptsResponse { attempts, next_page }))
    }
}

/// The answer; to who has a limit with what is left of it, in the metadata that REST has as headers.
fn told<T: prost::Message>(acting: &Acting, message: T) -> Response<T> {
    let mut response = reply(message);
    if let Some(allowance) = acting.allowance() {
        for (name, value) in [
            ("ratelimit-policy", allowance.policy().to_string()),
            ("ratelimit", allowance.left().to_string()),
        ] {
            // Digits and punctuation: always a value of metadata.
            if let Ok(value) = value.parse() {
                response.metadata_mut().insert(name, value);
            }
        }
    }
    response
}

/// Reads and checks each task by itself.
fn check_all(
    acting: &Acting,
    given: Vec<v1::NewTask>,
    origin: &Origin,
    now: chrono::DateTime<chrono::Utc>,
) -> Vec<Result<Checked, Refusal>> {
    let payloads = given.iter().filter_map(|task| task.payload.as_ref());
    let size = payloads.map(bytes::Bytes::len).sum();
    given
        .into_iter()
        .map(|task| Ok(origin.of(acting.check(tasks::read(task, size)?, now)?)))
        .collect()
}

fn batch(results: Vec<Result<Enqueued, Refusal>>) -> v1::EnqueueBatchResponse {
    use v1::batch_item::Result as Is;
    let accepted = results.iter().filter(|result| result.is_ok()).count();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let (accepted, rejected) = (count(accepted), count(results.len() - accepted));
    let items = results.into_iter().map(|result| v1::BatchItem {
        result: Some(match result {
            Ok(enqueued) => Is::Accepted(tasks::enqueued(&enqueued)),
            Err(refusal) => Is::Rejected(rejection(refusal)),
        }),
    });
    v1::EnqueueBatchResponse {
        accepted,
        rejected,
        items: items.collect(),
    }
}
