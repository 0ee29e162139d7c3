//! Sequences: when a delivery that others wait behind has ended, or a new one has come, the next one of its key is let go.

use std::{collections::HashSet, sync::Arc, time::Duration};

use parking_lot::Mutex;
use queue::{
    Error, Result,
    finish::Finished,
    id::EndpointId,
    ordering::{KEYS, Sequence},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::lanes::Lanes;

/// How long to wait after a failed release. What is wanted meanwhile waits.
const AGAIN: Duration = Duration::from_millis(500);

/// Sequences of which the next is wanted, and endpoints of which all sequences are. A set: however often a sequence is named, it is looked at once.
#[derive(Debug, Default)]
pub(crate) struct Sequences {
    wanted: Mutex<Wanted>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Wanted {
    sequences: HashSet<Sequence>,
    endpoints: HashSet<EndpointId>,
}

/// Beyond so many sequences all of an endpoint's are looked at, instead of each by its name: bounds the memory.
const NAMED: usize = 100_000;

impl Sequences {
    /// The next of this sequence may be let go.
    pub(crate) fn want(&self, endpoint_id: EndpointId, key: &str) {
        let mut wanted = self.wanted.lock();
        if wanted.endpoints.contains(&endpoint_id) {
            return;
        }
        if wanted.sequences.len() >= NAMED {
            wanted.endpoints.insert(endpoint_id);
        } else {
            let key = key.to_owned();
            wanted.sequences.insert(Sequence { endpoint_id, key });
        }
        drop(wanted);
        self.changed.notify_one();
    }

    /// The next of each sequence whose delivery has ended may be let go.
    pub(crate) fn freed(&self, finished: &[Finished]) {
        for one in finished {
            if let Some(key) = one.frees() {
                self.want(one.delivery.endpoint_id, key);
            }
        }
    }

    /// The next of each sequence of this endpoint may be let go.
    pub(crate) fn want_all(&self, endpoint_id: EndpointId) {
        self.wanted.lock().endpoints.insert(endpoint_id);
        self.changed.notify_one();
    }

    fn take_sequences(&self) -> Vec<Sequence> {
        let mut wanted = self.wanted.lock();
        let sequences: Vec<Sequence> = wanted.sequences.iter().take(KEYS).cloned().collect();
        for sequence in &sequences {
            wanted.sequences.remove(sequence);
        }
        sequences
    }

    fn take_endpoint(&self) -> Option<EndpointId> {
        let mut wanted = self.wanted.lock();
        let endpoint = wanted.endpoints.iter().next().copied()?;
        wanted.endpoints.take(&endpoint)
    }
}

pub(crate) async fn run(lanes: Arc<Lanes>, stop: CancellationToken) {
    loop {
        // Both each time, so that neither waits for the other to run dry.
        let (named, all_of) = (lanes.sequences.take_sequences(), lanes.sequences.take_endpoint());
        if named.is_empty() && all_of.is_none() {
            tokio::select! {
                () = stop.cancelled() => return,
                () = lanes.sequences.changed.notified() => continue,
            }
        }
        let done = async {
            release(&lanes, &named).await?;
            match all_of {
                Some(endpoint) => release_all(&lanes, endpoint).await,
                None => Ok(()),
            }
        };
        let done = done.await;
        if done.is_err() {
            for sequence in &named {
                lanes.sequences.want(sequence.endpoint_id, &sequence.key);
            }
            if let Some(endpoint) = all_of {
                lanes.sequences.want_all(endpoint);
            }
        }
        if let Err(error) = done {
            // Two nodes meet where a shard changes hands; the index lets one of them.
            if !matches!(error, Error::Unavailable(_)) {
                warn!(%error, "deliveries in order could not be let go; tried again soon");
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

async fn release(lanes: &Arc<Lanes>, sequences: &[Sequence]) -> Result<()> {
    let ours: Vec<Sequence> = sequences
        .iter()
        .filter(|sequence| lanes.owns(sequence.endpoint_id))
        .cloned()
        .collect();
    if ours.is_empty() {
        return Ok(());
    }
    for endpoint in lanes.queue.release_next(&ours).await? {
        lanes.look_at(endpoint);
    }
    Ok(())
}

async fn release_all(lanes: &Arc<Lanes>, endpoint: EndpointId) -> Result<()> {
    let mut after: Option<String> = None;
    loop {
        let sequences = lanes.queue.sequences(endpoint, after.as_deref()).await?;
        release(lanes, &sequences).await?;
        if sequences.len() < KEYS {
            return Ok(());
        }
        after = sequences.into_iter().next_back().map(|sequence| sequence.key);
    }
}
