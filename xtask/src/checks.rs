//! The steps that are one command each.

use anyhow::{Result, ensure};

use crate::checkout::{Checkout, output, run};
use crate::console;
use crate::examples::{self, RUST_RECEIVER};
use crate::postgres::{Cluster, Server};
use crate::tools;

/// Where the tests look for a server: each makes a database of its own there.
pub(crate) const TEST_DATABASE_VARIABLE: &str = "POSTHASTE_TEST_DATABASE_URL";

/// The manifest of the fuzz targets, a package outside the workspace.
const FUZZ: &str = "fuzz/Cargo.toml";

/// `cargo fmt --check`, of the workspace and of what lies outside it.
pub(crate) fn fmt(checkout: &Checkout) -> Result<()> {
    run(&mut checkout.cargo(["fmt", "--all", "--check"]))?;
    for manifest in [RUST_RECEIVER, FUZZ] {
        run(&mut checkout.cargo(["fmt", "--check", "--manifest-path", manifest]))?;
    }
    Ok(())
}

/// `cargo clippy`, every warning an error; of the receiver outside the workspace, too.
pub(crate) fn clippy(checkout: &Checkout) -> Result<()> {
    run(&mut checkout.cargo([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))?;
    let mut receiver = checkout.cargo([
        "clippy",
        "--locked",
        "--manifest-path",
        RUST_RECEIVER,
        "--target-dir",
    ]);
    receiver.arg(examples::rust_target(checkout));
    run(receiver.args(["--", "-D", "warnings"]))?;
    console::clippy(checkout)
}

/// `cargo deny` on everything but the advisories: their database is no package registry (see deny.toml). And the two
/// boundaries that it cannot see: the gateway has hyper for serving only, and what serves the tests stays with them.
pub(crate) fn deny(checkout: &Checkout) -> Result<()> {
    let clients = client_features(&built_into(checkout, "gateway")?);
    ensure!(
        clients.is_empty(),
        "`gateway` must not be an HTTP client, and is built with {}",
        clients.join(", ")
    );
    ensure!(
        !built_into(checkout, "posthaste")?
            .lines()
            .any(|line| line.starts_with("testing v")),
        "crate `testing` is built into `posthaste`; it may only be a dev-dependency"
    );
    let mut command = checkout.command(tools::cargo_deny(checkout)?);
    // Which crate stands between us and a duplicate matters to who removes it, not to a check that only warns of it.
    run(command.args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]))
}

/// The crates that are built into this one, tests aside: a line `name version features` each.
fn built_into(checkout: &Checkout, package: &str) -> Result<String> {
    let mut tree = checkout.cargo([
        "tree",
        "--edges=normal",
        "--prefix=none",
        "--format={p} {f}",
        "--locked",
    ]);
    output(tree.args(["--package", package]))
}

/// The HTTP client features among such lines.
fn client_features(tree: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in tree.lines().filter(|line| line.starts_with("hyper")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        for feature in words.iter().skip(2).flat_map(|features| features.split(',')) {
            let name = format!("{}/{feature}", words[0]);
            if feature.starts_with("client") && !found.contains(&name) {
                found.push(name);
            }
        }
    }
    found
}

/// `cargo test`, with a cluster for the tests that need a database. The console's packer has no tests, and much to compile.
pub(crate) fn test(checkout: &Checkout) -> Result<()> {
    let cluster = Cluster::start(&Server::find()?)?;
    let mut command = checkout.cargo([
        "test",
        "--workspace",
        "--exclude=console-pack",
        "--locked",
        "--no-fail-fast",
    ]);
    let result = run(command.env(TEST_DATABASE_VARIABLE, cluster.url("postgres")));
    if result.is_err() {
        println!("the server's last words:\n{}", cluster.log_tail(30));
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_in_the_gateway_is_seen() {
        let serving = "gateway v0.1.0 (/src/gateway) client\nhyper v1.12.0 default,http1,server\nhyper-util v0.1.21 server (*)\n";
        assert!(client_features(serving).is_empty());
        let calling = format!(
            "{serving}hyper-util v0.1.21 client,client-legacy,server\nhyper-util v0.1.21 client (*)\n"
        );
        assert_eq!(
            client_features(&calling),
            ["hyper-util/client", "hyper-util/client-legacy"]
        );
    }
}
