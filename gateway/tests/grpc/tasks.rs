//! `TaskService`, but for the stream.

use bytes::Bytes;
use futures_util::StreamExt;
use prost_types::{Duration, Timestamp};
use proto::grpc::v1::{self, batch_item::Result as Item};
use queue::verdict::Verdict;
use tonic::{Code, Request};

use crate::{
    kit::{Server, blamed, enqueue, reason, task},
    stream,
};

#[tokio::test]
async fn a_task_is_committed_and_read_back_as_it_was_given() {
    let server = Server::new().await;
    server.make_queue("orders").await;
    server.make_endpoint("orders", &[]).await;
    let expires_at = Timestamp {
        seconds: 4_070_908_800,
        nanos: 0,
    };
    let given = v1::NewTask {
        r#type: "invoice.paid".into(),
        payload: Some(Bytes::from_static(b"\0\xff\xfe any bytes")),
        content_type: "image/png".into(),
        headers: [("x-shop".to_owned(), "7".to_owned())].into(),
        priority: Some(9),
        delay: Some(Duration {
            seconds: 3_600,
            nanos: 0,
        }),
        expires_at: Some(Timestamp {
            seconds: crate::kit::now().timestamp() + 86_400,
            nanos: 0,
        }),
        idempotency_key: Some("invoice-7".into()),
        retry: Some(v1::RetryPolicy {
            attempts: Some(3),
            schedule: vec![Duration {
                seconds: 1,
                nanos: 500_000_000,
            }],
            ..v1::RetryPolicy::default()
        }),
        ..v1::NewTask::default()
    };
    let enqueued = server.enqueue("orders", given.clone()).await;
    assert_eq!((enqueued.deliveries, enqueued.repeated), (1, false));

    let request = v1::GetTaskRequest {
        id: enqueued.id.clone(),
    };
    let read = server
        .tasks()
        .await
        .get_task(request)
        .await
        .unwrap()
        .into_inner()
        .task
        .unwrap();
    assert_eq!(
        (&read.id, &*read.queue, &read.r#type),
        (&enqueued.id, "orders", &given.r#type)
    );
    assert_eq!(
        (&read.payload, &read.content_type),
        (&given.payload, &given.content_type)
    );
    assert_eq!((&read.headers, read.priority, read.size), (&given.headers, 9, 13));
    assert_eq!((&read.expires_at, &read.retry), (&given.expires_at, &given.retry));
    assert_eq!(
        (&read.idempotency_key, read.state()),
        (&given.idempotency_key, v1::TaskState::Scheduled)
    );
    let wait = read.due_at.unwrap().seconds - read.created_at.unwrap().seconds;
    assert!((3_599..=3_601).contains(&wait), "{wait}");

    // The same again is the same task; the key with other content is none.
    let repeat = server.enqueue("orders", given.clone()).await;
    assert_eq!((repeat.id, repeat.repeated), (enqueued.id, true));
    let other = v1::NewTask {
        expires_at: Some(expires_at),
        ..given
    };
    let refused = server
        .tasks()
        .await
        .enqueue(enqueue("orders", other))
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::InvalidArgument, "INVALID")
    );
    let other = v1::NewTask {
        idempotency_key: Some("invoice-7".into()),
        ..task("a")
    };
    let refused = server
        .tasks()
        .await
        .enqueue(enqueue("orders", other))
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::AlreadyExists, "IDEMPOTENCY_KEY_REUSED")
    );
    assert_eq!(blamed(&refused), ["idempotency_key"]);
    assert_eq!(server.count_tasks("orders").await, 1);
}

#[tokio::test]
async fn ten_thousand_repeats_make_one_task() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let (channel, key) = (server.channel().await, server.key.clone());
    let repeat = || async {
        let mut tasks =
            v1::task_service_client::TaskServiceClient::new(crate::kit::keyed(channel.clone(), &key));
        let keyed = v1::NewTask {
            idempotency_key: Some("once".into()),
            ..task("a")
        };
        let enqueued = tasks.enqueue(enqueue("q", keyed)).await.unwrap();
        enqueued.into_inner().enqueued.unwrap()
    };
    let mut all = Vec::with_capacity(10_000);
    for _ in 0..50 {
        all.extend(futures_util::future::join_all((0..200).map(|_| repeat())).await);
    }
    assert!(all.iter().all(|enqueued| enqueued.id == all[0].id));
    assert_eq!(all.iter().filter(|enqueued| !enqueued.repeated).count(), 1);
    assert_eq!(server.count_tasks("q").await, 1);
}

