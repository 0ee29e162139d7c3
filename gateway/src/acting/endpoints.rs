//! Endpoints, with what holds for them beyond the queue's own rules: where they may point, and which action leads from which status
//! to which.

use proto::{Count, Endpoint, EndpointStatus, EndpointUpdate, NewEndpoint, Page, Scope};
use queue::id::EndpointId;
use uuid::Uuid;

use super::{Acting, to_its_end};
use crate::{
    page::Paging,
    problem::{Kind, Refusal},
    time,
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

impl Acting {
    /// Registers an endpoint on a queue. The answer is the only one that carries its secret.
    pub(crate) async fn make_endpoint(&self, queue: &str, new: NewEndpoint) -> Result<Endpoint, Refusal> {
        self.may(Scope::Manage)?;
        self.reaches(queue)?;
        // A queue that is not there is the first thing to hear of.
        self.queue().find_queue(queue).await?;
        self.gateway.vet(&new.url)?;
        if let Some(auth) = &new.auth {
            self.gateway.vet_auth(auth)?;
        }
        Ok(self.audited().make_endpoint(queue, new, time::now()).await?)
    }

    /// Lists the endpoints of a queue, oldest first.
    pub(crate) async fn list_endpoints(
        &self,
        queue: &str,
        paging: Paging,
    ) -> Result<Page<Endpoint>, Refusal> {
        self.may(Scope::Read)?;
        self.reaches(queue)?;
        let (list, after) = paging.of::<Uuid>(format!("endpoints of {queue}"), &self.gateway)?;
        let endpoints = self.queue().list_endpoints(queue, after, list.rows()).await?;
        Ok(list.page(endpoints, |last| last.id))
    }

    /// Reads an endpoint.
    pub(crate) async fn read_endpoint(&self, id: EndpointId) -> Result<Endpoint, Refusal> {
        self.may(Scope::Read)?;
        self.endpoint(id).await?;
        Ok(self.queue().read_endpoint(id).await?)
    }

    /// Changes an endpoint.
    pub(crate) async fn update_endpoint(
        &self,
        id: EndpointId,
        update: EndpointUpdate,
    ) -> Result<Endpoint, Refusal> {
        self.may(Scope::Manage)?;
        self.endpoint(id).await?;
        if let Some(url) = &update.url {
            self.gateway.vet(url)?;
        }
        if let Some(Some(auth)) = &update.auth {
            self.gateway.vet_auth(auth)?;
        }
        Ok(self.audited().update_endpoint(id, update, time::now()).await?)
    }

    /// Deletes an endpoint.
    pub(crate) async fn delete_endpoint(&self, id: EndpointId) -> Result<(), Refusal> {
        self.may(Scope::Manage)?;
        self.endpoint(id).await?;
        Ok(self.audited().delete_endpoint(id, time::now()).await?)
    }

    /// Changes an endpoint's status.
    pub(crate) async fn switch_endpoint(&self, id: EndpointId, switch: Switch) -> Result<Endpoint, Refusal> {
        self.may(Scope::Manage)?;
        self.endpoint(id).await?;
        let endpoint = self.queue().read_endpoint(id).await?;
        let status = after(switch, endpoint.status).map_err(|why| Refusal::new(Kind::Conflict, why))?;
        if status == endpoint.status {
            return Ok(endpoint);
        }
        Ok(self.queue().set_endpoint_status(id, status, time::now()).await?)
    }

    /// Cancels what waits for an endpoint.
    pub(crate) async fn purge_endpoint(&self, id: EndpointId) -> Result<Count, Refusal> {
        self.may(Scope::Manage)?;
        self.endpoint(id).await?;
        let (queue, now) = (self.audited(), time::now());
        to_its_end(async move { queue.purge_endpoint(id, now).await }).await
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
