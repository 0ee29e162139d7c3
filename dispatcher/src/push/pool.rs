//! Connections that are kept alive, by where they lead.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use http::Uri;
use http::uri::Authority;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use parking_lot::Mutex;
use tokio::task::unconstrained;

use super::connect::{ConnectError, Connector};
use super::connection::{Connection, Http1, Http2};
use super::{Config, ConfigError};

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
/// How often idle connections are looked through for those that were closed or are idle for too long: their sockets are held until then.
const SWEEP: Duration = Duration::from_secs(5);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoConnection {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Http(#[from] hyper::Error),
}

/// Where a connection leads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    https: bool,
    authority: Authority,
}

impl Place {
    pub(super) fn of(url: &Uri) -> Result<Self, ConnectError> {
        let authority = url.authority().ok_or(ConnectError::Url)?;
        Ok(Self {
            https: url.scheme_str() == Some("https"),
            authority: authority.clone(),
        })
    }
}

/// Makes connections, and keeps those that nobody uses for who comes next.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) connector: Connector,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    most_idle: usize,
    idle_timeout: Duration,
    /// Looked through as long as anything is in it.
    kept: Arc<Mutex<Kept>>,
}

type Kept = HashMap<Place, Host>;

#[derive(Debug, Default)]
struct Host {
    /// And since when; the last one was used last, and is used next, so that those that are too many grow old.
    idle: Vec<(Box<Http1>, Instant)>,
    /// And when it was last used.
    shared: Option<(Http2, Instant)>,
}

impl Pool {
    pub(super) fn new(connector: Connector, config: &Config) -> Result<Self, ConfigError> {
        let head_max = u32::try_from(config.response_head_max)
            .map_err(|_| ConfigError::HeadMaxHuge(config.response_head_max))?;
        let mut http1 = http1::Builder::new();
        http1.max_buf_size(config.response_head_max);
        if config.response_headers_max != HEADERS_ON_STACK {
            http1.max_headers(config.response_headers_max);
        }
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .max_header_list_size(head_max)
            .initial_stream_window_size(HTTP2_STREAM_WINDOW)
            .initial_connection_window_size(HTTP2_CONNECTION_WINDOW)
            .keep_alive_interval(HTTP2_PING_AFTER)
            .keep_alive_timeout(HTTP2_PING_TIMEOUT);
        Ok(Self {
            connector,
            http1,
            http2,
            most_idle: config.pool_idle_per_host,
            idle_timeout: config.pool_idle_timeout,
            kept: Arc::default(),
        })
    }

    /// A connection that was kept, if one can take a request.
    pub(super) async fn kept(&self, place: &Place) -> Option<Connection> {
        loop {
            let (mut idle, since) = {
                let mut kept = self.kept.lock();
                let host = kept.get_mut(place)?;
                if let Some((shared, used)) = &mut host.shared
                    && shared.is_ready()
                {
                    *used = Instant::now();
                    return Some(Connection::Http2(shared.clone()));
                }
                host.idle.pop()?
            };
            let is_young = since.elapsed() < self.idle_timeout;
            if is_young && poll_fn(|context| idle.is_ready(context).into()).await {
                return Some(Connection::Http1(idle));
            }
        }
    }

    /// A new connection, made within `limit`.
    pub(super) async fn make(
        &self,
        place: &Place,
        url: &Uri,
        limit: Duration,
    ) -> Result<Connection, NoConnection> {
        let stream = self.connector.connect(url, limit).await?;
        if !stream.is_http2() {
            let made = Http1::over(stream, &self.http1).await?;
            return Ok(Connection::Http1(Box::new(made)));
        }
        let made = Http2::over(stream, &self.http2).await?;
        if self.most_idle > 0 {
            self.keep(place.clone(), |host, now| host.shared = Some((made.clone(), now)));
        }
        Ok(Connection::Http2(made))
    }

