//! A program that runs beside a check, and is known by the lines it prints.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::checkout::output;

/// The longest wait for a line or for an end. Far above what it takes on a slow and loaded machine: it only ends hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running program. Dropped, it is killed.
pub(crate) struct Service {
    name: &'static str,
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Service {
    /// Starts the program. What it prints also goes to the file `log`, what it says on standard error only there.
    ///
    /// # Errors
    /// When the log cannot be written or the program not be started.
    pub(crate) fn start(name: &'static str, command: &mut Command, log: &Path) -> Result<Self> {
        let log = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let errors = log.try_clone()?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .with_context(|| format!("cannot run {name}"))?;
        let stdout = child.stdout.take().context("its output is piped")?;
        let (sender, lines) = channel();
        thread::spawn(move || pass_on(stdout, log, &sender));
        Ok(Self {
            name,
            child,
            lines,
            said: Vec::new(),
        })
    }

    /// The first line, of all it has printed and will print, in which `find` finds something.
    ///
    /// # Errors
    /// When it ends without such a line, or does not print one in time; then with what it printed instead.
    pub(crate) fn line<T>(&mut self, what: &str, find: impl Fn(&str) -> Option<T>) -> Result<T> {
        if let Some(found) = self.said.iter().find_map(|line| find(line)) {
            return Ok(found);
        }
        let until = Instant::now() + PATIENCE;
        let problem = loop {
            match self
                .lines
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(line) => {
                    let found = find(&line);
                    self.said.push(line);
                    if let Some(found) = found {
                        return Ok(found);
                    }
                }
                Err(RecvTimeoutError::Timeout) => break format!("did not print {what} in {PATIENCE:?}"),
                Err(RecvTimeoutError::Disconnected) => break format!("ended without printing {what}"),
            }
        };
        bail!("{} {problem}; it printed:\n{}", self.name, self.said.join("\n"))
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    ///
    /// # Errors
    /// When it does not end in time.
    pub(crate) fn terminate(mut self) -> Result<ExitStatus> {
        output(Command::new("kill").args(["-TERM", &self.child.id().to_string()]))?;
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("{} still runs {PATIENCE:?} after SIGTERM", self.name)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pass_on(stdout: ChildStdout, mut log: File, lines: &Sender<String>) {
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        let _ = writeln!(log, "{line}");
        // Nobody waits for further lines; the program must still be able to print them.
        let _ = lines.send(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Service {
        let log =
            std::env::temp_dir().join(format!("posthaste-xtask-{}-{}", std::process::id(), script.len()));
        let service = Service::start("the script", Command::new("sh").args(["-c", script]), &log).unwrap();
        std::fs::remove_file(log).unwrap();
        service
    }

    #[test]
    fn lines_are_found_whether_they_come_before_or_after_the_question() {
        let mut service = shell("echo one; echo two; echo three");
        let two = service.line("two", |line| (line == "two").then_some(2)).unwrap();
        let one = service.line("one", |line| (line == "one").then_some(1)).unwrap();
        assert_eq!((one, two), (1, 2));
        let error = service
            .line("four", |line| (line == "four").then_some(()))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("ended without printing four") && error.contains("three"),
            "{error}"
        );
    }

    #[test]
    fn a_program_that_is_asked_to_end_tells_how_it_ended() {
        let mut service = shell("trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done");
        service.line("up", |line| (line == "up").then_some(())).unwrap();
        assert_eq!(service.terminate().unwrap().code(), Some(7));
    }
}
