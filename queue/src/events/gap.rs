//! What was missed: how many events of which queue, as a subscriber is told only of those that it may see.

use std::collections::BTreeMap;

/// Most queues that are counted apart; beyond it only that something was missed is known.
const MOST_QUEUES: usize = 50;

/// Events that are missed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Gap {
    queues: BTreeMap<String, u64>,
    unknown: bool,
}

impl Gap {
    /// Nobody knows what.
    pub(super) fn unknown() -> Self {
        Self {
            queues: BTreeMap::new(),
            unknown: true,
        }
    }

    /// So many events of a queue.
    pub(super) fn of(queue: &str, count: u64) -> Self {
        let mut gap = Self::default();
        gap.add(queue, count);
        gap
    }

    pub(super) fn add(&mut self, queue: &str, count: u64) {
        if let Some(sum) = self.queues.get_mut(queue) {
            *sum += count;
        } else if self.queues.len() < MOST_QUEUES {
            self.queues.insert(queue.to_owned(), count);
        } else {
            self.unknown = true;
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.unknown |= other.unknown;
        for (queue, count) in &other.queues {
            self.add(queue, *count);
        }
    }

    /// What of it lies in queues that `wanted` says yes to; `None` if nothing does.
    pub(super) fn within(&self, wanted: impl Fn(&str) -> bool) -> Option<Self> {
        let queues: BTreeMap<_, _> = self
            .queues
            .iter()
            .filter(|(queue, _)| wanted(queue))
            .map(|(queue, count)| (queue.clone(), *count))
            .collect();
        let unknown = self.unknown;
        (unknown || !queues.is_empty()).then_some(Self { queues, unknown })
    }

    /// How many events at most; `None` if nobody knows.
    pub(super) fn count(&self) -> Option<u64> {
        (!self.unknown).then(|| self.queues.values().sum())
    }

    /// The counts by queue.
    pub(super) fn queues(&self) -> &BTreeMap<String, u64> {
        &self.queues
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_of_queues_that_are_wanted_only() {
        let mut gap = Gap::of("a", 2);
        gap.add("b", 1);
        gap.merge(&Gap::of("a", 3));
        assert_eq!(gap.count(), Some(6));
        assert_eq!(gap.within(|queue| queue == "a"), Some(Gap::of("a", 5)));
        assert_eq!(gap.within(|queue| queue == "c"), None);
        gap.merge(&Gap::unknown());
        assert_eq!(gap.count(), None);
        assert_eq!(gap.within(|queue| queue == "c"), Some(Gap::unknown()));
    }

    #[test]
    fn stays_small() {
        let mut gap = Gap::default();
        for n in 0..1_000 {
            gap.add(&format!("queue-{n}"), 1);
        }
        assert_eq!(gap.count(), None);
        assert_eq!(gap.queues().len(), MOST_QUEUES);
    }
}
