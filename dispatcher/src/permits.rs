//! The node's permits: how many requests are in flight at once, their unwritten results included.
//!
//! How many a lane may have falls with the square of the part that is free (a dynamic threshold, after Choudhury and Hahne, "Dynamic
//! queue length thresholds for shared-memory packet switches", 1998, whose threshold falls in proportion). So lanes that hang can never
//! take all: the more of them, the fewer each, and something is always left for a lane that has none. With the square one lane alone may
//! have 27 % of all, and with fifty that hang 18 % of all are free; in proportion, for as much left, one alone could have 8 %.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What part of all permits one lane may hold while all are free: one part in so many.
const SHARE: usize = 2;

#[derive(Debug)]
pub(crate) struct Permits {
    free: AtomicUsize,
    most: usize,
}

impl Permits {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            free: AtomicUsize::new(most),
            most,
        }
    }

    /// How many permits one lane may hold at this moment.
    pub(crate) fn share(&self) -> u32 {
        let free = self.free.load(Ordering::Relaxed) as u64;
        let share = free * free / (SHARE * self.most.max(1)) as u64;
        u32::try_from(share.max(1)).unwrap_or(u32::MAX)
    }

    /// Takes one, if there is one.
    pub(crate) fn take(&self) -> bool {
        self.free
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |free| free.checked_sub(1))
            .is_ok()
    }

    /// Gives one back.
    pub(crate) fn give(&self) {
        self.free.fetch_add(1, Ordering::AcqRel);
    }

    /// How many are out.
    pub(crate) fn taken(&self) -> usize {
        self.most.saturating_sub(self.free.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many lanes hang, each takes what it may until none can: something is left for the next.
    #[test]
    fn hanging_lanes_leave_something() {
        for lanes in [1, 50, 500, 2_000] {
            let permits = Permits::new(4_096);
            let mut held = vec![0; lanes];
            for _ in 0..64 {
                for lane in &mut held {
                    if *lane < permits.share().min(64) && permits.take() {
                        *lane += 1;
                    }
                }
            }
            assert!(permits.taken() < 4_096, "{lanes}");
            assert!(held.iter().all(|held| *held > 0), "{lanes}");
        }
    }

    /// With lanes that take what they can get: what each has, and what is left.
    #[test]
    fn one_alone_has_a_quarter_and_fifty_leave_a_sixth() {
        for (lanes, each, left) in [(1, 340, 900), (10, 80, 400), (50, 20, 220), (500, 2, 60)] {
            let permits = Permits::new(1_280);
            let mut held = vec![0; lanes];
            for _ in 0..1_280 {
                for lane in &mut held {
                    if *lane < permits.share() && permits.take() {
                        *lane += 1;
                    }
                }
            }
            assert!(held.iter().all(|held| *held >= each), "{lanes}: {held:?}");
            assert!(1_280 - permits.taken() >= left, "{lanes}: {}", permits.taken());
        }
    }

    #[test]
    fn none_is_made_or_lost() {
        let permits = Permits::new(2);
        assert!(permits.take() && permits.take() && !permits.take());
        permits.give();
        assert_eq!(permits.taken(), 1);
        assert!(permits.take());
    }
}
