//! A subscription: the reading end of the bus.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use uuid::Uuid;

use super::{
    Filter, Published,
    audience::{Live, Topic},
    gap::Gap,
    mailbox::{Item, Mailbox},
    ring::Place,
    session,
};
use crate::{
    db::Queue,
    error::{Error, Result},
    rights::Reach,
};

/// Items of the ring that one look takes: bounds how long the lock is held.
const LOOK: usize = 512;

/// What a subscriber is told.
#[derive(Debug, Clone)]
pub enum Told {
    /// Something happened.
    Event(Arc<Published>),
    /// Events were missed: so many at most, or nobody knows how many.
    Missed(Option<u64>),
}

impl From<Item> for Told {
    fn from(item: Item) -> Self {
        match item {
            Item::Event(one) => Self::Event(one),
            Item::Missed(gap) => Self::Missed(gap.count()),
        }
    }
}

/// Events as they happen, here and on every other node. Dropped, it ends.
pub struct Subscription {
    queue: Queue,
    live: Arc<Live>,
    topics: Vec<Topic>,
    /// How far it has read of what happened before; `None` when it is up to date and the rest comes into its mailbox.
    place: Option<Place>,
    ready: VecDeque<Item>,
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}

impl Queue {
    /// Subscribes to the events that `filter` means, of the queues within `reach`: from now on, or from after the event `after` if it is
    /// still remembered. If it is not, the first that is told is that an unknown number was missed.
    ///
    /// What happens on this node is told from now on, what happens on others from a moment later (a round trip; some seconds for a node
    /// that is starting). Around the place of `after` an event of another node may be told twice: its id is the same.
    ///
    /// Refused with [`Error::Unavailable`] when there are too many subscribers, or this node stops.
    pub fn subscribe(&self, filter: Filter, reach: Reach, after: Option<Uuid>) -> Result<Subscription> {
        let bus = &self.inner.events;
        let now = Instant::now();
        let mut core = bus.core.lock();
        if core.is_closed {
            return Err(Error::Unavailable("this node is shutting down".into()));
        }
        let topics = core.audience.enter(&filter, &reach).ok_or_else(|| {
            Error::Unavailable("this node has as many subscribers to events as it takes".into())
        })?;
        let live = Arc::new(Live {
            number: bus.number(),
            filter,
            reach,
            mailbox: Mailbox::new(bus.buffer),
        });
        let place = after.and_then(|after| core.audience.place_after(after, &topics));
        if place.is_none() {
            if after.is_some() {
                live.mailbox.miss(Gap::unknown());
            }
            core.audience.join(&live, &topics);
        }
        bus.look_at_interests(&mut core, now);
        if !core.distributes {
            core.distributes = true;
            tokio::spawn(session::distribute(self.clone()));
        }
        drop(core);
        bus.subscribers.send_modify(|count| *count += 1);
        Ok(Subscription {
            queue: self.clone(),
            live,
            topics,
            place,
            ready: VecDeque::new(),
        })
    }

    /// Ends all subscriptions of this process and takes no more: it stops.
    pub fn end_subscriptions(&self) {
        self.inner.events.close();
    }

    /// Waits until every subscription is dropped.
    pub async fn subscriptions_ended(&self) {
        // The sender lives as long as the queue.
        let _ = self
            .inner
            .events
            .subscribers
            .subscribe()
            .wait_for(|count| *count == 0)
            .await;
    }
}

impl Subscription {
    /// What is told next; `None` when this node stops. Nothing is lost when the wait is given up.
    pub async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(item.into());
            }
            if self.place.is_none() {
                return self.live.mailbox.next().await.map(Told::from);
            }
            if !self.catch_up() {
                return None;
            }
            // The ring is long: others have their turn in between.
            tokio::task::yield_now().await;
        }
    }

    /// Reads on in what happened before. Whether the bus is still open.
    fn catch_up(&mut self) -> bool {
        let mut core = self.queue.inner.events.core.lock();
        if core.is_closed {
            return false;
        }
        let Some(place) = &mut self.place else { return true };
        let items = core.audience.read(place, LOOK);
        // It may have read more slowly than the ring turns: the rest begins now.
        let joins = items.is_none() || core.audience.is_at_end(place);
        let items = items.unwrap_or_else(|| vec![Item::Missed(Box::new(Gap::unknown()))]);
        self.ready
            .extend(items.into_iter().filter_map(|item| self.live.told(item)));
        if joins {
            self.place = None;
            core.audience.join(&self.live, &self.topics);
        }
        true
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.queue
            .inner
            .events
            .leave(&self.live, &self.topics, Instant::now());
    }
}
