//! A user who calls the program.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Output, Stdio},
};

use serde::de::DeserializeOwned;
use tempfile::TempDir;
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
    time::timeout,
};

use crate::harness::{Home, Node, PATIENCE};

/// A user with a home, an environment, and nothing else.
pub(crate) struct Terminal {
    home: TempDir,
    variables: Vec<(String, String)>,
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Said {
    /// The exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
    /// Standard output as it is.
    pub(crate) bytes: Vec<u8>,
}

impl Terminal {
    /// Nobody has logged in.
    pub(crate) fn new() -> Self {
        Self {
            home: tempfile::tempdir().expect("a folder"),
            variables: vec![],
        }
    }

    /// The address and key in the environment.
    pub(crate) fn at(address: SocketAddr, key: &str) -> Self {
        let mut terminal = Self::new();
        terminal.set("POSTHASTE_URL", &format!("http://{address}"));
        terminal.set("POSTHASTE_KEY", key);
        terminal
    }

    /// A node, and a user who has its first key.
    pub(crate) async fn and_node(home: &Home) -> (Self, Node) {
        let node = home.start(&[]).await;
        (Self::at(node.address(), &home.key()), node)
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.unset(name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.variables.retain(|(given, _)| given != name);
    }

    /// The user's folder, where commands are called.
    pub(crate) fn folder(&self) -> &Path {
        self.home.path()
    }

    /// Writes a file there.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.folder().join(name), content).expect("a file");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_posthaste"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.folder())
            .envs(self.variables.iter().cloned())
            .current_dir(self.folder())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Calls the program and leaves it running.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().expect("the program starts")
    }

    /// Calls it with nothing on standard input, and waits for its end.
    pub(crate) async fn call(&self, arguments: &[&str]) -> Said {
        ended(self.start(arguments)).await
    }

    /// Calls it with this on standard input.
    pub(crate) async fn pipe(&self, input: impl AsRef<[u8]>, arguments: &[&str]) -> Said {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("it is piped");
        // It may end without reading.
        let _ = stdin.write_all(input.as_ref()).await;
        drop(stdin);
        ended(child).await
    }

    /// Calls what must succeed.
    pub(crate) async fn ok(&self, arguments: &[&str]) -> String {
        self.call(arguments).await.ok()
    }

    /// The same, whose answer is one JSON document.
    pub(crate) async fn json<T: DeserializeOwned>(&self, arguments: &[&str]) -> T {
        let text = self.ok(&[arguments, &["--output", "json"]].concat()).await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }
}

impl Said {
    /// Standard output, of a command that must have succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// Standard error, of a command that must have failed with this code.
    #[track_caller]
    pub(crate) fn fails(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        self.err
    }
}

async fn ended(child: Child) -> Said {
    let Output {
        status,
        stdout,
        stderr,
    } = timeout(PATIENCE, child.wait_with_output())
        .await
        .expect("it ends")
        .expect("it ran");
    Said {
        code: status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&stdout).into_owned(),
        err: String::from_utf8_lossy(&stderr).into_owned(),
        bytes: stdout,
    }
}

/// The texts in a table's row that begins with this.
#[track_caller]
pub(crate) fn row<'a>(table: &'a str, begin: &str) -> Vec<&'a str> {
    let line = table.lines().find(|line| line.starts_with(begin));
    let line = line.unwrap_or_else(|| panic!("no row {begin} in\n{table}"));
    line.split("  ")
        .map(str::trim)
        .filter(|cell| !cell.is_empty())
        .collect()
}
