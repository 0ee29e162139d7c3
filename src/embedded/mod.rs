//! Our own PostgreSQL, for a node to which no database is given.
//!
//! The cast: `Binaries` are the programs, found on the machine or fetched; the `Account` is who the server runs as
//! (it refuses to be root); the `Cluster` is its folder; the `Process` is the running server, started by us or
//! left by a crash and adopted; the supervisor keeps it running until [`Server::stop`].
//!
//! Everything lies in the data folder, which one process at a time owns (`lock`):
//!
//! ```text
//! lock              held while a posthaste uses the folder
//! postgres/         the cluster, with its password and port in files of ours; owned by the server's account
//! postgres.new-*/   an unfinished initdb; removed at the next start
//! postgres.log      what the server writes; cut at 8 MiB, the part before kept in postgres.log.1
//! postgresql-*/     programs that were fetched because the machine has none
//! ```
//!
//! There is no SQL here: readiness is read from the server's pid file, as `pg_ctl` does.

mod account;
mod binaries;
mod cluster;
mod download;
mod log;
mod pidfile;
mod process;
mod supervise;

use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use account::Account;
use binaries::Binaries;
use cluster::Cluster;
use log::Log;
use process::CurrentPid;
use supervise::Launcher;

/// What [`start`] needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data folder; made when it is not there.
    pub data_dir: PathBuf,
    /// Connections that this node opens at most; the server allows some more, for `psql` and its own work.
    pub max_connections: u32,
    /// Whether programs may be fetched when the machine has none.
    pub download: bool,
    /// `PATH`, for finding the programs.
    pub search_path: String,
}

/// A running server. Dropped without [`Server::stop`], it is told to stop and not waited for.
#[derive(Debug)]
pub struct Server {
    url: String,
    stop: CancellationToken,
    supervisor: Option<JoinHandle<()>>,
    current: Arc<CurrentPid>,
}

/// Starts the server, or adopts the one that a crash has left, and returns when it takes connections.
///
/// Fails when another posthaste uses the folder, when there are no fitting programs, or when the server does not come
/// up; the error then ends with what the server wrote.
pub async fn start(options: &Options) -> Result<Server> {
    create(&options.data_dir)?;
    let data_dir = fs::canonicalize(&options.data_dir)
        .with_context(|| format!("the data folder {} cannot be used", options.data_dir.display()))?;
    let lock = lock(&data_dir).await?;
    let account = Account::for_cluster(&data_dir)?;
    let major = Cluster::major(&data_dir)?;
    let binaries = find(options, &data_dir, &account, major).await?;
    let cluster = Cluster::open_or_create(&data_dir, &binaries, &account).await?;
    let log = Log::open(&data_dir)?;
    let launcher = Launcher {
        binaries,
        account,
        cluster,
        log,
        max_connections: options.max_connections,
    };
    let (process, port) = launcher.first().await?;

    let url = launcher.cluster.url(port);
    let current = Arc::new(CurrentPid::of(&process));
    let stop = CancellationToken::new();
    let supervisor = tokio::spawn({
        let (stop, current) = (stop.clone(), Arc::clone(&current));
        async move {
            supervise::run(&launcher, process, port, &current, &stop).await;
            drop(lock);
        }
    });
    Ok(Server {
        url,
        stop,
        supervisor: Some(supervisor),
        current,
    })
}

impl Server {
    /// Where to connect, password included. It stays the same for as long as this value lives.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Stops the server, gracefully within 30 s and by force after that, and returns when it has ended.
    /// Close the connections first: what is still running is rolled back.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(supervisor) = self.supervisor.take()
            && let Err(error) = supervisor.await
        {
            tracing::error!(%error, "the supervisor of PostgreSQL failed");
        }
    }

    /// A way to tell the server to stop at the very last moment, without waiting: for an exit that must not wait.
    pub fn interrupter(&self) -> impl Fn() + Send + Sync + 'static {
        let current = Arc::clone(&self.current);
        move || current.interrupt()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Makes the data folder. Run by root, its server runs as another user, who must be able to search it.
fn create(data_dir: &Path) -> Result<()> {
    let mode = if account::is_root() { 0o755 } else { 0o700 };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(data_dir)
        .with_context(|| {
            format!(
                "the data folder {} cannot be made; choose another with --data-dir",
                data_dir.display()
            )
        })
}

/// How long a taken folder is asked for again. A process that was killed while it started a program has left a copy of itself that
/// holds the lock until it has become that program: for an instant, longer on a busy machine.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

/// Takes the folder for this process. The system gives the lock back whenever and however the process ends.
async fn lock(data_dir: &Path) -> Result<File> {
    let path = data_dir.join("lock");
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .with_context(|| format!("the lock file {} cannot be opened", path.display()))?;
    let until = Instant::now() + LOCK_PATIENCE;
    let mut locked = file.try_lock();
    while matches!(locked, Err(TryLockError::WouldBlock)) && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(50)).await;
        locked = file.try_lock();
    }
    match locked {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            let _ = file.read_to_string(&mut owner);
            bail!(
                "another posthaste (process {}) uses the data folder {}. Stop it, or choose another folder with --data-dir; \
                 several nodes share one external database (--database-url), never one data folder",
                owner.trim(),
                data_dir.display()
            );
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| {
                format!(
                    "{} cannot be locked; is the folder on a network file system?",
                    path.display()
                )
            });
        }
    }
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())?;
    Ok(file)
}

/// The programs on the machine, else those fetched earlier, else those fetched now.
async fn find(options: &Options, data_dir: &Path, account: &Account, major: Option<u32>) -> Result<Binaries> {
    let candidates = binaries::candidates(&options.search_path, data_dir).await;
    let missing = match binaries::choose(&candidates, major, account, data_dir).await? {
        Ok(binaries) => return Ok(binaries),
        Err(missing) => missing,
    };
    if !options.download {
        bail!(
            "{missing}. Fetching it is switched off (embedded.download); {}",
            binaries::REMEDY
        );
    }
    let fetched = download::fetch(data_dir, major)
        .await
        .with_context(|| missing.clone())?;
    binaries::choose(&[fetched], major, account, data_dir)
        .await?
        .map_err(anyhow::Error::msg)
}
