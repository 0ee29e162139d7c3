//! Whether it is time to compact a partition: decided from a few figures, none of which costs more than a look.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{id::QueueId, partition::Stretch};

/// The part of a partition's rows that must be expired for it to be worth copying the others: so nothing is copied more than a few times.
const WORTH: f64 = 0.25;

/// What is known of a partition.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) now: DateTime<Utc>,
    pub(super) stretch: Stretch,
    /// How long rows may still come after its end: as long as a partition is, for clocks that are slow.
    pub(super) settling: TimeDelta,
    /// How long each queue keeps its rows; `None`: for ever.
    pub(super) keeps: Vec<(QueueId, Option<TimeDelta>)>,
    /// When it was compacted the last time.
    pub(super) compacted_at: Option<DateTime<Utc>>,
    /// When it was put off the last time, because so much of it was needed that swapping it would have kept others waiting.
    pub(super) put_off_at: Option<DateTime<Utc>>,
}

/// The queues that keep their rows of a partition, and those that do not any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Split {
    pub(super) keepers: Vec<QueueId>,
    pub(super) expired: Vec<QueueId>,
}

/// What of it is left and needed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Load {
    /// How many rows it has, by PostgreSQL's estimate, if there is one.
    pub(super) rows: Option<f64>,
    /// How many rows are needed although their time is over, as far as they were counted.
    pub(super) needed: u64,
    /// What part of its rows is of queues that keep theirs, by PostgreSQL's estimate, if there is one.
    pub(super) kept_share: Option<f64>,
}

impl Facts {
    /// Whether anything can be done at all, and for whom.
    pub(super) fn split(&self) -> Option<Split> {
        if self.stretch.to + self.settling > self.now {
            return None;
        }
        let (expired, keepers): (Vec<_>, Vec<_>) = self
            .keeps
            .iter()
            .partition(|(_, keep)| keep.is_some_and(|keep| self.stretch.to + keep <= self.now));
        let ids =
            |queues: Vec<&(QueueId, Option<TimeDelta>)>| queues.into_iter().map(|(id, _)| *id).collect();
        let split = Split {
            keepers: ids(keepers.iter().collect()),
            expired: ids(expired.iter().collect()),
        };
        (split.keepers.is_empty() || !split.expired.is_empty()).then_some(split)
    }

    /// Whether some queue's rows are kept twice as long as they should be: then they go, however many others must be copied.
    fn is_overdue(&self) -> bool {
        let since = self.compacted_at.unwrap_or(DateTime::UNIX_EPOCH);
        // However many queues there are, each with a time of its own: not again before it is a quarter older.
        let (age, then) = (self.now - self.stretch.to, since - self.stretch.to);
        if self.compacted_at.is_some() && age * 4 < then * 5 {
            return false;
        }
        self.keeps.iter().any(|(_, keep)| {
            let Some(keep) = keep else { return false };
            self.stretch.to + *keep > since && self.stretch.to + *keep * 2 + self.settling <= self.now
        })
    }

    /// Whether it has become twice as old since it was compacted: so each row is copied a logarithmic number of times.
    fn is_grown(&self) -> bool {
        self.compacted_at
            .is_none_or(|at| self.now - self.stretch.to >= (at - self.stretch.to) * 2)
    }

    /// Whether it was put off and is not a quarter older yet: what is copied in vain is copied a logarithmic number of times as well.
    fn is_put_off(&self) -> bool {
        self.put_off_at
            .is_some_and(|at| (self.now - self.stretch.to) * 4 < (at - self.stretch.to) * 5)
    }

    /// Whether it may be time, before anything of it is looked at.
    pub(super) fn may_be_worth(&self, split: &Split) -> bool {
        split.keepers.is_empty() || (!self.is_put_off() && (self.is_grown() || self.is_overdue()))
    }

