//! The client: one attempt in, facts out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use queue::outcome::{Answer, Failure, FailureKind, Outcome, Timing};
use queue::retry_after;

use super::connect::Connector;
use super::connection::{Connection, Unanswered};
use super::pool::{NoConnection, Place, Pool};
use super::progress::{self, Progress, Stage, micros_since};
use super::stream::Link;
use super::tls::{Identity, IdentityError};
use super::{Config, ConfigError, failure, read};

/// The smallest read buffer that hyper accepts.
const HEAD_MAX_AT_LEAST: usize = 8192;

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
    user_agent: HeaderValue,
    pool: Pool,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// A client with these settings. Reads the system's trusted certificates from disk.
    ///
    /// A client bounds how many names it looks up at once, so as to leave threads to others: make one, and the others of it.
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
        let pool = Pool::new(connector, &config)?;
        Ok(Self(Arc::new(Shared {
            config,
            user_agent,
            pool,
        })))
    }

    /// A client that keeps another amount of an answer's body, and another number of idle connections.
    pub(crate) fn keeping(
        &self,
        response_body_kept: usize,
        pool_idle_per_host: usize,
    ) -> Result<Self, ConfigError> {
        let shared = &self.0;
        let config = Config {
            response_body_kept,
            pool_idle_per_host,
            ..shared.config.clone()
        };
        Self::over(shared.pool.connector.clone(), config, shared.user_agent.clone())
    }

    /// A client with a TLS of an endpoint's own: its connections are shared with nobody else, as they say who connects.
    pub fn with_identity(&self, own: &Identity) -> Result<Self, IdentityError> {
        let shared = &self.0;
        let connector = shared.pool.connector.with(own)?;
        let made = Self::over(connector, shared.config.clone(), shared.user_agent.clone());
        made.map_err(|error| IdentityError {
            field: "auth",
            problem: error.to_string(),
        })
    }

    /// Posts a request once and says what came of it and how long its parts took. `make` makes the request, the same each time: a second
    /// time for a second try, which is rare, so that no attempt keeps a copy for it. `now` is asked for the time when an answer's
    /// `Retry-After` is relative to it. [`Timing::wait_us`] is left 0: the wait was before this.
    ///
    /// Never fails otherwise than as an [`Outcome::Failed`], and never takes longer than the request's timeout. Where the body of an answer
    /// breaks off, or does not end in time, a status that is not 2xx stands all the same, with what had come of the body; one that is 2xx does
    /// not, as the endpoint may not have done all that it was to do.
    pub fn push<'a>(
        &'a self,
        make: &'a (dyn Fn() -> Request + Sync),
        now: impl Fn() -> DateTime<Utc> + 'a,
    ) -> impl Future<Output = (Outcome, Timing)> + 'a {
        let first = make();
        let limit = first.timeout;
        let mut attempt = Attempt {
            shared: &self.0,
            url: first.url.clone(),
            connect_timeout: first.connect_timeout,
            first: Some(self.0.prepare(first)),
            make,
            start: Instant::now(),
            head: None,
        };
        // Blocks that borrow what they are given, not functions that are given it: what is moved into an async
        // function is kept in it twice, and all of this is copied when the attempt is spawned.
        progress::scope(Progress::default(), async move {
            let ended = tokio::time::timeout(limit, attempt.exchange(&now)).await;
            let outcome = ended.unwrap_or_else(|_| attempt.out_of_time(limit));
            (outcome, attempt.timing())
        })
    }
}

/// One attempt under way.
struct Attempt<'a> {
    shared: &'a Shared,
    url: Uri,
    connect_timeout: Duration,
    /// For the first try.
    first: Option<http::Request<Full<Bytes>>>,
    /// For the second.
    make: &'a (dyn Fn() -> Request + Sync),
    start: Instant,
    head: Option<Head>,
}

/// What is known of an answer once its head is there. What the attempt has of it lies here, so that it is not lost when the time is over.
struct Head {
    status: u16,
    at_us: u32,
    /// Whether the connection was there before the attempt, so that its making took no part of it.
    kept_alive: bool,
    headers: Vec<(String, String)>,
    retry_after: Option<DateTime<Utc>>,
    /// What came of the body so far.
    body: Vec<u8>,
}

impl Head {
    /// The answer, of whose body there is no more to come or to keep.
    fn answer(&mut self, truncated: bool) -> Answer {
        Answer {
            status: self.status,
            headers: std::mem::take(&mut self.headers),
            body: std::mem::take(&mut self.body).into(),
            truncated,
            retry_after: self.retry_after,
        }
    }

    /// What an answer comes to whose body did not end as it should have. Who refuses a request has said so by then, and when to come again;
    /// who accepts it may have failed afterwards.
    fn broken_off(&mut self, failure: Failure) -> Outcome {
        if (200..300).contains(&self.status) {
            Outcome::Failed(failure)
        } else {
            Outcome::Answered(self.answer(true))
        }
    }
}

