//! `/proto`: the contract of the gRPC API as text, for whoever generates a client from it. Anyone may read it.

use axum::{
    extract::Request,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use proto::grpc::SOURCES;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::nowhere;
use crate::state::Gateway;

/// What stands before the path under which the files import one another.
const ROOT: &str = "/proto/";

pub(super) fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new().routes(routes!(file))
}

/// Read the contract of the gRPC API
///
/// One of its `.proto` files. They import one another as `posthaste/v1/tasks.proto`, so `/proto` is where to look for them.
#[utoipa::path(
    get, path = "/proto/posthaste/v1/{file}", tag = "Documentation", operation_id = "proto",
    params(("file" = String, Path, description = "Its name.", example = "tasks.proto")),
    responses(
        (status = 200, description = "The file.", content_type = "text/plain", body = String),
        (status = 404, description = "There is no such file."),
    ),
)]
async fn file(request: Request) -> Response {
    let path = request.uri().path().strip_prefix(ROOT).unwrap_or_default();
    let Some((_, text)) = SOURCES.iter().find(|(name, _)| *name == path) else {
        return nowhere(request).await.into_response();
    };
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], *text).into_response()
}
