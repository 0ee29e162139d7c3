//! The ports of a node, taken when it starts and served until it stops.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use gateway::{Gateway, Port, Speaks, Tls};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::{Effective, settings};

/// What the gateway is served on.
pub(crate) struct Ports {
    /// REST, and gRPC as well.
    pub(crate) rest: TcpListener,
    grpc: Option<TcpListener>,
    metrics: Option<TcpListener>,
    /// What encrypts the first two.
    pub(crate) tls: Option<Tls>,
}

impl Ports {
    /// Takes the ports, and reads their certificate.
    pub(crate) async fn open(effective: &Effective) -> Result<Self> {
        let listen = effective.get(&settings::GATEWAY_LISTEN);
        let rest = TcpListener::bind(listen).await.with_context(|| {
            format!("cannot listen on {listen} (gateway.listen); is another posthaste running? Choose another with --listen")
        })?;
        let grpc = match effective.get(&settings::GRPC_LISTEN) {
            None => None,
            Some(listen) => Some(TcpListener::bind(listen).await.with_context(|| {
                format!("cannot listen on {listen} (grpc.listen); choose another, or none, with --set grpc.listen=")
            })?),
        };
        let metrics = match effective.get(&settings::METRICS_LISTEN) {
            None => None,
            Some(listen) => Some(
                TcpListener::bind(listen)
                    .await
                    .with_context(|| format!("cannot listen on {listen} (metrics.listen)"))?,
            ),
        };
        let tls = open_tls(effective)?;
        Ok(Self {
            rest,
            grpc,
            metrics,
            tls,
        })
    }

    /// Where gRPC listens besides.
    pub(crate) fn grpc_address(&self) -> Result<Option<SocketAddr>> {
        Ok(self.grpc.as_ref().map(TcpListener::local_addr).transpose()?)
    }

    /// Where metrics are served besides.
    pub(crate) fn metrics_address(&self) -> Result<Option<SocketAddr>> {
        Ok(self.metrics.as_ref().map(TcpListener::local_addr).transpose()?)
    }

    /// Serves until stopped.
    pub(crate) async fn serve(self, gateway: &Gateway, stop: &CancellationToken) -> Result<()> {
        if let Some(tls) = &self.tls {
            tokio::spawn(tls.clone().follow(stop.clone()));
        }
        let rest = Port::new(self.rest, Speaks::Everything, self.tls.clone());
        let rest = gateway::serve(rest, gateway.clone(), stop.clone());
        let grpc = async {
            match self.grpc {
                Some(grpc) => {
                    let grpc = Port::new(grpc, Speaks::Grpc, self.tls);
                    gateway::serve(grpc, gateway.clone(), stop.clone()).await
                }
                None => Ok(()),
            }
        };
        let metrics = async {
            match self.metrics {
                Some(metrics) => {
                    let metrics = Port::new(metrics, Speaks::Monitoring, None);
                    gateway::serve(metrics, gateway.clone(), stop.clone()).await
                }
                None => Ok(()),
            }
        };
        let (rest, grpc, metrics) = tokio::join!(rest, grpc, metrics);
        Ok(rest.and(grpc).and(metrics)?)
    }
}

/// The certificate of the ports, if there is one.
fn open_tls(effective: &Effective) -> Result<Option<Tls>> {
    let (certificate, key) = (
        effective.get(&settings::TLS_CERTIFICATE),
        effective.get(&settings::TLS_KEY),
    );
    let Some((certificate, key)) = certificate.zip(key) else {
        return Ok(None);
    };
    let opened = Tls::open(gateway::Files { certificate, key });
    opened
        .map(Some)
        .context("the ports cannot be encrypted (tls.certificate, tls.key)")
}
