//! Access tokens of an endpoint that wants them (OAuth 2.0, client credentials): fetched once for all attempts that wait for one, kept until
//! shortly before they expire, and fetched through the same egress guard as everything else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, Uri, header};
use proto::OAuth2;
use queue::outcome::{Failure, FailureKind, Outcome};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;
use url::{Url, form_urlencoded};

use crate::push;

/// The time of one fetch: token servers answer at once or not at all.
const FETCH: Duration = Duration::from_secs(10);
/// How long a token is used that says nothing of its end: half of the hour that is usual.
const UNSAID: Duration = Duration::from_mins(30);
/// A token is replaced this long before it expires, so that none expires on the way; but never before half its time is over.
const MARGIN: Duration = Duration::from_mins(1);
/// How long after a failed fetch those who want a token hear of that failure, so that a token server that is down is not asked by each.
const REFRAIN: Duration = Duration::from_secs(5);

/// The tokens of one endpoint.
#[derive(Debug)]
pub(crate) struct Tokens {
    how: OAuth2,
    uri: Uri,
    host: String,
    client: push::Client,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Nothing,
    Token(Arc<Token>),
    Failed(Instant, Failure),
}

/// A token that may be used.
#[derive(Debug)]
pub(crate) struct Token {
    /// The value of `authorization`, marked as secret.
    pub(crate) value: HeaderValue,
    /// When it came.
    since: Instant,
    until: Instant,
    /// Whether the endpoint refused it.
    refused: AtomicBool,
}

impl Token {
    /// Whether it had come before.
    pub(crate) fn is_older_than(&self, then: Instant) -> bool {
        self.since < then
    }

    /// Is not given to anybody any more, as the endpoint refused it: who wants a token next has another one fetched. Whoever says so of this
    /// one later says nothing of that.
    pub(crate) fn refuse(&self) {
        self.refused.store(true, Ordering::Relaxed);
    }

    fn is_good(&self, now: Instant) -> bool {
        now < self.until && !self.refused.load(Ordering::Relaxed)
    }
}

impl Tokens {
    /// `None` if the URL is none that HTTP can send to.
    pub(crate) fn new(how: &OAuth2, client: push::Client) -> Option<Self> {
        let url = Url::parse(&how.token_url).ok()?;
        Some(Self {
            uri: url.as_str().parse().ok()?,
            host: url.host_str()?.to_owned(),
            how: how.clone(),
            client,
            state: Mutex::default(),
        })
    }

    /// A token: the one that is kept, or a new one. Whoever comes while one is fetched waits for it.
    pub(crate) async fn token(&self, clock: fn() -> DateTime<Utc>) -> Result<Arc<Token>, Failure> {
        let mut state = self.state.lock().await;
        let now = Instant::now();
        match &*state {
            State::Token(token) if token.is_good(now) => return Ok(token.clone()),
            State::Failed(at, failure) if now.duration_since(*at) < REFRAIN => return Err(failure.clone()),
            _ => {}
        }
        match self.fetch(clock).await {
            Ok(token) => {
                let token = Arc::new(token);
                *state = State::Token(token.clone());
                Ok(token)
            }
            Err(failure) => {
                *state = State::Failed(Instant::now(), failure.clone());
                Err(failure)
            }
        }
    }

    async fn fetch(&self, clock: fn() -> DateTime<Utc>) -> Result<Token, Failure> {
        let failed = |why: String| Failure {
            kind: FailureKind::Auth,
            detail: format!("no access token came from {}: {why}", self.host),
        };
        let (outcome, _) = self.client.push(&|| self.request(), clock).await;
        match outcome {
            Outcome::Failed(failure) => Err(failed(failure.detail)),
            Outcome::Answered(answer) => read(answer.status, &answer.body, Instant::now()).map_err(failed),
        }
    }

    fn request(&self) -> push::Request {
        let how = &self.how;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        for (name, value) in [("scope", &how.scope), ("audience", &how.audience)] {
            if let Some(value) = value {
                form.append_pair(name, value);
            }
        }
        let mut headers = HeaderMap::new();
        if how.in_body {
            form.append_pair("client_id", &how.client_id);
            form.append_pair("client_secret", &how.client_secret);
        } else if let Some(value) = basic(&encoded(&how.client_id), &encoded(&how.client_secret)) {
            headers.insert(header::AUTHORIZATION, value);
        }
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form_type);
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        push::Request {
            url: self.uri.clone(),
            headers,
            body: Bytes::from(form.finish()),
            timeout: FETCH,
            connect_timeout: FETCH / 2,
        }
    }
}

/// As RFC 6749, section 2.3.1, wants names and secrets before they go into the header.
fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The value of `authorization` for a name and a password (RFC 7617), marked as secret.
pub(crate) fn basic(username: &str, password: &str) -> Option<HeaderValue> {
    secret(&format!(
        "Basic {}",
        STANDARD.encode(format!("{username}:{password}"))
    ))
}

