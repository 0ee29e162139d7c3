//! `posthaste demo`: a server with something to see. Four endpoints that behave as endpoints do, and steady traffic to them.

mod receiver;
mod traffic;

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use dispatcher::push::Egress;
use proto::{DeliverySettings, NewEndpoint, NewQueue, RetryPolicy, Span};
use queue::{Error, Queue};
use tokio::net::TcpListener;

use crate::config::{Effective, Problem, Problems, settings};
use crate::lifecycle::Lifecycle;
use crate::serve::Running;

/// The queue of the demo.
pub const QUEUE: &str = "demo";

/// What it says of itself: by this a later demo knows it for one that it may delete.
const DESCRIPTION: &str = "made by posthaste demo, anew at each start";

/// Where the receiver listens.
const HOST: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// How the endpoints of the demo behave, by their path.
pub const BEHAVIOURS: [(&str, &str); 4] = [
    ("healthy", "answers 200 at once"),
    ("flaky", "answers 503 to every third request"),
    ("slow", "takes one to three seconds"),
    ("dead", "answers 500, always: its deliveries become dead letters"),
];

/// Refuses a configuration with which nothing of the demo would arrive.
pub fn check(effective: &Effective) -> Result<(), Problems> {
    let egress = Egress {
        allow: effective.get(&settings::EGRESS_ALLOW),
        ..Egress::default()
    };
    if egress.vet(SocketAddr::from((HOST, 0))).is_ok() {
        return Ok(());
    }
    let message = format!(
        "egress.allow does not name {HOST}, where the endpoints of the demo are: every delivery would be refused. Allow it with \
         --set egress.allow=127.0.0.0/8. It is allowed by itself only where nobody else can reach the server: without a \
         database.url, and with every port on loopback"
    );
    Err(Problems(vec![Problem {
        source: effective.source(&settings::EGRESS_ALLOW).clone(),
        message,
    }]))
}

/// Starts receiver and traffic beside a server that runs, and returns what to print.
pub async fn start(running: &Running, life: &Lifecycle, now: fn() -> DateTime<Utc>) -> Result<String> {
    make_room(&running.queue, now()).await?;
    let listener = TcpListener::bind((HOST, 0))
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

/// Deletes what an earlier demo left: the receiver's port is another one each time. A queue that somebody else made stays.
async fn make_room(queue: &Queue, now: DateTime<Utc>) -> Result<()> {
    let there = match queue.read_queue(QUEUE).await {
        Err(Error::NotFound(_)) => return Ok(()),
        read => read.context("whether there is a queue of an earlier demo cannot be read")?,
    };
    ensure!(
        there.description == DESCRIPTION,
        "there is a queue `{QUEUE}` that was not made by a demo, and a demo would delete it: give the demo a folder of its own \
         (--data-dir, without database.url), or delete that queue first (posthaste queue delete {QUEUE})"
    );
    match queue.delete_queue(QUEUE, now).await {
        // Somebody else was quicker.
        Err(Error::NotFound(_)) => Ok(()),
        deleted => deleted.context("the queue of an earlier demo cannot be deleted"),
    }
}

/// Makes the queue and its endpoints.
async fn set_up(queue: &Queue, receiver: SocketAddr, now: DateTime<Utc>) -> Result<(), Error> {
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
    queue
        .make_queue(
            NewQueue {
                name: QUEUE.to_owned(),
                description: DESCRIPTION.to_owned(),
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
