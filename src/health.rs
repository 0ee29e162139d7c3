//! `posthaste health`: whether the server on this machine is ready, for health checks of containers that have no other program.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use posthaste_client::{Client, Retries};

use crate::banner::base_url;
use crate::cli::SettingArgs;
use crate::config::Effective;
use crate::config::settings::{GATEWAY_LISTEN, TLS_CERTIFICATE};

/// Time for the answer: what asks gives up after 5 s, and must hear why.
const PATIENCE: Duration = Duration::from_secs(4);

/// What `posthaste health` is told.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// Ask this server instead; with tls.certificate set, by a name that the certificate is for
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,

    /// As for `serve`, so that the server is asked where it listens.
    #[command(flatten)]
    pub settings: SettingArgs,
}

/// Asks. An error is that it is not ready, and why.
pub async fn ask(args: &HealthArgs, effective: &Effective) -> Result<()> {
    let certificate = effective.get(&TLS_CERTIFICATE);
    let url = match &args.url {
        Some(url) => url.clone(),
        None => base_url(effective.get(&GATEWAY_LISTEN), certificate.is_some()),
    };
    let mut client = Client::builder(&url)
        .retries(Retries::NONE)
        .timeout(PATIENCE)
        .user_agent(concat!("posthaste-health/", env!("CARGO_PKG_VERSION")));
    if let Some(path) = certificate {
        let pem = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        client = client.trust(&pem);
    }
    client
        .build()?
        .ready()
        .await
        .with_context(|| format!("{url} is not ready"))
}
