//! `/v1/session`

use axum::{
    Extension,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use proto::{NewSession, PasswordChange, Session};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::secrets::unstored;
use crate::{
    acting::Acting,
    auth::{
        self, Peer,
        session::{self, Signed},
    },
    body::{self, Limit},
    json::{self, Answer, Object},
    problem::Refusal,
    state::Gateway,
    time,
};

/// Bytes of the body: the longest name and password have 1 KiB, escaped at worst three, and whoever sends more signs in nowhere.
const BODY_MAX: usize = 4 << 10;

pub(super) fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(begin, read, end))
        .routes(routes!(change_password))
        .routes(routes!(sign_out_everywhere))
}

/// Sign in
///
/// By an API key, or by the name and the password of a user. For browsers, such as the console: the answer sets a cookie that stands for the
/// key or the user, for twelve hours or until the key ends. With it alone one may read; what changes something must bring `csrf` along, in the
/// header `posthaste-csrf`. Programs send the key itself with each request.
#[utoipa::path(
    post, path = "/v1/session", tag = "Session", operation_id = "sign_in",
    request_body = NewSession,
    responses(
    (status = 200, description = "Signed in.", body = Session, headers(("set-cookie" = String, description = "The session."))),
    (status = 400, description = "The body is not what it must be."),
    (status = 401, description = "The key is not valid, or the name or the password is wrong."),
    (status = 429, description = "Too many that were not valid came from this address, or for this name."),
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
    let given: NewSession = json::parse_object(&whole.bytes)?;
    let (now, peer) = (time::now(), Peer::of(&parts.extensions));
    let signed = match given {
        NewSession {
            key: Some(key),
            name: None,
            password: None,
        } => Signed::Key(auth::by_key(&gateway, key.trim(), peer, now).await?),
        NewSession {
            key: None,
            name: Some(name),
            password: Some(password),
        } => {
            let signed = Signed::User(auth::by_password(&gateway, &name, password, peer).await?);
            Acting::new(gateway.clone(), signed.caller(now))
                .note_sign_in()
                .await?;
            signed
        }
        _ => {
            let detail = "either `key`, or `name` and `password`";
            return Err(Refusal::invalid("key", detail));
        }
    };
    begun(gateway, signed, &parts.headers)
}

/// The answer with which a session begins.
fn begun(gateway: Gateway, signed: Signed, headers: &HeaderMap) -> Result<Response, Refusal> {
    let encrypted = session::is_encrypted(headers);
    let (begun, cookie) = session::begin(&gateway, signed, encrypted, time::now())?;
    let caller = begun.signed.caller(begun.until);
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

/// Change one's own password
///
/// For who signed in by a name and a password. All other sessions of theirs end; this one goes on, with the cookie and the code of the answer.
#[utoipa::path(
    post, path = "/v1/session/password", tag = "Session", operation_id = "change_password",
    request_body = PasswordChange,
    responses(
    (status = 200, description = "The new one holds.", body = Session, headers(("set-cookie" = String, description = "The session."))),
    (status = 429, description = "Too many wrong passwords."),
    ),
    security(("key" = [])),
)]
async fn change_password(
    State(gateway): State<Gateway>,
    acting: Acting,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    Object(change): Object<PasswordChange>,
) -> Result<Response, Refusal> {
    let peer = Peer::or_nowhere(peer.map(|Extension(peer)| peer));
    let user = acting.change_password(change, peer).await?;
    begun(gateway, Signed::User(user), &headers)
}

/// Sign out everywhere
///
/// For who signed in by a name and a password: every session of theirs ends, this one included, on every node within a second.
#[utoipa::path(
    post, path = "/v1/session/sign-out", tag = "Session", operation_id = "sign_out_everywhere",
    responses((status = 204, description = "Signed out.", headers(("set-cookie" = String, description = "Empty.")))),
    security(("key" = [])),
)]
async fn sign_out_everywhere(acting: Acting, headers: HeaderMap) -> Result<Response, Refusal> {
    acting.sign_out_everywhere().await?;
    let cookie = session::end(session::is_encrypted(&headers));
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}
