//! `/v1/endpoints/{id}/secrets`

use axum::{
    Router,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use proto::{NewSecret, Page, Secret};

use crate::{
    acting::Acting,
    json::{Answer, MaybeObject},
    path::{Id, SecretId},
    problem::Refusal,
    state::Gateway,
};

pub(super) fn routes() -> Router<Gateway> {
    Router::new()
        .route("/v1/endpoints/{id}/secrets", get(list).post(add))
        .route("/v1/endpoints/{id}/secrets/{secret}", get(reveal))
}

/// An answer that carries a secret is kept by nobody on the way.
pub(super) fn unstored(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn list(acting: Acting, Id(id): Id) -> Result<Answer<Page<Secret>>, Refusal> {
    Ok(Answer::ok(acting.list_secrets(id).await?))
}

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

async fn reveal(acting: Acting, Id(id): Id, SecretId(secret): SecretId) -> Result<Response, Refusal> {
    let found = acting.reveal_secret(id, secret).await?;
    Ok(unstored(Answer::ok(found).into_response()))
}
