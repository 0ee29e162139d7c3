//! The bus: one in a process. Publishing puts events into two mailboxes, one for this node's subscribers and one for other nodes, and
//! never waits; all that takes time is done in [`super::session`].

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use proto::Event;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Limits, Published,
    audience::{Audience, Topic},
    interest::{Elsewhere, Interest},
    mailbox::Mailbox,
};

/// Events that wait to be distributed, or to be sent to other nodes; beyond it they are missed. A tenth of a second at full speed.
const WAITING: usize = 16_384;

/// Of which queues events are wanted.
#[derive(Debug, Default)]
pub(super) struct Interests {
    pub(super) here: Interest,
    pub(super) elsewhere: Interest,
}

impl Interests {
    pub(super) fn want(&self, queue: &str) -> bool {
        self.here.wants(queue) || self.elsewhere.wants(queue)
    }
}

/// What is behind the lock: never held for longer than some hundred items take.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) audience: Audience,
    pub(super) elsewhere: Elsewhere,
    /// Whether the session runs that distributes events here, and the one that sends them elsewhere.
    pub(super) distributes: bool,
    pub(super) sends: bool,
    pub(super) is_closed: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Bus {
    /// This process, for as long as it lives: its own notices are not for it.
    pub(super) origin: Uuid,
    wanted: AtomicBool,
    interests: ArcSwap<Interests>,
    pub(super) inbox: Mailbox,
    pub(super) outbox: Mailbox,
    pub(super) core: Mutex<Core>,
    /// What is wanted here has changed: other nodes are told.
    pub(super) interest_changed: Notify,
    pub(super) stop: CancellationToken,
    pub(crate) subscribers: watch::Sender<usize>,
    numbers: AtomicU64,
    pub(super) buffer: usize,
}

impl Bus {
    /// `origin` names this process among all that share the database.
    pub(crate) fn new(origin: Uuid, limits: Limits) -> Self {
        Self {
            origin,
            wanted: AtomicBool::new(false),
            interests: ArcSwap::default(),
            inbox: Mailbox::new(WAITING),
            outbox: Mailbox::new(WAITING),
            buffer: limits.buffer,
            core: Mutex::new(Core {
                audience: Audience::new(limits),
                elsewhere: Elsewhere::default(),
                distributes: false,
                sends: false,
                is_closed: false,
            }),
            interest_changed: Notify::new(),
            stop: CancellationToken::new(),
            subscribers: watch::Sender::new(0),
            numbers: AtomicU64::new(0),
        }
    }

    /// Of which queues events are wanted; `None` if of none, here or elsewhere. While nobody subscribes this one load is all that
    /// events cost.
    pub(super) fn interests(&self) -> Option<Arc<Interests>> {
        self.wanted
            .load(Ordering::Acquire)
            .then(|| self.interests.load_full())
    }

    /// Gives events to whoever wants them.
    pub(super) fn publish(&self, interests: &Interests, events: impl IntoIterator<Item = Event>) {
        let (mut here, mut elsewhere) = (vec![], vec![]);
        for event in events {
            let (is_here, is_elsewhere) = (
                interests.here.wants(&event.queue),
                interests.elsewhere.wants(&event.queue),
            );
            let one = Published::new(event, self.origin);
            if is_elsewhere {
                elsewhere.push(one.clone());
            }
            if is_here {
                here.push(one);
            }
        }
        if !here.is_empty() {
            self.inbox.put(here);
        }
        if !elsewhere.is_empty() {
            self.outbox.put(elsewhere);
        }
    }

    /// Looks again at what is wanted. Call it whenever that may have changed, with the lock held.
    pub(super) fn look_at_interests(&self, core: &mut Core, now: Instant) {
        let known = self.interests.load();
        let interests = Interests {
            here: core.audience.interest(),
            elsewhere: core.elsewhere.sum(now),
        };
        if interests.here != known.here {
            self.interest_changed.notify_one();
        } else if interests.elsewhere == known.elsewhere {
            return;
        }
        let wanted = !interests.here.is_nothing() || !interests.elsewhere.is_nothing();
        self.interests.store(Arc::new(interests));
        self.wanted.store(wanted, Ordering::Release);
    }

    /// A number that no other subscriber of this process has.
    pub(super) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// A subscriber is gone.
    pub(super) fn leave(&self, live: &super::audience::Live, topics: &[Topic], now: Instant) {
        {
            let mut core = self.core.lock();
            core.audience.leave(live, topics, now);
            self.look_at_interests(&mut core, now);
        }
        self.subscribers.send_modify(|count| *count -= 1);
    }

