//! The programs from outside that the steps need: finding each, and installing it where that can be done unasked.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};

use crate::checkout::{Checkout, output, run};
use crate::postgres::{OLDEST, Server};

/// The cargo-deny whose configuration format deny.toml is written in; xtask/cargo-deny.txt has the same.
const CARGO_DENY: &str = "0.20.2";

/// The oldest Node.js that the receiver in examples/ runs on.
const OLDEST_NODE: u32 = 18;

/// The oldest Java that runs the receiver in examples/ from its source.
const OLDEST_JAVA: u32 = 17;

/// A program from outside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tool {
    /// The server's own programs: the checks start servers of their own.
    Postgres,
    /// rustfmt and clippy.
    RustComponents,
    /// cargo-deny, in the version of [`CARGO_DENY`].
    CargoDeny,
    /// Python with `venv` and `pip`.
    Python,
    /// Node.js with npm.
    Node,
    /// curl.
    Curl,
    /// Chromium, and the program that drives it.
    Chromium,
    /// openssl, the program.
    OpenSsl,
    /// Go.
    Go,
    /// PHP with its own server.
    Php,
    /// Ruby with `WEBrick`.
    Ruby,
    /// Java with its compiler.
    Java,
    /// socat.
    Socat,
    /// systemd's own judgement of units; it need not run.
    Systemd,
}

impl fmt::Display for Tool {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres => write!(out, "PostgreSQL {OLDEST} or newer"),
            Self::RustComponents => write!(out, "rustfmt and clippy"),
            Self::CargoDeny => write!(out, "cargo-deny {CARGO_DENY}"),
            Self::Python => write!(out, "Python 3 with venv"),
            Self::Node => write!(out, "Node.js {OLDEST_NODE} or newer with npm"),
            Self::Curl => write!(out, "curl"),
            Self::Chromium => write!(out, "Chromium with chromedriver"),
            Self::OpenSsl => write!(out, "openssl"),
            Self::Go => write!(out, "Go"),
            Self::Php => write!(out, "PHP"),
            Self::Ruby => write!(out, "Ruby with WEBrick"),
            Self::Java => write!(out, "Java {OLDEST_JAVA} or newer with its compiler"),
            Self::Socat => write!(out, "socat"),
            Self::Systemd => write!(out, "systemd-analyze"),
        }
    }
}

impl Tool {
    /// Looks for it, and says which one was found.
    ///
    /// # Errors
    /// When it is missing, too old or broken.
    pub(crate) fn find(self, checkout: &Checkout) -> Result<String> {
        match self {
            Self::Postgres => {
                Server::find().map(|server| format!("{} in {}", server.version, server.bin.display()))
            }
            Self::RustComponents => {
                let rustfmt = output(&mut checkout.cargo(["fmt", "--version"]))?;
                let clippy = output(&mut checkout.cargo(["clippy", "--version"]))?;
                Ok(format!("{rustfmt}, {clippy}"))
            }
            Self::CargoDeny => cargo_deny(checkout).map(|program| program.display().to_string()),
            Self::Python => {
                output(checkout.command("python3").args(["-c", "import venv, ensurepip"]))?;
                output(checkout.command("python3").arg("--version"))
            }
            Self::Node => {
                let node = output(checkout.command("node").arg("--version"))?;
                let major = node
                    .trim_start_matches('v')
                    .split('.')
                    .next()
                    .and_then(|major| major.parse().ok());
                ensure!(
                    major.is_some_and(|major: u32| major >= OLDEST_NODE),
                    "Node.js {node} is too old"
                );
                let npm = output(checkout.command("npm").arg("--version"))?;
                Ok(format!("Node.js {node}, npm {npm}"))
            }
            Self::Curl => first_line(checkout, "curl", &["--version"]),
            Self::OpenSsl => first_line(checkout, "openssl", &["version"]),
            Self::Go => first_line(checkout, "go", &["version"]),
            Self::Php => first_line(checkout, "php", &["--version"]),
            Self::Ruby => {
                output(checkout.command("ruby").args(["-e", "require 'webrick'"]))?;
                first_line(checkout, "ruby", &["--version"])
            }
            Self::Java => {
                let version = first_line(checkout, "javac", &["-version"])?;
                let major = version
                    .split([' ', '.'])
                    .nth(1)
                    .and_then(|major| major.parse().ok());
                ensure!(
                    major.is_some_and(|major: u32| major >= OLDEST_JAVA),
                    "{version} is too old"
                );
                Ok(version)
            }
            Self::Socat => {
                output(checkout.command("socat").arg("-V"))?;
                Ok("socat".to_owned())
            }
            Self::Chromium => {
                output(checkout.command("chromedriver").arg("--version"))?;
                output(checkout.command("chromium").arg("--version"))
            }
            Self::Systemd => first_line(checkout, "systemd-analyze", &["--version"]),
        }
    }

