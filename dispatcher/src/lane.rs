//! A lane: the in-memory side of one endpoint. A plain state machine, fed with time as an argument; it does nothing itself.
//!
//! It knows every delivery that is in memory, be it ready, in flight, or waiting for its result to be committed: what is read from the
//! database and already known is passed over, and so nothing is claimed there.

pub(crate) mod breaker;
pub(crate) mod bucket;
pub(crate) mod concurrency;
pub(crate) mod health;
mod opening;
mod pages;
mod relief;
mod signs;
mod view;

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use chrono::{DateTime, Utc};
use queue::{
    Delivery, Purpose,
    endpoint::Endpoint,
    id::DeliveryId,
    limits,
    load::{Cursor, Due, PRIORITIES, TEST_PRIORITY},
    verdict,
};

pub(crate) use self::{breaker::Change, signs::Signs};
use self::{
    breaker::{Breaker, Gate, Sign},
    bucket::Bucket,
    concurrency::{Concurrency, Load},
    health::Health,
    opening::Opening,
    relief::Allowance,
};

/// How much waiting a step of priority is worth.
const STEP: Duration = queue::load::PRIORITY_STEP;

/// Where what is ready waits, by kind: one band for each priority, and the last for what a replay in the background makes.
const BANDS: usize = PRIORITIES + 1;

/// The band of such replays: however long they have waited, they go only while nothing else can.
const REPLAYS: usize = PRIORITIES;

/// The band in which a delivery waits.
fn band(priority: u8, purpose: Purpose) -> usize {
    match purpose {
        Purpose::Replay(Some(_)) => REPLAYS,
        Purpose::Live | Purpose::Test | Purpose::Replay(None) => usize::from(priority).min(PRIORITIES - 1),
    }
}

/// What goes first has the least: replays in the background last, and else what has waited longest, each step of priority counting as so
/// much more waiting.
fn rank(band: usize, due: DateTime<Utc>) -> (bool, DateTime<Utc>) {
    let steps = if band == REPLAYS { 0 } else { band };
    (band == REPLAYS, due - STEP * u32::try_from(steps).unwrap_or(0))
}

/// What bounds a lane's memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Deliveries held ready.
    pub(crate) deliveries: usize,
    /// Their bytes.
    pub(crate) bytes: usize,
}

/// What of its endpoint's settings and state a lane goes by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Terms {
    pub(crate) max_in_flight: u32,
    pub(crate) adaptive_concurrency: bool,
    pub(crate) rate: Option<limits::Rate>,
    pub(crate) breaker: Option<limits::Breaker>,
    /// How long it may fail.
    pub(crate) disable_after: Option<Duration>,
    /// Neither paused nor disabled.
    pub(crate) open: bool,
}

impl Terms {
    pub(crate) fn of(endpoint: &Endpoint) -> Self {
        let settings = &endpoint.settings;
        Self {
            max_in_flight: settings.max_in_flight,
            adaptive_concurrency: settings.adaptive_concurrency,
            rate: settings.rate,
            breaker: settings.breaker,
            disable_after: settings.disable_after,
            open: endpoint.is_open(),
        }
    }
}

/// The state of one lane.
#[derive(Debug)]
pub(crate) struct Lane {
    ready: [VecDeque<Delivery>; BANDS],
    ready_count: usize,
    ready_bytes: usize,
    known: HashSet<DeliveryId>,
    in_flight: u32,
    allowance: Allowance,
    /// Something that goes before part of what is ready had no room.
    passed_over: bool,
    concurrency: Concurrency,
    opening: Opening,
    bucket: Option<Bucket>,
    breaker: Breaker,
    disable_after: Option<Duration>,
    pub(crate) health: Health,
    open: bool,
    /// It is no more: its endpoint is gone, or another node's.
    retired: bool,
    hold_until: Option<DateTime<Utc>>,
    backlog: Backlog,
    /// What left the lane while a page was read: the page may still have it, and it must not be pushed again.
    left_meanwhile: HashSet<DeliveryId>,
    next_due: Option<DateTime<Utc>>,
}

