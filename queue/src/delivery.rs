//! A delivery in memory: one task on its way to one endpoint, with all that a push needs.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::{
    id::{DeliveryId, EndpointId},
    replays::ReplayId,
    task::Content,
};

/// A delivery that can be pushed.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// Its endpoint.
    pub endpoint_id: EndpointId,
    /// What is sent; shared with the task's other deliveries.
    pub content: Arc<Content>,
    /// When it is due.
    pub due_at: DateTime<Utc>,
    /// When it was due at first: what its age is counted from.
    pub since: DateTime<Utc>,
    /// When sending it makes no more sense.
    pub expires_at: Option<DateTime<Utc>>,
    /// 0 to 9, 9 goes first.
    pub priority: u8,
    /// Attempts made so far.
    pub attempts: u32,
    /// Why it exists.
    pub purpose: Purpose,
    /// What it is in order with, of its endpoint; those of one key go one at a time.
    pub ordering_key: Option<Arc<str>>,
}

impl Delivery {
    /// Roughly how many bytes of memory it takes: what buffers are bounded by.
    pub fn weight(&self) -> usize {
        weight(self.content.payload.len())
    }
}

/// Roughly how many bytes of memory a delivery with a payload of `size` bytes takes: the payload, and some 900 for the rest (measured,
/// spread over ten thousand lanes; in few lanes it takes less).
pub fn weight(size: usize) -> usize {
    size + 900
}

/// Why a delivery exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A producer enqueued its task.
    Live,
    /// A dead letter, or an old task, was replayed: by a job, or by a request.
    Replay(Option<ReplayId>),
    /// A person tests the endpoint: pushed although it is paused or disabled, tried once, never a dead letter.
    Test,
}

impl Purpose {
    pub(crate) fn code(self) -> i16 {
        match self {
            Self::Live => 0,
            Self::Replay(_) => 1,
            Self::Test => 2,
        }
    }

    /// What a row says: its code, and the job that made it.
    pub(crate) fn of(code: i16, replay: Option<ReplayId>) -> Option<Self> {
        [Self::Live, Self::Replay(replay), Self::Test]
            .into_iter()
            .find(|purpose| purpose.code() == code)
    }
}

/// The dispatcher's door, as the queue knows it. Every call is quick and never waits: what does not fit is left in the database, where
/// the dispatcher finds it again.
pub trait Door: Send + Sync {
    /// These deliveries were committed just now. Those of other nodes' shards are not among them.
    fn offer(&self, deliveries: Vec<Delivery>);
    /// Whether this node pushes for the shard.
    fn owns(&self, shard: u8) -> bool;
    /// These deliveries are no more: they were cancelled or purged.
    fn withdraw(&self, deliveries: &[(EndpointId, DeliveryId)]);
    /// Something may have been committed that was not offered: a commit whose answer was lost. It is looked for in the database.
    fn look(&self);
}
