//! The bare receiver: answers 204 at once and notes what arrived when. It has a thread of its own.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
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
use tokio::{net::TcpListener, sync::oneshot, time::sleep};
use url::Url;
use uuid::Uuid;

use super::clock::{Clock, Moment};

/// A request that arrived with a `webhook-id`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    pub(super) task: Uuid,
    pub(super) at: Moment,
}

/// A running receiver; it stops when it is dropped.
#[derive(Debug)]
pub(super) struct Receiver {
    /// Where it listens, as a URL.
    pub(super) url: Url,
    // One thread writes, and a reader takes the whole vector a few times a second: the lock is never waited for.
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    sick: Arc<AtomicU32>,
    _stop: oneshot::Sender<()>,
}

impl Receiver {
    /// Listens on `address` and serves from a thread of its own.
    pub(super) fn start(address: SocketAddr, clock: Clock) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = {
            let _entered = runtime.enter();
            std::net::TcpListener::bind(address)
                .and_then(|listener| {
                    listener
                        .set_nonblocking(true)
                        .and_then(|()| TcpListener::from_std(listener))
                })
                .with_context(|| format!("the receiver cannot listen on {address}"))?
        };
        let url = Url::parse(&format!("http://{}/", listener.local_addr()?))?;
        let arrivals = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopped) = oneshot::channel::<()>();
        let sick = Arc::new(AtomicU32::new(0));
        let (log, hanging) = (Arc::clone(&arrivals), Arc::clone(&sick));
        thread::Builder::new()
            .name("bench-receiver".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = accept(listener, clock, log, hanging) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Self {
            url,
            arrivals,
            sick,
            _stop: stop,
        })
    }

    /// Lets the first `count` of several endpoints hang from now on: each request is answered after [`HANG`].
    pub(super) fn sicken(&self, count: u32) {
        self.sick.store(count, Ordering::Relaxed);
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

async fn accept(listener: TcpListener, clock: Clock, log: Arc<Mutex<Vec<Arrival>>>, sick: Arc<AtomicU32>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, or a peer that hung up while it waited: there is room again in a moment.
            sleep(Duration::from_millis(10)).await;
            continue;
        };
        let (log, sick) = (Arc::clone(&log), Arc::clone(&sick));
        let service = service_fn(move |request| answer(request, clock, Arc::clone(&log), Arc::clone(&sick)));
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
    sick: Arc<AtomicU32>,
) -> Result<Response<Empty<&'static [u8]>>, Infallible> {
    let id = request
        .headers()
        .get("webhook-id")
        .map(|id| Uuid::try_parse_ascii(id.as_bytes()));
    let hangs = number_of(request.uri().path()).is_some_and(|number| number < sick.load(Ordering::Relaxed));
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
        });
    }
    if hangs {
        sleep(HANG).await;
    }
    let mut response = Response::new(Empty::new());
    *response.status_mut() = status;
    Ok(response)
}