#[tokio::test]
async fn a_batch_answers_for_each_of_its_tasks() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let keyed = |kind| v1::NewTask {
        idempotency_key: Some("k".into()),
        ..task(kind)
    };
    let request = v1::EnqueueBatchRequest {
        queue: "q".into(),
        tasks: vec![
            task("a"),
            task("no type"),
            v1::NewTask {
                payload: None,
                priority: Some(10),
                ..task("a")
            },
            keyed("b"),
            keyed("b"),
            keyed("c"),
        ],
    };
    let answer = server
        .tasks()
        .await
        .enqueue_batch(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!((answer.accepted, answer.rejected), (3, 3));
    let results: Vec<Item> = answer
        .items
        .into_iter()
        .map(|item| item.result.unwrap())
        .collect();
    let rejected = |at: usize| match &results[at] {
        Item::Rejected(rejection) => {
            let fields = rejection
                .field_violations
                .iter()
                .map(|violation| violation.field.as_str());
            (
                rejection.code,
                rejection.reason.as_str(),
                fields.collect::<Vec<_>>(),
            )
        }
        Item::Accepted(_) => panic!("{at} is accepted"),
    };
    assert_eq!(rejected(1), (3, "INVALID", vec!["type"]));
    assert_eq!(rejected(2), (3, "INVALID", vec!["payload"]));
    assert_eq!(
        rejected(5),
        (6, "IDEMPOTENCY_KEY_REUSED", vec!["idempotency_key"])
    );
    let (Item::Accepted(first), Item::Accepted(again)) = (&results[3], &results[4]) else {
        panic!("{results:?}");
    };
    assert_eq!(
        (&first.id, first.repeated, again.repeated),
        (&again.id, false, true)
    );
    assert_eq!(server.count_tasks("q").await, 2);
}

