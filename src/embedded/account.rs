//! Who the server runs as: PostgreSQL refuses to run as root.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use super::cluster;

/// Users to run the server as when we are root, best first. `nobody` is on every system.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// The user of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Account {
    /// The one that we run as.
    Ours,
    /// Another one, because we are root.
    Other { uid: u32, gid: u32 },
}

impl fmt::Display for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ours => formatter.write_str("this user"),
            Self::Other { uid, .. } => write!(formatter, "user {uid}"),
        }
    }
}

/// Whether this process is root.
pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

impl Account {
    /// The owner of the cluster when there is one, else a user for a new one.
    pub(super) fn for_cluster(data_dir: &Path) -> Result<Self> {
        let folder = data_dir.join(cluster::FOLDER);
        let owner = match fs::metadata(&folder) {
            Ok(metadata) => Some((metadata.uid(), metadata.gid())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", folder.display())),
        };
        let ours = rustix::process::geteuid().as_raw();
        match owner {
            Some((uid, gid)) if ours == 0 && uid != 0 => Ok(Self::Other { uid, gid }),
            Some((uid, _)) if ours != 0 && uid != ours => bail!(
                "{} belongs to user {uid} and this is user {ours}: run posthaste as that user or as root, or choose \
                 another folder with --data-dir",
                folder.display()
            ),
            _ if ours != 0 => Ok(Self::Ours),
            _ => {
                let users = fs::read_to_string("/etc/passwd").context("/etc/passwd cannot be read")?;
                USERS.iter().find_map(|name| lookup(&users, name)).with_context(|| {
                    format!(
                        "PostgreSQL refuses to run as root, and /etc/passwd has none of the users {}: add one, or run \
                         posthaste as another user",
                        USERS.join(", ")
                    )
                })
            }
        }
    }

    /// Makes a command run as this user.
    pub(super) fn apply(&self, command: &mut Command) {
        if let Self::Other { uid, gid } = self {
            command.uid(*uid).gid(*gid);
        }
    }

    /// Gives a file or folder to this user.
    pub(super) fn own(&self, path: &Path) -> Result<()> {
        if let Self::Other { uid, gid } = self {
            chown(path, Some(*uid), Some(*gid))
                .with_context(|| format!("{} cannot be given to user {uid}", path.display()))?;
        }
        Ok(())
    }

    /// Why this user cannot reach `path`, and what to do; `None` when the modes of the folders above would let it.
    pub(super) fn obstacle(&self, path: &Path) -> Option<String> {
        let Self::Other { uid, gid } = self else {
            return None;
        };
        let closed = closed_folder(path, |folder| {
            let metadata = fs::metadata(folder).ok()?;
            Some(searchable(
                metadata.mode(),
                metadata.uid() == *uid,
                metadata.gid() == *gid,
            ))
        })?;
        Some(format!(
            "PostgreSQL refuses to run as root, so it runs as user {uid}, who cannot reach {} because the folder {} is \
             closed to it. Either open that one (chmod o+x {}) or choose another folder with --data-dir, such as \
             /var/lib/posthaste",
            path.display(),
            closed.display(),
            closed.display()
        ))
    }
}

/// The entry of a user in the text of `/etc/passwd`; never root under another name.
fn lookup(users: &str, name: &str) -> Option<Account> {
    let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2).map(str::parse);
    match (fields.next()?, fields.next()?) {
        (Ok(uid), Ok(gid)) if uid != 0 => Some(Account::Other { uid, gid }),
        _ => None,
    }
}

/// The topmost folder above `path` that cannot be searched.
fn closed_folder(path: &Path, open: impl Fn(&Path) -> Option<bool>) -> Option<PathBuf> {
    let mut folders: Vec<&Path> = path.ancestors().skip(1).collect();
    folders.reverse();
    folders
        .into_iter()
        .find(|folder| open(folder) == Some(false))
        .map(Path::to_owned)
}

/// Whether a folder of this mode may be searched.
fn searchable(mode: u32, owner: bool, group: bool) -> bool {
    let bit = match (owner, group) {
        (true, _) => 0o100,
        (false, true) => 0o010,
        (false, false) => 0o001,
    };
    mode & bit != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users() {
        let users = "root:x:0:0:root:/root:/bin/bash\npostgres2:x:7:7::/:\npostgres:x:101:104:PostgreSQL,,,:/var/lib:/bin/sh\n\
                     toor:x:0:0::/:\nodd:x:-2:-2::/:";
        for (name, expected) in [
            ("postgres", Some(Account::Other { uid: 101, gid: 104 })),
            ("nobody", None),
            ("root", None),
            ("toor", None),
            ("odd", None),
        ] {
            assert_eq!(lookup(users, name), expected, "{name}");
        }
    }

    #[test]
    fn modes() {
        for (mode, owner, group, expected) in [
            (0o755, false, false, true),
            (0o700, false, false, false),
            (0o700, true, false, true),
            (0o710, false, true, true),
            (0o701, false, true, false),
            (0o077, true, true, false),
        ] {
            assert_eq!(
                searchable(mode, owner, group),
                expected,
                "{mode:o} {owner} {group}"
            );
        }
    }

    #[test]
    fn the_topmost_closed_folder_is_named() {
        let open = |folder: &Path| Some(!matches!(folder.to_str(), Some("/root" | "/root/data")));
        assert_eq!(
            closed_folder(Path::new("/root/data/postgres"), open),
            Some("/root".into())
        );
        assert_eq!(closed_folder(Path::new("/var/lib/posthaste"), open), None);
    }
}
