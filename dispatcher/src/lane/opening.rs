//! How many requests of a lane go before any of them is answered: few at first, and with each answer one more, as in TCP's slow start
//! (RFC 5681, section 3.1), as long as all that may go do. What was not needed for a while is not kept (RFC 7661).
//!
//! An endpoint that answers has all it may have within a few of its answers. One that hangs gets few requests, however much waits
//! for it: they hold permits and sockets until their time is over, and then all end at once.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// How many go at first: TCP's initial window (RFC 6928).
const FIRST: u32 = 10;

/// For how long more is kept than was needed.
const KEPT: Duration = Duration::from_secs(10);

/// The opening of one lane.
#[derive(Debug)]
pub(super) struct Opening {
    /// How many may be in flight.
    wide: u32,
    /// When more than [`FIRST`] were in flight last.
    needed_at: Option<DateTime<Utc>>,
}

impl Opening {
    pub(super) fn new() -> Self {
        Self {
            wide: FIRST,
            needed_at: None,
        }
    }

    /// How many may be in flight now.
    pub(super) fn limit(&self, now: DateTime<Utc>) -> u32 {
        match self.needed_at {
            // A clock that was set back keeps nothing.
            Some(at) if (now - at).abs().to_std().is_ok_and(|since| since <= KEPT) => self.wide,
            _ => FIRST,
        }
    }

    /// A request goes; `in_flight` with it.
    pub(super) fn launched(&mut self, in_flight: u32, now: DateTime<Utc>) {
        self.wide = self.limit(now);
        if in_flight > FIRST {
            self.needed_at = Some(now);
        }
    }

    /// A request was answered; `in_flight` were with it.
    pub(super) fn answered(&mut self, in_flight: u32, now: DateTime<Utc>) {
        let limit = self.limit(now);
        if in_flight >= limit {
            self.wide = limit.saturating_add(1);
            self.needed_at = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 0).unwrap() + Duration::from_millis(millis)
    }

    /// Everything that may go goes, and is answered after 100 ms; how many were in flight each time.
    fn rounds(opening: &mut Opening, from: u64, count: u64) -> Vec<u32> {
        let mut seen = vec![];
        for round in 0..count {
            let now = at(from + round * 100);
            let wide = opening.limit(now);
            (1..=wide).for_each(|in_flight| opening.launched(in_flight, now));
            seen.push(wide);
            let mut in_flight = wide;
            for _ in 0..wide {
                opening.answered(in_flight, now);
                // The next one goes at once.
                while in_flight <= opening.limit(now) {
                    in_flight += 1;
                }
                in_flight -= 1;
            }
        }
        seen
    }

    #[test]
    fn answers_double_it_each_time() {
        assert_eq!(rounds(&mut Opening::new(), 0, 4), [10, 20, 40, 80]);
    }

    #[test]
    fn without_answers_it_stays() {
        let mut opening = Opening::new();
        for second in 0..60 {
            opening.launched(10, at(second * 1_000));
            assert_eq!(opening.limit(at(second * 1_000)), 10);
        }
    }

    #[test]
    fn what_is_not_needed_is_kept_for_some_seconds() {
        let mut opening = Opening::new();
        rounds(&mut opening, 0, 3);
        assert_eq!(opening.limit(at(10_000)), 80);
        for second in 1..10 {
            opening.launched(3, at(second * 1_000));
            opening.answered(3, at(second * 1_000 + 50));
        }
        assert_eq!(opening.limit(at(10_300)), 10);
        assert_eq!(rounds(&mut opening, 20_000, 2), [10, 20], "it opens anew");
    }

    #[test]
    fn few_in_flight_do_not_widen_it() {
        let mut opening = Opening::new();
        (0..100).for_each(|turn| opening.answered(9, at(turn)));
        assert_eq!(opening.limit(at(100)), 10);
    }
}
