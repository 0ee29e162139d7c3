//! How fast tasks may be enqueued with each key that has a limit: a bucket a key, in this node's memory. Each node counts by itself.

use std::{
    collections::HashMap,
    fmt,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use queue::keys::Rate;
use uuid::Uuid;

use crate::bucket::{Bucket, Filling};

/// From how many buckets on those that are full again, which is as good as none, are looked for and dropped.
const TIDIED_FROM: usize = 1_024;

/// The buckets.
#[derive(Debug)]
pub(crate) struct Rates {
    begun: Instant,
    buckets: Mutex<Buckets>,
}

#[derive(Debug)]
struct Buckets {
    by_key: HashMap<Uuid, Bucket>,
    tidied_from: usize,
}

impl Rates {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            begun: now,
            buckets: Mutex::new(Buckets {
                by_key: HashMap::new(),
                tidied_from: TIDIED_FROM,
            }),
        }
    }

    /// Takes so many tasks from what a key may enqueue, or says after which time there is room for them.
    pub(crate) fn take(&self, key: Uuid, rate: Rate, tasks: u32, now: Instant) -> Result<(), Duration> {
        let now = now.duration_since(self.begun);
        let mut buckets = self.buckets.lock();
        if buckets.by_key.len() >= buckets.tidied_from {
            buckets.by_key.retain(|_, bucket| !bucket.full_in(now).is_zero());
            buckets.tidied_from = (buckets.by_key.len() * 2).max(TIDIED_FROM);
        }
        let bucket = buckets.by_key.entry(key).or_default();
        bucket.take(filling(rate), tasks, now)
    }

    /// What a key may still enqueue.
    pub(crate) fn allowance(&self, key: Uuid, rate: Rate, now: Instant) -> Allowance {
        let now = now.duration_since(self.begun);
        let bucket = self.buckets.lock().by_key.get(&key).copied().unwrap_or_default();
        Allowance {
            rate,
            left: bucket.left(filling(rate), now),
            full_in: bucket.full_in(now),
        }
    }
}

fn filling(rate: Rate) -> Filling {
    Filling::per_second(rate.per_second, rate.burst)
}

/// What may still be enqueued with a key, as the headers of draft-ietf-httpapi-ratelimit-headers-10 say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    rate: Rate,
    left: u64,
    full_in: Duration,
}

impl Allowance {
    /// The value of `RateLimit-Policy`: as many tasks in as many seconds as the bucket takes to fill, whole seconds at least.
    pub(crate) fn policy(self) -> impl fmt::Display {
        let (burst, per_second) = (self.rate.burst.get(), self.rate.per_second.get());
        fmt::from_fn(move |f| {
            write!(
                f,
                "\"enqueue\";q={};w={}",
                burst.max(per_second),
                burst.div_ceil(per_second)
            )
        })
    }

    /// How many are left at once.
    pub(crate) fn tasks(self) -> u64 {
        self.left
    }

    /// The value of `RateLimit`: how many are left at once, and the seconds until all are.
    pub(crate) fn left(self) -> impl fmt::Display {
        let seconds = self.full_in.as_secs() + u64::from(self.full_in.subsec_nanos() > 0);
        fmt::from_fn(move |f| write!(f, "\"enqueue\";r={};t={seconds}", self.left))
    }
}

#[cfg(test)]
mod tests {
    use proto::EnqueueRate;

    use super::*;

    fn rate(per_second: u32, burst: u32) -> Rate {
        Rate::of(EnqueueRate {
            per_second,
            burst: Some(burst),
        })
        .unwrap()
    }

    #[test]
    fn the_headers_say_what_is_left() {
        let now = Instant::now();
        let (rates, key) = (Rates::new(now), Uuid::from_u128(1));
        for (rate, policy) in [
            (rate(10, 50), "\"enqueue\";q=50;w=5"),
            (rate(10, 55), "\"enqueue\";q=55;w=6"),
            (rate(10, 10), "\"enqueue\";q=10;w=1"),
            (rate(10, 1), "\"enqueue\";q=10;w=1"),
        ] {
            assert_eq!(rates.allowance(key, rate, now).policy().to_string(), policy);
        }
        let rate = rate(10, 50);
        let left = |at| rates.allowance(key, rate, at).left().to_string();
        assert_eq!(left(now), "\"enqueue\";r=50;t=0");
        rates.take(key, rate, 45, now).unwrap();
        assert_eq!(left(now), "\"enqueue\";r=5;t=5");
        assert_eq!(left(now + Duration::from_secs(2)), "\"enqueue\";r=25;t=3");
        assert_eq!(rates.take(key, rate, 6, now), Err(Duration::from_millis(100)));
        assert_eq!(rates.allowance(Uuid::from_u128(2), rate, now).left, 50);
    }

    #[test]
    fn buckets_that_are_full_again_are_dropped() {
        let now = Instant::now();
        let (rates, rate) = (Rates::new(now), rate(1, 1));
        let held = || rates.buckets.lock().by_key.len();
        for key in 0..u128::try_from(TIDIED_FROM * 2).unwrap() {
            let pause = if key < 1_000 {
                Duration::ZERO
            } else {
                Duration::from_secs(2)
            };
            rates.take(Uuid::from_u128(key), rate, 1, now + pause).unwrap();
        }
        // Of those of two seconds ago none is left; the others are not full yet.
        assert_eq!(held(), TIDIED_FROM * 2 - 1_000);
    }
}
