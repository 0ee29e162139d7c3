//! `posthaste demo`: a server with something to see. Four endpoints that behave as endpoints do, and steady traffic to them.

mod receiver;
mod traffic;

use std::net::SocketAddr;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use proto::{DeliverySettings, NewEndpoint, NewQueue, RetryPolicy, Span};
use queue::{Error, Queue};
use tokio::net::TcpListener;

use crate::lifecycle::Lifecycle;
use crate::serve::Running;

/// The queue of the demo.
pub const QUEUE: &str = "demo";

/// How the endpoints of the demo behave, by their path.
pub const BEHAVIOURS: [(&str, &str); 4] = [
    ("healthy", "answers 200 at once"),
    ("flaky", "answers 503 to every third request"),
    ("slow", "takes one to three seconds"),
    ("dead", "answers 500, always: its deliveries become dead letters"),
];

/// Starts receiver and traffic beside a server that runs, and returns what to print.
pub async fn start(running: &Running, life: &Lifecycle, now: fn() -> DateTime<Utc>) -> Result<String> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .context("the demo's receiver cannot listen")?;
    let address = listener.local_addr()?;
    set_up(&running.queue, address, now())
        .await
        .context("the demo's queue cannot be made")?;
    tokio::spawn(receiver::run(listener, life.stop()));
    tokio::spawn(traffic::run(
        running.queue.clone(),
        running.enqueuer.clone(),
        life.stop(),
        now,
    ));
    Ok(text(address))
}

/// Makes the queue and its endpoints. What an earlier run left goes first: the receiver's port is another one each time.
async fn set_up(queue: &Queue, receiver: SocketAddr, now: DateTime<Utc>) -> Result<(), Error> {
    match queue.delete_queue(QUEUE, now).await {
        Ok(()) | Err(Error::NotFound(_)) => {}
        Err(error) => return Err(error),
    }
    // A demo of retries that take a night shows nothing.
    let retry = RetryPolicy {
        attempts: Some(4),
        initial: Some(Span::seconds(2)),
        factor: Some(3.0),
        ..RetryPolicy::default()
    };
    let settings = DeliverySettings {
        retry: Some(retry),
        ..DeliverySettings::default()
    };
    let description = "made by posthaste demo, anew at each start".to_owned();
    queue
        .make_queue(
            NewQueue {
                name: QUEUE.to_owned(),
                description,
                settings,
                max_depth: None,
            },
            now,
        )
        .await?;
    for (path, description) in BEHAVIOURS {
        let endpoint = NewEndpoint {
            url: format!("http://{receiver}/{path}"),
            description: description.to_owned(),
            filter: if path == "healthy" {
                vec![]
            } else {
                vec!["order.*".to_owned()]
            },
            ..NewEndpoint::default()
        };
        queue.make_endpoint(QUEUE, endpoint, now).await?;
    }
    Ok(())
}

fn text(receiver: SocketAddr) -> String {
    let mut lines = vec![format!(
        "The demo enqueues {} tasks a second to the queue `{QUEUE}`, whose endpoints are:",
        traffic::RATE
    )];
    lines.extend(BEHAVIOURS.map(|(path, what)| format!("  http://{receiver}/{path:<8} {what}")));
    lines.push(String::new());
    lines.push(format!(
        "See it at /v1/queues/{QUEUE}/tasks, /v1/queues/{QUEUE}/traffic and /v1/dead-letters?queue={QUEUE}."
    ));
    lines.join("\n") + "\n"
}
