//! Connections: accepted up to a number, each with deadlines of its own, encrypted or not, and ended in order.

use std::{
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::Router;
use hyper::{Request, body::Incoming, service::Service};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{Sleep, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::{auth::Peer, config::Config, grpc, rest, state::Gateway, tls::Tls};

/// How long to wait when the process has run out of descriptors: until some connection has ended.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often an HTTP/2 connection is asked whether its peer is still there, and how long that may take.
const PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));

/// A port that is served.
#[derive(Debug)]
pub struct Port {
    listener: TcpListener,
    speaks: Speaks,
    tls: Option<Tls>,
}

/// What is understood on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    /// REST, and gRPC, which is known by its content type.
    Everything,
    /// gRPC alone.
    Grpc,
    /// Metrics and health, to whoever can connect.
    Monitoring,
}

impl Port {
    /// A port; plain, unless there is a certificate.
    pub fn new(listener: TcpListener, speaks: Speaks, tls: Option<Tls>) -> Self {
        Self {
            listener,
            speaks,
            tls,
        }
    }
}

impl From<TcpListener> for Port {
    fn from(listener: TcpListener) -> Self {
        Self::new(listener, Speaks::Everything, None)
    }
}

/// Serves requests on a port until stopped. Then accepts no more, lets requests under way end within `drain_timeout`, and returns.
pub async fn serve(port: impl Into<Port>, gateway: Gateway, stop: CancellationToken) -> io::Result<()> {
    let Port {
        listener,
        speaks,
        tls,
    } = port.into();
    let (config, queue) = (gateway.config().clone(), gateway.queue().clone());
    let server = Arc::new(server(&config));
    let room = Arc::new(Semaphore::new(config.connections_max));
    let routes = Routes::of(&gateway, speaks);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            // Those that have ended are let go of.
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &room, config.write_timeout) => accepted,
        };
        let Some((stream, place)) = accepted else { continue };
        let Ok(peer) = stream.peer_addr() else { continue };
        let asked = Arc::new(AtomicBool::new(false));
        let requests = Requests {
            peer: Peer(peer.ip()),
            routes: routes.clone(),
            asked: asked.clone(),
        };
        let (server, stop, patience, tls) = (server.clone(), stop.clone(), config.head_timeout, tls.clone());
        connections.spawn(async move {
            let _place = place;
            let first_head = sleep(patience);
            let talk = Talk {
                server: &server,
                requests,
                asked,
                first_head,
                stop,
            };
            match tls {
                None => talk.over(stream).await,
                Some(tls) => match tls.accept(stream, patience).await {
                    Ok(stream) => talk.over(stream).await,
                    Err(error) => debug!(%error, "a TLS handshake failed"),
                },
            }
        });
    }
    drop(listener);
    // Streams do not end by themselves.
    gateway.stopping().cancel();
    let drained = timeout(config.drain_timeout, async {
        while connections.join_next().await.is_some() {}
        // A WebSocket is no connection of this server's any more.
        queue.subscriptions_ended().await;
    })
    .await;
    if drained.is_err() {
        warn!(connections = connections.len(), "requests under way were cut off");
    }
    Ok(())
}

/// What is said on one connection, and until when.
struct Talk<'a> {
    server: &'a auto::Builder<TokioExecutor>,
    requests: Requests,
    /// Whether a request has come.
    asked: Arc<AtomicBool>,
    /// When the first one must have.
    first_head: Sleep,
    stop: CancellationToken,
}

impl Talk<'_> {
    /// Serves a connection to its end.
    async fn over(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let mut connection = pin!(
            self.server
                .serve_connection_with_upgrades(TokioIo::new(stream), self.requests)
        );
        let mut first_head = pin!(self.first_head);
        let (mut stopping, mut waiting) = (false, true);
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        debug!(%error, "a connection ended early");
                    }
                    return;
                }
                () = self.stop.cancelled(), if !stopping => {
                    stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = first_head.as_mut(), if waiting => {
                    waiting = false;
                    if !self.asked.load(Ordering::Relaxed) {
                        return;
                    }
                }
            }
        }
    }
}

fn server(config: &Config) -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        // Counted from the answer before: a kept connection idles no longer, and no head drips in for longer.
        .header_read_timeout(config.idle_timeout)
        // The buffer holds the whole head, so its size is the head's.
        .max_buf_size(config.head_max_bytes.max(8 << 10));
    server
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING.0)
        .keep_alive_timeout(PING.1)
        .max_concurrent_streams(config.streams_max)
        .max_header_list_size(u32::try_from(config.head_max_bytes).unwrap_or(u32::MAX));
    server
}

/// The next connection, once there is room for it; `None` if it was none.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
    write_timeout: Duration,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = room.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            if let Err(error) = prepare(&stream, write_timeout) {
                debug!(%error, "a connection was gone as it was accepted");
                return None;
            }
            Some((stream, place))
        }
        Err(error) if is_the_peers(&error) => None,
        Err(error) => {
            warn!(%error, "no connection can be accepted");
            sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

fn prepare(stream: &TcpStream, write_timeout: Duration) -> io::Result<()> {
    // Answers are small and whole: waiting to fill a packet would only add to their latency.
    stream.set_nodelay(true)?;
    // RFC 5482; holds as well for a peer that is there and takes nothing.
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(write_timeout))?;
    #[cfg(not(target_os = "linux"))]
    let _ = write_timeout;
    Ok(())
}

/// Whether it was the peer that went away, and not this process that ran out of something.
fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

/// Where requests go.
#[derive(Clone)]
struct Routes {
    calls: Router,
    others: Router,
}

impl Routes {
    fn of(gateway: &Gateway, speaks: Speaks) -> Self {
        let others = match speaks {
            Speaks::Everything => rest::router(gateway.clone()),
            Speaks::Monitoring => rest::monitoring(gateway.clone()),
            Speaks::Grpc => Router::new().fallback(async || grpc::no_call()),
        };
        let calls = match speaks {
            Speaks::Everything | Speaks::Grpc => grpc::router(gateway),
            Speaks::Monitoring => others.clone(),
        };
        Self { calls, others }
    }
}

/// The routes, as one connection sees them.
struct Requests {
    /// Where it comes from.
    peer: Peer,
    routes: Routes,
    /// Whether a request has come.
    asked: Arc<AtomicBool>,
}

impl Service<Request<Incoming>> for Requests {
    type Response = axum::response::Response;
    type Error = std::convert::Infallible;
    type Future = axum::routing::future::RouteFuture<std::convert::Infallible>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        self.asked.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(self.peer);
        let Routes { calls, others } = &self.routes;
        let router = if grpc::is_call(&request) { calls } else { others };
        // A router is always ready, and cloned by reference.
        tower_service::Service::call(&mut router.clone(), request)
    }
}
