//! What is asked.

use posthaste_client::{
    Error, RawTask, TaskFilter,
    proto::{DeadLetterFilter, RetryPolicy, TaskState},
};
use uuid::Uuid;

use crate::server::{Server, json};

#[tokio::test]
async fn names_are_one_word_of_the_path_whatever_is_in_them() {
    let server = Server::start([json(200, "{}")]).await;
    let client = server.client();
    for name in ["a/b", "a?b#c", "\u{fc} %2F", "a\\b"] {
        let _ = client.queue(name).await;
    }
    assert_eq!(
        server.lines(),
        [
            "GET /v1/queues/a%2Fb",
            "GET /v1/queues/a%3Fb%23c",
            "GET /v1/queues/%C3%BC%20%252F",
            "GET /v1/queues/a%5Cb",
        ]
    );
    for name in ["", ".", ".."] {
        // It would be another path.
        let error = client.purge_queue(name).await.unwrap_err();
        assert!(matches!(error, Error::Invalid(_)) && error.was_not_sent());
    }
    assert_eq!(server.asked().len(), 4);
    let asked = &server.asked()[0];
    assert_eq!(asked.header("authorization"), "Bearer ph_key");
    assert!(asked.header("user-agent").starts_with("posthaste-client/"));
}

#[tokio::test]
async fn a_server_may_lie_under_a_path() {
    let server = Server::start([json(200, "{}")]).await;
    for url in ["/hooks", "/hooks/", "/hooks/v1"] {
        let client = posthaste_client::Client::new(&format!("{}{url}", server.url()), "ph_key").unwrap();
        let _ = client.queue("q").await;
    }
    assert_eq!(server.lines(), ["GET /hooks/v1/queues/q"; 3]);
}

#[tokio::test]
async fn filters_are_parameters() {
    let server = Server::start([json(200, r#"{"items":[]}"#)]).await;
    let client = server.client();
    let since = Some("2026-01-31T12:00:00.5+01:00".parse().unwrap());
    let tasks = TaskFilter {
        kind: Some("a.*".into()),
        endpoint: Some(Uuid::from_u128(1)),
        header: Some("x-shop:7".into()),
        state: Some(TaskState::Retrying),
        since,
        until: None,
    };
    client.tasks("q", &tasks).page().await.unwrap();
    let letters = DeadLetterFilter {
        queue: Some("q".into()),
        endpoint: Some(Uuid::from_u128(1)),
        status: Some(500),
        since,
        ..DeadLetterFilter::default()
    };
    client.dead_letters(&letters).page().await.unwrap();
    client
        .dead_letters(&DeadLetterFilter::default())
        .page()
        .await
        .unwrap();
    assert_eq!(
        server.lines(),
        [
            "GET /v1/queues/q/tasks?type=a.*&endpoint=00000000-0000-0000-0000-000000000001&header=x-shop%3A7&state=retrying&since=2026-01-31T11%3A00%3A00.500Z",
            "GET /v1/dead-letters?queue=q&endpoint=00000000-0000-0000-0000-000000000001&status=500&since=2026-01-31T11%3A00%3A00.500Z",
            "GET /v1/dead-letters",
        ]
    );
}

#[tokio::test]
async fn a_raw_task_is_its_bytes_and_headers() {
    let answer = r#"{"id":"00000000-0000-0000-0000-000000000001","deliveries":0,"repeated":true}"#;
    let server = Server::start([json(202, answer)]).await;
    let task = RawTask {
        kind: Some("scan.done".into()),
        payload: bytes::Bytes::from_static(b"\xff\0"),
        content_type: Some("image/png".into()),
        headers: [("x-shop".to_owned(), "7".to_owned())].into(),
        priority: Some(9),
        delay: Some("90s".parse().unwrap()),
        expires_at: Some("2100-01-01T00:00:00Z".parse().unwrap()),
        idempotency_key: Some("a \"b\"".into()),
        ordering_key: Some("shop-7".into()),
        retry: Some(RetryPolicy {
            attempts: Some(3),
            ..RetryPolicy::default()
        }),
        due_at: None,
    };
    assert!(server.client().enqueue_raw("q", task).await.unwrap().repeated);
    server
        .client()
        .enqueue_raw("q", RawTask::default())
        .await
        .unwrap();
    let asked = server.asked();
    assert_eq!(asked[0].line, "POST /v1/queues/q/tasks/raw");
    assert_eq!(asked[0].body, b"\xff\0"[..]);
    for (name, value) in [
        ("content-type", "image/png"),
        ("posthaste-type", "scan.done"),
        ("posthaste-priority", "9"),
        ("posthaste-delay", "1m30s"),
        ("posthaste-due-at", ""),
        ("posthaste-expires-at", "2100-01-01T00:00:00Z"),
        ("posthaste-ordering-key", "shop-7"),
        ("posthaste-retry", r#"{"attempts":3}"#),
        ("posthaste-header-x-shop", "7"),
        ("idempotency-key", r#""a \"b\"""#),
    ] {
        assert_eq!(asked[0].header(name), value, "{name}");
    }
    assert_eq!(asked[1].header("content-type"), "application/octet-stream");
    assert_eq!(
        asked[1].header("idempotency-key").len(),
        34,
        "one was made, in quotes"
    );
    let unsendable = RawTask {
        headers: [("x\n".to_owned(), "7".to_owned())].into(),
        ..RawTask::default()
    };
    let error = server.client().enqueue_raw("q", unsendable).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error}");
}

#[tokio::test]
async fn a_batch_is_an_array_in_order() {
    let answer = r#"{"accepted":1,"rejected":1,"items":[
        {"id":"00000000-0000-0000-0000-000000000001","deliveries":2},
        {"status":400,"errors":[{"field":"type","detail":"is odd"}]}]}"#;
    let server = Server::start([json(200, answer)]).await;
    let tasks = [
        "{\n\"payload\": [1 , 2]}",
        r#"{"payload":"b","type":"\u00fc","idempotency_key":"own"}"#,
    ];
    let tasks = tasks.map(|task| serde_json::from_str(task).unwrap());
    let result = server.client().enqueue_batch("q", tasks.into()).await.unwrap();
    assert_eq!((result.accepted, result.rejected, result.items.len()), (1, 1, 2));
    let asked = &server.asked()[0];
    assert!(
        std::str::from_utf8(&asked.body).unwrap().contains("[1 , 2]"),
        "byte for byte"
    );
    let sent = asked.json();
    assert_eq!(sent[0]["idempotency_key"].as_str().map(str::len), Some(32));
    assert_eq!(sent[1]["idempotency_key"], "own");
}
