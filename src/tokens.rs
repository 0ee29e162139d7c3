//! Whose tokens are accepted: reads the keys of the configured issuers, and again when their files change.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use gateway::Gateway;
use gateway::auth::jwt;
use tokio::fs;
use tracing::{info, warn};

use crate::config::issuers::{Issuer, KeyFile};

/// How often files with keys are looked at: issuers announce new keys hours before they use them.
const LOOK: Duration = Duration::from_secs(5);

/// The content of each file with keys.
type Files = HashMap<PathBuf, Vec<u8>>;

/// Accepts the tokens of these issuers from now on.
pub async fn accept(gateway: &Gateway, issuers: Vec<Issuer>) -> Result<Accepted> {
    let known = read(&issuers).await?;
    gateway.accept_tokens(prepare(&issuers, &known)?);
    Ok(Accepted { issuers, known })
}

/// Issuers whose tokens are accepted, by the keys that their files held.
#[derive(Debug)]
pub struct Accepted {
    issuers: Vec<Issuer>,
    known: Files,
}

/// Follows the files with the keys, for ever. What cannot be read or used changes nothing, and is told once.
pub async fn follow(gateway: Gateway, accepted: Accepted) {
    let Accepted { issuers, mut known } = accepted;
    let mut told = String::new();
    loop {
        tokio::time::sleep(LOOK).await;
        let problem = match look(&gateway, &issuers, &known).await {
            Ok(None) => String::new(),
            Ok(Some(files)) => {
                known = files;
                info!("the keys of token issuers changed; the new ones hold");
                String::new()
            }
            Err(error) => format!("{error:#}"),
        };
        if problem != told && !problem.is_empty() {
            warn!(
                problem,
                "the keys of token issuers cannot be read anew; the old ones hold"
            );
        }
        told = problem;
    }
}

/// Takes over what changed; the new content, if any did.
async fn look(gateway: &Gateway, issuers: &[Issuer], known: &Files) -> Result<Option<Files>> {
    let files = read(issuers).await?;
    if files == *known {
        return Ok(None);
    }
    gateway.accept_tokens(prepare(issuers, &files)?);
    Ok(Some(files))
}

async fn read(issuers: &[Issuer]) -> Result<Files> {
    let mut files = Files::new();
    for issuer in issuers {
        let path = issuer.keys.path();
        let content = fs::read(path)
            .await
            .with_context(|| format!("{}: {} cannot be read", issuer.source, path.display()))?;
        files.insert(path.clone(), content);
    }
    Ok(files)
}

fn prepare(issuers: &[Issuer], files: &Files) -> Result<Vec<jwt::Issuer>> {
    let prepare = |issuer: &Issuer| {
        let path = issuer.keys.path();
        let content = files.get(path).cloned().unwrap_or_default();
        let config = jwt::Config {
            issuer: issuer.issuer.clone(),
            audience: issuer.audience.clone(),
            algorithms: issuer.algorithms.clone(),
            keys: match issuer.keys {
                KeyFile::Secret(_) => jwt::Material::Secret(content),
                KeyFile::Pem(_) => jwt::Material::Pem(content),
                KeyFile::Jwks(_) => jwt::Material::Jwks(content),
            },
            leeway: issuer.leeway,
            scope_claim: issuer.scope_claim.clone(),
            queues_claim: issuer.queues_claim.clone(),
        };
        jwt::Issuer::new(config).map_err(|why| {
            anyhow::anyhow!(
                "{}: tokens of {} cannot be accepted by {}: {why}",
                issuer.source,
                issuer.issuer,
                path.display()
            )
        })
    };
    issuers.iter().map(prepare).collect()
}