/// What the database holds for the lane beyond what is in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backlog {
    /// Nothing that is due.
    None,
    /// Something, perhaps; to be read from the cursor on.
    Waiting(Cursor),
    /// A page is being read. `missed`: meanwhile something was committed that the page may not have; `behind`: it lies behind the cursor.
    /// `void`: what the page has may be no more.
    Reading {
        from: Cursor,
        missed: bool,
        behind: bool,
        void: bool,
    },
}

/// What a lane says when asked for a delivery to push.
#[derive(Debug, PartialEq)]
pub(crate) enum Take {
    /// This one. It counts as in flight, until [`Lane::landed`] is given the flight back.
    Push(Delivery, Flight),
    /// None before then.
    NotBefore(DateTime<Utc>),
    /// None, until something happens.
    Nothing,
}

/// A delivery that is in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flight {
    /// The breaker's; tests have none, they say nothing about the way of the others.
    epoch: Option<u32>,
}

/// What a lane makes of a request that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Landed {
    /// What people want to hear of.
    pub(crate) change: Option<Change>,
    /// Since when nothing but failures came of the endpoint, if that is too long.
    pub(crate) failing_since: Option<DateTime<Utc>>,
}

/// Why a lane pushes nothing more at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waits {
    /// It has nothing ready.
    Work,
    /// It is paused or disabled.
    Closed,
    /// As many are in flight as may be.
    Slot,
    /// The endpoint asked for nothing to be sent before then.
    Hold(DateTime<Utc>),
    /// The rate allows none before then.
    Rate(DateTime<Utc>),
    /// The endpoint is down; a probe goes then.
    Breaker(DateTime<Utc>),
    /// A probe is under way.
    Probe,
}

impl Waits {
    /// Until when, if it is known.
    pub(crate) fn until(self) -> Option<DateTime<Utc>> {
        match self {
            Self::Hold(until) | Self::Rate(until) | Self::Breaker(until) => Some(until),
            Self::Work | Self::Closed | Self::Slot | Self::Probe => None,
        }
    }
}

/// What a lane wants to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Want {
    pub(crate) cursor: Cursor,
    pub(crate) rows: u32,
    pub(crate) tests_only: bool,
}

/// What a page brought, sifted.
#[derive(Debug)]
pub(crate) struct Sifted {
    /// To be loaded; given back by [`Lane::loaded`].
    pub(crate) take: Vec<Due>,
    cursor: Cursor,
    at_end: bool,
}

impl Lane {
    pub(crate) fn new(terms: &Terms, now: DateTime<Utc>) -> Self {
        Self {
            ready: Default::default(),
            ready_count: 0,
            ready_bytes: 0,
            known: HashSet::new(),
            in_flight: 0,
            allowance: Allowance::default(),
            passed_over: false,
            concurrency: Concurrency::new(terms.max_in_flight, terms.adaptive_concurrency),
            opening: Opening::new(),
            bucket: terms.rate.map(|rate| Bucket::new(rate, now)),
            breaker: Breaker::new(terms.breaker),
            disable_after: terms.disable_after,
            health: Health::default(),
            open: terms.open,
            retired: false,
            hold_until: None,
            backlog: Backlog::None,
            left_meanwhile: HashSet::new(),
            next_due: None,
        }
    }

    /// Takes over what was changed of the endpoint. What a paused lane held ready stays ready.
    pub(crate) fn configure(&mut self, terms: &Terms, now: DateTime<Utc>) {
        let opened = terms.open && !self.open;
        self.open = terms.open;
        self.concurrency
            .change(terms.max_in_flight, terms.adaptive_concurrency);
        match (&mut self.bucket, terms.rate) {
            (Some(bucket), Some(rate)) => bucket.change(rate, now),
            (bucket, rate) => *bucket = rate.map(|rate| Bucket::new(rate, now)),
        }
        self.breaker.change(terms.breaker);
        self.disable_after = terms.disable_after;
        if opened {
            // While it was paused only test-sends were read.
            self.look();
            self.begin_anew();
        }
    }

