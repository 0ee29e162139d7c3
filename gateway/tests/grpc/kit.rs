//! What these tests share: a gateway that listens, on a database of its own, and clients of it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use gateway::{Config, Doors, Gateway, Port, Speaks, Tls};
use proto::{
    NewKey, Scope,
    grpc::v1::{
        self, dead_letter_service_client::DeadLetterServiceClient,
        endpoint_service_client::EndpointServiceClient, key_service_client::KeyServiceClient,
        queue_service_client::QueueServiceClient, task_service_client::TaskServiceClient,
    },
};
use queue::{Enqueuer, Queue, enqueue, vault::Vault, verdict::Verdict};
use testing::Database;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::{
    IntoStreamingRequest, Request, Status, Streaming,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt;
use uuid::Uuid;

#[path = "../shared/dispatch.rs"]
mod dispatch;

pub(crate) use self::dispatch::now;

/// Longer than anything here takes, on any machine: what still waits then waits for ever.
pub(crate) const FOREVER: Duration = Duration::from_secs(30);

/// A gateway that listens, its queue, and a key that may do everything.
pub(crate) struct Server {
    pub(crate) queue: Queue,
    pub(crate) key: String,
    pub(crate) grpc: SocketAddr,
    pub(crate) rest: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) is_ready: Arc<AtomicBool>,
    pub(crate) serving: [JoinHandle<std::io::Result<()>>; 2],
    // Last: dropped when nothing is connected any more.
    pub(crate) database: Database,
}

impl Server {
    pub(crate) async fn new() -> Self {
        Self::with(Config::default(), None).await
    }

    pub(crate) async fn with(config: Config, tls: Option<Tls>) -> Self {
        let database = Database::create().await;
        let reached = queue::Config {
            max_connections: 8,
            ..queue::Config::new(database.url())
        };
        let queue = Queue::open(reached, Vault::new(&[7; 32]), now()).await.unwrap();
        let enqueuer = Enqueuer::start(&queue, &enqueue::Config::default());
        let is_ready = Arc::new(AtomicBool::new(true));
        let ready = is_ready.clone();
        let vet = |url: &url::Url| match url.host_str() {
            Some("10.0.0.1") => Err("10.0.0.1 is in a private range".to_owned()),
            Some("panic.example") => panic!("a secret detail"),
            _ => Ok(()),
        };
        let doors = Doors {
            vet_url: Arc::new(vet),
            vet_auth: Arc::new(|_: &proto::EndpointAuth| Ok(())),
            ready: Arc::new(move || ready.load(Ordering::Relaxed)),
        };
        let gateway = Gateway::new(config, queue.clone(), enqueuer, doors);
        let stop = CancellationToken::new();
        let serve = async |speaks| {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            let port = Port::new(listener, speaks, tls.clone());
            (
                address,
                tokio::spawn(gateway::serve(port, gateway.clone(), stop.clone())),
            )
        };
        let ((rest, a), (grpc, b)) = (serve(Speaks::Everything).await, serve(Speaks::Grpc).await);
        let mut server = Self {
            queue,
            key: String::new(),
            grpc,
            rest,
            stop,
            is_ready,
            serving: [a, b],
            database,
        };
        server.key = server.make_key(&[Scope::Admin], &["*"]).await;
        server
    }

    /// A key with these scopes that reaches these queues.
    pub(crate) async fn make_key(&self, scopes: &[Scope], queues: &[&str]) -> String {
        let new = NewKey {
            name: "test".to_owned(),
            scopes: scopes.to_vec(),
            queues: queues.iter().map(ToString::to_string).collect(),
            ..NewKey::default()
        };
        let made = self.queue.make_key(new, now()).await.unwrap();
        made.key.expect("the key itself")
    }

    /// A connection to the port of gRPC.
    pub(crate) async fn channel(&self) -> Channel {
        connect(self.grpc).await
    }

    /// The same with the key.
    pub(crate) async fn keyed(&self) -> Keyed {
        keyed(self.channel().await, &self.key)
    }

    pub(crate) async fn tasks(&self) -> TaskServiceClient<Keyed> {
        TaskServiceClient::new(self.keyed().await)
    }

    pub(crate) async fn queues(&self) -> QueueServiceClient<Keyed> {
        QueueServiceClient::new(self.keyed().await)
    }

    pub(crate) async fn endpoints(&self) -> EndpointServiceClient<Keyed> {
        EndpointServiceClient::new(self.keyed().await)
    }

    pub(crate) async fn dead_letters(&self) -> DeadLetterServiceClient<Keyed> {
        DeadLetterServiceClient::new(self.keyed().await)
    }

