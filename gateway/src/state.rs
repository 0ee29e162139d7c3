use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::{ArcSwap, Guard};
use proto::{ConfigEntry, Disk, EndpointAuth, FieldError};
use queue::{Enqueuer, Queue};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    auth::{
        Guesses, KeyLooks, Names,
        jwt::{Issuer, Trust},
    },
    config::Config,
    metrics::{Measure, Metrics},
    problem::{Kind, Refusal},
    rates::Rates,
};

/// Says why an endpoint's URL is refused, judging by its host alone (a literal address, a special name). What a name resolves to is
/// judged when it is connected to.
pub type VetUrl = Arc<dyn Fn(&Url) -> Result<(), String> + Send + Sync>;

/// Says why an endpoint's own TLS is refused, naming the field: certificates and keys that are none, or do not fit each other.
pub type VetAuth = Arc<dyn Fn(&EndpointAuth) -> Result<(), FieldError> + Send + Sync>;

/// Whether this node does its part: a dispatcher's shards are owned. Asked by `/readyz`; must not wait.
pub type Ready = Arc<dyn Fn() -> bool + Send + Sync>;

/// What the root knows of this node and nobody else does.
#[derive(Clone)]
pub struct Surroundings {
    /// The configuration that holds, with its secrets masked.
    pub configuration: Vec<ConfigEntry>,
    /// What is known of the disk that the database lies on; must not wait.
    pub disk: Arc<dyn Fn() -> Option<Disk> + Send + Sync>,
}

impl std::fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}

/// What the gateway asks of those whom it does not know. The root hands it in.
#[derive(Clone)]
pub struct Doors {
    /// Whether an endpoint may have this URL.
    pub vet_url: VetUrl,
    /// Whether an endpoint's requests can be made with this TLS.
    pub vet_auth: VetAuth,
    /// Whether this node does its part.
    pub ready: Ready,
}

impl std::fmt::Debug for Doors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Doors").finish_non_exhaustive()
    }
}

/// Everything a request needs. Cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    queue: Queue,
    enqueuer: Enqueuer,
    doors: Doors,
    surroundings: OnceLock<Surroundings>,
    measure: OnceLock<Measure>,
    measuring: tokio::sync::Mutex<()>,
    metrics: Metrics,
    key_looks: KeyLooks,
    guesses: Guesses,
    names: Names,
    drawn: AtomicU64,
    /// Of this process's own.
    dice: RandomState,
    trust: ArcSwap<Trust>,
    rates: Rates,
    requests: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
    streamed: Arc<Semaphore>,
    stopping: CancellationToken,
    last_ping: tokio::sync::Mutex<Option<(Instant, bool)>>,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").finish_non_exhaustive()
    }
}

/// How old the answer of the database may be that `/readyz` repeats: anyone may ask it, and as often as they like.
const PING_AGE: Duration = Duration::from_millis(250);

/// How long the database has to answer `/readyz`.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

