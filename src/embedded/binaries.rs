//! Where the machine has PostgreSQL's programs, and whether they fit.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Result, bail};
use tokio::process::Command;

use super::account::Account;

/// The oldest version that works: `lz4` for the log, and what the queries use.
const OLDEST: u32 = 15;

/// What to do when there is none.
pub(super) const REMEDY: &str = "install PostgreSQL 15 or newer (Debian, Ubuntu: apt-get install postgresql; Fedora, RHEL: dnf install \
     postgresql-server; Alpine: apk add postgresql; macOS: brew install postgresql), or name a server that runs \
     elsewhere with --database-url or DATABASE_URL";

/// Folders in which packages put them: a fixed part, the beginning of the name of versioned folders, and the rest.
const USUAL: [(&str, &str, &str); 9] = [
    // Debian, Ubuntu
    ("/usr/lib/postgresql", "", "bin"),
    // Fedora and RHEL with the packages of postgresql.org
    ("/usr", "pgsql-", "bin"),
    // Alpine
    ("/usr/libexec", "postgresql", ""),
    // Gentoo
    ("/usr/lib64", "postgresql-", "bin"),
    // Built from source
    ("/usr/local", "pgsql", "bin"),
    // Homebrew on ARM and on Intel
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
    // The installers for macOS
    ("/Library/PostgreSQL", "", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// The programs of one installation.
#[derive(Debug, Clone)]
pub(super) struct Binaries {
    /// The folder with `postgres` and `initdb`, without symbolic links.
    pub(super) folder: PathBuf,
    /// The major version.
    pub(super) major: u32,
    /// Whether the server can compress its log with lz4.
    pub(super) lz4: bool,
}

impl Binaries {
    /// A command that runs one of the programs as `account`, in `folder`, with nothing of our environment: it holds
    /// secrets of ours, and `PG*` variables would change what the programs do.
    pub(super) fn command(&self, program: &str, account: &Account, folder: &Path) -> Command {
        let mut command = bare_command(&self.folder.join(program), folder);
        account.apply(&mut command);
        command
    }
}

fn bare_command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("LC_ALL", "C")
        .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
    command.current_dir(folder).stdin(Stdio::null());
    command
}

/// Folders that may hold the programs, in the order of preference: what `PATH` and `pg_config` say was chosen by
/// someone, then the usual folders with the newest version first, then what was fetched earlier.
pub(super) async fn candidates(search_path: &str, data_dir: &Path) -> Vec<PathBuf> {
    let on_path: Vec<PathBuf> = std::env::split_paths(search_path)
        .filter(|folder| folder.is_absolute())
        .collect();
    let mut found: Vec<PathBuf> = on_path.clone();
    if let Some(program) = on_path
        .iter()
        .map(|folder| folder.join("pg_config"))
        .find(|path| path.is_file())
    {
        let output = bare_command(&program, Path::new("/"))
            .arg("--bindir")
            .output()
            .await;
        found.extend(
            output
                .ok()
                .map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())),
        );
    }
    for (parent, prefix, rest) in USUAL {
        found.extend(versioned(Path::new(parent), prefix, rest));
    }
    found.extend(versioned(data_dir, "postgresql-", "bin"));

    let mut unique = Vec::new();
    for folder in found {
        // A link in /usr/local/bin leads to the folder that also has initdb and the rest.
        let Ok(program) = fs::canonicalize(folder.join("postgres")) else {
            continue;
        };
        let Some(folder) = program.parent() else { continue };
        if !unique.iter().any(|known| known == folder) {
            unique.push(folder.to_owned());
        }
    }
    unique
}

/// The folders in `parent` that begin with `prefix`, newest version first, each with `rest` behind.
fn versioned(parent: &Path, prefix: &str, rest: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(prefix))
        .collect();
    names.sort_by_cached_key(|name| {
        let numbers = name[prefix.len()..]
            .split('.')
            .map(|part| part.parse::<u32>().unwrap_or(0));
        std::cmp::Reverse(numbers.collect::<Vec<_>>())
    });
    names.iter().map(|name| parent.join(name).join(rest)).collect()
}

/// The first candidate that fits: new enough, complete, and of the version of the cluster when there is one.
/// The inner error says what was found instead.
pub(super) async fn choose(
    candidates: &[PathBuf],
    cluster: Option<u32>,
    account: &Account,
    data_dir: &Path,
) -> Result<Result<Binaries, String>> {
    let mut refused = Vec::new();
    for folder in candidates {
        let major = match version(folder, account, data_dir).await? {
            Ok(major) => major,
            Err(reason) => {
                refused.push(format!("{} ({reason})", folder.display()));
                continue;
            }
        };
        if let Err(reason) = judge(major, folder.join("initdb").is_file(), cluster) {
            refused.push(format!("{} ({reason})", folder.display()));
            continue;
        }
        let lz4 = supports_lz4(folder).await;
        return Ok(Ok(Binaries {
            folder: folder.clone(),
            major,
            lz4,
        }));
    }
    let wanted = match cluster {
        Some(major) => format!("the database in {} needs PostgreSQL {major}", data_dir.display()),
        None => format!("posthaste needs PostgreSQL {OLDEST} or newer"),
    };
    let found = if refused.is_empty() {
        "none".to_owned()
    } else {
        refused.join(", ")
    };
    Ok(Err(format!("{wanted}; found on this machine: {found}")))
}

