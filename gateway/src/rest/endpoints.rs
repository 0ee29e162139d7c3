//! `/v1/queues/{queue}/endpoints` and `/v1/endpoints`

use axum::{
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use proto::{Count, Endpoint, EndpointUpdate, Lane, NewEndpoint, Page, TestResult, TestSend, Traffic};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::secrets::unstored;
use crate::{
    acting::{Acting, Switch},
    json::{Answer, MaybeObject, Object},
    page::Paging,
    path::{Id, QueueName},
    problem::Refusal,
    query::Query,
    state::Gateway,
};

pub(super) fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(make))
        .routes(routes!(read, update, delete))
        .routes(routes!(lane))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(enable))
        .routes(routes!(disable))
}

pub(super) fn lists() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(traffic))
}

pub(super) fn actions() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(purge))
        // Waits as long as a request may take, and then still answers.
        .routes(routes!(test))
}

/// Register an endpoint on a queue
///
/// The answer is the only one that carries its signing secret; later it can be revealed.
#[utoipa::path(
    post, path = "/v1/queues/{queue}/endpoints", tag = "Endpoints", operation_id = "make_endpoint",
    params(QueueName),
    request_body = NewEndpoint,
    responses((status = 201, description = "It is registered.", body = Endpoint, headers(("location" = String, description = "Where it is.")))),
    security(("key" = ["manage"])),
)]
async fn make(
    acting: Acting,
    QueueName(queue): QueueName,
    Object(new): Object<NewEndpoint>,
) -> Result<Response, Refusal> {
    let made = acting.make_endpoint(&queue, new).await?;
    let place = format!("/v1/endpoints/{}", made.id);
    Ok(unstored(
        ([(header::LOCATION, place)], Answer(StatusCode::CREATED, made)).into_response(),
    ))
}

/// List the endpoints of a queue, oldest first
#[utoipa::path(
    get, path = "/v1/queues/{queue}/endpoints", tag = "Endpoints", operation_id = "list_endpoints",
    params(QueueName, Paging),
    responses((status = 200, description = "A page of them.", body = Page<Endpoint>)),
    security(("key" = ["read"])),
)]
async fn list(
    acting: Acting,
    QueueName(queue): QueueName,
    uri: Uri,
) -> Result<Answer<Page<Endpoint>>, Refusal> {
    let mut query = Query::of(&uri);
    let paging = Paging::take(&mut query, acting.gateway());
    query.finish()?;
    Ok(Answer::ok(acting.list_endpoints(&queue, paging).await?))
}

/// Read an endpoint
#[utoipa::path(
    get, path = "/v1/endpoints/{id}", tag = "Endpoints", operation_id = "read_endpoint",
    params(Id),
    responses((status = 200, description = "The endpoint.", body = Endpoint)),
    security(("key" = ["read"])),
)]
async fn read(acting: Acting, Id(id): Id) -> Result<Answer<Endpoint>, Refusal> {
    Ok(Answer::ok(acting.read_endpoint(id).await?))
}

/// Change an endpoint
///
/// What is left out stays; `filter` and `headers` are replaced whole; `settings` is a JSON merge patch (RFC 7396).
#[utoipa::path(
    patch, path = "/v1/endpoints/{id}", tag = "Endpoints", operation_id = "update_endpoint",
    params(Id),
    request_body(content((EndpointUpdate = "application/merge-patch+json"), (EndpointUpdate = "application/json"))),
    responses((status = 200, description = "The endpoint as it is now.", body = Endpoint)),
    security(("key" = ["manage"])),
)]
async fn update(
    acting: Acting,
    Id(id): Id,
    Object(update): Object<EndpointUpdate>,
) -> Result<Answer<Endpoint>, Refusal> {
    Ok(Answer::ok(acting.update_endpoint(id, update).await?))
}

/// Delete an endpoint
///
/// What waits for it is cancelled.
#[utoipa::path(
    delete, path = "/v1/endpoints/{id}", tag = "Endpoints", operation_id = "delete_endpoint",
    params(Id),
    responses((status = 204, description = "It is gone.")),
    security(("key" = ["manage"])),
)]
async fn delete(acting: Acting, Id(id): Id) -> Result<StatusCode, Refusal> {
    acting.delete_endpoint(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// See what the deliveries of an endpoint wait for
#[utoipa::path(
    get, path = "/v1/endpoints/{id}/lane", tag = "Endpoints", operation_id = "lane_of_endpoint",
    params(Id),
    responses((status = 200, description = "What its lane does, on whichever node that is.", body = Lane)),
    security(("key" = ["read"])),
)]
async fn lane(acting: Acting, Id(id): Id) -> Result<Answer<Lane>, Refusal> {
    Ok(Answer::ok(acting.read_lane(id).await?))
}

