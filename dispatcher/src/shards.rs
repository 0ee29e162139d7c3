//! Shards: the leases of this node. It pushes for a shard only while its lease is valid by its own monotonic clock.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use parking_lot::RwLock;
use queue::ownership::{NodeId, Renewed};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{Config, lanes::Lanes};

/// By how much earlier than the database a node lets a lease end: a request that is begun at the last moment, and the drift of two clocks
/// over a lease's length.
pub const LEASE_MARGIN: Duration = Duration::from_secs(1);

pub(crate) struct Shards {
    pub(crate) node: NodeId,
    name: String,
    started_at: DateTime<Utc>,
    ttl: Duration,
    renew_every: Duration,
    /// Told when this node is about to stop.
    leave: Notify,
    /// Taken by who searches: one at a time.
    searching: Arc<tokio::sync::Mutex<()>>,
    state: RwLock<State>,
}

struct State {
    held: [bool; 256],
    /// Held, but another node's by right: nothing is begun for them any more.
    leaving: [bool; 256],
    /// Not searched for due deliveries since this node began to push for them.
    unsearched: [bool; 256],
    valid_until: Option<Instant>,
}

impl Shards {
    pub(crate) fn new(node: NodeId, name: String, started_at: DateTime<Utc>, config: &Config) -> Self {
        let state = State {
            held: [false; 256],
            leaving: [false; 256],
            unsearched: [false; 256],
            valid_until: None,
        };
        Self {
            node,
            name,
            started_at,
            ttl: config.lease_ttl,
            renew_every: config.lease_renew,
            leave: Notify::new(),
            searching: Arc::default(),
            state: RwLock::new(state),
        }
    }

    /// Whether this node pushes for the shard now.
    pub(crate) fn owns(&self, shard: u8) -> bool {
        let state = self.state.read();
        let index = usize::from(shard);
        state.held[index]
            && !state.leaving[index]
            && state.valid_until.is_some_and(|until| Instant::now() < until)
    }

    /// The shards that this node pushes for now.
    pub(crate) fn owned(&self) -> Vec<u8> {
        (0..=u8::MAX).filter(|shard| self.owns(*shard)).collect()
    }

    /// Takes note of a renewal that was asked for at `asked`. Returns what was held before it, and what this node begins to push for.
    fn note(&self, renewed: &Renewed, asked: Instant) -> ([bool; 256], BTreeSet<u8>) {
        let mut state = self.state.write();
        let before = state.held;
        let mut gained = BTreeSet::new();
        // Between two leases, offers and hints went past this node, also those for shards that nobody else took.
        let lapsed = state.valid_until.is_none_or(|until| Instant::now() >= until);
        for shard in 0..=u8::MAX {
            let index = usize::from(shard);
            let did_push = !lapsed && before[index] && !state.leaving[index];
            state.held[index] = renewed.held.contains(&shard);
            state.leaving[index] = renewed.to_release.contains(&shard);
            let pushes = state.held[index] && !state.leaving[index];
            if pushes && !did_push {
                gained.insert(shard);
            }
            state.unsearched[index] = pushes && (!did_push || state.unsearched[index]);
        }
        state.valid_until = Some(asked + self.ttl.saturating_sub(LEASE_MARGIN));
        (before, gained)
    }

    /// Takes what is to be searched. What could not be is given back by [`Self::search_again`].
    fn take_unsearched(&self) -> BTreeSet<u8> {
        let mut state = self.state.write();
        let unsearched = std::mem::replace(&mut state.unsearched, [false; 256]);
        (0..=u8::MAX)
            .filter(|shard| unsearched[usize::from(*shard)])
            .collect()
    }

    fn search_again(&self, shards: &BTreeSet<u8>) {
        let mut state = self.state.write();
        for shard in shards {
            state.unsearched[usize::from(*shard)] = true;
        }
    }

    /// How long the database has for a renewal: the next try comes so early that a lease outlasts one that was lost.
    fn patience(&self) -> Duration {
        self.renew_every * 2 / 3
    }

    /// Hands over what it can from now on, beginning at once.
    pub(crate) fn leave(&self) {
        self.leave.notify_one();
    }

    /// Whether this node's leases are valid.
    pub(crate) fn are_valid(&self) -> bool {
        self.state
            .read()
            .valid_until
            .is_some_and(|until| Instant::now() < until)
    }
}

