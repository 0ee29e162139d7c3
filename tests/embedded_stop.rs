//! Signals, with our own PostgreSQL running: the first stops in good order, the second at once; neither leaves a
//! server behind.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use posthaste::embedded::{self, Options};
use posthaste::lifecycle::Lifecycle;
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};

/// The variables by which a test tells [`process`] its data folder, and whether it takes long to stop.
const FOLDER: &str = "TEST_DATA_DIR";
const HANGS: &str = "TEST_HANGS";

/// Not a test: a process with a server and signals, as `posthaste serve` has them.
#[tokio::test]
#[ignore = "run by other tests, as a process that they can signal"]
#[expect(
    clippy::disallowed_methods,
    reason = "an edge: it is told its folder by the environment"
)]
async fn process() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let options = Options {
        data_dir: folder.into(),
        max_connections: 10,
        download: false,
        search_path: std::env::var("PATH").unwrap(),
    };
    let life = Lifecycle::watch().unwrap();
    let server = embedded::start(&options).await.unwrap();
    life.before_forced_exit(server.interrupter());
    println!("up");
    life.stop().cancelled().await;
    println!("stopping");
    if std::env::var(HANGS).is_ok() {
        std::future::pending::<()>().await;
    }
    server.stop().await;
}

fn spawn(folder: &Path, hangs: bool) -> (Child, BufReader<ChildStdout>) {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", "process", "--nocapture"])
        .env(FOLDER, folder.join("data"));
    if hangs {
        command.env(HANGS, "yes");
    }
    // A group of its own, as a terminal gives to each command: Ctrl-C signals the group.
    let mut child = command.stdout(Stdio::piped()).process_group(0).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    until(&mut lines, "up");
    (child, lines)
}

/// Reads on until a line ends so; the harness prints before it.
fn until(lines: &mut BufReader<ChildStdout>, end: &str) {
    let mut line = String::new();
    while !line.trim_end().ends_with(end) {
        line.clear();
        assert!(
            lines.read_line(&mut line).unwrap() > 0,
            "it ended before it said {end:?}"
        );
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().cast_signed()).unwrap()
}

fn server(folder: &Path) -> Pid {
    let text = fs::read_to_string(folder.join("data/postgres/postmaster.pid")).unwrap();
    Pid::from_raw(text.lines().next().unwrap().parse().unwrap()).unwrap()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[test]
fn the_first_signal_stops_in_good_order() {
    for signal in [Signal::TERM, Signal::INT] {
        let folder = folder();
        let (mut child, mut lines) = spawn(folder.path(), false);
        let server = server(folder.path());
        // The server must not see what the whole group of the terminal gets, or it would stop before us.
        kill_process_group(pid(&child), signal).unwrap();
        until(&mut lines, "stopping");
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert!(test_kill_process(server).is_err(), "the server is left");
        assert!(!folder.path().join("data/postgres/postmaster.pid").exists());
        let log = fs::read_to_string(folder.path().join("data/postgres.log")).unwrap();
        assert_eq!(log.matches("received fast shutdown request").count(), 1, "{log}");
        assert!(log.contains("database system is shut down"), "{log}");
    }
}

#[test]
fn the_second_signal_ends_it_at_once_and_the_server_soon() {
    for (second, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let folder = folder();
        let (mut child, mut lines) = spawn(folder.path(), true);
        kill_process(pid(&child), Signal::TERM).unwrap();
        until(&mut lines, "stopping");
        kill_process(pid(&child), second).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code));
        // It removes this file as its last act.
        let begin = Instant::now();
        while folder.path().join("data/postgres/postmaster.pid").exists() {
            assert!(begin.elapsed() < Duration::from_mins(1), "the server is left");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