#[tokio::test]
async fn tasks_are_listed_and_cancelled() {
    let server = Server::new().await;
    server.make_queue("q").await;
    server.make_endpoint("q", &["a.*"]).await;
    for at in 0..5 {
        server.enqueue("q", task(&format!("a.{at}"))).await;
    }
    let unmatched = server.enqueue("q", task("b")).await;
    let mut tasks = server.tasks().await;
    let request = |page| v1::ListTasksRequest {
        queue: "q".into(),
        r#type: Some("a.*".into()),
        state: v1::TaskState::Pending as i32,
        limit: Some(2),
        page,
        ..v1::ListTasksRequest::default()
    };
    let (mut seen, mut page) = (Vec::new(), None);
    loop {
        let listed = tasks.list_tasks(request(page)).await.unwrap().into_inner();
        assert!(listed.tasks.iter().all(|task| task.payload.is_none()));
        seen.extend(listed.tasks.into_iter().map(|task| task.r#type));
        page = listed.next_page;
        if page.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["a.4", "a.3", "a.2", "a.1", "a.0"]);

    let state = v1::TaskState::Unmatched as i32;
    let all = v1::ListTasksRequest {
        queue: "q".into(),
        state,
        ..v1::ListTasksRequest::default()
    };
    let listed = tasks.list_tasks(all).await.unwrap().into_inner().tasks;
    assert_eq!(
        listed.iter().map(|task| &task.id).collect::<Vec<_>>(),
        [&unmatched.id]
    );

    let id = server.enqueue("q", task("a.x")).await.id;
    for expected in [1, 0] {
        let request = v1::CancelTaskRequest { id: id.clone() };
        let cancelled = tasks.cancel_task(request).await.unwrap().into_inner().cancelled;
        assert_eq!(cancelled, expected);
    }
    let read = tasks
        .get_task(v1::GetTaskRequest { id })
        .await
        .unwrap()
        .into_inner()
        .task
        .unwrap();
    assert_eq!(read.state(), v1::TaskState::Cancelled);
}

#[tokio::test]
async fn what_became_of_a_task_is_told() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let endpoint = server.make_endpoint("q", &[]).await;
    let id = server.enqueue("q", task("a")).await.id;
    server.finish_all(&endpoint.id, 200, Verdict::Delivered).await;
    let mut tasks = server.tasks().await;

    let request = v1::ListTaskDeliveriesRequest {
        id: id.clone(),
        ..v1::ListTaskDeliveriesRequest::default()
    };
    let deliveries = tasks
        .list_task_deliveries(request)
        .await
        .unwrap()
        .into_inner()
        .deliveries;
    let [delivery] = deliveries.as_slice() else {
        panic!("{deliveries:?}")
    };
    assert_eq!((&delivery.task, &delivery.endpoint), (&id, &endpoint.id));
    assert_eq!(
        (delivery.state(), delivery.attempts),
        (v1::DeliveryState::Delivered, 1)
    );
    let request = v1::GetDeliveryRequest {
        id: delivery.id.clone(),
    };
    let mut read = tasks
        .get_delivery(request)
        .await
        .unwrap()
        .into_inner()
        .delivery
        .unwrap();
    // Only one that is read by itself says why it is where it is.
    assert!(read.why.take().unwrap().sentence.starts_with("It was delivered"));
    assert_eq!(&read, delivery);

    let request = v1::ListTaskAttemptsRequest {
        id: id.clone(),
        ..v1::ListTaskAttemptsRequest::default()
    };
    let of_task = tasks
        .list_task_attempts(request)
        .await
        .unwrap()
        .into_inner()
        .attempts;
    let request = v1::ListDeliveryAttemptsRequest {
        id: delivery.id.clone(),
        ..v1::ListDeliveryAttemptsRequest::default()
    };
    let of_delivery = tasks
        .list_delivery_attempts(request)
        .await
        .unwrap()
        .into_inner()
        .attempts;
    let request = v1::ListEndpointAttemptsRequest {
        id: endpoint.id.clone(),
        ..v1::ListEndpointAttemptsRequest::default()
    };
    let mut endpoints = server.endpoints().await;
    let of_endpoint = endpoints
        .list_endpoint_attempts(request)
        .await
        .unwrap()
        .into_inner()
        .attempts;
    assert_eq!((&of_task, &of_task), (&of_delivery, &of_endpoint));
    let [attempt] = of_task.as_slice() else {
        panic!("{of_task:?}")
    };
    assert_eq!(
        (attempt.number, attempt.status, attempt.verdict()),
        (1, Some(200), v1::Verdict::Delivered)
    );
    assert_eq!(
        attempt.response_body.as_deref(),
        Some(b"so it is \xff".as_slice())
    );
    assert_eq!(attempt.response_headers[0].name, "content-type");
    let total = attempt.timing.unwrap().total.unwrap();
    assert_eq!((total.seconds, total.nanos), (0, 1_500_000));
}

/// Of a trace that nobody records here what comes is passed on.
#[tokio::test]
async fn the_metadata_of_a_call_says_of_which_trace_its_tasks_are() {
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    fn traced<T>(message: T) -> Request<T> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        metadata.insert("traceparent", PARENT.parse().unwrap());
        metadata.insert("tracestate", "vendor=1".parse().unwrap());
        request
    }
    let server = Server::new().await;
    server.make_queue("q").await;
    let mut tasks = server.tasks().await;
    tasks.enqueue(traced(enqueue("q", task("one")))).await.unwrap();
    let batch = v1::EnqueueBatchRequest {
        queue: "q".into(),
        tasks: vec![task("some")],
    };
    tasks.enqueue_batch(traced(batch)).await.unwrap();
    let stream = futures_util::stream::iter([stream::of(1, "q", task("many"))]);
    let answers = tasks.enqueue_stream(traced(stream)).await.unwrap().into_inner();
    assert_eq!(answers.collect::<Vec<_>>().await.len(), 1);
    tasks.enqueue(enqueue("q", task("none"))).await.unwrap();
    let listed = tasks
        .list_tasks(v1::ListTasksRequest {
            queue: "q".into(),
            ..v1::ListTasksRequest::default()
        })
        .await
        .unwrap();
    let mut found = Vec::new();
    for listed in listed.into_inner().tasks {
        let read = tasks
            .get_task(v1::GetTaskRequest { id: listed.id })
            .await
            .unwrap();
        let read = read.into_inner().task.unwrap();
        let header = |name| read.headers.get(name).cloned().unwrap_or_default();
        found.push((read.r#type.clone(), header("traceparent"), header("tracestate")));
    }
    found.sort();
    let expected = [
        ("many", PARENT, "vendor=1"),
        ("none", "", ""),
        ("one", PARENT, "vendor=1"),
        ("some", PARENT, "vendor=1"),
    ];
    assert_eq!(
        found,
        expected.map(|(kind, parent, state)| (kind.to_owned(), parent.to_owned(), state.to_owned()))
    );
}
