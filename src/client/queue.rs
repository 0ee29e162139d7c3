//! `posthaste queue`

use anyhow::Result;
use clap::{Args, Subcommand};
use posthaste_client::proto::{Count, NewQueue, Queue, QueueUpdate};

use super::{
    Session, Usage,
    args::{ListArgs, ServerArgs, SureArgs},
    profiles::Environment,
    prompt::confirm,
    rows,
    screen::note,
    settings::{ChangedSettings, NewSettings, SETTINGS_HELP},
    simulate::CaseArgs,
};

/// What `posthaste queue` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  posthaste queue make orders --set retry.attempts=8 --set timeout=10s
  posthaste queue update orders --unset timeout
  posthaste queue list --output json")]
pub struct QueueArgs {
    #[command(subcommand)]
    verb: Verb,

    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a queue
    #[command(after_help = SETTINGS_HELP)]
    #[command(visible_alias = "create")]
    Make {
        /// 1 to 100 of a-z A-Z 0-9 . _ -
        #[arg(value_name = "QUEUE")]
        name: String,
        /// For people
        #[arg(long, default_value = "", hide_default_value = true)]
        description: String,
        /// How many deliveries that have not ended it may hold: beyond it enqueues are refused [default: no limit]
        #[arg(long, value_name = "N")]
        max_depth: Option<u64>,
        #[command(flatten)]
        settings: NewSettings,
    },
    /// List queues, by name
    List(#[command(flatten)] ListArgs),
    /// Read a queue
    #[command(visible_alias = "get")]
    Read {
        /// Its name
        queue: String,
    },
    /// Change a queue; it holds for what waits as well
    #[command(after_help = SETTINGS_HELP)]
    Update {
        /// Its name
        queue: String,
        /// For people
        #[arg(long)]
        description: Option<String>,
        /// How many deliveries that have not ended it may hold
        #[arg(long, value_name = "N")]
        max_depth: Option<u64>,
        /// It may hold any number
        #[arg(long, conflicts_with = "max_depth")]
        no_max_depth: bool,
        #[command(flatten)]
        settings: ChangedSettings,
    },
    /// Show what a response would cause at an endpoint with no settings of its own; nothing is sent
    Simulate {
        /// Its name
        queue: String,
        #[command(flatten)]
        case: CaseArgs,
    },
    /// Hold its deliveries back; tasks are accepted as before
    Pause {
        /// Its name
        queue: String,
    },
    /// Let them go
    Resume {
        /// Its name
        queue: String,
    },
    /// Cancel everything that waits in it
    Purge {
        /// Its name
        queue: String,
        #[command(flatten)]
        sure: SureArgs,
    },
    /// Delete a queue with its endpoints; what waits is cancelled
    Delete {
        /// Its name
        queue: String,
        #[command(flatten)]
        sure: SureArgs,
    },
}

/// Does what it is told.
pub(super) async fn run(args: QueueArgs, environment: &Environment) -> Result<()> {
    let session = Session::open(&args.server, environment)?;
    let client = &session.client;
    match args.verb {
        Verb::Make {
            name,
            description,
            max_depth,
            settings,
        } => {
            let new = NewQueue {
                name,
                description,
                max_depth,
                settings: settings.read()?,
            };
            session.queue(&client.make_queue(&new).await?)
        }
        Verb::List(list) => session.list(client.queues(), &list).await,
        Verb::Read { queue } => session.queue(&client.queue(&queue).await?),
        Verb::Update {
            queue,
            description,
            max_depth,
            no_max_depth,
            settings,
        } => {
            let update = QueueUpdate {
                description,
                max_depth: if no_max_depth {
                    Some(None)
                } else {
                    max_depth.map(Some)
                },
                settings: settings.patch()?,
            };
            if update == QueueUpdate::default() {
                return Err(
                    Usage("nothing to change: give the options of what is to change".to_owned()).into(),
                );
            }
            session.queue(&client.update_queue(&queue, &update).await?)
        }
        Verb::Simulate { queue, case } => {
            session.simulated(&client.simulate_queue(&queue, &case.read()?).await?)
        }
        Verb::Pause { queue } => session.queue(&client.pause_queue(&queue).await?),
        Verb::Resume { queue } => session.queue(&client.resume_queue(&queue).await?),
        Verb::Purge { queue, sure } => {
            let question = format!("Cancel everything that waits in queue `{queue}`?");
            confirm(&question, sure.yes)?;
            let count = until_done(async || client.purge_queue(&queue).await).await?;
            session.count("cancelled", count)
        }
        Verb::Delete { queue, sure } => {
            let endpoints = client.queue(&queue).await?.endpoints;
            let question = format!(
                "Delete queue `{queue}` with its {endpoints} endpoints, and cancel what waits in it?"
            );
            confirm(&question, sure.yes)?;
            client.delete_queue(&queue).await?;
            note(&format!("Queue `{queue}` is deleted."));
            Ok(())
        }
    }
}

/// Asks again until there is no more, and adds up.
pub(super) async fn until_done(mut act: impl AsyncFnMut() -> posthaste_client::Result<Count>) -> Result<u64> {
    let mut sum = 0;
    loop {
        let Count { count, more } = act().await?;
        sum += count;
        if !more {
            return Ok(sum);
        }
    }
}

impl Session {
    fn queue(&self, queue: &Queue) -> Result<()> {
        let times = self.screen.times;
        let state = if queue.paused { "paused" } else { "running" };
        self.screen.thing(
            queue,
            &[
                ("name", queue.name.clone()),
                ("description", queue.description.clone()),
                ("state", state.to_owned()),
                ("endpoints", queue.endpoints.to_string()),
                ("depth", rows::depth(queue)),
                ("settings", rows::settings(&queue.settings)),
                ("made", times.exact(queue.created_at)),
                ("changed", times.exact(queue.updated_at)),
            ],
        )
    }

    /// How many things an action touched.
    pub(super) fn count(&self, done: &str, count: u64) -> Result<()> {
        let document = Count { count, more: false };
        self.screen.thing(&document, &[(done, count.to_string())])
    }
}
