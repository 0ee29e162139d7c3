//! What a caller does: every verb of the API, whatever the transport, and before each the two questions of access.
//!
//! May the caller do that at all? A scope that is missing is 403 and named. Does the caller reach the queue it belongs to? What
//! they do not reach is, for them, not there: the same 404 as for an id that nobody has. No other file asks these questions.
//!
//! Both are asked before anything else is looked at, so that nothing in an answer tells a stranger's thing from none.

mod attempts;
mod audit;
mod dead_letters;
mod endpoints;
mod enqueue;
mod events;
mod keys;
mod lanes;
mod metrics;
mod queues;
mod replays;
mod secrets;
mod session;
mod system;
mod tasks;
mod test_send;
mod traffic;
mod users;
mod verdicts;

use std::sync::Arc;

use axum::{extract::FromRequestParts, http::request::Parts};
use proto::Scope;
use queue::{
    endpoint::Endpoint,
    id::{DeliveryId, EndpointId, QueueId, TaskId},
    rights::{self, Reach},
};

use crate::{
    caller::Caller,
    problem::{Kind, Refusal},
    state::Gateway,
};

pub(crate) use self::{
    endpoints::Switch,
    events::{Ended, Watch},
    metrics::page,
    secrets::{jwk, public_keys},
};

/// A caller at the gateway. Handlers get it as an extractor behind the guard of the routes that want a key.
#[derive(Debug, Clone)]
pub(crate) struct Acting {
    gateway: Gateway,
    caller: Caller,
}

impl FromRequestParts<Gateway> for Acting {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Refusal> {
        let caller = parts.extensions.get::<Caller>().cloned().ok_or_else(|| {
            // Such a route would be a slip of ours, and must stay closed.
            tracing::error!(
                path = parts.uri.path(),
                "a route stands outside of authentication"
            );
            Refusal::internal()
        })?;
        Ok(Self::new(gateway.clone(), caller))
    }
}

impl Acting {
    /// This caller at this gateway.
    pub(crate) fn new(gateway: Gateway, caller: Caller) -> Self {
        Self { gateway, caller }
    }

    /// The gateway: for limits and forms, never for a verb.
    pub(crate) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Which queues the caller sees and touches.
    pub(crate) fn reach(&self) -> &Reach {
        self.caller.reach()
    }

    fn queue(&self) -> &queue::Queue {
        self.gateway.queue()
    }

    /// The queue for verbs of consequence: what they do is written down as the caller's doing.
    fn audited(&self) -> queue::Queue {
        self.queue().on_behalf_of(self.caller.actor())
    }

    /// Refuses who lacks a scope.
    pub(crate) fn may(&self, scope: Scope) -> Result<(), Refusal> {
        if self.caller.scopes().allow(scope) {
            return Ok(());
        }
        let scope = rights::word(scope);
        let whose = match self.caller {
            Caller::User(..) => "role",
            _ => "key or token",
        };
        let detail = format!("The scope `{scope}` is needed for this, and your {whose} does not have it.");
        Err(Refusal::new(Kind::Forbidden, detail))
    }

    /// A queue that is not reached is not there.
    fn reaches(&self, queue: &str) -> Result<(), Refusal> {
        if self.reach().covers(queue) {
            Ok(())
        } else {
            Err(queue::queues::no_queue(queue).into())
        }
    }

    /// An endpoint, unless it is of a queue that is not reached.
    async fn endpoint(&self, id: EndpointId) -> Result<Arc<Endpoint>, Refusal> {
        let endpoint = self.queue().find_endpoint(id).await?;
        if self.reach().covers(&endpoint.queue) {
            Ok(endpoint)
        } else {
            Err(queue::endpoints::no_endpoint(id).into())
        }
    }

    /// A task of a queue that is not reached is not there. Its queue is asked for only on behalf of who does not reach all.
    async fn reaches_task(&self, id: TaskId) -> Result<(), Refusal> {
        if self.reach().is_everything() {
            return Ok(());
        }
        let queue = self.queue().queue_of_task(id).await?;
        self.reaches_id(queue, || queue::tasks::no_task(id)).await
    }

    /// The same for a delivery.
    async fn reaches_delivery(&self, id: DeliveryId) -> Result<(), Refusal> {
        if self.reach().is_everything() {
            return Ok(());
        }
        let queue = self.queue().queue_of_delivery(id).await?;
        self.reaches_id(queue, || queue::tasks::no_delivery(id)).await
    }

    /// The same for a dead letter.
    async fn reaches_dead_letter(&self, id: DeliveryId) -> Result<(), Refusal> {
        if self.reach().is_everything() {
            return Ok(());
        }
        let queue = self.queue().queue_of_dead_letter(id).await?;
        self.reaches_id(queue, || queue::dead_letters::no_dead_letter(id))
            .await
    }

    async fn reaches_id(&self, queue: QueueId, absent: impl FnOnce() -> queue::Error) -> Result<(), Refusal> {
        let name = self.queue().find_queue_name(queue).await?;
        if name.is_some_and(|name| self.reach().covers(&name)) {
            Ok(())
        } else {
            Err(absent().into())
        }
    }
}

/// Does to its end what has begun, although the caller may go away: between a statement and what follows from it lies no gap then.
async fn to_its_end<T: Send + 'static>(
    act: impl Future<Output = queue::Result<T>> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::spawn(act).await {
        Ok(done) => Ok(done?),
        Err(error) => {
            tracing::error!(%error, "an action ended early");
            Err(Refusal::internal())
        }
    }
}
