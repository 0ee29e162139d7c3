//! Load over gRPC's `EnqueueStream`: tasks are sent as fast as flow control lets them, and answers are read meanwhile.
//! It has a thread of its own, like the load over REST.

use std::{
    task::{Context as Poller, Poll},
    thread,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Request, Uri, header};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use proto::grpc::v1::{
    self, enqueue_stream_response::Result as Outcome, task_service_client::TaskServiceClient,
};
use tokio::{sync::oneshot, task::JoinSet};
use tower_service::Service;

use super::{
    clock::Clock,
    load::{Accepted, Run},
    wire::Site,
};

/// Streams that are open at once, and what goes through them.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    pub(super) site: Site,
    pub(super) queue: String,
    /// The payloads, which take turns.
    pub(super) payloads: Vec<Bytes>,
    /// How many.
    pub(super) count: u32,
}

impl Streams {
    /// Enqueues `tasks`, as even a part over each stream as there is.
    pub(super) async fn run(self, tasks: u64, clock: Clock) -> Result<Run> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (done, result) = oneshot::channel();
        thread::Builder::new()
            .name("bench-stream".to_owned())
            .spawn(move || {
                // Nobody waits any more if the run was interrupted.
                let _ = done.send(runtime.block_on(self.enqueue(tasks, clock)));
            })?;
        result.await.context("the streams died")?
    }

    async fn enqueue(self, tasks: u64, clock: Clock) -> Result<Run> {
        let mut run = Run::new(clock.now());
        let mut streams = JoinSet::new();
        let each = u64::from(self.count);
        for number in 0..each {
            let share = tasks / each + u64::from(number < tasks % each);
            streams.spawn(self.clone().one(share, clock));
        }
        while let Some(part) = streams.join_next().await {
            run.add(part.context("a stream died")??);
        }
        run.ended = clock.now();
        Ok(run)
    }

    async fn one(self, tasks: u64, clock: Clock) -> Result<Run> {
        let origin: Uri = self.site.origin().parse()?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let pooled = legacy::Client::builder(TokioExecutor::new())
            .http2_only(true)
            .http2_adaptive_window(true)
            .build(connector);
        let keyed = Keyed {
            inner: pooled,
            bearer: self.site.bearer().context("a key is needed")?,
        };
        let mut client = TaskServiceClient::with_origin(keyed, origin);
        let (queue, payloads) = (self.queue, self.payloads.into_iter().cycle());
        let sent = (0..tasks)
            .zip(payloads)
            .map(move |(correlation, payload)| v1::EnqueueStreamRequest {
                correlation,
                queue: queue.clone(),
                task: Some(v1::NewTask {
                    r#type: "bench.task".to_owned(),
                    payload: Some(payload),
                    ..v1::NewTask::default()
                }),
            });
        let mut run = Run::new(clock.now());
        let mut answers = client.enqueue_stream(stream::iter(sent)).await?.into_inner();
        while let Some(answer) = answers.message().await? {
            match answer.result {
                Some(Outcome::Accepted(enqueued)) => run.accepted.push(Accepted {
                    task: enqueued
                        .id
                        .parse()
                        .context("the server answered with an id that is none")?,
                    answered: clock.now(),
                }),
                _ => run.refused += 1,
            }
            run.answered += 1;
        }
        Ok(run)
    }
}

/// A client that sends a key with each request.
#[derive(Debug, Clone)]
struct Keyed<S> {
    inner: S,
    bearer: HeaderValue,
}

impl<S, B> Service<Request<B>> for Keyed<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, poller: &mut Poller<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(poller)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, self.bearer.clone());
        self.inner.call(request)
    }
}
