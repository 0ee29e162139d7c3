//! The examples, against the real thing: each receiver is registered with a running `posthaste serve` by the producers in
//! `examples/producers`, and must verify what is then delivered to it, and refuse what is forged.

mod producers;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::checkout::{Checkout, output, run};
use crate::node::{Node, word_from};
use crate::service::Service;

use producers::Producers;

/// The manifest of the receiver in Rust, a package outside the workspace.
pub(crate) const RUST_RECEIVER: &str = "examples/receivers/rust/Cargo.toml";

/// The secret of the endpoints: the specification's own example.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Builds the receivers and the server, and lets them meet.
pub(crate) fn check(checkout: &Checkout) -> Result<()> {
    let folder = checkout.target.join("examples");
    fs::create_dir_all(&folder)?;
    let receivers = [
        ("python", python(checkout, &folder)?),
        ("node", node(checkout, &folder)?),
        ("rust", rust(checkout)?),
    ];
    let producers = Producers::prepare(checkout, &folder)?;

    let node = Node::start(checkout, &folder, &[])?;
    for (name, mut command) in receivers {
        command.env("PORT", "0").env("WEBHOOK_SECRET", SECRET);
        let receiver = Service::start(name, &mut command, &folder.join(format!("{name}.log")))?;
        deliver(checkout, receiver, name, &producers, &node).with_context(|| format!("receiver `{name}`"))?;
    }

    node.stop()
}

/// Tasks through each producer, the server and this receiver; then a forgery straight to the receiver.
fn deliver(
    checkout: &Checkout,
    mut receiver: Service,
    name: &str,
    producers: &Producers,
    node: &Node,
) -> Result<()> {
    let address = receiver.line("its address", address_in)?;
    let ids = producers.enqueue(checkout, node, &address, name)?;
    for id in &ids {
        let line = receiver.line(&format!("a line for {id}"), |line| line_about(line, id))?;
        ensure!(
            line["verified"] == true && line["type"] == "order.paid",
            "it did not verify the delivery: {line}"
        );
    }

    let false_id = "forged";
    let mut forger = checkout.command("curl");
    forger.args([
        "--silent",
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
        "--data",
        r#"{"order": 1}"#,
    ]);
    forger.args([
        "--header",
        &format!("webhook-id: {false_id}"),
        "--header",
        "posthaste-type: order.paid",
    ]);
    forger.args([
        "--header",
        &format!("webhook-timestamp: {}", output(Command::new("date").arg("+%s"))?),
    ]);
    forger.args([
        "--header",
        "webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
        &address,
    ]);
    let answer = output(&mut forger)?;
    ensure!(answer == "401", "it answered a forged signature with {answer}");
    let line = receiver.line("a line for the forgery", |line| line_about(line, false_id))?;
    ensure!(
        line["verified"] == false,
        "it took a forgery for verified: {line}"
    );
    println!("{name}: verified {} tasks, refused a forgery", ids.len());
    Ok(())
}

fn python(checkout: &Checkout, folder: &Path) -> Result<Command> {
    let environment = folder.join("python");
    run(checkout.command("python3").args(["-m", "venv"]).arg(&environment))?;
    let mut pip = checkout.command(environment.join("bin/pip"));
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
    ]);
    run(pip.arg("examples/receivers/python/requirements.txt"))?;
    let mut command = checkout.command(environment.join("bin/python"));
    command.arg("examples/receivers/python/receiver.py");
    Ok(command)
}

fn node(checkout: &Checkout, folder: &Path) -> Result<Command> {
    let copy = folder.join("node");
    fs::create_dir_all(&copy)?;
    for name in ["package.json", "package-lock.json", "receiver.js"] {
        fs::copy(
            checkout.root.join("examples/receivers/node").join(name),
            copy.join(name),
        )?;
    }
    let mut npm = checkout.command("npm");
    npm.args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
        "--prefix",
    ]);
    run(npm.arg(&copy))?;
    let mut command = checkout.command("node");
    command.arg(copy.join("receiver.js"));
    Ok(command)
}

fn rust(checkout: &Checkout) -> Result<Command> {
    let target = rust_target(checkout);
    let mut build = checkout.cargo([
        "build",
        "--locked",
        "--manifest-path",
        RUST_RECEIVER,
        "--target-dir",
    ]);
    run(build.arg(&target))?;
    Ok(checkout.command(target.join("debug/posthaste-receiver")))
}

/// Where the receiver in Rust is built: it is no part of the workspace.
pub(crate) fn rust_target(checkout: &Checkout) -> PathBuf {
    checkout.target.join("examples/rust")
}

/// The address in a line that says "listening on http://…".
fn address_in(line: &str) -> Option<String> {
    word_from(line.split_once("listening on")?.1, "http://")
}

/// The line as JSON, when it is a receiver's line about this id.
fn line_about(line: &str, id: &str) -> Option<Value> {
    let line: Value = serde_json::from_str(line).ok()?;
    (line["id"] == id).then_some(line)
}
