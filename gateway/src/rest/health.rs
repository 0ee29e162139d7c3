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
    let not_yet = |why: &str| Err(Refusal::new(Kind::Unavailable, why));
    if !gateway.reaches_database().await {
        return not_yet("PostgreSQL does not answer.");
    }
    if !gateway.owns_its_shards() {
        return not_yet("This node's dispatcher does not own its shards yet.");
    }
    Ok(Answer::ok(Health { status: "ready" }))
}
