//! The examples, against the real thing: each receiver is registered with a running `posthaste serve` by the producers in
//! `examples/producers`, and must verify what is then delivered to it, and refuse what is forged.

mod producers;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::checkout::{Checkout, output, run};
use crate::service::Service;

use producers::{Producers, Server};

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

    run(&mut checkout.cargo(["build", "--locked", "--bin", "posthaste"]))?;
    let data = DataFolder::make()?;
    let mut serve = checkout.command(checkout.target.join("debug/posthaste"));
    serve
        .arg("serve")
        // Away from a `posthaste.toml` that the developer may have here.
        .current_dir(&data.0)
        .env("POSTHASTE_DATA_DIR", &data.0)
        .env("POSTHASTE_GATEWAY_LISTEN", "127.0.0.1:0");
    let mut server = Service::start("posthaste", &mut serve, &folder.join("server.log"))?;
    let node = Server {
        rest: server.line("its address", rest_address_in)?,
        grpc: server.line("its address for gRPC", grpc_address_in)?,
        key: server.line("its first key", |line| word_from(line, "ph_"))?,
    };

    for (name, mut command) in receivers {
        command.env("PORT", "0").env("WEBHOOK_SECRET", SECRET);
        let receiver = Service::start(name, &mut command, &folder.join(format!("{name}.log")))?;
        deliver(checkout, receiver, name, &producers, &node).with_context(|| format!("receiver `{name}`"))?;
    }

    let status = server.terminate()?;
    ensure!(
        status.success(),
        "posthaste ended with {status} after SIGTERM; see {}/server.log",
        folder.display()
    );
    Ok(())
}

/// Tasks through each producer, the server and this receiver; then a forgery straight to the receiver.
fn deliver(
    checkout: &Checkout,
    mut receiver: Service,
    name: &str,
    producers: &Producers,
    node: &Server,
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

/// A data folder for a server that starts for the first time; removed with this value.
struct DataFolder(PathBuf);

impl DataFolder {
    /// Outside the checkout, for a server that runs as root hands its PostgreSQL to another user, who may not be let in there.
    fn make() -> Result<Self> {
        let printed =
            output(Command::new("mktemp").args(["--directory", "--tmpdir", "posthaste-examples-XXXXXX"]))?;
        let folder = Self(printed.into());
        // That other user must be able to pass through it.
        fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o711))?;
        Ok(folder)
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The address in a line that says "listening on http://…".
fn address_in(line: &str) -> Option<String> {
    word_from(line.split_once("listening on")?.1, "http://")
}

/// The address in the server's line `REST API http://…/v1`.
fn rest_address_in(line: &str) -> Option<String> {
    let address = word_from(line.split_once("REST API")?.1, "http://")?;
    Some(address.trim_end_matches("/v1").to_owned())
}

/// The address in the server's line `gRPC API …, and where REST is`.
fn grpc_address_in(line: &str) -> Option<String> {
    let (address, _) = line.split_once("gRPC API")?.1.split_once(',')?;
    Some(address.trim().to_owned())
}

/// The word of the line that begins like this, as far as an address or a key goes.
fn word_from(line: &str, beginning: &str) -> Option<String> {
    let rest = &line[line.find(beginning)?..];
    let inside = |c: char| c.is_ascii_alphanumeric() || "_-.:/[]".contains(c);
    let word = rest.split(|c| !inside(c)).next()?.trim_end_matches(['.', '/']);
    (word.len() > beginning.len()).then(|| word.to_owned())
}

/// The line as JSON, when it is a receiver's line about this id.
fn line_about(line: &str, id: &str) -> Option<Value> {
    let line: Value = serde_json::from_str(line).ok()?;
    (line["id"] == id).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_keys_are_cut_out_of_a_sentence() {
        for (line, beginning, word) in [
            (
                "  listening on http://127.0.0.1:8080, console too",
                "http://",
                Some("http://127.0.0.1:8080"),
            ),
            (
                "REST http://[::1]:8080/ (HTTP/2 too)",
                "http://",
                Some("http://[::1]:8080"),
            ),
            ("key: ph_ab-C_9. Keep it.", "ph_", Some("ph_ab-C_9")),
            ("keys begin with ph_", "ph_", None),
            ("nothing here", "http://", None),
        ] {
            assert_eq!(word_from(line, beginning).as_deref(), word, "{line}");
        }
        let banner = "  REST API   http://127.0.0.1:8080/v1";
        assert_eq!(rest_address_in(banner).as_deref(), Some("http://127.0.0.1:8080"));
        let banner = "  gRPC API   127.0.0.1:50051, and where REST is";
        assert_eq!(grpc_address_in(banner).as_deref(), Some("127.0.0.1:50051"));
        assert_eq!(rest_address_in("  curl http://127.0.0.1:8080/v1/queues"), None);
    }
}
