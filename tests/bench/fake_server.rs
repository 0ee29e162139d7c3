//! A stand-in for the server: takes tasks over the routes that `posthaste bench` uses and forwards each to the endpoint. It
//! keeps nothing, and can be told to misbehave.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1::SendRequest, service::service_fn};
use hyper_util::rt::TokioIo;
use proto::{
    BatchItem, BatchResult, Endpoint, EndpointStatus, Enqueued, FieldError, NewEndpoint, NewQueue, NewTask,
    Problem,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Mutex, mpsc, watch},
};
use uuid::Uuid;

pub(crate) const KEY: &str = "ph_test";

/// How it misbehaves; 0 is never.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// Each n-th task is accepted and never sent.
    pub(crate) lose: u64,
    /// Each n-th task is sent twice.
    pub(crate) repeat: u64,
    /// Each n-th single request is answered 503.
    pub(crate) turn_away: u64,
    /// Each n-th item of a batch is refused.
    pub(crate) refuse: u64,
    /// Each n-th single request breaks its connection after the task was accepted.
    pub(crate) hang_up: u64,
    /// Tasks are sent so long after they were accepted.
    pub(crate) hold: Duration,
}

/// A running fake.
pub(crate) struct FakeServer {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

struct State {
    faults: Faults,
    tasks: AtomicU64,
    requests: AtomicU64,
    queues: Mutex<HashMap<String, Lane>>,
}

struct Lane {
    send: mpsc::UnboundedSender<Uuid>,
    paused: watch::Sender<bool>,
}

impl FakeServer {
    pub(crate) async fn start(faults: Faults) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            faults,
            tasks: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            queues: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let state = Arc::clone(&shared);
                let service = service_fn(move |request| answer(Arc::clone(&state), request));
                tokio::spawn(async move {
                    // An injected hang-up ends in an error here.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { address, state }
    }

    /// How many queues are left.
    pub(crate) async fn queues(&self) -> usize {
        self.state.queues.lock().await.len()
    }
}

type Reply = Response<Full<Bytes>>;

/// `Err` breaks the connection without an answer.
async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Reply, std::io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    if head
        .headers
        .get("authorization")
        .is_none_or(|key| key != "Bearer ph_test")
    {
        return Ok(problem(StatusCode::UNAUTHORIZED, "This key is not known."));
    }
    let path: Vec<&str> = head.uri.path().trim_start_matches('/').split('/').collect();
    Ok(match (&head.method, path.as_slice()) {
        (&Method::POST, ["v1", "queues"]) => {
            let queue: NewQueue = serde_json::from_slice(&body).unwrap();
            json(StatusCode::CREATED, &queue)
        }
        (&Method::DELETE, ["v1", "queues", queue]) => {
            state.queues.lock().await.remove(*queue);
            Response::builder()
                .status(StatusCode::NO_CONTENT)
                .body(Full::default())
                .unwrap()
        }
        (&Method::POST, ["v1", "queues", queue, "endpoints"]) => {
            let new: NewEndpoint = serde_json::from_slice(&body).unwrap();
            json(StatusCode::CREATED, &state.register(queue, new).await)
        }
        (&Method::POST, ["v1", "queues", queue, verb @ ("pause" | "resume")]) => {
            state.queues.lock().await[*queue]
                .paused
                .send_replace(*verb == "pause");
            json(StatusCode::OK, &())
        }
        (&Method::POST, ["v1", "queues", queue, "tasks"]) => {
            serde_json::from_slice::<NewTask>(&body).unwrap();
            let request = state.requests.fetch_add(1, Ordering::Relaxed) + 1;
            if nth(request, state.faults.turn_away) {
                let mut reply = problem(StatusCode::SERVICE_UNAVAILABLE, "Not now.");
                reply.headers_mut().insert("retry-after", 0.into());
                return Ok(reply);
            }
            let task = state.accept(queue).await;
            if nth(request, state.faults.hang_up) {
                return Err(std::io::Error::other("hang up"));
            }
            json(StatusCode::ACCEPTED, &task)
        }
        (&Method::POST, ["v1", "queues", queue, "tasks", "batch"]) => {
            assert_eq!(head.headers["content-type"], "application/x-ndjson");
            json(StatusCode::ACCEPTED, &state.accept_batch(queue, &body).await)
        }
        _ => problem(StatusCode::NOT_FOUND, "There is nothing here."),
    })
}

impl State {
    async fn register(&self, queue: &str, new: NewEndpoint) -> Endpoint {
        let (send, tasks) = mpsc::unbounded_channel();
        let (paused, pause) = watch::channel(false);
        let id = Uuid::from_u128(u128::from(0xe0 + self.requests.fetch_add(1, Ordering::Relaxed)));
        tokio::spawn(forward(new.url.clone(), tasks, pause, self.faults));
        self.queues
            .lock()
            .await
            .insert(queue.to_owned(), Lane { send, paused });
        Endpoint {
            id,
            queue: queue.to_owned(),
            url: new.url,
            description: String::new(),
            filter: Vec::new(),
            auth: None,
            headers: HashMap::new().into_iter().collect(),
            settings: new.settings,
            status: EndpointStatus::Enabled,
            disabled_reason: None,
            secret: None,
            created_at: chrono::DateTime::UNIX_EPOCH,
            updated_at: chrono::DateTime::UNIX_EPOCH,
        }
    }

