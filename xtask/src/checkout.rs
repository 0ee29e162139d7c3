//! This copy of the sources: where it lies, where it builds, and how programs are run on it.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The checkout that this program was built from.
pub(crate) struct Checkout {
    /// The folder of the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Cargo's target folder, wherever the environment or a configuration puts it.
    pub(crate) target: PathBuf,
    /// Whether `CI=true`: nothing may be left out then.
    pub(crate) in_ci: bool,
}

impl Checkout {
    /// Finds the checkout around the sources of this program.
    ///
    /// # Errors
    /// When `cargo metadata` cannot read the workspace.
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask lies inside the workspace")?
            .to_owned();
        let output = Command::new("cargo")
            .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
            .current_dir(&root)
            .output()
            .context("cannot run `cargo metadata`")?;
        if !output.status.success() {
            bail!(
                "`cargo metadata` failed: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        let metadata: serde_json::Value =
            serde_json::from_slice(&output.stdout).context("`cargo metadata` printed no JSON")?;
        let target = metadata["target_directory"]
            .as_str()
            .context("`cargo metadata` names no target_directory")?
            .into();
        Ok(Self {
            root,
            target,
            in_ci: environment("CI").as_deref() == Some("true"),
        })
    }

    /// A program to run in the root of the checkout. The developer's own `DATABASE_URL` and `POSTHASTE_*` do not reach it:
    /// queries are checked against the committed offline data, and no check may touch a database that someone needs.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.root)
            .env_remove("DATABASE_URL")
            .env("SQLX_OFFLINE", "true");
        for name in our_variables() {
            command.env_remove(name);
        }
        command
    }

    /// `cargo` with these arguments, in the root of the checkout.
    pub(crate) fn cargo<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let mut command = self.command("cargo");
        command.args(arguments);
        command
    }
}

/// Reads one environment variable; one that is not UTF-8 counts as unset.
pub(crate) fn environment(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "xtask is a root: no crate of the product knows it"
    )]
    std::env::var(name).ok()
}

/// The names of the settings of Posthaste that are in the environment.
fn our_variables() -> impl Iterator<Item = String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "xtask is a root: no crate of the product knows it"
    )]
    let all = std::env::vars_os();
    all.filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("POSTHASTE_"))
}

/// Shows the command, runs it with this process's own output, and waits.
///
/// # Errors
/// When it cannot be started or does not exit with 0. The error has the command, to repeat it by hand.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = command_line(command);
    println!("$ {line}");
    let status = command.status().with_context(|| format!("cannot run `{line}`"))?;
    if !status.success() {
        bail!("`{line}` ended with {status}");
    }
    Ok(())
}

/// Runs the command and returns what it printed, without the white space around it.
///
/// # Errors
/// When it cannot be started or does not exit with 0; then with what it said.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = command_line(command);
    let output = command.output().with_context(|| format!("cannot run `{line}`"))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(
            "`{line}` ended with {}: {} {}",
            output.status,
            printed.trim(),
            said.trim()
        );
    }
    Ok(printed.trim().to_owned())
}

/// The command as it could be typed: the variables that are set for it, the program, its arguments.
fn command_line(command: &Command) -> String {
    let mut line = String::new();
    for (name, value) in command.get_envs() {
        // Nobody who types it has to know about our shield against stray settings, nor may see a password.
        if let Some(value) = value
            && name != "SQLX_OFFLINE"
            && name != "PGPASSWORD"
        {
            let _ = write!(line, "{}={} ", name.to_string_lossy(), quoted(value));
        }
    }
    line.push_str(&quoted(command.get_program()));
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&quoted(argument));
    }
    line
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_can_be_pasted_into_a_shell() {
        let mut command = Command::new("psql");
        command
            .env("PGPASSWORD", "hidden")
            .env("PGOPTIONS", "-c a=1")
            .env_remove("DATABASE_URL");
        command.args(["--command", "select 'it''s'", ""]);
        assert_eq!(
            command_line(&command),
            r"PGOPTIONS='-c a=1' psql --command 'select '\''it'\'''\''s'\''' ''"
        );
    }

    #[test]
    fn a_failing_program_is_an_error_with_what_it_said() {
        let error = output(Command::new("sh").args(["-c", "echo trouble >&2; exit 3"]))
            .unwrap_err()
            .to_string();
        assert!(error.contains("trouble") && error.contains('3'), "{error}");
        assert!(run(Command::new("sh").args(["-c", "exit 3"])).is_err());
    }
}