/// By what part of the time between two renewals one that failed is tried again.
const AGAIN: u32 = 3;

/// How often a node that is about to stop looks which of its shards have nothing in flight any more: their endpoints go on elsewhere, and do
/// not wait for the slowest request of all.
const LEAVING: Duration = Duration::from_millis(250);

/// Renews until stopped, in time also when a renewal takes long, and sooner after one that failed.
pub(crate) async fn run(lanes: Arc<Lanes>, stop: CancellationToken) {
    let (shards, every) = (&lanes.shards, lanes.shards.renew_every);
    let mut next = Instant::now() + every;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = shards.leave.notified() => {}
            () = tokio::time::sleep_until(next.into()) => {}
        }
        let begun = Instant::now();
        tokio::select! {
            () = stop.cancelled() => return,
            renewed = renew(&lanes) => {
                next = match renewed {
                    true if lanes.are_closed() => begun + every.min(LEAVING),
                    true => begun + every,
                    false => Instant::now() + every / AGAIN,
                };
            }
        }
        // Beside the renewals: a database that is slow to search must not cost the leases.
        if let Ok(turn) = shards.searching.clone().try_lock_owned() {
            let lanes = lanes.clone();
            tokio::spawn(async move {
                search(&lanes).await;
                drop(turn);
            });
        }
    }
}

/// Renews once: takes note of what this node holds, and lets go of what it lost or must leave. Whether the leases were renewed; the
/// database is not waited for longer than until the next renewal.
pub(crate) async fn renew(lanes: &Arc<Lanes>) -> bool {
    let shards = &lanes.shards;
    // The lease runs from before the question: the answer may have been long on its way.
    let asked = Instant::now();
    let renewal = lanes.queue.renew(
        shards.node,
        &shards.name,
        shards.started_at,
        shards.ttl,
        lanes.are_closed(),
    );
    let renewed = match tokio::time::timeout(shards.patience(), renewal).await {
        Ok(Ok(renewed)) => renewed,
        Ok(Err(error)) => {
            warn!(%error, "the leases of this node's shards could not be renewed");
            return false;
        }
        Err(_) => {
            warn!(
                "the leases of this node's shards could not be renewed: the database did not answer in time"
            );
            return false;
        }
    };
    let (before, gained) = shards.note(&renewed, asked);
    let lost = |shard: u8| before[usize::from(shard)] && !renewed.held.contains(&shard);
    lanes.drop_lanes(lost);
    if !gained.is_empty() {
        info!(
            gained = gained.len(),
            held = renewed.held.len(),
            "shards taken over"
        );
        // What a lane held ready from before, another node may have delivered.
        lanes.read_anew(|shard| gained.contains(&shard));
    }
    release_quiet(lanes, &renewed.to_release).await;
    true
}

/// Looks into the shards that this node began to push for.
pub(crate) async fn search(lanes: &Arc<Lanes>) {
    let unsearched = lanes.shards.take_unsearched();
    if unsearched.is_empty() {
        return;
    }
    let looked = async {
        lanes.take_over(&unsearched).await?;
        lanes.discover(|shard| unsearched.contains(&shard)).await
    };
    if let Err(error) = looked.await {
        warn!(%error, "new shards could not be searched for due deliveries; tried again with the next renewal");
        lanes.shards.search_again(&unsearched);
    }
}

/// Releases what another node has a right to, once nothing of it is in flight or unwritten.
async fn release_quiet(lanes: &Arc<Lanes>, leaving: &BTreeSet<u8>) {
    let quiet: BTreeSet<u8> = leaving
        .iter()
        .copied()
        .filter(|shard| lanes.are_quiet(|s| s == *shard))
        .collect();
    if quiet.is_empty() {
        return;
    }
    lanes.drop_lanes(|shard| quiet.contains(&shard));
    {
        let mut state = lanes.shards.state.write();
        for shard in &quiet {
            state.held[usize::from(*shard)] = false;
        }
    }
    let release = lanes.queue.release(lanes.shards.node, &quiet);
    match tokio::time::timeout(lanes.shards.patience(), release).await {
        Ok(Ok(())) => info!(released = quiet.len(), "shards handed over"),
        Ok(Err(error)) => warn!(%error, "shards could not be handed over; tried again soon"),
        Err(_) => {
            warn!("shards could not be handed over: the database did not answer in time; tried again soon");
        }
    }
}