/// The same for a token (RFC 6750).
pub(crate) fn bearer(token: &str) -> Option<HeaderValue> {
    secret(&format!("Bearer {token}"))
}

fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// What a token server answers (RFC 6749, sections 5.1 and 5.2), as far as it matters here.
#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    token_type: Option<String>,
    /// Seconds: a number, or by some servers a number in a string.
    expires_in: Option<Value>,
    error: Option<String>,
}

/// The token in an answer that came at `now`; else why there is none. Nothing of the answer but its error's code is repeated.
fn read(status: u16, body: &[u8], now: Instant) -> Result<Token, String> {
    let answer: Option<Answer> = serde_json::from_slice(body).ok();
    if !(200..300).contains(&status) {
        let code = answer.and_then(|answer| answer.error);
        let known =
            |code: &String| code.len() <= 60 && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        return Err(match code.filter(known) {
            Some(code) => format!("it answered {status} ({code})"),
            None => format!("it answered {status}"),
        });
    }
    let Some(answer) = answer else {
        return Err(format!(
            "it answered {status} with something else than a JSON object"
        ));
    };
    if !answer
        .token_type
        .is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"))
    {
        return Err("its token is not of the type Bearer".to_owned());
    }
    let value = answer.access_token.filter(|token| !token.is_empty());
    let value = value.as_deref().and_then(bearer);
    let value = value.ok_or("its answer has no access_token that a header can hold")?;
    Ok(Token {
        value,
        since: now,
        until: now + usable(answer.expires_in.as_ref().and_then(seconds)),
        refused: AtomicBool::new(false),
    })
}

/// The seconds that a server means; `None` where that is not clear, which is no reason to refuse its token.
fn seconds(told: &Value) -> Option<f64> {
    match told {
        Value::String(text) => text.trim().parse().ok(),
        told => told.as_f64(),
    }
}

/// How long a token is used that expires after so many seconds.
fn usable(expires_in: Option<f64>) -> Duration {
    // A day at most: a token that is said to live longer may be withdrawn meanwhile.
    let life = expires_in.and_then(|seconds| Duration::try_from_secs_f64(seconds.clamp(0.0, 86_400.0)).ok());
    let Some(life) = life else { return UNSAID };
    life.saturating_sub(MARGIN).max(life / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_used_until_shortly_before_its_end() {
        for (expires_in, seconds) in [
            (None, 1800),
            (Some(3600.0), 3540),
            (Some(90.0), 45),
            (Some(0.0), 0),
            (Some(-5.0), 0),
            (Some(f64::NAN), 1800),
            (Some(1e12), 86_340),
        ] {
            assert_eq!(usable(expires_in), Duration::from_secs(seconds), "{expires_in:?}");
        }
    }

    #[test]
    fn the_end_of_a_token_is_a_number_or_a_text_of_one() {
        let now = Instant::now();
        for (expires_in, seconds) in [
            ("3599", 3539),
            ("\"3599\"", 3539),
            ("\" 3599.0 \"", 3539),
            ("\"0\"", 0),
            ("\"soon\"", 1800),
            ("\"\"", 1800),
            ("null", 1800),
            ("{}", 1800),
        ] {
            let body = format!(r#"{{"access_token":"zebra","expires_in":{expires_in}}}"#);
            let token = read(200, body.as_bytes(), now).expect(expires_in);
            assert_eq!(token.until - now, Duration::from_secs(seconds), "{expires_in}");
        }
    }

    #[test]
    fn answers_are_read_and_told_without_what_is_secret() {
        let now = Instant::now();
        let token = read(
            200,
            br#"{"access_token":"zebra","token_type":"bearer","expires_in":60,"x":1}"#,
            now,
        )
        .unwrap();
        assert_eq!(token.value, "Bearer zebra");
        assert!(!format!("{token:?}").contains("zebra"), "{token:?}");
        for (status, body, told) in [
            (
                401,
                r#"{"error":"invalid_client","error_description":"zebra"}"#,
                "401 (invalid_client)",
            ),
            (400, r#"{"error":"zebra is\nno code"}"#, "400"),
            (503, "zebra", "503"),
            (200, "zebra", "JSON object"),
            (200, r#"{"token":"zebra"}"#, "no access_token"),
            (200, r#"{"access_token":"zebra\n"}"#, "no access_token"),
            (
                200,
                r#"{"access_token":"zebra","token_type":"mac"}"#,
                "not of the type",
            ),
        ] {
            let error = read(status, body.as_bytes(), now).unwrap_err();
            assert!(error.contains(told) && !error.contains("zebra"), "{error}");
        }
    }
}
