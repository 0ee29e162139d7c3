//! Log lines, to standard error, because standard output belongs to what a command prints; and traces, to a collector.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use url::Url;

use crate::config::LogFormat;

/// Time for one delivery of spans to the collector (OTLP, "Exporter configuration": the default there).
const EXPORT: Duration = Duration::from_secs(10);

/// Starts logging. `filter` is what `log.level` says; `colour` for text on a terminal. To be called once a process.
pub fn start(format: LogFormat, filter: Targets, colour: bool) -> Result<()> {
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        LogFormat::Text => registry.with(lines.with_ansi(colour)).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    }
    .context("logging was started before")
}

/// Traces that are exported, until this is dropped: then what is left of them is sent.
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "the last spans could not be sent");
        }
    }
}

/// Sends spans to a collector, in batches and from a thread of its own: a collector that is slow or away delays nothing, and loses spans
/// beyond some thousands. To be called once a process, and outside of its async runtime.
pub fn export(endpoint: &Url, headers: Vec<(String, String)>, node: &str) -> Result<Traces> {
    let client = reqwest::blocking::Client::builder()
        .tls_backend_preconfigured(tls()?)
        .timeout(EXPORT)
        .no_proxy()
        .build()
        .context("the client for traces.endpoint cannot be made")?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(endpoint.as_str())
        .with_headers(headers.into_iter().collect())
        .with_timeout(EXPORT)
        .build()
        .context("traces cannot be exported to traces.endpoint")?;
    let about = Resource::builder_empty()
        .with_service_name("posthaste")
        .with_attributes([
            opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            opentelemetry::KeyValue::new("host.name", node.to_owned()),
        ])
        .build();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(about)
        .build();
    opentelemetry::global::set_tracer_provider(provider.clone());
    Ok(Traces(provider))
}

fn tls() -> Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
