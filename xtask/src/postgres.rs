//! PostgreSQL on this machine: finding its programs, and throw-away clusters for checks and tests.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read as _};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::checkout::{environment, output};

/// The oldest major version that Posthaste runs on.
pub(crate) const OLDEST: u32 = 15;

/// The programs of one installed version.
pub(crate) struct Server {
    /// The folder of `initdb`, `pg_ctl`, `postgres` and `psql`.
    pub(crate) bin: PathBuf,
    /// What `postgres --version` says.
    pub(crate) version: String,
}

impl Server {
    /// The server on the `PATH`, else the newest in the folders where packages put one.
    ///
    /// # Errors
    /// When none of [`OLDEST`] or newer is there; the error names what was found instead.
    pub(crate) fn find() -> Result<Self> {
        let mut too_old = Vec::new();
        for bin in candidate_folders() {
            let complete = ["initdb", "pg_ctl", "postgres", "psql"]
                .iter()
                .all(|name| bin.join(name).is_file());
            if !complete {
                continue;
            }
            let version = output(Command::new(bin.join("postgres")).arg("--version"))?;
            if major_version(&version).is_some_and(|major| major >= OLDEST) {
                return Ok(Self { bin, version });
            }
            too_old.push(format!("{version} in {}", bin.display()));
        }
        ensure!(
            too_old.is_empty(),
            "version {OLDEST} or newer is needed; found {}",
            too_old.join(", ")
        );
        bail!(
            "no server programs on the PATH or in /usr/lib/postgresql/*/bin (Debian: apt-get install postgresql)"
        )
    }
}

/// Folders that may hold a server's programs, the preferred first.
fn candidate_folders() -> Vec<PathBuf> {
    let path = environment("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path)
        // A link to `postgres` alone leads to the folder where its companions are.
        .filter_map(|folder| Some(folder.join("postgres").canonicalize().ok()?.parent()?.to_owned()));
    let mut packaged: Vec<(u32, PathBuf)> = ["/usr/lib/postgresql", "/usr/local/opt", "/opt/homebrew/opt"]
        .iter()
        .filter_map(|parent| fs::read_dir(parent).ok())
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            Some((
                name.trim_start_matches("postgresql@").parse().ok()?,
                entry.path().join("bin"),
            ))
        })
        .collect();
    packaged.sort_by_key(|(major, _)| std::cmp::Reverse(*major));
    on_path.chain(packaged.into_iter().map(|(_, bin)| bin)).collect()
}

