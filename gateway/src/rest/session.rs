//! `/v1/session`

use axum::{
    Extension,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use proto::{NewSession, Session};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::secrets::unstored;
use crate::{
    acting::Acting,
    auth::{self, Peer, session},
    body::{self, Limit},
    json::{self, Answer},
    problem::Refusal,
    state::Gateway,
    time,
};

/// Bytes of the body: a key has 46, and whoever sends more signs in nowhere.
const BODY_MAX: usize = 1 << 10;

pub(super) fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new().routes(routes!(begin, read, end))
}

/// Sign in
///
/// For browsers, such as the console: the answer sets a cookie that stands for the key, for twelve hours or until the key ends. With it alone
/// one may read; what changes something must bring `csrf` along, in the header `posthaste-csrf`. Programs send the key itself with each request.
#[utoipa::path(
    post, path = "/v1/session", tag = "Session", operation_id = "sign_in",
    request_body = NewSession,
    responses(
    (status = 200, description = "Signed in.", body = Session, headers(("set-cookie" = String, description = "The session."))),
    (status = 400, description = "The body is not what it must be."),
    (status = 401, description = "The key is not valid."),
    (status = 429, description = "Too many keys that are not valid came from this address."),
    ),
)]
async fn begin(State(gateway): State<Gateway>, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    // Declared always: a page of another site can send this type only after it has asked, and is refused.
    if json::media_type(&parts.headers) != "application/json" {
        return Err(json::unsupported(
            &json::media_type(&parts.headers),
            "application/json",
        ));
    }
    let limit = Limit {
        bytes: BODY_MAX,
        field: "body",
    };
    let whole = body::read(&gateway, body, limit).await?;
    let NewSession { key } = json::parse_object(&whole.bytes)?;
    let now = time::now();
    let key = auth::by_key(&gateway, key.trim(), Peer::of(&parts.extensions), now).await?;
    let encrypted = session::is_encrypted(&parts.headers);
    let (begun, cookie) = session::begin(&gateway, key.clone(), encrypted, now)?;
    let caller = crate::caller::Caller::Session(key, begun.until);
    let answer = Acting::new(gateway, caller).session(Some(begun.csrf));
    Ok(unstored(
        ([(header::SET_COOKIE, cookie)], Answer::ok(answer)).into_response(),
    ))
}

/// Read who one is, and what one may
///
/// By a session, or by the key or token that the request carries.
#[utoipa::path(
    get, path = "/v1/session", tag = "Session", operation_id = "read_session",
    responses((status = 200, description = "Who asks.", body = Session)),
    security(("key" = [])),
)]
async fn read(acting: Acting, signed: Option<Extension<session::Session>>) -> Response {
    let csrf = signed.map(|Extension(session)| session.csrf);
    unstored(Answer::ok(acting.session(csrf)).into_response())
}

/// Sign out
///
/// The browser forgets its session. What a key or token is good for stays as it is.
#[utoipa::path(
    delete, path = "/v1/session", tag = "Session", operation_id = "sign_out",
    responses((status = 204, description = "Signed out.", headers(("set-cookie" = String, description = "Empty.")))),
    security(("key" = [])),
)]
async fn end(_: Acting, headers: HeaderMap) -> Response {
    let cookie = session::end(session::is_encrypted(&headers));
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response()
}
