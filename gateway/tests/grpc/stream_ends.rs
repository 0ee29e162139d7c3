//! How a stream of tasks ends: by its client, by time, by a message that cannot be read, and with the server.

use prost::Message;
use proto::grpc::v1::{self, enqueue_stream_response::Result as Is, task_service_client::TaskServiceClient};
use tokio::time::timeout;
use tonic::Code;

use crate::{
    kit::{FOREVER, Server, blamed, keyed, reason, task},
    raw::{framed, message, request},
    stream::{channel, of},
};

const PATH: &str = "/posthaste.v1.TaskService/EnqueueStream";

#[tokio::test]
async fn who_ends_it_is_answered_to_the_last_task() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let (sender, requests) = channel();
    let mut answers = server.open_stream(requests).await;
    sender.send(of(1, "q", task("a"))).unwrap();
    sender.send(of(2, "q", task("a"))).unwrap();
    drop(sender);
    assert_eq!(answers.message().await.unwrap().unwrap().correlation, 1);
    assert_eq!(answers.message().await.unwrap().unwrap().correlation, 2);
    assert!(answers.message().await.unwrap().is_none());
}

#[tokio::test]
async fn a_message_that_cannot_be_read_ends_it_behind_the_answers_to_those_before() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let body = [
        message(&of(1, "q", task("a"))),
        framed(b"\x12\x7f"),
        message(&of(2, "q", task("a"))),
    ]
    .concat();
    let answer = server.call(PATH, &[], body).await;
    let first = proto::grpc::v1::EnqueueStreamResponse::decode(&answer.body[5..]).unwrap();
    assert!(matches!(first.result, Some(Is::Accepted(_))) && first.correlation == 1);
    let status = answer.call();
    assert_eq!(
        (status.code(), &*reason(&status)),
        (Code::InvalidArgument, "INVALID")
    );
    assert_eq!(blamed(&status), ["message"]);
    assert_eq!(server.count_tasks("q").await, 1);
}

#[tokio::test]
async fn it_ends_with_the_callers_time() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let bearer = format!("Bearer {}", server.key);
    let headers = [("authorization", bearer.as_str()), ("grpc-timeout", "500m")];
    let answer = keep_open(
        server.grpc,
        request(PATH, &headers),
        message(&of(1, "q", task("a"))),
    )
    .await;
    assert_eq!(answer.0.code(), Code::DeadlineExceeded, "{answer:?}");
    assert_eq!(answer.1, 1);
}

#[tokio::test]
async fn it_ends_with_the_server_behind_the_answers_to_what_was_taken() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let (sender, requests) = channel();
    let mut answers = server.open_stream(requests).await;
    for at in 0..100 {
        sender.send(of(at, "q", task("a"))).unwrap();
    }
    assert_eq!(answers.message().await.unwrap().unwrap().correlation, 0);
    server.stop.cancel();
    let mut last = 0;
    let status = loop {
        match timeout(FOREVER, answers.message()).await.unwrap() {
            Ok(Some(answer)) => last = answer.correlation,
            Ok(None) => panic!("it ended as if all were well"),
            Err(status) => break status,
        }
    };
    assert_eq!(
        (status.code(), &*reason(&status)),
        (Code::Unavailable, "UNAVAILABLE")
    );
    // What was acknowledged is there, and nothing else holds the server up.
    for serving in server.serving {
        timeout(FOREVER, serving).await.unwrap().unwrap().unwrap();
    }
    let filter = queue::tasks::TaskFilter {
        queue: "q".into(),
        ..queue::tasks::TaskFilter::default()
    };
    let tasks = server
        .queue
        .list_tasks(&filter, None, 1_000, crate::kit::now())
        .await
        .unwrap()
        .tasks;
    let count = tasks.len();
    assert!(count > usize::try_from(last).unwrap(), "{count} {last}");
}

/// A call whose client sends this and then leaves it open: how it ends, and how many answers came before.
async fn keep_open(
    address: std::net::SocketAddr,
    request: axum::http::Request<()>,
    body: Vec<u8>,
) -> (tonic::Status, usize) {
    let asked = async {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let (client, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let mut client = client.ready().await.unwrap();
        let (response, mut sending) = client.send_request(request, false).unwrap();
        sending.send_data(body.into(), false).unwrap();
        let (_, mut body) = response.await.unwrap().into_parts();
        let mut all = Vec::new();
        while let Some(data) = body.data().await {
            all.extend_from_slice(&data.unwrap());
        }
        let trailers = body.trailers().await.unwrap().unwrap();
        let mut answers = 0;
        while let Some((head, rest)) = all.split_at_checked(5) {
            let length = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize;
            all = rest[length..].to_vec();
            answers += 1;
        }
        (tonic::Status::from_header_map(&trailers).unwrap(), answers)
    };
    timeout(FOREVER, asked).await.expect("it does not end")
}

#[tokio::test]
async fn it_ends_with_its_key() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let request = v1::CreateKeyRequest {
        name: "shop".into(),
        scopes: vec![v1::Scope::Enqueue as i32],
        queues: vec!["*".into()],
        ..v1::CreateKeyRequest::default()
    };
    let made = server
        .keys()
        .await
        .create_key(request)
        .await
        .unwrap()
        .into_inner()
        .key
        .unwrap();
    let mut tasks = TaskServiceClient::new(keyed(server.channel().await, &made.key.unwrap()));
    let (sender, requests) = channel();
    let mut answers = tasks.enqueue_stream(requests).await.unwrap().into_inner();
    sender.send(of(1, "q", task("a"))).unwrap();
    assert!(answers.message().await.unwrap().is_some());
    server
        .keys()
        .await
        .revoke_key(v1::RevokeKeyRequest { id: made.id })
        .await
        .unwrap();
    sender.send(of(2, "q", task("a"))).unwrap();
    let ended = timeout(FOREVER, answers.message()).await.unwrap().unwrap_err();
    assert_eq!(
        (ended.code(), &*reason(&ended)),
        (Code::Unauthenticated, "UNAUTHORIZED")
    );
    assert_eq!(server.count_tasks("q").await, 1);
}