/// Nothing came of a connection but that it was dead. If it was kept alive the request is sent once more, over a new one: RFC 9110, section 9.2.2, allows it
/// where repeating does no harm, and a receiver tells by the delivery's id whether it has seen it before.
struct Stale;

impl Attempt<'_> {
    async fn exchange(&mut self, now: &impl Fn() -> DateTime<Utc>) -> Outcome {
        let shared = self.shared;
        let place = match Place::of(&self.url) {
            Ok(place) => place,
            Err(error) => return Outcome::Failed(error.failure()),
        };
        if let Some(mut kept) = shared.pool.kept(&place).await
            && let Ok(outcome) = self.over(&mut kept, true, now).await
        {
            shared.pool.give_back(place, kept).await;
            return outcome;
        }
        // Making one is rare, and takes much room: not in every attempt.
        let making = shared.pool.make(&place, &self.url, self.connect_timeout);
        let mut made = match Box::pin(making).await {
            Ok(made) => made,
            Err(NoConnection::Connect(error)) => return Outcome::Failed(error.failure()),
            Err(NoConnection::Http(error)) => {
                return Outcome::Failed(failure::of(&error, None, &shared.config));
            }
        };
        progress::enter(Stage::Waiting);
        match self.over(&mut made, false, now).await {
            Ok(outcome) => {
                shared.pool.give_back(place, made).await;
                outcome
            }
            // It ended as soon as it was made.
            Err(Stale) => Outcome::Failed(failure::reset(None)),
        }
    }

    /// Sends the request over a connection, which was kept alive or made for it, and takes the answer.
    async fn over(
        &mut self,
        connection: &mut Connection,
        kept_alive: bool,
        now: &impl Fn() -> DateTime<Utc>,
    ) -> Result<Outcome, Stale> {
        let request = self.next_try();
        match connection {
            Connection::Http1(one) => {
                let (link, answer) = (one.link.clone(), one.send(request));
                one.drive(self.take(answer, &link, kept_alive, now)).await
            }
            Connection::Http2(one) => {
                let (link, answer) = (one.link.clone(), one.send(request));
                self.take(answer, &link, kept_alive, now).await
            }
        }
    }

    async fn take(
        &mut self,
        answer: impl Future<Output = Result<Response<Incoming>, Unanswered>>,
        link: &Link,
        kept_alive: bool,
        now: &impl Fn() -> DateTime<Utc>,
    ) -> Result<Outcome, Stale> {
        let config = &self.shared.config;
        let mut answer = match answer.await {
            Ok(answer) if kept_alive && is_farewell(&answer) => return Err(Stale),
            Ok(answer) => answer,
            Err(Unanswered::NotSent) => return Err(Stale),
            Err(Unanswered::Failed(error)) => {
                let failure = failure::of(&error, None, config);
                // The endpoint had closed it, or closed it on seeing the request, without a byte of an answer.
                if kept_alive && failure.kind == FailureKind::Reset && !link.is_answering() {
                    return Err(Stale);
                }
                return Ok(Outcome::Failed(failure));
            }
        };
        let at_us = micros_since(self.start);
        let status = answer.status().as_u16();
        let retry_after = answer
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| retry_after::resolve(value.to_str().ok()?, now()));
        let head = self.head.insert(Head {
            status,
            at_us,
            kept_alive,
            headers: read::headers(answer.headers(), config.response_headers_kept),
            retry_after,
            body: Vec::new(),
        });
        progress::enter(Stage::Reading);
        let ended = read::body(answer.body_mut(), config.response_body_kept, &mut head.body).await;
        Ok(match ended {
            Ok(truncated) => Outcome::Answered(head.answer(truncated)),
            Err(error) => head.broken_off(failure::of(&error, Some(status), config)),
        })
    }

    /// What the attempt comes to when its time is over.
    fn out_of_time(&mut self, limit: Duration) -> Outcome {
        let status = self.head.as_ref().map(|head| head.status);
        let failure = failure::timeout(limit, progress::stage(), status);
        match &mut self.head {
            Some(head) => head.broken_off(failure),
            None => Outcome::Failed(failure),
        }
    }

    fn next_try(&mut self) -> http::Request<Full<Bytes>> {
        let first = self.first.take();
        first.unwrap_or_else(|| self.shared.prepare((self.make)()))
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
}

/// Whether an answer is not one to the request, but what some receivers say when they close a connection that was idle
/// for too long, and that crossed the request on its way (RFC 9110, section 15.5.9).
fn is_farewell(answer: &Response<Incoming>) -> bool {
    answer.status() == StatusCode::REQUEST_TIMEOUT
        && answer
            .headers()
            .get(CONNECTION)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"))
}
