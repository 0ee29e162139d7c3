//! The dispatcher: pushes what is due to where it is to go, and writes what came of it.
//!
//! The cast:
//! - [`Dispatcher`]: the handle, and the queue's [`Door`] to it: what was committed just now is offered here.
//! - `shards`: renews the leases of this node's shards; without a valid lease nothing is pushed.
//! - `lane`: one endpoint's side in memory, a plain state machine; `lanes`: all of them, and what moves them on.
//! - `hints`: acts on what other nodes say. `pager`: reads from the database what lanes have room for. `wakes`: moves lanes on when something comes due.
//! - `attempt`: one delivery's turn: sign, [`push`], judge. `access`, `oauth`: how an endpoint's requests show who sends them. `permits`:
//!   how many at once; `line`: whose turn it is when there are none.
//! - `relief`: lets lanes that do not get on give back what they hold when memory is short.
//! - `ages`: gives up what became too old while it waited. `views`: what lanes tell of themselves.
//! - `metrics`, `traces`: what monitoring is told.
//! - `results`: group commit of what came of them.
//!
//! A delivery goes `offer` or `pager` → lane → `attempt` → `results` → gone from the lane's memory. It knows neither axum nor tonic, and no
//! SQL: what it reads and writes are verbs of `queue`.

pub mod push;

mod access;
mod ages;
mod attempt;
mod config;
mod hints;
mod lane;
mod lanes;
mod line;
mod metrics;
mod oauth;
mod pager;
mod permits;
mod relief;
mod results;
mod sequences;
mod shards;
mod share;
mod traces;
mod views;
mod wakes;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use queue::{
    Delivery, Door, Queue,
    id::{DeliveryId, EndpointId},
    listen::Hint,
    ownership::NodeId,
};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub use access::identity;
pub use config::Config;
pub use shards::LEASE_MARGIN;

use crate::lanes::Lanes;

/// The dispatcher of this node. Cheap to clone.
#[derive(Clone)]
pub struct Dispatcher(Arc<Node>);

impl std::fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dispatcher")
            .field("node", &self.0.shards.node)
            .finish_non_exhaustive()
    }
}

struct Node {
    lanes: Arc<Lanes>,
    shards: Arc<shards::Shards>,
    hints: mpsc::Sender<Hint>,
    stop: CancellationToken,
    background: parking_lot::Mutex<JoinSet<()>>,
    /// Some of it has ended.
    ended: CancellationToken,
    drained: AtomicBool,
    drain_timeout: Duration,
    metrics: metrics::Metrics,
}

/// What runs beside the requests.
#[derive(Default)]
struct Background {
    tasks: JoinSet<()>,
    ended: CancellationToken,
}

impl Background {
    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        let ended = self.ended.clone().drop_guard();
        self.tasks.spawn(async move {
            task.await;
            drop(ended);
        });
    }
}

/// Hints that may wait to be acted on; beyond it they are summed up as "anything may have happened".
const HINTS: usize = 256;

impl Dispatcher {
    /// Starts the dispatcher: takes shards, and begins to push. `node` names this node: the same one after a restart takes its old shards
    /// back at once, so two live processes must never share it.
    pub async fn start(queue: &Queue, config: Config, node: NodeId, name: &str) -> Result<Self, StartError> {
        let clients = access::Clients::new(&config.push)?;
        let metrics = metrics::Metrics::new(queue.registry())?;
        let stop = CancellationToken::new();
        let (hints, heard) = mpsc::channel(HINTS);
        let shards = Arc::new(shards::Shards::new(node, name.to_owned(), clock(), &config));
        let (results, written) = results::channel();
        let lanes = Arc::new(Lanes::new(
            queue.clone(),
            clients,
            config.clone(),
            shards.clone(),
            results,
        ));
        let mut background = Background::default();
        background.spawn(results::write(lanes.clone(), written));
        for _ in 0..config::PAGERS {
            background.spawn(pager::run(lanes.clone(), stop.clone()));
        }
        background.spawn(wakes::run(lanes.clone(), stop.clone()));
        background.spawn(relief::run(lanes.clone(), stop.clone()));
        background.spawn(ages::run(lanes.clone(), stop.clone()));
        background.spawn(views::run(lanes.clone(), stop.clone()));
        background.spawn(sequences::run(lanes.clone(), stop.clone()));
        background.spawn(lanes::follow_catalog(lanes.clone(), stop.clone()));
        background.spawn(hints::hear(
            lanes.clone(),
            heard,
            config.look_interval,
            stop.clone(),
        ));
        let following = queue.clone();
        let (heard_from, stop_following) = (hints.clone(), stop.clone());
        background.spawn(async move { following.follow(heard_from, stop_following).await });
        // The first lease before the first request: whoever asks whether this node is ready, and then enqueues, is on the fast path.
        shards::renew(&lanes).await;
        shards::search(&lanes).await;
        background.spawn(shards::run(lanes.clone(), stop.clone()));
        Ok(Self(Arc::new(Node {
            lanes,
            shards,
            hints,
            stop,
            ended: background.ended.clone(),
            background: parking_lot::Mutex::new(background.tasks),
            drained: AtomicBool::new(false),
            drain_timeout: config.drain_timeout,
            metrics,
        })))
    }