    /// Whether to compact it now.
    pub(super) fn is_worth(&self, split: &Split, load: &Load) -> bool {
        if split.keepers.is_empty() && load.needed == 0 {
            return true;
        }
        if self.is_put_off() {
            return false;
        }
        #[expect(clippy::cast_precision_loss, reason = "a count up to a million, for a ratio")]
        let needed_share = load.rows.map(|rows| load.needed as f64 / rows.max(1.0));
        let kept = if split.keepers.is_empty() {
            Some(0.0)
        } else {
            load.kept_share
        };
        // Without estimates it is small, or new: copying it costs little.
        let leaves = kept.unwrap_or(0.0) + needed_share.unwrap_or(0.0) <= 1.0 - WORTH;
        (self.is_grown() && leaves) || self.is_overdue()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const A: QueueId = Uuid::from_u128(1);
    const B: QueueId = Uuid::from_u128(2);

    fn facts(age: i64, keeps: &[(QueueId, Option<i64>)], compacted: Option<i64>) -> Facts {
        let from: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        let to = from + TimeDelta::days(1);
        Facts {
            now: to + TimeDelta::days(age),
            stretch: Stretch { from, to },
            settling: TimeDelta::days(1),
            keeps: keeps
                .iter()
                .map(|(id, days)| (*id, days.map(TimeDelta::days)))
                .collect(),
            compacted_at: compacted.map(|days| to + TimeDelta::days(days)),
            put_off_at: None,
        }
    }

    fn load(rows: f64, needed: u64, kept_share: f64) -> Load {
        Load {
            rows: Some(rows),
            needed,
            kept_share: Some(kept_share),
        }
    }

    #[test]
    fn nothing_is_done_before_anything_has_expired_and_settled() {
        assert_eq!(facts(6, &[(A, Some(7))], None).split(), None);
        assert_eq!(facts(0, &[(A, Some(0))], None).split(), None, "still settling");
        assert_eq!(facts(1_000, &[(A, None)], None).split(), None, "for ever");
        assert!(facts(1, &[], None).split().is_some(), "nobody's");
        let split = facts(7, &[(A, Some(7)), (B, None)], None).split().unwrap();
        assert_eq!((split.keepers, split.expired), (vec![B], vec![A]));
    }

    #[test]
    fn it_is_compacted_when_that_is_worth_it() {
        let (a, both) = (vec![(A, Some(7))], vec![(A, Some(7)), (B, None)]);
        for (age, keeps, compacted, load, worth, why) in [
            (7, &a, None, load(1e6, 0, 0.0), true, "nothing is needed"),
            (7, &a, None, load(1e6, 1_000, 0.0), true, "little is needed"),
            (7, &a, None, load(1e6, 900_000, 0.0), false, "most is needed"),
            (
                15,
                &a,
                None,
                load(1e6, 900_000, 0.0),
                true,
                "most is needed, for twice as long",
            ),
            (7, &both, None, load(1e6, 0, 0.5), true, "half of it is another's"),
            (
                7,
                &both,
                None,
                load(1e6, 0, 0.9),
                false,
                "most of it is another's",
            ),
            (
                15,
                &both,
                None,
                load(1e6, 0, 0.9),
                true,
                "most of it is another's, for twice as long",
            ),
            (
                8,
                &a,
                Some(7),
                load(1e3, 1_000, 0.0),
                false,
                "it was compacted just now",
            ),
            (
                8,
                &a,
                Some(7),
                load(1e3, 0, 0.0),
                true,
                "the rest is needed no more",
            ),
            (
                14,
                &a,
                Some(7),
                load(1e3, 100, 0.0),
                true,
                "much of the rest is needed no more",
            ),
            (
                14,
                &a,
                Some(7),
                load(1e3, 1_000, 0.0),
                false,
                "the rest is needed still",
            ),
            (
                400,
                &both,
                Some(7),
                load(1e6, 0, 1.0),
                false,
                "the rest is another's for ever",
            ),
        ] {
            let facts = facts(age, keeps, compacted);
            let split = facts.split().unwrap();
            assert_eq!(facts.is_worth(&split, &load), worth, "{why}");
        }
    }

    #[test]
    fn what_was_put_off_waits_until_it_is_a_quarter_older_unless_nothing_is_needed() {
        for keeps in [vec![(A, Some(7))], vec![(A, Some(7)), (B, None)]] {
            for (age, worth) in [(8, false), (9, false), (10, true), (30, true)] {
                let facts = facts(age, &keeps, None);
                let facts = Facts {
                    put_off_at: Some(facts.stretch.to + TimeDelta::days(8)),
                    ..facts
                };
                let split = facts.split().unwrap();
                let is_alone = split.keepers.is_empty();
                assert_eq!(facts.may_be_worth(&split), worth || is_alone, "{age}");
                assert_eq!(facts.is_worth(&split, &load(1e6, 1_000, 0.1)), worth, "{age}");
                assert_eq!(
                    facts.is_worth(&split, &load(1e6, 0, 0.1)),
                    worth || is_alone,
                    "{age}"
                );
            }
        }
    }

    #[test]
    fn a_queue_that_keeps_longer_is_cleared_in_its_turn() {
        let keeps = [(A, Some(7)), (B, Some(30))];
        let facts = |age| facts(age, &keeps, Some(7));
        let done = |age: i64, needed, share| {
            let facts = facts(age);
            facts.is_worth(&facts.split().unwrap(), &load(1e6, needed, share))
        };
        assert!(!done(29, 0, 1.0));
        assert!(done(30, 0, 0.0), "nobody keeps it any more");
        assert!(done(30, 5, 0.0), "it is worth it, and it is twice as old");
    }
}
