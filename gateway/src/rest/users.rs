//! `/v1/users`

use axum::{
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use proto::{NewUser, Page, User, UserUpdate};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    acting::Acting,
    json::{Answer, Object},
    page::Paging,
    path::Id,
    problem::Refusal,
    query::Query,
    state::Gateway,
};

pub(super) fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(make))
        .routes(routes!(read, update, delete))
        .routes(routes!(sign_out))
}

pub(super) fn lists() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Make a user
///
/// Somebody who signs in to the console by a name and a password. Nobody gives more than they have.
#[utoipa::path(
    post, path = "/v1/users", tag = "Users", operation_id = "make_user",
    request_body = NewUser,
    responses(
    (status = 201, description = "They may sign in from now on.", body = User, headers(("location" = String, description = "Where they are."))),
    (status = 409, description = "There is a user of this name."),
    ),
    security(("key" = ["admin"])),
)]
async fn make(acting: Acting, Object(new): Object<NewUser>) -> Result<Response, Refusal> {
    let user = acting.make_user(new).await?;
    let place = format!("/v1/users/{}", user.id);
    Ok(([(header::LOCATION, place)], Answer(StatusCode::CREATED, user)).into_response())
}

/// List the users, oldest first
#[utoipa::path(
    get, path = "/v1/users", tag = "Users", operation_id = "list_users",
    params(Paging),
    responses((status = 200, description = "A page of them.", body = Page<User>)),
    security(("key" = ["admin"])),
)]
async fn list(acting: Acting, uri: Uri) -> Result<Answer<Page<User>>, Refusal> {
    let mut query = Query::of(&uri);
    let paging = Paging::take(&mut query, acting.gateway());
    query.finish()?;
    Ok(Answer::ok(acting.list_users(paging).await?))
}

/// Read a user
#[utoipa::path(
    get, path = "/v1/users/{id}", tag = "Users", operation_id = "read_user",
    params(Id),
    responses((status = 200, description = "The user.", body = User)),
    security(("key" = ["admin"])),
)]
async fn read(acting: Acting, Id(id): Id) -> Result<Answer<User>, Refusal> {
    Ok(Answer::ok(acting.read_user(id).await?))
}

/// Change what a user may, or their password
///
/// What is left out stays; lists are replaced whole. A new password, a role that may less and `disabled` end the user's sessions, on every
/// node within a second.
#[utoipa::path(
    patch, path = "/v1/users/{id}", tag = "Users", operation_id = "update_user",
    params(Id),
    request_body(content((UserUpdate = "application/merge-patch+json"), (UserUpdate = "application/json"))),
    responses(
    (status = 200, description = "The user as they are now.", body = User),
    (status = 409, description = "It is who asks, and could not be undone by them."),
    ),
    security(("key" = ["admin"])),
)]
async fn update(
    acting: Acting,
    Id(id): Id,
    Object(update): Object<UserUpdate>,
) -> Result<Answer<User>, Refusal> {
    Ok(Answer::ok(acting.update_user(id, update).await?))
}

/// Delete a user for good
///
/// Their sessions end within a second on every node; the name is free again.
#[utoipa::path(
    delete, path = "/v1/users/{id}", tag = "Users", operation_id = "delete_user",
    params(Id),
    responses(
    (status = 204, description = "They are deleted."),
    (status = 409, description = "It is who asks."),
    ),
    security(("key" = ["admin"])),
)]
async fn delete(acting: Acting, Id(id): Id) -> Result<StatusCode, Refusal> {
    acting.delete_user(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End all sessions of a user
///
/// On every node within a second. They may sign in again.
#[utoipa::path(
    post, path = "/v1/users/{id}/sign-out", tag = "Users", operation_id = "sign_user_out",
    params(Id),
    responses((status = 204, description = "They are signed out everywhere.")),
    security(("key" = ["admin"])),
)]
async fn sign_out(acting: Acting, Id(id): Id) -> Result<StatusCode, Refusal> {
    acting.sign_user_out(id).await?;
    Ok(StatusCode::NO_CONTENT)
}
