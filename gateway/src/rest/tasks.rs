//! `/v1/queues/{queue}/tasks` (reading) and `/v1/tasks`

use axum::{
    Router,
    extract::State,
    http::{HeaderValue, Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use proto::{Cancelled, Delivery, Page, Task};
use queue::tasks::TaskFilter;
use uuid::Uuid;

use super::to_its_end;
use crate::{
    json::Answer,
    page::Paging,
    path::{Id, QueueName},
    problem::Refusal,
    query::Query,
    state::Gateway,
    time,
};

pub(super) fn routes() -> Router<Gateway> {
    Router::new()
        .route("/v1/tasks/{id}", get(read))
        .route("/v1/tasks/{id}/payload", get(payload))
        .route("/v1/tasks/{id}/cancel", post(cancel))
        .route("/v1/deliveries/{id}", get(delivery))
}

pub(super) fn lists() -> Router<Gateway> {
    Router::new()
        .route("/v1/queues/{queue}/tasks", get(list))
        .route("/v1/tasks/{id}/deliveries", get(deliveries))
}

async fn list(
    State(gateway): State<Gateway>,
    QueueName(queue): QueueName,
    uri: Uri,
) -> Result<Answer<Page<Task>>, Refusal> {
    let mut query = Query::of(&uri);
    let filter = TaskFilter {
        queue,
        kind: query.text("type"),
        state: query.word("state"),
        since: query.time("since"),
        until: query.time("until"),
    };
    let paging = Paging::take(&mut query, &gateway);
    query.finish()?;
    let (list, before) = paging.of::<Uuid>(format!("tasks {filter:?}"), &gateway)?;
    let page = gateway
        .queue()
        .list_tasks(&filter, before, list.limit(), time::now())
        .await?;
    let next_page = page.next.map(|next| list.write(&next));
    Ok(Answer::ok(Page {
        items: page.tasks,
        next_page,
    }))
}

async fn read(State(gateway): State<Gateway>, Id(id): Id) -> Result<Answer<Task>, Refusal> {
    Ok(Answer::ok(gateway.queue().read_task(id, time::now()).await?))
}

/// The payload itself. It is anyone's bytes under anyone's media type: a browser is to keep it as a file, never to run it here.
async fn payload(State(gateway): State<Gateway>, Id(id): Id) -> Result<Response, Refusal> {
    let (content_type, payload) = gateway.queue().read_payload(id).await?;
    let content_type = HeaderValue::from_str(&content_type);
    let headers = [
        (
            header::CONTENT_TYPE,
            content_type.unwrap_or(HeaderValue::from_static("application/octet-stream")),
        ),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment; filename=\"payload\""),
        ),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; sandbox"),
        ),
    ];
    Ok((headers, payload).into_response())
}

async fn cancel(State(gateway): State<Gateway>, Id(id): Id) -> Result<Answer<Cancelled>, Refusal> {
    let (queue, now) = (gateway.queue().clone(), time::now());
    let cancelled = to_its_end(async move { queue.cancel(id, now).await }).await?;
    if cancelled == 0 {
        // Nothing to cancel is an answer; no such task is an error.
        gateway.queue().deliveries_of(id, None, 1, now).await?;
    }
    Ok(Answer::ok(Cancelled { cancelled }))
}

async fn deliveries(
    State(gateway): State<Gateway>,
    Id(id): Id,
    uri: Uri,
) -> Result<Answer<Page<Delivery>>, Refusal> {
    let mut query = Query::of(&uri);
    let paging = Paging::take(&mut query, &gateway);
    query.finish()?;
    let (list, after) = paging.of::<Uuid>(format!("deliveries of {id}"), &gateway)?;
    let deliveries = gateway
        .queue()
        .deliveries_of(id, after, list.rows(), time::now())
        .await?;
    Ok(Answer::ok(list.page(deliveries, |last| last.id)))
}

async fn delivery(State(gateway): State<Gateway>, Id(id): Id) -> Result<Answer<Delivery>, Refusal> {
    Ok(Answer::ok(gateway.queue().read_delivery(id, time::now()).await?))
}
