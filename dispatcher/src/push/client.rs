//! The client: one attempt in, facts out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use queue::outcome::{Answer, FailureKind, Outcome, Timing};
use queue::retry_after;

use super::connect::{ConnectError, Connector};
use super::progress::{self, Progress, Stage, micros_since};
use super::stream::Link;
use super::tls::{Identity, IdentityError};
use super::{Config, ConfigError, failure, read};

/// The smallest read buffer that hyper accepts.
const HEAD_MAX_AT_LEAST: usize = 8192;
/// What hyper's parser holds on the stack; a limit set to anything else moves it to the heap.
const HEADERS_ON_STACK: usize = 100;
/// How much of a body an HTTP/2 endpoint may send ahead of its being read: what the protocol starts with.
const HTTP2_STREAM_WINDOW: u32 = 65_535;
/// The same for all streams of a connection, so that a few bodies that nobody reads do not stop the rest.
const HTTP2_CONNECTION_WINDOW: u32 = 1024 * 1024;
/// When an HTTP/2 connection has been silent so long while requests wait, it is asked whether it lives...
const HTTP2_PING_AFTER: Duration = Duration::from_secs(10);
/// ...and given up when it does not answer in this time.
const HTTP2_PING_TIMEOUT: Duration = Duration::from_secs(10);

/// A request to be posted once.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where to: http or https, already validated; no credentials in it.
    pub url: Uri,
    /// Every header but `host` and `content-length`, which are made of the URL and the body. `user-agent` and
    /// `accept-encoding: identity` are added where missing.
    pub headers: HeaderMap,
    /// The body, sent as it is.
    pub body: Bytes,
    /// For the whole attempt: connecting, sending, waiting, and reading the answer's body.
    pub timeout: Duration,
    /// For making a connection, where none is kept alive: name resolution, TCP and TLS together.
    pub connect_timeout: Duration,
}

/// Posts requests over kept-alive connections. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

struct Shared {
    config: Config,
    connector: Connector,
    user_agent: HeaderValue,
    pooled: legacy::Client<Connector, Full<Bytes>>,
    /// Keeps nothing alive, so that what it sends goes over a connection made for it.
    fresh: legacy::Client<Connector, Full<Bytes>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// A client with these settings. Reads the system's trusted certificates from disk.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        let user_agent = HeaderValue::from_str(&config.user_agent)
            .map_err(|_| ConfigError::UserAgent(config.user_agent.clone()))?;
        if config.response_head_max < HEAD_MAX_AT_LEAST {
            return Err(ConfigError::HeadMax(config.response_head_max));
        }
        if config.response_headers_max == 0 {
            return Err(ConfigError::HeadersMax);
        }
        let connector = Connector::new(&config)?;
        Self::over(connector, config, user_agent)
    }

    fn over(connector: Connector, config: Config, user_agent: HeaderValue) -> Result<Self, ConfigError> {
        let mut builder = builder(&config)?;
        let pooled = builder
            .pool_max_idle_per_host(config.pool_idle_per_host)
            .build(connector.clone());
        let fresh = builder.pool_max_idle_per_host(0).build(connector.clone());
        Ok(Self(Arc::new(Shared {
            config,
            connector,
            user_agent,
            pooled,
            fresh,
        })))
    }

    /// A client with a TLS of an endpoint's own: its connections are shared with nobody else, as they say who connects.
    pub fn with_identity(&self, own: &Identity) -> Result<Self, IdentityError> {
        let shared = &self.0;
        let connector = shared.connector.with(own)?;
        let made = Self::over(connector, shared.config.clone(), shared.user_agent.clone());
        made.map_err(|error| IdentityError {
            field: "auth",
            problem: error.to_string(),
        })
    }

    /// Posts `request` once and says what came of it and how long its parts took. `now` is asked for the time when an
    /// answer's `Retry-After` is relative to it. [`Timing::wait_us`] is left 0: the wait was before this.
    ///
    /// Never fails otherwise than as an [`Outcome::Failed`], and never takes longer than the request's timeout.
    pub fn push(
        &self,
        request: Request,
        now: impl Fn() -> DateTime<Utc>,
    ) -> impl Future<Output = (Outcome, Timing)> {
        let progress = Progress::new(request.connect_timeout);
        let limit = request.timeout;
        let mut attempt = Attempt {
            shared: &self.0,
            request: self.0.prepare(request),
            start: Instant::now(),
            head: None,
        };
        // Blocks that borrow what they are given, not functions that are given it: what is moved into an async
        // function is kept in it twice, and all of this is copied when the attempt is spawned.
        progress::scope(progress, async move {
            let ended = tokio::time::timeout(limit, attempt.exchange(&now)).await;
            let outcome = ended.unwrap_or_else(|_| {
                let status = attempt.head.as_ref().map(|head| head.status);
                Outcome::Failed(failure::timeout(limit, progress::stage(), status))
            });
            (outcome, attempt.timing())
        })
    }
}

/// One attempt under way.
struct Attempt<'a> {
    shared: &'a Shared,
    /// For the next try.
    request: http::Request<Full<Bytes>>,
    start: Instant,
    head: Option<Head>,
}

/// What is known of an answer once its head is there.
struct Head {
    status: u16,
    at_us: u32,
    /// Whether the connection was there before the attempt, so that its making took no part of it.
    kept_alive: bool,
}

