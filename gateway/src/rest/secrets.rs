//! `/v1/endpoints/{id}/secrets`

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use proto::{NewSecret, Page, RevealedSecret, Secret};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    acting::Acting,
    json::{Answer, MaybeObject},
    path::{Id, SecretId},
    problem::Refusal,
    state::Gateway,
};

pub(super) fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(reveal))
}

/// An answer that carries a secret is kept by nobody on the way.
pub(super) fn unstored(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// List the secrets that sign, newest first, without their values
#[utoipa::path(
    get, path = "/v1/endpoints/{id}/secrets", tag = "Endpoints", operation_id = "list_secrets",
    params(Id),
    responses((status = 200, description = "All of them: they are few.", body = Page<Secret>)),
    security(("key" = ["manage"])),
)]
async fn list(acting: Acting, Id(id): Id) -> Result<Answer<Page<Secret>>, Refusal> {
    Ok(Answer::ok(acting.list_secrets(id).await?))
}

/// Add a signing secret
///
/// The older ones go on signing beside it for a while. No body stands for `{}`.
#[utoipa::path(
    post, path = "/v1/endpoints/{id}/secrets", tag = "Endpoints", operation_id = "add_secret",
    params(Id),
    request_body = Option<NewSecret>,
    responses(
    (status = 201, description = "It signs from now on.", body = RevealedSecret, headers(("location" = String, description = "Where it is."))),
    (status = 409, description = "As many secrets sign as may at once."),
    ),
    security(("key" = ["manage"])),
)]
async fn add(
    acting: Acting,
    Id(id): Id,
    MaybeObject(new): MaybeObject<NewSecret>,
) -> Result<Response, Refusal> {
    let made = acting.add_secret(id, new).await?;
    let place = format!("/v1/endpoints/{id}/secrets/{}", made.id);
    Ok(unstored(
        ([(header::LOCATION, place)], Answer(StatusCode::CREATED, made)).into_response(),
    ))
}

/// Reveal a secret that signs
#[utoipa::path(
    get, path = "/v1/endpoints/{id}/secrets/{secret}", tag = "Endpoints", operation_id = "reveal_secret",
    params(Id, SecretId),
    responses((status = 200, description = "The secret with its value.", body = RevealedSecret)),
    security(("key" = ["manage"])),
)]
async fn reveal(acting: Acting, Id(id): Id, SecretId(secret): SecretId) -> Result<Response, Refusal> {
    let found = acting.reveal_secret(id, secret).await?;
    Ok(unstored(Answer::ok(found).into_response()))
}