    /// Forgets what it knows of how the endpoint does: it is another one now, or somebody says that it is well.
    pub(crate) fn begin_anew(&mut self) {
        self.hold_until = None;
        self.breaker.reset();
        self.health.succeeded();
    }

    /// Pushes nothing but tests from now on, until it is told that it may. Whether it might until now.
    pub(crate) fn close(&mut self) -> bool {
        std::mem::replace(&mut self.open, false)
    }

    /// A delivery that was committed just now. `false`: it stays in the database, to be read when its turn comes.
    pub(crate) fn offer(&mut self, delivery: &Delivery, now: DateTime<Utc>, limits: Limits) -> bool {
        if delivery.due_at > now {
            self.due_later(delivery.due_at);
            return false;
        }
        if delivery.purpose == Purpose::Test {
            return self.admit(delivery.clone());
        }
        let fits = self.open && self.has_room(self.allowance.bound(limits), delivery.weight());
        let admitted = match &mut self.backlog {
            Backlog::None if fits => self.admit(delivery.clone()),
            // A lane that is closed looks when it opens.
            Backlog::None if !self.open || self.retired => false,
            Backlog::None => {
                self.backlog = Backlog::Waiting(Cursor::START);
                false
            }
            Backlog::Waiting(_) => false,
            Backlog::Reading { missed, .. } => {
                *missed = true;
                false
            }
        };
        self.passed_over |=
            self.open && !admitted && self.has_ready_below(band(delivery.priority, delivery.purpose));
        admitted
    }

    fn admit(&mut self, delivery: Delivery) -> bool {
        if self.retired || !self.known.insert(delivery.id) {
            return false;
        }
        self.ready_count += 1;
        self.ready_bytes += delivery.weight();
        self.ready[band(delivery.priority, delivery.purpose)].push_back(delivery);
        true
    }

    /// Whether something is ready that goes after what waits in this band, if both are due at once.
    fn has_ready_below(&self, band: usize) -> bool {
        let below = if band == REPLAYS { 0 } else { band };
        self.ready[..below].iter().any(|ready| !ready.is_empty())
            || (band != REPLAYS && !self.ready[REPLAYS].is_empty())
    }

    fn has_room(&self, limits: Limits, bytes: usize) -> bool {
        self.ready_count < limits.deliveries
            && (self.ready_bytes + bytes <= limits.bytes || self.ready_count == 0)
    }

    /// The next delivery to push, if there is one and the lane may.
    pub(crate) fn take(&mut self, now: DateTime<Utc>, share: u32) -> Take {
        if let Some(test) = self.ready[usize::from(TEST_PRIORITY)].pop_front() {
            return self.launch(test, now);
        }
        if let Some(waits) = self.waits(now, share) {
            return waits.until().map_or(Take::Nothing, Take::NotBefore);
        }
        let next = (0..BANDS)
            .filter_map(|band| Some((rank(band, self.ready[band].front()?.due_at), band)))
            .min_by_key(|(rank, band)| (*rank, std::cmp::Reverse(*band)));
        match next.and_then(|(_, band)| self.ready[band].pop_front()) {
            Some(delivery) => self.launch(delivery, now),
            None => Take::Nothing,
        }
    }

    fn launch(&mut self, delivery: Delivery, now: DateTime<Utc>) -> Take {
        self.ready_count -= 1;
        self.ready_bytes -= delivery.weight();
        self.in_flight += 1;
        self.concurrency.launched(self.in_flight);
        self.opening.launched(self.in_flight, now);
        if let Some(bucket) = &mut self.bucket {
            bucket.take(now);
        }
        let epoch = (delivery.purpose != Purpose::Test).then(|| self.breaker.launched());
        Take::Push(delivery, Flight { epoch })
    }

