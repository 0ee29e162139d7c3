//! `/v1/keys`

use axum::{
    Router,
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use proto::{Key, KeyUpdate, NewKey, Page, RotateKey};

use super::secrets::unstored;
use crate::{
    acting::Acting,
    json::{Answer, MaybeObject, Object},
    page::Paging,
    path::Id,
    problem::Refusal,
    query::Query,
    state::Gateway,
};

pub(super) fn routes() -> Router<Gateway> {
    Router::new()
        .route("/v1/keys", post(make))
        .route("/v1/keys/{id}", get(read).patch(update).delete(revoke))
        .route("/v1/keys/{id}/rotate", post(rotate))
}

pub(super) fn lists() -> Router<Gateway> {
    Router::new().route("/v1/keys", get(list))
}

/// The answer with a key that was made just now.
fn made(key: Key) -> Response {
    let place = format!("/v1/keys/{}", key.id);
    unstored(([(header::LOCATION, place)], Answer(StatusCode::CREATED, key)).into_response())
}

async fn make(acting: Acting, Object(new): Object<NewKey>) -> Result<Response, Refusal> {
    Ok(made(acting.make_key(new).await?))
}

async fn list(acting: Acting, uri: Uri) -> Result<Answer<Page<Key>>, Refusal> {
    let mut query = Query::of(&uri);
    let paging = Paging::take(&mut query, acting.gateway());
    query.finish()?;
    Ok(Answer::ok(acting.list_keys(paging).await?))
}

async fn read(acting: Acting, Id(id): Id) -> Result<Answer<Key>, Refusal> {
    Ok(Answer::ok(acting.read_key(id).await?))
}

async fn update(
    acting: Acting,
    Id(id): Id,
    Object(update): Object<KeyUpdate>,
) -> Result<Answer<Key>, Refusal> {
    Ok(Answer::ok(acting.update_key(id, update).await?))
}

/// Revoking deletes what a key is good for; that there was one stays known.
async fn revoke(acting: Acting, Id(id): Id) -> Result<StatusCode, Refusal> {
    acting.revoke_key(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn rotate(
    acting: Acting,
    Id(id): Id,
    MaybeObject(rotate): MaybeObject<RotateKey>,
) -> Result<Response, Refusal> {
    Ok(made(acting.rotate_key(id, rotate).await?))
}
