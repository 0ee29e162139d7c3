//! `EnqueueStream`: acknowledgements in order, and its flow.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use proto::{
    Scope,
    grpc::v1::{self, enqueue_stream_response::Result as Is, task_service_client::TaskServiceClient},
};
use tokio::{sync::mpsc, time::timeout};
use tonic::transport::Endpoint;

use crate::kit::{FOREVER, Server, keyed, task};

pub(crate) fn of(correlation: u64, queue: &str, task: v1::NewTask) -> v1::EnqueueStreamRequest {
    v1::EnqueueStreamRequest {
        correlation,
        queue: queue.to_owned(),
        task: Some(task),
    }
}

/// A stream of what is sent into a channel.
pub(crate) fn channel() -> (
    mpsc::UnboundedSender<v1::EnqueueStreamRequest>,
    impl futures_util::Stream<Item = v1::EnqueueStreamRequest>,
) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    (sender, stream::poll_fn(move |cx| receiver.poll_recv(cx)))
}

#[tokio::test]
async fn each_task_is_acknowledged_in_order_once_it_is_committed() {
    let server = Server::new().await;
    server.make_queue("a").await;
    server.make_queue("b").await;
    let tasks = (0..5_000).map(|at| match at % 10 {
        0 => of(at, "none", task("a")),
        1 => of(at, "a", task("no type")),
        2 => v1::EnqueueStreamRequest {
            task: None,
            ..of(at, "a", task("a"))
        },
        3 => of(
            at,
            "b",
            v1::NewTask {
                idempotency_key: Some("once".into()),
                ..task("a")
            },
        ),
        4..7 => of(at, "b", task("b")),
        _ => of(at, "a", task("a")),
    });
    let requests = stream::iter(tasks.collect::<Vec<_>>());
    let answers: Vec<_> = server.open_stream(requests).await.collect().await;
    assert_eq!(answers.len(), 5_000);
    let (mut accepted, mut repeated) = (0, 0);
    for (at, answer) in (0..).zip(answers) {
        let answer = answer.unwrap();
        assert_eq!(answer.correlation, at);
        match (at % 10, answer.result.unwrap()) {
            (0, Is::Rejected(rejection)) => {
                assert_eq!((rejection.code, &*rejection.reason), (5, "NOT_FOUND"));
            }
            (1, Is::Rejected(rejection)) => assert_eq!(rejection.field_violations[0].field, "type"),
            (2, Is::Rejected(rejection)) => assert_eq!(rejection.field_violations[0].field, "task"),
            (3.., Is::Accepted(enqueued)) => {
                accepted += 1;
                repeated += usize::from(enqueued.repeated);
            }
            (_, result) => panic!("{at}: {result:?}"),
        }
    }
    assert_eq!((accepted, repeated), (3_500, 499));
    let (in_a, in_b) = (server.count_tasks("a").await, server.count_tasks("b").await);
    assert_eq!((in_a, in_b), (1_500, 1_501));
}

#[tokio::test]
async fn an_acknowledgement_does_not_wait_for_the_next_task() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let (sender, requests) = channel();
    let mut answers = server.open_stream(requests).await;
    for at in 0..20 {
        sender.send(of(at, "q", task("a"))).unwrap();
        let answer = timeout(FOREVER, answers.message())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        assert_eq!(answer.correlation, at);
        // It is committed by then.
        let Some(Is::Accepted(enqueued)) = answer.result else {
            panic!("{answer:?}")
        };
        let request = v1::GetTaskRequest { id: enqueued.id };
        assert!(server.tasks().await.get_task(request).await.is_ok());
    }
}

#[tokio::test]
async fn nothing_is_acknowledged_before_it_is_committed() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let (sender, requests) = channel();
    let mut answers = server.open_stream(requests).await;
    let locked = server.database.lock("tasks").await;
    sender.send(of(7, "q", task("a"))).unwrap();
    let early = timeout(Duration::from_millis(500), answers.message()).await;
    assert!(early.is_err(), "{early:?}");
    locked.release().await;
    let answer = timeout(FOREVER, answers.message())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(matches!(
        answer,
        v1::EnqueueStreamResponse {
            correlation: 7,
            result: Some(Is::Accepted(_))
        }
    ));
}

