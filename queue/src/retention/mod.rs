//! Retention: how long what went through is kept, and how what is needed no more goes.
//!
//! Payloads and attempts lie in partitions by time, and go with them: never row by row. `worth` decides, from a few figures of a partition, whether
//! it is time; `needed` says what of it must stay; `compact` moves that into a small table, which takes the large one's place in one short
//! transaction. `keep` goes through the partitions, and through what is kept in tables of its own: dead letters, counts, jobs.
//!
//! Until then what a queue keeps no longer is hidden: reading it tells that it has expired.

mod compact;
mod keep;
mod needed;
mod rest;
mod worth;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use proto::{DeliverySettings, Keep, RetentionPolicy, Span};

use crate::{
    error::Problems,
    id::{self, TaskId},
    partition::Table,
};

pub use keep::Kept;

/// How long what went through a queue is kept; nothing left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Payloads and headers, from the enqueue on.
    pub payloads: Keep,
    /// Attempts, from their begin on.
    pub attempts: Keep,
    /// Dead letters, from their death on.
    pub dead_letters: Keep,
}

/// How long a task may be on its way to its first trace.
const SETTLED: TimeDelta = TimeDelta::minutes(5);

const fn days(days: u64) -> Keep {
    Keep::For(Span::seconds(days * 86_400))
}

impl Default for Retention {
    /// A week to replay from, a month to look back at, a quarter to deal with what died.
    fn default() -> Self {
        Self {
            payloads: days(7),
            attempts: days(30),
            dead_letters: days(90),
        }
    }
}

impl Retention {
    /// What was set on a queue, and the defaults for the rest.
    pub fn of(policy: Option<&RetentionPolicy>) -> Self {
        let (set, standard) = (policy.copied().unwrap_or_default(), Self::default());
        Self {
            payloads: set.payloads.unwrap_or(standard.payloads),
            attempts: set.attempts.unwrap_or(standard.attempts),
            dead_letters: set.dead_letters.unwrap_or(standard.dead_letters),
        }
    }

    /// How long it keeps the rows of a table; `None`: for ever.
    pub(crate) fn of_table(self, table: Table) -> Option<TimeDelta> {
        time(match table {
            Table::Tasks => self.payloads,
            Table::Attempts => self.attempts,
        })
    }

    /// Whether the payload of a task that nothing needs any more has expired.
    pub(crate) fn is_expired(self, task: TaskId, now: DateTime<Utc>) -> bool {
        time(self.payloads).is_some_and(|keep| id::minted_at(task) + keep <= now)
    }

    /// Whether an attempt of a delivery that has ended has expired.
    pub(crate) fn is_forgotten(self, attempt: uuid::Uuid, now: DateTime<Utc>) -> bool {
        time(self.attempts).is_some_and(|keep| id::minted_at(attempt) + keep <= now)
    }

    /// Whether a task that left no trace may have lost it. What was just enqueued leaves one within its first attempt.
    pub(crate) fn is_traceless(self, task: TaskId, now: DateTime<Utc>) -> bool {
        self.is_forgotten(task, now - SETTLED)
    }
}

/// A length of time, of which `None` is for ever.
pub(crate) fn time(keep: Keep) -> Option<TimeDelta> {
    match keep {
        Keep::Forever => None,
        Keep::None => Some(TimeDelta::zero()),
        Keep::For(Span(span)) => TimeDelta::from_std(span).ok(),
    }
}

/// Notes what is wrong with the retention in settings given as `field`.
pub(crate) fn check(policy: &RetentionPolicy, field: &str, problems: &mut Problems) {
    let fine =
        |keep: Option<Keep>| !matches!(keep, Some(Keep::For(Span(span))) if span < Duration::from_secs(1));
    for (keep, name) in [
        (policy.payloads, "payloads"),
        (policy.attempts, "attempts"),
        (policy.dead_letters, "dead_letters"),
    ] {
        problems.require(
            fine(keep),
            format!("{field}.retention.{name}"),
            "1s or more, forever, or none",
        );
    }
}

/// Notes settings that only queues have, on an endpoint.
pub(crate) fn check_of_endpoint(settings: &DeliverySettings, field: &str, problems: &mut Problems) {
    let queues = "is the queue's to set: it holds for all of its endpoints";
    problems.require(settings.retention.is_none(), format!("{field}.retention"), queues);
    problems.require(settings.redact.is_none(), format!("{field}.redact"), queues);
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    #[test]
    fn what_is_left_out_has_its_default() {
        let set = RetentionPolicy {
            payloads: Some(Keep::None),
            ..RetentionPolicy::default()
        };
        let retention = Retention::of(Some(&set));
        assert_eq!((retention.payloads, retention.attempts), (Keep::None, days(30)));
        assert_eq!(Retention::of(None), Retention::default());
    }

    #[test]
    fn a_task_expires_by_its_own_age() {
        let made: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        let task = id::one(made, &mut SmallRng::seed_from_u64(1));
        let of = |payloads| Retention {
            payloads,
            ..Retention::default()
        };
        let week = made + TimeDelta::days(7);
        for (keep, at, expired) in [
            (days(7), week - TimeDelta::milliseconds(1), false),
            (days(7), week, true),
            (Keep::Forever, made + TimeDelta::days(10_000), false),
            (Keep::None, made, true),
        ] {
            assert_eq!(of(keep).is_expired(task, at), expired, "{keep} {at}");
        }
    }
}
