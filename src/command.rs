//! What each command of the program does, run to its end. Here and not in `main.rs`, which would compile all of it a second time.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::Path;

use anyhow::{Context, Result};
use clap::CommandFactory;
use tracing::info;

use crate::cli::{Cli, Command, ConfigArgs, Output, SettingArgs};
use crate::config::{self, Effective, Source, Surroundings, settings};
use crate::lifecycle::Lifecycle;
use crate::serve::Running;
use crate::{bench, client, demo, health, receive, serve, telemetry};

/// Runs a command line. `environment` is that of the process.
///
/// # Errors
/// What went wrong, for people; [`config::Problems`] and [`client::Usage`] where it is a mistake in the command line or the configuration.
pub fn run(cli: Cli, environment: &BTreeMap<String, String>) -> Result<()> {
    match cli.command {
        Some(Command::Config(args)) => show_config(&args, environment),
        Some(Command::Migrate(settings)) => migrate(&load(&settings, environment)?),
        Some(Command::Health(args)) => {
            let effective = load(&args.settings, environment)?;
            runtime()?.block_on(health::ask(&args, &effective))?;
            print("ready\n")
        }
        Some(Command::Receive(args)) => runtime()?.block_on(async {
            let life = Lifecycle::watch()?;
            receive::run(args, life.stop()).await
        }),
        Some(Command::Bench(args)) => runtime()?.block_on(bench::run(args)),
        Some(Command::Client(command)) => runtime()?.block_on(client::run(command, environment)),
        Some(Command::Completions { shell }) => {
            let mut script = vec![];
            clap_complete::generate(shell, &mut Cli::command(), "posthaste", &mut script);
            print(&String::from_utf8_lossy(&script))
        }
        Some(Command::Version) => print(concat!("posthaste ", env!("CARGO_PKG_VERSION"), "\n")),
        Some(Command::Serve(settings)) => serve(&load(&settings, environment)?, environment, false),
        Some(Command::Demo(settings)) => serve(&load_demo(settings, environment)?, environment, true),
        None => serve(&load(&cli.settings, environment)?, environment, false),
    }
}

fn serve(effective: &Effective, environment: &BTreeMap<String, String>, demo: bool) -> Result<()> {
    start_telemetry(effective)?;
    let surroundings = serve::Surroundings {
        program: std::env::args().next().unwrap_or_else(|| "posthaste".to_owned()),
        search_path: environment.get("PATH").cloned().unwrap_or_default(),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
    };
    let traces = effective.get(&settings::TRACES_ENDPOINT);
    let headers = effective.get(&settings::TRACES_HEADERS);
    let _traces = traces
        .map(|endpoint| telemetry::export(&endpoint, headers, &surroundings.host))
        .transpose()?;
    runtime()?.block_on(live(effective, &surroundings, demo))
}

/// A server's life, from its start to its end.
async fn live(effective: &Effective, surroundings: &serve::Surroundings, demo: bool) -> Result<()> {
    let life = Lifecycle::watch()?;
    let running = match serve::start(effective, surroundings, &life).await {
        Err(error) if error.is::<serve::Stopped>() => {
            // It did what it was told to.
            info!("{error}, before it served");
            return Ok(());
        }
        started => started?,
    };
    let greeted = greet(&running, effective, surroundings, demo, &life).await;
    if greeted.is_err() {
        life.stop().cancel();
    }
    let ended = running.until_stopped().await;
    greeted.and(ended)
}

/// Prints what there is to know of a server that serves, and starts the demo beside it if it is one.
async fn greet(
    running: &Running,
    effective: &Effective,
    surroundings: &serve::Surroundings,
    demo: bool,
    life: &Lifecycle,
) -> Result<()> {
    print(&running.banner(effective, surroundings))?;
    if demo {
        print(&demo::start(running, life, serve::now).await?)?;
    }
    Ok(())
}

fn migrate(effective: &Effective) -> Result<()> {
    start_telemetry(effective)?;
    let migrated = runtime()?.block_on(async {
        let life = Lifecycle::watch()?;
        serve::migrate(effective, &life.stop()).await
    })?;
    print(&match migrated {
        Some(version) => format!("The schema is up to date: version {version}.\n"),
        None => "No database.url: a server's own PostgreSQL is brought up to date when the server starts. Nothing to do.\n".to_owned(),
    })
}

fn start_telemetry(effective: &Effective) -> Result<()> {
    let colour = std::io::stderr().is_terminal();
    telemetry::start(
        effective.get(&settings::LOG_FORMAT),
        effective.get(&settings::LOG_LEVEL),
        colour,
    )
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the async runtime cannot start")
}

fn load(args: &SettingArgs, environment: &BTreeMap<String, String>) -> Result<Effective> {
    let root = rustix::process::geteuid().is_root();
    let surroundings = Surroundings {
        environment,
        root,
        folder: Path::new(""),
    };
    Ok(config::load(&args.flags(), &surroundings)?)
}

/// The demo keeps to a folder of its own, unless it is told another.
fn load_demo(mut args: SettingArgs, environment: &BTreeMap<String, String>) -> Result<Effective> {
    let mut effective = load(&args, environment)?;
    if matches!(effective.source(&settings::DATA_DIR), Source::Default) {
        let folder = effective.get(&settings::DATA_DIR).join("demo");
        args.data_dir = Some(folder.to_string_lossy().into_owned());
        effective = load(&args, environment)?;
    }
    demo::check(&effective)?;
    Ok(effective)
}

fn show_config(args: &ConfigArgs, environment: &BTreeMap<String, String>) -> Result<()> {
    if args.describe {
        return print(&config::describe());
    }
    if args.markdown {
        return print(&config::markdown());
    }
    let effective = load(&args.settings, environment)?;
    match args.output {
        Output::Table => print(&config::table(&effective)),
        Output::Json => print(&format!("{:#}\n", config::json(&effective))),
    }
}

fn print(text: &str) -> Result<()> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("cannot write to standard output")
}
