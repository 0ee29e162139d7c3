//! Bad input: each is told with a code, a reason, and the fields that are wrong, as REST names them.

use prost::Message;
use prost_types::{Duration, FieldMask, Timestamp};
use proto::grpc::v1;
use tonic::{Code, Status};

use crate::{
    kit::{Server, blamed, enqueue, reason, some_id, task},
    raw::{framed, message},
};

/// What is told of a call.
fn told(status: &Status) -> (Code, String, Vec<String>) {
    (status.code(), reason(status), blamed(status))
}

fn is(code: Code, reason: &str, fields: &[&str]) -> (Code, String, Vec<String>) {
    (
        code,
        reason.to_owned(),
        fields.iter().map(ToString::to_string).collect(),
    )
}

fn invalid(fields: &[&str]) -> (Code, String, Vec<String>) {
    is(Code::InvalidArgument, "INVALID", fields)
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table: a row a mistake")]
async fn every_mistake_in_a_task_names_its_field() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let mut tasks = server.tasks().await;
    let minus = Some(Duration {
        seconds: -1,
        nanos: 0,
    });
    let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
    let now = crate::kit::now().timestamp();
    for (given, fields) in [
        (
            v1::NewTask {
                payload: None,
                ..task("a")
            },
            vec!["payload"],
        ),
        (task("a b"), vec!["type"]),
        (
            v1::NewTask {
                content_type: "text".into(),
                ..task("a")
            },
            vec!["content_type"],
        ),
        (
            v1::NewTask {
                headers: [("host".into(), "a".into())].into(),
                ..task("a")
            },
            vec!["headers.host"],
        ),
        (
            v1::NewTask {
                priority: Some(10),
                ..task("a")
            },
            vec!["priority"],
        ),
        (
            v1::NewTask {
                priority: Some(256),
                ..task("a")
            },
            vec!["priority"],
        ),
        (
            v1::NewTask {
                delay: minus,
                ..task("a")
            },
            vec!["delay"],
        ),
        (
            v1::NewTask {
                due_at: at(now + 400 * 86_400),
                ..task("a")
            },
            vec!["due_at"],
        ),
        (
            v1::NewTask {
                due_at: at(i64::MAX),
                ..task("a")
            },
            vec!["due_at"],
        ),
        (
            v1::NewTask {
                expires_at: at(now - 1),
                ..task("a")
            },
            vec!["expires_at"],
        ),
        (
            v1::NewTask {
                idempotency_key: Some(String::new()),
                ..task("a")
            },
            vec!["idempotency_key"],
        ),
        (
            v1::NewTask {
                retry: Some(v1::RetryPolicy {
                    attempts: Some(0),
                    factor: Some(f64::NAN),
                    ..v1::RetryPolicy::default()
                }),
                ..task("a")
            },
            vec!["retry.attempts", "retry.factor"],
        ),
    ] {
        let refused = tasks.enqueue(enqueue("q", given)).await.unwrap_err();
        assert_eq!(told(&refused), invalid(&fields), "{refused:?}");
    }
    let missing = v1::EnqueueRequest {
        queue: "q".into(),
        task: None,
    };
    assert_eq!(
        told(&tasks.enqueue(missing).await.unwrap_err()),
        invalid(&["task"])
    );
    for name in ["none", "", "a\0b"] {
        let refused = tasks.enqueue(enqueue(name, task("a"))).await.unwrap_err();
        assert_eq!(told(&refused), is(Code::NotFound, "NOT_FOUND", &[]), "{name:?}");
    }
    assert_eq!(server.count_tasks("q").await, 0);
}

