//! `posthaste events`

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use futures_util::TryStreamExt;
use posthaste_client::{
    EventFilter, Retries,
    proto::{Event, EventMessage, Span},
};
use uuid::Uuid;

use super::{
    Session,
    args::ServerArgs,
    profiles::Environment,
    rows,
    screen::{line, note, write},
};
use crate::{cli::Output, receive::print::inert};

/// What `posthaste events` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  posthaste events --follow --queue orders
  posthaste events --follow --state dead --state endpoint.disabled
  posthaste events --follow --output json | jq 'select(.status == 503)'
  posthaste events --count 1 --task 0199f0d2-5d2c-7c33-8c1e-1f5f0d7a3b11 --state delivered

A feed, not a log: what happens while nobody subscribes is not kept, and after a crash some may be missing. With --output json a line is \
an event, or {\"kind\":\"missed\"} where some were missed.")]
#[command(group = clap::ArgGroup::new("end").required(true).multiple(true))]
pub struct EventsArgs {
    /// Print events as they happen, until it is interrupted
    #[arg(long, group = "end", conflicts_with_all = ["count", "during"])]
    follow: bool,

    /// Stop after so many
    #[arg(long, value_name = "N", group = "end", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// Stop after so long
    #[arg(long = "for", id = "during", value_name = "DURATION", group = "end")]
    during: Option<Span>,

    /// Those of these queues, such as 'shop-*'; again for another
    #[arg(long, value_name = "GLOB")]
    queue: Vec<String>,

    /// Those of these task types, such as 'invoice.*'; again for another
    #[arg(long = "type", value_name = "GLOB")]
    kind: Vec<String>,

    /// Those of this kind: delivery.dead, in short dead, or 'endpoint.*'; again for another
    #[arg(long, value_name = "KIND")]
    state: Vec<String>,

    /// Those of this task
    #[arg(long)]
    task: Option<Uuid>,

    /// Those of this endpoint
    #[arg(long)]
    endpoint: Option<Uuid>,

    /// Begin after this event, if the server still remembers it
    #[arg(long, value_name = "EVENT")]
    after: Option<Uuid>,

    #[command(flatten)]
    server: ServerArgs,
}

/// Whoever follows bears a server that is away for some minutes.
const PATIENT: Retries = Retries {
    attempts: 20,
    first_pause: Duration::from_millis(100),
    longest_pause: Duration::from_secs(30),
};

/// Does what it is told.
pub(super) async fn run(args: EventsArgs, environment: &Environment) -> Result<()> {
    let session = Session::open_with(&args.server, environment, |builder| builder.retries(PATIENT))?;
    let follow = follow(&session, &args);
    match args.during {
        // Its end is what was asked for.
        Some(time) => tokio::time::timeout(time.0, follow).await.unwrap_or(Ok(())),
        None => follow.await,
    }
}

async fn follow(session: &Session, args: &EventsArgs) -> Result<()> {
    let filter = EventFilter {
        queues: args.queue.clone(),
        types: args.kind.clone(),
        states: args.state.clone(),
        task: args.task,
        endpoint: args.endpoint,
    };
    let mut events = std::pin::pin!(session.client.events(&filter, args.after));
    let mut left = args.count;
    while left != Some(0) {
        let Some(message) = events.try_next().await? else {
            break;
        };
        match (session.screen.output, &message) {
            (Output::Json, message) => line(message)?,
            (Output::Table, EventMessage::Event(event)) => write(&told(event))?,
            (Output::Table, EventMessage::Missed(missed)) => match missed.count {
                Some(count) => note(&format!("… up to {count} events were missed")),
                None => note("… some events may have been missed"),
            },
        }
        if let (EventMessage::Event(_), Some(left)) = (&message, &mut left) {
            *left -= 1;
        }
    }
    Ok(())
}

/// One event in one line: when, what, where, and why.
fn told(event: &Event) -> String {
    let id = |name: &str, id: Option<Uuid>| id.map(|id| format!("{name} {id}"));
    let answer = rows::answer(event.status, event.failure.as_deref());
    // The most special of them: the others can be looked up from it.
    let whom = id("task", event.task).or_else(|| id("endpoint", event.endpoint));
    let parts = [
        Some(format!("{:<19}", event.kind.as_str())),
        Some(event.queue.clone()),
        event.task_type.clone(),
        whom,
        event.attempts.map(|attempts| format!("attempt {attempts}")),
        Some(answer),
        event.count.map(|count| match count {
            1 => "1 delivery".to_owned(),
            count => format!("{count} deliveries"),
        }),
        event.reason.clone(),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();
    format!(
        "{}  {}\n",
        event.at.format("%H:%M:%S%.3fZ"),
        inert(&parts.join("  "))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_line() {
        let event: Event = serde_json::from_value(serde_json::json!({
            "id": Uuid::from_u128(1), "at": "2026-01-31T12:00:00.5Z", "kind": "delivery.dead", "queue": "orders",
            "task": Uuid::from_u128(2), "delivery": Uuid::from_u128(3), "endpoint": Uuid::from_u128(4), "type": "order.paid",
            "attempts": 12, "status": 500, "reason": "the endpoint answered\n500",
        }))
        .unwrap();
        assert_eq!(
            told(&event),
            "12:00:00.500Z  delivery.dead        orders  order.paid  task 00000000-0000-0000-0000-000000000002  attempt 12  500  \
             the endpoint answered\\n500\n"
        );
    }
}
