//! The examples, against the real thing: each receiver is registered with a running `posthaste serve` by a producer of
//! `examples/producers`, and must verify what is then delivered to it, and refuse what is forged.

mod producers;
pub(crate) mod receivers;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::checkout::{Checkout, output};
use crate::node::{Node, word_from};
use crate::service::Service;

use producers::Producers;

/// The manifest of the receiver in Rust, a package outside the workspace.
pub(crate) const RUST_RECEIVER: &str = "examples/receivers/rust/Cargo.toml";

/// The secret of the endpoints: the specification's own example.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Builds the receivers and the server, and lets them meet: each receiver with the producer `curl`, and the first one with every producer.
pub(crate) fn check(checkout: &Checkout) -> Result<()> {
    let folder = checkout.target.join("examples");
    fs::create_dir_all(&folder)?;
    let receivers = receivers::prepare(checkout, &folder)?;
    let producers = Producers::prepare(checkout, &folder)?;

    let node = Node::start(checkout, &folder, &[])?;
    for (at, (name, mut command)) in receivers.into_iter().enumerate() {
        command.env("WEBHOOK_SECRET", SECRET);
        let receiver = Service::start(name, &mut command, &folder.join(format!("{name}.log")))?;
        deliver(checkout, receiver, name, &producers, &node, at == 0)
            .with_context(|| format!("receiver `{name}`"))?;
    }
    node.stop()?;
    println!(
        "not run: {} (no toolchain for it in Debian or a registry)",
        producers::NOT_RUN.join(", ")
    );
    Ok(())
}

/// Tasks through a producer or all of them, the server and this receiver; then the same delivery once more, and a forgery, straight to the
/// receiver.
fn deliver(
    checkout: &Checkout,
    mut receiver: Service,
    name: &str,
    producers: &Producers,
    node: &Node,
    all: bool,
) -> Result<()> {
    let address = receiver.line("its address", address_in)?;
    let ids = producers.enqueue(checkout, node, &address, name, all)?;
    for id in &ids {
        let line = receiver.line(&format!("a line for {id}"), |line| line_about(line, id))?;
        ensure!(
            line["verified"] == true && line["duplicate"] == false && line["type"] == "order.paid",
            "it did not verify the delivery: {line}"
        );
    }

    let own = "msg_own";
    let body = r#"{"order": "ü"}"#;
    for (duplicate, signed) in [(false, true), (true, true), (true, false)] {
        let answer = send(checkout, &address, own, body, signed)?;
        let line = receiver.line("a line for what is sent to it", |line| {
            line_about(line, own)
                .filter(|line| line["verified"] == signed && (!signed || line["duplicate"] == duplicate))
        })?;
        let expected = if signed { '2' } else { '4' };
        ensure!(
            answer.starts_with(expected),
            "it answered {answer}, and printed {line}"
        );
    }
    println!(
        "{name}: verified {} tasks, knew a duplicate, refused a forgery",
        ids.len()
    );
    Ok(())
}

/// Sends this body to a receiver, signed by openssl or falsely: the status of the answer.
fn send(checkout: &Checkout, address: &str, id: &str, body: &str, signed: bool) -> Result<String> {
    let now = output(Command::new("date").arg("+%s"))?;
    let signature = if signed {
        let mut openssl = checkout.command("sh");
        openssl.args(["-c", SIGNER, "signer", SECRET, &format!("{id}.{now}.{body}")]);
        output(&mut openssl)?
    } else {
        "K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=".to_owned()
    };
    let mut curl = checkout.command("curl");
    curl.args(["--silent", "--output", "/dev/null", "--write-out", "%{http_code}"]);
    for header in [
        format!("webhook-id: {id}"),
        format!("webhook-timestamp: {now}"),
        // As during a rotation: the one of another secret first, and one of a scheme that it does not know.
        format!("webhook-signature: v1,AAAA v1a,AAAA v1,{signature}"),
        "posthaste-type: order.paid".to_owned(),
        "content-type: application/json".to_owned(),
    ] {
        curl.args(["--header", &header]);
    }
    output(curl.args(["--data-binary", body, address]))
}

/// HMAC-SHA256 of the second argument by the secret that is the first.
const SIGNER: &str = r#"
key=$(printf %s "${1#whsec_}" | base64 --decode | od -An -v -tx1 | tr -d ' \n')
printf %s "$2" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64
"#;

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
