//! What holds for endpoints beyond the queue's own rules: where they may point, and which action leads from which status to which.

use chrono::{DateTime, Utc};
use proto::{Endpoint, EndpointStatus, EndpointUpdate, NewEndpoint};
use queue::id::EndpointId;

use crate::{
    problem::{Kind, Refusal},
    state::Gateway,
};

/// What a person does to an endpoint's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch {
    /// Its deliveries shall wait.
    Pause,
    /// They shall go on.
    Resume,
    /// It is fit again, whatever it was stopped for.
    Enable,
    /// It is not to be used until it is enabled.
    Disable,
}

/// The status after a switch. A disabled endpoint is only ever enabled: pausing and resuming would hide why it was disabled.
fn after(switch: Switch, status: EndpointStatus) -> Result<EndpointStatus, &'static str> {
    match (switch, status) {
        (Switch::Pause | Switch::Resume, EndpointStatus::Disabled) => {
            Err("The endpoint is disabled; see `disabled_reason`. Enable it first: POST …/enable.")
        }
        (Switch::Pause, _) => Ok(EndpointStatus::Paused),
        (Switch::Resume | Switch::Enable, _) => Ok(EndpointStatus::Enabled),
        (Switch::Disable, _) => Ok(EndpointStatus::Disabled),
    }
}

impl Gateway {
    /// Registers an endpoint.
    pub(crate) async fn make_endpoint(
        &self,
        queue: &str,
        new: NewEndpoint,
        now: DateTime<Utc>,
    ) -> Result<Endpoint, Refusal> {
        // A queue that is not there is the first thing to hear of.
        self.queue().find_queue(queue).await?;
        self.vet(&new.url)?;
        Ok(self.queue().make_endpoint(queue, new, now).await?)
    }

    /// Changes an endpoint.
    pub(crate) async fn update_endpoint(
        &self,
        id: EndpointId,
        update: EndpointUpdate,
        now: DateTime<Utc>,
    ) -> Result<Endpoint, Refusal> {
        if let Some(url) = &update.url {
            self.vet(url)?;
        }
        Ok(self.queue().update_endpoint(id, update, now).await?)
    }

    /// Changes an endpoint's status.
    pub(crate) async fn switch_endpoint(
        &self,
        id: EndpointId,
        switch: Switch,
        now: DateTime<Utc>,
    ) -> Result<Endpoint, Refusal> {
        let endpoint = self.queue().read_endpoint(id).await?;
        let status = after(switch, endpoint.status).map_err(|why| Refusal::new(Kind::Conflict, why))?;
        if status == endpoint.status {
            return Ok(endpoint);
        }
        Ok(self.queue().set_endpoint_status(id, status, now).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_enabling_ends_a_disablement() {
        use EndpointStatus::{Disabled, Enabled, Paused};
        for (switch, from_enabled, from_paused, from_disabled) in [
            (Switch::Pause, Some(Paused), Some(Paused), None),
            (Switch::Resume, Some(Enabled), Some(Enabled), None),
            (Switch::Enable, Some(Enabled), Some(Enabled), Some(Enabled)),
            (Switch::Disable, Some(Disabled), Some(Disabled), Some(Disabled)),
        ] {
            for (status, expected) in [
                (Enabled, from_enabled),
                (Paused, from_paused),
                (Disabled, from_disabled),
            ] {
                assert_eq!(after(switch, status).ok(), expected, "{switch:?} {status:?}");
            }
        }
    }
}
