//! Starting the server, and keeping it running.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::{Instant, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::account::Account;
use super::binaries::Binaries;
use super::cluster::{Cluster, is_free};
use super::log::Log;
use super::pidfile::{Found, Holder, PidFile, Status, holder, started_with};
use super::process::{CurrentPid, Process};

/// How often a starting server is looked at; it is up within some 50 ms.
const LOOK: Duration = Duration::from_millis(10);
/// Time for coming up, recovery included: replaying 2 GB of log takes a minute on a slow disk.
const UP: Duration = Duration::from_mins(15);
/// After this time it is said that the start is slow, and again each time it has passed.
const SLOW: Duration = Duration::from_secs(5);
/// Ports to try at the first start: each is free when it is chosen, and someone may be quicker.
const PORTS_TRIED: u32 = 5;
/// Waiting times before a server that has died is started again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A server that ran for this long has recovered from whatever it was.
const STABLE: Duration = Duration::from_mins(1);
/// How often the size of the log is looked at.
const LOG_LOOK: Duration = Duration::from_secs(5);

/// All that is needed to start a server, once or again.
#[derive(Debug)]
pub(super) struct Launcher {
    pub(super) binaries: Binaries,
    pub(super) account: Account,
    pub(super) cluster: Cluster,
    pub(super) log: Log,
    pub(super) max_connections: u32,
}

impl Launcher {
    /// The first server of this run: the one that a crash has left, else a new one.
    pub(super) async fn first(&self) -> Result<(Process, u16)> {
        if let Some(adopted) = self.adopt().await? {
            return Ok(adopted);
        }
        let mut tried = 1;
        loop {
            let port = self.cluster.port()?;
            match self.start(port, &CancellationToken::new()).await {
                Ok(process) => return Ok((process, port)),
                Err(error) if tried == PORTS_TRIED || is_free(port) => return Err(error),
                Err(_) => tried += 1,
            }
        }
    }

    /// A server on this port, when it takes connections.
    async fn start(&self, port: u16, stop: &CancellationToken) -> Result<Process> {
        let mark = self.log.mark();
        let mut process = Process::start(
            &self.binaries,
            &self.account,
            &self.cluster,
            &self.log,
            &self.arguments(port),
        )?;
        match self.ready(&mut process, stop).await {
            Ok(()) => Ok(process),
            Err(error) => {
                process.stop().await;
                Err(error.context(format!(
                    "PostgreSQL does not start; it says:\n{}",
                    self.log.since(mark)
                )))
            }
        }
    }

    fn arguments(&self, port: u16) -> Vec<String> {
        self.cluster
            .arguments(port, self.max_connections, self.binaries.lz4)
    }

    /// Waits until the server says in its pid file that it takes connections.
    async fn ready(&self, process: &mut Process, stop: &CancellationToken) -> Result<()> {
        let begin = Instant::now();
        let mut next_word = SLOW;
        loop {
            if let Some(how) = process.ended() {
                bail!("it ended: {how}");
            }
            if let Found::File(file) = PidFile::read(&self.cluster.folder)?
                && file.pid == process.pid().as_raw_nonzero().get()
                && file.status == Status::Ready
            {
                return Ok(());
            }
            if stop.is_cancelled() {
                bail!("it was told to stop while it was starting");
            }
            if begin.elapsed() > UP {
                bail!("it is not up after {UP:?}");
            }
            if begin.elapsed() > next_word {
                next_word += SLOW;
                tracing::info!("PostgreSQL is still starting; after a crash it replays its log");
            }
            sleep(LOOK).await;
        }
    }

    /// Deals with what an earlier run has left. A server that runs as we would start it is taken over; another one
    /// is stopped. Of a dead server's pid file the new one takes care itself, and checks that no part of the old one
    /// still uses the data; only where it could not is the file removed: it is empty, or its process id is now that of
    /// another program.
    async fn adopt(&self) -> Result<Option<(Process, u16)>> {
        let folder = &self.cluster.folder;
        let file = PidFile::read(folder).with_context(|| format!("{}/postmaster.pid", folder.display()))?;
        let PidFile { pid, port, status } = match file {
            Found::Nothing => return Ok(None),
            Found::Unreadable => {
                tracing::info!("removing an unreadable pid file of PostgreSQL");
                PidFile::remove(folder)?;
                return Ok(None);
            }
            Found::File(file) => file,
        };
        match holder(pid, folder) {
            Holder::Server => {}
            Holder::Stranger => {
                tracing::info!(
                    pid,
                    "removing a stale pid file of PostgreSQL; another program has its process id"
                );
                PidFile::remove(folder)?;
                return Ok(None);
            }
            Holder::Nobody | Holder::Unknown => return Ok(None),
        }
        let raw = rustix::process::Pid::from_raw(pid).context("a pid file holds no process id")?;
        let mut process = Process::Adopted(raw, folder.clone());
        let options = fs::read_to_string(folder.join("postmaster.opts")).unwrap_or_default();
        if status != Status::Stopping && started_with(&options, &self.arguments(port)) {
            tracing::info!(
                pid,
                port,
                "taking over the PostgreSQL that an earlier run has left"
            );
            if self.ready(&mut process, &CancellationToken::new()).await.is_ok() {
                self.cluster.keep_port(port)?;
                return Ok(Some((process, port)));
            }
        } else {
            tracing::info!(
                pid,
                "stopping the PostgreSQL that an earlier run has left, to start it anew"
            );
        }
        process.stop().await;
        Ok(None)
    }
}

/// Keeps a server running, always on the same port, so that connection pools find it again; stops it when told to.
pub(super) async fn run(
    launcher: &Launcher,
    mut process: Process,
    port: u16,
    current: &CurrentPid,
    stop: &CancellationToken,
) {
    let mut pause = FIRST_PAUSE;
    let mut started = Instant::now();
    let mut look = interval(LOG_LOOK);
    let mut mark = launcher.log.mark();
    loop {
        let how = tokio::select! {
            () = stop.cancelled() => {
                process.stop().await;
                current.set(None);
                return;
            }
            _ = look.tick() => {
                launcher.log.bound();
                mark = mark.min(launcher.log.mark());
                continue;
            }
            how = process.wait() => how,
        };
        current.set(None);
        tracing::error!(
            how,
            "PostgreSQL has ended by itself; it says:\n{}",
            launcher.log.since(mark)
        );
        if started.elapsed() > STABLE {
            pause = FIRST_PAUSE;
        }
        process = loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(pause) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
            mark = launcher.log.mark();
            match launcher.start(port, stop).await {
                Ok(process) => break process,
                Err(_) if stop.is_cancelled() => return,
                Err(error) => tracing::error!("{error:#}; trying again in {pause:?}"),
            }
        };
        current.set(Some(&process));
        started = Instant::now();
        tracing::info!(port, "PostgreSQL is up again");
    }
}