    /// Whether this node holds valid leases: it can push.
    pub fn is_ready(&self) -> bool {
        self.0.shards.are_valid()
    }

    /// Waits until a part of this dispatcher has ended. Before it is drained that is a defect: without it nothing is pushed or written any
    /// more, although leases may be renewed, and the process had better be started again.
    pub async fn failed(&self) {
        self.0.ended.cancelled().await;
    }

    /// Brings this dispatcher's metrics in the queue's registry up to date.
    pub fn measure(&self) {
        self.0.metrics.measure(&self.0.lanes);
    }

    /// Begins no more attempts; those in flight go on. What comes due meanwhile stays in the database, for the nodes that take over the shards
    /// of this one: each as soon as nothing of it is in flight here.
    pub fn close(&self) {
        self.0.lanes.close();
        self.0.shards.leave();
    }

    /// Stops taking deliveries, lets requests in flight end (at most the configured time), writes every result, and releases the shards.
    /// Returns whether everything ended in time; what did not stays in the database and is pushed again by whoever comes next.
    pub async fn drain(&self) -> bool {
        if self.0.drained.swap(true, Ordering::AcqRel) {
            return true;
        }
        let begun = Instant::now();
        self.close();
        let left = || self.0.lanes.in_flight() + self.0.lanes.unwritten();
        while left() > 0 && begun.elapsed() < self.0.drain_timeout {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let left = left();
        if left > 0 {
            warn!(
                left,
                "requests were still in flight, or their results unwritten, when the time to drain was over; they are made again later"
            );
        }
        self.0.stop.cancel();
        let mut background = std::mem::take(&mut *self.0.background.lock());
        background.abort_all();
        while background.join_next().await.is_some() {}
        if let Err(error) = views::write(&self.0.lanes).await {
            warn!(%error, "what the lanes did last could not be written");
        }
        if let Err(error) = self.0.lanes.queue.release_all(self.0.shards.node).await {
            warn!(%error, "the shards could not be released; their leases run out by themselves");
        }
        info!("dispatcher drained");
        left == 0
    }
}

impl Door for Dispatcher {
    fn offer(&self, deliveries: Vec<Delivery>) {
        self.0.lanes.offer(deliveries);
    }

    fn owns(&self, shard: u8) -> bool {
        self.0.shards.owns(shard)
    }

    fn withdraw(&self, deliveries: &[(EndpointId, DeliveryId)]) {
        self.0.lanes.withdraw(deliveries);
    }

    fn look(&self) {
        // A full channel has worse to tell already.
        let _ = self.0.hints.try_send(Hint::Anything);
    }
}

/// Why a dispatcher does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The client's settings are wrong.
    #[error(transparent)]
    Push(#[from] push::ConfigError),
    /// The queue has a dispatcher already.
    #[error("the metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// The one place where the dispatcher reads the time.
#[expect(
    clippy::disallowed_methods,
    reason = "the edge: everything below takes the time from here"
)]
pub(crate) fn clock() -> DateTime<Utc> {
    Utc::now()
}
