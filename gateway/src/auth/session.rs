//! Sessions of browsers: a signed token (JWT) in a cookie that scripts cannot read, made of an API key, or of a user's name and password.
//!
//! The token says which key or user it stands for, and until when. What these may is looked up with each request, so that a change or a
//! revocation is in effect at once. A browser sends cookies by itself, so whatever changes something must bring along besides a
//! code that only a page of ours could read: an HMAC of the token, handed out in the answers about the session.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, Method, header};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use queue::{keys::KeyEntry, users::UserEntry};
use ring::hmac;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::jwt;
use crate::{
    caller::Caller,
    problem::{Kind, Refusal},
    state::Gateway,
};

/// Where sessions begin and end.
pub(crate) const PATH: &str = "/v1/session";
/// The header of the code against forged requests.
pub(crate) const CSRF: &str = "posthaste-csrf";
/// The name of the cookie.
const COOKIE: &str = "posthaste_session";
/// How long a session lasts: a working day, with overtime.
const LIFE: TimeDelta = TimeDelta::hours(12);
/// Whose tokens they are.
const ISSUER: &str = "posthaste";

/// What a session's token claims.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    /// The key or the user it stands for.
    sub: Uuid,
    /// Of a user: the epoch in which it was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    epoch: Option<i32>,
    iat: i64,
    exp: i64,
}

/// For whom a session stands, as they are now.
#[derive(Debug, Clone)]
pub(crate) enum Signed {
    /// Who has this API key.
    Key(Arc<KeyEntry>),
    /// This user.
    User(Arc<UserEntry>),
}

impl Signed {
    /// Them as a caller, until then.
    pub(crate) fn caller(&self, until: DateTime<Utc>) -> Caller {
        match self {
            Self::Key(key) => Caller::Session(key.clone(), until),
            Self::User(user) => Caller::User(user.clone(), until),
        }
    }
}

/// A session that was begun, or has come with a request.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// For whom it stands.
    pub(crate) signed: Signed,
    /// Until when it lasts.
    pub(crate) until: DateTime<Utc>,
    /// The code that requests which change something must bring along.
    pub(crate) csrf: String,
}

/// Begins a session; with it, the cookie. `encrypted`: the browser is not to send it in the clear.
pub(crate) fn begin(
    gateway: &Gateway,
    signed: Signed,
    encrypted: bool,
    now: DateTime<Utc>,
) -> Result<(Session, HeaderValue), Refusal> {
    let life = now + LIFE;
    let (sub, epoch, end) = match &signed {
        Signed::Key(key) => (key.id, None, key.expires_at),
        Signed::User(user) => (user.id, Some(user.epoch), None),
    };
    let until = end.map_or(life, |end| end.min(life));
    // A token tells whole seconds.
    let until = until.trunc_subsecs(0);
    let claims = Claims {
        iss: ISSUER.to_owned(),
        sub,
        epoch,
        iat: now.timestamp(),
        exp: until.timestamp(),
    };
    jwt::install();
    let signing = EncodingKey::from_secret(gateway.queue().session_key());
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &signing).map_err(|error| {
        tracing::error!(%error, "a session's token cannot be signed");
        Refusal::internal()
    })?;
    let cookie = cookie(&token, (until - now).num_seconds().max(0), encrypted);
    let csrf = URL_SAFE_NO_PAD.encode(hmac::sign(&codes(gateway), token.as_bytes()));
    Ok((Session { signed, until, csrf }, cookie))
}

/// The cookie that ends a session in the browser.
pub(crate) fn end(encrypted: bool) -> HeaderValue {
    cookie("", 0, encrypted)
}

