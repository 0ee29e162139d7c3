use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a subscriber is sent: an event, or that it missed some.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum EventMessage {
    /// Something happened.
    Event(Event),
    /// Something happened that is not told.
    Missed(Missed),
}

/// Something that happened to a task, a delivery, an endpoint or a queue. Sent once it is committed. Without the payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Event {
    /// Its id, which names the place from which to go on (`Last-Event-ID`).
    pub id: Uuid,
    /// When it happened, to the millisecond.
    pub at: DateTime<Utc>,
    /// What happened.
    pub kind: EventKind,
    /// The name of the queue.
    pub queue: String,
    /// The task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Uuid>,
    /// The delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Uuid>,
    /// The endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Uuid>,
    /// The task's type, if it has one.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub task_type: Option<String>,
    /// How many attempts of the delivery were made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// The HTTP status of the endpoint's answer, if it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The kind of failure, if it did not: `dns`, `refused`, `connect`, `tls`, `reset`, `protocol`, `timeout`, `auth`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Why: at most 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When the next attempt is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<DateTime<Utc>>,
    /// How many: the deliveries that were made of an enqueued task, or that a purge cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// That events were missed: the subscriber was too slow, or asked to go on from where nobody remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Missed {
    /// Always `missed`.
    pub kind: MissedKind,
    /// How many at most; absent if nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

impl Missed {
    /// That so many events were missed.
    pub fn of(count: Option<u64>) -> Self {
        Self {
            kind: MissedKind::Missed,
            count,
        }
    }
}

/// The one word by which [`Missed`] is told from an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MissedKind {
    /// `missed`
    Missed,
}

/// Makes the enum, its words and the list of all from one table.
macro_rules! kinds {
    ($($(#[$doc:meta])+ $kind:ident = $word:literal,)+) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum EventKind {
            $($(#[$doc])+ #[serde(rename = $word)] $kind,)+
        }

        impl EventKind {
            /// Every kind, in the order in which they are documented.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// The word for it, as JSON has it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)+
                }
            }
        }
    };
}

kinds! {
    /// A task was enqueued.
    TaskEnqueued = "task.enqueued",
    /// A task was enqueued that no endpoint wants.
    TaskUnmatched = "task.unmatched",
    /// The endpoint accepted it.
    DeliveryDelivered = "delivery.delivered",
    /// An attempt failed; the next is due at `due_at`.
    DeliveryRetrying = "delivery.retrying",
    /// It was given up and is a dead letter.
    DeliveryDead = "delivery.dead",
    /// It was cancelled before it was delivered.
    DeliveryCancelled = "delivery.cancelled",
    /// It was made of a dead letter.
    DeliveryReplayed = "delivery.replayed",
    /// An endpoint was registered.
    EndpointCreated = "endpoint.created",
    /// An endpoint was changed.
    EndpointUpdated = "endpoint.updated",
    /// An endpoint's deliveries wait.
    EndpointPaused = "endpoint.paused",
    /// A paused endpoint goes on.
    EndpointResumed = "endpoint.resumed",
    /// An endpoint was disabled, by hand or because of what it answered.
    EndpointDisabled = "endpoint.disabled",
    /// An endpoint asked for nothing to be sent until `due_at`.
    EndpointThrottled = "endpoint.throttled",
    /// An endpoint is down: its deliveries wait, and at `due_at` one of them probes whether it is back.
    EndpointOpened = "endpoint.opened",
    /// An endpoint that was down answers again.
    EndpointRecovered = "endpoint.recovered",
    /// A disabled endpoint goes on.
    EndpointEnabled = "endpoint.enabled",
    /// What waited for an endpoint was cancelled.
    EndpointPurged = "endpoint.purged",
    /// An endpoint was deleted.
    EndpointDeleted = "endpoint.deleted",
    /// A queue was made.
    QueueCreated = "queue.created",
    /// A queue was changed.
    QueueUpdated = "queue.updated",
    /// A queue's deliveries wait.
    QueuePaused = "queue.paused",
    /// A paused queue goes on.
    QueueResumed = "queue.resumed",
    /// What waited in a queue was cancelled.
    QueuePurged = "queue.purged",
    /// A queue was deleted.
    QueueDeleted = "queue.deleted",
}

impl FromStr for EventKind {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.as_str() == word)
            .ok_or(())
    }
}

impl std::fmt::Display for EventKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event {
        Event {
            id: Uuid::from_u128(1),
            at: DateTime::UNIX_EPOCH,
            kind: EventKind::DeliveryDead,
            queue: "orders".into(),
            task: Some(Uuid::from_u128(2)),
            delivery: None,
            endpoint: None,
            task_type: Some("invoice.paid".into()),
            attempts: Some(12),
            status: Some(500),
            failure: None,
            reason: None,
            due_at: None,
            count: None,
        }
    }

    #[test]
    fn an_event_has_only_what_applies() {
        let json = serde_json::to_value(EventMessage::Event(event())).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "id": "00000000-0000-0000-0000-000000000001",
                "at": "1970-01-01T00:00:00Z",
                "kind": "delivery.dead",
                "queue": "orders",
                "task": "00000000-0000-0000-0000-000000000002",
                "type": "invoice.paid",
                "attempts": 12,
                "status": 500,
            })
        );
    }

    #[test]
    fn a_reader_tells_events_from_what_it_missed() {
        for message in [
            EventMessage::Event(event()),
            EventMessage::Missed(Missed::of(Some(7))),
            EventMessage::Missed(Missed::of(None)),
        ] {
            let json = serde_json::to_string(&message).unwrap();
            assert_eq!(
                serde_json::from_str::<EventMessage>(&json).unwrap(),
                message,
                "{json}"
            );
        }
        assert_eq!(
            serde_json::to_string(&Missed::of(Some(7))).unwrap(),
            r#"{"kind":"missed","count":7}"#
        );
    }

    #[test]
    fn every_kind_has_a_word_of_its_own() {
        for kind in EventKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert_eq!("missed".parse::<EventKind>(), Err(()));
    }
}
