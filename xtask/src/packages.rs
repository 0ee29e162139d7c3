//! The packages: whether Dockerfile, compose.yaml, fly.toml and deploy/ fit the program and the tools that read them; and the release build,
//! by the commands that the Dockerfile has, of the files that it is given.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::checkout::{Checkout, environment, run};
use crate::postgres::{Cluster, Server};

/// Checks the packages against a debug build.
///
/// # Errors
/// When one does not fit.
pub(crate) fn check(checkout: &Checkout) -> Result<()> {
    run(&mut checkout.cargo(["build", "--locked", "--bin", "posthaste"]))?;
    let bin = python(checkout)?;
    let mut check = checkout.command(bin.join("python"));
    check.arg("xtask/packages/check.py").arg(&checkout.root);
    check.arg(checkout.target.join("debug/posthaste"));
    let path = environment("PATH").unwrap_or_default();
    run(check.env("PATH", format!("{}:{path}", bin.display())))
}

/// An environment with what the checks need: the folder of its programs.
fn python(checkout: &Checkout) -> Result<PathBuf> {
    let folder = checkout.target.join("packages/python");
    fs::create_dir_all(&folder)?;
    run(checkout.command("python3").args(["-m", "venv"]).arg(&folder))?;
    let bin = folder.join("bin");
    let mut pip = checkout.command(bin.join("pip"));
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary=:all:",
        "--requirement",
        "xtask/packages/requirements.txt",
    ]);
    run(&mut pip)?;
    Ok(bin)
}

/// Builds what the image holds, as the image is built, and holds it to what is promised of it.
///
/// # Errors
/// When it cannot be built of what .dockerignore lets pass, or is larger, slower to start or hungrier than it may be.
pub(crate) fn release(checkout: &Checkout) -> Result<()> {
    let folder = checkout.target.join("packages");
    let (context, target) = (folder.join("context"), folder.join("target"));
    fs::create_dir_all(&context)?;
    let mut copy = checkout.command("python3");
    copy.arg("xtask/packages/context.py").arg(&checkout.root);
    run(copy.arg(&context))?;

    let dockerfile = fs::read_to_string(context.join("Dockerfile")).context("cannot read Dockerfile")?;
    let commands = cargo_commands(&dockerfile);
    ensure!(!commands.is_empty(), "the Dockerfile runs no cargo");
    for words in commands {
        let mut cargo = checkout.command("cargo");
        // The image's build has nothing but what it is given.
        cargo.current_dir(&context).env_remove("SQLX_OFFLINE");
        run(cargo.env("CARGO_TARGET_DIR", &target).args(words))?;
    }
    let cluster = Cluster::start(&Server::find()?)?;
    let mut figures = checkout.command("python3");
    figures.env("DATABASE_URL", cluster.url("postgres"));
    figures.arg("xtask/packages/figures.py");
    run(figures.arg(target.join("release/posthaste")))
}

/// The arguments of each `cargo` that a Dockerfile runs.
fn cargo_commands(dockerfile: &str) -> Vec<Vec<String>> {
    let lines = dockerfile
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let runs = joined.lines().filter_map(|line| line.trim().strip_prefix("RUN "));
    let mut found = Vec::new();
    for command in runs.flat_map(|run| run.split("&&")) {
        let words = command
            .split_whitespace()
            .skip_while(|word| word.starts_with("--"));
        let words: Vec<String> = words.map(str::to_owned).collect();
        if let [program, arguments @ ..] = words.as_slice()
            && program == "cargo"
        {
            found.push(arguments.to_vec());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_run_is_what_the_dockerfile_says() {
        let dockerfile = "FROM rust AS build\n# RUN cargo nothing\nRUN rustup show\nRUN --mount=type=cache,target=/a \\\n    --mount=b \\\n    \
             cargo build --release \\\n    && install a b \\\n    && cargo test\nENTRYPOINT [\"cargo\"]\n";
        assert_eq!(
            cargo_commands(dockerfile),
            [vec!["build", "--release"], vec!["test"]]
        );
        let ours = include_str!("../../Dockerfile");
        assert_eq!(
            cargo_commands(ours),
            [vec!["build", "--release", "--locked", "--bin", "posthaste"]]
        );
    }
}
