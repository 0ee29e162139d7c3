//! The audience: this node's subscribers, what they want, and the last events.

use std::{collections::HashMap, sync::Arc, time::Instant};

use proto::{Event, EventKind};

use super::{
    Filter, Limits, Published,
    interest::{Interest, MOST_QUEUES},
    mailbox::{Item, Mailbox},
    ring::{Place, Ring},
};
use crate::{
    id::{EndpointId, TaskId},
    rights::Reach,
};

/// A queue by name, or every queue.
pub(super) type Topic = Option<String>;

/// What an event must have that a subscriber wants: by it the few are found that may want one, however many there are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Route {
    Task(TaskId),
    Endpoint(EndpointId),
    Queue(String),
    Kind(EventKind),
    Any,
}

impl Route {
    /// The routes of a subscriber: an event that it wants has one of them, and none has two.
    fn to(filter: &Filter, topics: &[Topic]) -> Vec<Self> {
        if let Some(task) = filter.task() {
            return vec![Self::Task(task)];
        }
        if let Some(endpoint) = filter.endpoint() {
            return vec![Self::Endpoint(endpoint)];
        }
        let queues: Option<Vec<Self>> = topics
            .iter()
            .map(|topic| topic.clone().map(Self::Queue))
            .collect();
        match queues {
            Some(queues) => queues,
            None if filter.kinds().is_empty() => vec![Self::Any],
            None => filter.kinds().iter().copied().map(Self::Kind).collect(),
        }
    }

    /// The routes of an event.
    fn of(event: &Event) -> impl Iterator<Item = Self> {
        let ids = [event.task.map(Self::Task), event.endpoint.map(Self::Endpoint)];
        let rest = [
            Self::Queue(event.queue.clone()),
            Self::Kind(event.kind),
            Self::Any,
        ];
        ids.into_iter().flatten().chain(rest)
    }
}

/// A subscriber that is up to date: what comes is put into its mailbox.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) number: u64,
    pub(super) filter: Filter,
    /// The queues that it may see.
    pub(super) reach: Reach,
    pub(super) mailbox: Mailbox,
}

impl Live {
    /// What of an item it is told.
    pub(super) fn told(&self, item: Item) -> Option<Item> {
        match item {
            Item::Event(one) => (self.reach.covers(&one.event.queue) && self.filter.matches(&one.event))
                .then_some(Item::Event(one)),
            Item::Missed(gap) => {
                let sees = |queue: &str| self.reach.covers(queue) && self.filter.matches_queue(queue);
                gap.within(sees).map(|gap| Item::Missed(Box::new(gap)))
            }
        }
    }
}

