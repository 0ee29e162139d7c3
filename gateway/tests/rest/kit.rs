//! What these tests share: a gateway on a database of its own, and the verbs of a caller.

use std::{fmt::Display, sync::Arc};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, Response, StatusCode, header},
};
use bytes::Bytes;
use gateway::{Config, ConsoleFile, Doors, Gateway};
use http_body_util::BodyExt;
use proto::{NewKey, Problem, Scope};
use queue::{Enqueuer, Queue, enqueue, vault::Vault, verdict::Verdict};
use serde::de::DeserializeOwned;
use serde_json::Value;
use testing::Database;
use tower::ServiceExt;
use uuid::Uuid;

#[path = "../shared/dispatch.rs"]
mod dispatch;

pub(crate) use self::dispatch::now;

/// A gateway, its queue, and a key to it.
pub(crate) struct App {
    pub(crate) queue: Queue,
    pub(crate) gateway: Gateway,
    pub(crate) key: String,
    router: Router,
    // Last: dropped when nothing is connected any more.
    pub(crate) database: Database,
}

pub(crate) fn vault() -> Vault {
    Vault::new(&[7; 32])
}

/// Makes a key, and returns its text.
pub(crate) async fn make_key(queue: &Queue, new: NewKey) -> String {
    queue.make_key(new, now()).await.unwrap().key.unwrap()
}

/// A console of one file.
const PAGE: ConsoleFile = ConsoleFile {
    url: "/index.html",
    media_type: "text/html; charset=utf-8",
    immutable: false,
    tag: "\"1\"",
    brotli: None,
    gzip: None,
    plain: Some(b"<!doctype html>"),
};

impl App {
    pub(crate) async fn new() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let database = Database::create().await;
        let reached = queue::Config {
            max_connections: 8,
            ..queue::Config::new(database.url())
        };
        Self::reached(config, reached, database).await
    }

    /// With enqueues that wait in a way of the test's own.
    pub(crate) async fn waiting(waiting: enqueue::Config) -> Self {
        let database = Database::create().await;
        let reached = queue::Config::new(database.url());
        Self::assembled(Config::default(), reached, waiting, database).await
    }

    /// On a database that is reached in a way of the test's own.
    pub(crate) async fn reached(config: Config, reached: queue::Config, database: Database) -> Self {
        Self::assembled(config, reached, enqueue::Config::default(), database).await
    }

    async fn assembled(
        config: Config,
        reached: queue::Config,
        waiting: enqueue::Config,
        database: Database,
    ) -> Self {
        let queue = Queue::open(reached, vault(), now()).await.unwrap();
        let key = make_key(
            &queue,
            NewKey {
                name: "test".into(),
                scopes: vec![Scope::Admin],
                queues: vec!["*".into()],
                ..NewKey::default()
            },
        )
        .await;
        let enqueuer = Enqueuer::start(&queue, &waiting);
        let vet = |url: &url::Url| match url.host_str() {
            Some("10.0.0.1") => Err("10.0.0.1 is in a private range".to_owned()),
            Some("panic.example") => panic!("a secret detail"),
            _ => Ok(()),
        };
        let config = Config {
            console: &[PAGE],
            ..config
        };
        let doors = Doors {
            vet_url: Arc::new(vet),
            vet_auth: Arc::new(|_: &proto::EndpointAuth| Ok(())),
            ready: Arc::new(|| true),
        };
        let gateway = Gateway::new(config, queue.clone(), enqueuer, doors);
        let router = gateway::router(gateway.clone());
        Self {
            queue,
            gateway,
            key,
            router,
            database,
        }
    }

    /// A request with the key.
    pub(crate) fn request(&self, method: Method, path: &str) -> Asking<'_> {
        self.request_without_key(method, path)
            .header("authorization", &format!("Bearer {}", self.key))
    }

    pub(crate) fn request_without_key(&self, method: Method, path: &str) -> Asking<'_> {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap();
        Asking {
            router: &self.router,
            request,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path).send().await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.request(Method::DELETE, path).send().await
    }

    /// A POST without a body.
    pub(crate) async fn act(&self, path: &str) -> Answer {
        self.request(Method::POST, path).send().await
    }

    /// A POST with a body in JSON, written as it stands.
    pub(crate) async fn post(&self, path: &str, json: impl Display) -> Answer {
        self.request(Method::POST, path).json(json).send().await
    }

    pub(crate) async fn patch(&self, path: &str, json: impl Display) -> Answer {
        self.request(Method::PATCH, path).json(json).send().await
    }

    pub(crate) async fn make_queue(&self, name: &str) -> proto::Queue {
        self.post("/v1/queues", format!("{{\"name\":\"{name}\"}}"))
            .await
            .is(StatusCode::CREATED)
            .read()
    }

    /// An endpoint that wants tasks of these types (JSON globs, comma between).
    pub(crate) async fn make_endpoint(&self, queue: &str, filter: &str) -> proto::Endpoint {
        let new = format!("{{\"url\":\"https://example.com/hook\",\"filter\":[{filter}]}}");
        self.post(&format!("/v1/queues/{queue}/endpoints"), new)
            .await
            .is(StatusCode::CREATED)
            .read()
    }

    pub(crate) async fn enqueue(&self, queue: &str, json: impl Display) -> proto::Enqueued {
        self.post(&format!("/v1/queues/{queue}/tasks"), json)
            .await
            .is(StatusCode::ACCEPTED)
            .read()
    }

    /// How many tasks a queue has.
    pub(crate) async fn count_tasks(&self, queue: &str) -> usize {
        let path = format!("/v1/queues/{queue}/tasks?limit=1000");
        self.get(&path)
            .await
            .is(StatusCode::OK)
            .read::<proto::Page<proto::Task>>()
            .items
            .len()
    }

    /// Does what a dispatcher would: takes everything due at an endpoint, and writes that it answered `status` with this verdict.
    pub(crate) async fn finish_all(&self, endpoint: Uuid, status: u16, verdict: Verdict) -> usize {
        dispatch::finish_all(&self.queue, endpoint, status, b"so it is", verdict).await
    }
}

