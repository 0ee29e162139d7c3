//! What nodes post to: records every request, and answers as it is told.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::watch;
use uuid::Uuid;

use super::{PATIENCE, until, within};

/// One request that arrived whole.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) path: String,
    /// The `webhook-id`, which is the task's id.
    pub(crate) id: Uuid,
    /// The `posthaste-attempt`.
    pub(crate) attempt: u32,
    pub(crate) at: Instant,
    /// Which life of the sender it is of; see [`Receiver::begin_life`].
    pub(crate) life: usize,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Arrival {
    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

/// What to answer, and when.
#[derive(Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    after: Duration,
    gate: Option<Gate>,
}

impl Reply {
    /// This status, at once.
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            headers: vec![],
            after: Duration::ZERO,
            gate: None,
        }
    }

    /// With a header.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// So much later.
    pub(crate) fn after(mut self, pause: Duration) -> Self {
        self.after = pause;
        self
    }

    /// Not before the gate opens.
    pub(crate) fn through(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }
}

/// Holds answers back until it is opened.
#[derive(Debug, Clone)]
pub(crate) struct Gate(watch::Sender<bool>);

impl Gate {
    pub(crate) fn closed() -> Self {
        Self(watch::Sender::new(false))
    }

    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    async fn pass(&self) {
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}

type Conduct = Arc<dyn Fn(&Arrival) -> Reply + Send + Sync>;

#[derive(Default)]
struct State {
    /// By path.
    arrivals: Mutex<HashMap<String, Vec<Arrival>>>,
    conduct: Mutex<HashMap<String, Conduct>>,
    life: AtomicUsize,
    connections: AtomicUsize,
}

/// A receiver with any number of endpoints, told apart by their paths. Each answers 200 unless it is told otherwise.
pub(crate) struct Receiver {
    address: SocketAddr,
    state: Arc<State>,
    serving: tokio::task::JoinHandle<()>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let state = Arc::<State>::default();
        let serving = tokio::spawn(accept(listener, state.clone()));
        Self {
            address,
            state,
            serving,
        }
    }

    /// The URL of an endpoint.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How the endpoint at `path` answers from now on.
    pub(crate) fn answer(&self, path: &str, conduct: impl Fn(&Arrival) -> Reply + Send + Sync + 'static) {
        self.state
            .conduct
            .lock()
            .insert(path.to_owned(), Arc::new(conduct));
    }

    /// Everything that arrived, in order at each endpoint.
    pub(crate) fn all(&self) -> Vec<Arrival> {
        self.state.arrivals.lock().values().flatten().cloned().collect()
    }

    /// What arrived at one endpoint, in order.
    pub(crate) fn at(&self, path: &str) -> Vec<Arrival> {
        self.state.arrivals.lock().get(path).cloned().unwrap_or_default()
    }

    /// How much that is.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.state.arrivals.lock().get(path).map_or(0, Vec::len)
    }

    /// Waits until at least so much has arrived there.
    pub(crate) async fn until(&self, path: &str, count: usize) -> Vec<Arrival> {
        self.within(PATIENCE, path, count).await
    }

    /// The same, for as long as it may take to be right.
    pub(crate) async fn within(&self, patience: Duration, path: &str, count: usize) -> Vec<Arrival> {
        within(patience, &format!("{count} arrived at {path}"), || {
            self.count(path) >= count
        })
        .await;
        self.at(path)
    }

    /// What arrives from now on is of the sender's next life. To be called between its death and its next start: waits until everything
    /// that the dead one had sent is taken in.
    pub(crate) async fn begin_life(&self) {
        until("the dead node's connections are closed", || {
            self.state.connections.load(Ordering::Acquire) == 0
        })
        .await;
        self.state.life.fetch_add(1, Ordering::AcqRel);
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        state.connections.fetch_add(1, Ordering::AcqRel);
        let state = state.clone();
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let service = service_fn(|request| receive(request, state.clone()));
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
            state.connections.fetch_sub(1, Ordering::AcqRel);
        });
    }
}

async fn receive(
    request: Request<Incoming>,
    state: Arc<State>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let header = |name| {
        head.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let arrival = Arrival {
        path: head.uri.path().to_owned(),
        id: header("webhook-id").parse().unwrap_or_default(),
        attempt: header("posthaste-attempt").parse().unwrap_or_default(),
        at: Instant::now(),
        life: state.life.load(Ordering::Acquire),
        headers: head.headers,
        body,
    };
    let conduct = state.conduct.lock().get(&arrival.path).cloned();
    let reply = conduct.map_or_else(|| Reply::status(200), |conduct| conduct(&arrival));
    state
        .arrivals
        .lock()
        .entry(arrival.path.clone())
        .or_default()
        .push(arrival);
    tokio::time::sleep(reply.after).await;
    if let Some(gate) = &reply.gate {
        gate.pass().await;
    }
    let mut response = Response::new(Full::new(Bytes::from_static(b"seen")));
    *response.status_mut() = reply.status.try_into().expect("a status");
    for (name, value) in reply.headers {
        response
            .headers_mut()
            .insert(name, value.parse().expect("a header"));
    }
    Ok(response)
}
