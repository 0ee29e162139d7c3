//! `grpc.health.v1.Health`: what `/readyz` says, for those who ask by gRPC.

use std::{pin::Pin, time::Duration};

use futures_util::{Stream, stream};
use proto::grpc::v1::{
    audit_service_server, dead_letter_service_server, endpoint_service_server, event_service_server,
    key_service_server, overview_service_server, queue_service_server, replay_service_server,
    system_service_server, task_service_server,
};
use tonic::{Request, Response, Status};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse,
    health_check_response::ServingStatus,
    health_server::{Health, HealthServer},
};

use crate::{
    problem::{Kind, Refusal},
    state::Gateway,
};

/// How often it is looked for those who watch.
const PAUSE: Duration = Duration::from_secs(1);

/// The services by name; the empty one stands for all. They are well together or not at all.
const SERVICES: [&str; 11] = [
    "",
    task_service_server::SERVICE_NAME,
    queue_service_server::SERVICE_NAME,
    endpoint_service_server::SERVICE_NAME,
    dead_letter_service_server::SERVICE_NAME,
    replay_service_server::SERVICE_NAME,
    overview_service_server::SERVICE_NAME,
    event_service_server::SERVICE_NAME,
    key_service_server::SERVICE_NAME,
    audit_service_server::SERVICE_NAME,
    system_service_server::SERVICE_NAME,
];

/// The service.
pub(super) fn service(gateway: Gateway) -> HealthServer<Watched> {
    HealthServer::new(Watched(gateway))
}

pub(super) struct Watched(Gateway);

async fn status(gateway: &Gateway, service: &str) -> ServingStatus {
    if !SERVICES.contains(&service) {
        ServingStatus::ServiceUnknown
    } else if gateway.is_ready().await.is_ok() {
        ServingStatus::Serving
    } else {
        ServingStatus::NotServing
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status as i32,
    }
}

#[tonic::async_trait]
impl Health for Watched {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let service = request.into_inner().service;
        match status(&self.0, &service).await {
            ServingStatus::ServiceUnknown => {
                let detail = format!("There is no service {service:?}.");
                Err(Refusal::new(Kind::NotFound, detail).into())
            }
            status => Ok(Response::new(answer(status))),
        }
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    /// The status now and whenever it has changed, until the node stops.
    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let service = request.into_inner().service;
        let begin = (self.0.clone(), service, None);
        let changes = stream::unfold(begin, |(gateway, service, told)| async move {
            loop {
                let now = status(&gateway, &service).await;
                if told != Some(now) {
                    return Some((Ok(answer(now)), (gateway, service, Some(now))));
                }
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = gateway.stopping().cancelled() => return None,
                }
            }
        });
        Ok(Response::new(Box::pin(changes)))
    }
}
