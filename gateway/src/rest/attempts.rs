//! The attempts of a task, a delivery, an endpoint.

use axum::http::Uri;
use proto::{Attempt, Page};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    acting::Acting, json::Answer, page::Paging, path::Id, problem::Refusal, query::Query, state::Gateway,
};

pub(super) fn lists() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(of_task))
        .routes(routes!(of_delivery))
        .routes(routes!(of_endpoint))
}

fn paging(uri: &Uri, acting: &Acting) -> Result<Paging, Refusal> {
    let mut query = Query::of(uri);
    let paging = Paging::take(&mut query, acting.gateway());
    query.finish()?;
    Ok(paging)
}

/// List the attempts of a task, delivery by delivery, oldest first
#[utoipa::path(
    get, path = "/v1/tasks/{id}/attempts", tag = "Tasks", operation_id = "attempts_of_task",
    params(Id, Paging),
    responses((status = 200, description = "A page of them.", body = Page<Attempt>)),
    security(("key" = ["read"])),
)]
async fn of_task(acting: Acting, Id(id): Id, uri: Uri) -> Result<Answer<Page<Attempt>>, Refusal> {
    let paging = paging(&uri, &acting)?;
    Ok(Answer::ok(acting.attempts_of_task(id, paging).await?))
}

/// List the attempts of a delivery, oldest first
#[utoipa::path(
    get, path = "/v1/deliveries/{id}/attempts", tag = "Deliveries", operation_id = "attempts_of_delivery",
    params(Id, Paging),
    responses((status = 200, description = "A page of them.", body = Page<Attempt>)),
    security(("key" = ["read"])),
)]
async fn of_delivery(acting: Acting, Id(id): Id, uri: Uri) -> Result<Answer<Page<Attempt>>, Refusal> {
    let paging = paging(&uri, &acting)?;
    Ok(Answer::ok(acting.attempts_of_delivery(id, paging).await?))
}

/// List the attempts at an endpoint, newest first
#[utoipa::path(
    get, path = "/v1/endpoints/{id}/attempts", tag = "Endpoints", operation_id = "attempts_of_endpoint",
    params(Id, Paging),
    responses((status = 200, description = "A page of them.", body = Page<Attempt>)),
    security(("key" = ["read"])),
)]
async fn of_endpoint(acting: Acting, Id(id): Id, uri: Uri) -> Result<Answer<Page<Attempt>>, Refusal> {
    let paging = paging(&uri, &acting)?;
    Ok(Answer::ok(acting.attempts_of_endpoint(id, paging).await?))
}
