//! Token buckets, as one number each (the generic cell rate algorithm): the time at which the bucket is full again.
//!
//! Time is counted from whatever instant the owner of the buckets began at. A bucket that nobody touched is full.

use std::{num::NonZeroU32, time::Duration};

/// How fast a bucket fills, and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Filling {
    /// Nanoseconds in which one token comes: at least 1,000. Rounded down, so a rate is met or exceeded, by a thousandth at most.
    interval: u64,
    /// Tokens that it holds.
    burst: u64,
}

impl Filling {
    /// `per_second` tokens a second, a million at most, and `burst` at once.
    pub(crate) const fn per_second(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        let interval = 1_000_000_000 / per_second.get() as u64;
        Self::one_each(Duration::from_nanos(interval), burst)
    }

    /// One token each `interval`, and `burst` at once.
    pub(crate) const fn one_each(interval: Duration, burst: NonZeroU32) -> Self {
        Self {
            interval: interval.as_secs() * 1_000_000_000 + interval.subsec_nanos() as u64,
            burst: burst.get() as u64,
        }
    }
}

/// A bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// When it is full again, in nanoseconds.
    full_at: u64,
}

impl Bucket {
    /// Takes `tokens`, or says after which time there will be as many. More than the bucket holds are never there.
    pub(crate) fn take(&mut self, filling: Filling, tokens: u32, now: Duration) -> Result<(), Duration> {
        let now = nanos(now);
        let full_at = self.full_at.max(now) + u64::from(tokens) * filling.interval;
        let allowed_at = full_at.saturating_sub(filling.burst * filling.interval);
        if allowed_at > now {
            return Err(Duration::from_nanos(allowed_at - now));
        }
        self.full_at = full_at;
        Ok(())
    }

    /// Puts tokens back that were taken for what turned out to cost none.
    pub(crate) fn give_back(&mut self, filling: Filling, tokens: u32) {
        self.full_at = self.full_at.saturating_sub(u64::from(tokens) * filling.interval);
    }

    /// How many tokens are there.
    pub(crate) fn left(self, filling: Filling, now: Duration) -> u64 {
        let missing = self.full_at.saturating_sub(nanos(now));
        filling
            .burst
            .saturating_sub(missing.div_ceil(filling.interval.max(1)))
    }

    /// How long until it is full.
    pub(crate) fn full_in(self, now: Duration) -> Duration {
        Duration::from_nanos(self.full_at.saturating_sub(nanos(now)))
    }
}

/// Enough for 500 years.
fn nanos(at: Duration) -> u64 {
    u64::try_from(at.as_nanos()).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filling(per_second: u32, burst: u32) -> Filling {
        Filling::per_second(
            NonZeroU32::new(per_second).unwrap(),
            NonZeroU32::new(burst).unwrap(),
        )
    }

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_bucket_is_full_at_first_and_fills_again() {
        let (filling, mut bucket) = (filling(10, 3), Bucket::default());
        assert_eq!(bucket.left(filling, ms(5_000)), 3);
        for left in [2, 1, 0] {
            assert_eq!(bucket.take(filling, 1, ms(5_000)), Ok(()));
            assert_eq!(bucket.left(filling, ms(5_000)), left);
        }
        assert_eq!(bucket.take(filling, 1, ms(5_000)), Err(ms(100)));
        assert_eq!(bucket.take(filling, 2, ms(5_050)), Err(ms(150)));
        assert_eq!(bucket.full_in(ms(5_050)), ms(250));
        // What is refused takes nothing.
        assert_eq!(bucket.take(filling, 1, ms(5_100)), Ok(()));
        assert_eq!(bucket.take(filling, 3, ms(5_400)), Ok(()));
        assert_eq!(bucket.left(filling, ms(9_000)), 3);
    }

    #[test]
    fn more_than_it_holds_is_never_there() {
        let mut bucket = Bucket::default();
        assert!(bucket.take(filling(10, 3), 4, ms(1_000_000)).is_err());
    }

    proptest! {
        /// Over any time, no more is taken than was there and has come since; and whoever waits as told is served.
        #[test]
        fn never_gives_more_than_came(
            per_second in 1u32..1_000, burst in 1u32..100,
            asks in prop::collection::vec((0u64..500, 1u32..20), 1..200),
        ) {
            let (filling, mut bucket) = (filling(per_second, burst), Bucket::default());
            let (mut now, mut taken) = (Duration::ZERO, 0u64);
            for (pause, tokens) in asks {
                now += ms(pause);
                let mut asked = bucket;
                match bucket.take(filling, tokens, now) {
                    Ok(()) => taken += u64::from(tokens),
                    Err(wait) => {
                        prop_assert_eq!(asked, bucket);
                        prop_assert_eq!(asked.take(filling, tokens, now + wait).is_ok(), tokens <= burst);
                    }
                }
                // In thousandths of a token.
                let come = now.as_millis() * u128::from(per_second) * 1_001 / 1_000;
                let bound = come + u128::from(burst) * 1_000 + 1;
                prop_assert!(u128::from(taken) * 1_000 <= bound, "{taken} in {now:?}");
                prop_assert!(bucket.left(filling, now) <= u64::from(burst));
            }
        }
    }
}