/// Hold back the deliveries of an endpoint
#[utoipa::path(
    post, path = "/v1/endpoints/{id}/pause", tag = "Endpoints", operation_id = "pause_endpoint",
    params(Id),
    responses(
    (status = 200, description = "The endpoint as it is now.", body = Endpoint),
    (status = 409, description = "It is disabled: enable it first."),
    ),
    security(("key" = ["manage"])),
)]
async fn pause(acting: Acting, Id(id): Id) -> Result<Answer<Endpoint>, Refusal> {
    Ok(Answer::ok(acting.switch_endpoint(id, Switch::Pause).await?))
}

/// Let the deliveries of an endpoint go on
#[utoipa::path(
    post, path = "/v1/endpoints/{id}/resume", tag = "Endpoints", operation_id = "resume_endpoint",
    params(Id),
    responses(
    (status = 200, description = "The endpoint as it is now.", body = Endpoint),
    (status = 409, description = "It is disabled: enable it first."),
    ),
    security(("key" = ["manage"])),
)]
async fn resume(acting: Acting, Id(id): Id) -> Result<Answer<Endpoint>, Refusal> {
    Ok(Answer::ok(acting.switch_endpoint(id, Switch::Resume).await?))
}

/// Enable an endpoint, whatever it was stopped for
#[utoipa::path(
    post, path = "/v1/endpoints/{id}/enable", tag = "Endpoints", operation_id = "enable_endpoint",
    params(Id),
    responses(
    (status = 200, description = "The endpoint as it is now.", body = Endpoint),
    ),
    security(("key" = ["manage"])),
)]
async fn enable(acting: Acting, Id(id): Id) -> Result<Answer<Endpoint>, Refusal> {
    Ok(Answer::ok(acting.switch_endpoint(id, Switch::Enable).await?))
}

/// Disable an endpoint until it is enabled again
#[utoipa::path(
    post, path = "/v1/endpoints/{id}/disable", tag = "Endpoints", operation_id = "disable_endpoint",
    params(Id),
    responses(
    (status = 200, description = "The endpoint as it is now.", body = Endpoint),
    ),
    security(("key" = ["manage"])),
)]
async fn disable(acting: Acting, Id(id): Id) -> Result<Answer<Endpoint>, Refusal> {
    Ok(Answer::ok(acting.switch_endpoint(id, Switch::Disable).await?))
}

/// Count what went to an endpoint, minute by minute
#[utoipa::path(
    get, path = "/v1/endpoints/{id}/traffic", tag = "Endpoints", operation_id = "traffic_of_endpoint",
    params(
    Id,
    ("since" = Option<DateTime<Utc>>, Query, description = "The begin; an hour before `until` unless said, a day before it at most."),
    ("until" = Option<DateTime<Utc>>, Query, description = "The end; now unless said."),
    ),
    responses((status = 200, description = "The minutes, oldest first.", body = Traffic)),
    security(("key" = ["read"])),
)]
async fn traffic(acting: Acting, Id(id): Id, uri: Uri) -> Result<Answer<Traffic>, Refusal> {
    let mut query = Query::of(&uri);
    let (since, until) = (query.time("since"), query.time("until"));
    query.finish()?;
    Ok(Answer::ok(acting.traffic_of_endpoint(id, since, until).await?))
}

/// Cancel what waits for an endpoint
///
/// A request that is out already goes its way. What one request cannot take is left, and `more` says so: ask again.
#[utoipa::path(
    post, path = "/v1/endpoints/{id}/purge", tag = "Endpoints", operation_id = "purge_endpoint",
    params(Id),
    responses((status = 200, description = "How many deliveries were cancelled.", body = Count)),
    security(("key" = ["manage"])),
)]
async fn purge(acting: Acting, Id(id): Id) -> Result<Answer<Count>, Refusal> {
    Ok(Answer::ok(acting.purge_endpoint(id).await?))
}

/// Send an endpoint a test, and wait for what comes back
///
/// One attempt, never retried; it is made although the endpoint may be paused or disabled. No body stands for `{}`.
#[utoipa::path(
    post, path = "/v1/endpoints/{id}/test", tag = "Endpoints", operation_id = "test_endpoint",
    params(Id),
    request_body = Option<TestSend>,
    responses((status = 200, description = "The whole exchange.", body = TestResult)),
    security(("key" = ["manage"])),
)]
async fn test(
    acting: Acting,
    Id(id): Id,
    MaybeObject(test): MaybeObject<TestSend>,
) -> Result<Answer<TestResult>, Refusal> {
    Ok(Answer::ok(acting.test_endpoint(id, test).await?))
}
