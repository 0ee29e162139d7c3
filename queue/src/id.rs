//! Ids: UUIDv7 (RFC 9562, section 5.7), time-ordered, so that rows made together lie together.
//!
//! A delivery's id begins with the 64 bits of its task's id. So the deliveries and attempts of a task are one short range of any
//! index on delivery ids, and no table needs a second index for them.

use chrono::{DateTime, Utc};
use rand::Rng;
use uuid::Uuid;

/// A queue's id.
pub type QueueId = Uuid;
/// An endpoint's id.
pub type EndpointId = Uuid;
/// A task's id; also the `webhook-id` of its requests.
pub type TaskId = Uuid;
/// A delivery's id.
pub type DeliveryId = Uuid;
/// An attempt's id.
pub type AttemptId = Uuid;

const VARIANT: u64 = 0b10 << 62;
const RANDOM_62: u64 = (1 << 62) - 1;

/// Mints ids that rise strictly within a process, even within one millisecond and when the clock steps back.
#[derive(Debug, Default)]
pub struct Mint {
    /// Milliseconds and a 12-bit counter, as they stand in an id without its version.
    last: u64,
}

impl Mint {
    /// An id for `now`. The 12 bits after the milliseconds count within them (RFC 9562, section 6.2, method 1).
    pub fn next(&mut self, now: DateTime<Utc>, rng: &mut impl Rng) -> Uuid {
        let start = u64::try_from(now.timestamp_millis()).unwrap_or(0) << 12;
        self.last = start.max(self.last + 1);
        assemble(self.last, rng.next_u64())
    }

    /// What the ids of all tasks and deliveries lie below that were made up to `now`, by this process or in the same millisecond elsewhere. A clock
    /// that was put back is behind the last ids of this process: those are meant too.
    pub fn bound(&self, now: DateTime<Utc>) -> Uuid {
        let after = u64::try_from(now.timestamp_millis() + 1).unwrap_or(0) << 12;
        Uuid::from_u64_pair(high(after.max(self.last + 1)), 0)
    }
}

/// One id for `now`, where the order within a millisecond does not matter.
pub fn one(now: DateTime<Utc>, rng: &mut impl Rng) -> Uuid {
    let counter = rng.next_u64() & 0xfff;
    assemble(
        u64::try_from(now.timestamp_millis()).unwrap_or(0) << 12 | counter,
        rng.next_u64(),
    )
}

fn assemble(time_and_counter: u64, random: u64) -> Uuid {
    Uuid::from_u64_pair(high(time_and_counter), VARIANT | (random & RANDOM_62))
}

/// The first 64 bits of an id.
fn high(time_and_counter: u64) -> u64 {
    (time_and_counter >> 12 << 16) | 0x7000 | (time_and_counter & 0xfff)
}

/// An id for a delivery of `task`: the task's first 64 bits, and 62 random ones.
pub fn delivery_of(task: TaskId, rng: &mut impl Rng) -> DeliveryId {
    Uuid::from_u64_pair(task.as_u64_pair().0, VARIANT | (rng.next_u64() & RANDOM_62))
}

/// The range, both ends included, in which the ids of all deliveries of `task` lie. Another task's may lie there too, if two
/// nodes minted in the same instant: compare the task's id as well.
pub fn deliveries_of(task: TaskId) -> (DeliveryId, DeliveryId) {
    let high = task.as_u64_pair().0;
    (Uuid::from_u64_pair(high, 0), Uuid::from_u64_pair(high, u64::MAX))
}

/// The smallest id of an instant: the bound of a partition or of a time filter.
pub fn floor(at: DateTime<Utc>) -> Uuid {
    Uuid::from_u64_pair(u64::try_from(at.timestamp_millis()).unwrap_or(0) << 16, 0)
}

/// When an id was minted, to the millisecond.
pub fn minted_at(id: Uuid) -> DateTime<Utc> {
    let ms = i64::try_from(id.as_u64_pair().0 >> 16).unwrap_or(0);
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    fn at(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(ms).unwrap()
    }

    #[test]
    fn is_a_uuid_of_version_7() {
        let id = Mint::default().next(at(1_700_000_000_123), &mut SmallRng::seed_from_u64(1));
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        assert_eq!(minted_at(id), at(1_700_000_000_123));
        assert!(floor(at(1_700_000_000_123)) <= id && id < floor(at(1_700_000_000_124)));
    }

    proptest! {
        #[test]
        fn rises_whatever_the_clock_does(times in prop::collection::vec(1_600_000_000_000i64..1_600_000_000_050, 2..200), seed: u64) {
            let (mut mint, mut rng) = (Mint::default(), SmallRng::seed_from_u64(seed));
            let ids: Vec<_> = times.iter().map(|ms| mint.next(at(*ms), &mut rng)).collect();
            prop_assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        }

        #[test]
        fn the_bound_is_above_what_was_minted_and_below_what_comes(
            times in prop::collection::vec(1_600_000_000_000i64..1_600_000_000_050, 1..200), now in 1_600_000_000_000i64..1_600_000_000_100, seed: u64
        ) {
            let (mut mint, mut rng) = (Mint::default(), SmallRng::seed_from_u64(seed));
            let ids: Vec<_> = times.iter().map(|ms| mint.next(at(*ms), &mut rng)).collect();
            let bound = mint.bound(at(now));
            prop_assert!(ids.iter().all(|id| *id < bound && delivery_of(*id, &mut rng) < bound));
            prop_assert!(one(at(now), &mut rng) < bound && bound <= mint.next(at(now + 1), &mut rng));
            // A clock that is far behind.
            let bound = mint.bound(at(0));
            prop_assert!(bound <= mint.next(at(0), &mut rng));
        }

        #[test]
        fn deliveries_lie_in_their_tasks_range(ms in 0i64..4_000_000_000_000, seed: u64) {
            let mut rng = SmallRng::seed_from_u64(seed);
            let mut mint = Mint::default();
            let (task, next) = (mint.next(at(ms), &mut rng), mint.next(at(ms), &mut rng));
            let (from, to) = deliveries_of(task);
            let delivery = delivery_of(task, &mut rng);
            prop_assert!(from <= delivery && delivery <= to && from <= task && task <= to);
            prop_assert!(!(from..=to).contains(&delivery_of(next, &mut rng)));
            prop_assert_eq!(minted_at(delivery), at(ms));
        }
    }
}
