//! `posthaste replay`: replays as jobs, which the server works on in the background.

use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand};
use posthaste_client::proto::{NewReplay, Replay, ReplayFilter, ReplayPreview, ReplaySource, ReplayStatus};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{
    Session, Usage,
    args::{ListArgs, ServerArgs, SureArgs},
    profiles::Environment,
    prompt::confirm,
    rows,
    screen::note,
    times::When,
};

/// How often a replay that is waited for is asked how far it has come.
const LOOK: Duration = Duration::from_secs(1);

/// What `posthaste replay` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  posthaste replay preview --queue orders --status 500 --since 2h
  posthaste replay start --queue orders --error 'out of stock' --rate 50 --wait
  posthaste replay start --queue orders --state any --target 0199f0d2-5d2c-7c33-8c1e-1f5f0d7a3b11
  posthaste replay pause 0199f0d2-5d2c-7c33-8c1e-1f5f0d7a3b11")]
pub struct ReplayArgs {
    #[command(subcommand)]
    verb: Verb,

    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Tell how many deliveries a replay would make, and how long that would take
    Preview(#[command(flatten)] NewArgs),
    /// Begin a replay
    Start {
        #[command(flatten)]
        new: NewArgs,
        /// Every dead letter there is
        #[arg(long)]
        all: bool,
        /// Wait until it is through, and show how far it has come
        #[arg(long)]
        wait: bool,
        #[command(flatten)]
        sure: SureArgs,
    },
    /// List replays, newest first
    List {
        /// Those about this queue
        #[arg(long)]
        queue: Option<String>,
        /// Those that are running, paused, done or cancelled
        #[arg(long, value_parser = word::<ReplayStatus>)]
        status: Option<ReplayStatus>,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Read a replay, and how far it has come
    #[command(visible_alias = "get")]
    Read(#[command(flatten)] Which),
    /// Let it make nothing more until it is resumed
    Pause(#[command(flatten)] Which),
    /// Let it go on
    Resume(#[command(flatten)] Which),
    /// End it for good; what it has made goes its way
    Cancel(#[command(flatten)] Which),
}

/// Which replay.
#[derive(Debug, Clone, Copy, Args)]
struct Which {
    /// The replay's id
    #[arg(value_name = "REPLAY")]
    id: Uuid,
}

/// What is to be replayed, and how.
#[derive(Debug, Args)]
struct NewArgs {
    /// What became of it: dead, delivered, or any (every task of the queue, to one endpoint)
    #[arg(long, value_parser = word::<ReplaySource>, default_value = "dead")]
    state: ReplaySource,

    /// That of this queue
    #[arg(long)]
    queue: Option<String>,

    /// That of this endpoint
    #[arg(long, value_name = "ENDPOINT")]
    endpoint: Option<Uuid>,

    /// That of these task types, such as 'invoice.*'
    #[arg(long = "type", value_name = "GLOB")]
    kind: Option<String>,

    /// That whose last answer was this HTTP status
    #[arg(long)]
    status: Option<u16>,

    /// That whose last attempt failed like this: dns, refused, connect, tls, reset, protocol, timeout or auth
    #[arg(long)]
    failure: Option<String>,

    /// That with this text in the reason of the last verdict
    #[arg(long, value_name = "TEXT")]
    error: Option<String>,

    /// That since then: 2h (ago), or 2026-01-31
    #[arg(long, value_name = "TIME")]
    since: Option<When>,

    /// That before
    #[arg(long, value_name = "TIME")]
    until: Option<When>,

    /// How many a second [default: 100]
    #[arg(long)]
    rate: Option<u32>,

    /// Send all of it to this endpoint, in place of those it was for
    #[arg(long, value_name = "ENDPOINT")]
    target: Option<Uuid>,
}

/// A word as JSON has it.
fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}

impl NewArgs {
    fn read(self, session: &Session) -> NewReplay {
        let now = session.screen.times.now;
        NewReplay {
            filter: ReplayFilter {
                state: (self.state != ReplaySource::Dead).then_some(self.state),
                queue: self.queue,
                endpoint: self.endpoint,
                kind: self.kind,
                status: self.status,
                failure: self.failure,
                error: self.error,
                since: self.since.map(|when| when.ago(now)),
                until: self.until.map(|when| when.ago(now)),
            },
            rate: self.rate,
            target: self.target,
        }
    }
}

/// Does what it is told.
pub(super) async fn run(args: ReplayArgs, environment: &Environment) -> Result<()> {
    let session = Session::open(&args.server, environment)?;
    let client = &session.client;
    match args.verb {
        Verb::Preview(new) => session.preview(&client.preview_replay(&new.read(&session)).await?),
        Verb::Start { new, all, wait, sure } => {
            let new = new.read(&session);
            match (new.filter == ReplayFilter::default(), all) {
                (true, false) => {
                    return Err(
                        Usage("which ones? Give a filter such as --queue, or --all".to_owned()).into(),
                    );
                }
                (false, true) => {
                    return Err(
                        Usage("--all means every one: leave out the filter, or it".to_owned()).into(),
                    );
                }
                _ => {}
            }
            if !sure.yes {
                let preview = client.preview_replay(&new).await?;
                let question = format!(
                    "Replay {}, within about {}?",
                    deliveries(&preview),
                    time(&preview)
                );
                confirm(&question, sure.yes)?;
            }
            let begun = client.begin_replay(&new).await?;
            if wait {
                let ended = session.until_ended(begun).await?;
                session.replay(&ended)
            } else {
                session.replay(&begun)
            }
        }
        Verb::List { queue, status, list } => {
            session
                .list(client.replays(queue.as_deref(), status), &list)
                .await
        }
        Verb::Read(Which { id }) => session.replay(&client.replay_job(id).await?),
        Verb::Pause(Which { id }) => session.replay(&client.pause_replay(id).await?),
        Verb::Resume(Which { id }) => session.replay(&client.resume_replay(id).await?),
        Verb::Cancel(Which { id }) => session.replay(&client.cancel_replay(id).await?),
    }
}

fn deliveries(preview: &ReplayPreview) -> String {
    match (preview.count, preview.exact) {
        (1, true) => "1 delivery".to_owned(),
        (count, true) => format!("{count} deliveries"),
        (count, false) => format!("at least {count} deliveries"),
    }
}

fn time(preview: &ReplayPreview) -> String {
    let span = posthaste_client::proto::Span::seconds(preview.seconds);
    if preview.exact {
        span.to_string()
    } else {
        format!("{span} or more")
    }
}

impl Session {
    fn preview(&self, preview: &ReplayPreview) -> Result<()> {
        let fields = [("makes", deliveries(preview)), ("takes", time(preview))];
        self.screen.thing(preview, &fields)
    }

    /// Tells how far a replay has come until it has ended, or somebody pauses it.
    async fn until_ended(&self, mut replay: Replay) -> Result<Replay> {
        let mut told = 0;
        while replay.status == ReplayStatus::Running {
            if replay.done > told {
                told = replay.done;
                note(&progress(&replay));
            }
            tokio::time::sleep(LOOK).await;
            replay = self.client.replay_job(replay.id).await?;
        }
        Ok(replay)
    }

    fn replay(&self, replay: &Replay) -> Result<()> {
        let times = self.screen.times;
        let or_none = |at: Option<_>| at.map(|at| times.exact(at)).unwrap_or_default();
        let mut fields = vec![
            ("id", replay.id.to_string()),
            ("status", rows::word(replay.status)),
            ("filter", rows::filter(&replay.filter)),
            ("rate", format!("{}/s", replay.rate)),
        ];
        fields.extend(replay.target.iter().map(|id| ("target", id.to_string())));
        fields.extend([
            ("progress", progress(replay)),
            ("skipped", replay.skipped.to_string()),
            ("looked at", replay.looked.to_string()),
            ("begun", times.exact(replay.created_at)),
            ("started", or_none(replay.started_at)),
            ("ended", or_none(replay.ended_at)),
        ]);
        fields.extend(replay.problem.iter().map(|problem| ("problem", problem.clone())));
        self.screen.thing(replay, &fields)
    }
}

/// How far it has come, in words.
pub(super) fn progress(replay: &Replay) -> String {
    let of = if replay.expected_exact { "" } else { "at least " };
    format!("{} of {of}{}", replay.done, replay.expected)
}