#[tokio::test]
async fn who_does_not_read_the_answers_is_held_and_loses_nothing() {
    const ALL: u64 = 60_000;
    let config = gateway::Config {
        stream_max_tasks: 500,
        ..gateway::Config::default()
    };
    let server = Server::with(config, None).await;
    server.make_queue("q").await;
    // Windows of 64 KiB: a good thousand answers.
    let endpoint = Endpoint::from_shared(format!("http://{}", server.grpc)).unwrap();
    let endpoint = endpoint
        .initial_stream_window_size(1 << 16)
        .initial_connection_window_size(1 << 16);
    let mut tasks = TaskServiceClient::new(keyed(endpoint.connect().await.unwrap(), &server.key));
    let requests = stream::iter((0..ALL).map(|at| of(at, "q", task("a"))));
    let mut answers = tasks.enqueue_stream(requests).await.unwrap().into_inner();

    // It comes to a standstill well before the end.
    let (mut before, mut count) = (usize::MAX, 0);
    while before != count {
        tokio::time::sleep(Duration::from_secs(1)).await;
        (before, count) = (count, server.count_tasks("q").await);
    }
    assert!(count < 20_000, "{count}");

    let mut next = 0;
    while let Some(answer) = timeout(FOREVER, answers.message()).await.unwrap().unwrap() {
        assert_eq!(answer.correlation, next);
        assert!(matches!(answer.result, Some(Is::Accepted(_))), "{answer:?}");
        next += 1;
    }
    assert_eq!(next, ALL);
}

#[tokio::test]
async fn streams_share_their_memory_and_none_is_refused() {
    let config = gateway::Config {
        // Room for three tasks of all streams together.
        streams_max_bytes: 300_000,
        ..gateway::Config::default()
    };
    let server = Server::with(config, None).await;
    server.make_queue("q").await;
    let large = v1::NewTask {
        payload: Some(vec![b' '; 90_000].into()),
        ..task("a")
    };
    let one = async || {
        let requests = (0..20).map(|at| of(at, "q", large.clone())).collect::<Vec<_>>();
        let answers = server.open_stream(stream::iter(requests)).await;
        let answers: Vec<_> = answers.collect().await;
        answers
            .into_iter()
            .filter(|answer| matches!(answer.as_ref().unwrap().result, Some(Is::Accepted(_))))
            .count()
    };
    let accepted = timeout(FOREVER, futures_util::future::join_all((0..5).map(|_| one())))
        .await
        .unwrap();
    assert_eq!(accepted, [20; 5]);
}

#[tokio::test]
async fn a_stream_goes_as_fast_as_its_key_may() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let request = v1::CreateKeyRequest {
        name: "slow".into(),
        scopes: vec![v1::Scope::Enqueue as i32],
        queues: vec!["*".into()],
        rate: Some(v1::EnqueueRate {
            per_second: 100,
            burst: Some(50),
        }),
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
    let begun = std::time::Instant::now();
    let requests = (0..200).map(|at| of(at, "q", task("a"))).collect::<Vec<_>>();
    let answers = tasks.enqueue_stream(stream::iter(requests)).await.unwrap();
    let answers: Vec<_> = answers.into_inner().collect().await;
    // 150 of them had to wait for their token: none was refused for it.
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer.as_ref().unwrap().result, Some(Is::Accepted(_))))
    );
    assert!(
        begun.elapsed() >= Duration::from_millis(1_400),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_stream_is_for_who_may_enqueue() {
    let server = Server::new().await;
    let key = server.make_key(&[Scope::Read], &["*"]).await;
    let mut tasks = TaskServiceClient::new(keyed(server.channel().await, &key));
    let refused = tasks.enqueue_stream(stream::pending()).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    assert!(refused.message().contains("`enqueue`"));
}
