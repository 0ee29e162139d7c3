//! `/v1/endpoints/{id}/secrets`

use axum::{
    Router,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use proto::{NewSecret, Page, Secret};

use crate::{
    json::{Answer, MaybeObject},
    path::{Id, SecretId},
    problem::{Kind, Refusal},
    state::Gateway,
    time,
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

/// A page like every list; a few secrets sign at most, so it is the only one.
async fn list(State(gateway): State<Gateway>, Id(id): Id) -> Result<Answer<Page<Secret>>, Refusal> {
    let secrets = gateway.queue().reveal_secrets(id, time::now()).await?;
    let items = secrets.into_iter().map(|secret| Secret {
        id: secret.id,
        created_at: secret.created_at,
        expires_at: secret.expires_at,
    });
    Ok(Answer::ok(Page {
        items: items.collect(),
        next_page: None,
    }))
}

async fn add(
    State(gateway): State<Gateway>,
    Id(id): Id,
    MaybeObject(new): MaybeObject<NewSecret>,
) -> Result<Response, Refusal> {
    let made = gateway.queue().add_secret(id, new, time::now()).await?;
    let place = format!("/v1/endpoints/{id}/secrets/{}", made.id);
    Ok(unstored(
        ([(header::LOCATION, place)], Answer(StatusCode::CREATED, made)).into_response(),
    ))
}

async fn reveal(
    State(gateway): State<Gateway>,
    Id(id): Id,
    SecretId(secret): SecretId,
) -> Result<Response, Refusal> {
    let secrets = gateway.queue().reveal_secrets(id, time::now()).await?;
    let found = secrets.into_iter().find(|one| one.id == secret);
    let found = found
        .ok_or_else(|| Refusal::new(Kind::NotFound, format!("There is no secret {secret} that signs.")))?;
    Ok(unstored(Answer::ok(found).into_response()))
}
