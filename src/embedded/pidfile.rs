//! The server's own files about itself: `postmaster.pid` and `postmaster.opts`.

use std::fs;
use std::io;
use std::path::Path;

/// What `postmaster.pid` says; the first lines are written at once, the status changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PidFile {
    /// The server's process.
    pub(super) pid: i32,
    /// Its port; 0 until it is written.
    pub(super) port: u16,
    /// Whether it takes connections.
    pub(super) status: Status,
}

/// Whether there is a pid file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// There is none: the last server has stopped in good order.
    Nothing,
    /// There is one that says nothing: the disk was full, or a crash came while it was written.
    Unreadable,
    /// It says this.
    File(PidFile),
}

/// How far the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// Starting up or recovering.
    Starting,
    /// Taking connections.
    Ready,
    /// Shutting down.
    Stopping,
}

/// The process that a pid file names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// The server of this cluster.
    Server,
    /// Nobody: it has ended.
    Nobody,
    /// Another program. Process ids are used again, in containers at once.
    Stranger,
    /// It cannot be told.
    Unknown,
}

impl PidFile {
    /// Reads the text of the file: pid, folder, start time, port, socket folder, address, shared memory, status.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        // A standalone backend writes its pid as a negative number.
        let pid = lines
            .first()?
            .parse::<i32>()
            .ok()?
            .checked_abs()
            .filter(|pid| *pid > 0)?;
        let port = lines.get(3).and_then(|line| line.parse().ok()).unwrap_or(0);
        let status = match lines.get(7) {
            Some(&"ready" | &"standby") => Status::Ready,
            Some(&"stopping") => Status::Stopping,
            _ => Status::Starting,
        };
        Some(Self { pid, port, status })
    }

    /// The file of a cluster.
    pub(super) fn read(cluster: &Path) -> io::Result<Found> {
        match fs::read_to_string(cluster.join("postmaster.pid")) {
            Ok(text) => Ok(Self::parse(&text).map_or(Found::Unreadable, Found::File)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
            Err(error) => Err(error),
        }
    }

    /// Removes the file of a cluster.
    pub(super) fn remove(cluster: &Path) -> io::Result<()> {
        fs::remove_file(cluster.join("postmaster.pid"))
    }
}

/// Whether the server that wrote `postmaster.opts` was started with these arguments. Its program is not compared:
/// it is written without symbolic links, and an update in place would not show.
pub(super) fn started_with(options: &str, arguments: &[String]) -> bool {
    let quoted: Vec<String> = arguments
        .iter()
        .map(|argument| format!(" \"{argument}\""))
        .collect();
    options
        .trim_end()
        .find(" \"")
        .is_some_and(|at| options.trim_end()[at..] == quoted.concat())
}

/// What the process is. Told by its command line, which everybody may read: to look at the program and the folder of
/// another user's process, even root needs a capability that containers do not have.
pub(super) fn holder(pid: i32, cluster: &Path) -> Holder {
    if !Path::new("/proc/self/cmdline").exists() {
        return without_proc(pid, cluster);
    }
    match fs::read(format!("/proc/{pid}/cmdline")) {
        Ok(line) => judge(
            &String::from_utf8_lossy(&line).split('\0').collect::<Vec<_>>(),
            cluster,
        ),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Holder::Nobody,
        Err(_) => Holder::Unknown,
    }
}

/// Whether a command line is that of the cluster's server. A zombie has none, and is over, though its id is in use.
fn judge(line: &[&str], cluster: &Path) -> Holder {
    let program = line
        .first()
        .is_some_and(|program| Path::new(program).file_name() == Some("postgres".as_ref()));
    let folder = line.windows(2).any(|pair| {
        pair[0] == "-D"
            && (Path::new(pair[1]) == cluster || fs::canonicalize(pair[1]).is_ok_and(|it| it == cluster))
    });
    if program && folder {
        Holder::Server
    } else {
        Holder::Stranger
    }
}

/// The same where there is no `/proc` (macOS, the BSDs), where a command line is one text.
fn without_proc(pid: i32, cluster: &Path) -> Holder {
    let output = std::process::Command::new("ps")
        .args(["-o", "command=", "-p", &pid.to_string()])
        .output();
    let Ok(output) = output else {
        return Holder::Unknown;
    };
    let line = String::from_utf8_lossy(&output.stdout).into_owned();
    let folder = format!("postgres -D {}", cluster.display());
    match (line.trim().is_empty(), line.contains(&folder)) {
        (true, _) => Holder::Nobody,
        (false, true) => Holder::Server,
        (false, false) => Holder::Stranger,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: &str =
        "4242\n/x/postgres\n1700000000\n20001\n\n127.0.0.1\n  1234567         7\nready   \n";

    #[test]
    fn pid_files() {
        let file = |status| {
            Some(PidFile {
                pid: 4242,
                port: 20_001,
                status,
            })
        };
        for (text, expected) in [
            (WRITTEN.to_owned(), file(Status::Ready)),
            (WRITTEN.replace("ready   ", "starting"), file(Status::Starting)),
            (WRITTEN.replace("ready   ", "stopping"), file(Status::Stopping)),
            (
                "4242\n/x\n".to_owned(),
                Some(PidFile {
                    pid: 4242,
                    port: 0,
                    status: Status::Starting,
                }),
            ),
            (
                "-4242\n".to_owned(),
                Some(PidFile {
                    pid: 4242,
                    port: 0,
                    status: Status::Starting,
                }),
            ),
            (String::new(), None),
            ("0\n".to_owned(), None),
            ("x\n".to_owned(), None),
            ("99999999999\n".to_owned(), None),
            ("-2147483648\n".to_owned(), None),
        ] {
            assert_eq!(PidFile::parse(&text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_same_arguments() {
        let arguments = ["-D", "/x y/postgres", "-c", "jit=off"].map(str::to_owned);
        for (options, expected) in [
            (
                "/usr/bin/postgres \"-D\" \"/x y/postgres\" \"-c\" \"jit=off\"\n",
                true,
            ),
            (
                "/other bin/postgres \"-D\" \"/x y/postgres\" \"-c\" \"jit=off\"\n",
                true,
            ),
            (
                "/usr/bin/postgres \"-D\" \"/x y/postgres\" \"-c\" \"jit=on\"\n",
                false,
            ),
            ("/usr/bin/postgres \"-D\" \"/x y/postgres\"\n", false),
            ("/usr/bin/postgres\n", false),
            ("", false),
        ] {
            assert_eq!(started_with(options, &arguments), expected, "{options}");
        }
    }

    #[test]
    fn command_lines() {
        for (line, expected) in [
            (
                &["/usr/bin/postgres", "-D", "/x/postgres", "-c", "port=1"][..],
                Holder::Server,
            ),
            (&["postgres", "-D", "/x/postgres"], Holder::Server),
            (&["postgres", "-D", "/y/postgres"], Holder::Stranger),
            (&["vi", "-D", "/x/postgres"], Holder::Stranger),
            (&["postgres", "/x/postgres", "-D"], Holder::Stranger),
            (&[""], Holder::Stranger),
        ] {
            assert_eq!(judge(line, Path::new("/x/postgres")), expected, "{line:?}");
        }
    }

    #[test]
    fn this_test_is_a_stranger_and_a_dead_process_nobody() {
        let ours = i32::try_from(std::process::id()).unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let dead = i32::try_from(child.id()).unwrap();
        child.wait().unwrap();
        for look in [holder, without_proc] {
            assert_eq!(look(ours, Path::new("/x/postgres")), Holder::Stranger);
            assert_eq!(look(dead, Path::new("/x/postgres")), Holder::Nobody);
        }
    }
}
