//! What those who run an installation are told, through an endpoint of theirs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Home, Receiver, Reply};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wave_of_dead_letters_is_told_once_on_the_queue_of_operations() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let settings = ["notify.interval=1s", "notify.dead_letters=3"];
    let (_node, api) = (home.start(&settings).await, home.api());
    receiver.answer("/", |_| Reply::status(500));
    api.make_queue("posthaste.ops").await;
    api.make_endpoint("posthaste.ops", &receiver.url("/ops"), json!({}))
        .await;
    api.make_queue("q").await;
    let once = json!({ "retry": { "attempts": 1 } });
    let endpoint = api.make_endpoint("q", &receiver.url("/"), once).await;
    for number in 0..3 {
        api.enqueue("q", json!({ "payload": number })).await;
    }
    let told = receiver.until("/ops", 1).await;
    assert_eq!(told[0].header("posthaste-type"), "dead_letters.rate");
    assert!(told[0].header("webhook-signature").starts_with("v1,"));
    let payload: Value = serde_json::from_slice(&told[0].body).expect("JSON");
    assert_eq!(
        (&payload["queue"], &payload["dead"], &payload["threshold"]["dead"]),
        (&"q".into(), &3.into(), &3.into())
    );
    assert_eq!(api.dead_letters(&endpoint).await.len(), 3);
    // It goes on, and is known.
    api.enqueue("q", json!({ "payload": "more" })).await;
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!(receiver.count("/ops"), 1);
}
