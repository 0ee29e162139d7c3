//! Facts: what the verbs of the queue committed, as events. Each function here is called once, right after a commit.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use proto::{Event, EventKind};
use uuid::Uuid;

use super::bus::Interests;
use crate::{
    catalog::Snapshot,
    db::Queue,
    endpoint::Endpoint,
    enqueue::{Kept, Rows},
    finish::Finished,
    id::{self, DeliveryId, EndpointId, QueueId, TaskId},
    verdict::Verdict,
};

/// Most characters of a reason. Keeps an event far below what one notice holds.
const REASON: usize = 200;

/// Makes the events of one commit. There is none while nobody wants any.
pub(crate) struct Teller<'a> {
    queue: &'a Queue,
    interests: Arc<Interests>,
    snapshot: Arc<Snapshot>,
    /// The queue of the last event, and its name if it is wanted: those of one commit are mostly of one queue.
    last: Option<(QueueId, Option<String>)>,
    events: Vec<Event>,
}

impl Teller<'_> {
    /// Adds an event of a queue, if somebody wants it. Its id and time are set by [`Teller::publish`].
    fn tell(&mut self, queue: QueueId, at: DateTime<Utc>, kind: EventKind, fill: impl FnOnce(&mut Event)) {
        let name = match &self.last {
            Some((id, name)) if *id == queue => name,
            _ => {
                let name = Some(self.snapshot.queue_name(queue)).filter(|name| self.interests.want(name));
                &self.last.insert((queue, name)).1
            }
        };
        let Some(name) = name else { return };
        let mut event = Event {
            id: Uuid::nil(),
            at,
            kind,
            queue: name.clone(),
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
        };
        fill(&mut event);
        self.events.push(event);
    }

    fn publish(mut self) {
        if self.events.is_empty() {
            return;
        }
        self.queue.with_ids(|mint, rng| {
            for event in &mut self.events {
                event.id = mint.next(event.at, rng);
                // The id tells the time, so that nodes need not tell it each other twice.
                event.at = id::minted_at(event.id);
                // As the database keeps it, and a notice: it is the same wherever it is told.
                event.due_at = event
                    .due_at
                    .and_then(|at| DateTime::from_timestamp_micros(at.timestamp_micros()));
            }
        });
        self.queue.inner.events.publish(&self.interests, self.events);
    }
}

/// What became of an endpoint's lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneEvent {
    /// The endpoint asked for nothing to be sent before then.
    Throttled(DateTime<Utc>),
    /// It is down, and a probe goes then.
    Opened(DateTime<Utc>),
    /// It answers again.
    Recovered,
}

/// A delivery that was cancelled or made, as its statement returns it.
pub(crate) struct Moved<'a> {
    pub(crate) delivery: DeliveryId,
    pub(crate) task: TaskId,
    pub(crate) queue: QueueId,
    pub(crate) endpoint: EndpointId,
    pub(crate) kind: &'a str,
    pub(crate) attempts: u32,
}

