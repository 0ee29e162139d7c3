//! Who asks: `Authorization: Bearer ` and an API key (`ph_…`), or the token of an issuer that is trusted; over REST also a browser's session.

mod guesses;
pub mod jwt;
mod looks;
mod password;
pub(crate) mod session;

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
    time::Instant,
};

use axum::{
    extract::Request,
    http::{Extensions, HeaderMap, header},
};
use chrono::{DateTime, Utc};
use queue::keys::{self, KeyEntry, KeyLook};

pub(crate) use self::{
    guesses::{Guesses, Names},
    looks::KeyLooks,
    password::{by_password, proven},
};
use crate::{
    caller::Caller,
    problem::{Kind, Refusal},
    state::Gateway,
    time,
};

/// Where a request comes from: the address of its connection, put into each request's extensions where connections are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) IpAddr);

impl Peer {
    /// That of a request; of one that came over no connection, an address that nobody has.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        Self::or_nowhere(extensions.get().copied())
    }

    /// The same, where it was looked for already.
    pub(crate) fn or_nowhere(found: Option<Self>) -> Self {
        found.unwrap_or(Self(IpAddr::V6(Ipv6Addr::UNSPECIFIED)))
    }
}

/// Who asks over REST: by a key or token, or else by a session, which is left in the request's extensions.
pub(crate) async fn find_caller(gateway: &Gateway, request: &mut Request) -> Result<Caller, Refusal> {
    if !request.headers().contains_key(header::AUTHORIZATION)
        && let Some(found) = session::find(gateway, request.method(), request.headers(), time::now())
    {
        let session = found?;
        let caller = session.signed.caller(session.until);
        request.extensions_mut().insert(session);
        return Ok(caller);
    }
    let peer = Peer::of(request.extensions());
    authenticate(gateway, request.headers(), peer).await
}

/// Who asks, by the headers of a request, be it REST or gRPC.
pub(crate) async fn authenticate(
    gateway: &Gateway,
    headers: &HeaderMap,
    peer: Peer,
) -> Result<Caller, Refusal> {
    let given = bearer(headers)?;
    let now = time::now();
    if given.starts_with(keys::PREFIX) {
        by_key(gateway, given, peer, now).await.map(Caller::Key)
    } else {
        by_token(gateway, given, peer, now)
    }
}

fn by_token(gateway: &Gateway, token: &str, peer: Peer, now: DateTime<Utc>) -> Result<Caller, Refusal> {
    match gateway.trust().verify(token, now) {
        Ok(token) => Ok(Caller::Token(token)),
        Err(why) => {
            slow_down(gateway, peer)?;
            let detail = if gateway.trust().is_empty() {
                "This is no API key: one begins with `ph_`.".to_owned()
            } else {
                format!("This token is not valid: {why}.")
            };
            Err(Refusal::new(Kind::Unauthorized, detail))
        }
    }
}

/// Notes wrong credentials; an error if too many came from there.
fn slow_down(gateway: &Gateway, peer: Peer) -> Result<(), Refusal> {
    gateway.metrics().wrong_key();
    let noted = gateway.guesses().note(peer.0, Instant::now());
    noted.map_err(|wait| {
        let detail = "Too many keys or tokens that are not valid came from your address. A valid one works all the while.";
        Refusal::new(Kind::TooMany, detail).retry_after(wait)
    })
}

/// The key of this text, if it is valid.
pub(crate) async fn by_key(
    gateway: &Gateway,
    key: &str,
    peer: Peer,
    now: DateTime<Utc>,
) -> Result<Arc<KeyEntry>, Refusal> {
    // Known keys are in memory: a hash and a look-up.
    let mut look = gateway.queue().authenticate(key, now);
    if let KeyLook::Valid(key) = look {
        return Ok(key);
    }
    // From here on it is an error or a guess, or a key that another node just made.
    slow_down(gateway, peer)?;
    if gateway.key_looks().take(Instant::now()) {
        look = gateway.queue().authenticate_anew(key, now).await?;
    }
    match look {
        KeyLook::Valid(key) => Ok(key),
        KeyLook::Expired(at) => Err(Refusal::new(
            Kind::Unauthorized,
            format!("This API key expired at {}.", at.format("%FT%TZ")),
        )),
        KeyLook::Unknown => Err(Refusal::new(
            Kind::Unauthorized,
            "This API key is not valid: it is mistyped, was revoked, or belongs to another installation.",
        )),
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    let missing = || {
        Refusal::new(
            Kind::Unauthorized,
            "Send an API key (or a token) in the header `Authorization: Bearer ph_…`.",
        )
    };
    let value = headers.get(header::AUTHORIZATION).ok_or_else(missing)?;
    let (scheme, key) = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(key.trim())
    } else {
        Err(missing())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_is_bearer() {
        let of = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            bearer(&headers).map(str::to_owned).ok()
        };
        assert_eq!(of("Bearer ph_x").as_deref(), Some("ph_x"));
        assert_eq!(of("bearer  ph_x ").as_deref(), Some("ph_x"));
        for none in ["", "ph_x", "Basic ph_x", "Bearer\tph_x"] {
            assert_eq!(of(none), None, "{none:?}");
        }
        assert!(bearer(&HeaderMap::new()).is_err());
    }
}
