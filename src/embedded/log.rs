//! The server's log file: what it writes, within a bound.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result};

/// Size at which the file is cut: weeks of an ordinary server, and readable in an editor. As much again is kept of the
/// part before.
const MOST: u64 = 8 << 20;
/// How much of its end is shown in an error.
const TAIL: u64 = 4 << 10;

/// The file `postgres.log`.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
}

impl Log {
    /// The log of a data folder, made when it is not there.
    pub(super) fn open(data_dir: &Path) -> Result<Self> {
        let log = Self {
            path: data_dir.join("postgres.log"),
        };
        log.append()?;
        Ok(log)
    }

    fn append(&self) -> Result<File> {
        let file = File::options()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.path);
        file.with_context(|| format!("the log file {} cannot be opened", self.path.display()))
    }

    /// Where a server writes to; always at the file's end, also after it has been cut.
    pub(super) fn output(&self) -> Result<Stdio> {
        Ok(self.append()?.into())
    }

    /// The size now, for [`Log::since`].
    pub(super) fn mark(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    /// What was written since the mark, at most the last 4 KiB, control characters made visible.
    pub(super) fn since(&self, mark: u64) -> String {
        let read = || -> std::io::Result<String> {
            let mut file = File::open(&self.path)?;
            let end = file.metadata()?.len();
            file.seek(SeekFrom::Start(mark.max(end.saturating_sub(TAIL)).min(end)))?;
            let mut bytes = Vec::new();
            file.take(TAIL).read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        let text = read().unwrap_or_else(|error| error.to_string());
        let lines = text
            .trim()
            .lines()
            .map(|line| format!("  {}", line.replace(char::is_control, " ")));
        format!(
            "{}\n(from {})",
            lines.collect::<Vec<_>>().join("\n"),
            self.path.display()
        )
    }

    /// Cuts the file when it is too long. The server keeps writing to the same file, so it is copied, then emptied; a line
    /// that is written in between is lost.
    pub(super) fn bound(&self) {
        if self.mark() <= MOST {
            return;
        }
        let cut = || -> std::io::Result<()> {
            fs::copy(&self.path, self.path.with_extension("log.1"))?;
            File::options().write(true).open(&self.path)?.set_len(0)
        };
        if let Err(error) = cut() {
            tracing::warn!(path = %self.path.display(), %error, "the log of PostgreSQL cannot be cut");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn cut_at_its_bound_while_the_server_writes_on() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::open(folder.path()).unwrap();
        let mut server = log.append().unwrap();
        let half = vec![b'x'; usize::try_from(MOST / 2).unwrap()];
        server.write_all(&half).unwrap();
        log.bound();
        assert_eq!(log.mark(), MOST / 2);
        server.write_all(&half).unwrap();
        server.write_all(b"y\n").unwrap();
        log.bound();
        assert_eq!(log.mark(), 0);
        server.write_all(b"after\n").unwrap();
        assert_eq!(
            fs::read_to_string(folder.path().join("postgres.log")).unwrap(),
            "after\n"
        );
        assert_eq!(
            fs::metadata(folder.path().join("postgres.log.1")).unwrap().len(),
            MOST + 2
        );
    }

    #[test]
    fn what_is_shown_is_new_short_and_inert() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::open(folder.path()).unwrap();
        log.append().unwrap().write_all(b"old\n").unwrap();
        let mark = log.mark();
        log.append()
            .unwrap()
            .write_all(b"FATAL: \x1b[31mno\nLOG: over\n")
            .unwrap();
        let text = log.since(mark);
        assert!(
            text.starts_with("  FATAL:  [31mno\n  LOG: over\n(from "),
            "{text}"
        );
        log.append().unwrap().write_all(&vec![b'z'; 10_000]).unwrap();
        assert!(log.since(mark).len() < 5_000);
        assert!(log.since(u64::MAX).starts_with("\n(from"));
    }
}
