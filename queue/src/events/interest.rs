//! Interest: of which queues somebody wants events. An event that nobody wants is not made.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use uuid::Uuid;

/// Most queues that are named; who wants more is told of all. Their names fit into one notification.
pub(super) const MOST_QUEUES: usize = 64;

/// How long another node's interest holds without being told again: three times the pause between two tellings.
const HOLDS: Duration = Duration::from_secs(15);

/// Most nodes whose interest is remembered: far more than any cluster has.
const MOST_NODES: usize = 1_000;

/// A set of queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Interest {
    /// Every queue.
    Everything,
    /// These, by name; may be none.
    Queues(BTreeSet<String>),
}

impl Default for Interest {
    fn default() -> Self {
        Self::Queues(BTreeSet::new())
    }
}

impl Interest {
    pub(super) fn wants(&self, queue: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Queues(names) => names.contains(queue),
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Self::Queues(names) if names.is_empty())
    }

    pub(super) fn add(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::Queues(all), Self::Queues(more)) if all.union(more).count() <= MOST_QUEUES => {
                all.extend(more.iter().cloned());
            }
            (_, Self::Queues(none)) if none.is_empty() => {}
            _ => *self = Self::Everything,
        }
    }
}

/// What other nodes want, each until a time.
#[derive(Debug, Default)]
pub(super) struct Elsewhere(HashMap<Uuid, (Interest, Instant)>);

impl Elsewhere {
    /// Another node tells what it wants.
    pub(super) fn note(&mut self, node: Uuid, interest: Interest, now: Instant) {
        self.0.retain(|_, (_, until)| *until > now);
        if interest.is_nothing() {
            self.0.remove(&node);
        } else if self.0.len() < MOST_NODES || self.0.contains_key(&node) {
            self.0.insert(node, (interest, now + HOLDS));
        }
    }

    /// What all of them want together.
    pub(super) fn sum(&mut self, now: Instant) -> Interest {
        self.0.retain(|_, (_, until)| *until > now);
        let mut sum = Interest::default();
        for (interest, _) in self.0.values() {
            sum.add(interest);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queues(names: &[&str]) -> Interest {
        Interest::Queues(names.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn interests_add_up() {
        let mut sum = Interest::default();
        assert!(sum.is_nothing() && !sum.wants("a"));
        sum.add(&queues(&["a"]));
        sum.add(&queues(&["b"]));
        assert_eq!(sum, queues(&["a", "b"]));
        sum.add(&Interest::Everything);
        sum.add(&queues(&[]));
        sum.add(&queues(&["a"]));
        assert!(sum == Interest::Everything && sum.wants("c"));
    }

    #[test]
    fn more_than_can_be_named_is_everything() {
        let names: Vec<String> = (0..=MOST_QUEUES).map(|n| format!("queue-{n}")).collect();
        let mut sum = Interest::default();
        for (n, name) in names.iter().enumerate() {
            sum.add(&queues(&[name]));
            assert_eq!(sum == Interest::Everything, n == MOST_QUEUES, "{n}");
        }
    }

    #[test]
    fn what_another_node_wants_runs_out() {
        let (mut elsewhere, begin) = (Elsewhere::default(), Instant::now());
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        elsewhere.note(one, queues(&["a"]), begin);
        elsewhere.note(two, queues(&["b"]), begin + HOLDS / 2);
        assert_eq!(elsewhere.sum(begin + HOLDS / 2), queues(&["a", "b"]));
        assert_eq!(elsewhere.sum(begin + HOLDS), queues(&["b"]));
        elsewhere.note(two, queues(&[]), begin + HOLDS);
        assert!(elsewhere.sum(begin + HOLDS).is_nothing());
    }
}
