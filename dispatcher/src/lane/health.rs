//! Since when nothing but failures come of an endpoint.
//!
//! It is kept in the database, so that restarts do not begin it anew; but only once it has lasted a while, so that an endpoint that
//! fails now and then is never written.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// How long failures must last before they are written.
const LASTING: Duration = Duration::from_mins(1);

/// How long a silence may be in which nothing was tried, where no time to disable after is set.
const SILENCE: Duration = Duration::from_hours(5 * 24);

/// How many failures a node must have seen itself before it disables: a success may not have been written when another node ended.
const SEEN: u32 = 3;

/// The health of one endpoint.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health {
    failing: Option<Failing>,
    written: Option<DateTime<Utc>>,
}

/// Since when it fails; `None`: it does no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Since(pub(crate) Option<DateTime<Utc>>);

#[derive(Debug, Clone, Copy)]
struct Failing {
    since: DateTime<Utc>,
    last: DateTime<Utc>,
    seen: u32,
}

impl Health {
    /// Since when it fails.
    pub(crate) fn since(&self) -> Option<DateTime<Utc>> {
        self.failing.map(|failing| failing.since)
    }

    /// A delivery was accepted.
    pub(crate) fn succeeded(&mut self) {
        self.failing = None;
    }

    /// An attempt failed. Since when they do, if that is as long ago as `most`. A silence of that length is an end of it too: nobody knows what was.
    pub(crate) fn failed(&mut self, now: DateTime<Utc>, most: Option<Duration>) -> Option<DateTime<Utc>> {
        let silence = most.unwrap_or(SILENCE);
        let known = self.failing.filter(|known| now <= known.last + silence);
        let failing = Failing {
            since: known.map_or(now, |known| known.since),
            last: now,
            seen: known.map_or(0, |known| known.seen).saturating_add(1),
        };
        self.failing = Some(failing);
        let too_long = most.is_some_and(|most| failing.since + most <= now) && failing.seen >= SEEN;
        too_long.then_some(failing.since)
    }

    /// Takes over what another node, or this one before its restart, has written.
    pub(crate) fn remember(&mut self, since: DateTime<Utc>, now: DateTime<Utc>) {
        self.written = Some(since);
        let seen = self.failing.map_or(0, |failing| failing.seen);
        self.failing = Some(Failing {
            since,
            last: now,
            seen,
        });
    }

    /// What is to be written, if anything is: since when it fails, or that it does no more.
    pub(crate) fn to_write(&self, now: DateTime<Utc>) -> Option<Since> {
        let since = self.since().filter(|since| *since + LASTING <= now);
        (since != self.written).then_some(Since(since))
    }

    /// It is written.
    pub(crate) fn written(&mut self, since: Option<DateTime<Utc>>) {
        self.written = since;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn at(minutes: u32) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 0).unwrap() + Duration::from_mins(minutes.into())
    }

    #[test]
    fn failing_for_too_long_is_told_and_a_success_ends_it() {
        let mut health = Health::default();
        for hour in 0..24 {
            assert_eq!(health.failed(at(hour * 60), Some(DAY)), None);
        }
        assert_eq!(health.failed(at(24 * 60), Some(DAY)), Some(at(0)));
        health.succeeded();
        assert_eq!(
            (health.failed(at(24 * 60), Some(DAY)), health.since()),
            (None, Some(at(24 * 60)))
        );
        let mut never = Health::default();
        for day in 0..400 {
            assert_eq!(never.failed(at(day * 24 * 60), None), None);
        }
    }

    #[test]
    fn two_failures_with_a_long_silence_between_are_no_run() {
        let mut health = Health::default();
        for day in 0..10 {
            assert_eq!(health.failed(at(day * 48 * 60), Some(DAY)), None);
        }
    }

    #[test]
    fn it_is_written_once_when_it_lasts_and_once_when_it_ends() {
        let mut health = Health::default();
        for minute in [0, 0, 0] {
            health.failed(at(minute), Some(DAY));
            assert_eq!(health.to_write(at(minute)), None);
        }
        health.succeeded();
        assert_eq!(health.to_write(at(5)), None, "what did not last is not written");
        health.failed(at(6), Some(DAY));
        assert_eq!(health.to_write(at(7)), Some(Since(Some(at(6)))));
        health.written(Some(at(6)));
        health.failed(at(8), Some(DAY));
        assert_eq!(health.to_write(at(9)), None);
        health.succeeded();
        assert_eq!(health.to_write(at(9)), Some(Since(None)));
        health.written(None);
        assert_eq!(health.to_write(at(9)), None);
    }

    #[test]
    fn it_goes_on_after_a_restart_but_not_by_what_was_written_alone() {
        let mut health = Health::default();
        health.remember(at(0), at(3_000));
        assert_eq!(health.to_write(at(3_000)), None);
        assert_eq!(health.failed(at(3_001), Some(DAY)), None);
        assert_eq!(health.failed(at(3_001), Some(DAY)), None);
        assert_eq!(health.failed(at(3_001), Some(DAY)), Some(at(0)));
        health.remember(at(0), at(3_002));
        health.succeeded();
        assert_eq!(health.to_write(at(3_002)), Some(Since(None)));
    }
}
