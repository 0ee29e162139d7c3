//! Two ports: one that speaks gRPC alone, and that of REST, which knows calls by their content type.

use axum::http::{Request, StatusCode};
use proto::grpc::v1::{self, queue_service_client::QueueServiceClient};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic::Code;

use crate::{
    kit::{Server, connect, keyed},
    raw::{ask, message, request},
};

#[tokio::test]
async fn both_ports_take_calls() {
    let server = Server::new().await;
    server.make_queue("q").await;
    for address in [server.grpc, server.rest] {
        let mut queues = QueueServiceClient::new(keyed(connect(address).await, &server.key));
        let read = queues
            .get_queue(v1::GetQueueRequest { name: "q".into() })
            .await
            .unwrap();
        assert_eq!(read.into_inner().queue.unwrap().name, "q");
    }
}

#[tokio::test]
async fn rest_stays_rest_on_its_port_and_is_refused_on_the_other() {
    let server = Server::new().await;
    let get = || Request::get("http://posthaste/healthz").body(()).unwrap();
    let answer = ask(server.rest, get(), vec![]).await;
    assert_eq!(
        (answer.status, &*answer.body),
        (StatusCode::OK, b"{\"status\":\"live\"}".as_slice())
    );
    let refused = ask(server.grpc, get(), vec![]).await;
    assert_eq!(refused.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let problem: proto::Problem = serde_json::from_slice(&refused.body).unwrap();
    assert_eq!(problem.errors[0].field, "content-type");
    // Another protocol, though its name begins the same.
    let path = "/posthaste.v1.QueueService/GetQueue";
    let web = request(path, &[("content-type", "application/grpc-web+proto")]);
    assert_eq!(
        ask(server.grpc, web, vec![]).await.status,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
}

#[tokio::test]
async fn http_1_is_no_way_for_a_call() {
    let server = Server::new().await;
    for (address, expected) in [(server.grpc, "415"), (server.rest, "401")] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = "POST /posthaste.v1.QueueService/GetQueue HTTP/1.1\r\nhost: a\r\ncontent-type: application/grpc\r\n";
        let request = format!("{head}content-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer.split(' ').nth(1), Some(expected), "{answer}");
    }
}

#[tokio::test]
async fn a_node_that_only_dispatches_tells_its_health_alone() {
    let config = gateway::Config {
        health_only: true,
        ..gateway::Config::default()
    };
    let server = Server::with(config, None).await;
    let mut health = tonic_health::pb::health_client::HealthClient::new(server.channel().await);
    let asked = tonic_health::pb::HealthCheckRequest::default();
    assert!(health.check(asked).await.is_ok());
    let body = message(&v1::ListQueuesRequest::default());
    let answer = server
        .call("/posthaste.v1.QueueService/ListQueues", &[], body)
        .await;
    assert_eq!(answer.call().code(), Code::Unimplemented);
}

#[tokio::test]
async fn the_contract_is_served_as_text() {
    let server = Server::new().await;
    for (path, text) in proto::grpc::SOURCES {
        let get = Request::get(format!("http://posthaste/proto/{path}"))
            .body(())
            .unwrap();
        let answer = ask(server.rest, get, vec![]).await;
        assert_eq!(
            (answer.status, &*answer.body),
            (StatusCode::OK, text.as_bytes()),
            "{path}"
        );
        assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
    }
    for nowhere in ["posthaste/v1/none.proto", "../Cargo.toml", "posthaste/v1/", ""] {
        let get = Request::get(format!("http://posthaste/proto/{nowhere}"))
            .body(())
            .unwrap();
        let status = ask(server.rest, get, vec![]).await.status;
        assert!(matches!(status.as_u16(), 401 | 404), "{nowhere}: {status}");
    }
}
