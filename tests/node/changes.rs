//! What is changed of a queue or an endpoint holds for what already waits.

use std::time::Duration;

use http::Method;
use proto::{Endpoint, TaskState};
use serde_json::{Value, json};

use crate::harness::{Api, Gate, Home, Receiver, Reply};

/// Time in which what should not be sent would have been.
const A_WHILE: Duration = Duration::from_millis(700);

async fn change(api: &Api, endpoint: &Endpoint, change: Value) {
    let path = format!("/v1/endpoints/{}", endpoint.id);
    let answer = api
        .send_json(Method::PATCH, &path, &change)
        .await
        .expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn a_retry_goes_to_the_new_url() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api) = (home.start(&[]).await, home.api());
    receiver.answer("/old", |_| Reply::status(500));
    api.make_queue("q").await;
    let settings = json!({ "retry": { "schedule": ["2s"], "jitter": 0 } });
    let endpoint = api.make_endpoint("q", &receiver.url("/old"), settings).await;
    let task = api.enqueue("q", json!({ "payload": 1 })).await;
    api.until_task(task, TaskState::Retrying).await;
    change(&api, &endpoint, json!({ "url": receiver.url("/new") })).await;
    api.until_task(task, TaskState::Delivered).await;
    let attempts = api.attempts(task).await;
    let urls: Vec<&str> = attempts
        .iter()
        .filter_map(|attempt| attempt.url.as_deref())
        .collect();
    let (old, new) = (receiver.url("/old"), receiver.url("/new"));
    assert_eq!(
        (urls.first(), urls.last()),
        (Some(&old.as_str()), Some(&new.as_str()))
    );
    assert_eq!(
        receiver.at("/new")[0].attempt as usize,
        urls.len(),
        "it is the same delivery"
    );
}

#[tokio::test]
async fn a_higher_limit_lets_more_go_at_once() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api) = (home.start(&[]).await, home.api());
    let gate = Gate::closed();
    let holding = gate.clone();
    receiver.answer("/", move |_| Reply::status(200).through(&holding));
    api.make_queue("q").await;
    let endpoint = api
        .make_endpoint("q", &receiver.url("/"), json!({ "max_in_flight": 1 }))
        .await;
    for number in 0..6 {
        api.enqueue("q", json!({ "payload": number })).await;
    }
    receiver.until("/", 1).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(receiver.count("/"), 1, "one at a time");
    change(&api, &endpoint, json!({ "settings": { "max_in_flight": 4 } })).await;
    receiver.until("/", 4).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(receiver.count("/"), 4, "four at a time");
    gate.open();
    receiver.until("/", 6).await;
}

#[tokio::test]
async fn nothing_is_sent_to_what_was_deleted() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (node, api) = (home.start(&[]).await, home.api());
    for path in ["/one", "/other"] {
        receiver.answer(path, |_| Reply::status(500));
        api.make_queue(&path[1..]).await;
    }
    let settings = json!({ "retry": { "schedule": ["500ms"], "jitter": 0 } });
    let one = api
        .make_endpoint("one", &receiver.url("/one"), settings.clone())
        .await;
    api.make_endpoint("other", &receiver.url("/other"), settings)
        .await;
    for path in ["/one", "/other"] {
        let task = api.enqueue(&path[1..], json!({ "payload": 1 })).await;
        api.until_attempts(task, 1).await;
    }
    for path in [format!("/v1/endpoints/{}", one.id), "/v1/queues/other".to_owned()] {
        let answer = api.send(Method::DELETE, &path, &[], "").await.expect("an answer");
        assert_eq!(answer.status, 204, "{answer:?}");
    }
    // A request may be on its way at this very moment.
    tokio::time::sleep(A_WHILE).await;
    let sent = receiver.all().len();
    node.kill().await;
    let _node = home.start(&[]).await;
    tokio::time::sleep(A_WHILE * 2).await;
    assert_eq!(receiver.all().len(), sent, "not by another node either");
    let task = json!({ "payload": 1 });
    let refused = api.send_json(Method::POST, "/v1/queues/other/tasks", &task).await;
    assert_eq!(refused.expect("an answer").status, 404);
    let unmatched = api.enqueue("one", task).await;
    assert_eq!(api.task(unmatched).await.state, TaskState::Unmatched);
}