#[tokio::test]
async fn every_mistake_in_what_is_asked_names_its_field() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let (mut tasks, mut queues) = (server.tasks().await, server.queues().await);
    let mut letters = server.dead_letters().await;

    let no_id = tasks
        .get_task(v1::GetTaskRequest { id: "7".into() })
        .await
        .unwrap_err();
    assert_eq!(told(&no_id), invalid(&["id"]));
    let gone = tasks
        .get_task(v1::GetTaskRequest { id: some_id() })
        .await
        .unwrap_err();
    assert_eq!(told(&gone), is(Code::NotFound, "NOT_FOUND", &[]));
    let list = v1::ListTasksRequest {
        queue: "q".into(),
        state: 99,
        since: Some(Timestamp {
            seconds: -1,
            nanos: 0,
        }),
        limit: Some(0),
        ..v1::ListTasksRequest::default()
    };
    let refused = tasks.list_tasks(list).await.unwrap_err();
    assert_eq!(told(&refused), invalid(&["state", "since", "limit"]));
    let page = Some("nonsense".to_owned());
    let refused = queues
        .list_queues(v1::ListQueuesRequest {
            limit: Some(1_001),
            page,
        })
        .await
        .unwrap_err();
    assert_eq!(told(&refused), invalid(&["limit"]));
    let page = Some("nonsense".to_owned());
    let refused = queues
        .list_queues(v1::ListQueuesRequest { limit: None, page })
        .await
        .unwrap_err();
    assert_eq!(told(&refused), invalid(&["page"]));
    let filter = v1::DeadLetterFilter {
        failure: 99,
        status: Some(70_000),
        ..v1::DeadLetterFilter::default()
    };
    let request = v1::ReplayDeadLettersRequest { filter: Some(filter) };
    let refused = letters.replay_dead_letters(request).await.unwrap_err();
    assert_eq!(told(&refused), invalid(&["failure", "status"]));
}

#[tokio::test]
async fn every_mistake_in_what_is_set_names_its_field() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let (mut queues, mut endpoints) = (server.queues().await, server.endpoints().await);

    let settings = v1::DeliverySettings {
        timeout: Some(Duration {
            seconds: 10_000,
            nanos: 0,
        }),
        max_in_flight: Some(0),
        ..v1::DeliverySettings::default()
    };
    let new = v1::CreateQueueRequest {
        name: "no name".into(),
        description: "x".repeat(501),
        settings: Some(settings),
        ..v1::CreateQueueRequest::default()
    };
    let refused = queues.create_queue(new).await.unwrap_err();
    let fields = [
        "name",
        "description",
        "settings.timeout",
        "settings.max_in_flight",
    ];
    assert_eq!(told(&refused), invalid(&fields));
    let again = v1::CreateQueueRequest {
        name: "q".into(),
        ..v1::CreateQueueRequest::default()
    };
    let refused = queues.create_queue(again).await.unwrap_err();
    assert_eq!(told(&refused), is(Code::FailedPrecondition, "CONFLICT", &[]));
    let update_mask = Some(FieldMask {
        paths: vec!["name".into(), "settings.speed".into()],
    });
    let update = v1::UpdateQueueRequest {
        name: "q".into(),
        update_mask,
        ..v1::UpdateQueueRequest::default()
    };
    let refused = queues.update_queue(update).await.unwrap_err();
    assert_eq!(told(&refused), invalid(&["update_mask", "update_mask"]));

    for url in [
        "ftp://example.com/",
        "http://10.0.0.1/",
        "",
        "http://u:p@example.com/",
    ] {
        let new = v1::CreateEndpointRequest {
            queue: "q".into(),
            url: url.into(),
            ..v1::CreateEndpointRequest::default()
        };
        let refused = endpoints.create_endpoint(new).await.unwrap_err();
        assert_eq!(told(&refused), invalid(&["url"]), "{url}");
    }
    let add = v1::AddSecretRequest {
        id: server.make_endpoint("q", &[]).await.id,
        overlap: Some(Duration {
            seconds: -1,
            nanos: 0,
        }),
        ..v1::AddSecretRequest::default()
    };
    assert_eq!(
        told(&endpoints.add_secret(add).await.unwrap_err()),
        invalid(&["overlap"])
    );
}

#[tokio::test]
async fn what_is_too_large_is_refused_as_it_is_announced() {
    let server = Server::with(
        gateway::Config {
            payload_max: 1_000,
            batch_max_items: 2,
            ..gateway::Config::default()
        },
        None,
    )
    .await;
    server.make_queue("q").await;
    let mut tasks = server.tasks().await;
    let large = v1::NewTask {
        payload: Some(vec![b' '; 1_001].into()),
        ..task("a")
    };
    let refused = tasks.enqueue(enqueue("q", large)).await.unwrap_err();
    assert_eq!(
        told(&refused),
        is(Code::InvalidArgument, "TOO_LARGE", &["payload"])
    );
    let batch = v1::EnqueueBatchRequest {
        queue: "q".into(),
        tasks: vec![task("a"); 3],
    };
    let refused = tasks.enqueue_batch(batch).await.unwrap_err();
    assert_eq!(told(&refused), is(Code::InvalidArgument, "TOO_LARGE", &["tasks"]));
    // Announced, and never sent.
    let head = [&[0][..], &(300_u32 << 10).to_be_bytes(), b"begin"].concat();
    let answer = server.call("/posthaste.v1.TaskService/Enqueue", &[], head).await;
    assert_eq!(
        told(&answer.call()),
        is(Code::InvalidArgument, "TOO_LARGE", &["message"])
    );
}