/// `postgres (PostgreSQL) 15.14 (Debian …)` → 15; also of a beta (`18beta1`).
fn major_version(version: &str) -> Option<u32> {
    let number = version.split_once("(PostgreSQL) ")?.1;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Starts the server, says so, and stops it when standard input ends: when the owner closes it, or is gone in whatever way.
/// Arguments: the folder of the programs, the folder of the cluster, the port.
const KEEPER: &str = r#"
set -eu
bin=$1 folder=$2 port=$3
cd "$folder"
umask 077
end() {
    "$bin/pg_ctl" stop --silent --mode=immediate -D "$folder/data" >/dev/null 2>&1 || true
    cd / && rm -rf "$folder"
}
trap end EXIT
printf %s "$PGPASSWORD" > password
"$bin/initdb" --pgdata=data --username=postgres --auth=md5 --pwfile=password --encoding=UTF8 --no-locale --no-sync > log 2>&1
cat >> data/postgresql.conf <<'CONF'
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 300
# It is thrown away: a crash of the machine may take it. (Tests of crashes start servers of their own.)
fsync = off
full_page_writes = off
CONF
"$bin/pg_ctl" start --silent --wait --timeout=60 --pgdata=data --log=log --options="-p $port" >&2
echo ready
cat > /dev/null
"#;

/// A PostgreSQL server of its own, empty, on a loopback port. It and its data go when this value is dropped, and also
/// when this process ends without dropping it.
pub(crate) struct Cluster {
    keeper: Child,
    folder: PathBuf,
    bin: PathBuf,
    port: u16,
    password: String,
}

impl Cluster {
    /// Makes and starts a cluster, in a second or two. Run as root, it belongs to the user `postgres` or `nobody`, for
    /// the server refuses to run as root.
    ///
    /// # Errors
    /// When the server cannot be made or started; then with the end of its log.
    pub(crate) fn start(server: &Server) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("posthaste-postgres-{}", random_hex()?));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        let port = free_port()?;
        let password = random_hex()?;
        let mut command = Command::new("sh");
        command
            .args([OsString::from("-c"), KEEPER.into(), "posthaste-postgres".into()])
            .args([server.bin.as_os_str(), folder.as_os_str(), port.to_string().as_ref()])
            .env("PGPASSWORD", &password)
            // A Ctrl-C in the terminal is for us; the keeper then sees its input end.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if fs::metadata("/proc/self").is_ok_and(|us| us.uid() == 0) {
            let (user, group) = unprivileged_user(&fs::read_to_string("/etc/passwd")?)?;
            chown(&folder, Some(user), Some(group))?;
            command.uid(user).gid(group);
        }
        let keeper = command.spawn().context("cannot run sh")?;
        let mut cluster = Self {
            keeper,
            folder,
            bin: server.bin.clone(),
            port,
            password,
        };
        let mut said = String::new();
        let stdout = cluster
            .keeper
            .stdout
            .take()
            .context("the keeper's output is piped")?;
        BufReader::new(stdout).read_line(&mut said)?;
        ensure!(
            said.trim() == "ready",
            "PostgreSQL did not start ({}) on port {port}: its log was\n{}",
            server.version,
            cluster.log_tail(20)
        );
        Ok(cluster)
    }

    /// The URL of one of its databases, as the superuser, password included.
    pub(crate) fn url(&self, database: &str) -> String {
        format!(
            "postgres://postgres:{}@127.0.0.1:{}/{database}",
            self.password, self.port
        )
    }

    /// `psql` on one of its databases, without the user's own `.psqlrc`, stopping at the first error.
    pub(crate) fn psql(&self, database: &str) -> Command {
        let mut command = Command::new(self.bin.join("psql"));
        command
            .args([
                "--no-psqlrc",
                "--quiet",
                "--set=ON_ERROR_STOP=1",
                "--host=127.0.0.1",
                "--username=postgres",
            ])
            .args([format!("--port={}", self.port), format!("--dbname={database}")])
            .env("PGPASSWORD", &self.password);
        command
    }

    /// The last lines of the server's log.
    pub(crate) fn log_tail(&self, lines: usize) -> String {
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let all: Vec<&str> = log.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// Waits until the cluster ends, which by itself it does not.
    pub(crate) fn wait(mut self) -> Result<()> {
        let input = self.keeper.stdin.take();
        let status = self.keeper.wait()?;
        drop(input);
        ensure!(status.success(), "{status}");
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The end of its input tells the keeper to stop the server and to remove the folder.
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// User and group of an account without privileges that every Debian has.
fn unprivileged_user(passwd: &str) -> Result<(u32, u32)> {
    let account = |name: &str| {
        let fields: Vec<&str> = passwd
            .lines()
            .map(|l| l.split(':').collect())
            .find(|f: &Vec<&str>| f[0] == name)?;
        Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
    };
    account("postgres")
        .or_else(|| account("nobody"))
        .context("run as root, and /etc/passwd has neither `postgres` nor `nobody` to run the server as")
}

/// A loopback port that nothing listens on, below the range that outgoing connections take theirs from.
fn free_port() -> Result<u16> {
    let first = 15_432 + u16::try_from(std::process::id() % 10_000)?;
    (first..first + 200)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .with_context(|| format!("no free port between {first} and {}", first + 200))
}

fn random_hex() -> Result<String> {
    let mut bytes = [0_u8; 16];
    File::open("/dev/urandom")
        .context("no source of randomness")?
        .read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// The migrations of a folder in the order of their numbers (`0007_name.sql`), as sqlx applies them.
///
/// # Errors
/// When the folder cannot be read, holds no migration, or a file's name has no number.
pub(crate) fn migrations(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut numbered = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.extension().is_none_or(|extension| extension != "sql") || name.ends_with(".down.sql") {
            continue;
        }
        let number: i64 = name
            .split_once('_')
            .and_then(|(number, _)| number.parse().ok())
            .with_context(|| {
                format!(
                    "the name of {} does not begin with a number and `_`",
                    path.display()
                )
            })?;
        numbered.push((number, path));
    }
    ensure!(!numbered.is_empty(), "no migration in {}", folder.display());
    numbered.sort();
    Ok(numbered.into_iter().map(|(_, path)| path).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_distributions_write_them() {
        for (text, major) in [
            ("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)", Some(15)),
            ("postgres (PostgreSQL) 18beta1", Some(18)),
            ("postgres (PostgreSQL) 9.6.24", Some(9)),
            ("postgres (EnterpriseDB)", None),
        ] {
            assert_eq!(major_version(text), major, "{text}");
        }
    }

    #[test]
    fn the_server_runs_as_postgres_and_else_as_nobody() {
        let nobody = "root:x:0:0::/root:/bin/bash\nnobody:x:65534:65533::/:/bin/false\n";
        assert_eq!(unprivileged_user(nobody).unwrap(), (65534, 65533));
        let both = format!("{nobody}postgres:x:104:112::/var/lib/postgresql:/bin/bash\n");
        assert_eq!(unprivileged_user(&both).unwrap(), (104, 112));
        assert!(unprivileged_user("root:x:0:0::/root:/bin/bash\n").is_err());
    }
}
