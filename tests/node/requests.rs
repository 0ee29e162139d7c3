//! What an endpoint is sent: the payload byte for byte, headers, and signatures that a library nobody here wrote verifies.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::Method;
use proto::{Endpoint, Enqueued, RevealedSecret, TaskState};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::harness::{Api, Arrival, Home, Node, Receiver};

async fn one_queue(home: &Home) -> (Node, Api) {
    let (node, api) = (home.start(&[]).await, home.api());
    api.make_queue("q").await;
    (node, api)
}

/// What no JSON library would write, and every one reads.
const ODD: [&str; 9] = [
    "null",
    "0",
    "-0.0e-0",
    "\"\"",
    "{ \"a\" : 1 ,\t\"a\": 2, \"\\u0061\":3}",
    "[1.0, 1.00, 10e400, 123456789012345678901234567890, 0.1000000000000000055511151231257827]",
    "\"\\ud83d\\ude00 \u{1f600} \\/ \\u0000 \u{7f} \u{2028}\"",
    "{}",
    "[\n\n  {\r\n\t}\n]",
];

#[tokio::test]
async fn a_payload_arrives_byte_for_byte() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api) = one_queue(&home).await;
    api.make_endpoint("q", &receiver.url("/"), json!({})).await;
    let arrived = async |id| {
        api.until_task(id, TaskState::Delivered).await;
        receiver
            .at("/")
            .into_iter()
            .find(|arrival| arrival.id == id)
            .expect("it was delivered")
    };
    for odd in ODD {
        let body = format!("{{\"payload\":{odd}, \"type\":\"odd.json\"}}");
        let json = [("content-type", "application/json")];
        let answer = api
            .send(Method::POST, "/v1/queues/q/tasks", &json, body)
            .await
            .expect("an answer");
        assert_eq!(answer.status, 202, "{odd}: {answer:?}");
        let arrival = arrived(answer.json::<Enqueued>().id).await;
        assert_eq!(arrival.body, odd.as_bytes(), "{odd}");
        assert_eq!(
            (arrival.header("content-type"), arrival.header("posthaste-type")),
            ("application/json", "odd.json")
        );
    }
    let every_byte: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for (bytes, content_type) in [
        (&b""[..], "text/plain"),
        (&every_byte, "application/x-odd; v=\"1\""),
    ] {
        let headers = [
            ("content-type", content_type),
            ("posthaste-type", "odd.raw"),
            ("posthaste-header-x-shop", "7"),
        ];
        let raw = api
            .send(Method::POST, "/v1/queues/q/tasks/raw", &headers, bytes.to_vec())
            .await;
        let arrival = arrived(raw.expect("an answer").json::<Enqueued>().id).await;
        assert!(arrival.body == bytes, "{} bytes", bytes.len());
        assert_eq!(
            (arrival.header("content-type"), arrival.header("x-shop")),
            (content_type, "7")
        );
        let encoded = json!({ "payload_base64": STANDARD.encode(bytes), "content_type": content_type });
        let arrival = arrived(api.enqueue("q", encoded).await).await;
        assert!(arrival.body == bytes && arrival.header("content-type") == content_type);
        let kept = api
            .send(Method::GET, &format!("/v1/tasks/{}/payload", arrival.id), &[], "")
            .await;
        assert!(kept.expect("an answer").body == bytes, "and is kept so");
    }
}

#[tokio::test]
async fn each_endpoint_gets_what_its_filter_wants() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api) = one_queue(&home).await;
    for (path, filter) in [
        ("/all", json!([])),
        ("/invoices", json!(["invoice.*"])),
        ("/paid", json!(["*.paid", "refund"])),
    ] {
        let new = json!({ "url": receiver.url(path), "filter": filter, "headers": { "x-endpoint": path } });
        let _: Endpoint = api.post("/v1/queues/q/endpoints", &new).await;
    }
    api.make_queue("narrow").await;
    let new = json!({ "url": receiver.url("/never"), "filter": ["none"] });
    let _: Endpoint = api.post("/v1/queues/narrow/endpoints", &new).await;
    let mut expected = BTreeSet::new();
    for (kind, paths) in [
        ("invoice.paid", &["/all", "/invoices", "/paid"][..]),
        ("invoice.made", &["/all", "/invoices"]),
        ("order.paid", &["/all", "/paid"]),
        ("refund", &["/all", "/paid"]),
        ("invoice", &["/all"]),
    ] {
        let task: Enqueued = api
            .post("/v1/queues/q/tasks", &json!({ "type": kind, "payload": 1 }))
            .await;
        assert_eq!(task.deliveries as usize, paths.len(), "{kind}");
        api.until_task(task.id, TaskState::Delivered).await;
        expected.extend(paths.iter().map(|path| (kind.to_owned(), (*path).to_owned())));
        let unmatched: Enqueued = api
            .post("/v1/queues/narrow/tasks", &json!({ "type": kind, "payload": 1 }))
            .await;
        assert_eq!(
            (unmatched.deliveries, api.task(unmatched.id).await.state),
            (0, TaskState::Unmatched)
        );
    }
    let arrived = receiver.all();
    assert!(
        arrived
            .iter()
            .all(|arrival| arrival.header("x-endpoint") == arrival.path)
    );
    let pairs = arrived
        .iter()
        .map(|arrival| (arrival.header("posthaste-type").to_owned(), arrival.path.clone()));
    assert_eq!((pairs.collect::<BTreeSet<_>>(), arrived.len()), (expected, 10));
}

fn verifies(secret: &str, arrival: &Arrival) -> bool {
    Webhook::new(secret)
        .expect("a secret")
        .verify(&arrival.body, &arrival.headers)
        .is_ok()
}

/// While secrets rotate, receivers that have the old one and receivers that have the new one are both content.
#[tokio::test]
async fn every_secret_that_is_valid_signs() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (node, api) = one_queue(&home).await;
    let given = format!("whsec_{}", STANDARD.encode([7; 32]));
    let new = json!({ "url": receiver.url("/"), "secret": given });
    let endpoint: Endpoint = api.post("/v1/queues/q/endpoints", &new).await;
    let secrets = format!("/v1/endpoints/{}/secrets", endpoint.id);
    let send = async || {
        let task = api.enqueue("q", json!({ "payload": { "n": 1 } })).await;
        api.until_task(task, TaskState::Delivered).await;
        receiver.at("/").pop().expect("it was delivered")
    };
    let signatures = |arrival: &Arrival| arrival.header("webhook-signature").split(' ').count();

    let arrival = send().await;
    assert!(
        verifies(&given, &arrival) && signatures(&arrival) == 1,
        "{arrival:?}"
    );
    let second: RevealedSecret = api.act(&secrets).await;
    let arrival = send().await;
    assert!(
        verifies(&given, &arrival) && verifies(&second.secret, &arrival) && signatures(&arrival) == 2,
        "{arrival:?}"
    );
    // Sealed in the database, they outlive the node.
    node.kill().await;
    let _node = home.start(&[]).await;
    let arrival = send().await;
    assert!(
        verifies(&given, &arrival) && verifies(&second.secret, &arrival),
        "{arrival:?}"
    );
    let third: RevealedSecret = api.post(&secrets, &json!({ "overlap": "0s" })).await;
    let arrival = send().await;
    assert!(
        verifies(&third.secret, &arrival) && signatures(&arrival) == 1,
        "{arrival:?}"
    );
    assert!(!verifies(&given, &arrival) && !verifies(&second.secret, &arrival));
    let left: Value = api.get(&secrets).await;
    assert_eq!(left["items"].as_array().map(Vec::len), Some(1), "{left}");
}
