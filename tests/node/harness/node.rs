//! The real program, as a process; and one that is ready, which is a node.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use super::{Api, LOOK, PATIENCE, until};

/// A process of the program, whether it becomes ready or not. Dropped, it is killed.
pub(crate) struct Process {
    child: Child,
    pid: Pid,
    log: PathBuf,
    log_begin: u64,
}

impl Process {
    /// Starts the program for `folder/name` by the command `verb`.
    pub(super) fn start(
        verb: &str,
        folder: &Path,
        name: &str,
        database_url: Option<&str>,
        settings: &[&str],
    ) -> Self {
        let log = folder.join(format!("{name}.log"));
        let log_begin = fs::metadata(&log).map_or(0, |meta| meta.len());
        let errors = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("a log file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_posthaste"));
        // Nothing of the surroundings configures it but the way to PostgreSQL's programs.
        command.env_clear().env("PATH", path()).current_dir(folder);
        command.args([verb, "--data-dir"]).arg(folder.join(name));
        command.args(database_url.iter().flat_map(|url| ["--database-url", url]));
        // The last one holds: a test may name another address.
        let all = ["gateway.listen=127.0.0.1:0"].iter().chain(settings);
        command.args(all.flat_map(|setting| ["--set", setting]));
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts");
        let pid = child
            .id()
            .and_then(|pid| Pid::from_raw(pid.cast_signed()))
            .expect("it has a pid");
        Self {
            child,
            pid,
            log,
            log_begin,
        }
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let begin = usize::try_from(self.log_begin).unwrap_or(0).min(text.len());
        String::from_utf8_lossy(&text[begin..]).into_owned()
    }

    /// Waits until the log says so.
    pub(crate) async fn until_log(&self, words: &str) {
        until(&format!("the log says: {words}"), || self.log().contains(words)).await;
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).expect("it runs");
    }

    /// Waits for its end, however that comes.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let ended = timeout(PATIENCE, self.child.wait()).await;
        let status = ended.unwrap_or_else(|_| panic!("it has not ended; its log: {}", self.log()));
        status.expect("a status")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.start_kill();
        // Its folder is removed next.
        let begun = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && begun.elapsed() < PATIENCE {
            thread::sleep(LOOK);
        }
    }
}

/// A running node. Dropped, it is killed.
pub(crate) struct Node {
    process: Process,
    address: SocketAddr,
    api: Api,
}

impl Node {
    /// Starts a node in `folder/name` by the command `verb`, and returns when it says that it is ready, with the key that it printed.
    pub(super) async fn start(
        verb: &str,
        folder: &Path,
        name: &str,
        database_url: Option<&str>,
        settings: &[&str],
    ) -> (Self, Option<String>) {
        let mut process = Process::start(verb, folder, name, database_url, settings);
        let stdout = process.child.stdout.take().expect("it is piped");
        let Ok(Some((address, key))) = timeout(PATIENCE, read_banner(stdout)).await else {
            panic!("{name} does not become ready: {}", process.log());
        };
        let api = Api::new();
        api.use_node(address);
        let node = Self {
            process,
            address,
            api,
        };
        (node, key)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> Pid {
        self.process.pid
    }

    /// Talks to this node.
    pub(crate) fn api(&self) -> &Api {
        &self.api
    }

    /// Resident memory, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.pid().as_raw_nonzero());
        let status = fs::read_to_string(path).expect("it runs");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .expect("Linux tells");
        let kib: u64 = line
            .trim()
            .trim_end_matches("kB")
            .trim()
            .parse()
            .expect("a number of kB");
        kib * 1024
    }

    /// What this process logged so far.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    /// Waits until the log says so.
    pub(crate) async fn until_log(&self, words: &str) {
        self.process.until_log(words).await;
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Kills it, and returns when it is gone.
    pub(crate) async fn kill(mut self) {
        self.signal(Signal::KILL);
        let _ = self.process.child.wait().await;
    }

    /// Waits for its end, however that comes.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        self.process.ended().await
    }
}

/// Reads the address and, at the first start, the key; and then keeps the pipe empty.
async fn read_banner(stdout: ChildStdout) -> Option<(SocketAddr, Option<String>)> {
    let mut lines = BufReader::new(stdout).lines();
    let (mut address, mut key, mut body) = (None, None, false);
    while let Some(line) = lines.next_line().await.ok()? {
        if let Some(url) = line.trim().strip_prefix("REST API") {
            let (_, url) = url.trim().split_once("://")?;
            let url = url.trim_end_matches("/v1");
            address = Some(url.parse().ok()?);
        } else if let Some(text) = line.trim().strip_prefix("Admin key") {
            key = Some(text.trim().to_owned());
        }
        body |= line.contains("Database");
        if body && line.is_empty() {
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Some((address?, key));
        }
    }
    None
}

#[expect(clippy::disallowed_methods, reason = "an edge: the tests' own PATH")]
pub(crate) fn path() -> String {
    std::env::var("PATH").expect("a PATH")
}