/// A request that is being put together.
pub(crate) struct Asking<'a> {
    router: &'a Router,
    request: Request<Body>,
}

impl Asking<'_> {
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.request
            .headers_mut()
            .append(name, header::HeaderValue::from_bytes(value.as_bytes()).unwrap());
        self
    }

    pub(crate) fn json(self, json: impl Display) -> Self {
        self.header("content-type", "application/json")
            .body(json.to_string().into_bytes())
    }

    pub(crate) fn body(mut self, body: impl Into<Body>) -> Self {
        *self.request.body_mut() = body.into();
        self
    }

    /// The head of the answer; its body comes as it is read.
    pub(crate) async fn begin(self) -> Response<Body> {
        self.router.clone().oneshot(self.request).await.unwrap()
    }

    pub(crate) async fn send(self) -> Answer {
        let asked = format!("{} {}", self.request.method(), self.request.uri());
        let (parts, body) = self.begin().await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            asked,
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) asked: String,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    #[track_caller]
    pub(crate) fn is(self, status: StatusCode) -> Self {
        assert_eq!(
            self.status,
            status,
            "{}: {}",
            self.asked,
            String::from_utf8_lossy(&self.body)
        );
        self
    }

    #[track_caller]
    pub(crate) fn read<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{}: {error}: {}", self.asked, String::from_utf8_lossy(&self.body))
        })
    }

    pub(crate) fn json(&self) -> Value {
        self.read()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The problem document that an error is: checked for its form.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> Problem {
        assert_eq!(
            self.status.as_u16(),
            status,
            "{}: {}",
            self.asked,
            String::from_utf8_lossy(&self.body)
        );
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            self.asked
        );
        let problem: Problem = self.read();
        assert_eq!(problem.status, status, "{}", self.asked);
        assert!(
            problem.kind.starts_with("/problems/") && !problem.title.is_empty() && !problem.detail.is_empty(),
            "{problem:?}"
        );
        assert_eq!(
            self.headers.contains_key(header::RETRY_AFTER),
            matches!(status, 429 | 503),
            "{}",
            self.asked
        );
        problem
    }

    /// The fields that a problem blames.
    #[track_caller]
    pub(crate) fn blames(&self, status: u16) -> Vec<String> {
        let problem = self.problem(status);
        assert!(
            problem.errors.iter().all(|error| !error.detail.is_empty()),
            "{problem:?}"
        );
        problem.errors.into_iter().map(|error| error.field).collect()
    }
}