    /// The packages it comes with on Debian, where it comes so.
    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["postgresql"],
            Self::Python => &["python3", "python3-venv"],
            Self::Node => &["nodejs", "npm"],
            Self::Curl => &["curl"],
            Self::Chromium => &["chromium", "chromium-driver"],
            Self::OpenSsl => &["openssl"],
            Self::Go => &["golang-go"],
            Self::Php => &["php-cli"],
            Self::Ruby => &["ruby", "ruby-webrick"],
            Self::Java => &["default-jdk-headless"],
            Self::Socat => &["socat"],
            Self::Systemd => &["systemd"],
            Self::RustComponents | Self::CargoDeny => &[],
        }
    }

    /// Installs what comes from elsewhere than Debian.
    fn install(self, checkout: &Checkout) -> Result<()> {
        match self {
            Self::RustComponents => {
                run(checkout
                    .command("rustup")
                    .args(["component", "add", "rustfmt", "clippy"]))
            }
            Self::CargoDeny => install_cargo_deny(checkout),
            Self::Postgres
            | Self::Python
            | Self::Node
            | Self::Curl
            | Self::Chromium
            | Self::OpenSsl
            | Self::Go
            | Self::Php
            | Self::Ruby
            | Self::Java
            | Self::Socat
            | Self::Systemd => Ok(()),
        }
    }
}

/// The first line of what a program prints, such as its version.
fn first_line(checkout: &Checkout, program: &str, arguments: &[&str]) -> Result<String> {
    let printed = output(checkout.command(program).args(arguments))?;
    Ok(printed.lines().next().unwrap_or_default().to_owned())
}

/// Finds each of these tools, or installs it and finds it then.
///
/// # Errors
/// In CI, when one is still missing. Elsewhere it is named, and the steps that need it will say that they cannot run.
pub(crate) fn install_missing<'a>(checkout: &Checkout, tools: impl Iterator<Item = &'a Tool>) -> Result<()> {
    let tools: BTreeSet<&Tool> = tools.collect();
    let absent = |tool: &&&Tool| tool.find(checkout).is_err();
    let packages: Vec<&str> = tools
        .iter()
        .filter(absent)
        .flat_map(|tool| tool.packages())
        .copied()
        .collect();
    if !packages.is_empty()
        && let Err(error) = apt_install(checkout, &packages)
    {
        println!("{error:#}");
    }
    // What is left is installed with the packages' help.
    for tool in tools.iter().filter(absent) {
        if let Err(error) = tool.install(checkout) {
            println!("{error:#}");
        }
    }
    let mut missing = Vec::new();
    for tool in tools {
        match tool.find(checkout) {
            Ok(which) => println!("{tool}: {which}"),
            Err(error) => {
                println!("{tool} is missing: {error:#}");
                missing.push(tool.to_string());
            }
        }
    }
    ensure!(
        missing.is_empty() || !checkout.in_ci,
        "missing: {}",
        missing.join(", ")
    );
    Ok(())
}

/// The cargo-deny program, on the `PATH` or where [`install_missing`] puts it.
///
/// # Errors
/// When there is none in the version that deny.toml is written for.
pub(crate) fn cargo_deny(checkout: &Checkout) -> Result<PathBuf> {
    let ours = tools_folder(checkout).join("bin/cargo-deny");
    for program in [ours, PathBuf::from("cargo-deny")] {
        let said = output(checkout.command(&program).arg("--version"));
        if said.is_ok_and(|version| version.ends_with(CARGO_DENY)) {
            return Ok(program);
        }
    }
    bail!(
        "not found; `cargo xtask test --only tools` or `cargo install cargo-deny --locked --version {CARGO_DENY}`"
    )
}

fn tools_folder(checkout: &Checkout) -> PathBuf {
    checkout.target.join("tools")
}

fn install_cargo_deny(checkout: &Checkout) -> Result<()> {
    let folder = tools_folder(checkout);
    let ready_made = run(checkout.command("python3").args(["-m", "venv"]).arg(&folder)).and_then(|()| {
        let mut pip = checkout.command(folder.join("bin/pip"));
        pip.args([
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
            "--only-binary=:all:",
        ]);
        run(pip.args(["--requirement", "xtask/cargo-deny.txt"]))
    });
    ready_made.or_else(|error| {
        println!("no ready-made cargo-deny ({error:#}); building it takes some minutes");
        let mut install = checkout.cargo([
            "install",
            "cargo-deny",
            "--locked",
            "--version",
            CARGO_DENY,
            "--root",
        ]);
        run(install.arg(&folder))
    })
}

/// Installs these Debian packages, if this is such a machine and we may.
fn apt_install(checkout: &Checkout, packages: &[&str]) -> Result<()> {
    let by_hand = || {
        format!(
            "to be installed by hand (Debian: apt-get install {})",
            packages.join(" ")
        )
    };
    ensure!(Path::new("/usr/bin/apt-get").exists(), by_hand());
    let user = output(checkout.command("id").arg("-u")).with_context(by_hand)?;
    ensure!(user == "0", by_hand());
    run(checkout.command("apt-get").args(["update", "--quiet=2"]))?;
    let mut install = checkout.command("apt-get");
    // Its errors are on standard error; what it unpacks interests nobody.
    install
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdout(Stdio::null());
    run(install
        .args(["install", "--quiet=2", "--yes", "--no-install-recommends"])
        .args(packages))
}
