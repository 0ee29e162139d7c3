//! Our own PostgreSQL, on the real thing: first and later starts, and everything that a crash may leave behind.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use posthaste::embedded::{self, Options, Server};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tempfile::TempDir;

/// Patience for what should take milliseconds, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_mins(1);

/// A data folder for one test.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Run by root, the server is another user, who must be able to come here.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn cluster(&self, name: &str) -> PathBuf {
        self.path().join("postgres").join(name)
    }

    fn options(&self) -> Options {
        options(&self.path())
    }

    async fn start(&self) -> Server {
        embedded::start(&self.options())
            .await
            .unwrap_or_else(|error| panic!("{error:#}"))
    }

    async fn refused(&self) -> String {
        let error = embedded::start(&self.options())
            .await
            .expect_err("the start is refused");
        format!("{error:#}")
    }

    /// The process id of the server.
    fn server(&self) -> i32 {
        let text = fs::read_to_string(self.cluster("postmaster.pid")).unwrap();
        text.lines().next().unwrap().parse().unwrap()
    }
}

#[expect(clippy::disallowed_methods, reason = "an edge: the tests' own PATH")]
fn options(data_dir: &Path) -> Options {
    Options {
        data_dir: data_dir.to_owned(),
        max_connections: 10,
        download: false,
        search_path: std::env::var("PATH").unwrap(),
    }
}

fn psql(url: &str, query: &str) -> Result<String, String> {
    let output = Command::new("psql")
        .args(["-XAt", "-v", "ON_ERROR_STOP=1", url, "-c", query])
        .output()
        .unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// Whether a process runs. One that has ended and waits for a parent to notice does not.
fn lives(pid: i32) -> bool {
    match fs::read(format!("/proc/{pid}/cmdline")) {
        Ok(line) => !line.is_empty(),
        Err(_) if Path::new("/proc/self").exists() => false,
        Err(_) => test_kill_process(Pid::from_raw(pid).unwrap()).is_ok(),
    }
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let tried = tokio::time::timeout(PATIENCE, async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(tried.await.is_ok(), "not within {PATIENCE:?}: {what}");
}

/// The variable by which a test tells [`another_process`] its data folder.
const ANOTHER: &str = "TEST_DATA_DIR";

/// Not a test: what [`Another`] runs, a process that starts a server, says so, and waits to be killed.
#[tokio::test]
#[ignore = "run by other tests, as a process that they can kill"]
#[expect(
    clippy::disallowed_methods,
    reason = "an edge: it is told its folder by the environment"
)]
async fn another_process() {
    let Ok(folder) = std::env::var(ANOTHER) else {
        return;
    };
    println!("began");
    let server = embedded::start(&options(Path::new(&folder))).await.unwrap();
    println!("url {}", server.url());
    std::future::pending::<()>().await;
}

/// A posthaste in a process of its own.
struct Another(Child, Vec<String>);

impl Another {
    /// Starts it and waits until it prints a line that begins so.
    fn until(folder: &Folder, beginning: &str) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "another_process", "--nocapture"])
            .env(ANOTHER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut another = Self(child, Vec::new());
        for line in BufReader::new(another.0.stdout.take().unwrap()).lines() {
            another.1.push(line.unwrap());
            if another.1.last().unwrap().contains(beginning) {
                return another;
            }
        }
        panic!("the process ended, and printed {:?}", another.1);
    }

    fn url(&self) -> String {
        self.1.last().unwrap().split_once("url ").unwrap().1.to_owned()
    }

    /// Kills it with no chance to tidy up.
    fn crash(self) {
        drop(self);
    }
}