#[tokio::test]
async fn what_is_no_message_is_told_as_the_senders_mistake() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let path = "/posthaste.v1.TaskService/Enqueue";
    // A string that goes on behind the end; a number where a string belongs; a string that is not UTF-8; a field that never ends.
    for bytes in [
        &b"\x0a\x7fq"[..],
        b"\x08\x01",
        b"\x0a\x01\xff",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        let answer = server.call(path, &[], framed(bytes)).await;
        assert_eq!(told(&answer.call()), invalid(&["message"]), "{bytes:?}");
    }
    // Fields that nobody knows are of a newer contract, and passed over.
    let known = message(&enqueue("q", task("a")));
    let newer = [&known[5..], b"\x98\x06\x01"].concat();
    assert_eq!(
        server.call(path, &[], framed(&newer)).await.call().code(),
        Code::Ok
    );
    // Nested deeper than anything in the contract is.
    let mut nested = Vec::new();
    for _ in 0..200 {
        let length = u8::try_from(nested.len().min(100)).unwrap();
        nested = [&[0x12, length][..], &nested[..usize::from(length)]].concat();
    }
    let answer = server.call(path, &[], framed(&nested)).await.call();
    assert_ne!(answer.code(), Code::Ok);
}

#[tokio::test]
async fn what_is_long_is_repeated_only_in_part() {
    let server = Server::new().await;
    let mut queues = server.queues().await;
    for letter in ["x", "\u{fc}"] {
        let name = letter.repeat(200_000 / letter.len());
        let refused = queues.get_queue(v1::GetQueueRequest { name }).await.unwrap_err();
        assert_eq!(told(&refused), is(Code::NotFound, "NOT_FOUND", &[]));
        let length = refused.message().len();
        assert!((1_000..=1_024).contains(&length), "{length}");
    }
    let coding = "x".repeat(20_000);
    let path = "/posthaste.v1.TaskService/Enqueue";
    let body = message(&enqueue("q", task("a")));
    let headers = [("grpc-encoding", coding.as_str())];
    let answer = server.call(path, &headers, body).await.call();
    assert_eq!(answer.code(), Code::Unimplemented, "{answer:?}");
    assert!(answer.message().len() <= 1_024, "{}", answer.message().len());
}

#[tokio::test]
async fn what_breaks_the_protocol_is_answered() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let path = "/posthaste.v1.TaskService/Enqueue";
    let good = enqueue("q", task("a")).encode_to_vec();
    let compressed = [&[1][..], &u32::try_from(good.len()).unwrap().to_be_bytes(), &good].concat();
    let flag = [&[7][..], &[0; 4]].concat();
    for (body, headers, code) in [
        (vec![], &[][..], Code::Internal),
        (flag, &[], Code::Internal),
        (compressed.clone(), &[], Code::Internal),
        (compressed.clone(), &[("grpc-encoding", "gzip")], Code::Internal),
        (compressed, &[("grpc-encoding", "snappy")], Code::Unimplemented),
        (framed(&good)[..20].to_vec(), &[], Code::Internal),
        (framed(&good), &[("grpc-timeout", "soon")], Code::InvalidArgument),
    ] {
        let answer = server.call(path, headers, body.clone()).await;
        assert_eq!(answer.call().code(), code, "{body:?} {headers:?} {answer:?}");
    }
    for path in [
        "/posthaste.v1.TaskService/Nothing",
        "/posthaste.v1.Nothing/Enqueue",
        "/",
        "/Enqueue",
    ] {
        let answer = server.call(path, &[], framed(&good)).await;
        assert_eq!(answer.call().code(), Code::Unimplemented, "{path}");
    }
    // None of it was a task, and all of it was answered by a server that goes on.
    assert_eq!(server.count_tasks("q").await, 0);
}

#[tokio::test]
async fn a_panic_is_a_fault_of_ours_and_tells_nothing() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let url = "http://panic.example/".to_owned();
    let new = v1::CreateEndpointRequest {
        queue: "q".into(),
        url,
        ..v1::CreateEndpointRequest::default()
    };
    let refused = server.endpoints().await.create_endpoint(new).await.unwrap_err();
    assert_eq!(told(&refused), is(Code::Internal, "INTERNAL", &[]));
    assert!(!refused.message().contains("secret"), "{refused:?}");
}
