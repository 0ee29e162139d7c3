//! `/v1/queues/{queue}/tasks` (reading) and `/v1/tasks`

use axum::{
    http::{HeaderValue, Uri, header},
    response::{IntoResponse, Response},
};
use proto::{Cancelled, Delivery, Expunged, Page, ReplayTask, Task, TaskReplayed, TaskState};
use queue::tasks::{HeaderFilter, TaskFilter};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    acting::Acting,
    json::{Answer, MaybeObject},
    page::Paging,
    path::{Id, QueueName},
    problem::Refusal,
    query::Query,
    state::Gateway,
};

pub(super) fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(read))
        .routes(routes!(payload))
        .routes(routes!(cancel))
        .routes(routes!(expunge))
        .routes(routes!(replay))
        .routes(routes!(delivery))
}

pub(super) fn lists() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(deliveries))
}

/// List the tasks of a queue, newest first
///
/// A page looks at a bounded number of tasks: with a filter it may hold fewer than asked, or none, although more follow. `next_page` says whether they do.
#[utoipa::path(
    get, path = "/v1/queues/{queue}/tasks", tag = "Tasks", operation_id = "list_tasks",
    params(
    QueueName,
    ("type" = Option<String>, Query, description = "A glob of task types; `*` stands for any run of characters."),
    ("endpoint" = Option<Uuid>, Query, description = "With a delivery to this endpoint, whatever became of it, as far as that is kept."),
    ("header" = Option<String>, Query, description = "With this header of their own: its name such as `x-shop`, in whatever case, or `name:value` for its whole value."),
    ("state" = Option<TaskState>, Query, description = "Where they are."),
    ("since" = Option<DateTime<Utc>>, Query, description = "Enqueued at or after this time."),
    ("until" = Option<DateTime<Utc>>, Query, description = "Enqueued before this time."),
    Paging,
    ),
    responses(
        (status = 200, description = "A page of them, without their payloads.", body = Page<Task>),
        (status = 404, description = "The endpoint is not there."),
    ),
    security(("key" = ["read"])),
)]
async fn list(acting: Acting, QueueName(queue): QueueName, uri: Uri) -> Result<Answer<Page<Task>>, Refusal> {
    let mut query = Query::of(&uri);
    let filter = TaskFilter {
        queue,
        kind: query.text("type"),
        endpoint: query.parsed("endpoint", "an endpoint's id"),
        header: query.parsed("header", HeaderFilter::FORM),
        state: query.word("state"),
        since: query.time("since"),
        until: query.time("until"),
    };
    let paging = Paging::take(&mut query, acting.gateway());
    query.finish()?;
    Ok(Answer::ok(acting.list_tasks(filter, paging).await?))
}

/// Read a task with its payload
#[utoipa::path(
    get, path = "/v1/tasks/{id}", tag = "Tasks", operation_id = "read_task",
    params(Id),
    responses((status = 200, description = "The task.", body = Task)),
    security(("key" = ["read"])),
)]
async fn read(acting: Acting, Id(id): Id) -> Result<Answer<Task>, Refusal> {
    Ok(Answer::ok(acting.read_task(id).await?))
}

/// Read a task's payload, byte for byte
///
/// Fields that its queue redacts are hashes. One that has expired or was expunged is a conflict.
///
/// It is anyone's bytes under anyone's media type: a browser is to keep it as a file, never to run it here.
#[utoipa::path(
    get, path = "/v1/tasks/{id}/payload", tag = "Tasks", operation_id = "read_payload",
    params(Id),
    responses((status = 200, description = "The payload, under the media type it was enqueued with.", content_type = "*/*"), (status = 409, description = "It is gone: it has expired, or was expunged.")),
    security(("key" = ["read"])),
)]
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

/// Cancel what of a task has not ended
#[utoipa::path(
    post, path = "/v1/tasks/{id}/cancel", tag = "Tasks", operation_id = "cancel_task",
    params(Id),
    responses((status = 200, description = "How many deliveries were cancelled.", body = Cancelled)),
    security(("key" = ["manage"])),
)]
async fn cancel(acting: Acting, Id(id): Id) -> Result<Answer<Cancelled>, Refusal> {
    Ok(Answer::ok(acting.cancel_task(id).await?))
}

/// Clear a task's content now
///
/// Its payload and headers, and what endpoints answered to it. The task itself stays, and tells that it was expunged. What of it has not ended is cancelled,
/// because there is nothing left to send; a request that is out already goes its way. Its dead letters stay, and cannot be replayed. Written down in the audit.
#[utoipa::path(
    post, path = "/v1/tasks/{id}/expunge", tag = "Tasks", operation_id = "expunge_task",
    params(Id),
    responses((status = 200, description = "Since when the content is gone, and how many deliveries were cancelled.", body = Expunged)),
    security(("key" = ["manage"])),
)]
async fn expunge(acting: Acting, Id(id): Id) -> Result<Answer<Expunged>, Refusal> {
    Ok(Answer::ok(acting.expunge_task(id).await?))
}

/// Send a task once more
///
/// New deliveries of it are made, to each endpoint that it went to and that is still there, or to the one that is named, whatever became of it before:
/// under the same `webhook-id`, with `posthaste-replay`. Where one is on its way already, none is made; where it was given up, its dead letter goes.
/// No body stands for `{}`. Written down in the audit.
#[utoipa::path(
    post, path = "/v1/tasks/{id}/replay", tag = "Tasks", operation_id = "replay_task",
    params(Id),
    request_body = Option<ReplayTask>,
    responses(
        (status = 200, description = "The new deliveries.", body = TaskReplayed),
        (status = 404, description = "The task or the endpoint is not there."),
        (status = 409, description = "Nothing can be sent: it is on its way already, its endpoints are gone, or its content is."),
    ),
    security(("key" = ["replay"])),
)]
async fn replay(
    acting: Acting,
    Id(id): Id,
    MaybeObject(how): MaybeObject<ReplayTask>,
) -> Result<Answer<TaskReplayed>, Refusal> {
    Ok(Answer::ok(acting.replay_task(id, how).await?))
}

/// List the deliveries of a task, oldest first
#[utoipa::path(
    get, path = "/v1/tasks/{id}/deliveries", tag = "Tasks", operation_id = "list_deliveries",
    params(Id, Paging),
    responses((status = 200, description = "A page of them.", body = Page<Delivery>)),
    security(("key" = ["read"])),
)]
async fn deliveries(acting: Acting, Id(id): Id, uri: Uri) -> Result<Answer<Page<Delivery>>, Refusal> {
    let mut query = Query::of(&uri);
    let paging = Paging::take(&mut query, acting.gateway());
    query.finish()?;
    Ok(Answer::ok(acting.list_deliveries(id, paging).await?))
}

/// Read a delivery, and why it is where it is
///
/// `why` has the explanation, in data and in a sentence: the rule behind the last verdict, what it waits for and until when, how many go before it, and
/// when it is likely to be sent.
#[utoipa::path(
    get, path = "/v1/deliveries/{id}", tag = "Deliveries", operation_id = "read_delivery",
    params(Id),
    responses((status = 200, description = "The delivery.", body = Delivery)),
    security(("key" = ["read"])),
)]
async fn delivery(acting: Acting, Id(id): Id) -> Result<Answer<Delivery>, Refusal> {
    Ok(Answer::ok(acting.read_delivery(id).await?))
}
