//! What people are asked.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Context, Result, bail};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use super::Usage;

/// The longest secret that is read: a token (JWT) has a few KiB.
const SECRET_MAX: u64 = 64 << 10;

/// Asks before something that cannot be taken back. Without a terminal nobody can answer: then `--yes` must have been given.
pub(super) fn confirm(question: &str, yes: bool) -> Result<()> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        let wrong =
            format!("{question} There is no terminal to ask on: give --yes if that is what you want.");
        return Err(Usage(wrong).into());
    }
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    io::stdin()
        .lock()
        .read_line(&mut answer)
        .context("cannot read the answer")?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    bail!("nothing was done")
}

/// Reads a secret: from the terminal without showing it, or the first line of standard input.
pub(super) fn secret(name: &str) -> Result<String> {
    let stdin = io::stdin();
    let text = if stdin.is_terminal() {
        eprint!("{name}: ");
        io::stderr().flush().ok();
        let hidden = Hidden::begin()?;
        let text = first_line(stdin.lock());
        drop(hidden);
        eprintln!();
        text
    } else {
        first_line(stdin.lock())
    };
    let text = text.with_context(|| format!("cannot read the {name}"))?;
    if text.is_empty() {
        return Err(Usage(format!("no {name} was given on standard input")).into());
    }
    Ok(text)
}

fn first_line(input: impl BufRead) -> io::Result<String> {
    let mut text = String::new();
    input.take(SECRET_MAX).read_line(&mut text)?;
    Ok(text.trim().to_owned())
}

/// While it lives, what is typed is not shown.
struct Hidden(rustix::termios::Termios);

impl Hidden {
    fn begin() -> Result<Self> {
        let before = tcgetattr(io::stdin()).context("the terminal does not tell its state")?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &hidden)
            .context("the terminal cannot hide what is typed")?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_the_first_line() {
        for (input, line) in [
            ("ph_a\nrest", "ph_a"),
            ("  ph_a \r\n", "ph_a"),
            ("", ""),
            ("\n", ""),
        ] {
            assert_eq!(first_line(input.as_bytes()).unwrap(), line);
        }
    }
}
