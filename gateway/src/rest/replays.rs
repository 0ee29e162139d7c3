//! `/v1/replays`

use axum::{
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use proto::{NewReplay, Page, Replay, ReplayPreview, ReplayStatus};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    acting::Acting,
    json::{Answer, Object},
    page::Paging,
    path::Id,
    problem::Refusal,
    query::Query,
    state::Gateway,
};

pub(super) fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(read))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(cancel))
}

pub(super) fn lists() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new().routes(routes!(list))
}

pub(super) fn actions() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(preview))
        .routes(routes!(begin))
}

/// Tell what a replay would be
///
/// Counts what the filter means, up to 10,000 (then `exact` is false: it is at least so much), and how long that takes. Nothing changes.
#[utoipa::path(
    post, path = "/v1/replays:preview", tag = "Replays", operation_id = "preview_replay",
    request_body = NewReplay,
    responses(
        (status = 200, description = "What it would be.", body = ReplayPreview),
        (status = 404, description = "A queue or an endpoint that is named is not there."),
    ),
    security(("key" = ["replay"])),
)]
async fn preview(acting: Acting, Object(new): Object<NewReplay>) -> Result<Answer<ReplayPreview>, Refusal> {
    Ok(Answer::ok(acting.preview_replay(&new).await?))
}

/// Begin a replay
///
/// New deliveries of all that the filter means now are made in the background, at a rate of their own and below what is enqueued meanwhile,
/// over restarts, each once. They are of the old tasks, under the same `webhook-id`, and carry the replay's id as `posthaste-replay`.
#[utoipa::path(
    post, path = "/v1/replays", tag = "Replays", operation_id = "begin_replay",
    request_body = NewReplay,
    responses(
        (status = 201, description = "It is begun.", body = Replay, headers(("location" = String, description = "Where it is."))),
        (status = 404, description = "A queue or an endpoint that is named is not there."),
    ),
    security(("key" = ["replay"])),
)]
async fn begin(acting: Acting, Object(new): Object<NewReplay>) -> Result<Response, Refusal> {
    let begun = acting.begin_replay(new).await?;
    let place = format!("/v1/replays/{}", begun.id);
    Ok(([(header::LOCATION, place)], Answer(StatusCode::CREATED, begun)).into_response())
}

/// List replays, newest first
#[utoipa::path(
    get, path = "/v1/replays", tag = "Replays", operation_id = "list_replays",
    params(
        ("queue" = Option<String>, Query, description = "Those that are about this queue, by its name."),
        ("status" = Option<ReplayStatus>, Query, description = "Those that are there."),
        Paging,
    ),
    responses(
        (status = 200, description = "A page of them.", body = Page<Replay>),
        (status = 404, description = "The queue is not there."),
    ),
    security(("key" = ["read"])),
)]
async fn list(acting: Acting, uri: Uri) -> Result<Answer<Page<Replay>>, Refusal> {
    let mut query = Query::of(&uri);
    let (queue, status) = (query.text("queue"), query.word("status"));
    let paging = Paging::take(&mut query, acting.gateway());
    query.finish()?;
    Ok(Answer::ok(acting.list_replays(queue, status, paging).await?))
}

/// Read a replay, and how far it has come
#[utoipa::path(
    get, path = "/v1/replays/{id}", tag = "Replays", operation_id = "read_replay",
    params(Id),
    responses((status = 200, description = "The replay.", body = Replay)),
    security(("key" = ["read"])),
)]
async fn read(acting: Acting, Id(id): Id) -> Result<Answer<Replay>, Refusal> {
    Ok(Answer::ok(acting.read_replay(id).await?))
}

/// Let a replay make nothing more until it is resumed
#[utoipa::path(
    post, path = "/v1/replays/{id}/pause", tag = "Replays", operation_id = "pause_replay",
    params(Id),
    responses(
        (status = 200, description = "The replay as it is now.", body = Replay),
        (status = 409, description = "It has ended."),
    ),
    security(("key" = ["replay"])),
)]
async fn pause(acting: Acting, Id(id): Id) -> Result<Answer<Replay>, Refusal> {
    Ok(Answer::ok(acting.steer_replay(id, ReplayStatus::Paused).await?))
}

/// Let a replay go on
#[utoipa::path(
    post, path = "/v1/replays/{id}/resume", tag = "Replays", operation_id = "resume_replay",
    params(Id),
    responses(
        (status = 200, description = "The replay as it is now.", body = Replay),
        (status = 409, description = "It has ended."),
    ),
    security(("key" = ["replay"])),
)]
async fn resume(acting: Acting, Id(id): Id) -> Result<Answer<Replay>, Refusal> {
    Ok(Answer::ok(acting.steer_replay(id, ReplayStatus::Running).await?))
}

/// End a replay for good
///
/// What it has made goes its way.
#[utoipa::path(
    post, path = "/v1/replays/{id}/cancel", tag = "Replays", operation_id = "cancel_replay",
    params(Id),
    responses(
        (status = 200, description = "The replay as it is now.", body = Replay),
        (status = 409, description = "It is done."),
    ),
    security(("key" = ["replay"])),
)]
async fn cancel(acting: Acting, Id(id): Id) -> Result<Answer<Replay>, Refusal> {
    Ok(Answer::ok(
        acting.steer_replay(id, ReplayStatus::Cancelled).await?,
    ))
}