impl Queue {
    fn teller(&self) -> Option<Teller<'_>> {
        Some(Teller {
            interests: self.inner.events.interests()?,
            snapshot: self.catalog().snapshot(),
            queue: self,
            last: None,
            events: vec![],
        })
    }

    /// Tasks were enqueued.
    pub(crate) fn tell_enqueued(&self, rows: &Rows, kept: &Kept) {
        let Some(mut teller) = self.teller() else { return };
        for task in &rows.tasks {
            if !kept.has(task.id()) {
                continue;
            }
            let kind = if task.fanout == 0 {
                EventKind::TaskUnmatched
            } else {
                EventKind::TaskEnqueued
            };
            teller.tell(task.content.queue_id, id::minted_at(task.id()), kind, |event| {
                event.task = Some(task.id());
                event.task_type = named(&task.content.kind);
                event.due_at = Some(task.due_at);
                event.count = Some(u64::from(task.fanout));
            });
        }
        teller.publish();
    }

    /// Attempts were logged, and their verdicts carried out.
    pub(crate) fn tell_finished(&self, finished: &[Finished]) {
        let Some(mut teller) = self.teller() else { return };
        for one in finished {
            let (kind, due_at) = match one.verdict {
                Verdict::Delivered => (EventKind::DeliveryDelivered, None),
                Verdict::Retry { at } => (EventKind::DeliveryRetrying, Some(at)),
                Verdict::Dead => (EventKind::DeliveryDead, None),
            };
            let delivery = &one.delivery;
            teller.tell(delivery.content.queue_id, one.ended_at, kind, |event| {
                event.task = Some(delivery.content.id);
                event.delivery = Some(delivery.id);
                event.endpoint = Some(delivery.endpoint_id);
                event.task_type = named(&delivery.content.kind);
                event.attempts = Some(one.made());
                event.status = one.status().and_then(|status| u16::try_from(status).ok());
                event.failure = one.failure().map(str::to_owned);
                event.reason = (kind != EventKind::DeliveryDelivered).then(|| short(&one.reason));
                event.due_at = due_at;
            });
        }
        teller.publish();
    }

    /// Deliveries were cancelled, or made of dead letters.
    pub(crate) fn tell_moved<'a>(
        &self,
        kind: EventKind,
        reason: &str,
        moved: impl IntoIterator<Item = Moved<'a>>,
        now: DateTime<Utc>,
    ) {
        let Some(mut teller) = self.teller() else { return };
        for one in moved {
            teller.tell(one.queue, now, kind, |event| {
                event.task = Some(one.task);
                event.delivery = Some(one.delivery);
                event.endpoint = Some(one.endpoint);
                event.task_type = named(one.kind);
                event.attempts = Some(one.attempts);
                event.reason = Some(short(reason));
                event.due_at = (kind == EventKind::DeliveryReplayed).then_some(now);
            });
        }
        teller.publish();
    }

    /// Something happened to a queue.
    pub(crate) fn tell_queue(&self, kind: EventKind, queue: QueueId, now: DateTime<Utc>) {
        let Some(mut teller) = self.teller() else { return };
        teller.tell(queue, now, kind, |_| {});
        teller.publish();
    }

    /// Something happened to endpoints of a queue.
    pub(crate) fn tell_endpoints(
        &self,
        kind: EventKind,
        queue: QueueId,
        endpoints: &[EndpointId],
        reason: Option<&str>,
        now: DateTime<Utc>,
    ) {
        let Some(mut teller) = self.teller() else { return };
        for endpoint in endpoints {
            teller.tell(queue, now, kind, |event| {
                event.endpoint = Some(*endpoint);
                event.reason = reason.map(short);
            });
        }
        teller.publish();
    }

    /// Something became of an endpoint's lane, as this node alone knows. `reason` is that of the attempt which told.
    pub fn tell_lane(&self, what: LaneEvent, endpoint: &Endpoint, reason: &str, now: DateTime<Utc>) {
        let Some(mut teller) = self.teller() else { return };
        let (kind, due_at) = match what {
            LaneEvent::Throttled(until) => (EventKind::EndpointThrottled, Some(until)),
            LaneEvent::Opened(until) => (EventKind::EndpointOpened, Some(until)),
            LaneEvent::Recovered => (EventKind::EndpointRecovered, None),
        };
        teller.tell(endpoint.queue_id, now, kind, |event| {
            event.endpoint = Some(endpoint.id);
            event.reason = Some(short(reason));
            event.due_at = due_at;
        });
        teller.publish();
    }

    /// So many deliveries of a queue, or of one of its endpoints, were purged.
    pub(crate) fn tell_purged(
        &self,
        queue: QueueId,
        endpoint: Option<EndpointId>,
        count: u64,
        now: DateTime<Utc>,
    ) {
        let Some(mut teller) = self.teller() else { return };
        let kind = if endpoint.is_some() {
            EventKind::EndpointPurged
        } else {
            EventKind::QueuePurged
        };
        teller.tell(queue, now, kind, |event| {
            event.endpoint = endpoint;
            event.count = Some(count);
        });
        teller.publish();
    }
}

fn named(kind: &str) -> Option<String> {
    (!kind.is_empty()).then(|| kind.to_owned())
}

/// A reason on one line and of bounded length.
fn short(reason: &str) -> String {
    let mut chars = reason.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut text: String = chars.by_ref().take(REASON - 1).collect();
    match (chars.next(), chars.next()) {
        (Some(last), None) => text.push(last),
        (Some(_), Some(_)) => text.push('…'),
        (None, _) => {}
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_short_and_on_one_line() {
        assert_eq!(short("a\nb\u{1}c"), "a b c");
        assert_eq!(short(&"ü".repeat(200)), "ü".repeat(200));
        assert_eq!(short(&"ü".repeat(201)), format!("{}…", "ü".repeat(199)));
        assert_eq!(short(""), "");
    }
}
