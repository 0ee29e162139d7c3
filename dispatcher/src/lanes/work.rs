//! How a lane's deliveries go: a permit is taken, the request is made, what it says about the endpoint is told, and the permit goes to the next.

use std::{
    collections::HashMap,
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

/// The pause between two tries to disable an endpoint while the database is away.
const DISABLE_AGAIN: Duration = Duration::from_secs(1);

/// How many lanes in line for a permit are asked when one comes free, before it is left for later.
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

    /// Lets the lanes whose turn it is begin one push each, as long as there are permits; asks `most` of them.
    pub(super) fn serve(self: &Arc<Self>, most: usize) {
        // Who is refused stands again at the end: once is enough.
        let most = most.min(self.line.lock().len());
        self.ask(most, Line::next);
    }

    /// Lets the lanes that stand aside begin one push each, if permits have come back meanwhile and nobody else waits for them.
    fn serve_those_aside(self: &Arc<Self>, most: usize) {
        let most = {
            let line = self.line.lock();
            if !line.is_empty() {
                return;
            }
            most.min(line.len_aside())
        };
        self.ask(most, Line::next_aside);
    }

    fn ask(self: &Arc<Self>, most: usize, next: impl Fn(&mut Line<Arc<Entry>>) -> Option<Arc<Entry>>) {
        for _ in 0..most {
            if !self.permits.take() {
                return;
            }
            let Some(entry) = next(&mut self.line.lock()) else {
                self.permits.give();
                return;
            };
            if let Some(push) = self.next_with_permit(&entry) {
                self.stand_if_hungry(&entry);
                tokio::spawn(self.clone().work(entry, push));
            } else {
                self.arm(&entry);
            }
        }
    }

    /// Pushes one delivery, and then the lane's next ones as long as nobody else waits for a permit.
    async fn work(self: Arc<Self>, entry: Arc<Entry>, push: Push) {
        let mut next = Some(push);
        while let Some(Push {
            delivery,
            flight,
            target,
        }) = next.take()
        {
            let weight = delivery.weight();
            let (id, chance) = (self.queue.mint(clock()), chance());
            let Turn { finished, lane } =
                attempt::attempt(&self.clients, &target, delivery, id, clock, chance).await;
            self.bytes.fetch_sub(weight, Ordering::Relaxed);
            let (signs, now) = (Signs::of(&finished), clock());
            let (landed, held) = {
                let mut state = entry.lane.lock();
                let landed = state.landed(flight, signs, now, chance);
                let held = match lane {
                    LaneOrder::HoldUntil(until) if state.hold(until, now) => Some(until),
                    _ => None,
                };
                (landed, held)
            };
            self.tell(&target.endpoint, &finished.reason, landed.change, held);
            if lane == LaneOrder::Disable {
                self.disable(&entry, &target, DisabledBy::Answer, finished.reason.clone());
            } else if let Some(since) = landed.failing_since {
                let reason = format!(
                    "nothing but failures came of it since {}; the last: {}",
                    since.to_rfc3339_opts(SecondsFormat::Secs, true),
                    finished.reason
                );
                self.disable(&entry, &target, DisabledBy::Failing, reason);
            }
            if signs.accepted && target.endpoint.status == EndpointStatus::Disabled {
                self.enable(entry.id);
            }
            self.permits.landed();
            self.results.send(finished);
            if self.line.lock().is_empty() {
                next = self.next(&entry);
            } else {
                self.stand_if_hungry(&entry);
                self.serve(ASKED);
            }
        }
        self.want_page(&entry);
        self.arm(&entry);
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

    /// The endpoint wants no more, or is given up: the lane stops at once, and the catalog learns of it.
    fn disable(self: &Arc<Self>, entry: &Arc<Entry>, target: &Target, by: DisabledBy, reason: String) {
        entry.lane.lock().close();
        let (lanes, id, endpoint) = (self.clone(), entry.id, target.endpoint.clone());
        tokio::spawn(async move {
            while let Err(error) = lanes
                .queue
                .disable_endpoint(&endpoint, by, &reason, clock())
                .await
            {
                warn!(endpoint = %id, %error, "an endpoint that wants no more could not be disabled");
                if !matches!(error, Error::Unavailable(_)) {
                    return;
                }
                tokio::time::sleep(DISABLE_AGAIN).await;
            }
            info!(endpoint = %id, reason, "endpoint disabled");
        });
    }

    /// Results are committed: their deliveries leave the lanes' memory, and lanes that waited for that go on.
    pub(crate) fn settled(self: &Arc<Self>, finished: &[Finished]) {
        let mut touched: HashMap<EndpointId, Arc<Entry>> = HashMap::new();
        for one in finished {
            let id = one.delivery.endpoint_id;
            if let Some(entry) = touched
                .get(&id)
                .cloned()
                .or_else(|| self.entries.read().get(&id).cloned())
            {
                entry.lane.lock().settled(one.delivery.id, one.verdict.again_at());
                touched.insert(id, entry);
            }
        }
        self.permits.written(finished.len());
        self.sequences.freed(finished);
        for entry in touched.values() {
            self.move_on(entry);
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