    /// Ends all subscriptions, and takes no more.
    pub(crate) fn close(&self) {
        let mut core = self.core.lock();
        core.is_closed = true;
        core.audience.close();
        self.stop.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        events::{Asked, Filter, tests::event},
        rights::Reach,
    };

    const LINGER: std::time::Duration = std::time::Duration::from_mins(1);

    fn bus() -> Bus {
        let limits = Limits {
            linger: LINGER,
            subscribers: 100,
            ..Limits::default()
        };
        Bus::new(Uuid::from_u128(1), limits)
    }

    /// Subscribes without a session; returns what is to be given back.
    fn enter(bus: &Bus, queues: &[&str], reach: &[&str], now: Instant) -> Option<Vec<Topic>> {
        let list = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let asked = Asked {
            queues: list(queues),
            ..Asked::default()
        };
        let mut core = bus.core.lock();
        let topics = core
            .audience
            .enter(&Filter::check(asked).unwrap(), &Reach::of(list(reach)))?;
        bus.look_at_interests(&mut core, now);
        Some(topics)
    }

    fn gone(bus: &Bus, topics: &[Topic], now: Instant) {
        let live = super::super::audience::Live {
            number: bus.number(),
            filter: Filter::default(),
            reach: Reach::everything(),
            mailbox: Mailbox::new(1),
        };
        bus.subscribers.send_modify(|count| *count += 1);
        bus.leave(&live, topics, now);
    }

    fn publish(bus: &Bus, queue: &str) -> (usize, usize) {
        if let Some(interests) = bus.interests() {
            let one = Event {
                queue: queue.into(),
                ..event(1)
            };
            bus.publish(&interests, [one]);
        }
        (bus.inbox.take(9).len(), bus.outbox.take(9).len())
    }

    #[test]
    fn while_nobody_listens_there_is_nothing_to_make_an_event_for() {
        let (bus, now) = (bus(), Instant::now());
        assert!(bus.interests().is_none());
        let topics = enter(&bus, &["a"], &["*"], now).unwrap();
        assert!(bus.interests().is_some());
        gone(&bus, &topics, now);
        let look = |now| {
            let mut core = bus.core.lock();
            core.audience.expire(now);
            bus.look_at_interests(&mut core, now);
            bus.interests().is_none()
        };
        assert!(!look(now + LINGER / 2), "it may come back");
        assert!(look(now + LINGER));
    }

    #[test]
    fn an_event_goes_where_its_queue_is_wanted() {
        let (bus, now) = (bus(), Instant::now());
        enter(&bus, &["a", "secret"], &["a", "b*"], now).unwrap();
        {
            let mut core = bus.core.lock();
            let named = Interest::Queues(["b".to_owned()].into());
            core.elsewhere.note(Uuid::from_u128(2), named, now);
            bus.look_at_interests(&mut core, now);
        }
        assert_eq!(publish(&bus, "a"), (1, 0));
        assert_eq!(publish(&bus, "b"), (0, 1));
        assert_eq!(publish(&bus, "secret"), (0, 0), "nobody that may see it wants it");
        assert!(!bus.interests().unwrap().want("secret"));
        enter(&bus, &["b*"], &["*"], now).unwrap();
        assert_eq!(publish(&bus, "b"), (1, 1));
    }

    #[test]
    fn what_a_subscriber_may_see_names_its_queues_if_its_filter_does_not() {
        let (bus, now) = (bus(), Instant::now());
        assert_eq!(
            enter(&bus, &[], &["a", "b"], now),
            Some(vec![Some("a".into()), Some("b".into())])
        );
        assert_eq!(
            enter(&bus, &["a*"], &["a", "b"], now),
            Some(vec![Some("a".into())])
        );
        assert_eq!(
            enter(&bus, &["a"], &["a", "b"], now),
            Some(vec![Some("a".into())])
        );
        assert_eq!(enter(&bus, &[], &["a-*"], now), Some(vec![None]));
        let many: Vec<String> = (0..70).map(|n| format!("queue-{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(
            enter(&bus, &[], &many, now),
            Some(vec![None]),
            "more than are named"
        );
    }

    #[test]
    fn there_is_room_for_so_many_subscribers() {
        let (bus, now) = (bus(), Instant::now());
        let first = enter(&bus, &[], &["*"], now).unwrap();
        for _ in 1..100 {
            enter(&bus, &[], &["*"], now).unwrap();
        }
        assert!(enter(&bus, &[], &["*"], now).is_none());
        gone(&bus, &first, now);
        assert!(enter(&bus, &[], &["*"], now).is_some());
    }
}
