//! Whether this node is alive, and whether it is of use.

use axum::{extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    json::Answer,
    problem::{Kind, Refusal},
    state::Gateway,
};

pub(super) fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new().routes(routes!(live)).routes(routes!(ready))
}

/// What a node says of itself.
#[derive(Serialize, ToSchema)]
struct Health {
    /// `live` or `ready`.
    status: &'static str,
}

/// Whether this node is alive
#[utoipa::path(
    get, path = "/healthz", tag = "Node", operation_id = "live",
    responses((status = 200, description = "It is.", body = Health)),
)]
async fn live() -> Answer<Health> {
    Answer(StatusCode::OK, Health { status: "live" })
}

/// Whether this node is of use
///
/// PostgreSQL answers, and the shards of its dispatcher are owned.
#[utoipa::path(
    get, path = "/readyz", tag = "Node", operation_id = "ready",
    responses(
    (status = 200, description = "It is.", body = Health),
    (status = 503, description = "Not now; `detail` says why."),
    ),
)]
async fn ready(State(gateway): State<Gateway>) -> Result<Answer<Health>, Refusal> {
    gateway
        .is_ready()
        .await
        .map_err(|why| Refusal::new(Kind::Unavailable, why))?;
    Ok(Answer::ok(Health { status: "ready" }))
}
