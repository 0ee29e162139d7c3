//! `/v1/queues/{queue}/tasks` (reading) and `/v1/tasks`

use axum::{
    Router,
    http::{HeaderValue, Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use proto::{Cancelled, Delivery, Page, Task};
use queue::tasks::TaskFilter;

use crate::{
    acting::Acting,
    json::Answer,
    page::Paging,
    path::{Id, QueueName},
    problem::Refusal,
    query::Query,
    state::Gateway,
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

async fn list(acting: Acting, QueueName(queue): QueueName, uri: Uri) -> Result<Answer<Page<Task>>, Refusal> {
    let mut query = Query::of(&uri);
    let filter = TaskFilter {
        queue,
        kind: query.text("type"),
        state: query.word("state"),
        since: query.time("since"),
        until: query.time("until"),
    };
    let paging = Paging::take(&mut query, acting.gateway());
    query.finish()?;
    Ok(Answer::ok(acting.list_tasks(filter, paging).await?))
}

async fn read(acting: Acting, Id(id): Id) -> Result<Answer<Task>, Refusal> {
    Ok(Answer::ok(acting.read_task(id).await?))
}

/// The payload itself. It is anyone's bytes under anyone's media type: a browser is to keep it as a file, never to run it here.
async fn payload(acting: Acting, Id(id): Id) -> Result<Response, Refusal> {
    let (content_type, payload) = acting.read_payload(id).await?;
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

async fn cancel(acting: Acting, Id(id): Id) -> Result<Answer<Cancelled>, Refusal> {
    Ok(Answer::ok(acting.cancel_task(id).await?))
}

async fn deliveries(acting: Acting, Id(id): Id, uri: Uri) -> Result<Answer<Page<Delivery>>, Refusal> {
    let mut query = Query::of(&uri);
    let paging = Paging::take(&mut query, acting.gateway());
    query.finish()?;
    Ok(Answer::ok(acting.list_deliveries(id, paging).await?))
}

async fn delivery(acting: Acting, Id(id): Id) -> Result<Answer<Delivery>, Refusal> {
    Ok(Answer::ok(acting.read_delivery(id).await?))
}
