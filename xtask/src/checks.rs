//! The steps that are one command each.

use anyhow::Result;

use crate::checkout::{Checkout, run};
use crate::examples::RUST_RECEIVER;
use crate::postgres::{Cluster, Server};
use crate::tools;

/// Where the tests look for a server: each makes a database of its own there.
pub(crate) const TEST_DATABASE_VARIABLE: &str = "POSTHASTE_TEST_DATABASE_URL";

/// `cargo fmt --check`, of the workspace and of the receiver that lies outside it.
pub(crate) fn fmt(checkout: &Checkout) -> Result<()> {
    run(&mut checkout.cargo(["fmt", "--all", "--check"]))?;
    run(&mut checkout.cargo(["fmt", "--check", "--manifest-path", RUST_RECEIVER]))
}

/// `cargo clippy`, every warning an error.
pub(crate) fn clippy(checkout: &Checkout) -> Result<()> {
    run(&mut checkout.cargo([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))
}

/// `cargo deny` on everything but the advisories: their database is no package registry (see deny.toml).
pub(crate) fn deny(checkout: &Checkout) -> Result<()> {
    let mut command = checkout.command(tools::cargo_deny(checkout)?);
    // Which crate stands between us and a duplicate matters to who removes it, not to a check that only warns of it.
    run(command.args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]))
}

/// `cargo test`, with a cluster for the tests that need a database.
pub(crate) fn test(checkout: &Checkout) -> Result<()> {
    let cluster = Cluster::start(&Server::find()?)?;
    let mut command = checkout.cargo(["test", "--workspace", "--locked", "--no-fail-fast"]);
    let result = run(command.env(TEST_DATABASE_VARIABLE, cluster.url("postgres")));
    if result.is_err() {
        println!("the server's last words:\n{}", cluster.log_tail(30));
    }
    result
}