/// Never sent with a request that another site has caused, nor seen by any script.
fn cookie(token: &str, seconds: i64, encrypted: bool) -> HeaderValue {
    let secure = if encrypted { "; Secure" } else { "" };
    let text = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    // A token is base64 and dots.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

/// Whether the page that asks was fetched over TLS, be it ours or that of a proxy before us: the browser itself says so.
pub(crate) fn is_encrypted(headers: &HeaderMap) -> bool {
    headers
        .get(header::ORIGIN)
        .is_some_and(|origin| origin.as_bytes().starts_with(b"https://"))
}

/// The session that a request brings along; `None` if it brings none.
pub(crate) fn find(
    gateway: &Gateway,
    method: &Method,
    headers: &HeaderMap,
    now: DateTime<Utc>,
) -> Option<Result<Session, Refusal>> {
    let token = token(headers)?;
    Some(judge(gateway, token, now).and_then(|session| {
        if method.is_safe() || is_ours(gateway, token, headers) {
            Ok(session)
        } else {
            let detail = format!(
                "A session alone may only read. Send its code, which `GET {PATH}` tells, in the header `{CSRF}`."
            );
            Err(Refusal::new(Kind::Forbidden, detail))
        }
    }))
}

fn judge(gateway: &Gateway, token: &str, now: DateTime<Utc>) -> Result<Session, Refusal> {
    let ended = || Refusal::new(Kind::Unauthorized, "The session has ended. Sign in again.");
    jwt::install();
    let verifying = DecodingKey::from_secret(gateway.queue().session_key());
    let claims =
        jsonwebtoken::decode::<Claims>(token, &verifying, &jwt::signature_only(jwt::Algorithm::Hs256))
            .map_err(|_| ended())?
            .claims;
    let until = DateTime::from_timestamp(claims.exp, 0).filter(|until| now < *until);
    let until = until.filter(|_| claims.iss == ISSUER).ok_or_else(ended)?;
    let signed = match claims.epoch {
        None => Signed::Key(gateway.queue().use_key(claims.sub, now).ok_or_else(|| {
            let detail = "The session has ended, for its API key was revoked or has expired. Sign in with another.";
            Refusal::new(Kind::Unauthorized, detail)
        })?),
        Some(epoch) => Signed::User(gateway.queue().find_user(claims.sub, epoch).ok_or_else(|| {
            let detail = "The session has ended: the password was changed, the user signed out everywhere, or may sign in no more. \
                          Sign in again.";
            Refusal::new(Kind::Unauthorized, detail)
        })?),
    };
    let csrf = URL_SAFE_NO_PAD.encode(hmac::sign(&codes(gateway), token.as_bytes()));
    Ok(Session { signed, until, csrf })
}

/// Whether the request brings the code of this session.
fn is_ours(gateway: &Gateway, token: &str, headers: &HeaderMap) -> bool {
    let code = headers
        .get(CSRF)
        .and_then(|code| URL_SAFE_NO_PAD.decode(code).ok());
    code.is_some_and(|code| hmac::verify(&codes(gateway), token.as_bytes(), &code).is_ok())
}

fn codes(gateway: &Gateway) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, gateway.queue().session_key())
}

/// The token in the cookies of a request.
fn token(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).into_iter();
    let mut cookies = all
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'));
    cookies.find_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == COOKIE && !value.is_empty()).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_found_among_other_cookies() {
        for (cookies, found) in [
            (&["posthaste_session=a.b.c"][..], Some("a.b.c")),
            (&["theme=dark; posthaste_session=a"], Some("a")),
            (&["x=1", "posthaste_session=a; y=2"], Some("a")),
            (&["posthaste_session="], None),
            (&["xposthaste_session=a"], None),
            (&[], None),
        ] {
            let mut headers = HeaderMap::new();
            for cookie in cookies {
                headers.append(header::COOKIE, cookie.parse().unwrap());
            }
            assert_eq!(token(&headers), found, "{cookies:?}");
        }
    }

    #[test]
    fn the_cookie_is_kept_from_scripts_and_other_sites() {
        let text = cookie("a", 60, true);
        assert_eq!(
            text,
            "posthaste_session=a; Path=/; HttpOnly; SameSite=Strict; Max-Age=60; Secure"
        );
        assert!(!cookie("a", 60, false).to_str().unwrap().contains("Secure"));
    }
}
