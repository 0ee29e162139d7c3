//! Metrics, for whoever may read.

use proto::Scope;

use super::Acting;
use crate::{metrics, problem::Refusal, state::Gateway};

impl Acting {
    /// The page of metrics: of the queues that the caller reaches, and of the node for who reaches all.
    pub(crate) async fn metrics(&self) -> Result<String, Refusal> {
        self.may(Scope::Read)?;
        page(self.gateway(), self.reach()).await
    }
}

/// The page for somebody who reaches so much.
pub(crate) async fn page(gateway: &Gateway, reach: &queue::rights::Reach) -> Result<String, Refusal> {
    let _turn = gateway.measuring().lock().await;
    // What is counted as it happens is there although the database is away.
    if let Err(error) = gateway.queue().measure().await {
        tracing::debug!(%error, "backlogs could not be read for the metrics");
    }
    gateway.measure();
    metrics::page(gateway.queue().registry(), reach).map_err(|error| {
        tracing::error!(%error, "the metrics cannot be written");
        Refusal::internal()
    })
}
