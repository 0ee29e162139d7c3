//! The commands that ask a server: clients of its REST API like any other.
//!
//! A file a noun: its arguments, and what is done. [`profiles`] knows servers and keys, [`Session`] is a server that is being asked,
//! [`screen::Screen`] is where answers go. Answers go to standard output and everything else to standard error; the exit code is 1 where
//! the server refused or something failed, and 2 where the command line was wrong.

mod args;
mod audit;
mod dlq;
mod endpoint;
mod enqueue;
mod events;
mod import;
mod key;
mod login;
mod ndjson;
mod profiles;
mod prompt;
mod queue;
mod replay;
mod rows;
mod screen;
mod secret;
mod settings;
mod simulate;
mod storage;
mod table;
mod task;
mod times;
mod user;

use std::collections::BTreeMap;

use anyhow::Result;
use clap::Subcommand;
use futures_util::TryStreamExt;
use posthaste_client::{Client, List, proto::Page};
use serde::{Serialize, de::DeserializeOwned};

pub use audit::{AuditArgs, VaultArgs};
pub use dlq::DlqArgs;
pub use endpoint::EndpointArgs;
pub use enqueue::EnqueueArgs;
pub use events::EventsArgs;
pub use key::KeyArgs;
pub use login::{LoginArgs, LogoutArgs, ProfilesArgs};
pub use queue::QueueArgs;
pub use replay::ReplayArgs;
pub use screen::NobodyReads;
pub use storage::StorageArgs;
pub use task::TaskArgs;
pub use user::UserArgs;

use args::{ListArgs, ServerArgs};
use profiles::Profiles;
use screen::Screen;
use table::Row;

use crate::receive::print::inert;

/// What a page has where all pages are wanted: the most that a server gives by default.
const PAGE_MAX: u32 = 1_000;

/// The commands that ask a server.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Store a server's address and a key of it, for the commands below
    Login(LoginArgs),
    /// Forget a stored server and key
    Logout(LogoutArgs),
    /// List the servers that are stored, or choose the one to ask
    Profiles(ProfilesArgs),
    /// Make, list, read, change, pause, purge and delete queues
    Queue(QueueArgs),
    /// Register, list, read, change, pause, test and delete endpoints; rotate their signing secrets
    Endpoint(EndpointArgs),
    /// Enqueue a task, or a file of tasks
    Enqueue(EnqueueArgs),
    /// Read, list and cancel tasks; see their deliveries and attempts
    Task(TaskArgs),
    /// List, read, replay and throw away dead letters
    Dlq(DlqArgs),
    /// Replay dead letters, delivered or any tasks in the background: preview, start, list, pause, resume, cancel
    Replay(ReplayArgs),
    /// Make, list, change, rotate and revoke API keys
    Key(KeyArgs),
    /// Make, list, change, disable, sign out and delete users, who sign in to the console
    User(UserArgs),
    /// List what was done of consequence: secrets shown, keys made, things deleted
    Audit(AuditArgs),
    /// Seal signing secrets anew after a change of the server's key
    Vault(VaultArgs),
    /// Show what the database takes on disk, by table and by day, and what comes of it
    Storage(StorageArgs),
    /// Print what happens to tasks, deliveries, endpoints and queues, as it happens
    Events(EventsArgs),
}

/// A mistake in how a command was called.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Does what a command says. `environment`: its variables, which name profiles, servers and keys.
pub async fn run(command: ClientCommand, environment: &BTreeMap<String, String>) -> Result<()> {
    carry_out(command, environment)
        .await
        .map_err(|error| match error.downcast_ref() {
            Some(posthaste_client::Error::Invalid(wrong)) => Usage(wrong.clone()).into(),
            // It may be anyone's text.
            Some(_) => anyhow::anyhow!(inert(&format!("{error:#}"))),
            None => error,
        })
}

async fn carry_out(command: ClientCommand, environment: &BTreeMap<String, String>) -> Result<()> {
    match command {
        ClientCommand::Login(args) => login::login(args, environment).await,
        ClientCommand::Logout(args) => login::logout(&args, environment),
        ClientCommand::Profiles(args) => login::profiles(&args, environment),
        ClientCommand::Queue(args) => queue::run(args, environment).await,
        ClientCommand::Endpoint(args) => endpoint::run(args, environment).await,
        ClientCommand::Enqueue(args) => enqueue::run(args, environment).await,
        ClientCommand::Task(args) => task::run(args, environment).await,
        ClientCommand::Dlq(args) => dlq::run(args, environment).await,
        ClientCommand::Replay(args) => replay::run(args, environment).await,
        ClientCommand::Key(args) => key::run(args, environment).await,
        ClientCommand::User(args) => user::run(args, environment).await,
        ClientCommand::Audit(args) => audit::run(args, environment).await,
        ClientCommand::Vault(args) => audit::vault(args, environment).await,
        ClientCommand::Storage(args) => storage::run(args, environment).await,
        ClientCommand::Events(args) => events::run(args, environment).await,
    }
}

/// A server that is asked, and where the answers go.
struct Session {
    client: Client,
    screen: Screen,
}

impl Session {
    fn open(args: &ServerArgs, environment: &BTreeMap<String, String>) -> Result<Self> {
        Self::open_with(args, environment, |builder| builder)
    }

    fn open_with(
        args: &ServerArgs,
        environment: &BTreeMap<String, String>,
        configure: impl FnOnce(posthaste_client::Builder) -> posthaste_client::Builder,
    ) -> Result<Self> {
        let profiles = match Profiles::path(environment) {
            Ok(path) => Profiles::load(&path)?,
            // Without a home there may still be variables.
            Err(_) => Profiles::default(),
        };
        let target = profiles.choose(args.profile.as_deref(), environment)?;
        Ok(Self {
            client: configure(client_of(&target.url, &target.key)).build()?,
            screen: Screen::here(args.output),
        })
    }

    /// Prints a list as far as it was asked for.
    async fn list<T: Row + Serialize + DeserializeOwned + Send>(
        &self,
        list: List<T>,
        args: &ListArgs,
    ) -> Result<()> {
        let list = match &args.page {
            Some(token) => list.from_page(token),
            None => list,
        };
        if args.all {
            let mut pages = std::pin::pin!(list.page_size(PAGE_MAX).pages());
            let mut is_first = true;
            while let Some(page) = pages.try_next().await? {
                // A page may be empty although more follow.
                if !page.items.is_empty() || page.next_page.is_none() {
                    self.screen.part(&page.items, is_first)?;
                    is_first = false;
                }
            }
            return Ok(());
        }
        let page = up_to(list, args.limit).await?;
        self.screen.page(&page)?;
        if let (Some(token), crate::cli::Output::Table) = (&page.next_page, self.screen.output) {
            screen::note(&format!("More follow: --all, or --page {token}"));
        }
        Ok(())
    }
}

/// A client that says who it is.
fn client_of(url: &str, key: &str) -> posthaste_client::Builder {
    Client::builder(url)
        .key(key)
        .user_agent(concat!("posthaste/", env!("CARGO_PKG_VERSION")))
}

/// The first so many items of a list, from as many pages as it takes, and how to go on.
async fn up_to<T: DeserializeOwned>(mut list: List<T>, limit: u32) -> Result<Page<T>> {
    let mut items = vec![];
    loop {
        let missing = limit.saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX));
        let page = list.clone().page_size(missing.min(PAGE_MAX)).page().await?;
        items.extend(page.items);
        match page.next_page {
            Some(token) if items.len() < limit as usize => list = list.from_page(token),
            next_page => return Ok(Page { items, next_page }),
        }
    }
}
