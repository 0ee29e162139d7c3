//! The client libraries in `sdks/`: written anew from the OpenAPI document where they are made of it, and tested against a server.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::checkout::{Checkout, run};
use crate::examples::receivers::build_typescript;
use crate::node::Node;

/// The library in Python: its folder, its modules, and what its tests run with.
const PYTHON: &str = "sdks/python";
pub(crate) const PYTHON_SOURCES: &str = "sdks/python/src";
pub(crate) const PYTHON_REQUIREMENTS: &str = "sdks/python/requirements.txt";

/// The library in TypeScript.
pub(crate) const TYPESCRIPT: &str = "sdks/typescript";

/// The document that both are made of.
const DOCUMENT: &str = "gateway/openapi.json";

/// What is made of it: the file in the tree, and its name where it is made for comparison.
const MADE: [(&str, &str); 4] = [
    ("sdks/python/src/posthaste/types.py", "types.py"),
    ("sdks/python/src/posthaste/operations.py", "operations.py"),
    (
        "sdks/python/src/posthaste/async_operations.py",
        "async_operations.py",
    ),
    ("sdks/typescript/src/schema.ts", "schema.ts"),
];

/// Writes what is made of the document anew.
///
/// # Errors
/// When a generator cannot be installed, or fails.
pub(crate) fn write(checkout: &Checkout) -> Result<()> {
    let made = generate(checkout)?;
    for (path, name) in MADE {
        fs::copy(made.join(name), checkout.root.join(path)).with_context(|| path.to_owned())?;
    }
    println!("written: {}", MADE.map(|(path, _)| path).join(", "));
    Ok(())
}

/// Holds the libraries to the document, and lets their tests ask a server.
///
/// # Errors
/// When one was made of another document, is badly typed, or fails a test.
pub(crate) fn check(checkout: &Checkout) -> Result<()> {
    let made = generate(checkout)?;
    for (path, name) in MADE {
        let (is, should) = (
            fs::read(checkout.root.join(path)).with_context(|| path.to_owned())?,
            fs::read(made.join(name))?,
        );
        ensure!(
            is == should,
            "{path} is not what {DOCUMENT} gives: cargo xtask sdks"
        );
    }
    build_typescript(checkout, TYPESCRIPT)?;
    let folder = checkout.target.join("sdks");
    let bin = python(checkout, &folder.join("python"), PYTHON_REQUIREMENTS)?;

    run(checkout
        .command(bin.join("mypy"))
        .current_dir(checkout.root.join(PYTHON)))?;
    let node = Node::start(checkout, &folder, &[])?;
    let mut pytest = checkout.command(bin.join("python"));
    pytest
        .current_dir(checkout.root.join(PYTHON))
        .env("PYTHONPATH", checkout.root.join(PYTHON_SOURCES))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args(["-m", "pytest", "--quiet", "-p", "no:cacheprovider", "tests"]);
    let mut tests = checkout.command("npm");
    tests.args(["test", "--silent", "--prefix", TYPESCRIPT]);
    for command in [&mut pytest, &mut tests] {
        run(command
            .env("POSTHASTE_URL", &node.rest)
            .env("POSTHASTE_KEY", &node.key))?;
    }
    node.stop()
}

/// What the document gives: the folder that it lies in.
fn generate(checkout: &Checkout) -> Result<PathBuf> {
    let folder = checkout.target.join("sdks/made");
    fs::create_dir_all(&folder)?;
    let generators = checkout.target.join("sdks/generators");
    let bin = python(checkout, &generators, "sdks/python/requirements-generate.txt")?;
    let mut generate = checkout.command(bin.join("python"));
    generate.args(["sdks/python/generate.py", DOCUMENT]);
    run(generate.arg(&folder))?;
    let mut install = checkout.command("npm");
    install.args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
        "--prefix",
        TYPESCRIPT,
    ]);
    run(&mut install)?;
    let mut generate = checkout.command("node");
    generate.arg(format!("{TYPESCRIPT}/node_modules/openapi-typescript/bin/cli.js"));
    run(generate
        .arg(DOCUMENT)
        .arg("--output")
        .arg(folder.join("schema.ts")))?;
    Ok(folder)
}

/// An environment with these packages: the folder of its programs.
fn python(checkout: &Checkout, environment: &Path, requirements: &str) -> Result<PathBuf> {
    fs::create_dir_all(environment)?;
    run(checkout.command("python3").args(["-m", "venv"]).arg(environment))?;
    let bin = environment.join("bin");
    let mut pip = checkout.command(bin.join("pip"));
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
    ]);
    run(pip.arg(requirements))?;
    Ok(bin)
}
