//! What can be set of the dispatcher, with the reason for each default.

use std::time::Duration;

use crate::push;

/// Settings of a [`crate::Dispatcher`].
#[derive(Debug, Clone)]
pub struct Config {
    /// The client that makes the requests.
    pub push: push::Config,
    /// Requests in flight on this node at once: bounds sockets, and their memory.
    pub max_in_flight: usize,
    /// Results that are not written at which no request is begun: bounds the memory that they take while the database is away, and
    /// what a crash makes arrive twice. Enough for a fifth of a second at full speed, by which a commit is late now and then.
    pub max_unwritten: usize,
    /// Deliveries that one lane holds ready: a burst of several full batches goes from its commit straight to the lane, and is not read
    /// again. (Reading a delivery back costs about an eighth of its whole way; a small one takes some 1,200 bytes here.)
    pub lane_deliveries: usize,
    /// Bytes that one lane holds ready at most; and never more than its share of what all lanes together have left, so that some are
    /// always left for a lane that has none.
    pub lane_bytes: usize,
    /// Bytes that all lanes together hold ready or in flight. Beyond it a lane holds 4 KiB or one
    /// delivery; beyond eight times as much it takes nothing in.
    pub buffer_bytes: usize,
    /// How long a shard's lease lasts: how long the endpoints of a crashed node wait.
    pub lease_ttl: Duration,
    /// How often leases are renewed. A renewal may take two thirds of it; one that fails is tried again after a third.
    pub lease_renew: Duration,
    /// How long a shutdown waits for requests in flight: the default timeout of an attempt and something.
    pub drain_timeout: Duration,
    /// How often this node looks for deliveries that nobody told it of: after a lost notification, or a commit whose
    /// answer was lost.
    pub look_interval: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            push: push::Config::default(),
            max_in_flight: 1_024,
            max_unwritten: 1_024,
            lane_deliveries: 50_000,
            lane_bytes: 32 << 20,
            buffer_bytes: 32 << 20,
            lease_ttl: Duration::from_secs(10),
            lease_renew: Duration::from_secs(3),
            drain_timeout: Duration::from_secs(35),
            look_interval: Duration::from_secs(30),
        }
    }
}

/// Results of one statement, and their bytes: as for enqueues, more is no faster, only later.
pub(crate) const RESULTS: usize = 1_000;
pub(crate) const RESULT_BYTES: usize = 4 << 20;

/// How long results gather before they are written, unless there are many: nobody waits for them, and a statement costs
/// as much for one as for some dozens.
pub(crate) const RESULT_PAUSE: Duration = Duration::from_millis(5);
/// How many results are written without gathering more.
pub(crate) const RESULTS_AT_ONCE: usize = 256;

/// Deliveries of one page and lane: enough to bridge the reading of the next at full speed.
pub(crate) const PAGE: usize = 2_000;

/// Pages read at once, and lanes of one page: ten thousand lanes are served in some hundred statements.
pub(crate) const PAGERS: usize = 2;
pub(crate) const LANES_A_PAGE: usize = 64;
