//! Why a delivery is where it is, as a person is told.

use proto::{Delivery, DeliveryState, DeliveryWait, Page, TaskState, Why};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Api, Home, Receiver, Reply, eventually};

/// The one delivery of a task.
async fn delivery_of(api: &Api, task: Uuid) -> (Delivery, Why) {
    let page: Page<Delivery> = api.get(&format!("/v1/tasks/{task}/deliveries")).await;
    let [listed] = page.items.as_slice() else {
        panic!("{page:?}")
    };
    assert_eq!(listed.why, None, "lists are short");
    let mut read: Delivery = api.get(&format!("/v1/deliveries/{}", listed.id)).await;
    let why = read.why.take().expect("an explanation");
    (read, why)
}

#[tokio::test]
async fn a_delivery_tells_what_it_waits_for_and_what_became_of_it() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api) = (home.start(&[]).await, home.api());
    api.make_queue("q").await;
    let settings = json!({ "retry": { "schedule": ["1h"], "jitter": 0 } });
    let endpoint = api.make_endpoint("q", &receiver.url("/"), settings).await;

    let later = api.enqueue("q", json!({ "payload": 1, "delay": "2h" })).await;
    let (delivery, why) = delivery_of(&api, later).await;
    assert_eq!(
        (why.waits_for, why.until),
        (Some(DeliveryWait::Time), delivery.due_at)
    );
    assert_eq!(why.starts_at, delivery.due_at);

    receiver.answer("/", |_| Reply::status(500));
    let failing = api.enqueue("q", json!({ "payload": 2 })).await;
    api.until_attempts(failing, 1).await;
    let (delivery, why) = delivery_of(&api, failing).await;
    assert_eq!(delivery.state, DeliveryState::Retrying);
    assert_eq!(
        (why.waits_for, why.until),
        (Some(DeliveryWait::Retry), delivery.due_at)
    );
    assert_eq!(why.rule.as_deref(), Some("preset standard: 5xx"));
    assert!(
        why.sentence
            .starts_with("Attempt 1 failed: the endpoint answered 500"),
        "{}",
        why.sentence
    );

    receiver.answer("/", |arrival| {
        Reply::status(if arrival.body == "3" { 404 } else { 200 })
    });
    api.switch(&endpoint, "pause").await;
    let first = api.enqueue("q", json!({ "payload": 3 })).await;
    let second = api.enqueue("q", json!({ "payload": 4 })).await;
    for task in [first, second] {
        let (_, why) = delivery_of(&api, task).await;
        assert_eq!(
            (why.waits_for, why.starts_at),
            (Some(DeliveryWait::EndpointPaused), None)
        );
        assert!(
            why.sentence.contains("its endpoint is paused"),
            "{}",
            why.sentence
        );
    }
    let _: Value = api.act("/v1/queues/q/pause").await;
    api.switch(&endpoint, "resume").await;
    eventually("the queue keeps it back", async || {
        let (_, why) = delivery_of(&api, second).await;
        (why.waits_for == Some(DeliveryWait::QueuePaused)).then_some(())
    })
    .await;
    let _: Value = api.act("/v1/queues/q/resume").await;
    api.until_task(first, TaskState::Dead).await;
    let (_, why) = delivery_of(&api, first).await;
    assert_eq!((why.waits_for, why.starts_at), (None, None));
    assert_eq!(why.rule.as_deref(), Some("preset standard: other 4xx are final"));
    assert!(
        why.sentence
            .ends_with("It is a dead letter, and can be replayed."),
        "{}",
        why.sentence
    );
    api.until_task(second, TaskState::Delivered).await;
    let (_, why) = delivery_of(&api, second).await;
    assert!(
        why.sentence.starts_with("It was delivered at "),
        "{}",
        why.sentence
    );
}

/// Behind one that hangs others wait for their turn, by their priority.
#[tokio::test]
async fn a_delivery_tells_how_many_go_before_it() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api) = (home.start(&[]).await, home.api());
    let gate = crate::harness::Gate::closed();
    let held = gate.clone();
    receiver.answer("/", move |_| Reply::status(200).through(&held));
    api.make_queue("q").await;
    api.make_endpoint("q", &receiver.url("/"), json!({ "max_in_flight": 1 }))
        .await;
    api.enqueue("q", json!({ "payload": 0 })).await;
    receiver.until("/", 1).await;
    let mut waiting = vec![];
    for number in 1..=5 {
        waiting.push(api.enqueue("q", json!({ "payload": number })).await);
    }
    let urgent = api.enqueue("q", json!({ "payload": 6, "priority": 9 })).await;
    // The one that is in flight has not ended, and counts.
    for (task, ahead) in [(waiting[0], 2), (waiting[4], 6), (urgent, 0)] {
        let (delivery, why) = delivery_of(&api, task).await;
        assert_eq!(
            (delivery.state, why.ahead, why.more_ahead),
            (DeliveryState::Pending, Some(ahead), false),
            "{why:?}"
        );
        assert!(
            why.waits_for.is_some() && why.sentence.starts_with("It is due, and waits: "),
            "{why:?}"
        );
    }
    gate.open();
    api.until_task(waiting[4], TaskState::Delivered).await;
}
