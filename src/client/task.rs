//! `posthaste task`

use anyhow::Result;
use clap::{Args, Subcommand};
use posthaste_client::{
    TaskFilter,
    proto::{Cancelled, Delivery, Payload, Task, TaskState},
};
use serde::{Deserialize, de::value::StrDeserializer};
use uuid::Uuid;

use super::{
    Session, Usage,
    args::{ListArgs, ServerArgs, SureArgs},
    profiles::Environment,
    prompt::confirm,
    rows,
    screen::{note, write_bytes},
    times::When,
};
use crate::{cli::Output, receive::print::shown};

/// What `posthaste task` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  posthaste task list orders --state retrying --type 'invoice.*' --since 2h
  posthaste task list orders --header 'x-shop: 7'
  posthaste task replay 0199f0d2-5d2c-7c33-8c1e-1f5f0d7a3b11
  posthaste task attempts 0199f0d2-5d2c-7c33-8c1e-1f5f0d7a3b11
  posthaste task read 0199f0d2-5d2c-7c33-8c1e-1f5f0d7a3b11 --payload > scan.png")]
pub struct TaskArgs {
    #[command(subcommand)]
    verb: Verb,

    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Read a task with its payload
    #[command(visible_alias = "get")]
    Read {
        /// Its id, which is the webhook-id of its requests
        task: Uuid,
        /// Print the payload alone, byte for byte
        #[arg(long)]
        payload: bool,
    },
    /// List the tasks of a queue, newest first
    List {
        /// The queue
        queue: String,
        #[command(flatten)]
        filter: FilterArgs,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Cancel what of a task is not delivered and not under way
    Cancel {
        /// Its id; again for another
        #[arg(required = true, value_name = "TASK")]
        tasks: Vec<Uuid>,
    },
    /// Send it once more, whatever became of it: to each endpoint that it went to and that is still there
    Replay {
        /// Its id; again for another
        #[arg(required = true, value_name = "TASK")]
        tasks: Vec<Uuid>,
        /// To this endpoint alone, whether it went there before or not
        #[arg(long, value_name = "ENDPOINT")]
        endpoint: Option<Uuid>,
    },
    /// Clear its payload and headers, and what endpoints answered, now; what of it has not ended is cancelled
    Expunge {
        /// Its id
        task: Uuid,
        #[command(flatten)]
        sure: SureArgs,
    },
    /// List its deliveries: one an endpoint, and one more a replay
    Deliveries {
        /// Its id
        task: Uuid,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Explain why a delivery is where it is: what it waits for, until when, and what goes before it
    Why {
        /// The delivery's id
        delivery: Uuid,
    },
    /// List its attempts: what came back, and what was decided
    Attempts {
        /// Its id
        #[arg(required_unless_present = "delivery")]
        task: Option<Uuid>,
        /// Those of this delivery alone
        #[arg(long, value_name = "DELIVERY", conflicts_with = "task")]
        delivery: Option<Uuid>,
        #[command(flatten)]
        list: ListArgs,
    },
}

/// Which tasks.
#[derive(Debug, Args)]
struct FilterArgs {
    /// Those that are: scheduled, pending, retrying, delivered, dead, cancelled, unmatched or ended
    #[arg(long, value_parser = state)]
    state: Option<TaskState>,

    /// Those of these types, such as 'invoice.*'
    #[arg(long = "type", value_name = "GLOB")]
    kind: Option<String>,

    /// Those with a delivery to this endpoint
    #[arg(long, value_name = "ENDPOINT")]
    endpoint: Option<Uuid>,

    /// Those with this header of their own: 'x-shop', or 'x-shop: 7' for its whole value
    #[arg(long, value_name = "HEADER")]
    header: Option<String>,

    /// Those enqueued since then: 2h (ago), or 2026-01-31
    #[arg(long, value_name = "TIME")]
    since: Option<When>,

    /// Those enqueued before
    #[arg(long, value_name = "TIME")]
    until: Option<When>,
}

fn state(word: &str) -> Result<TaskState, String> {
    TaskState::deserialize(StrDeserializer::<serde::de::value::Error>::new(word))
        .map_err(|error| error.to_string())
}

/// Does what it is told.
pub(super) async fn run(args: TaskArgs, environment: &Environment) -> Result<()> {
    let session = Session::open(&args.server, environment)?;
    let client = &session.client;
    match args.verb {
        Verb::Read { task, payload: false } => session.task(&client.task(task).await?),
        Verb::Read { payload: true, .. } if session.screen.output == Output::Json => {
            Err(Usage("--payload prints the payload as it is: leave out --output json".to_owned()).into())
        }
        Verb::Read { task, payload: true } => write_bytes(&client.payload(task).await?.1),
        Verb::List { queue, filter, list } => {
            let now = session.screen.times.now;
            let filter = TaskFilter {
                kind: filter.kind,
                endpoint: filter.endpoint,
                header: filter.header,
                state: filter.state,
                since: filter.since.map(|when| when.ago(now)),
                until: filter.until.map(|when| when.ago(now)),
            };
            session.list(client.tasks(&queue, &filter), &list).await
        }
        Verb::Cancel { tasks } => {
            let mut cancelled = 0;
            for task in tasks {
                cancelled += client.cancel_task(task).await?.cancelled;
            }
            let fields = [("cancelled deliveries", cancelled.to_string())];
            session.screen.thing(&Cancelled { cancelled }, &fields)
        }
        Verb::Replay { tasks, endpoint } => session.replay_tasks(&tasks, endpoint).await,
        Verb::Expunge { task, sure } => {
            let question = format!("Clear the content of task {task}? It cannot be brought back.");
            confirm(&question, sure.yes)?;
            let expunged = client.expunge_task(task).await?;
            let fields = [
                ("expunged", session.screen.times.exact(expunged.expunged_at)),
                ("cancelled deliveries", expunged.cancelled.to_string()),
            ];
            session.screen.thing(&expunged, &fields)
        }
        Verb::Deliveries { task, list } => session.list(client.deliveries(task), &list).await,
        Verb::Why { delivery } => session.why(&client.delivery(delivery).await?),
        Verb::Attempts { task, delivery, list } => match (task, delivery) {
            (Some(task), _) => session.list(client.attempts_of_task(task), &list).await,
            (None, delivery) => {
                let delivery = delivery.unwrap_or_default();
                session.list(client.attempts_of_delivery(delivery), &list).await
            }
        },
    }
}

impl Session {
    /// Replays one after the other. One that cannot be is told of, and does not keep the others from it.
    async fn replay_tasks(&self, tasks: &[Uuid], endpoint: Option<Uuid>) -> Result<()> {
        let mut replayed = vec![];
        for task in tasks {
            match self.client.replay_task(*task, endpoint).await {
                Ok(made) => replayed.push(made),
                Err(error) if tasks.len() > 1 => note(&format!("{task}: {error}")),
                Err(error) => return Err(error.into()),
            }
        }
        let made = replayed.iter().map(|one| one.deliveries.len()).sum::<usize>();
        let fields = [
            ("replayed tasks", replayed.len().to_string()),
            ("new deliveries", made.to_string()),
        ];
        self.screen.thing(&replayed, &fields)?;
        let refused = tasks.len() - replayed.len();
        anyhow::ensure!(
            refused == 0,
            "{refused} of {} tasks were not replayed",
            tasks.len()
        );
        Ok(())
    }

    fn task(&self, task: &Task) -> Result<()> {
        let times = self.screen.times;
        let headers = task
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\n"));
        let mut fields = vec![
            ("id", task.id.to_string()),
            ("queue", task.queue.clone()),
            ("type", task.kind.clone()),
            ("state", rows::word(task.state)),
            ("enqueued", times.exact(task.created_at)),
            ("due", times.exact(task.due_at)),
        ];
        fields.extend(task.expires_at.map(|at| ("expires", times.exact(at))));
        fields.extend(task.expunged_at.map(|at| ("expunged", times.exact(at))));
        fields.push(("priority", task.priority.to_string()));
        fields.extend(task.idempotency_key.iter().map(|key| ("key", key.clone())));
        if !task.headers.is_empty() {
            fields.push(("headers", headers.collect()));
        }
        fields.push(("payload", format!("{}, {} bytes", task.content_type, task.size)));
        let payload = match &task.payload {
            Some(Payload::Text(text)) => shown(text.as_bytes()),
            Some(Payload::Base64(_)) => "(not text: --payload prints it as it is)".to_owned(),
            None if task.expunged_at.is_some() => "(expunged)".to_owned(),
            None if task.expired => "(expired: the queue keeps it no longer)".to_owned(),
            None => String::new(),
        };
        fields.push(("", payload));
        self.screen.thing(task, &fields)
    }
    fn why(&self, delivery: &Delivery) -> Result<()> {
        let times = self.screen.times;
        let or_none = |at: Option<_>| at.map(|at| times.exact(at)).unwrap_or_default();
        let mut fields = vec![
            ("id", delivery.id.to_string()),
            ("task", delivery.task.to_string()),
            ("endpoint", delivery.endpoint.to_string()),
            ("state", rows::word(delivery.state)),
            ("attempts", delivery.attempts.to_string()),
        ];
        if let Some(why) = &delivery.why {
            let ahead = why.ahead.map(|count| {
                let more = if why.more_ahead { "more than " } else { "" };
                format!("{more}{count}")
            });
            fields.extend([
                ("rule", why.rule.clone().unwrap_or_default()),
                ("waits for", why.waits_for.map(rows::word).unwrap_or_default()),
                ("until", or_none(why.until)),
                ("ahead", ahead.unwrap_or_default()),
                ("starts", or_none(why.starts_at)),
                ("why", why.sentence.clone()),
            ]);
        }
        self.screen.thing(delivery, &fields)
    }
}