/// What somebody wants, or wanted until shortly.
#[derive(Debug)]
struct Watched {
    /// The ring holds all of its events from this number on.
    since: u64,
    subscribers: usize,
    /// Without subscribers, when it is forgotten.
    until: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Audience {
    limits: Limits,
    ring: Ring,
    topics: HashMap<Topic, Watched>,
    subscribers: usize,
    lives: HashMap<u64, Arc<Live>>,
    /// Each of [`Audience::lives`] under its routes.
    routes: HashMap<Route, Vec<Arc<Live>>>,
}

impl Audience {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            ring: Ring::new(limits.window),
            limits,
            topics: HashMap::new(),
            subscribers: 0,
            lives: HashMap::new(),
            routes: HashMap::new(),
        }
    }

    /// The queues that can be meant by a filter and seen, if they can be named.
    fn topics_of(&self, filter: &Filter, reach: &Reach) -> Vec<Topic> {
        let are_names = |globs: &[String]| !globs.is_empty() && globs.iter().all(|glob| !glob.contains('*'));
        let names: Vec<Topic> = if are_names(filter.queues()) {
            let seen = filter.queues().iter().filter(|name| reach.covers(name));
            seen.cloned().map(Some).collect()
        } else if are_names(reach.patterns()) {
            let meant = reach.patterns().iter().filter(|name| filter.matches_queue(name));
            meant.cloned().map(Some).collect()
        } else {
            return vec![None];
        };
        let further = names
            .iter()
            .filter(|name| !self.topics.contains_key(*name))
            .count();
        if self.topics.len() + further > MOST_QUEUES {
            return vec![None];
        }
        let mut names = names;
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Lets a subscriber in, and says which topics it keeps wanted until it leaves; `None` if there is no room.
    pub(super) fn enter(&mut self, filter: &Filter, reach: &Reach) -> Option<Vec<Topic>> {
        if self.subscribers >= self.limits.subscribers {
            return None;
        }
        self.subscribers += 1;
        let topics = self.topics_of(filter, reach);
        let since = self.ring.end();
        for topic in &topics {
            let watched = self.topics.entry(topic.clone()).or_insert(Watched {
                since,
                subscribers: 0,
                until: None,
            });
            watched.subscribers += 1;
            watched.until = None;
        }
        Some(topics)
    }

    /// From where a subscriber goes on that left off at `left`, if all since then that it could want is here.
    pub(super) fn place_after(&self, left: uuid::Uuid, topics: &[Topic]) -> Option<Place> {
        let number = self.ring.find(left)?;
        let holds = |topic: &Topic| {
            self.topics
                .get(topic)
                .is_some_and(|watched| watched.since <= number)
        };
        if !holds(&None) && !topics.iter().all(holds) {
            return None;
        }
        self.ring.place_after(number)
    }

    /// What is told from `place` on, looking at `most` items; `None` if it has given way.
    pub(super) fn read(&self, place: &mut Place, most: usize) -> Option<Vec<Item>> {
        self.ring.read(place, most)
    }

    pub(super) fn is_at_end(&self, place: &Place) -> bool {
        self.ring.is_at_end(place)
    }

    /// From now on what comes is put into this subscriber's mailbox.
    pub(super) fn join(&mut self, live: &Arc<Live>, topics: &[Topic]) {
        self.lives.insert(live.number, live.clone());
        for route in Route::to(&live.filter, topics) {
            self.routes.entry(route).or_default().push(live.clone());
        }
    }

    /// Lets a subscriber out. What it wanted is kept up for a while.
    pub(super) fn leave(&mut self, live: &Live, topics: &[Topic], now: Instant) {
        self.subscribers -= 1;
        if self.lives.remove(&live.number).is_some() {
            for route in Route::to(&live.filter, topics) {
                if let Some(lives) = self.routes.get_mut(&route) {
                    lives.retain(|other| other.number != live.number);
                    if lives.is_empty() {
                        self.routes.remove(&route);
                    }
                }
            }
        }
        for topic in topics {
            if let Some(watched) = self.topics.get_mut(topic) {
                watched.subscribers -= 1;
                if watched.subscribers == 0 {
                    watched.until = Some(now + self.limits.linger);
                }
            }
        }
    }

    /// Remembers items, and gives them to those that want them.
    pub(super) fn tell(&mut self, items: Vec<Item>, now: Instant) {
        for item in items {
            match &item {
                Item::Event(one) => self.tell_event(one),
                Item::Missed(gap) => {
                    for live in self.lives.values() {
                        if let Some(Item::Missed(gap)) = live.told(Item::Missed(gap.clone())) {
                            live.mailbox.miss(*gap);
                        }
                    }
                }
            }
            self.ring.push(item, now);
        }
    }

    fn tell_event(&self, one: &Arc<Published>) {
        let lives = Route::of(&one.event).filter_map(|route| self.routes.get(&route));
        for live in lives.flatten() {
            if let Some(Item::Event(one)) = live.told(Item::Event(one.clone())) {
                live.mailbox.put([one]);
            }
        }
    }

    /// Forgets what nobody has wanted for a while. With nobody left the ring is empty.
    pub(super) fn expire(&mut self, now: Instant) {
        self.topics
            .retain(|_, watched| watched.until.is_none_or(|until| until > now));
        if self.topics.is_empty() {
            self.ring.clear();
        }
    }

    /// What is wanted here.
    pub(super) fn interest(&self) -> Interest {
        if self.topics.contains_key(&None) {
            return Interest::Everything;
        }
        Interest::Queues(self.topics.keys().flatten().cloned().collect())
    }

    /// Closes every mailbox.
    pub(super) fn close(&self) {
        for live in self.lives.values() {
            live.mailbox.close();
        }
    }
}

#[cfg(test)]
mod tests;
