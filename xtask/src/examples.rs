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

/// How an endpoint signs, and what its receiver verifies that with.
#[derive(Clone, Copy)]
struct Signing {
    /// The scheme, as signatures name it.
    scheme: &'static str,
    /// What the endpoint is registered with.
    secret: &'static str,
    /// What the receiver is given.
    verifies: &'static str,
    /// Signs the second argument with the secret that is the first.
    signer: &'static str,
    /// Of another text.
    forgery: &'static str,
}

/// With a shared secret: the specification's own example.
const SHARED: Signing = Signing {
    scheme: "v1",
    secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    verifies: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    signer: r#"
key=$(printf %s "${1#whsec_}" | base64 --decode | od -An -v -tx1 | tr -d ' \n')
printf %s "$2" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64
"#,
    forgery: "K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
};

/// With ed25519: the key of the tests that Svix publishes for its own server.
const KEYS: Signing = Signing {
    scheme: "v1a",
    secret: "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==",
    verifies: "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=",
    // openssl reads the key's first half, its seed, behind the frame that PKCS #8 puts around it (RFC 8410, section 7).
    signer: r#"
folder=$(mktemp --directory)
trap 'rm -r "$folder"' EXIT
{
    printf '\060\056\002\001\000\060\005\006\003\053\145\160\004\042\004\040'
    printf %s "${1#whsk_}" | base64 --decode | head --bytes=32
} >"$folder/key"
printf %s "$2" >"$folder/text"
openssl pkeyutl -sign -rawin -keyform DER -inkey "$folder/key" -in "$folder/text" | base64 --wrap=0
"#,
    forgery: "hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==",
};

/// Builds the receivers and the server, and lets them meet: each receiver with the producer `curl`, and the first one with every producer.
pub(crate) fn check(checkout: &Checkout) -> Result<()> {
    let folder = checkout.target.join("examples");
    fs::create_dir_all(&folder)?;
    let receivers = receivers::prepare(checkout, &folder)?;
    let producers = Producers::prepare(checkout, &folder)?;

    let node = Node::start(checkout, &folder, &[])?;
    for (at, (name, signing, mut command)) in receivers.into_iter().enumerate() {
        command.env("WEBHOOK_SECRET", signing.verifies);
        let receiver = Service::start(name, &mut command, &folder.join(format!("{name}.log")))?;
        deliver(checkout, receiver, name, signing, &producers, &node, at == 0)
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
    signing: Signing,
    producers: &Producers,
    node: &Node,
    all: bool,
) -> Result<()> {
    let address = receiver.line("its address", address_in)?;
    let ids = producers.enqueue(checkout, node, (&address, signing.secret), name, all)?;
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
        let answer = send(checkout, &address, own, body, signing, signed)?;
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
fn send(
    checkout: &Checkout,
    address: &str,
    id: &str,
    body: &str,
    signing: Signing,
    signed: bool,
) -> Result<String> {
    let now = output(Command::new("date").arg("+%s"))?;
    let signature = if signed {
        let mut openssl = checkout.command("sh");
        let text = format!("{id}.{now}.{body}");
        openssl.args(["-c", signing.signer, "signer", signing.secret, &text]);
        output(&mut openssl)?
    } else {
        signing.forgery.to_owned()
    };
    let mut curl = checkout.command("curl");
    curl.args(["--silent", "--output", "/dev/null", "--write-out", "%{http_code}"]);
    for header in [
        format!("webhook-id: {id}"),
        format!("webhook-timestamp: {now}"),
        // As during a rotation: the one of another secret first, and one of a scheme that it does not know.
        format!(
            "webhook-signature: v1,AAAA v1a,AAAA {},{signature}",
            signing.scheme
        ),
        "posthaste-type: order.paid".to_owned(),
        "content-type: application/json".to_owned(),
    ] {
        curl.args(["--header", &header]);
    }
    output(curl.args(["--data-binary", body, address]))
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
