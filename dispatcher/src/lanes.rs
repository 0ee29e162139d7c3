//! All lanes of this node, and what moves them on: offers, pages, changes; and in [`work`], permits and results.

mod work;

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use parking_lot::{Mutex, RwLock};
use proto::OrderingMode;
use queue::{
    Delivery, Queue, Result,
    endpoint::{Endpoint, shard_of},
    id::{DeliveryId, EndpointId},
    ordering::Found,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use self::work::ASKED;
use crate::{
    Config,
    access::Clients,
    attempt::Target,
    clock,
    lane::{Lane, Limits, Terms},
    line::{Line, Place, Stands},
    permits::Permits,
    results::Results,
    sequences::Sequences,
    shards::Shards,
    share::share,
    views::Told,
    wakes::Wakes,
};

/// What a lane may hold ready however much the others hold: three small deliveries, or one large one, so that those for an endpoint that
/// keeps up go from their commit to their push while others have filled the memory with what they cannot get rid of.
const LANE_BYTES_ALWAYS: usize = 4 << 10;

/// How many times `buffer_bytes` all lanes may hold in this way, large payloads in flight included.
const BEYOND: usize = 8;

/// One endpoint's lane, with what surrounds its state.
pub(crate) struct Entry {
    pub(crate) id: EndpointId,
    /// Its shard: several times a push it is asked whether that is ours.
    shard: u8,
    /// Where to push; `None` once the endpoint is gone.
    target: ArcSwapOption<Target>,
    pub(crate) lane: Mutex<Lane>,
    /// Where it stands in the line for permits.
    place: Place,
    /// In line for a page: a lane stands there once.
    awaits_page: AtomicBool,
    /// What it has told of itself.
    pub(crate) told: Mutex<Told>,
}

impl Entry {
    /// Whether it stands in line for a permit.
    pub(crate) fn is_in_line(&self) -> bool {
        self.place.is_taken()
    }
}

impl Stands for Arc<Entry> {
    fn place(&self) -> &Place {
        &self.place
    }
}

impl Entry {
    /// Whether its deliveries go to the URL of this target.
    fn pushes_to(&self, target: &Arc<Target>) -> bool {
        let now = self.target.load();
        now.as_ref()
            .is_some_and(|now| Arc::ptr_eq(now, target) || now.endpoint.url == target.endpoint.url)
    }

    /// Whether what is enqueued for the endpoint is in order.
    fn has_order(&self) -> bool {
        let target = self.target.load();
        let ordering = target.as_ref().map(|target| target.endpoint.settings.ordering);
        ordering.is_some_and(|ordering| ordering.mode != OrderingMode::Unordered)
    }
}

/// All lanes, and what they share.
pub(crate) struct Lanes {
    pub(crate) queue: Queue,
    pub(crate) shards: Arc<Shards>,
    pub(crate) wakes: Wakes,
    pub(crate) sequences: Sequences,
    pub(crate) config: Config,
    entries: RwLock<HashMap<EndpointId, Arc<Entry>>>,
    clients: Clients,
    results: Results,
    permits: Permits,
    line: Mutex<Line<Arc<Entry>>>,
    pages: Mutex<VecDeque<Arc<Entry>>>,
    pub(crate) pages_wanted: Notify,
    /// Held by who takes over what changed of an endpoint.
    adapting: Mutex<()>,
    /// Bytes of all deliveries that are ready or in flight.
    bytes: AtomicUsize,
    closed: AtomicBool,
}

impl Lanes {
    pub(crate) fn new(
        queue: Queue,
        clients: Clients,
        config: Config,
        shards: Arc<Shards>,
        results: Results,
    ) -> Self {
        Self {
            queue,
            shards,
            wakes: Wakes::default(),
            sequences: Sequences::default(),
            entries: RwLock::default(),
            clients,
            results,
            permits: Permits::new(config.max_in_flight, config.max_unwritten),
            line: Mutex::default(),
            pages: Mutex::default(),
            pages_wanted: Notify::new(),
            adapting: Mutex::default(),
            bytes: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            config,
        }
    }

    /// Nothing is begun from now on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Whether nothing is begun any more.
    pub(crate) fn are_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.permits.in_flight()
    }

    pub(crate) fn unwritten(&self) -> usize {
        self.permits.unwritten()
    }

    fn may_push(&self, shard: u8) -> bool {
        !self.are_closed() && self.shards.owns(shard)
    }

    /// What bounds a lane at this moment: less when all lanes together hold much.
    pub(crate) fn limits(&self) -> Limits {
        let Config {
            lane_deliveries,
            lane_bytes,
            buffer_bytes,
            ..
        } = self.config;
        match self.bytes.load(Ordering::Relaxed) {
            used if used < buffer_bytes.saturating_mul(BEYOND) => Limits {
                deliveries: lane_deliveries,
                bytes: lane_bytes
                    .min(share(buffer_bytes.saturating_sub(used), buffer_bytes))
                    .max(LANE_BYTES_ALWAYS),
            },
            _ => Limits {
                deliveries: 0,
                bytes: 0,
            },
        }
    }

    /// The lane of an endpoint of this node's shards; made when first asked for. `None` if the endpoint is unknown or another node's.
    pub(crate) fn entry(&self, id: EndpointId) -> Option<Arc<Entry>> {
        if let Some(entry) = self.entries.read().get(&id) {
            return Some(entry.clone());
        }
        let shard = shard_of(id);
        if !self.shards.owns(shard) {
            return None;
        }
        let endpoint = self.queue.catalog().snapshot().endpoints.get(&id)?.clone();
        let entry = self.enter(id, shard, endpoint);
        // A change that came meanwhile has gone past a lane that was not there yet.
        self.adapt(&entry);
        Some(entry)
    }

    /// Makes the lane of an endpoint, unless there is one.
    fn enter(&self, id: EndpointId, shard: u8, endpoint: Arc<Endpoint>) -> Arc<Entry> {
        let lane = Lane::new(&Terms::of(&endpoint), clock());
        let entry = Entry {
            id,
            shard,
            target: ArcSwapOption::new(target(endpoint, &self.clients)),
            lane: Mutex::new(lane),
            place: Place::default(),
            awaits_page: AtomicBool::new(false),
            told: Mutex::default(),
        };
        self.entries
            .write()
            .entry(id)
            .or_insert_with(|| Arc::new(entry))
            .clone()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        self.entries.read().values().cloned().collect()
    }

    /// Deliveries that were committed just now.
    pub(crate) fn offer(self: &Arc<Self>, deliveries: Vec<Delivery>) {
        let (now, limits) = (clock(), self.limits());
        let mut touched: Vec<Arc<Entry>> = Vec::new();
        for delivery in deliveries {
            if let Some(key) = &delivery.ordering_key {
                // It is held, whether or not anything is before it.
                self.sequences.want(delivery.endpoint_id, key);
                continue;
            }
            let last = touched
                .last()
                .filter(|entry| entry.id == delivery.endpoint_id)
                .cloned();
            let Some(entry) = last.or_else(|| self.entry(delivery.endpoint_id)) else {
                continue;
            };
            if entry.lane.lock().offer(&delivery, now, limits) {
                self.bytes.fetch_add(delivery.weight(), Ordering::Relaxed);
            }
            if touched.last().is_none_or(|last| last.id != entry.id) {
                touched.push(entry);
            }
        }
        for entry in &touched {
            self.move_on(entry);
        }
    }

    /// Deliveries that are no more.
    pub(crate) fn withdraw(&self, deliveries: &[(EndpointId, DeliveryId)]) {
        for (endpoint, delivery) in deliveries {
            let Some(entry) = self.entries.read().get(endpoint).cloned() else {
                continue;
            };
            let bytes = entry.lane.lock().withdraw(*delivery);
            if let Some(bytes) = bytes {
                self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            }
            if entry.has_order() {
                self.sequences.want_all(*endpoint);
            }
        }
    }

    /// Deliveries of these endpoints were cancelled or purged by another node: their lanes read anew what they hold ready, and what was
    /// behind them in order goes on.
    pub(crate) fn withdrawn_elsewhere(self: &Arc<Self>, endpoints: &BTreeSet<EndpointId>) {
        let endpoints: Vec<EndpointId> = endpoints.iter().copied().collect();
        self.reset(&endpoints);
        for id in endpoints {
            if self
                .entries
                .read()
                .get(&id)
                .is_some_and(|entry| entry.has_order())
            {
                self.sequences.want_all(id);
            }
        }
    }

    /// Whether this node pushes for an endpoint.
    pub(crate) fn owns(&self, endpoint: EndpointId) -> bool {
        self.may_push(shard_of(endpoint))
    }

    /// Lets the lane of an endpoint know that something in order may go.
    pub(crate) fn released(self: &Arc<Self>, endpoint: EndpointId) {
        if let Some(entry) = self.entry(endpoint) {
            entry.lane.lock().look_behind();
            self.move_on(&entry);
        }
    }

    /// Lets lanes that hold more than they get rid of give it back, if all together hold half of what they may.
    pub(crate) fn relieve(self: &Arc<Self>, second_over: bool) {
        let is_short = self.bytes.load(Ordering::Relaxed) > self.config.buffer_bytes / 2;
        if !is_short && !second_over {
            return;
        }
        for entry in self.all() {
            let bytes = entry.lane.lock().relieve(is_short, second_over);
            if bytes > 0 {
                self.bytes.fetch_sub(bytes, Ordering::Relaxed);
                self.move_on(&entry);
            }
        }
    }

    /// Lets lanes read anew what they hold ready.
    pub(crate) fn reset(self: &Arc<Self>, endpoints: &[EndpointId]) {
        for id in endpoints {
            let Some(entry) = self.entries.read().get(id).cloned() else {
                continue;
            };
            let bytes = entry.lane.lock().reset();
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.move_on(&entry);
        }
    }

    /// The lanes in which something may grow too old, with the age at which it is.
    pub(crate) fn aging(&self) -> Vec<(Arc<Entry>, Duration)> {
        let mut aging = vec![];
        for entry in self.all() {
            let most = entry
                .target
                .load()
                .as_ref()
                .and_then(|target| target.endpoint.settings.max_age);
            let ours = self.may_push(entry.shard);
            if let Some(most) = most.filter(|_| ours && entry.lane.lock().has_waiting()) {
                aging.push((entry, most));
            }
        }
        aging
    }

    /// Takes over what is known of the lanes of these shards: which endpoints fail, and that nobody has been told of anything.
    pub(crate) async fn take_over(&self, shards: &BTreeSet<u8>) -> Result<()> {
        let shards: Vec<u8> = shards.iter().copied().collect();
        let failing = self.queue.take_over_lanes(&shards).await?;
        for entry in self.all() {
            if shards.contains(&entry.shard) {
                *entry.told.lock() = Told::default();
            }
        }
        for (id, since) in failing {
            if let Some(entry) = self.entry(id) {
                entry.lane.lock().health.remember(since, clock());
            }
        }
        Ok(())
    }

    /// So many bytes left the lanes without a request.
    pub(crate) fn shrank(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Lets the lanes of these shards read anew what they hold ready.
    pub(crate) fn read_anew(self: &Arc<Self>, wanted: impl Fn(u8) -> bool) {
        let lanes = self.entries.read();
        let ours = lanes.values().filter(|entry| wanted(entry.shard));
        let endpoints: Vec<EndpointId> = ours.map(|entry| entry.id).collect();
        drop(lanes);
        self.reset(&endpoints);
    }

    /// Finds the endpoints of this node's shards that have deliveries, and lets their lanes know.
    pub(crate) async fn discover(self: &Arc<Self>, wanted: impl Fn(u8) -> bool) -> Result<()> {
        let shards: Vec<u8> = self
            .shards
            .owned()
            .into_iter()
            .filter(|shard| wanted(*shard))
            .collect();
        if shards.is_empty() {
            return Ok(());
        }
        let found = self.queue.discover(&shards).await?;
        let now = clock();
        for Found {
            endpoint_id,
            due_at,
            held,
        } in found
        {
            if held {
                self.sequences.want_all(endpoint_id);
            }
            if let (Some(due), Some(entry)) = (due_at, self.entry(endpoint_id)) {
                entry.lane.lock().learn(due, now);
                self.move_on(&entry);
            }
        }
        Ok(())
    }

    /// Does whatever the lane can do now: pushes, reads, or waits for its time.
    pub(crate) fn move_on(self: &Arc<Self>, entry: &Arc<Entry>) {
        if self.line.lock().is_empty() {
            while self.begin(entry) {}
        } else {
            self.stand_if_hungry(entry);
            self.serve(ASKED);
        }
        self.want_page(entry);
        self.arm(entry);
    }

    fn arm(&self, entry: &Arc<Entry>) {
        let at = entry.lane.lock().wake_at(clock());
        if let Some(at) = at {
            self.wakes.arm(at, entry.id);
        }
    }

    fn want_page(&self, entry: &Arc<Entry>) {
        let wanted = self.may_push(entry.shard) && entry.lane.lock().has_backlog();
        if wanted && !entry.awaits_page.swap(true, Ordering::AcqRel) {
            self.pages.lock().push_back(entry.clone());
            self.pages_wanted.notify_one();
        }
    }

    /// The lanes whose turn it is to read, at most `most`.
    pub(crate) fn pages(&self, most: usize) -> Vec<Arc<Entry>> {
        let mut pages = self.pages.lock();
        let count = pages.len().min(most);
        let next: Vec<_> = pages.drain(..count).collect();
        for entry in &next {
            entry.awaits_page.store(false, Ordering::Release);
        }
        next
    }

    /// What a page brought is in the lane.
    pub(crate) fn grew(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Drops the lanes of shards that this node has lost. What is in flight ends by itself, and is logged.
    pub(crate) fn drop_lanes(&self, lost: impl Fn(u8) -> bool) {
        let mut entries = self.entries.write();
        entries.retain(|_, entry| {
            if !lost(entry.shard) {
                return true;
            }
            self.bytes
                .fetch_sub(entry.lane.lock().retire(), Ordering::Relaxed);
            false
        });
    }

    /// Whether nothing is in flight or unwritten for these shards.
    pub(crate) fn are_quiet(&self, shards: impl Fn(u8) -> bool) -> bool {
        self.entries
            .read()
            .values()
            .all(|entry| !shards(entry.shard) || entry.lane.lock().is_quiet())
    }

    /// Takes over what changed of endpoints.
    pub(crate) fn configure(self: &Arc<Self>) {
        for entry in self.all() {
            if self.adapt(&entry) {
                self.move_on(&entry);
            }
        }
    }

    /// Lets a lane be as the catalog says, whatever it was made meanwhile.
    fn reconfigure(self: &Arc<Self>, entry: &Arc<Entry>) {
        self.adapt(entry);
        {
            let _turn = self.adapting.lock();
            let Some(target) = entry.target.load_full() else {
                return;
            };
            let terms = Terms::of(&target.endpoint);
            entry.lane.lock().configure(&terms, clock());
        }
        self.move_on(entry);
    }

    /// Takes over what changed of one endpoint; its lane goes with it. Whether there may be something to do for the lane.
    fn adapt(&self, entry: &Arc<Entry>) -> bool {
        // What is read in here is not older than what was taken over before.
        let _turn = self.adapting.lock();
        let snapshot = self.queue.catalog().snapshot();
        let Some(endpoint) = snapshot.endpoints.get(&entry.id) else {
            entry.target.store(None);
            let bytes = entry.lane.lock().retire();
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.entries.write().remove(&entry.id);
            return false;
        };
        let known = entry.target.load();
        if known
            .as_ref()
            .is_some_and(|target| Arc::ptr_eq(&target.endpoint, endpoint))
        {
            return false;
        }
        let next = target(endpoint.clone(), &self.clients);
        let mut lane = entry.lane.lock();
        lane.configure(&Terms::of(endpoint), clock());
        if known
            .as_ref()
            .is_some_and(|target| target.endpoint.url != endpoint.url)
        {
            lane.begin_anew();
        }
        // With the lane: an answer of the URL before counts wholly before, or not at all.
        entry.target.store(next);
        true
    }
}

fn target(endpoint: Arc<Endpoint>, clients: &Clients) -> Option<Arc<Target>> {
    let (id, url) = (endpoint.id, endpoint.url.clone());
    let target = Target::new(endpoint, clients);
    if target.is_none() {
        warn!(endpoint = %id, %url, "nothing can be sent to this URL; change it");
    }
    target.map(Arc::new)
}

/// Takes over changes of the catalog as they come.
pub(crate) async fn follow_catalog(lanes: Arc<Lanes>, stop: CancellationToken) {
    let mut versions = lanes.queue.catalog().watch();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            changed = versions.changed() => if changed.is_err() { return },
        }
        lanes.configure();
    }
}