impl Attempt<'_> {
    async fn exchange(&mut self, now: &impl Fn() -> DateTime<Utc>) -> Outcome {
        let shared = self.shared;
        let first = self.next_try();
        let mut answer = shared.pooled.request(first).await;
        if match &answer {
            Ok(answer) => is_farewell(answer),
            Err(error) => shared.was_stale(error),
        } {
            let second = self.next_try();
            answer = shared.fresh.request(second).await;
        }
        let mut answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Outcome::Failed(failure::of(&error, None, &shared.config)),
        };
        let status = answer.status().as_u16();
        self.head = Some(Head {
            status,
            at_us: micros_since(self.start),
            kept_alive: is_kept_alive(answer.extensions()),
        });
        progress::enter(Stage::Reading);
        let retry_after = answer
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| retry_after::resolve(value.to_str().ok()?, now()));
        match read::body(answer.body_mut(), shared.config.response_body_kept).await {
            Ok((body, truncated)) => Outcome::Answered(Answer {
                status,
                headers: read::headers(answer.headers(), shared.config.response_headers_kept),
                body,
                truncated,
                retry_after,
            }),
            Err(error) => Outcome::Failed(failure::of(&error, Some(status), &shared.config)),
        }
    }

    /// What to send, leaving a clone for another try. The original goes: the client adds a header to it, which would
    /// make a clone, that has no room for more, allocate again.
    fn next_try(&mut self) -> http::Request<Full<Bytes>> {
        let spare = self.request.clone();
        std::mem::replace(&mut self.request, spare)
    }

    /// How long the parts took, now that the attempt has ended.
    fn timing(&self) -> Timing {
        let parts = match &self.head {
            Some(head) if head.kept_alive => progress::Parts::default(),
            _ => progress::parts(),
        };
        Timing {
            wait_us: 0,
            dns_us: parts.dns,
            connect_us: parts.connect,
            tls_us: parts.tls,
            first_byte_us: self.head.as_ref().map(|head| head.at_us),
            total_us: micros_since(self.start),
        }
    }
}

impl Shared {
    fn prepare(&self, request: Request) -> http::Request<Full<Bytes>> {
        let mut prepared = http::Request::new(Full::new(request.body));
        *prepared.method_mut() = Method::POST;
        *prepared.uri_mut() = request.url;
        let headers = prepared.headers_mut();
        *headers = request.headers;
        headers
            .entry(USER_AGENT)
            .or_insert_with(|| self.user_agent.clone());
        headers
            .entry(ACCEPT_ENCODING)
            .or_insert(HeaderValue::from_static("identity"));
        if prepared.body().is_end_stream() {
            // Left out by the HTTP client, but asked for by receivers that wait for a body of a POST.
            prepared
                .headers_mut()
                .insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        prepared
    }

    /// Whether `error` is that of a kept-alive connection that the endpoint had already closed, or closed on seeing
    /// the request, without a byte of an answer. Such a request is sent once more: RFC 9110, section 9.2.2, allows it
    /// where repeating does no harm, and a receiver tells by the delivery's id whether it has seen it before.
    fn was_stale(&self, error: &legacy::Error) -> bool {
        let Some(connection) = error.connect_info() else {
            // It never came to a connection. If that was not the connector's doing, the request waited for another
            // one's connection, which failed: nothing was sent.
            return error.is_connect()
                && std::error::Error::source(error).is_none_or(|source| !source.is::<ConnectError>());
        };
        let mut known = http::Extensions::new();
        connection.get_extras(&mut known);
        is_kept_alive(&known)
            && !known.get().is_some_and(Link::is_answering)
            && failure::of(error, None, &self.config).kind == FailureKind::Reset
    }
}

/// Whether a connection, by what is known of it, was there before the attempt of this task.
fn is_kept_alive(known: &http::Extensions) -> bool {
    known
        .get()
        .is_some_and(|link: &Link| !progress::has_made(link.id()))
}

/// Whether an answer is not one to the request, but what some receivers say when they close a connection that was idle
/// for too long, and that crossed the request on its way (RFC 9110, section 15.5.9).
fn is_farewell(answer: &Response<Incoming>) -> bool {
    answer.status() == StatusCode::REQUEST_TIMEOUT
        && answer
            .headers()
            .get(CONNECTION)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"))
        && is_kept_alive(answer.extensions())
}

fn builder(config: &Config) -> Result<legacy::Builder, ConfigError> {
    let head_max = u32::try_from(config.response_head_max)
        .map_err(|_| ConfigError::HeadMaxHuge(config.response_head_max))?;
    let mut builder = legacy::Client::builder(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(config.pool_idle_timeout)
        .http1_max_buf_size(config.response_head_max)
        .http2_max_header_list_size(head_max)
        .http2_initial_stream_window_size(HTTP2_STREAM_WINDOW)
        .http2_initial_connection_window_size(HTTP2_CONNECTION_WINDOW)
        .http2_keep_alive_interval(HTTP2_PING_AFTER)
        .http2_keep_alive_timeout(HTTP2_PING_TIMEOUT);
    if config.response_headers_max != HEADERS_ON_STACK {
        builder.http1_max_headers(config.response_headers_max);
    }
    Ok(builder)
}
