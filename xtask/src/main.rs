//! `cargo xtask`: what a developer and the build machine run on this checkout.
//!
//! The cast: a [`Checkout`] is this copy of the sources; a [`Step`](step::Step) is one named check of `cargo xtask test`;
//! a [`Tool`](tools::Tool) is a program from outside that a step needs; a [`Cluster`](postgres::Cluster) is a throw-away
//! PostgreSQL that never outlives the process that started it.

mod checkout;
mod checks;
mod console;
mod contract;
mod examples;
mod node;
mod offline_queries;
mod openapi;
mod packages;
mod postgres;
mod sdks;
mod service;
mod step;
mod tools;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use checkout::Checkout;
use step::{BY_NAME, STEPS, Step, choose};

const USAGE: &str = "\
cargo xtask test [--only NAME[,NAME]]   install or name what is missing, then run every check
cargo xtask list                        the checks, in their order
cargo xtask console                     build the console as releases have it, and print what it weighs
cargo xtask proto                       write proto/src/grpc anew from proto/posthaste
cargo xtask openapi                     write gateway/openapi.json anew from the handlers
cargo xtask sdks                        write what the client libraries are made of anew from gateway/openapi.json
cargo xtask sqlx                        write queue/.sqlx anew from the migrations and the queries
cargo xtask postgres                    a throw-away PostgreSQL for `cargo test` by hand, until Ctrl-C";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<ExitCode> {
    let checkout = Checkout::find()?;
    match arguments {
        ["test"] => {
            for Step { name, purpose, .. } in BY_NAME {
                println!("not a part of this, but of `--only {name}`: {purpose}");
            }
            Ok(step::run_all(&checkout, &STEPS.iter().collect::<Vec<_>>()))
        }
        ["test", "--only", names] => Ok(step::run_all(&checkout, &choose(&all(), names)?)),
        ["list"] => {
            for step in all() {
                println!("{:<10} {}", step.name, step.purpose);
            }
            Ok(ExitCode::SUCCESS)
        }
        ["proto"] => contract::write(&checkout).map(|()| ExitCode::SUCCESS),
        ["console"] => console::build_and_say(&checkout).map(|()| ExitCode::SUCCESS),
        ["openapi"] => openapi::write(&checkout).map(|()| ExitCode::SUCCESS),
        ["sdks"] => sdks::write(&checkout).map(|()| ExitCode::SUCCESS),
        ["sqlx"] => offline_queries::prepare(&checkout).map(|()| ExitCode::SUCCESS),
        ["postgres"] => serve_postgres().map(|()| ExitCode::SUCCESS),
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        other => bail!("`cargo xtask {}` is not known\n\n{USAGE}", other.join(" ")),
    }
}

fn all() -> Vec<&'static Step> {
    STEPS.iter().chain(BY_NAME).collect()
}

/// Holds a cluster open until Ctrl-C ends this process, with which the cluster goes too.
fn serve_postgres() -> Result<()> {
    let cluster = postgres::Cluster::start(&postgres::Server::find()?)?;
    println!(
        "export {}={}",
        checks::TEST_DATABASE_VARIABLE,
        cluster.url("postgres")
    );
    println!("# PostgreSQL runs until Ctrl-C; its data goes with it.");
    cluster.wait().context("the cluster ended by itself")
}
