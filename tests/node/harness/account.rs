//! What was promised, and what arrived.

use std::collections::{BTreeMap, HashMap, HashSet};

use uuid::Uuid;

use super::{Arrival, Receiver, until};

/// The arrivals of accepted tasks at some endpoints, by endpoint and task.
pub(crate) struct Account {
    lives_of: HashMap<(String, Uuid), Vec<usize>>,
    missing: usize,
}

impl Account {
    /// Waits until every accepted task has arrived at each of these endpoints, and takes stock.
    pub(crate) async fn settle(receiver: &Receiver, paths: &[&str], accepted: &[Uuid]) -> Self {
        let distinct: HashSet<Uuid> = accepted.iter().copied().collect();
        assert_eq!(
            distinct.len(),
            accepted.len(),
            "each answer names a task of its own"
        );
        until(
            &format!("{} tasks arrived at each of {paths:?}", accepted.len()),
            || {
                // Cheap first: the whole account is made when it can be balanced.
                paths.iter().all(|path| receiver.count(path) >= accepted.len())
                    && Self::take(&receiver.all(), paths, accepted).missing == 0
            },
        )
        .await;
        Self::take(&receiver.all(), paths, accepted)
    }

    fn take(arrivals: &[Arrival], paths: &[&str], accepted: &[Uuid]) -> Self {
        let mut lives_of = HashMap::<_, Vec<usize>>::new();
        for arrival in arrivals {
            lives_of
                .entry((arrival.path.clone(), arrival.id))
                .or_default()
                .push(arrival.life);
        }
        let wanted = paths
            .iter()
            .flat_map(|path| accepted.iter().map(|id| ((*path).to_owned(), *id)));
        let missing = wanted.filter(|key| !lives_of.contains_key(key)).count();
        Self { lives_of, missing }
    }

    /// How many arrived more than once, in whatever lives of their sender.
    pub(crate) fn repeated(&self) -> usize {
        self.lives_of.values().filter(|lives| lives.len() > 1).count()
    }

    /// How many arrived twice or more within one life of their sender: nothing but its death excuses that.
    pub(crate) fn repeated_within_a_life(&self) -> usize {
        let repeats = |lives: &&Vec<usize>| lives.iter().collect::<HashSet<_>>().len() < lives.len();
        self.lives_of.values().filter(repeats).count()
    }

    /// For each life: how many that had arrived in it arrived again in a later one.
    pub(crate) fn repeated_after(&self) -> BTreeMap<usize, usize> {
        let mut after = BTreeMap::new();
        for lives in self.lives_of.values() {
            // The last one was final.
            for life in &lives[..lives.len() - 1] {
                *after.entry(*life).or_default() += 1;
            }
        }
        after
    }
}
