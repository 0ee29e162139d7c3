//! The node's permits: how many requests are in flight at once, their unwritten results included.
//!
//! A lane may have as many as a sixteenth of those still free (a dynamic threshold, after Choudhury and Hahne, "Dynamic queue length
//! thresholds for shared-memory packet switches", 1998). So lanes that hang can never take all: the more of them, the fewer each, and
//! something is always left for a lane that has none.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What part of the free permits one lane may hold.
const SHARE: usize = 16;

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
        u32::try_from((self.free.load(Ordering::Relaxed) / SHARE).max(1)).unwrap_or(u32::MAX)
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

    #[test]
    fn none_is_made_or_lost() {
        let permits = Permits::new(2);
        assert!(permits.take() && permits.take() && !permits.take());
        permits.give();
        assert_eq!(permits.taken(), 1);
        assert!(permits.take());
    }
}
