//! The cluster: the folder of the database, its password, its port, and the settings of its server.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use rand::RngExt;
use rand::distr::{Alphanumeric, SampleString};

use super::account::Account;
use super::binaries::Binaries;
use crate::secret_key::write_private;

/// The cluster's folder in the data folder.
pub(super) const FOLDER: &str = "postgres";
/// The beginning of the names of clusters that are not finished.
const UNFINISHED: &str = "postgres.new-";
/// Our files in the cluster's folder: whoever moves the folder moves them along.
const PASSWORD: &str = "posthaste.password";
const PORT: &str = "posthaste.port";
/// The superuser, and the database that initdb makes for him.
const USER: &str = "posthaste";
const DATABASE: &str = "postgres";
/// Ports to choose from. They lie below those from which Linux (32768) and macOS (49152) serve outgoing connections:
/// one of these could take our port while the server restarts.
const PORTS: std::ops::Range<u16> = 20_000..30_000;
/// Connections beyond those of the node: for `psql`, backups and the three that the server reserves.
const SPARE_CONNECTIONS: u32 = 16;

/// An initialised cluster.
#[derive(Debug)]
pub(super) struct Cluster {
    /// Its folder, without symbolic links.
    pub(super) folder: PathBuf,
    password: String,
}

impl Cluster {
    /// The major version of the cluster; `None` when there is none yet.
    pub(super) fn major(data_dir: &Path) -> Result<Option<u32>> {
        let folder = data_dir.join(FOLDER);
        match fs::read_to_string(folder.join("PG_VERSION")) {
            Ok(text) => {
                let major = text.trim().parse();
                major
                    .map(Some)
                    .with_context(|| format!("{}/PG_VERSION holds {text:?}", folder.display()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Clusters come into being by a rename, so this one was not ours, or something ate it.
                ensure!(
                    !folder.exists(),
                    "{} exists and is no PostgreSQL cluster: move it away, or choose another folder with --data-dir",
                    folder.display()
                );
                Ok(None)
            }
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", folder.display())),
        }
    }

    /// The cluster in the data folder, made when there is none. It appears whole or not at all: initdb works in a
    /// folder of its own, which is renamed when all is done.
    pub(super) async fn open_or_create(
        data_dir: &Path,
        binaries: &Binaries,
        account: &Account,
    ) -> Result<Self> {
        remove_unfinished(data_dir);
        let folder = data_dir.join(FOLDER);
        if !folder.exists() {
            create(data_dir, binaries, account).await?;
        }
        let path = folder.join(PASSWORD);
        let password = fs::read_to_string(&path).with_context(|| {
            format!(
                "the password of the database cannot be read from {}: restore that file",
                path.display()
            )
        })?;
        Ok(Self {
            folder,
            password: password.trim().to_owned(),
        })
    }

    /// Where to connect.
    pub(super) fn url(&self, port: u16) -> String {
        format!(
            "postgres://{USER}:{}@{}:{port}/{DATABASE}",
            self.password,
            Ipv4Addr::LOCALHOST
        )
    }

    /// The port it had last, when it is free; else a free one, kept for the next time.
    pub(super) fn port(&self) -> Result<u16> {
        let kept = fs::read_to_string(self.folder.join(PORT))
            .ok()
            .and_then(|text| text.trim().parse().ok());
        if let Some(port) = kept.filter(|port| is_free(*port)) {
            return Ok(port);
        }
        let first = {
            #[expect(
                clippy::disallowed_methods,
                reason = "an edge: which free port it is decides nothing"
            )]
            let mut random = rand::rng();
            random.random_range(PORTS)
        };
        let chosen = (first..PORTS.end)
            .chain(PORTS.start..first)
            .find(|port| is_free(*port));
        let port = chosen.context("no port from 20000 to 29999 is free on 127.0.0.1")?;
        self.keep_port(port)?;
        Ok(port)
    }

    /// Notes the port of the running server.
    pub(super) fn keep_port(&self, port: u16) -> Result<()> {
        write_private(&self.folder, PORT, &format!("{port}\n"))
            .with_context(|| format!("the port cannot be kept in {}", self.folder.display()))
    }

    /// What the server is started with. All settings are here, none in `postgresql.conf`, so that a server which an
    /// older posthaste has left can be told from one that this would start.
    pub(super) fn arguments(&self, port: u16, max_connections: u32, lz4: bool) -> Vec<String> {
        let settings = [
            ("listen_addresses", Ipv4Addr::LOCALHOST.to_string()),
            ("port", port.to_string()),
            ("unix_socket_directories", String::new()),
            ("cluster_name", "posthaste".to_owned()),
            (
                "max_connections",
                (max_connections + SPARE_CONNECTIONS).to_string(),
            ),
            // What was accepted must outlive a power cut.
            ("fsync", "on".to_owned()),
            ("synchronous_commit", "on".to_owned()),
            ("full_page_writes", "on".to_owned()),
            // Room for the hot rows and index pages of a backlog, and small enough for a machine of 1 GB.
            ("shared_buffers", "256MB".to_owned()),
            // A checkpoint every quarter of an hour or 2 GB, not every few seconds of load: each makes all pages
            // expensive again. Recovery after a crash reads at most this much.
            ("max_wal_size", "2GB".to_owned()),
            ("min_wal_size", "256MB".to_owned()),
            ("checkpoint_timeout", "15min".to_owned()),
            ("wal_compression", if lz4 { "lz4" } else { "off" }.to_owned()),
            // Short statements only: compiling or spreading them costs more than it gains.
            ("jit", "off".to_owned()),
            ("max_parallel_workers_per_gather", "0".to_owned()),
            // Tables here fill and empty quickly: look after them often, and keep the statistics fresh.
            ("autovacuum_naptime", "10s".to_owned()),
            ("autovacuum_analyze_scale_factor", "0.02".to_owned()),
            ("autovacuum_vacuum_scale_factor", "0.05".to_owned()),
            ("timezone", "UTC".to_owned()),
            ("log_timezone", "UTC".to_owned()),
            // To our log file, by standard error.
            ("log_destination", "stderr".to_owned()),
            ("logging_collector", "off".to_owned()),
            ("log_checkpoints", "off".to_owned()),
        ];
        let mut arguments = vec!["-D".to_owned(), self.folder.display().to_string()];
        for (name, value) in settings {
            arguments.extend(["-c".to_owned(), format!("{name}={value}")]);
        }
        arguments
    }
}

