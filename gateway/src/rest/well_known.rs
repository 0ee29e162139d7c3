//! `/.well-known/posthaste`: the public keys of endpoints, for receivers. Anyone may read them; nothing but memory is asked.

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use proto::Jwks;
use queue::signature::PublicKey;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{acting, json::Answer, path::Id, problem::Refusal, state::Gateway};

pub(super) fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new().routes(routes!(jwks)).routes(routes!(whpk))
}

/// A receiver may keep them this long: a rotation leaves the older key beside the new one for longer, unless it is told otherwise.
const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// Read the public keys of an endpoint, as a JSON Web Key Set
///
/// Those with which signatures of scheme `v1a` are verified now, the newest first. 404 where an endpoint has none, or is none.
#[utoipa::path(
    get, path = "/.well-known/posthaste/endpoints/{id}/jwks.json", tag = "Public keys", operation_id = "jwks",
    params(Id),
    responses((status = 200, description = "The keys (RFC 7517, RFC 8037).", body = Jwks)),
)]
async fn jwks(State(gateway): State<Gateway>, Id(id): Id) -> Result<Response, Refusal> {
    let keys = acting::public_keys(&gateway, id)?;
    let keys = keys.iter().map(acting::jwk).collect();
    Ok(([(header::CACHE_CONTROL, KEPT)], Answer::ok(Jwks { keys })).into_response())
}

/// Read the public keys of an endpoint, as Standard Webhooks writes them
///
/// A line each: `whpk_` and base64. The same keys as in the JSON Web Key Set.
#[utoipa::path(
    get, path = "/.well-known/posthaste/endpoints/{id}/whpk.txt", tag = "Public keys", operation_id = "whpk",
    params(Id),
    responses((status = 200, description = "The keys.", content_type = "text/plain", body = String)),
)]
async fn whpk(State(gateway): State<Gateway>, Id(id): Id) -> Result<Response, Refusal> {
    let keys = acting::public_keys(&gateway, id)?;
    let lines: Vec<String> = keys.iter().map(PublicKey::reveal).collect();
    Ok(([(header::CACHE_CONTROL, KEPT)], lines.join("\n") + "\n").into_response())
}
