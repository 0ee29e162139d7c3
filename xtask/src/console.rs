//! The console: built for a browser, weighed, and walked through in one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use console_build::{File, Options};

use crate::checkout::{Checkout, run};
use crate::checks::TEST_DATABASE_VARIABLE;
use crate::postgres::{Cluster, Server};

/// What a browser fetches at most before it shows anything, compressed, in bytes: half a second at 10 Mbit/s.
const MOST: u64 = 600_000;

/// The axe-core that judges the pages.
const AXE: &str = "axe-core@4.14.1";

/// Builds the console as releases have it, prints what it weighs, and says where it lies.
///
/// # Errors
/// When it cannot be built, or has grown too large.
pub(crate) fn build(checkout: &Checkout) -> Result<PathBuf> {
    let dist = console_build::build(Options {
        workspace: &checkout.root,
        work: &checkout.target.join("console"),
        release: true,
    });
    let dist = dist.map_err(|error| anyhow!(error))?;
    let mut all = 0;
    for file in &dist.files {
        let (plain, brotli) = weigh(file)?;
        println!("{plain:>9} {brotli:>9}  {}", file.url);
        all += brotli;
    }
    println!(
        "          {all:>9}  bytes to fetch, with brotli; built in {:.0?}",
        dist.took
    );
    ensure!(
        all <= MOST,
        "a browser fetches {all} bytes before it shows anything; {MOST} are the most"
    );
    Ok(dist.folder)
}

/// A file's size in bytes, and what it takes on the way.
fn weigh(file: &File) -> Result<(u64, u64)> {
    let size = |path: &Path| {
        let found = fs::metadata(path).with_context(|| path.display().to_string());
        found.map(|found| found.len())
    };
    let plain = size(&file.plain)?;
    Ok((plain, file.brotli.as_deref().map_or(Ok(plain), size)?))
}

/// Says how to look at a console that was just built.
///
/// # Errors
/// When it cannot be built.
pub(crate) fn build_and_say(checkout: &Checkout) -> Result<()> {
    let folder = build(checkout)?;
    println!(
        "serve it with: cargo run -- --set console.dir={}",
        folder.display()
    );
    Ok(())
}

/// The lints of what is compiled to wasm alone, which the step `clippy` does not see.
///
/// # Errors
/// When there is a warning.
pub(crate) fn clippy(checkout: &Checkout) -> Result<()> {
    console_build::have_target().map_err(|error| anyhow!(error))?;
    let mut clippy = checkout.cargo([
        "clippy",
        "--locked",
        "--package=console",
        "--target=wasm32-unknown-unknown",
        "--profile=console-dev",
        "--target-dir",
    ]);
    clippy.arg(checkout.target.join("console/wasm"));
    let flags = console_build::flags(&checkout.root).join("\x1f");
    run(clippy
        .env("CARGO_ENCODED_RUSTFLAGS", flags)
        .args(["--", "-D", "warnings"]))
}

/// Builds it, and lets a browser walk through it on the real server.
///
/// # Errors
/// When a page does not show what it should, or shows it so that not everybody can use it.
pub(crate) fn check(checkout: &Checkout) -> Result<()> {
    let console = build(checkout)?;
    let axe = axe(checkout)?;
    let cluster = Cluster::start(&Server::find()?)?;
    let shots = checkout.target.join("console/shots");
    let mut test = checkout.cargo([
        "test",
        "--locked",
        "--test=console",
        "--",
        "--include-ignored",
        "--test-threads=1",
    ]);
    test.env(TEST_DATABASE_VARIABLE, cluster.url("postgres"))
        .env("POSTHASTE_TEST_CONSOLE", console)
        .env("POSTHASTE_TEST_AXE", axe)
        .env("POSTHASTE_TEST_SHOTS", &shots);
    run(&mut test)?;
    println!("pictures of every page: {}", shots.display());
    Ok(())
}

/// axe-core's one script, fetched once.
fn axe(checkout: &Checkout) -> Result<PathBuf> {
    let folder = checkout.target.join("tools/axe");
    let script = folder.join("node_modules/axe-core/axe.min.js");
    let wanted = AXE.rsplit_once('@').map_or("", |(_, version)| version);
    let manifest = fs::read_to_string(folder.join("node_modules/axe-core/package.json")).unwrap_or_default();
    if !manifest.contains(&format!("\"version\": \"{wanted}\"")) {
        fs::create_dir_all(&folder)?;
        let mut npm = checkout.command("npm");
        npm.args([
            "install",
            "--no-save",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
            "--prefix",
        ]);
        run(npm.arg(&folder).arg(AXE))?;
    }
    Ok(script)
}
