//! `/openapi.json` and `/docs`: what there is, for programs and for people. Anyone may read it.

use std::sync::Arc;

use axum::{
    Extension,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{openapi, state::Gateway};

pub(super) fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(document))
        .routes(routes!(page))
}

/// What is served, made once.
#[derive(Debug, Clone)]
pub(super) struct Docs {
    document: Bytes,
    page: Bytes,
    policy: HeaderValue,
}

impl Docs {
    /// What is served of this document.
    pub(super) fn of(document: &OpenApi) -> Arc<Self> {
        let page = openapi::page();
        // Texts and numbers have a form in JSON, and the policy is ASCII.
        Arc::new(Self {
            document: serde_json::to_vec(document).unwrap_or_default().into(),
            page: page.html.into(),
            policy: HeaderValue::try_from(page.policy)
                .unwrap_or(HeaderValue::from_static("default-src 'none'")),
        })
    }
}

/// Read this document
#[utoipa::path(
    get, path = "/openapi.json", tag = "Documentation", operation_id = "openapi",
    responses((status = 200, description = "OpenAPI 3.1.", body = serde_json::Value)),
)]
async fn document(Extension(docs): Extension<Arc<Docs>>) -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], docs.document.clone()).into_response()
}

/// Browse this document
#[utoipa::path(
    get, path = "/docs", tag = "Documentation", operation_id = "docs",
    responses((status = 200, description = "A page for people.", content_type = "text/html", body = String)),
)]
async fn page(Extension(docs): Extension<Arc<Docs>>) -> Response {
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (header::CONTENT_SECURITY_POLICY, docs.policy.clone()),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (headers, docs.page.clone()).into_response()
}
