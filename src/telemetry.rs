//! Log lines, to standard error: standard output belongs to what a command prints.

use std::io;

use anyhow::{Context, Result};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::LogFormat;

/// Starts logging. `filter` as in `log.level`; `colour` for text on a terminal. To be called once a process.
pub fn start(format: LogFormat, filter: &str, colour: bool) -> Result<()> {
    let filter = EnvFilter::builder()
        .parse(filter)
        .context("log.level is not a filter")?;
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        LogFormat::Text => registry.with(lines.with_ansi(colour)).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    }
    .context("logging was started before")
}
