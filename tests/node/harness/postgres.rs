//! PostgreSQL's own programs, and what its statistics say.

use std::{fs, path::PathBuf, process::Command};

/// One of PostgreSQL's programs: of the newest version that is installed where Debian puts them, or of the path.
fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let newest = versions
        .map(|version| version.path().join("bin").join(name))
        .filter(|path| path.exists())
        .max();
    newest.unwrap_or_else(|| PathBuf::from(name))
}

/// Runs one; what it prints.
pub(crate) fn run(name: &str, arguments: &[&str]) -> String {
    let done = Command::new(program(name)).args(arguments).output();
    let done = done.unwrap_or_else(|error| panic!("{name} is needed (postgresql-client): {error}"));
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{name} {arguments:?}: {told}");
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// A URL without the parameters that only our driver knows.
pub(crate) fn plain(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}

/// How many rows of a table were ever made, changed or deleted.
pub(crate) fn writes(url: &str, table: &str) -> u64 {
    let query = format!(
        "SELECT n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables WHERE relname = '{table}'"
    );
    let printed = run(
        "psql",
        &["--tuples-only", "--no-align", "--command", &query, plain(url)],
    );
    printed.trim().parse().expect("a number")
}