    /// What it waits for while it may have `share` in flight; `None` if a delivery can go now.
    pub(crate) fn waits(&self, now: DateTime<Utc>, share: u32) -> Option<Waits> {
        let later = |until: DateTime<Utc>| until > now;
        if self.ready_count == 0 {
            return Some(Waits::Work);
        }
        if !self.ready[usize::from(TEST_PRIORITY)].is_empty() {
            return None;
        }
        if !self.open {
            return Some(Waits::Closed);
        }
        // A clock that was set back holds nothing for longer than an answer can.
        let longest = now + verdict::LONGEST_HOLD;
        if let Some(until) = self.hold_until.filter(|until| later(*until) && *until <= longest) {
            return Some(Waits::Hold(until));
        }
        let most = match self.breaker.gate(now) {
            Gate::Open => u32::MAX,
            Gate::AtMost(most) => most,
            Gate::NotBefore(until) => return Some(Waits::Breaker(until)),
            Gate::Probe => return Some(Waits::Probe),
        };
        if self.in_flight >= most.min(self.most_in_flight(now)).min(share) {
            return Some(Waits::Slot);
        }
        let token = self.bucket.as_ref().map(|bucket| bucket.next_at(now));
        token.filter(|at| later(*at)).map(Waits::Rate)
    }

    /// How many requests may be in flight, as far as that depends on how the endpoint answers.
    fn most_in_flight(&self, now: DateTime<Utc>) -> u32 {
        let most = self.concurrency.limit();
        if self.concurrency.is_adaptive() {
            most.min(self.opening.limit(now))
        } else {
            most
        }
    }

    /// Requests in flight.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Whether there is something ready that more permits would let go.
    pub(crate) fn is_hungry(&self, now: DateTime<Utc>) -> bool {
        self.waits(now, u32::MAX).is_none()
    }

    /// A request has ended. `signs` is what it says about the endpoint, `chance` uniform in 0..1.
    pub(crate) fn landed(&mut self, flight: Flight, signs: Signs, now: DateTime<Utc>, chance: f64) -> Landed {
        if matches!(signs.load, Load::Answered(_)) {
            self.opening.answered(self.in_flight, now);
        }
        self.in_flight -= 1;
        self.allowance.landed();
        if signs.accepted {
            self.health.succeeded();
        }
        let Some(epoch) = flight.epoch else {
            // A test that passes is as good as a hand that says so.
            return Landed {
                change: signs.accepted.then(|| self.breaker.revive()).flatten(),
                failing_since: None,
            };
        };
        let failed = !signs.accepted && signs.sign != Sign::None;
        self.concurrency.landed(signs.load, now);
        let most = self.concurrency.most();
        Landed {
            change: self.breaker.landed(epoch, signs.sign, most, now, chance),
            failing_since: failed
                .then(|| self.health.failed(now, self.disable_after))
                .flatten(),
        }
    }

    /// The result is committed; `again_at` if it is due again.
    pub(crate) fn settled(&mut self, delivery: DeliveryId, again_at: Option<DateTime<Utc>>) {
        self.forget(delivery);
        if let Some(at) = again_at {
            self.due_later(at);
        }
    }

    fn forget(&mut self, delivery: DeliveryId) {
        self.known.remove(&delivery);
        if let Backlog::Reading { .. } = self.backlog {
            self.left_meanwhile.insert(delivery);
        }
    }

    /// The endpoint asked for nothing to be sent before then. Whether it was not held already.
    pub(crate) fn hold(&mut self, until: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        let is_new = self.hold_until.is_none_or(|held| held <= now);
        self.hold_until = self.hold_until.max(Some(until));
        is_new
    }

    fn due_later(&mut self, at: DateTime<Utc>) {
        self.next_due = Some(self.next_due.map_or(at, |next| next.min(at)));
    }

