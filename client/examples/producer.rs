//! Makes a queue with one endpoint, and enqueues tasks. Prints the id of each, a line each.
//!
//! Environment: `POSTHASTE_URL`, where Posthaste listens (`http://127.0.0.1:8080` unless set); `POSTHASTE_KEY`, an API key (`ph_…`);
//! `RECEIVER_URL`, where to deliver; `WEBHOOK_SECRET`, the secret that the receiver has (`whsec_…`); `QUEUE`, the queue's name ("orders"
//! unless set).

#![expect(clippy::disallowed_methods, reason = "an example is a root of its own")]

use std::time::{SystemTime, UNIX_EPOCH};

use posthaste_client::{
    Client,
    proto::{NewEndpoint, NewQueue, NewTask},
};
use serde_json::{from_value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = given("POSTHASTE_URL").unwrap_or_else(|_| "http://127.0.0.1:8080".to_owned());
    let queue = given("QUEUE").unwrap_or_else(|_| "orders".to_owned());
    let client = Client::new(&url, &given("POSTHASTE_KEY")?)?;
    make_queue(&client, &queue).await?;

    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    let run = format!("{now}-{}", std::process::id());
    let order = |name: String| json!({"order": name, "amount": "12.50", "currency": "EUR"});
    // The key makes it safe to ask again when no answer came: the same key is the same task. (Without one, the library makes one up, which
    // holds for its own attempts.)
    let task = json!({"type": "order.paid", "payload": order(run.clone()), "idempotency_key": format!("paid-{run}")});
    let first = client.enqueue(&queue, from_value(task.clone())?).await?;
    let again = client.enqueue(&queue, from_value(task)?).await?;
    if again.id != first.id {
        return Err(format!("the same idempotency key made a second task: {}", again.id).into());
    }
    println!("{}", first.id);
    for at in 0..5 {
        let task: NewTask =
            from_value(json!({"type": "order.paid", "payload": order(format!("{run}-{at}"))}))?;
        println!("{}", client.enqueue(&queue, task).await?.id);
    }
    Ok(())
}

/// Makes the queue and its endpoint, at the first run.
async fn make_queue(client: &Client, queue: &str) -> Result<(), Box<dyn std::error::Error>> {
    match client.queue(queue).await {
        Ok(_) => return Ok(()),
        Err(error) if error.status() == Some(404) => {}
        Err(error) => return Err(error.into()),
    }
    let new = NewQueue {
        name: queue.to_owned(),
        ..NewQueue::default()
    };
    client.make_queue(&new).await?;
    let endpoint: NewEndpoint =
        from_value(json!({"url": given("RECEIVER_URL")?, "secret": given("WEBHOOK_SECRET")?}))?;
    client.make_endpoint(queue, &endpoint).await?;
    Ok(())
}

/// A variable of the environment.
fn given(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("{name} is not set: see the beginning of this file"))
}
