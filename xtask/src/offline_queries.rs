//! The offline data of crate `queue`: what PostgreSQL says of each of its statements, committed in `queue/.sqlx`, so that a
//! machine without a database can compile it.
//!
//! `sqlx`'s macros write that data themselves when they compile against a live database: so it is made by checking the
//! crate against a throw-away cluster that has the migrations applied.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::checkout::{Checkout, run};
use crate::postgres::{Cluster, Server, migrations};

/// The committed data, in the root of the checkout.
const COMMITTED: &str = "queue/.sqlx";

/// The description of each statement, by file name.
type Descriptions = BTreeMap<String, String>;

/// Writes the committed data anew: adds, replaces and removes what has changed, and touches nothing else.
///
/// # Errors
/// When a statement does not fit the migrations; the compiler's message says which.
pub(crate) fn prepare(checkout: &Checkout) -> Result<()> {
    let folder = checkout.root.join(COMMITTED);
    let fresh = describe(checkout)?;
    fs::create_dir_all(&folder)?;
    let committed = read(&folder)?;
    for name in committed.keys().filter(|name| !fresh.contains_key(*name)) {
        fs::remove_file(folder.join(name))?;
    }
    for (name, text) in &fresh {
        if committed.get(name) != Some(text) {
            fs::write(folder.join(name), text)?;
        }
    }
    let changes = differences(&committed, &fresh);
    println!(
        "{} statements in {COMMITTED}, {} changed\n{}",
        fresh.len(),
        changes.len(),
        changes.join("\n")
    );
    Ok(())
}

/// Compares the committed data with what the sources need now.
///
/// # Errors
/// When they differ; the error names each statement.
pub(crate) fn check(checkout: &Checkout) -> Result<()> {
    let folder = checkout.root.join(COMMITTED);
    let committed = if folder.exists() {
        read(&folder)?
    } else {
        Descriptions::new()
    };
    let fresh = describe(checkout)?;
    let changes = differences(&committed, &fresh);
    ensure!(
        changes.is_empty(),
        "{COMMITTED} is not what the sources need; `cargo xtask sqlx` writes it anew:\n{}",
        changes.join("\n")
    );
    println!("{} statements, all as committed", fresh.len());
    Ok(())
}

/// Lets a live database describe every statement of `queue`.
fn describe(checkout: &Checkout) -> Result<Descriptions> {
    let server = Server::find()?;
    let cluster = Cluster::start(&server)?;
    // What can be null is read from a plan, and a plan rests on statistics: there must be none, at whatever time it is made.
    run(cluster.psql("postgres").args([
        "--command=ALTER SYSTEM SET autovacuum = off",
        "--command=SELECT pg_reload_conf()",
    ]))?;
    for migration in migrations(&checkout.root.join("migrations"))? {
        let text = fs::read_to_string(&migration)?;
        let mut psql = cluster.psql("postgres");
        // sqlx's own marker for what cannot run inside a transaction (`CREATE INDEX CONCURRENTLY`).
        if !text.starts_with("-- no-transaction") {
            psql.arg("--single-transaction");
        }
        run(psql.arg("--file").arg(&migration))?;
    }

    let target = checkout.target.join("sqlx");
    let written = target.join("described");
    if written.exists() {
        fs::remove_dir_all(&written)?;
    }
    fs::create_dir_all(&written)?;
    // Cargo does not know that the macros look at a database; without this it would find nothing to do.
    run(checkout
        .cargo(["clean", "--quiet", "--package", "queue", "--target-dir"])
        .arg(&target))?;
    let mut cargo = checkout.cargo([
        "check",
        "--quiet",
        "--package",
        "queue",
        "--all-targets",
        "--locked",
    ]);
    cargo
        .arg("--target-dir")
        .arg(&target)
        .env("DATABASE_URL", cluster.url("postgres"))
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", &written);
    run(&mut cargo).with_context(|| format!("as {} sees it", server.version))?;
    let described = read(&written)?;
    if described.is_empty() {
        bail!("crate `queue` has no statement that the compiler checks; is its SQL in `query!` macros?");
    }
    Ok(described)
}

fn read(folder: &Path) -> Result<Descriptions> {
    let mut found = Descriptions::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("query-") {
            let text = fs::read_to_string(entry.path())?;
            found.insert(name, text);
        }
    }
    Ok(found)
}

/// What must change in `committed` to be `fresh`, a line for each statement.
fn differences(committed: &Descriptions, fresh: &Descriptions) -> Vec<String> {
    let added = fresh.iter().filter_map(|(name, text)| match committed.get(name) {
        None => Some(format!("missing: {}", title(text))),
        Some(old) if old != text => Some(format!("described otherwise: {}", title(text))),
        Some(_) => None,
    });
    let removed = committed.iter().filter(|(name, _)| !fresh.contains_key(*name));
    added
        .chain(removed.map(|(_, text)| format!("no longer used: {}", title(text))))
        .collect()
}

/// The first line of the statement, which names it.
fn title(description: &str) -> String {
    let parsed: serde_json::Value = serde_json::from_str(description).unwrap_or_default();
    let query = parsed["query"].as_str().unwrap_or("(unreadable)");
    query.trim_start().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptions(entries: &[(&str, &str, i32)]) -> Descriptions {
        entries
            .iter()
            .map(|(name, query, columns)| {
                let text = serde_json::json!({ "query": query, "columns": columns }).to_string();
                ((*name).to_owned(), text)
            })
            .collect()
    }

    #[test]
    fn every_kind_of_drift_is_named() {
        let committed = descriptions(&[
            ("a", "-- a()\nselect 1", 1),
            ("b", "-- b()\nselect 2", 1),
            ("c", "-- c()", 1),
        ]);
        let fresh = descriptions(&[
            ("b", "-- b()\nselect 2", 2),
            ("c", "-- c()", 1),
            ("d", "\n  -- d()\nselect", 1),
        ]);
        assert_eq!(
            differences(&committed, &fresh),
            [
                "described otherwise: -- b()",
                "missing: -- d()",
                "no longer used: -- a()"
            ]
        );
        assert!(differences(&fresh, &fresh).is_empty());
    }
}
