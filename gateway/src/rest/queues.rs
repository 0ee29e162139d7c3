//! `/v1/queues`

use axum::{
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use proto::{Count, NewQueue, Page, Queue, QueueUpdate, Traffic};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    acting::Acting,
    json::{Answer, Object},
    page::Paging,
    path::QueueName,
    problem::Refusal,
    query::Query,
    state::Gateway,
};

pub(super) fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(make))
        .routes(routes!(read, update, delete))
        .routes(routes!(pause))
        .routes(routes!(resume))
}

pub(super) fn lists() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(traffic))
}

pub(super) fn actions() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new().routes(routes!(purge))
}

/// Make a queue
///
/// Its name must be one that the queue patterns of the key match.
#[utoipa::path(
    post, path = "/v1/queues", tag = "Queues", operation_id = "make_queue",
    request_body = NewQueue,
    responses(
    (status = 201, description = "It is made.", body = Queue, headers(("location" = String, description = "Where it is."))),
    (status = 409, description = "There is a queue of this name already."),
    ),
    security(("key" = ["manage"])),
)]
async fn make(acting: Acting, Object(new): Object<NewQueue>) -> Result<Response, Refusal> {
    let made = acting.make_queue(new).await?;
    let place = format!("/v1/queues/{}", made.name);
    Ok(([(header::LOCATION, place)], Answer(StatusCode::CREATED, made)).into_response())
}

/// List the queues, by name
#[utoipa::path(
    get, path = "/v1/queues", tag = "Queues", operation_id = "list_queues",
    params(Paging),
    responses((status = 200, description = "A page of them.", body = Page<Queue>)),
    security(("key" = ["read"])),
)]
async fn list(acting: Acting, uri: Uri) -> Result<Answer<Page<Queue>>, Refusal> {
    let mut query = Query::of(&uri);
    let paging = Paging::take(&mut query, acting.gateway());
    query.finish()?;
    Ok(Answer::ok(acting.list_queues(paging).await?))
}

/// Read a queue
#[utoipa::path(
    get, path = "/v1/queues/{queue}", tag = "Queues", operation_id = "read_queue",
    params(QueueName),
    responses((status = 200, description = "The queue.", body = Queue)),
    security(("key" = ["read"])),
)]
async fn read(acting: Acting, QueueName(name): QueueName) -> Result<Answer<Queue>, Refusal> {
    Ok(Answer::ok(acting.read_queue(&name).await?))
}

/// Change a queue
///
/// The body is a JSON merge patch (RFC 7396): what is left out stays; in `settings`, `null` takes a setting back.
#[utoipa::path(
    patch, path = "/v1/queues/{queue}", tag = "Queues", operation_id = "update_queue",
    params(QueueName),
    request_body(content((QueueUpdate = "application/merge-patch+json"), (QueueUpdate = "application/json"))),
    responses((status = 200, description = "The queue as it is now.", body = Queue)),
    security(("key" = ["manage"])),
)]
async fn update(
    acting: Acting,
    QueueName(name): QueueName,
    Object(update): Object<QueueUpdate>,
) -> Result<Answer<Queue>, Refusal> {
    Ok(Answer::ok(acting.update_queue(&name, update).await?))
}

/// Delete a queue with its endpoints
///
/// What waits for them is cancelled.
#[utoipa::path(
    delete, path = "/v1/queues/{queue}", tag = "Queues", operation_id = "delete_queue",
    params(QueueName),
    responses((status = 204, description = "It is gone.")),
    security(("key" = ["manage"])),
)]
async fn delete(acting: Acting, QueueName(name): QueueName) -> Result<StatusCode, Refusal> {
    acting.delete_queue(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Hold back the deliveries of a queue
///
/// Tasks are accepted all the while.
#[utoipa::path(
    post, path = "/v1/queues/{queue}/pause", tag = "Queues", operation_id = "pause_queue",
    params(QueueName),
    responses((status = 200, description = "The queue as it is now.", body = Queue)),
    security(("key" = ["manage"])),
)]
async fn pause(acting: Acting, QueueName(name): QueueName) -> Result<Answer<Queue>, Refusal> {
    Ok(Answer::ok(acting.pause_queue(&name, true).await?))
}

/// Let the deliveries of a queue go on
#[utoipa::path(
    post, path = "/v1/queues/{queue}/resume", tag = "Queues", operation_id = "resume_queue",
    params(QueueName),
    responses((status = 200, description = "The queue as it is now.", body = Queue)),
    security(("key" = ["manage"])),
)]
async fn resume(acting: Acting, QueueName(name): QueueName) -> Result<Answer<Queue>, Refusal> {
    Ok(Answer::ok(acting.pause_queue(&name, false).await?))
}

/// Cancel what waits in a queue
///
/// A request that is out already goes its way. What one request cannot take is left, and `more` says so: ask again.
#[utoipa::path(
    post, path = "/v1/queues/{queue}/purge", tag = "Queues", operation_id = "purge_queue",
    params(QueueName),
    responses((status = 200, description = "How many deliveries were cancelled.", body = Count)),
    security(("key" = ["manage"])),
)]
async fn purge(acting: Acting, QueueName(name): QueueName) -> Result<Answer<Count>, Refusal> {
    Ok(Answer::ok(acting.purge_queue(&name).await?))
}

/// Count what went through a queue, minute by minute
#[utoipa::path(
    get, path = "/v1/queues/{queue}/traffic", tag = "Queues", operation_id = "traffic_of_queue",
    params(
    QueueName,
    ("since" = Option<DateTime<Utc>>, Query, description = "The begin; an hour before `until` unless said, a day before it at most."),
    ("until" = Option<DateTime<Utc>>, Query, description = "The end; now unless said."),
    ),
    responses((status = 200, description = "The minutes, oldest first.", body = Traffic)),
    security(("key" = ["read"])),
)]
async fn traffic(acting: Acting, QueueName(name): QueueName, uri: Uri) -> Result<Answer<Traffic>, Refusal> {
    let mut query = Query::of(&uri);
    let (since, until) = (query.time("since"), query.time("until"));
    query.finish()?;
    Ok(Answer::ok(acting.traffic_of_queue(&name, since, until).await?))
}
