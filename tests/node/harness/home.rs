//! Where nodes run.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use testing::Database;

use super::{Api, LOOK, Node, PATIENCE, Process};

/// The folder, the database and the key of a test's nodes. Drop it after them: it ends what PostgreSQL they have left, and looks
/// for panics in their logs.
pub(crate) struct Home {
    folder: TempDir,
    /// `None`: each node has its own.
    database_url: Option<String>,
    /// Dropped with this.
    _database: Option<Database>,
    key: Mutex<Option<String>>,
    /// The node that was started last.
    api: Api,
}

/// What every node of a database must have in common.
const SECRETS_KEY: &str = "secrets.key=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

impl Home {
    /// Each node starts a PostgreSQL of its own.
    pub(crate) fn embedded() -> Self {
        Self::new(None, None)
    }

    /// All nodes use a database on the test server.
    pub(crate) async fn external() -> Self {
        let database = Database::create().await;
        let url = database.url().to_owned();
        Self::new(Some(url), Some(database))
    }

    /// All nodes use the database at `url`.
    pub(crate) fn at(url: &str) -> Self {
        Self::new(Some(url.to_owned()), None)
    }

    /// The same database, restored at `url`.
    pub(crate) fn beside(&self, url: &str) -> Self {
        let home = Self::at(url);
        *home.key.lock() = Some(self.key());
        home
    }

    fn new(database_url: Option<String>, database: Option<Database>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // Run by root, PostgreSQL is another user, who must be able to come here.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("a folder of ours");
        Self {
            folder,
            database_url,
            _database: database,
            key: Mutex::new(None),
            api: Api::new(),
        }
    }

    /// Talks to whichever node was started last.
    pub(crate) fn api(&self) -> Api {
        self.api.clone()
    }

    /// The folder of the test.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the one node of this home, or starts it again.
    pub(crate) async fn start(&self, settings: &[&str]) -> Node {
        self.start_as("node", settings).await
    }

    /// Starts the node of this name, or starts it again; `settings` as for `--set`. Returns when it is ready.
    pub(crate) async fn start_as(&self, name: &str, settings: &[&str]) -> Node {
        self.run("serve", name, settings).await
    }

    /// Starts the one node of this home as a demo.
    pub(crate) async fn start_demo(&self, settings: &[&str]) -> Node {
        self.run("demo", "node", settings).await
    }

    /// Starts the program for the one node of this home by the command `verb`, and does not wait for it to be ready.
    pub(crate) fn begin(&self, verb: &str, settings: &[&str]) -> Process {
        let (url, all) = (self.database_url.as_deref(), self.with_common(settings));
        Process::start(verb, self.folder(), "node", url, &all)
    }

    /// The settings, with those that every node of this home has.
    fn with_common<'a>(&self, settings: &[&'a str]) -> Vec<&'a str> {
        let mut all = settings.to_vec();
        if self.database_url.is_some() {
            all.extend(["egress.allow=127.0.0.0/8", SECRETS_KEY]);
        }
        all
    }

    async fn run(&self, verb: &str, name: &str, settings: &[&str]) -> Node {
        let (url, all) = (self.database_url.as_deref(), self.with_common(settings));
        let (node, new_key) = Node::start(verb, self.folder(), name, url, &all).await;
        if new_key.is_some() {
            *self.key.lock() = new_key;
        }
        let key = self.key();
        node.api().use_key(&key);
        self.api.use_key(&key);
        self.api.use_node(node.address());
        node
    }

    /// The first key of the database.
    pub(crate) fn key(&self) -> String {
        let key = self.key.lock().clone();
        key.expect("the first node of a database prints a key")
    }

    /// The process id of the PostgreSQL of the node of this name, if one runs.
    pub(crate) fn postgres(&self, name: &str) -> Option<i32> {
        running_postgres(&self.folder().join(name))
    }

    fn data_dirs(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder()).into_iter().flatten().flatten();
        entries
            .map(|entry| entry.path())
            .filter(|path| path.is_dir())
            .collect()
    }

    fn panics(&self) -> Vec<String> {
        let logs = fs::read_dir(self.folder()).into_iter().flatten().flatten();
        let texts = logs.filter(|entry| entry.path().extension().is_some_and(|end| end == "log"));
        let texts = texts.filter_map(|entry| fs::read_to_string(entry.path()).ok());
        texts
            .flat_map(|text| {
                text.lines()
                    .filter(|line| line.contains("panicked"))
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        for data_dir in self.data_dirs() {
            end_postgres(&data_dir);
        }
        let panics = self.panics();
        if thread::panicking() {
            // Left there for whoever looks into it.
            eprintln!("logs: {}", self.folder().display());
            self.folder.disable_cleanup(true);
        } else {
            assert!(panics.is_empty(), "a node panicked: {panics:#?}");
        }
    }
}

fn running_postgres(data_dir: &Path) -> Option<i32> {
    let text = fs::read_to_string(data_dir.join("postgres/postmaster.pid")).ok()?;
    let pid = text.lines().next()?.trim().parse().ok()?;
    lives(pid).then_some(pid)
}

/// Ends the PostgreSQL that a killed node has left, without a checkpoint.
fn end_postgres(data_dir: &Path) {
    let begun = Instant::now();
    let mut signal = Signal::QUIT;
    while let Some(pid) = running_postgres(data_dir).and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
        if begun.elapsed() > PATIENCE / 6 {
            signal = Signal::KILL;
        }
        thread::sleep(LOOK * 5);
    }
}

/// Whether a process runs. One that has ended and waits for a parent to notice does not.
pub(super) fn lives(pid: i32) -> bool {
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}