impl Drop for Another {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn made_at_the_first_start_and_found_at_the_second() {
    let folder = Folder::new();
    let server = folder.start().await;
    let url = server.url();
    assert_eq!(
        psql(
            &url,
            "create table t (n int); insert into t values (7); select n from t"
        )
        .unwrap(),
        "CREATE TABLE\nINSERT 0 1\n7"
    );
    let settings = "select string_agg(setting, ' ' order by name) from pg_settings where name in \
                    ('fsync', 'full_page_writes', 'listen_addresses', 'synchronous_commit', 'server_encoding')";
    assert_eq!(psql(&url, settings).unwrap(), "on on 127.0.0.1 UTF8 on");
    let wrong = url.replacen("posthaste:", "posthaste:x", 1);
    assert!(
        psql(&wrong, "select 1")
            .unwrap_err()
            .contains("password authentication failed")
    );
    for secret in [
        folder.cluster("posthaste.password"),
        folder.path().join("postgres.log"),
    ] {
        assert_eq!(
            fs::metadata(&secret).unwrap().permissions().mode() & 0o077,
            0,
            "{}",
            secret.display()
        );
    }
    let pid = folder.server();
    server.stop().await;
    assert!(!lives(pid));
    assert!(!folder.cluster("postmaster.pid").exists());

    let server = folder.start().await;
    assert_eq!(server.url(), url);
    assert_eq!(psql(&url, "select n from t").unwrap(), "7");
    server.stop().await;
    let left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        !left
            .iter()
            .any(|name| name.to_string_lossy().starts_with("postgres.new")),
        "{left:?}"
    );
}

#[tokio::test]
async fn a_crash_of_ours_leaves_a_server_that_is_taken_over() {
    let folder = Folder::new();
    let another = Another::until(&folder, "url ");
    let (url, pid) = (another.url(), folder.server());
    psql(&url, "create table t (n int)").unwrap();
    another.crash();
    assert!(lives(pid));

    let server = folder.start().await;
    assert_eq!((server.url(), folder.server()), (url.clone(), pid));
    assert_eq!(psql(&url, "select count(*) from t").unwrap(), "0");
    // It is not our child, and looked after all the same.
    signal(pid, Signal::KILL);
    until("another server", || psql(&url, "select 1").is_ok()).await;
    assert_ne!(folder.server(), pid);
    server.stop().await;
    assert!(psql(&url, "select 1").is_err());
}

#[tokio::test]
async fn a_server_that_was_started_otherwise_is_started_anew() {
    let folder = Folder::new();
    let another = Another::until(&folder, "url ");
    let (url, pid) = (another.url(), folder.server());
    another.crash();

    let options = Options {
        max_connections: 40,
        ..folder.options()
    };
    let server = embedded::start(&options).await.unwrap();
    assert_ne!(folder.server(), pid);
    assert_eq!(server.url(), url);
    assert_eq!(psql(&url, "show max_connections").unwrap(), "56");
    server.stop().await;
}

#[tokio::test]
async fn a_crash_of_both_is_recovered_from() {
    let folder = Folder::new();
    let another = Another::until(&folder, "url ");
    let (url, pid) = (another.url(), folder.server());
    psql(&url, "create table t (n int)").unwrap();
    another.crash();
    signal(pid, Signal::KILL);
    until("the end of the server", || !lives(pid)).await;
    assert!(folder.cluster("postmaster.pid").exists());

    let server = folder.start().await;
    assert_eq!(psql(&server.url(), "select count(*) from t").unwrap(), "0");
    server.stop().await;
}

#[tokio::test]
async fn stale_pid_files_do_not_matter() {
    let folder = Folder::new();
    folder.start().await.stop().await;
    let ours = std::process::id();
    let text = |pid: &str| {
        format!(
            "{pid}\n{}\n1700000000\n20001\n\n127.0.0.1\n  1 2\nready\n",
            folder.path().display()
        )
    };
    for stale in [
        text(&ours.to_string()),
        text("1"),
        text("4194304"),
        String::new(),
        "garbage\n".to_owned(),
    ] {
        fs::write(folder.cluster("postmaster.pid"), &stale).unwrap();
        let server = folder.start().await;
        assert_eq!(psql(&server.url(), "select 1").unwrap(), "1", "{stale:?}");
        server.stop().await;
    }
}

