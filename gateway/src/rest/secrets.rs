//! `/v1/endpoints/{id}/secrets`

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use proto::{NewSecret, Page, RevealedSecret, Secret, SignedRequest, Verification};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    acting::Acting,
    json::{Answer, MaybeObject, Object},
    path::{Id, SecretId},
    problem::Refusal,
    state::Gateway,
};

pub(super) fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(reveal, delete))
        .routes(routes!(verify))
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
/// The older ones of its scheme go on signing beside it for a while; those of the other scheme are not touched. No body stands for `{}`.
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
///
/// That it was shown, and to whom, is written down in the audit.
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

/// Delete a secret
///
/// It signs nothing from now on, not even for the rest of its overlap.
#[utoipa::path(
    delete, path = "/v1/endpoints/{id}/secrets/{secret}", tag = "Endpoints", operation_id = "delete_secret",
    params(Id, SecretId),
    responses(
    (status = 204, description = "It is gone."),
    (status = 409, description = "It is the last one that signs without end."),
    ),
    security(("key" = ["manage"])),
)]
async fn delete(acting: Acting, Id(id): Id, SecretId(secret): SecretId) -> Result<StatusCode, Refusal> {
    acting.delete_secret(id, secret).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Explain the signature of a request
///
/// Give the headers and the body that a receiver has: the answer says which secret made the signature, or what is wrong with it: the time, the
/// body, the header's form, or the secret.
#[utoipa::path(
    post, path = "/v1/endpoints/{id}/verify", tag = "Endpoints", operation_id = "verify_signature",
    params(Id),
    request_body = SignedRequest,
    responses((status = 200, description = "Whether a receiver should accept it, and if not, why.", body = Verification)),
    security(("key" = ["manage"])),
)]
async fn verify(
    acting: Acting,
    Id(id): Id,
    Object(request): Object<SignedRequest>,
) -> Result<Answer<Verification>, Refusal> {
    Ok(Answer::ok(acting.verify(id, request, None).await?))
}