    async fn accept(&self, queue: &str) -> Enqueued {
        let number = self.tasks.fetch_add(1, Ordering::Relaxed) + 1;
        let id = Uuid::from_u128(u128::from(number));
        let times = if nth(number, self.faults.lose) {
            0
        } else if nth(number, self.faults.repeat) {
            2
        } else {
            1
        };
        for _ in 0..times {
            // A queue that was deleted meanwhile forwards nothing.
            let _ = self.queues.lock().await[queue].send.send(id);
        }
        Enqueued {
            id,
            deliveries: 1,
            repeated: false,
        }
    }

    async fn accept_batch(&self, queue: &str, body: &[u8]) -> BatchResult {
        let mut result = BatchResult {
            accepted: 0,
            rejected: 0,
            items: Vec::new(),
        };
        for (index, line) in body
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .enumerate()
        {
            serde_json::from_slice::<NewTask>(line).unwrap();
            if nth(index as u64 + 1, self.faults.refuse) {
                result.rejected += 1;
                let error = FieldError {
                    field: "payload".to_owned(),
                    detail: "not this one".to_owned(),
                };
                result.items.push(BatchItem::Rejected {
                    status: 422,
                    errors: vec![error],
                });
            } else {
                result.accepted += 1;
                result.items.push(BatchItem::Accepted(self.accept(queue).await));
            }
        }
        result
    }
}

/// Posts each task over one connection, in order.
async fn forward(
    url: String,
    mut tasks: mpsc::UnboundedReceiver<Uuid>,
    mut paused: watch::Receiver<bool>,
    faults: Faults,
) {
    let url: url::Url = url.parse().unwrap();
    let mut connection = connect(&url).await;
    while let Some(task) = tasks.recv().await {
        if !faults.hold.is_zero() {
            tokio::time::sleep(faults.hold).await;
        }
        if paused.wait_for(|paused| !paused).await.is_err() {
            return;
        }
        connection.ready().await.unwrap();
        let request = Request::post("/")
            .header("host", "receiver")
            .header("webhook-id", task.to_string())
            .body(Full::new(Bytes::from_static(b"{}")))
            .unwrap();
        let response = connection.send_request(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        response.into_body().collect().await.unwrap();
    }
}

async fn connect(url: &url::Url) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect((url.host_str().unwrap(), url.port().unwrap()))
        .await
        .unwrap();
    stream.set_nodelay(true).unwrap();
    let (sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(driver);
    sender
}

fn nth(number: u64, every: u64) -> bool {
    every > 0 && number.is_multiple_of(every)
}

fn json(status: StatusCode, body: &impl serde::Serialize) -> Reply {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Full::new(serde_json::to_vec(body).unwrap().into()))
        .unwrap()
}

fn problem(status: StatusCode, detail: &str) -> Reply {
    let problem = Problem {
        kind: "/problems/fake".to_owned(),
        title: String::new(),
        status: status.as_u16(),
        detail: detail.to_owned(),
        errors: Vec::new(),
    };
    json(status, &problem)
}