impl Gateway {
    /// A gateway to `queue`, whose tasks go in through `enqueuer`.
    ///
    /// # Panics
    /// When a metric's name is taken in the queue's registry by another metric: a slip in this program.
    #[expect(
        clippy::expect_used,
        reason = "names and labels are constants of this program"
    )]
    pub fn new(config: Config, queue: Queue, enqueuer: Enqueuer, doors: Doors) -> Self {
        let metrics = Metrics::new(queue.registry()).expect("metrics with names of their own");
        let bodies = Arc::new(Semaphore::new(
            config.bodies_max_bytes.min(Semaphore::MAX_PERMITS),
        ));
        let requests = Arc::new(Semaphore::new(config.requests_max.min(Semaphore::MAX_PERMITS)));
        let streamed = Arc::new(Semaphore::new(
            config.streams_max_bytes.min(Semaphore::MAX_PERMITS),
        ));
        let guesses = Guesses::new(config.wrong_keys_max, Instant::now());
        let (key_looks, last_ping) = (KeyLooks::default(), tokio::sync::Mutex::default());
        Self {
            inner: Arc::new(Inner {
                config,
                queue,
                enqueuer,
                doors,
                surroundings: OnceLock::new(),
                measure: OnceLock::new(),
                measuring: tokio::sync::Mutex::default(),
                metrics,
                key_looks,
                guesses,
                names: Names::new(Instant::now()),
                drawn: AtomicU64::new(0),
                dice: RandomState::new(),
                trust: ArcSwap::default(),
                rates: Rates::new(Instant::now()),
                requests,
                bodies,
                streamed,
                stopping: CancellationToken::new(),
                last_ping,
            }),
        }
    }

    /// Has `measure` called before metrics are told.
    pub fn measured_by(&self, measure: Measure) {
        // A second one would be a slip of the root's; the first stays.
        let _ = self.inner.measure.set(measure);
    }

    /// Who measures and tells has this meanwhile: gauges are built up anew each time, which two at once would do twice.
    pub(crate) fn measuring(&self) -> &tokio::sync::Mutex<()> {
        &self.inner.measuring
    }

    pub(crate) fn measure(&self) {
        if let Some(measure) = self.inner.measure.get() {
            measure();
        }
    }

    /// The gateway's own metrics.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// A number from 0 to 1, as good as by chance for taking samples.
    pub(crate) fn chance(&self) -> f64 {
        let count = self.inner.drawn.fetch_add(1, Ordering::Relaxed);
        let top = self.inner.dice.hash_one(count) >> 32;
        f64::from(u32::try_from(top).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
    }

    /// The limits.
    pub(crate) fn config(&self) -> &Config {
        &self.inner.config
    }

    /// The queue.
    pub(crate) fn queue(&self) -> &Queue {
        &self.inner.queue
    }

    /// The way in for tasks.
    pub(crate) fn enqueuer(&self) -> &Enqueuer {
        &self.inner.enqueuer
    }

    /// How often the database may still be asked for keys that are not known.
    pub(crate) fn key_looks(&self) -> &KeyLooks {
        &self.inner.key_looks
    }

    /// Counts keys and tokens that were not valid.
    pub(crate) fn guesses(&self) -> &Guesses {
        &self.inner.guesses
    }

    /// Counts guesses at the passwords of users.
    pub(crate) fn names(&self) -> &Names {
        &self.inner.names
    }

    /// Accepts the tokens of these issuers from now on, and of no others.
    pub fn accept_tokens(&self, issuers: Vec<Issuer>) {
        self.inner.trust.store(Arc::new(Trust::new(issuers)));
    }

    /// Tells what is known of this node, once. Without it nothing is told of its configuration and its disk.
    pub fn describe(&self, surroundings: Surroundings) {
        // Set once by the root; the first stays.
        let _ = self.inner.surroundings.set(surroundings);
    }

    /// What is known of this node.
    pub(crate) fn surroundings(&self) -> Option<&Surroundings> {
        self.inner.surroundings.get()
    }

    /// Refuses what no endpoint's requests can show.
    pub(crate) fn vet_auth(&self, auth: &EndpointAuth) -> Result<(), Refusal> {
        if let Some(oauth2) = &auth.oauth2 {
            self.vet(&oauth2.token_url)
                .map_err(|refusal| refusal.rename_fields(|_| "auth.oauth2.token_url".to_owned()))?;
        }
        (self.inner.doors.vet_auth)(auth).map_err(|error| Refusal::invalid(&error.field, error.detail))
    }

    /// Whose tokens are accepted.
    pub(crate) fn trust(&self) -> Guard<Arc<Trust>> {
        self.inner.trust.load()
    }

    /// How fast tasks may be enqueued with keys that have a limit.
    pub(crate) fn rates(&self) -> &Rates {
        &self.inner.rates
    }

    /// A place among the requests that are under way; 503 if all are taken.
    pub(crate) fn place(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        self.inner.requests.clone().try_acquire_owned().map_err(|_| {
            Refusal::new(
                Kind::Unavailable,
                "Too many requests are under way at once. Try again in a moment.",
            )
        })
    }

    /// Bytes that large bodies may still take.
    pub(crate) fn bodies(&self) -> &Arc<Semaphore> {
        &self.inner.bodies
    }

    /// Bytes that tasks of streams may still take.
    pub(crate) fn streamed(&self) -> &Arc<Semaphore> {
        &self.inner.streamed
    }

    /// Cancelled when serving ends: for those who would otherwise never end by themselves.
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.inner.stopping
    }

    /// Refuses a URL that no endpoint may have.
    pub(crate) fn vet(&self, url: &str) -> Result<(), Refusal> {
        let url = queue::endpoint::check_url(url).map_err(|problem| Refusal::invalid("url", problem))?;
        (self.inner.doors.vet_url)(&url).map_err(|problem| Refusal::invalid("url", problem))
    }

    /// Whether this node is of use; if not, why not.
    pub(crate) async fn is_ready(&self) -> Result<(), &'static str> {
        if !self.reaches_database().await {
            return Err("PostgreSQL does not answer.");
        }
        if !(self.inner.doors.ready)() {
            return Err("This node's dispatcher does not own its shards yet.");
        }
        Ok(())
    }

    /// Whether the database answers; a moment old at most.
    async fn reaches_database(&self) -> bool {
        let mut last = self.inner.last_ping.lock().await;
        if let Some((at, answers)) = *last
            && at.elapsed() < PING_AGE
        {
            return answers;
        }
        let answers = matches!(
            tokio::time::timeout(PING_TIMEOUT, self.queue().ping()).await,
            Ok(Ok(()))
        );
        *last = Some((Instant::now(), answers));
        answers
    }
}
