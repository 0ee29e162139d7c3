//! What holds for every call: its key, its deadline, and compression.

use std::io::{Read, Write};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use prost::Message;
use proto::grpc::v1::{self, task_service_client::TaskServiceClient};
use tonic::{Code, codec::CompressionEncoding};

use crate::{
    kit::{Server, blamed, enqueue, keyed, reason, task},
    raw::{ask, framed, message, request},
};

/// Between looks at what is not so yet.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(20);

#[tokio::test]
async fn every_method_wants_a_key() {
    let server = Server::new().await;
    let contract = prost_types::FileDescriptorSet::decode(proto::grpc::DESCRIPTORS).unwrap();
    let services = contract.file.iter().flat_map(|file| &file.service);
    let paths = services.flat_map(|service| {
        let methods = service.method.iter();
        methods.map(|method| format!("/posthaste.v1.{}/{}", service.name(), method.name()))
    });
    let mut count = 0;
    for path in paths {
        for headers in [
            &[][..],
            &[("authorization", "Bearer ph_wrong")],
            &[("authorization", "Basic eDp5")],
        ] {
            let answer = ask(server.grpc, request(&path, headers), framed(&[]))
                .await
                .call();
            // Guessing is slowed down, and then told as such.
            assert!(
                matches!(answer.code(), Code::Unauthenticated | Code::ResourceExhausted),
                "{path}: {answer:?}"
            );
        }
        count += 1;
    }
    assert!(count > 40, "{count}");
}

#[tokio::test]
async fn a_key_that_is_not_valid_is_refused_with_its_reason() {
    let server = Server::new().await;
    let mut tasks = TaskServiceClient::new(keyed(server.channel().await, "ph_wrong"));
    let refused = tasks.get_task(v1::GetTaskRequest::default()).await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::Unauthenticated, "UNAUTHORIZED")
    );
}

#[tokio::test]
async fn a_call_ends_with_the_callers_time() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let locked = server.database.lock("tasks").await;
    let body = message(&enqueue("q", task("a")));
    let path = "/posthaste.v1.TaskService/Enqueue";
    let answer = server
        .call(path, &[("grpc-timeout", "300m")], body.clone())
        .await
        .call();
    assert_eq!(answer.code(), Code::DeadlineExceeded, "{answer:?}");
    assert_eq!(reason(&answer), "UNAVAILABLE");
    assert!(answer.message().contains("0.3 s"), "{answer:?}");
    locked.release().await;
    let answer = server.call(path, &[("grpc-timeout", "30S")], body).await.call();
    assert_eq!(answer.code(), Code::Ok, "{answer:?}");
}

#[tokio::test]
async fn a_call_without_a_deadline_ends_with_the_servers() {
    let config = gateway::Config {
        request_timeout: std::time::Duration::from_millis(300),
        ..gateway::Config::default()
    };
    let server = Server::with(config, None).await;
    server.make_queue("q").await;
    let locked = server.database.lock("tasks").await;
    let body = message(&enqueue("q", task("a")));
    let answer = server
        .call("/posthaste.v1.TaskService/Enqueue", &[], body)
        .await
        .call();
    assert_eq!(answer.code(), Code::DeadlineExceeded, "{answer:?}");
    locked.release().await;
}

#[tokio::test]
async fn a_call_beyond_the_most_at_once_is_refused() {
    let config = gateway::Config {
        requests_max: 1,
        ..gateway::Config::default()
    };
    let server = Server::with(config, None).await;
    server.make_queue("q").await;
    let locked = server.database.lock("tasks").await;
    let mut first = server.tasks().await;
    let waiting = tokio::spawn(async move { first.enqueue(enqueue("q", task("a"))).await });
    let mut tasks = server.tasks().await;
    let refused = loop {
        // Until the first has its place.
        match tasks
            .get_task(v1::GetTaskRequest { id: "7".into() })
            .await
            .unwrap_err()
        {
            early if early.code() == Code::InvalidArgument => tokio::time::sleep(PAUSE).await,
            refused => break refused,
        }
    };
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::Unavailable, "UNAVAILABLE")
    );
    locked.release().await;
    assert!(waiting.await.unwrap().is_ok());
}

#[tokio::test]
async fn gzip_is_understood_both_ways() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let payload = "{\"text\":\"again and again\"}".repeat(10_000);
    let given = v1::NewTask {
        payload: Some(payload.clone().into()),
        ..task("a")
    };
    let mut tasks = server
        .tasks()
        .await
        .send_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Gzip);
    let id = tasks
        .enqueue(enqueue("q", given))
        .await
        .unwrap()
        .into_inner()
        .enqueued
        .unwrap()
        .id;
    let read = tasks
        .get_task(v1::GetTaskRequest { id: id.clone() })
        .await
        .unwrap();
    assert_eq!(
        read.into_inner().task.unwrap().payload.unwrap(),
        payload.as_bytes()
    );

    // What is on the wire is small; an answer that gains nothing is left as it is.
    let body = message(&v1::GetTaskRequest { id: id.clone() });
    let accepts = [("grpc-accept-encoding", "identity,gzip")];
    let answer = server
        .call("/posthaste.v1.TaskService/GetTask", &accepts, body.clone())
        .await;
    assert!(
        answer.body[0] == 1 && answer.body.len() < 10_000,
        "{}",
        answer.body.len()
    );
    let mut unfolded = Vec::new();
    GzDecoder::new(&answer.body[5..])
        .read_to_end(&mut unfolded)
        .unwrap();
    let read = v1::GetTaskResponse::decode(unfolded.as_slice())
        .unwrap()
        .task
        .unwrap();
    assert_eq!(read.payload.unwrap(), payload.as_bytes());
    let answer = server.call("/posthaste.v1.TaskService/GetTask", &[], body).await;
    assert!(
        answer.body[0] == 0 && answer.body.len() > 200_000,
        "{}",
        answer.body.len()
    );
    let body = message(&v1::CancelTaskRequest { id });
    let answer = server
        .call("/posthaste.v1.TaskService/CancelTask", &accepts, body)
        .await;
    assert_eq!(answer.body[0], 0);
}

#[tokio::test]
async fn what_unfolds_too_large_is_refused() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let bomb = v1::NewTask {
        payload: Some(vec![0; 40 << 20].into()),
        ..task("a")
    };
    let request = v1::EnqueueBatchRequest {
        queue: "q".into(),
        tasks: vec![bomb],
    };
    let mut folded = GzEncoder::new(Vec::new(), Compression::best());
    folded.write_all(&request.encode_to_vec()).unwrap();
    let folded = folded.finish().unwrap();
    assert!(folded.len() < 64 << 10, "{}", folded.len());
    let body = [
        &[1][..],
        &u32::try_from(folded.len()).unwrap().to_be_bytes(),
        &folded,
    ]
    .concat();
    let headers = [("grpc-encoding", "gzip")];
    let answer = server
        .call("/posthaste.v1.TaskService/EnqueueBatch", &headers, body)
        .await
        .call();
    assert_eq!(
        (answer.code(), &*reason(&answer)),
        (Code::InvalidArgument, "TOO_LARGE")
    );
    assert_eq!(blamed(&answer), ["message"]);
}

#[tokio::test]
async fn a_database_that_is_away_is_told_with_a_time_to_wait() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let mut tasks = server.tasks().await;
    server.queue.close().await;
    let refused = tasks.enqueue(enqueue("q", task("a"))).await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::Unavailable, "UNAVAILABLE")
    );
    let retry = tonic_types::StatusExt::get_details_retry_info(&refused).unwrap();
    assert!((1..=5).contains(&retry.retry_delay.unwrap().as_secs()));
}
