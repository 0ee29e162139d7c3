//! Lanes: what an endpoint's deliveries wait for.

use proto::{BreakerState, Lane, LaneWait, Scope};
use queue::{endpoint::Endpoint, id::EndpointId};

use super::Acting;
use crate::{problem::Refusal, time};

impl Acting {
    /// Reads what the lane of an endpoint does, on whichever node it is.
    pub(crate) async fn read_lane(&self, id: EndpointId) -> Result<Lane, Refusal> {
        self.may(Scope::Read)?;
        let endpoint = self.endpoint(id).await?;
        let lane = self.queue().read_lane(id).await?;
        Ok(lane.unwrap_or_else(|| idle(&endpoint)))
    }
}

/// A lane that has told nothing: it has had nothing to do.
fn idle(endpoint: &Endpoint) -> Lane {
    let settings = &endpoint.settings;
    Lane {
        endpoint: endpoint.id,
        waits_for: LaneWait::Work,
        until: None,
        in_flight: 0,
        in_flight_limit: settings.max_in_flight,
        max_in_flight: settings.max_in_flight,
        ready: 0,
        backlog: false,
        tokens: settings.rate.map(|_| 1),
        hold_until: None,
        breaker: if settings.breaker.is_some() {
            BreakerState::Closed
        } else {
            BreakerState::Off
        },
        probe_at: None,
        answer_ms: None,
        failing_since: None,
        updated_at: time::now(),
    }
}