    /// Takes back a connection whose request has been answered.
    pub(super) async fn give_back(&self, place: Place, connection: Connection) {
        let Connection::Http1(mut one) = connection else {
            return;
        };
        if self.most_idle == 0 || !poll_fn(|context| one.is_ready(context).into()).await {
            return;
        }
        self.keep(place, |host, now| {
            if host.idle.len() < self.most_idle {
                host.idle.push((one, now));
            }
        });
    }

    fn keep(&self, place: Place, what: impl FnOnce(&mut Host, Instant)) {
        let mut kept = self.kept.lock();
        if kept.is_empty() {
            tokio::spawn(sweep(Arc::downgrade(&self.kept), self.idle_timeout));
        }
        what(kept.entry(place).or_default(), Instant::now());
    }
}

/// Lets go of what is of no use any more, as long as anything is kept.
async fn sweep(kept: Weak<Mutex<Kept>>, idle_timeout: Duration) {
    loop {
        tokio::time::sleep(SWEEP.min(idle_timeout)).await;
        let Some(kept) = kept.upgrade() else { return };
        // Looking takes nothing of the turn that a task has, or some would seem to be fine that are not.
        let (useless, is_empty) = unconstrained(async {
            let mut kept = kept.lock();
            let useless = take_useless(&mut kept, idle_timeout, Instant::now());
            (useless, kept.is_empty())
        })
        .await;
        // Closing them takes its time: not under the lock.
        drop(useless);
        if is_empty {
            return;
        }
    }
}

fn take_useless(kept: &mut Kept, idle_timeout: Duration, now: Instant) -> Vec<Connection> {
    let mut useless = Vec::new();
    // Who takes one next is woken by it then.
    let mut context = Context::from_waker(Waker::noop());
    let is_old = |since: Instant| now.saturating_duration_since(since) >= idle_timeout;
    kept.retain(|_, host| {
        let removed = host
            .idle
            .extract_if(.., |(one, since)| is_old(*since) || !one.is_ready(&mut context));
        useless.extend(removed.map(|(one, _)| Connection::Http1(one)));
        let shared = host.shared.take();
        host.shared = shared.filter(|(shared, used)| !is_old(*used) && shared.is_ready());
        host.shared.is_some() || !host.idle.is_empty()
    });
    useless
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::push::stream::Stream;

    /// A connection, and its peer's end.
    async fn connection(listener: &TcpListener) -> (Box<Http1>, TcpStream) {
        let at = listener.local_addr().expect("an address");
        let (ours, theirs) = tokio::join!(TcpStream::connect(at), listener.accept());
        let ours = Stream::plain(ours.expect("connected"));
        let made = Http1::over(ours, &http1::Builder::new()).await.expect("made");
        (Box::new(made), theirs.expect("accepted").0)
    }

    #[tokio::test]
    async fn what_was_closed_or_is_old_is_let_go_of_and_nothing_else() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let place = Place::of(&"http://a.example".parse().expect("a URL")).expect("a place");
        let timeout = Duration::from_mins(1);
        let begun = Instant::now();
        let now = begun + timeout;
        let mut kept = Kept::default();
        let host = kept.entry(place.clone()).or_default();
        let mut peers = Vec::new();
        for since in [0, 1, 60] {
            let (ours, theirs) = connection(&listener).await;
            host.idle.push((ours, begun + Duration::from_secs(since)));
            peers.push(theirs);
        }
        assert_eq!(take_useless(&mut kept, timeout, now).len(), 1, "the old one");
        peers.pop();
        // It is noticed as soon as the news has come.
        let mut closed = Vec::new();
        while closed.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            closed = take_useless(&mut kept, timeout, now);
        }
        assert_eq!((closed.len(), kept[&place].idle.len()), (1, 1));
        assert_eq!(take_useless(&mut kept, timeout, now + timeout).len(), 1);
        assert!(kept.is_empty());
    }
}