/// Whether nobody listens there, and nobody's connection uses it.
pub(super) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

async fn create(data_dir: &Path, binaries: &Binaries, account: &Account) -> Result<()> {
    let (name, password) = {
        #[expect(clippy::disallowed_methods, reason = "an edge: a password is made once")]
        let mut random = rand::rng();
        // A name of its own: an initdb that outlived its posthaste may still be writing to the one before.
        (
            Alphanumeric.sample_string(&mut random, 8),
            Alphanumeric.sample_string(&mut random, 32),
        )
    };
    let unfinished = data_dir.join(format!("{UNFINISHED}{name}"));
    let password_file = data_dir.join(format!("{UNFINISHED}{name}.password"));
    tracing::info!(folder = %data_dir.display(), version = binaries.major, "making a PostgreSQL database");

    fs::DirBuilder::new()
        .mode(0o700)
        .create(&unfinished)
        .with_context(|| format!("{} cannot be made", unfinished.display()))?;
    account.own(&unfinished)?;
    write_private(data_dir, &format!("{UNFINISHED}{name}.password"), &password)
        .with_context(|| format!("{} cannot be written", password_file.display()))?;
    account.own(&password_file)?;

    // Syncing stays on, it costs 50 ms once: a fresh cluster that a power cut spoils would take accepted tasks with it.
    let output = binaries
        .command("initdb", account, data_dir)
        .arg("--pgdata")
        .arg(&unfinished)
        .arg(format!("--pwfile={}", password_file.display()))
        .args([
            "--username",
            USER,
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
        ])
        .arg("--no-instructions")
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("{}/initdb cannot be run", binaries.folder.display()))?;
    if !output.status.success() {
        remove_unfinished(data_dir);
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        bail!(
            "initdb failed ({}) in {}:\n{}",
            output.status,
            data_dir.display(),
            said.concat().trim()
        );
    }
    fs::rename(&password_file, unfinished.join(PASSWORD))?;
    fs::File::open(&unfinished)?.sync_all()?;
    fs::rename(&unfinished, data_dir.join(FOLDER))?;
    fs::File::open(data_dir)?.sync_all()?;
    Ok(())
}

/// Removes what interrupted starts have left. What cannot be removed now is removed the next time.
fn remove_unfinished(data_dir: &Path) {
    let Ok(entries) = fs::read_dir(data_dir) else {
        return;
    };
    let names = entries.filter_map(|entry| Some(entry.ok()?.path()));
    for path in names.filter(|path| {
        path.file_name()
            .is_some_and(|it| it.to_string_lossy().starts_with(UNFINISHED))
    }) {
        let removed = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        if let Err(error) = removed {
            tracing::warn!(path = %path.display(), %error, "what an interrupted start has left cannot be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(folder: &Path) -> Cluster {
        Cluster {
            folder: folder.to_owned(),
            password: "secret".to_owned(),
        }
    }

    #[test]
    fn the_port_is_kept_until_someone_takes_it() {
        let folder = tempfile::tempdir().unwrap();
        let cluster = cluster(folder.path());
        let port = cluster.port().unwrap();
        assert!(PORTS.contains(&port));
        assert_eq!(cluster.port().unwrap(), port);

        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        let other = cluster.port().unwrap();
        assert_ne!(other, port);
        drop(taken);
        assert_eq!(cluster.port().unwrap(), other);
    }

    #[test]
    fn durability_is_never_off() {
        let arguments = cluster(Path::new("/x/postgres")).arguments(20_001, 10, false);
        for expected in [
            "fsync=on",
            "synchronous_commit=on",
            "full_page_writes=on",
            "max_connections=26",
        ] {
            assert!(
                arguments.iter().any(|argument| argument == expected),
                "{expected}"
            );
        }
    }

    #[test]
    fn a_folder_that_is_no_cluster_is_let_be() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Cluster::major(folder.path()).unwrap(), None);
        fs::create_dir(folder.path().join(FOLDER)).unwrap();
        let error = Cluster::major(folder.path()).unwrap_err().to_string();
        assert!(error.contains("is no PostgreSQL cluster"), "{error}");
        fs::write(folder.path().join(FOLDER).join("PG_VERSION"), "15\n").unwrap();
        assert_eq!(Cluster::major(folder.path()).unwrap(), Some(15));
    }
}
