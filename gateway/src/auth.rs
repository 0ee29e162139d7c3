//! Who asks: `Authorization: Bearer ph_…`.

use std::time::{Duration, Instant};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use parking_lot::Mutex;

use crate::{
    caller::Caller,
    problem::{Kind, Refusal},
    state::Gateway,
};

/// How often in a second the database may be asked about keys that this node does not know: often enough that a key just made on
/// another node works at once, seldom enough that guessing is no load.
const LOOKS_PER_SECOND: u32 = 10;

/// Counts the looks into the database for keys that are not known.
#[derive(Debug, Default)]
pub(crate) struct KeyLooks(Mutex<Option<(Instant, u32)>>);

impl KeyLooks {
    /// Takes one of this second's looks, if any is left.
    fn take(&self, now: Instant) -> bool {
        let mut window = self.0.lock();
        let current = window.filter(|(begun, _)| now.duration_since(*begun) < Duration::from_secs(1));
        let (begun, used) = current.unwrap_or((now, 0));
        if used >= LOOKS_PER_SECOND {
            return false;
        }
        *window = Some((begun, used + 1));
        true
    }
}

/// Lets through who has a valid key, and puts the [`Caller`] into the request's extensions.
pub(crate) async fn require_caller(
    State(gateway): State<Gateway>,
    mut request: Request,
    next: Next,
) -> Response {
    match authenticate(&gateway, request.headers()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// Who asks, by the headers (of HTTP, or the metadata of a call).
pub(crate) async fn authenticate(gateway: &Gateway, headers: &HeaderMap) -> Result<Caller, Refusal> {
    let key = bearer(headers)?;
    // Known keys are in memory: a hash and a look-up.
    if let Some(known) = gateway.queue().authenticate(key, false).await? {
        return Ok(Caller::Key(known));
    }
    if gateway.key_looks().take(Instant::now())
        && let Some(new) = gateway.queue().authenticate(key, true).await?
    {
        return Ok(Caller::Key(new));
    }
    Err(Refusal::new(
        Kind::Unauthorized,
        "This API key is not valid: it is mistyped, was revoked, or belongs to another installation.",
    ))
}

fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    let missing = || {
        Refusal::new(
            Kind::Unauthorized,
            "Send the API key in the header `Authorization: Bearer ph_…`.",
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
    fn looks_are_few_each_second() {
        let (looks, begin) = (KeyLooks::default(), Instant::now());
        let taken = |at: Duration| (0..50).filter(|_| looks.take(begin + at)).count();
        assert_eq!(taken(Duration::ZERO), 10);
        assert_eq!(taken(Duration::from_millis(999)), 0);
        assert_eq!(taken(Duration::from_secs(1)), 10);
        assert_eq!(taken(Duration::from_millis(1_500)), 0);
        assert_eq!(taken(Duration::from_mins(1)), 10);
    }

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