/// Whether an installation fits, with the reason when not.
fn judge(major: u32, complete: bool, cluster: Option<u32>) -> Result<(), String> {
    match cluster {
        _ if !complete => Err(format!("version {major}, without initdb")),
        Some(cluster) if cluster != major => Err(format!("version {major}")),
        _ if major < OLDEST => Err(format!("version {major} is too old")),
        _ => Ok(()),
    }
}

/// Asks the server program for its version, as the account that will run it: so it also tells whether that one can.
async fn version(folder: &Path, account: &Account, data_dir: &Path) -> Result<Result<u32, String>> {
    let program = folder.join("postgres");
    let mut command = bare_command(&program, data_dir);
    account.apply(&mut command);
    match command.arg("--version").output().await {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout);
            Ok(major_version(&text).ok_or_else(|| format!("its version is not known: {:?}", text.trim())))
        }
        Err(error) => {
            // The folder to run in is needed whatever programs are chosen; these programs are not.
            let obstacle = (error.kind() == io::ErrorKind::PermissionDenied)
                .then(|| account.obstacle(&data_dir.join("postgres")))
                .flatten();
            obstacle.map_or_else(
                || Ok(Err(format!("cannot be run as {account}: {error}"))),
                |obstacle| bail!(obstacle),
            )
        }
    }
}

/// The major version in what `postgres --version` prints: "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)".
fn major_version(text: &str) -> Option<u32> {
    let version = text
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let end = version
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(version.len());
    version[..end].parse().ok()
}

async fn supports_lz4(folder: &Path) -> bool {
    let output = bare_command(&folder.join("pg_config"), Path::new("/"))
        .arg("--configure")
        .output()
        .await;
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("--with-lz4"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for (text, expected) in [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", Some(15)),
            ("postgres (PostgreSQL) 18beta1", Some(18)),
            ("postgres (PostgreSQL) 9.6.24", Some(9)),
            ("postgres: command not found", None),
            ("", None),
        ] {
            assert_eq!(major_version(text), expected, "{text}");
        }
    }

    #[test]
    fn what_fits() {
        for (major, complete, cluster, good) in [
            (15, true, None, true),
            (18, true, None, true),
            (14, true, None, false),
            (17, false, None, false),
            (17, true, Some(17), true),
            (17, true, Some(15), false),
        ] {
            assert_eq!(
                judge(major, complete, cluster).is_ok(),
                good,
                "{major} {complete} {cluster:?}"
            );
        }
    }

    #[test]
    fn the_newest_version_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["9.6", "15", "16", "16.2", "other-17"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let found = versioned(folder.path(), "", "bin");
        let names: Vec<_> = found
            .iter()
            .map(|path| path.strip_prefix(folder.path()).unwrap().to_str().unwrap())
            .collect();
        assert_eq!(names, ["16.2/bin", "16/bin", "15/bin", "9.6/bin", "other-17/bin"]);
    }

    #[tokio::test]
    async fn a_folder_without_programs_is_no_candidate() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().to_str().unwrap();
        let found = candidates(&format!("relative:{here}"), folder.path()).await;
        assert!(!found.iter().any(|path| path.starts_with(folder.path())));

        let fetched = folder.path().join("postgresql-17.2.0/bin");
        fs::create_dir_all(&fetched).unwrap();
        fs::write(fetched.join("postgres"), "").unwrap();
        let found = candidates("", folder.path()).await;
        assert_eq!(found.last(), Some(&fs::canonicalize(&fetched).unwrap()));
    }

    #[tokio::test]
    async fn what_does_not_fit_is_named_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let mut candidates = Vec::new();
        for (name, prints) in [("old", "postgres (PostgreSQL) 13.4"), ("odd", "hello")] {
            let bin = folder.path().join(name);
            fs::create_dir(&bin).unwrap();
            script(&bin.join("postgres"), &format!("echo '{prints}'"));
            script(&bin.join("initdb"), "true");
            candidates.push(bin);
        }
        let missing = choose(&candidates, None, &Account::Ours, folder.path())
            .await
            .unwrap()
            .unwrap_err();
        assert!(missing.contains("needs PostgreSQL 15 or newer"), "{missing}");
        assert!(missing.contains("old (version 13 is too old)"), "{missing}");
        assert!(
            missing.contains("odd (its version is not known: \"hello\")"),
            "{missing}"
        );

        let new = folder.path().join("new");
        fs::create_dir(&new).unwrap();
        script(&new.join("postgres"), "echo 'postgres (PostgreSQL) 16.1'");
        script(&new.join("initdb"), "true");
        script(&new.join("pg_config"), "echo \"'--with-lz4'\"");
        candidates.push(new.clone());
        let chosen = choose(&candidates, None, &Account::Ours, folder.path())
            .await
            .unwrap()
            .unwrap();
        assert_eq!((chosen.folder, chosen.major, chosen.lz4), (new, 16, true));
        let missing = choose(&candidates, Some(15), &Account::Ours, folder.path())
            .await
            .unwrap()
            .unwrap_err();
        assert!(
            missing.contains("needs PostgreSQL 15;") && missing.contains("new (version 16)"),
            "{missing}"
        );
    }

    fn script(path: &Path, line: &str) {
        use std::os::unix::fs::PermissionsExt;
        fs::write(path, format!("#!/bin/sh\n{line}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}
