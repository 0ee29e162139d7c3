//! `/metrics`, for monitoring.

use axum::{
    Router,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use queue::rights::Reach;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::health;
use crate::{
    acting::{self, Acting},
    metrics::MEDIA_TYPE,
    problem::Refusal,
    state::Gateway,
};

pub(super) fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new().routes(routes!(metrics))
}

/// Read the metrics of this node
///
/// In the text format of Prometheus. Each node has its own. A key that does not reach all queues sees the series of its own queues.
#[utoipa::path(
    get, path = "/metrics", tag = "Node", operation_id = "metrics",
    responses((status = 200, description = "The metrics.", content_type = "text/plain", body = String)),
    security(("key" = ["read"])),
)]
async fn metrics(acting: Acting) -> Result<Response, Refusal> {
    Ok(answer(acting.metrics().await?))
}

fn answer(page: String) -> Response {
    ([(header::CONTENT_TYPE, MEDIA_TYPE)], page).into_response()
}

/// What a port of its own for monitoring serves: metrics to whoever can connect, and health.
pub(crate) fn open(gateway: Gateway) -> Router {
    #[utoipa::path(get, path = "/metrics", responses((status = 200, body = String)))]
    async fn metrics(State(gateway): State<Gateway>) -> Result<Response, Refusal> {
        Ok(answer(acting::page(&gateway, &Reach::everything()).await?))
    }
    let (routes, _) = health::routes().routes(routes!(metrics)).split_for_parts();
    routes.with_state(gateway)
}
