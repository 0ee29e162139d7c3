//! The rate of a lane: a token bucket, kept as one moment (the generic cell rate algorithm of ITU-T I.371, which counts the same tokens
//! without a timer that adds them).

use chrono::{DateTime, Utc};
use queue::limits::Rate;

/// The bucket of one lane.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    rate: Rate,
    /// When the next request would be made if all were spread evenly. It may be made by `rate.ahead` earlier.
    even_at: DateTime<Utc>,
}

impl Bucket {
    /// A bucket with one token: whoever begins anew, after a restart or on another node, does not know what went before.
    pub(crate) fn new(rate: Rate, now: DateTime<Utc>) -> Self {
        let even_at = now + rate.ahead;
        Self { rate, even_at }
    }

    /// Takes over another rate. No tokens are kept: the new rate holds from the first request on.
    pub(crate) fn change(&mut self, rate: Rate, now: DateTime<Utc>) {
        if self.rate != rate {
            let next = self.next_at(now).clamp(now, now + rate.interval);
            self.even_at = next + rate.ahead;
            self.rate = rate;
        }
    }

    /// When there is a token; not after `now` if there is one.
    pub(crate) fn next_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        // It is never further away than that, unless the clock was set back.
        (self.even_at - self.rate.ahead).min(now + self.rate.interval)
    }

    /// Takes a token, or one of the future's if there is none.
    pub(crate) fn take(&mut self, now: DateTime<Utc>) {
        let next = self.next_at(now);
        self.even_at = (next + self.rate.ahead).max(now) + self.rate.interval;
    }

    /// How many tokens there are.
    pub(crate) fn tokens(&self, now: DateTime<Utc>) -> u32 {
        let since = now - self.next_at(now);
        let Ok(since) = since.to_std() else { return 0 };
        let tokens = since.as_nanos() / self.rate.interval.as_nanos().max(1) + 1;
        u32::try_from(tokens).unwrap_or(u32::MAX).min(self.rate.burst())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::TimeDelta;
    use proptest::prelude::*;
    use proto::{RateLimit, RatePeriod};

    use super::*;

    fn rate(limit: u32, per: RatePeriod, burst: Option<u32>) -> Rate {
        Rate::of(&RateLimit { limit, per, burst })
    }

    fn at(millis: u64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 0).unwrap() + Duration::from_millis(millis)
    }

    fn taken(bucket: &mut Bucket, now: DateTime<Utc>) -> bool {
        let may = bucket.next_at(now) <= now;
        if may {
            bucket.take(now);
        }
        may
    }

    #[test]
    fn it_begins_with_one_and_fills_up_to_its_burst() {
        let mut bucket = Bucket::new(rate(10, RatePeriod::Second, Some(3)), at(0));
        assert_eq!(bucket.tokens(at(0)), 1);
        assert!(taken(&mut bucket, at(0)) && !taken(&mut bucket, at(0)));
        assert_eq!(bucket.next_at(at(0)), at(100));
        assert!(!taken(&mut bucket, at(99)) && taken(&mut bucket, at(100)));
        assert_eq!(bucket.tokens(at(10_000)), 3);
        let burst = (0..9).filter(|_| taken(&mut bucket, at(10_000))).count();
        assert_eq!(burst, 3);
    }

    #[test]
    fn a_clock_that_is_set_back_stops_it_for_one_interval_at_most() {
        let mut bucket = Bucket::new(rate(1, RatePeriod::Second, None), at(3_600_000));
        assert!(taken(&mut bucket, at(3_600_000)));
        assert_eq!(bucket.next_at(at(0)), at(1_000));
    }

    /// Woken late by up to 15 ms each time, as on a busy machine, it still keeps its rate.
    #[test]
    fn late_wakes_cost_no_rate() {
        for (limit, per) in [
            (100, RatePeriod::Second),
            (1_000, RatePeriod::Second),
            (7, RatePeriod::Second),
            (600, RatePeriod::Minute),
        ] {
            let rate = rate(limit, per, None);
            let mut bucket = Bucket::new(rate, at(0));
            let (mut now, mut count, mut late) = (at(0), 0u32, 0u64);
            while now < at(60_000) {
                while taken(&mut bucket, now) {
                    count += 1;
                }
                late = (late * 7 + 3) % 16;
                now = bucket.next_at(now) + Duration::from_millis(late);
            }
            let right = 60.0 / rate.interval.as_secs_f64();
            let share = f64::from(count) / right;
            assert!((0.98..=1.01).contains(&share), "{limit}: {share}");
        }
    }

    proptest! {
        /// However it is asked, and however often its clock or its rate changes in between: in no window of time does more go than the
        /// burst and what the window brings.
        #[test]
        fn no_window_has_too_many(
            limit in 1u32..2_000,
            minutes: bool,
            burst in prop::option::of(1u32..100),
            pauses in prop::collection::vec(prop_oneof![Just(0u64), 0u64..30, 0u64..2_000], 1..400),
        ) {
            let rate = rate(limit, if minutes { RatePeriod::Minute } else { RatePeriod::Second }, burst);
            let mut bucket = Bucket::new(rate, at(0));
            let (mut now, mut times) = (0, vec![]);
            for pause in pauses {
                now += pause;
                if taken(&mut bucket, at(now)) {
                    times.push(at(now));
                }
            }
            for (first, begin) in times.iter().enumerate() {
                for (last, end) in times.iter().enumerate().skip(first) {
                    let brought = (*end - *begin) + TimeDelta::from_std(rate.ahead).unwrap();
                    let needed = rate.interval * u32::try_from(last - first).unwrap();
                    prop_assert!(TimeDelta::from_std(needed).unwrap() <= brought, "{first}..={last}");
                }
            }
        }

        /// After a change the new rate holds from the first request on.
        #[test]
        fn a_change_gives_no_burst(before in 1u32..500, after in 1u32..500, waited in 0u64..5_000) {
            prop_assume!(before != after);
            let mut bucket = Bucket::new(rate(before, RatePeriod::Second, Some(50)), at(0));
            while taken(&mut bucket, at(0)) {}
            let changed = rate(after, RatePeriod::Second, Some(50));
            bucket.change(changed, at(waited));
            let begun = bucket.next_at(at(waited));
            prop_assert!(begun >= at(waited) && begun <= at(waited) + changed.interval);
            prop_assert!(taken(&mut bucket, begun));
            prop_assert_eq!(bucket.next_at(begun), begun + changed.interval);
        }
    }
}