    pub(crate) async fn keys(&self) -> KeyServiceClient<Keyed> {
        KeyServiceClient::new(self.keyed().await)
    }

    pub(crate) async fn make_queue(&self, name: &str) -> v1::Queue {
        let request = v1::CreateQueueRequest {
            name: name.to_owned(),
            ..v1::CreateQueueRequest::default()
        };
        let made = self.queues().await.create_queue(request).await.unwrap();
        made.into_inner().queue.unwrap()
    }

    /// An endpoint that wants tasks of these types.
    pub(crate) async fn make_endpoint(&self, queue: &str, filter: &[&str]) -> v1::Endpoint {
        let request = v1::CreateEndpointRequest {
            queue: queue.to_owned(),
            url: "https://example.com/hook".to_owned(),
            filter: filter.iter().map(ToString::to_string).collect(),
            ..v1::CreateEndpointRequest::default()
        };
        let made = self.endpoints().await.create_endpoint(request).await.unwrap();
        made.into_inner().endpoint.unwrap()
    }

    pub(crate) async fn enqueue(&self, queue: &str, task: v1::NewTask) -> v1::Enqueued {
        let enqueued = self.tasks().await.enqueue(enqueue(queue, task)).await.unwrap();
        enqueued.into_inner().enqueued.unwrap()
    }

    /// Opens an `EnqueueStream` with the key: the answers to these requests.
    pub(crate) async fn open_stream(
        &self,
        requests: impl IntoStreamingRequest<Message = v1::EnqueueStreamRequest>,
    ) -> Streaming<v1::EnqueueStreamResponse> {
        let opened = self.tasks().await.enqueue_stream(requests).await;
        opened.unwrap().into_inner()
    }

    /// How many tasks a queue has.
    pub(crate) async fn count_tasks(&self, queue: &str) -> usize {
        let mut tasks = self.tasks().await;
        let (mut count, mut page) = (0, None);
        loop {
            let request = v1::ListTasksRequest {
                queue: queue.to_owned(),
                limit: Some(1_000),
                page,
                ..v1::ListTasksRequest::default()
            };
            let listed = tasks.list_tasks(request).await.unwrap().into_inner();
            count += listed.tasks.len();
            page = listed.next_page;
            if page.is_none() {
                return count;
            }
        }
    }

    /// Does what a dispatcher would: takes everything due at an endpoint, and writes that it answered `status` with this verdict.
    pub(crate) async fn finish_all(&self, endpoint: &str, status: u16, verdict: Verdict) -> usize {
        let id = endpoint.parse().unwrap();
        dispatch::finish_all(&self.queue, id, status, b"so it is \xff", verdict).await
    }
}

/// A connection without encryption.
pub(crate) async fn connect(address: SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    endpoint.connect().await.unwrap()
}

/// Puts a key to each call.
#[derive(Clone)]
pub(crate) struct Key(MetadataValue<Ascii>);

pub(crate) type Keyed = InterceptedService<Channel, Key>;

pub(crate) fn keyed(channel: Channel, key: &str) -> Keyed {
    InterceptedService::new(channel, Key(format!("Bearer {key}").parse().unwrap()))
}

impl Interceptor for Key {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// A task of JSON.
pub(crate) fn task(kind: &str) -> v1::NewTask {
    v1::NewTask {
        r#type: kind.to_owned(),
        payload: Some(Bytes::from_static(b"{\"id\":7}")),
        ..v1::NewTask::default()
    }
}

pub(crate) fn enqueue(queue: &str, task: v1::NewTask) -> v1::EnqueueRequest {
    v1::EnqueueRequest {
        queue: queue.to_owned(),
        task: Some(task),
    }
}

/// The fields that a status blames.
pub(crate) fn blamed(status: &Status) -> Vec<String> {
    let details = status.get_details_bad_request();
    let violations = details
        .map(|details| details.field_violations)
        .unwrap_or_default();
    assert!(
        violations
            .iter()
            .all(|violation| !violation.description.is_empty())
    );
    violations.into_iter().map(|violation| violation.field).collect()
}

/// The `reason` of a status: the kind of problem.
pub(crate) fn reason(status: &Status) -> String {
    let info = status
        .get_details_error_info()
        .unwrap_or_else(|| panic!("{status:?} tells no reason"));
    assert_eq!(info.domain, "posthaste");
    assert!(info.metadata["type"].starts_with("/problems/"), "{status:?}");
    info.reason
}

/// An id that nothing has.
pub(crate) fn some_id() -> String {
    Uuid::from_u128(0x0198_0a3b_7c2d_7e4f_8a5b_6c7d_8e9f_a0b1).to_string()
}
