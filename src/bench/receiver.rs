//! The bare receiver: answers 204 at once and notes what arrived when. It has a thread of its own.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::oneshot,
    time::sleep,
};
use url::Url;
use uuid::Uuid;

use super::clock::{Clock, Moment};

/// A request that arrived with a `webhook-id`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    pub(super) task: Uuid,
    pub(super) at: Moment,
    /// It is answered 204; a fickle receiver answers a fifth with 500.
    pub(super) accepted: bool,
}

/// What the receiver's endpoints do besides what they should.
#[derive(Debug, Default)]
struct Conduct {
    /// How many hang.
    sick: AtomicU32,
    /// Whether each fails a fifth of its requests.
    fickle: AtomicBool,
}

/// A running receiver; it stops when it is dropped.
#[derive(Debug)]
pub(super) struct Receiver {
    /// Where it listens, as a URL.
    pub(super) url: Url,
    // One thread writes, and a reader takes the whole vector a few times a second: the lock is never waited for.
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    conduct: Arc<Conduct>,
    _stop: oneshot::Sender<()>,
}

/// Connections that may wait to be accepted. A server begins with as many at once as it may have in flight, and each beyond this bound would
/// wait a second for its next try: with a bound of 128, that is most of a short run over many endpoints.
const BACKLOG: u32 = 4_096;

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Receiver {
    /// Listens on `address` and serves from a thread of its own.
    pub(super) fn start(address: SocketAddr, clock: Clock) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = {
            let _entered = runtime.enter();
            listen(address).with_context(|| format!("the receiver cannot listen on {address}"))?
        };
        let url = Url::parse(&format!("http://{}/", listener.local_addr()?))?;
        let arrivals = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopped) = oneshot::channel::<()>();
        let conduct = Arc::new(Conduct::default());
        let (log, theirs) = (Arc::clone(&arrivals), Arc::clone(&conduct));
        thread::Builder::new()
            .name("bench-receiver".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = accept(listener, clock, log, theirs) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Self {
            url,
            arrivals,
            conduct,
            _stop: stop,
        })
    }

    /// Lets the first `count` of several endpoints hang from now on: each request is answered after [`HANG`].
    pub(super) fn sicken(&self, count: u32) {
        self.conduct.sick.store(count, Ordering::Relaxed);
    }

    /// Lets a fifth of the requests fail from now on, or no more. Which, their ids and attempts say.
    pub(super) fn be_fickle(&self, fickle: bool) {
        self.conduct.fickle.store(fickle, Ordering::Relaxed);
    }

    /// What arrived since this was last called, in order.
    pub(super) fn take(&self) -> Vec<Arrival> {
        std::mem::take(&mut self.arrivals.lock())
    }
}

/// How long a sick endpoint keeps a request: as long as an attempt may take by default.
const HANG: Duration = Duration::from_secs(30);

/// The path of endpoint `number` of several.
pub(super) fn path_of(number: u32) -> String {
    format!("/{number}")
}

/// Which of several endpoints a path is that of.
fn number_of(path: &str) -> Option<u32> {
    path.strip_prefix('/')?.parse().ok()
}

/// Which attempt at its delivery a request is.
fn attempt_of(request: &Request<Incoming>) -> u32 {
    let attempt = request.headers().get("posthaste-attempt");
    attempt
        .and_then(|attempt| attempt.to_str().ok()?.parse().ok())
        .unwrap_or(1)
}

/// Whether a fickle receiver fails this one: a fifth of all, and no task for ever.
fn fails(task: Uuid, attempt: u32) -> bool {
    (task.as_u128() + u128::from(attempt)).is_multiple_of(5)
}

async fn accept(listener: TcpListener, clock: Clock, log: Arc<Mutex<Vec<Arrival>>>, conduct: Arc<Conduct>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, or a peer that hung up while it waited: there is room again in a moment.
            sleep(Duration::from_millis(10)).await;
            continue;
        };
        let (log, conduct) = (Arc::clone(&log), Arc::clone(&conduct));
        let service =
            service_fn(move |request| answer(request, clock, Arc::clone(&log), Arc::clone(&conduct)));
        tokio::spawn(async move {
            // What becomes of a connection is its sender's affair: what is missing in the end is what counts.
            if stream.set_nodelay(true).is_ok() {
                let _ = http1::Builder::new()
                    .auto_date_header(false)
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            }
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    clock: Clock,
    log: Arc<Mutex<Vec<Arrival>>>,
    conduct: Arc<Conduct>,
) -> Result<Response<Empty<&'static [u8]>>, Infallible> {
    let id = request
        .headers()
        .get("webhook-id")
        .map(|id| Uuid::try_parse_ascii(id.as_bytes()));
    let sick = conduct.sick.load(Ordering::Relaxed);
    let hangs = sick > 0 && number_of(request.uri().path()).is_some_and(|number| number < sick);
    let fails = conduct.fickle.load(Ordering::Relaxed)
        && matches!(id, Some(Ok(id)) if fails(id, attempt_of(&request)));
    let mut body = request.into_body();
    let mut status = StatusCode::NO_CONTENT;
    while let Some(frame) = body.frame().await {
        if frame.is_err() {
            status = StatusCode::BAD_REQUEST;
            break;
        }
    }
    if let (Some(Ok(task)), StatusCode::NO_CONTENT) = (id, status) {
        log.lock().push(Arrival {
            task,
            at: clock.now(),
            accepted: !fails,
        });
    }
    if fails {
        status = StatusCode::INTERNAL_SERVER_ERROR;
    }
    if hangs {
        sleep(HANG).await;
    }
    let mut response = Response::new(Empty::new());
    *response.status_mut() = status;
    Ok(response)
}
