//! Connections: accepted up to a number, each with deadlines of its own, and ended in order.

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
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::{auth::Peer, config::Config, rest::router, state::Gateway};

/// How long to wait when the process has run out of descriptors: until some connection has ended.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often an HTTP/2 connection is asked whether its peer is still there, and how long that may take.
const PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));

/// Serves requests until stopped. Then accepts no more, lets requests under way end within `drain_timeout`, and returns.
pub async fn serve(listener: TcpListener, gateway: Gateway, stop: CancellationToken) -> io::Result<()> {
    let config = gateway.config().clone();
    let server = Arc::new(server(&config));
    let room = Arc::new(Semaphore::new(config.connections_max));
    let router = router(gateway);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            // Those that have ended are let go of.
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &room, config.write_timeout) => accepted,
        };
        let Some((stream, place)) = accepted else { continue };
        let asked = Arc::new(AtomicBool::new(false));
        let Ok(peer) = stream.peer_addr() else { continue };
        let service = Requests {
            peer: Peer(peer.ip()),
            router: router.clone(),
            asked: asked.clone(),
        };
        let (server, stop, patience) = (server.clone(), stop.clone(), config.head_timeout);
        connections.spawn(async move {
            let _place = place;
            let mut connection = pin!(server.serve_connection(TokioIo::new(stream), service));
            let mut first_head = pin!(sleep(patience));
            let (mut stopping, mut waiting) = (false, true);
            loop {
                tokio::select! {
                    ended = connection.as_mut() => {
                        if let Err(error) = ended {
                            debug!(%error, "a connection ended early");
                        }
                        return;
                    }
                    () = stop.cancelled(), if !stopping => {
                        stopping = true;
                        connection.as_mut().graceful_shutdown();
                    }
                    () = first_head.as_mut(), if waiting => {
                        waiting = false;
                        if !asked.load(Ordering::Relaxed) {
                            return;
                        }
                    }
                }
            }
        });
    }
    drop(listener);
    let drained = timeout(config.drain_timeout, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
    if drained.is_err() {
        warn!(connections = connections.len(), "requests under way were cut off");
    }
    Ok(())
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

/// The router, as one connection sees it.
struct Requests {
    /// Where it comes from.
    peer: Peer,
    router: Router,
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
        // A router is always ready, and cloned by reference.
        tower_service::Service::call(&mut self.router.clone(), request)
    }
}
