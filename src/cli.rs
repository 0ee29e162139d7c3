//! The command line.

#![expect(
    clippy::doc_markdown,
    reason = "docstrings here are help texts, where a backtick is printed as it is"
)]

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::bench::BenchArgs;
use crate::client::ClientCommand;
use crate::config::Flags;
use crate::config::settings::{DATA_DIR, DATABASE_URL, GATEWAY_LISTEN, ROLE};
use crate::health::HealthArgs;
use crate::receive::ReceiveArgs;

/// Durable tasks in, signed webhooks out, on nothing but PostgreSQL.
///
/// Producers enqueue tasks over REST or gRPC; each is committed to PostgreSQL before it is accepted; Posthaste then posts it, signed,
/// to the endpoints that are registered on its queue, and retries until it is delivered or a dead letter.
///
/// Without a command it serves. Without configuration it starts a PostgreSQL of its own and prints what to try.
#[derive(Debug, Parser)]
#[command(
    name = "posthaste",
    version,
    args_conflicts_with_subcommands = true,
    propagate_version = true
)]
pub struct Cli {
    /// What to do; `serve` when left out.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// For `serve`.
    #[command(flatten)]
    pub settings: SettingArgs,
}

const COMPLETIONS_HELP: &str = "\
Examples:
  posthaste completions bash > ~/.local/share/bash-completion/completions/posthaste
  posthaste completions zsh > ~/.zfunc/_posthaste      (with ~/.zfunc in fpath, before compinit)
  posthaste completions fish > ~/.config/fish/completions/posthaste.fish";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve: take tasks and deliver them (the default)
    Serve(SettingArgs),
    /// Serve with something to see: four endpoints that behave as endpoints do, and steady traffic to them
    ///
    /// Like `serve`, in a data folder of its own (`demo` in the default one). Everything it makes is in the queue `demo`, which it makes
    /// anew at each start; it does not start where somebody else made a queue of that name. The endpoints are on this machine: where
    /// others can reach the server, or with a database.url, egress.allow must name 127.0.0.0/8.
    Demo(SettingArgs),
    /// Print the configuration that holds, and where each value comes from
    ///
    /// Values come from the defaults, then posthaste.toml, then the environment (POSTHASTE_SECTION_KEY, DATABASE_URL), then
    /// flags; what comes later wins. Secrets are masked. Nothing is started.
    Config(ConfigArgs),
    /// Bring the schema of the configured database up to date, and do nothing else
    ///
    /// A server does so by itself when it starts. This is for who wants it done before the first node of a new version starts, such as the
    /// release command of a platform. Needs no secrets.key. Without database.url there is nothing to do: the server's own PostgreSQL
    /// is brought up to date when the server starts.
    Migrate(SettingArgs),
    /// Ask the server on this machine whether it is ready
    ///
    /// For health checks: the exit code is 0 if it is, and 1 if not. Asks where gateway.listen says, and needs no key.
    Health(HealthArgs),
    /// Receive deliveries: verify, print and answer each request
    ///
    /// A receiver for trying out and for debugging. Register http://127.0.0.1:9000/ as an endpoint, and start this with the
    /// endpoint's signing secret.
    Receive(ReceiveArgs),
    /// Measure a running server over its REST API, against a bare baseline of the same run
    ///
    /// Makes queues of its own and deletes them. The server must be able to reach the receiver that this starts.
    Bench(BenchArgs),
    /// Commands that ask a server.
    #[command(flatten)]
    Client(ClientCommand),
    /// Print a script that completes commands and options in a shell
    #[command(after_help = COMPLETIONS_HELP)]
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Print the version
    Version,
}

/// Flags that set the configuration.
#[derive(Debug, Clone, Default, Args)]
pub struct SettingArgs {
    /// Configuration file [default: posthaste.toml, when it is there] [env: POSTHASTE_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// What this process does: all, gateway or dispatcher
    #[arg(long)]
    pub role: Option<String>,

    /// Where the REST API listens, such as 0.0.0.0:8080
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,

    /// Folder of what this node keeps: its secret key, and its own PostgreSQL
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<String>,

    /// PostgreSQL 15 or newer to use instead of an own one; DATABASE_URL keeps the password out of the list of processes
    #[arg(long, value_name = "URL")]
    pub database_url: Option<String>,

    /// Any setting; again for another (`posthaste config --describe` lists them)
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl SettingArgs {
    /// The same as the configuration takes it.
    pub fn flags(&self) -> Flags {
        let named = [
            ("--role", ROLE.key, &self.role),
            ("--listen", GATEWAY_LISTEN.key, &self.listen),
            ("--data-dir", DATA_DIR.key, &self.data_dir),
            ("--database-url", DATABASE_URL.key, &self.database_url),
        ];
        Flags {
            file: self.config.clone(),
            set: self.set.clone(),
            named: named
                .into_iter()
                .filter_map(|(flag, key, given)| Some((flag, key, given.clone()?)))
                .collect(),
        }
    }
}

/// What `posthaste config` is told.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// As for `serve`, so that what is printed is what would hold.
    #[command(flatten)]
    pub settings: SettingArgs,

    /// How to print it
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,

    /// Print what every setting is, may hold and holds by default, instead of its value
    #[arg(long, conflicts_with = "output")]
    pub describe: bool,

    /// The same in Markdown, as docs/configuration.md has it
    #[arg(long, conflicts_with_all = ["output", "describe"])]
    pub markdown: bool,
}

/// How something is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Table,
    /// For programs
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serving_is_the_default_and_takes_the_same_flags() {
        let alone = Cli::parse_from(["posthaste", "--role", "all", "--set", "log.level=debug"]);
        assert!(alone.command.is_none());
        let Some(Command::Serve(named)) =
            Cli::parse_from(["posthaste", "serve", "--role", "all", "--set", "log.level=debug"]).command
        else {
            panic!("`serve` is a command")
        };
        for settings in [alone.settings, named] {
            let flags = settings.flags();
            assert_eq!(flags.set, ["log.level=debug"]);
            assert_eq!(flags.named, [("--role", "role", "all".to_owned())]);
        }
        assert!(Cli::try_parse_from(["posthaste", "--role", "all", "version"]).is_err());
    }
}
