//! How a lane's deliveries go: a permit is taken, the request is made, what it says about the endpoint is told, and the permit goes to the next.

use std::{
    collections::{HashMap, hash_map},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use chrono::{DateTime, SecondsFormat, Utc};
use proto::EndpointStatus;
use queue::{
    Delivery, Error, disable::DisabledBy, endpoint::Endpoint, events::LaneEvent, finish::Finished,
    id::EndpointId, verdict::LaneOrder,
};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tracing::{info, warn};

use super::{Entry, Lanes};
use crate::{
    attempt::{self, Target, Turn},
    clock,
    lane::{Change, Flight, Signs, Take},
    line::Line,
};

/// A delivery on its way, with what it needs.
struct Push {
    delivery: Delivery,
    flight: Flight,
    target: Arc<Target>,
}

/// Who is asked next: one of those in line, or of those that stand aside.
type Turns = fn(&mut Line<Arc<Entry>>) -> Option<Arc<Entry>>;

/// The pause between two tries to disable an endpoint while the database is away.
const DISABLE_AGAIN: Duration = Duration::from_secs(1);

/// How many lanes in line that have nothing to push are asked when a permit comes free, before it is left for later.
pub(super) const ASKED: usize = 8;

impl Lanes {
    /// Begins one push of this lane, if the lane has one and a permit is free. Whether there may be more to begin.
    pub(super) fn begin(self: &Arc<Self>, entry: &Arc<Entry>) -> bool {
        match self.next(entry) {
            Some(push) => {
                tokio::spawn(self.clone().work(entry.clone(), push));
                true
            }
            None => false,
        }
    }

    fn next(&self, entry: &Arc<Entry>) -> Option<Push> {
        if self.permits.take() {
            return self.next_with_permit(entry);
        }
        self.stand_if_hungry(entry);
        None
    }

    /// The lane's next push, for which a permit is taken already; it is given back if there is none.
    fn next_with_permit(&self, entry: &Arc<Entry>) -> Option<Push> {
        let target = if self.may_push(entry.shard) {
            entry.target.load_full()
        } else {
            None
        };
        let Some(target) = target else {
            self.permits.give();
            return None;
        };
        let now = clock();
        let mut lane = entry.lane.lock();
        match lane.take(now, self.permits.share()) {
            Take::Push(delivery, flight) => Some(Push {
                delivery,
                flight,
                target,
            }),
            Take::NotBefore(_) => {
                self.permits.give();
                None
            }
            Take::Nothing => {
                self.permits.give();
                if lane.is_hungry(now) {
                    // It has its share.
                    self.line.lock().stand_aside(entry);
                }
                None
            }
        }
    }

    pub(super) fn stand_if_hungry(&self, entry: &Arc<Entry>) {
        if !self.may_push(entry.shard) {
            return;
        }
        let (lane, now) = (entry.lane.lock(), clock());
        if !lane.is_hungry(now) {
            return;
        }
        let has_its_share = lane.waits(now, self.permits.share()).is_some();
        if has_its_share {
            self.line.lock().stand_aside(entry);
        } else {
            self.line.lock().stand(entry, lane.in_flight() > 0);
        }
    }

    /// Lets lanes begin one push each, turn by turn, as long as there are permits and no more than `most` of them have none.
    pub(super) fn serve(self: &Arc<Self>, most: usize) {
        self.begin_asked(self.in_line(most), Line::next);
    }

    /// Of the lanes in line, at most `most`: who has nothing may stand again at the end, and once is enough.
    fn in_line(&self, most: usize) -> usize {
        most.min(self.line.lock().len())
    }

    /// Lets the lanes that stand aside begin what they may, if permits have come back meanwhile and nobody else waits for them.
    fn serve_those_aside(self: &Arc<Self>, most: usize) {
        let in_vain = {
            let line = self.line.lock();
            if !line.is_empty() {
                return;
            }
            most.min(line.len_aside())
        };
        self.begin_asked(in_vain, Line::next_aside);
    }

    /// Begins what lanes have that are asked in their turn; see [`Self::ask`].
    fn begin_asked(self: &Arc<Self>, mut in_vain: usize, turn: Turns) {
        while let Some((entry, push)) = self.ask(&mut in_vain, turn) {
            tokio::spawn(self.clone().work(entry, push));
        }
    }

    /// The next push of those whose turn it is, if a permit is free. Only so many lanes are asked `in_vain`; each takes one off.
    fn ask(&self, in_vain: &mut usize, turn: Turns) -> Option<(Arc<Entry>, Push)> {
        while *in_vain > 0 && self.permits.take() {
            let Some(entry) = turn(&mut self.line.lock()) else {
                self.permits.give();
                return None;
            };
            if let Some(push) = self.next_with_permit(&entry) {
                self.stand_if_hungry(&entry);
                return Some((entry, push));
            }
            self.arm(&entry);
            *in_vain -= 1;
        }
        None
    }

    /// Pushes one delivery, and then whatever comes next: of this lane as long as nobody else waits for a permit, else of the lane whose
    /// turn it is. (A task of its own for each push costs the server a twentieth of its processor time.)
    async fn work(self: Arc<Self>, entry: Arc<Entry>, push: Push) {
        let mut next = Some((entry, push));
        while let Some((entry, push)) = next.take() {
            self.push(&entry, push).await;
            next = self.after(entry);
        }
    }

    /// What comes after a push of this lane.
    fn after(self: &Arc<Self>, entry: Arc<Entry>) -> Option<(Arc<Entry>, Push)> {
        if self.line.lock().is_empty() {
            if let Some(push) = self.next(&entry) {
                return Some((entry, push));
            }
        } else {
            self.stand_if_hungry(&entry);
        }
        self.want_page(&entry);
        self.arm(&entry);
        let mut in_vain = self.in_line(ASKED);
        let next = self.ask(&mut in_vain, Line::next);
        self.begin_asked(in_vain, Line::next);
        next
    }

    /// Pushes one delivery, and tells what it says about the endpoint.
    async fn push(self: &Arc<Self>, entry: &Arc<Entry>, push: Push) {
        let Push {
            delivery,
            flight,
            target,
        } = push;
        let weight = delivery.weight();
        let (id, chance) = (self.queue.mint(clock()), chance());
        let Turn { finished, lane } =
            attempt::attempt(&self.clients, &target, delivery, id, clock, chance).await;
        self.bytes.fetch_sub(weight, Ordering::Relaxed);
        let (signs, now) = (Signs::of(&finished), clock());
        let (landed, held, signs, lane) = {
            let mut state = entry.lane.lock();
            // What another URL answered says nothing about the one that took its place.
            let (signs, lane) = if entry.pushes_to(&target) {
                (signs, lane)
            } else {
                (Signs::NONE, LaneOrder::Carry)
            };
            let landed = state.landed(flight, signs, now, chance);
            let held = match lane {
                LaneOrder::HoldUntil(until) if state.hold(until, now) => Some(until),
                _ => None,
            };
            (landed, held, signs, lane)
        };
        self.tell(&target.endpoint, &finished.reason, landed.change, held);
        if lane == LaneOrder::Disable {
            self.disable(entry, &target, DisabledBy::Answer, finished.reason.clone());
        } else if let Some(since) = landed.failing_since {
            let reason = format!(
                "nothing but failures came of it since {}; the last: {}",
                since.to_rfc3339_opts(SecondsFormat::Secs, true),
                finished.reason
            );
            self.disable(entry, &target, DisabledBy::Failing, reason);
        }
        if signs.accepted && target.endpoint.status == EndpointStatus::Disabled {
            self.enable(entry.id);
        }
        self.permits.landed();
        self.results.send(finished);
    }

    /// Tells people of what became of a lane.
    fn tell(&self, endpoint: &Endpoint, reason: &str, news: Option<Change>, held: Option<DateTime<Utc>>) {
        let now = clock();
        if let Some(until) = held {
            self.queue
                .tell_lane(LaneEvent::Throttled(until), endpoint, reason, now);
        }
        match news {
            Some(Change::Opened { until }) => {
                info!(endpoint = %endpoint.id, reason, %until, "the endpoint is down: its deliveries wait");
                self.queue
                    .tell_lane(LaneEvent::Opened(until), endpoint, reason, now);
            }
            Some(Change::Recovered) => {
                info!(endpoint = %endpoint.id, "the endpoint answers again");
                self.queue.tell_lane(LaneEvent::Recovered, endpoint, reason, now);
            }
            None => {}
        }
    }

    /// A test has reached a disabled endpoint: unless a person disabled it, it is enabled again.
    fn enable(self: &Arc<Self>, id: EndpointId) {
        let lanes = self.clone();
        tokio::spawn(async move {
            match lanes.queue.enable_tested_endpoint(id, clock()).await {
                Ok(true) => info!(endpoint = %id, "endpoint enabled: a test has reached it"),
                Ok(false) => {}
                Err(error) => {
                    warn!(endpoint = %id, %error, "an endpoint that a test has reached could not be enabled");
                }
            }
        });
    }

    /// The endpoint wants no more, or is given up: the lane stops at once, and the catalog learns of it. Once: all that was in flight may say so.
    fn disable(self: &Arc<Self>, entry: &Arc<Entry>, target: &Target, by: DisabledBy, reason: String) {
        if !entry.lane.lock().close() {
            return;
        }
        let (lanes, entry, endpoint) = (self.clone(), entry.clone(), target.endpoint.clone());
        tokio::spawn(async move {
            let id = entry.id;
            loop {
                match lanes
                    .queue
                    .disable_endpoint(&endpoint, by, &reason, clock())
                    .await
                {
                    Ok(true) => {
                        info!(endpoint = %id, reason, "endpoint disabled");
                        return;
                    }
                    Ok(false) => break,
                    Err(error) => {
                        warn!(endpoint = %id, %error, "an endpoint that wants no more could not be disabled");
                        if !matches!(error, Error::Unavailable(_)) {
                            break;
                        }
                        tokio::time::sleep(DISABLE_AGAIN).await;
                    }
                }
            }
            // It is as the catalog says now, and not as this node knew it: somebody has changed it just before.
            while let Err(error) = lanes.queue.refresh_catalog().await {
                warn!(endpoint = %id, %error, "what an endpoint that wants no more was made meanwhile could not be read");
                tokio::time::sleep(DISABLE_AGAIN).await;
            }
            lanes.reconfigure(&entry);
        });
    }

    /// Results are committed: their deliveries leave the lanes' memory, and lanes that waited for that go on. What is in line for its turn, or
    /// has nothing to push, is not moved on: with ten thousand lanes that would be most of them, at each commit.
    pub(crate) fn settled(self: &Arc<Self>, finished: &[Finished]) {
        let mut touched: HashMap<EndpointId, (Arc<Entry>, bool)> = HashMap::new();
        for one in finished {
            let id = one.delivery.endpoint_id;
            let again_at = one.verdict.again_at();
            let (entry, is_due_again) = match touched.entry(id) {
                hash_map::Entry::Occupied(there) => there.into_mut(),
                hash_map::Entry::Vacant(room) => {
                    let Some(entry) = self.entries.read().get(&id).cloned() else {
                        continue;
                    };
                    room.insert((entry, false))
                }
            };
            entry.lane.lock().settled(one.delivery.id, again_at);
            *is_due_again |= again_at.is_some();
        }
        self.permits.written(finished.len());
        self.sequences.freed(finished);
        let now = clock();
        for (entry, is_due_again) in touched.values() {
            if *is_due_again || (!entry.place.has_turn() && entry.lane.lock().is_hungry(now)) {
                self.move_on(entry);
            } else {
                self.want_page(entry);
            }
        }
        self.serve(finished.len().saturating_mul(ASKED));
        self.serve_those_aside(finished.len());
    }
}

thread_local! {
    static CHANCE: std::cell::RefCell<SmallRng> = std::cell::RefCell::new({
        #[expect(clippy::disallowed_methods, reason = "the edge: jitter is drawn here and handed on as a number")]
        let mut seed = rand::rng();
        SmallRng::from_rng(&mut seed)
    });
}

/// Uniform in 0..1, for jitter.
fn chance() -> f64 {
    CHANCE.with_borrow_mut(RngExt::random)
}
