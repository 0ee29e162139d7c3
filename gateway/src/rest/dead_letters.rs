//! `/v1/dead-letters`

use axum::http::Uri;
use proto::{Count, DeadLetter, DeadLetterFilter, DeadLetterGroups, Page, Replayed};
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
    OpenApiRouter::new().routes(routes!(read)).routes(routes!(replay))
}

pub(super) fn lists() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(groups))
}

pub(super) fn actions() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(replay_all))
        .routes(routes!(purge))
}

/// List the dead letters, newest first
#[utoipa::path(
    get, path = "/v1/dead-letters", tag = "Dead letters", operation_id = "list_dead_letters",
    params(DeadLetterFilter, Paging),
    responses(
        (status = 200, description = "A page of those that the filter means.", body = Page<DeadLetter>),
        (status = 404, description = "The filter names a queue that is not there."),
    ),
    security(("key" = ["read"])),
)]
async fn list(acting: Acting, uri: Uri) -> Result<Answer<Page<DeadLetter>>, Refusal> {
    let mut query = Query::of(&uri);
    let filter = take_filter(&mut query);
    let paging = Paging::take(&mut query, acting.gateway());
    query.finish()?;
    Ok(Answer::ok(acting.list_dead_letters(filter, paging).await?))
}

fn take_filter(query: &mut Query) -> DeadLetterFilter {
    DeadLetterFilter {
        queue: query.text("queue"),
        endpoint: query.parsed("endpoint", "an endpoint's id"),
        kind: query.text("type"),
        status: query.parsed("status", "an HTTP status"),
        failure: query.text("failure"),
        since: query.time("since"),
        until: query.time("until"),
    }
}

/// Count the dead letters by endpoint and reason
///
/// What to mend first. Of a queue, an endpoint, or all that the key may see, the newest 50,000 are looked at; `more` says that there may be older ones.
#[utoipa::path(
    get, path = "/v1/dead-letters/groups", tag = "Dead letters", operation_id = "group_dead_letters",
    params(DeadLetterFilter),
    responses(
        (status = 200, description = "The largest groups of those that the filter means.", body = DeadLetterGroups),
        (status = 404, description = "The filter names a queue that is not there."),
    ),
    security(("key" = ["read"])),
)]
async fn groups(acting: Acting, uri: Uri) -> Result<Answer<DeadLetterGroups>, Refusal> {
    let mut query = Query::of(&uri);
    let filter = take_filter(&mut query);
    query.finish()?;
    Ok(Answer::ok(acting.group_dead_letters(filter).await?))
}

/// Read a dead letter
#[utoipa::path(
    get, path = "/v1/dead-letters/{id}", tag = "Dead letters", operation_id = "read_dead_letter",
    params(Id),
    responses((status = 200, description = "The dead letter.", body = DeadLetter)),
    security(("key" = ["read"])),
)]
async fn read(acting: Acting, Id(id): Id) -> Result<Answer<DeadLetter>, Refusal> {
    Ok(Answer::ok(acting.read_dead_letter(id).await?))
}

/// Replay a dead letter
///
/// A new delivery of the old task is made, under the same `webhook-id`.
#[utoipa::path(
    post, path = "/v1/dead-letters/{id}/replay", tag = "Dead letters", operation_id = "replay_dead_letter",
    params(Id),
    responses(
    (status = 200, description = "The new delivery.", body = Replayed),
    (status = 409, description = "Its endpoint is not there any more."),
    ),
    security(("key" = ["replay"])),
)]
async fn replay(acting: Acting, Id(id): Id) -> Result<Answer<Replayed>, Refusal> {
    Ok(Answer::ok(acting.replay(id).await?))
}

/// Replay all dead letters that a filter means
///
/// The filter must be there: everything is meant only by who sends `{}`. What one request cannot take is left, and `more` says so: ask again.
#[utoipa::path(
    post, path = "/v1/dead-letters/replay", tag = "Dead letters", operation_id = "replay_dead_letters",
    request_body = DeadLetterFilter,
    responses(
        (status = 200, description = "How many were replayed.", body = Count),
        (status = 404, description = "The filter names a queue that is not there."),
    ),
    security(("key" = ["replay"])),
)]
async fn replay_all(
    acting: Acting,
    Object(filter): Object<DeadLetterFilter>,
) -> Result<Answer<Count>, Refusal> {
    Ok(Answer::ok(acting.replay_all(filter).await?))
}

/// Throw away all dead letters that a filter means
///
/// The filter must be there: everything is meant only by who sends `{}`. What one request cannot take is left, and `more` says so: ask again.
#[utoipa::path(
    post, path = "/v1/dead-letters/purge", tag = "Dead letters", operation_id = "purge_dead_letters",
    request_body = DeadLetterFilter,
    responses(
        (status = 200, description = "How many were thrown away.", body = Count),
        (status = 404, description = "The filter names a queue that is not there."),
    ),
    security(("key" = ["manage"])),
)]
async fn purge(acting: Acting, Object(filter): Object<DeadLetterFilter>) -> Result<Answer<Count>, Refusal> {
    Ok(Answer::ok(acting.purge_dead_letters(filter).await?))
}
