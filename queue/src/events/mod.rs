//! Events: what happens to tasks, deliveries, endpoints and queues, told to whoever subscribes, on every node.
//!
//! A feed, not the truth: an event is published after its commit, and a crash in between loses it. In return it costs next to nothing.
//! Nothing is made while nobody wants it, publishing never waits, and whoever is too slow is told what it missed.
//!
//! The cast:
//! - [`facts`]: turns what was committed into events. The only part that the other verbs call.
//! - [`Bus`]: one in a process. Knows who wants what ([`interest`]), here and elsewhere, and puts events into [`mailbox`]es.
//! - [`audience`]: the subscribers of this node, and the [`ring`] of the last events, from which one that was away goes on.
//! - [`Subscription`]: the reading end. [`Filter`]: what it wants.
//! - [`session`]: what runs while somebody wants events. [`notice`]: how they pass between nodes, in notifications of PostgreSQL.

mod audience;
mod bus;
mod facts;
mod filter;
mod gap;
mod interest;
mod mailbox;
mod notice;
mod ring;
mod session;
mod subscription;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use proto::Event;
use uuid::Uuid;

pub(crate) use self::{bus::Bus, facts::Moved, session::WANTED};
pub use self::{
    facts::LaneEvent,
    filter::{Asked, Filter},
    subscription::{Subscription, Told},
};

/// How much is kept for subscribers.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Most subscribers of one node; further ones are refused. Half of the connections that the gateway takes.
    pub subscribers: usize,
    /// How many of the last events are remembered for those that come back: some 8 MB at most, and only while somebody subscribes.
    pub window: usize,
    /// How many events wait for one subscriber; beyond it they are missed. 128 KiB at most: room for what one large batch makes.
    pub buffer: usize,
    /// How long events are still gathered when the last subscriber is gone: who reconnects within it misses nothing.
    pub linger: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            subscribers: 4_096,
            window: 16_384,
            buffer: 8_192,
            linger: Duration::from_mins(1),
        }
    }
}

/// An event that is published: shared by all that are told of it.
#[derive(Debug)]
pub struct Published {
    /// The event.
    pub event: Event,
    /// The node that it comes from.
    origin: Uuid,
    json: OnceLock<String>,
}

impl Published {
    fn new(event: Event, origin: Uuid) -> Arc<Self> {
        Arc::new(Self {
            event,
            origin,
            json: OnceLock::new(),
        })
    }

    /// The event as JSON, on one line: written once, however many are told.
    pub fn json(&self) -> &str {
        self.json
            // Only strings, numbers and ids: it has a form in JSON whatever they hold.
            .get_or_init(|| serde_json::to_string(&self.event).unwrap_or_default())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use chrono::DateTime;
    use proto::EventKind;

    use super::*;

    pub(in crate::events) fn event(id: u128) -> Event {
        Event {
            id: Uuid::from_u128(id),
            at: DateTime::UNIX_EPOCH,
            kind: EventKind::QueueUpdated,
            queue: "q".into(),
            task: None,
            delivery: None,
            endpoint: None,
            task_type: None,
            attempts: None,
            status: None,
            failure: None,
            reason: None,
            due_at: None,
            count: None,
        }
    }

    pub(in crate::events) fn published(event: Event) -> Arc<Published> {
        published_by(event, Uuid::nil())
    }

    pub(in crate::events) fn published_by(event: Event, origin: Uuid) -> Arc<Published> {
        Published::new(event, origin)
    }
}
