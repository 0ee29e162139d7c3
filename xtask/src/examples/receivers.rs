//! The receivers in `examples/receivers`: each prints where it listens, and a line of JSON for each request.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::{KEYS, RUST_RECEIVER, SHARED, Signing, rust_target};
use crate::checkout::{Checkout, run};

/// A receiver: its name, how its endpoint signs, and the command that starts it.
pub(super) type Prepared = (&'static str, Signing, Command);

/// Installs and builds what each of them needs.
pub(super) fn prepare(checkout: &Checkout, folder: &Path) -> Result<Vec<Prepared>> {
    let environment = python(checkout, folder)?;
    let mut receivers = vec![
        ("python", SHARED, python_receiver(checkout, &environment)),
        ("python-v1a", KEYS, python_receiver(checkout, &environment)),
        ("typescript", SHARED, typescript(checkout)?),
        ("rust", SHARED, rust(checkout)?),
        ("go", SHARED, go(checkout, folder)?),
        ("ruby", SHARED, script(checkout, "ruby", "ruby/receiver.rb")),
        ("java", SHARED, script(checkout, "java", "java/Receiver.java")),
    ];
    for (.., command) in &mut receivers {
        command.env("PORT", "0");
    }
    // These cannot say which port they were given, so they are told a free one.
    receivers.push(("php", SHARED, php(checkout)?));
    let mut shell = checkout.command("examples/receivers/shell/receiver.sh");
    shell.env("PORT", free_port()?.to_string());
    receivers.push(("shell", SHARED, shell));
    Ok(receivers)
}

/// The environment in which programs in Python find what they need.
fn python(checkout: &Checkout, folder: &Path) -> Result<PathBuf> {
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
    Ok(environment)
}

fn python_receiver(checkout: &Checkout, environment: &Path) -> Command {
    let mut command = checkout.command(environment.join("bin/python"));
    command.arg("examples/receivers/python/receiver.py");
    command
}

fn typescript(checkout: &Checkout) -> Result<Command> {
    let folder = "examples/receivers/typescript";
    build_typescript(checkout, folder)?;
    let mut command = checkout.command("node");
    command.arg(format!("{folder}/receiver.js"));
    Ok(command)
}

/// Installs what a package needs, and compiles it where it lies.
pub(crate) fn build_typescript(checkout: &Checkout, folder: &str) -> Result<()> {
    let mut install = checkout.command("npm");
    install.args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
        "--prefix",
    ]);
    run(install.arg(folder))?;
    run(checkout
        .command("npm")
        .args(["run", "--silent", "build", "--prefix", folder]))
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

fn go(checkout: &Checkout, folder: &Path) -> Result<Command> {
    let program = folder.join("go-receiver");
    let mut build = checkout.command("go");
    build
        .current_dir(checkout.root.join("examples/receivers/go"))
        .env("GOCACHE", folder.join("go-cache"))
        .env("GOFLAGS", "-mod=mod")
        .args(["build", "-o"]);
    run(build.arg(&program).arg("."))?;
    Ok(checkout.command(program))
}

/// A program that its interpreter runs as it is.
fn script(checkout: &Checkout, interpreter: &str, path: &str) -> Command {
    let mut command = checkout.command(interpreter);
    command.arg(format!("examples/receivers/{path}"));
    command
}

/// PHP's own server, which says where it listens in words of its own.
fn php(checkout: &Checkout) -> Result<Command> {
    let mut command = checkout.command("sh");
    command.env("PORT", free_port()?.to_string()).args([
        "-c",
        r#"echo "listening on http://127.0.0.1:$PORT"; exec php -S "127.0.0.1:$PORT" examples/receivers/php/receiver.php"#,
    ]);
    Ok(command)
}

/// A loopback port that is free now.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
