//! `grpc.health.v1.Health`.

use std::sync::atomic::Ordering;

use prost::Message;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::kit::{FOREVER, Server};

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.to_owned(),
    }
}

#[tokio::test]
async fn health_is_readiness_and_needs_no_key() {
    let server = Server::new().await;
    let mut health = HealthClient::new(server.channel().await);
    for service in ["", "posthaste.v1.TaskService", "posthaste.v1.DeadLetterService"] {
        let answer = health.check(of(service)).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service}");
    }
    assert_eq!(
        health.check(of("other")).await.unwrap_err().code(),
        Code::NotFound
    );
    server.is_ready.store(false, Ordering::Relaxed);
    let answer = health.check(of("")).await.unwrap().into_inner();
    assert_eq!(answer.status(), ServingStatus::NotServing);
}

#[tokio::test]
async fn every_service_of_the_contract_has_its_health() {
    let server = Server::new().await;
    let mut health = HealthClient::new(server.channel().await);
    let contract = prost_types::FileDescriptorSet::decode(proto::grpc::DESCRIPTORS).unwrap();
    let mut count = 0;
    for service in contract.file.iter().flat_map(|file| &file.service) {
        let name = format!("posthaste.v1.{}", service.name());
        let answer = health
            .check(of(&name))
            .await
            .unwrap_or_else(|status| panic!("{name}: {status}"));
        assert_eq!(answer.into_inner().status(), ServingStatus::Serving, "{name}");
        count += 1;
    }
    assert!(count >= 10, "{count}");
}

#[tokio::test]
async fn who_watches_is_told_of_each_change() {
    let server = Server::new().await;
    let mut health = HealthClient::new(server.channel().await);
    let mut watched = health.watch(of("")).await.unwrap().into_inner();
    for (ready, expected) in [
        (true, ServingStatus::Serving),
        (false, ServingStatus::NotServing),
        (true, ServingStatus::Serving),
    ] {
        server.is_ready.store(ready, Ordering::Relaxed);
        let told = tokio::time::timeout(FOREVER, watched.message()).await.unwrap();
        assert_eq!(told.unwrap().unwrap().status(), expected);
    }
    let mut unknown = health.watch(of("other")).await.unwrap().into_inner();
    let told = unknown.message().await.unwrap().unwrap();
    assert_eq!(told.status(), ServingStatus::ServiceUnknown);
    // It ends with the server.
    server.stop.cancel();
    let ended = tokio::time::timeout(FOREVER, watched.message()).await.unwrap();
    assert!(ended.is_ok_and(|told| told.is_none()));
}
