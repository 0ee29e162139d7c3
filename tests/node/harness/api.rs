//! A client of the REST API.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use parking_lot::Mutex;
use proto::{Attempt, DeadLetter, Endpoint, Enqueued, Page, Task, TaskState};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use super::{PATIENCE, eventually};

/// Talks to a node. Clones share its address and key, and follow it when it is started again.
#[derive(Clone)]
pub(crate) struct Api {
    client: Client<HttpConnector, Full<Bytes>>,
    address: Arc<Mutex<Option<SocketAddr>>>,
    key: Arc<Mutex<String>>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body, which must be JSON of this form.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The same, of a request that must have succeeded.
    fn success<T: DeserializeOwned>(&self) -> T {
        assert!((200..300).contains(&self.status), "{self:?}");
        self.json()
    }

    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Api {
    pub(super) fn new() -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self {
            client,
            address: Arc::default(),
            key: Arc::default(),
        }
    }

    /// Talks to another port.
    pub(crate) fn use_address(&self, address: SocketAddr) {
        self.use_node(address);
    }

    pub(super) fn use_node(&self, address: SocketAddr) {
        *self.address.lock() = Some(address);
    }

    pub(crate) fn use_key(&self, key: &str) {
        key.clone_into(&mut self.key.lock());
    }

    /// Sends any request; an error says why there was no answer.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, String> {
        let address = self.address.lock().expect("a node was started");
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{address}{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key.lock()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).expect("a request");
        let exchange = async {
            let (head, body) = self
                .client
                .request(request)
                .await
                .map_err(|error| format!("{error:?}"))?
                .into_parts();
            let body = body
                .collect()
                .await
                .map_err(|error| format!("{error:?}"))?
                .to_bytes();
            Ok(Answer {
                status: head.status.as_u16(),
                headers: head.headers,
                body,
            })
        };
        timeout(PATIENCE, exchange)
            .await
            .map_err(|_| format!("no answer within {PATIENCE:?}"))?
    }

    /// Sends JSON.
    pub(crate) async fn send_json(&self, method: Method, path: &str, body: &Value) -> Result<Answer, String> {
        let json = [("content-type", "application/json")];
        self.send(method, path, &json, body.to_string()).await
    }

    /// Reads.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        self.send(Method::GET, path, &[], "")
            .await
            .expect("an answer")
            .success()
    }

    /// Acts, with a body.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> T {
        self.send_json(Method::POST, path, body)
            .await
            .expect("an answer")
            .success()
    }

    /// Acts, without a body.
    pub(crate) async fn act<T: DeserializeOwned>(&self, path: &str) -> T {
        self.send(Method::POST, path, &[], "")
            .await
            .expect("an answer")
            .success()
    }

    /// Makes a queue.
    pub(crate) async fn make_queue(&self, name: &str) {
        let _: Value = self.post("/v1/queues", &json!({ "name": name })).await;
    }

    /// Registers an endpoint.
    pub(crate) async fn make_endpoint(&self, queue: &str, url: &str, settings: Value) -> Endpoint {
        let new = json!({ "url": url, "settings": settings });
        self.post(&format!("/v1/queues/{queue}/endpoints"), &new).await
    }

    /// Pauses, resumes, enables or disables an endpoint.
    pub(crate) async fn switch(&self, endpoint: &Endpoint, action: &str) -> Endpoint {
        self.act(&format!("/v1/endpoints/{}/{action}", endpoint.id)).await
    }

    /// Reads an endpoint.
    pub(crate) async fn endpoint(&self, id: Uuid) -> Endpoint {
        self.get(&format!("/v1/endpoints/{id}")).await
    }

    /// Enqueues one task.
    pub(crate) async fn enqueue(&self, queue: &str, task: Value) -> Uuid {
        let enqueued: Enqueued = self.post(&format!("/v1/queues/{queue}/tasks"), &task).await;
        enqueued.id
    }

    /// Reads a task.
    pub(crate) async fn task(&self, id: Uuid) -> Task {
        self.get(&format!("/v1/tasks/{id}")).await
    }

    /// Waits until a task is in a state.
    pub(crate) async fn until_task(&self, id: Uuid, state: TaskState) -> Task {
        eventually(&format!("task {id} is {state:?}"), async || {
            Some(self.task(id).await).filter(|task| task.state == state)
        })
        .await
    }

    /// The attempts of a task, oldest first.
    pub(crate) async fn attempts(&self, task: Uuid) -> Vec<Attempt> {
        let page: Page<Attempt> = self.get(&format!("/v1/tasks/{task}/attempts")).await;
        page.items
    }

    /// Waits until so many attempts of a task are logged.
    pub(crate) async fn until_attempts(&self, task: Uuid, count: usize) -> Vec<Attempt> {
        eventually(&format!("task {task} has {count} attempts"), async || {
            Some(self.attempts(task).await).filter(|attempts| attempts.len() >= count)
        })
        .await
    }

    /// The dead letters of an endpoint.
    pub(crate) async fn dead_letters(&self, endpoint: &Endpoint) -> Vec<DeadLetter> {
        let page: Page<DeadLetter> = self
            .get(&format!("/v1/dead-letters?endpoint={}", endpoint.id))
            .await;
        page.items
    }
}
