//! What holds for every call: its deadline, the size of its messages, its key, and an answer whatever happens in its handler.

use std::{panic::AssertUnwindSafe, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use futures_util::FutureExt;
use tokio::time::Instant;
use tonic::Status;

use super::{
    deadline::{self, Until},
    meter::{Limits, Meter},
    status,
};
use crate::{
    auth::{self, Peer},
    config::Config,
    metrics::Asked,
    problem::Refusal,
    state::Gateway,
};

/// What kind of call a method is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// One message each way.
    Quick,
    /// The same, acting on many things or waiting for an endpoint: it ends by itself, later than others may.
    Action,
    /// Messages for as long as the caller likes.
    Stream,
}

impl Sort {
    /// That of the method at this path: `/posthaste.v1.TaskService/Enqueue`.
    fn of(path: &str) -> Self {
        match path.rsplit('/').next().unwrap_or_default() {
            "EnqueueStream" | "WatchEvents" | "Watch" | "ServerReflectionInfo" => Self::Stream,
            "PurgeQueue" | "PurgeEndpoint" | "PurgeDeadLetters" | "ReplayDeadLetters" | "TestEndpoint" => {
                Self::Action
            }
            _ => Self::Quick,
        }
    }

    /// The time for an answer, whatever the caller says.
    fn time(self, config: &Config) -> Option<Duration> {
        match self {
            Self::Quick => Some(config.request_timeout),
            Self::Action => Some(config.action_timeout),
            Self::Stream => None,
        }
    }
}

/// Keeps the limits of a call, and answers whatever happens.
pub(super) async fn keep(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let asked = Asked::call(request.uri().path(), begun.into_std());
    let response = within_limits(&gateway, request, next, begun).await;
    gateway.metrics().call(&asked, &response);
    response
}

async fn within_limits(gateway: &Gateway, request: Request, next: Next, begun: Instant) -> Response {
    let sort = Sort::of(request.uri().path());
    let asked = match deadline::of(request.headers()) {
        Ok(asked) => asked,
        Err(refusal) => return Status::from(refusal).into_http(),
    };
    let time = [sort.time(gateway.config()), asked].into_iter().flatten().min();
    let limits = Limits {
        bytes: message_max(request.uri().path(), gateway.config()),
        time: gateway.config().body_time(),
        room: gateway.bodies().clone(),
    };
    let mut request = request.map(|body| Body::new(Meter::new(body, limits)));
    if sort == Sort::Stream {
        // Small messages, many of them: a compressor for each would cost more than it saves.
        request.headers_mut().remove("grpc-accept-encoding");
    }
    let served = AssertUnwindSafe(next.run(request)).catch_unwind();
    let served = match time {
        Some(time) => tokio::time::timeout_at(begun + time, served).await,
        None => Ok(served.await),
    };
    match (served, time) {
        (Ok(Ok(response)), Some(time)) if sort == Sort::Stream => {
            complete(response).map(|body| Body::new(Until::new(body, time, begun + time)))
        }
        (Ok(Ok(response)), _) => complete(response),
        (Ok(Err(_)), _) => {
            // What and where was told by the panic hook.
            tracing::error!("a call's handler panicked");
            Status::from(Refusal::internal()).into_http()
        }
        (Err(_), time) => status::exceeded(time.unwrap_or_default()).into_http(),
    }
}

/// An answer of tonic's own, with the details that ours have.
fn complete(response: Response) -> Response {
    match response.extensions().get::<Status>() {
        Some(status) if status.details().is_empty() => status::complete(status).into_http(),
        _ => response,
    }
}

/// Bytes of one message: what REST takes of the same.
fn message_max(path: &str, config: &Config) -> usize {
    match path.rsplit('/').next().unwrap_or_default() {
        "Enqueue" | "EnqueueStream" => config.payload_max + config.request_max_bytes,
        "EnqueueBatch" => config.batch_max_bytes,
        _ => config.request_max_bytes,
    }
}

/// Lets through who has a valid key, and puts the caller into the call's extensions.
pub(super) async fn require_caller(
    State(gateway): State<Gateway>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = Peer::of(request.extensions());
    match auth::authenticate(&gateway, request.headers(), peer).await {
        Ok(caller) => {
            // After the question who asks: strangers take nobody's place.
            let _place = match gateway.place() {
                Ok(place) => place,
                Err(refusal) => return Status::from(refusal).into_http(),
            };
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => Status::from(refusal).into_http(),
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;

    #[test]
    fn every_stream_of_the_contract_is_known_as_one() {
        let contract = FileDescriptorSet::decode(proto::grpc::DESCRIPTORS).unwrap();
        let services = contract.file.iter().flat_map(|file| &file.service);
        let methods: Vec<_> = services.flat_map(|service| &service.method).collect();
        assert!(methods.len() > 40);
        for method in methods {
            let streams = method.client_streaming() || method.server_streaming();
            assert_eq!(
                Sort::of(method.name()) == Sort::Stream,
                streams,
                "{}",
                method.name()
            );
            let long = ["Purge", "Replay", "Test"]
                .iter()
                .any(|verb| method.name().starts_with(verb));
            let one = ["ReplayDeadLetter", "ReplayTask"].contains(&method.name());
            assert_eq!(
                Sort::of(method.name()) == Sort::Action,
                long && !one,
                "{}",
                method.name()
            );
        }
    }
}
