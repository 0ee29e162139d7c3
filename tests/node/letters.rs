//! Dead letters: listed, replayed one by one or by filter, thrown away.

use proto::{Count, DeadLetter, Endpoint, Page, Replayed, TaskState};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Api, Home, Node, Receiver, Reply, eventually};

/// An endpoint that refused six tasks of two types, and would accept them now.
async fn six_letters(home: &Home, receiver: &Receiver) -> (Node, Api, Endpoint, Vec<Uuid>) {
    let (node, api) = (home.start(&[]).await, home.api());
    receiver.answer("/", |_| Reply::status(400));
    api.make_queue("q").await;
    let endpoint = api.make_endpoint("q", &receiver.url("/"), json!({})).await;
    let mut tasks = vec![];
    for number in 0..6 {
        let kind = if number % 2 == 0 {
            "order.paid"
        } else {
            "user.made"
        };
        let task = json!({ "type": kind, "payload": { "n": number }, "headers": { "x-shop": "7" } });
        tasks.push(api.enqueue("q", task).await);
    }
    eventually("six are dead", async || {
        (api.dead_letters(&endpoint).await.len() == 6).then_some(())
    })
    .await;
    receiver.answer("/", |_| Reply::status(200));
    (node, api, endpoint, tasks)
}

#[tokio::test]
async fn one_is_replayed_as_it_was() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api, endpoint, _) = six_letters(&home, &receiver).await;
    let letter = api.dead_letters(&endpoint).await.remove(0);
    let read: DeadLetter = api.get(&format!("/v1/dead-letters/{}", letter.id)).await;
    assert_eq!(read, letter);
    let replayed: Replayed = api.act(&format!("/v1/dead-letters/{}/replay", letter.id)).await;
    assert_eq!(replayed.task, letter.task);
    assert_ne!(replayed.delivery, letter.id, "it is a delivery of its own");
    let arrivals = receiver.until("/", 7).await;
    let (again, first) = (
        &arrivals[6],
        arrivals.iter().find(|arrival| arrival.id == letter.task),
    );
    let first = first.expect("it had arrived before");
    assert_eq!((again.id, &again.body, again.attempt), (first.id, &first.body, 1));
    assert_eq!(again.header("x-shop"), "7");
    eventually("it is delivered", async || {
        let delivery: proto::Delivery = api.get(&format!("/v1/deliveries/{}", replayed.delivery)).await;
        (delivery.state == proto::DeliveryState::Delivered).then_some(())
    })
    .await;
    assert_eq!(
        api.dead_letters(&endpoint).await.len(),
        5,
        "it is no letter any more"
    );
    let twice = api
        .send(
            http::Method::POST,
            &format!("/v1/dead-letters/{}/replay", letter.id),
            &[],
            "",
        )
        .await;
    assert_eq!(twice.expect("an answer").status, 404);
}

#[tokio::test]
async fn a_filter_chooses_which_are_replayed_and_which_thrown_away() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api, endpoint, tasks) = six_letters(&home, &receiver).await;
    let page: Page<DeadLetter> = api.get("/v1/dead-letters?queue=q&type=order.*&limit=2").await;
    assert_eq!((page.items.len(), page.next_page.is_some()), (2, true));
    let none: Count = api
        .post("/v1/dead-letters/replay", &json!({ "queue": "q", "status": 500 }))
        .await;
    assert_eq!(none.count, 0);
    let filter = json!({ "endpoint": endpoint.id, "type": "order.*" });
    let some: Count = api.post("/v1/dead-letters/replay", &filter).await;
    assert_eq!((some.count, some.more), (3, false));
    receiver.until("/", 9).await;
    for task in [tasks[0], tasks[2], tasks[4]] {
        // Its first delivery stays what it was; the second one was accepted.
        eventually("it was accepted", async || {
            let deliveries: Page<proto::Delivery> = api.get(&format!("/v1/tasks/{task}/deliveries")).await;
            let states: Vec<_> = deliveries.items.iter().map(|delivery| delivery.state).collect();
            states.contains(&proto::DeliveryState::Delivered).then_some(())
        })
        .await;
    }
    let _: Count = api
        .post(
            "/v1/dead-letters/purge",
            &json!({ "status": 400, "type": "user.*" }),
        )
        .await;
    assert_eq!(api.dead_letters(&endpoint).await, []);
    assert_eq!(receiver.count("/"), 9, "what is thrown away is not sent");
    for task in [tasks[1], tasks[3], tasks[5]] {
        let read: Value = api.get(&format!("/v1/tasks/{task}")).await;
        assert_eq!(
            read["payload"]["text"].as_str().map(|text| &text[..4]),
            Some("{\"n\""),
            "the task itself stays: {read}"
        );
    }
    assert_ne!(
        api.task(tasks[0]).await.state,
        TaskState::Dead,
        "{:?}",
        api.task(tasks[0]).await
    );
}