    /// When the lane must be looked at again although nothing happens.
    pub(crate) fn wake_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let may_go = self.waits(now, u32::MAX).and_then(Waits::until);
        self.next_due.into_iter().chain(may_go).min()
    }

    /// Time has passed: what has come due is to be read.
    pub(crate) fn wake(&mut self, now: DateTime<Utc>) {
        if self.next_due.is_some_and(|due| due <= now) {
            self.next_due = None;
            self.look();
        }
    }

    /// The database may hold something due that the lane does not know of.
    pub(crate) fn look(&mut self) {
        if self.retired {
            return;
        }
        match &mut self.backlog {
            Backlog::None => self.backlog = Backlog::Waiting(Cursor::START),
            // A late row can lie behind the cursor; the lane begins from the start again when it has come to the end.
            Backlog::Waiting(_) => {}
            Backlog::Reading { missed, .. } => *missed = true,
        }
    }

    /// The database may hold something due that lies behind the cursor: what was held for the sake of order and goes now is as old as before.
    pub(crate) fn look_behind(&mut self) {
        self.look();
        match &mut self.backlog {
            Backlog::None => {}
            Backlog::Waiting(cursor) => *cursor = Cursor::START,
            Backlog::Reading { behind, .. } => *behind = true,
        }
    }

    /// Something is due at `at`, says the database.
    pub(crate) fn learn(&mut self, at: DateTime<Utc>, now: DateTime<Utc>) {
        if at <= now {
            self.look();
        } else {
            self.due_later(at);
        }
    }

    /// Forgets a delivery that was cancelled, if its request is not out already. Returns its bytes.
    pub(crate) fn withdraw(&mut self, delivery: DeliveryId) -> Option<usize> {
        if let Backlog::Reading { .. } = self.backlog {
            self.left_meanwhile.insert(delivery);
        }
        let bytes = self.take_out(delivery)?;
        self.known.remove(&delivery);
        Some(bytes)
    }

    /// Takes a delivery out that is given up without a request, if its request is not out already. Until its end is committed
    /// ([`Self::settled`]) it counts as known, so that no page brings it again. Returns its bytes.
    pub(crate) fn bury(&mut self, delivery: DeliveryId) -> Option<usize> {
        if self.known.contains(&delivery) {
            return self.take_out(delivery);
        }
        self.known.insert(delivery);
        Some(0)
    }

    /// Takes a delivery out of those that are ready. Returns its bytes.
    fn take_out(&mut self, delivery: DeliveryId) -> Option<usize> {
        if !self.known.contains(&delivery) {
            return None;
        }
        for ready in &mut self.ready {
            if let Some(at) = ready.iter().position(|waiting| waiting.id == delivery) {
                let bytes = ready.remove(at)?.weight();
                self.ready_count -= 1;
                self.ready_bytes -= bytes;
                return Some(bytes);
            }
        }
        None
    }

    /// Whether something may wait that does not go now. Deliveries in order are held in the database, behind one that is known here until
    /// its end is committed, or that is due again later.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.known.is_empty() || self.next_due.is_some() || !self.is_read() || !self.open
    }

    /// Forgets everything that is ready, to be read anew. Returns the bytes.
    pub(crate) fn reset(&mut self) -> usize {
        for delivery in self.ready.iter_mut().flat_map(std::mem::take) {
            self.known.remove(&delivery.id);
        }
        self.ready_count = 0;
        self.look_behind();
        if let Backlog::Reading { void, .. } = &mut self.backlog {
            *void = true;
        }
        std::mem::take(&mut self.ready_bytes)
    }

    /// Forgets what is ready for good: whoever still has the lane, as a page that is being read has, puts nothing into it any more.
    /// Returns the bytes.
    pub(crate) fn retire(&mut self) -> usize {
        let bytes = self.reset();
        self.retired = true;
        self.backlog = Backlog::None;
        bytes
    }

    /// Whether nothing is in flight and every result is committed.
    pub(crate) fn is_quiet(&self) -> bool {
        self.in_flight == 0 && self.known.len() == self.ready_count
    }
}

#[cfg(test)]
mod tests;
