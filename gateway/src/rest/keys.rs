//! `/v1/keys`

use axum::{
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use proto::{Key, KeyUpdate, NewKey, Page, RotateKey};
use utoipa_axum::{router::OpenApiRouter, routes};

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

pub(super) fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(make))
        .routes(routes!(read, update, revoke))
        .routes(routes!(rotate))
}

pub(super) fn lists() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new().routes(routes!(list))
}

/// The answer with a key that was made just now.
fn made(key: Key) -> Response {
    let place = format!("/v1/keys/{}", key.id);
    unstored(([(header::LOCATION, place)], Answer(StatusCode::CREATED, key)).into_response())
}

/// Make an API key
///
/// The answer is the only one that carries it. Nobody gives more than they have: neither queues nor scopes.
#[utoipa::path(
    post, path = "/v1/keys", tag = "Keys", operation_id = "make_key",
    request_body = NewKey,
    responses((status = 201, description = "It works from now on.", body = Key, headers(("location" = String, description = "Where it is.")))),
    security(("key" = ["admin"])),
)]
async fn make(acting: Acting, Object(new): Object<NewKey>) -> Result<Response, Refusal> {
    Ok(made(acting.make_key(new).await?))
}

/// List the API keys, oldest first
///
/// Those included that were revoked or have expired.
#[utoipa::path(
    get, path = "/v1/keys", tag = "Keys", operation_id = "list_keys",
    params(Paging),
    responses((status = 200, description = "A page of them.", body = Page<Key>)),
    security(("key" = ["admin"])),
)]
async fn list(acting: Acting, uri: Uri) -> Result<Answer<Page<Key>>, Refusal> {
    let mut query = Query::of(&uri);
    let paging = Paging::take(&mut query, acting.gateway());
    query.finish()?;
    Ok(Answer::ok(acting.list_keys(paging).await?))
}

/// Read what an API key allows
#[utoipa::path(
    get, path = "/v1/keys/{id}", tag = "Keys", operation_id = "read_key",
    params(Id),
    responses((status = 200, description = "The key, without itself.", body = Key)),
    security(("key" = ["admin"])),
)]
async fn read(acting: Acting, Id(id): Id) -> Result<Answer<Key>, Refusal> {
    Ok(Answer::ok(acting.read_key(id).await?))
}

/// Change what an API key allows
///
/// What is left out stays; lists are replaced whole; `null` takes a limit back.
#[utoipa::path(
    patch, path = "/v1/keys/{id}", tag = "Keys", operation_id = "update_key",
    params(Id),
    request_body(content((KeyUpdate = "application/merge-patch+json"), (KeyUpdate = "application/json"))),
    responses(
    (status = 200, description = "The key as it is now.", body = Key),
    (status = 409, description = "It was revoked, or it is the last one that may make keys."),
    ),
    security(("key" = ["admin"])),
)]
async fn update(
    acting: Acting,
    Id(id): Id,
    Object(update): Object<KeyUpdate>,
) -> Result<Answer<Key>, Refusal> {
    Ok(Answer::ok(acting.update_key(id, update).await?))
}

/// Revoke an API key for good
///
/// What it is good for ends within a second on every node; that there was one stays known.
#[utoipa::path(
    delete, path = "/v1/keys/{id}", tag = "Keys", operation_id = "revoke_key",
    params(Id),
    responses(
    (status = 204, description = "It is revoked."),
    (status = 409, description = "It is the last one that may make keys."),
    ),
    security(("key" = ["admin"])),
)]
async fn revoke(acting: Acting, Id(id): Id) -> Result<StatusCode, Refusal> {
    acting.revoke_key(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a key with the same rights in the place of one
///
/// The old one goes on working for a while. No body stands for `{}`.
#[utoipa::path(
    post, path = "/v1/keys/{id}/rotate", tag = "Keys", operation_id = "rotate_key",
    params(Id),
    request_body = Option<RotateKey>,
    responses(
    (status = 201, description = "The new key works from now on.", body = Key, headers(("location" = String, description = "Where it is."))),
    (status = 409, description = "It was revoked, has expired, or was rotated already."),
    ),
    security(("key" = ["admin"])),
)]
async fn rotate(
    acting: Acting,
    Id(id): Id,
    MaybeObject(rotate): MaybeObject<RotateKey>,
) -> Result<Response, Refusal> {
    Ok(made(acting.rotate_key(id, rotate).await?))
}
