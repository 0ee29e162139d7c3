//! `posthaste audit` and `posthaste vault`

use anyhow::Result;
use clap::{Args, Subcommand};
use posthaste_client::proto::AuditEntry;

use super::{
    Session,
    args::{ListArgs, ServerArgs},
    profiles::Environment,
    queue::until_done,
    rows,
    table::{Column, Row},
    times::Times,
};

/// What `posthaste audit` is told.
#[derive(Debug, Args)]
pub struct AuditArgs {
    #[command(flatten)]
    list: ListArgs,

    #[command(flatten)]
    server: ServerArgs,
}

/// What `posthaste vault` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
To change the key that secrets are sealed with (secrets.key), while nodes run:
  1. give every node the new key in secrets.older_keys, and start it again
  2. swap the two: the new one is secrets.key, the old one goes into secrets.older_keys; start every node again
  3. posthaste vault rotate
  4. take the old key away")]
pub struct VaultArgs {
    #[command(subcommand)]
    verb: Verb,

    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Seal every secret anew with the current key, so that older ones are needed no more
    Rotate,
}

/// Lists what was done.
pub(super) async fn run(args: AuditArgs, environment: &Environment) -> Result<()> {
    let session = Session::open(&args.server, environment)?;
    session.list(session.client.audit(), &args.list).await
}

/// Does what it is told.
pub(super) async fn vault(args: VaultArgs, environment: &Environment) -> Result<()> {
    let session = Session::open(&args.server, environment)?;
    match args.verb {
        Verb::Rotate => {
            let count = until_done(async || session.client.rotate_vault().await).await?;
            session.count("sealed anew", count)
        }
    }
}

impl Row for AuditEntry {
    const COLUMNS: &'static [Column] = &[
        Column::whole("when"),
        Column::whole("action"),
        Column::text("by"),
        Column::whole("subject"),
        Column::text("queues"),
    ];

    fn cells(&self, times: Times) -> Vec<String> {
        vec![
            times.distance(self.at),
            self.action.clone(),
            format!("{} {}", rows::word(self.actor.kind), self.actor.name),
            self.subject.clone(),
            self.queues.join(" "),
        ]
    }
}
