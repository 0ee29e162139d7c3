//! Shards: the leases of this node. It pushes for a shard only while its lease is valid by its own monotonic clock.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use parking_lot::RwLock;
use queue::ownership::{NodeId, Renewed};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{Config, lanes::Lanes};

/// By how much earlier than the database a node lets a lease end: a request that is begun at the last moment, and the drift of two clocks
/// over a lease's length.
const MARGIN: Duration = Duration::from_secs(1);

pub(crate) struct Shards {
    pub(crate) node: NodeId,
    name: String,
    started_at: DateTime<Utc>,
    ttl: Duration,
    renew_every: Duration,
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

    /// Takes note of a renewal that was asked for at `asked`. Returns what was held before it, and what is to be searched.
    fn note(&self, renewed: &Renewed, asked: Instant) -> ([bool; 256], BTreeSet<u8>) {
        let mut state = self.state.write();
        let before = state.held;
        // Between two leases, offers and hints went past this node, also those for shards that nobody else took.
        let lapsed = state.valid_until.is_none_or(|until| Instant::now() >= until);
        for shard in 0..=u8::MAX {
            let index = usize::from(shard);
            let did_push = !lapsed && before[index] && !state.leaving[index];
            state.held[index] = renewed.held.contains(&shard);
            state.leaving[index] = renewed.to_release.contains(&shard);
            let pushes = state.held[index] && !state.leaving[index];
            state.unsearched[index] = pushes && (!did_push || state.unsearched[index]);
        }
        state.valid_until = Some(asked + self.ttl.saturating_sub(MARGIN));
        let unsearched = (0..=u8::MAX)
            .filter(|shard| state.unsearched[usize::from(*shard)])
            .collect();
        (before, unsearched)
    }

    fn searched(&self, shards: &BTreeSet<u8>) {
        let mut state = self.state.write();
        for shard in shards {
            state.unsearched[usize::from(*shard)] = false;
        }
    }

    /// Whether this node's leases are valid.
    pub(crate) fn are_valid(&self) -> bool {
        self.state
            .read()
            .valid_until
            .is_some_and(|until| Instant::now() < until)
    }
}

/// Renews until stopped.
pub(crate) async fn run(lanes: Arc<Lanes>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(lanes.shards.renew_every) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = renew(&lanes) => {}
        }
    }
}

/// Renews once: takes note of what this node holds, lets go of what it lost or must leave, and looks into what it gained.
pub(crate) async fn renew(lanes: &Arc<Lanes>) {
    let shards = &lanes.shards;
    // The lease runs from before the question: the answer may have been long on its way.
    let asked = Instant::now();
    let renewed = match lanes
        .queue
        .renew(shards.node, &shards.name, shards.started_at, shards.ttl)
        .await
    {
        Ok(renewed) => renewed,
        Err(error) => {
            warn!(%error, "the leases of this node's shards could not be renewed");
            return;
        }
    };
    let (before, unsearched) = shards.note(&renewed, asked);
    let lost = |shard: u8| before[usize::from(shard)] && !renewed.held.contains(&shard);
    lanes.drop_lanes(lost);
    release_quiet(lanes, &renewed.to_release).await;
    if unsearched.is_empty() {
        return;
    }
    info!(
        gained = unsearched.len(),
        held = renewed.held.len(),
        "shards taken over"
    );
    // What a lane held ready from before, another node may have delivered.
    lanes.read_anew(|shard| unsearched.contains(&shard));
    if let Err(error) = lanes.take_over(&unsearched).await {
        warn!(%error, "what is known of new shards could not be read; tried again with the next renewal");
        return;
    }
    match lanes.discover(|shard| unsearched.contains(&shard)).await {
        Ok(()) => shards.searched(&unsearched),
        Err(error) => {
            warn!(%error, "new shards could not be searched for due deliveries; tried again with the next renewal");
        }
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
    match lanes.queue.release(lanes.shards.node, &quiet).await {
        Ok(()) => info!(released = quiet.len(), "shards handed over"),
        Err(error) => warn!(%error, "shards could not be handed over; tried again soon"),
    }
}
