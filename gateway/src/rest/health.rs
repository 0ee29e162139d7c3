//! Whether this node is alive, and whether it is of use.

use axum::{Router, extract::State, http::StatusCode, routing::get};
use serde::Serialize;

use crate::{
    json::Answer,
    problem::{Kind, Refusal},
    state::Gateway,
};

pub(super) fn routes() -> Router<Gateway> {
    Router::new()
        .route("/healthz", get(live))
        .route("/readyz", get(ready))
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

async fn live() -> Answer<Health> {
    Answer(StatusCode::OK, Health { status: "live" })
}

async fn ready(State(gateway): State<Gateway>) -> Result<Answer<Health>, Refusal> {
    gateway
        .is_ready()
        .await
        .map_err(|why| Refusal::new(Kind::Unavailable, why))?;
    Ok(Answer::ok(Health { status: "ready" }))
}
