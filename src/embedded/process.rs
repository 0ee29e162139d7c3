//! The running server: our child, or one that a crash has left.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;
use tokio::time::{sleep, timeout};

use super::account::Account;
use super::binaries::Binaries;
use super::cluster::Cluster;
use super::log::Log;
use super::pidfile::{Holder, holder};

/// How often a server that is not our child is looked at; the system tells only parents.
const LOOK: Duration = Duration::from_millis(200);
/// Time for an orderly stop: rolling back what is open, and a checkpoint of at most 256 MB of buffers.
const ORDERLY: Duration = Duration::from_secs(30);
/// Time for a stop without a checkpoint; what is missing is recovered at the next start.
const IMMEDIATE: Duration = Duration::from_secs(5);

/// A server process. Dropped while it runs, it is told to stop and not waited for.
#[derive(Debug)]
pub(super) enum Process {
    /// Started by us.
    Child(Child, Pid),
    /// Left by a posthaste that crashed; with its cluster's folder, by which it is known.
    Adopted(Pid, PathBuf),
}

impl Process {
    /// Starts a server.
    pub(super) fn start(
        binaries: &Binaries,
        account: &Account,
        cluster: &Cluster,
        log: &Log,
        arguments: &[String],
    ) -> Result<Self> {
        let child = binaries
            .command("postgres", account, &cluster.folder)
            .args(arguments)
            .stdout(log.output()?)
            .stderr(log.output()?)
            // Ctrl-C goes to our whole process group: the database must outlive us, who still write results.
            .process_group(0)
            .spawn()
            .with_context(|| format!("{}/postgres cannot be started", binaries.folder.display()))?;
        let pid = child
            .id()
            .and_then(|pid| Pid::from_raw(pid.cast_signed()))
            .context("the server has no pid")?;
        Ok(Self::Child(child, pid))
    }

    /// Its process id.
    pub(super) fn pid(&self) -> Pid {
        match self {
            Self::Child(_, pid) | Self::Adopted(pid, _) => *pid,
        }
    }

    /// How it ended, when it has.
    pub(super) fn ended(&mut self) -> Option<String> {
        match self {
            Self::Child(child, _) => match child.try_wait() {
                Ok(None) => None,
                Ok(Some(status)) => Some(status.to_string()),
                Err(error) => Some(error.to_string()),
            },
            Self::Adopted(pid, folder) => {
                let here = holder(pid.as_raw_nonzero().get(), folder) == Holder::Server;
                (!here).then(|| "it was left by an earlier run, so how is not known".to_owned())
            }
        }
    }

    /// Waits until it ends; tells how. May be dropped and called again.
    pub(super) async fn wait(&mut self) -> String {
        if let Self::Child(child, _) = self {
            return child
                .wait()
                .await
                .map_or_else(|error| error.to_string(), |status| status.to_string());
        }
        loop {
            if let Some(how) = self.ended() {
                return how;
            }
            sleep(LOOK).await;
        }
    }

    /// Stops it: orderly, else without a checkpoint, else by force. Each is safe for the data.
    pub(super) async fn stop(&mut self) {
        for (signal, patience) in [
            (Signal::INT, ORDERLY),
            (Signal::QUIT, IMMEDIATE),
            (Signal::KILL, IMMEDIATE),
        ] {
            if self.ended().is_some() {
                return;
            }
            if let Err(error) = kill_process(self.pid(), signal) {
                tracing::warn!(?signal, %error, "PostgreSQL cannot be told to stop");
            }
            if timeout(patience, self.wait()).await.is_ok() {
                return;
            }
            tracing::warn!(?signal, "PostgreSQL has not stopped within {patience:?}");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_none() {
            let _ = kill_process(self.pid(), Signal::INT);
        }
    }
}

/// The process id of the server that runs now, for signals from wherever we end; 0 while none runs.
#[derive(Debug)]
pub(super) struct CurrentPid(AtomicI32);

impl CurrentPid {
    /// That of this process.
    pub(super) fn of(process: &Process) -> Self {
        Self(AtomicI32::new(process.pid().as_raw_nonzero().get()))
    }

    /// Another one runs, or none. Must be told before the id may belong to someone else.
    pub(super) fn set(&self, process: Option<&Process>) {
        self.0.store(
            process.map_or(0, |process| process.pid().as_raw_nonzero().get()),
            Ordering::Release,
        );
    }

    /// Tells it to stop, without waiting.
    pub(super) fn interrupt(&self) {
        if let Some(pid) = Pid::from_raw(self.0.load(Ordering::Acquire)) {
            let _ = kill_process(pid, Signal::INT);
        }
    }
}
