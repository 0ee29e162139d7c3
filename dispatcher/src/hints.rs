//! Hints: other nodes, and this one, say that there may be something to do. Those that wait are acted on together: a search of all endpoints
//! for each of them would fall behind as soon as many nodes enqueue at once.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use queue::{id::EndpointId, listen::Hint};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::lanes::Lanes;

/// The pause after a search that failed. Hints wait meanwhile: the next search covers them.
const AGAIN: Duration = Duration::from_secs(1);

/// What several hints come to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sum {
    /// Every shard is to be searched.
    all: bool,
    shards: BTreeSet<u8>,
    withdrawn: BTreeSet<EndpointId>,
}

impl Sum {
    fn add(&mut self, hint: Hint) {
        match hint {
            Hint::Work(shards) => self.shards.extend(shards),
            Hint::Withdrawn(endpoints) => self.withdrawn.extend(endpoints),
            Hint::Anything => self.all = true,
        }
    }

    fn names(&self, shard: u8) -> bool {
        self.all || self.shards.contains(&shard)
    }

    fn wants_search(&self) -> bool {
        self.all || !self.shards.is_empty()
    }
}

/// Acts on hints, and looks around by itself now and then: a hint can be lost.
pub(crate) async fn hear(
    lanes: Arc<Lanes>,
    mut hints: mpsc::Receiver<Hint>,
    look_interval: Duration,
    stop: CancellationToken,
) {
    let mut looked = tokio::time::interval(look_interval);
    let mut failed = false;
    loop {
        let first = tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(AGAIN), if failed => Some(Hint::Anything),
            hint = hints.recv(), if !failed => hint,
            _ = looked.tick() => Some(Hint::Anything),
        };
        let Some(first) = first else { return };
        let mut sum = Sum::default();
        sum.add(first);
        while let Ok(next) = hints.try_recv() {
            sum.add(next);
        }
        lanes.withdrawn_elsewhere(&sum.withdrawn);
        if !sum.wants_search() {
            continue;
        }
        let searched = lanes.discover(|shard| sum.names(shard)).await;
        failed = searched.is_err();
        if let Err(error) = searched {
            warn!(%error, "the database could not be searched for due deliveries; tried again soon");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_that_wait_are_one() {
        let mut sum = Sum::default();
        for shard in 0..200 {
            sum.add(Hint::Work(vec![shard % 3, 7]));
        }
        assert_eq!(sum.shards, BTreeSet::from([0, 1, 2, 7]));
        assert!(sum.wants_search() && sum.names(7) && !sum.names(8));
        let endpoint = EndpointId::from_u128(1);
        sum.add(Hint::Withdrawn(vec![endpoint]));
        sum.add(Hint::Anything);
        assert!(sum.names(8));
        assert_eq!(sum.withdrawn, BTreeSet::from([endpoint]));
    }

    #[test]
    fn what_was_withdrawn_needs_no_search() {
        let mut sum = Sum::default();
        sum.add(Hint::Withdrawn(vec![EndpointId::from_u128(1)]));
        assert!(!sum.wants_search());
    }
}
