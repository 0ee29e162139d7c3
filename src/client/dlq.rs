//! `posthaste dlq`: dead letters.

use anyhow::Result;
use clap::{Args, Subcommand};
use posthaste_client::proto::{DeadLetter, DeadLetterFilter, DeadLetterGroups};
use uuid::Uuid;

use super::{
    PAGE_MAX, Session, Usage,
    args::{ListArgs, ServerArgs, SureArgs},
    profiles::Environment,
    prompt::confirm,
    queue::until_done,
    rows, screen,
    times::When,
    up_to,
};
use crate::cli::Output;

/// How far dead letters are counted before something is asked about them.
const COUNTED: u32 = 10_000;

/// What `posthaste dlq` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  posthaste dlq list --queue orders --status 500
  posthaste dlq groups --queue orders
  posthaste dlq replay --queue orders --status 500
  posthaste dlq replay 0199f0d2-5d2c-7c33-8c1e-1f5f0d7a3b11
  posthaste dlq purge --queue orders --until 30d --yes")]
pub struct DlqArgs {
    #[command(subcommand)]
    verb: Verb,

    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List dead letters, newest first
    List {
        #[command(flatten)]
        filter: FilterArgs,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Count dead letters by endpoint and reason: what to mend first
    Groups {
        #[command(flatten)]
        filter: FilterArgs,
    },
    /// Read a dead letter, and the attempts that were made
    #[command(visible_alias = "get")]
    Read {
        /// Its id, which is that of the delivery
        letter: Uuid,
    },
    /// Make new deliveries: of single ones, or of all that a filter means
    Replay {
        /// Their ids
        #[arg(value_name = "LETTER", conflicts_with_all = ["queue", "endpoint", "kind", "status", "failure", "since", "until", "all"])]
        letters: Vec<Uuid>,
        #[command(flatten)]
        filter: FilterArgs,
        /// Every dead letter there is
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        sure: SureArgs,
    },
    /// Throw away all that a filter means; the tasks themselves stay
    Purge {
        #[command(flatten)]
        filter: FilterArgs,
        /// Every dead letter there is
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        sure: SureArgs,
    },
}

/// Which dead letters.
#[derive(Debug, Args)]
struct FilterArgs {
    /// Those of this queue
    #[arg(long)]
    queue: Option<String>,

    /// Those of this endpoint
    #[arg(long, value_name = "ENDPOINT")]
    endpoint: Option<Uuid>,

    /// Those of these task types, such as 'invoice.*'
    #[arg(long = "type", value_name = "GLOB")]
    kind: Option<String>,

    /// Those whose last answer was this HTTP status
    #[arg(long)]
    status: Option<u16>,

    /// Those whose last attempt failed like this: dns, refused, connect, tls, reset, protocol, timeout or auth
    #[arg(long)]
    failure: Option<String>,

    /// Those given up since then: 2h (ago), or 2026-01-31
    #[arg(long, value_name = "TIME")]
    since: Option<When>,

    /// Those given up before
    #[arg(long, value_name = "TIME")]
    until: Option<When>,
}

impl FilterArgs {
    fn read(self, session: &Session) -> DeadLetterFilter {
        let now = session.screen.times.now;
        DeadLetterFilter {
            queue: self.queue,
            endpoint: self.endpoint,
            kind: self.kind,
            status: self.status,
            failure: self.failure,
            since: self.since.map(|when| when.ago(now)),
            until: self.until.map(|when| when.ago(now)),
        }
    }

    /// The filter of something that cannot be taken back: everything is meant only by who says so.
    fn read_narrow(self, all: bool, session: &Session) -> Result<DeadLetterFilter, Usage> {
        let filter = self.read(session);
        match (filter == DeadLetterFilter::default(), all) {
            (true, false) => Err(Usage(
                "which ones? Give a filter such as --queue, or --all".to_owned(),
            )),
            (false, true) => Err(Usage(
                "--all means every one: leave out the filter, or it".to_owned(),
            )),
            _ => Ok(filter),
        }
    }
}

/// Does what it is told.
pub(super) async fn run(args: DlqArgs, environment: &Environment) -> Result<()> {
    let session = Session::open(&args.server, environment)?;
    let client = &session.client;
    match args.verb {
        Verb::List { filter, list } => {
            session
                .list(client.dead_letters(&filter.read(&session)), &list)
                .await
        }
        Verb::Groups { filter } => {
            let found = client.dead_letter_groups(&filter.read(&session)).await?;
            session.groups(&found)
        }
        Verb::Read { letter } => session.letter(&client.dead_letter(letter).await?).await,
        Verb::Replay { letters, .. } if !letters.is_empty() => {
            let mut made = vec![];
            for letter in letters {
                made.push(client.replay(letter).await?);
            }
            match session.screen.output {
                Output::Json => made.iter().try_for_each(screen::line),
                Output::Table => session.count("replayed", made.len() as u64),
            }
        }
        Verb::Replay {
            filter, all, sure, ..
        } => {
            let mut filter = filter.read_narrow(all, &session)?;
            session.ask("Replay", &filter, sure).await?;
            let count = until_done(async || {
                let count = client.replay_all(&filter).await;
                // Those that die again meanwhile are not meant when it is asked again, or there would be no end. Not before: this clock
                // may be behind the server's.
                filter.until.get_or_insert(session.screen.times.now);
                count
            })
            .await?;
            session.count("replayed", count)
        }
        Verb::Purge { filter, all, sure } => {
            let filter = filter.read_narrow(all, &session)?;
            session.ask("Throw away", &filter, sure).await?;
            let count = until_done(async || client.purge_dead_letters(&filter).await).await?;
            session.count("purged", count)
        }
    }
}

impl Session {
    /// Asks, and says how many it would be.
    async fn ask(&self, what: &str, filter: &DeadLetterFilter, sure: SureArgs) -> Result<()> {
        if sure.yes {
            return Ok(());
        }
        let letters = self.client.dead_letters(filter);
        let found = up_to(letters.page_size(PAGE_MAX), COUNTED).await?;
        let count = match (found.items.len(), found.next_page) {
            (1, None) => "1 dead letter".to_owned(),
            (count, None) => format!("{count} dead letters"),
            (count, Some(_)) => format!("more than {count} dead letters"),
        };
        confirm(&format!("{what} {count}?"), sure.yes)
    }

    fn groups(&self, found: &DeadLetterGroups) -> Result<()> {
        if self.screen.output == Output::Json {
            return screen::document(found);
        }
        self.screen.part(&found.groups, true)?;
        if found.more {
            screen::note("Older ones were not counted: narrow it by --queue or --endpoint, or by time.");
        }
        Ok(())
    }

    async fn letter(&self, letter: &DeadLetter) -> Result<()> {
        let times = self.screen.times;
        let fields = [
            ("id", letter.id.to_string()),
            ("task", letter.task.to_string()),
            ("type", letter.kind.clone()),
            ("queue", letter.queue.clone()),
            ("endpoint", letter.endpoint.to_string()),
            ("died", times.exact(letter.died_at)),
            ("answer", rows::answer(letter.status, letter.failure.as_deref())),
            ("reason", letter.reason.clone()),
            ("attempts", letter.attempts.to_string()),
        ];
        self.screen.thing(letter, &fields)?;
        if self.screen.output == Output::Table {
            let attempts = self.client.attempts_of_delivery(letter.id);
            let made = up_to(attempts, PAGE_MAX).await?;
            screen::write("\n")?;
            self.screen.part(&made.items, true)?;
        }
        Ok(())
    }
}