#[tokio::test]
async fn an_interrupted_initdb_is_begun_again() {
    let folder = Folder::new();
    for _ in 0..3 {
        let mut another = Another::until(&folder, "began");
        until("a cluster in the making", || {
            another.0.try_wait().unwrap().is_none()
                && fs::read_dir(folder.path())
                    .is_ok_and(|entries| entries.flatten().any(|entry| entry.path().join("base").exists()))
        })
        .await;
        another.crash();
        assert!(!folder.path().join("postgres").exists());
    }
    let server = folder.start().await;
    assert_eq!(psql(&server.url(), "select 1").unwrap(), "1");
    server.stop().await;
}

#[tokio::test]
async fn one_posthaste_a_folder() {
    let folder = Folder::new();
    let another = Another::until(&folder, "url ");
    let refused = folder.refused().await;
    let owner = format!(
        "another posthaste (process {}) uses the data folder",
        another.0.id()
    );
    assert!(
        refused.contains(&owner) && refused.contains("--data-dir"),
        "{refused}"
    );
    assert_eq!(psql(&another.url(), "select 1").unwrap(), "1");
    another.crash();
    folder.start().await.stop().await;
}

#[tokio::test]
async fn a_server_that_dies_is_started_again_on_its_port() {
    let folder = Folder::new();
    let server = folder.start().await;
    let url = server.url();
    psql(&url, "create table t (n int)").unwrap();
    for _ in 0..2 {
        let pid = folder.server();
        signal(pid, Signal::KILL);
        until("another server", || {
            !lives(pid) && psql(&url, "select count(*) from t").is_ok()
        })
        .await;
        assert_ne!(folder.server(), pid);
    }
    let last = folder.server();
    server.stop().await;
    assert!(!lives(last));
}

#[tokio::test]
async fn a_port_that_was_taken_meanwhile_is_chosen_again() {
    let folder = Folder::new();
    let server = folder.start().await;
    let url = server.url();
    server.stop().await;
    let port = fs::read_to_string(folder.cluster("posthaste.port")).unwrap();
    let _taken = TcpListener::bind(format!("127.0.0.1:{}", port.trim())).unwrap();
    let server = folder.start().await;
    assert_ne!(server.url(), url);
    assert_eq!(psql(&server.url(), "select 1").unwrap(), "1");
    server.stop().await;
}

#[tokio::test]
async fn dropped_or_interrupted_it_stops_all_the_same() {
    let folder = Folder::new();
    let server = folder.start().await;
    let pid = folder.server();
    drop(server);
    until("the end of the server", || !lives(pid)).await;

    // The lock is given back when the server has ended, so this start need not wait.
    until("the lock", || {
        fs::File::open(folder.path().join("lock"))
            .unwrap()
            .try_lock()
            .is_ok()
    })
    .await;
    let server = folder.start().await;
    let pid = folder.server();
    server.stop().await;
    assert!(!lives(pid));
}

#[tokio::test]
async fn a_closed_folder_above_is_named_with_the_remedy() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let folder = Folder::new();
    fs::set_permissions(folder.0.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let refused = folder.refused().await;
    let remedy = format!("chmod o+x {}", folder.0.path().display());
    assert!(
        refused.contains("refuses to run as root") && refused.contains(&remedy),
        "{refused}"
    );
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let folder = Folder::new();
    folder.start().await.stop().await;

    fs::write(folder.cluster("postgresql.auto.conf"), "nonsense = on\n").unwrap();
    let refused = folder.refused().await;
    assert!(
        refused.contains("unrecognized configuration parameter \"nonsense\""),
        "{refused}"
    );

    fs::write(folder.cluster("PG_VERSION"), "99\n").unwrap();
    let refused = folder.refused().await;
    assert!(
        refused.contains("needs PostgreSQL 99") && refused.contains("embedded.download"),
        "{refused}"
    );
    let fetching = Options {
        download: true,
        ..folder.options()
    };
    let refused = format!("{:#}", embedded::start(&fetching).await.unwrap_err());
    assert!(
        refused.contains("could not be fetched") && refused.contains("apt-get install"),
        "{refused}"
    );
}
