//! `posthaste key`

use anyhow::Result;
use clap::{Args, Subcommand};
use posthaste_client::proto::{EnqueueRate, Key, KeyUpdate, NewKey, RotateKey, Scope, Span};
use serde::{Deserialize, de::value::StrDeserializer};
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
use crate::cli::Output;

const SCOPES_HELP: &str = "\
Scopes:
  enqueue  put tasks into queues
  read     see everything but secrets and keys
  manage   make, change and delete queues and endpoints, their secrets included; pause, purge, cancel, test
  replay   replay dead letters
  admin    keys, and everything else";

/// What `posthaste key` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  posthaste key make shop --scope enqueue,read --queue 'shop-*' --expires 90d
  posthaste key rotate 0199f0d2-5d2c-7c33-8c1e-1f5f0d7a3b11 --grace 24h
  posthaste key revoke 0199f0d2-5d2c-7c33-8c1e-1f5f0d7a3b11

All of this needs a key with the scope admin.")]
pub struct KeyArgs {
    #[command(subcommand)]
    verb: Verb,

    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a key, and show it this once
    #[command(after_help = SCOPES_HELP)]
    #[command(visible_alias = "create")]
    Make {
        /// Who uses it, and what for
        name: String,
        /// What it allows; again, or with commas, for more (listed below)
        #[arg(long, value_name = "SCOPE", value_parser = scope, value_delimiter = ',', required = true)]
        scope: Vec<Scope>,
        /// Which queues it sees and touches, such as 'shop-*'; '*' is all of them; again for another
        #[arg(long, value_name = "GLOB", required = true)]
        queue: Vec<String>,
        /// When it ends: 90d from now, or 2026-01-31 [default: never]
        #[arg(long, value_name = "TIME")]
        expires: Option<When>,
        #[command(flatten)]
        rate: RateArgs,
    },
    /// List keys, without what they are
    List(#[command(flatten)] ListArgs),
    /// Read a key, without what it is
    #[command(visible_alias = "get")]
    Read(#[command(flatten)] Which),
    /// Change what a key allows
    #[command(after_help = SCOPES_HELP)]
    Update {
        #[command(flatten)]
        which: Which,
        /// Who uses it, and what for
        #[arg(long)]
        name: Option<String>,
        /// What it allows, in place of what it did; again, or with commas, for more (listed below)
        #[arg(long, value_name = "SCOPE", value_parser = scope, value_delimiter = ',')]
        scope: Vec<Scope>,
        /// Which queues it sees and touches, in place of those before; again for another
        #[arg(long, value_name = "GLOB")]
        queue: Vec<String>,
        /// When it ends: 90d from now, or 2026-01-31
        #[arg(long, value_name = "TIME")]
        expires: Option<When>,
        /// It never ends
        #[arg(long, conflicts_with = "expires")]
        no_expires: bool,
        #[command(flatten)]
        rate: RateArgs,
        /// Tasks may be enqueued with it at any rate
        #[arg(long, conflicts_with = "rate")]
        no_rate: bool,
    },
    /// Make a key in place of this one, and show it this once; this one goes on for a while
    Rotate {
        #[command(flatten)]
        which: Which,
        /// How long this one goes on: up to 30d; 0s ends it at once [default: 24h]
        #[arg(long, value_name = "DURATION")]
        grace: Option<Span>,
        /// When the new one ends: 90d from now, or 2026-01-31 [default: it lives as long as this one was made to]
        #[arg(long, value_name = "TIME")]
        expires: Option<When>,
    },
    /// End a key, on every node within a second
    Revoke {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        sure: SureArgs,
    },
}

/// Which key.
#[derive(Debug, Clone, Copy, Args)]
struct Which {
    /// The key's id, as `posthaste key list` shows it
    #[arg(value_name = "ID")]
    id: Uuid,
}

/// How fast.
#[derive(Debug, Clone, Copy, Args)]
struct RateArgs {
    /// How many tasks may be enqueued with it a second, on each node [default: any number]
    #[arg(long, value_name = "N")]
    rate: Option<u32>,

    /// How many at once, and so the largest batch [default: as many as a second has]
    #[arg(long, value_name = "N", requires = "rate")]
    burst: Option<u32>,
}

impl RateArgs {
    fn read(self) -> Option<EnqueueRate> {
        self.rate.map(|per_second| EnqueueRate {
            per_second,
            burst: self.burst,
        })
    }
}

fn scope(word: &str) -> Result<Scope, String> {
    Scope::deserialize(StrDeserializer::<serde::de::value::Error>::new(word))
        .map_err(|error| error.to_string())
}

/// Does what it is told.
pub(super) async fn run(args: KeyArgs, environment: &Environment) -> Result<()> {
    let session = Session::open(&args.server, environment)?;
    let client = &session.client;
    let now = session.screen.times.now;
    match args.verb {
        Verb::Make {
            name,
            scope,
            queue,
            expires,
            rate,
        } => {
            let new = NewKey {
                name,
                scopes: scope,
                queues: queue,
                rate: rate.read(),
                expires_at: expires.map(|when| when.ahead(now)),
            };
            session.made(&client.make_key(&new).await?)
        }
        Verb::List(list) => session.list(client.keys(), &list).await,
        Verb::Read(Which { id }) => session.key(&client.key(id).await?),
        Verb::Update {
            which,
            name,
            scope,
            queue,
            expires,
            no_expires,
            rate,
            no_rate,
        } => {
            let update = KeyUpdate {
                name,
                scopes: (!scope.is_empty()).then_some(scope),
                queues: (!queue.is_empty()).then_some(queue),
                rate: if no_rate {
                    Some(None)
                } else {
                    rate.read().map(Some)
                },
                expires_at: if no_expires {
                    Some(None)
                } else {
                    expires.map(|when| Some(when.ahead(now)))
                },
            };
            if update == KeyUpdate::default() {
                return Err(
                    Usage("nothing to change: give the options of what is to change".to_owned()).into(),
                );
            }
            session.key(&client.update_key(which.id, &update).await?)
        }
        Verb::Rotate {
            which,
            grace,
            expires,
        } => {
            let rotate = RotateKey {
                grace,
                expires_at: expires.map(|when| when.ahead(now)),
            };
            session.made(&client.rotate_key(which.id, &rotate).await?)
        }
        Verb::Revoke { which, sure } => {
            let key = client.key(which.id).await?;
            let (name, prefix) = (key.name, key.prefix);
            confirm(&format!("Revoke the key `{name}` ({prefix}…)?"), sure.yes)?;
            client.revoke_key(which.id).await?;
            note(&format!("The key `{name}` ({prefix}…) is revoked."));
            Ok(())
        }
    }
}

impl Session {
    fn made(&self, key: &Key) -> Result<()> {
        self.key(key)?;
        if self.screen.output == Output::Table {
            note("Keep the key: it is shown this once, and only its hash is stored.");
        }
        Ok(())
    }

    fn key(&self, key: &Key) -> Result<()> {
        let times = self.screen.times;
        let mut fields = vec![
            ("id", key.id.to_string()),
            ("name", key.name.clone()),
            ("state", rows::key_state(key, times)),
            ("scopes", rows::scopes(key)),
            ("queues", key.queues.join(" ")),
            ("rate", rows::rate(key)),
            ("made", times.exact(key.created_at)),
            (
                "ends",
                key.expires_at
                    .map_or_else(|| "never".to_owned(), |at| times.exact(at)),
            ),
            (
                "used",
                key.last_used_at
                    .map_or_else(|| "never".to_owned(), |at| times.exact(at)),
            ),
            ("begins", format!("{}…", key.prefix)),
        ];
        fields.extend(key.successor.map(|id| ("successor", id.to_string())));
        fields.extend(key.key.iter().map(|text| ("key", text.clone())));
        self.screen.thing(key, &fields)
    }
}
