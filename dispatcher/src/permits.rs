//! The node's permits: how many requests are in flight at once, and how many of their results wait to be written.
//!
//! Results that are not written yet are bounded by themselves, and take no permits: how many there are tells how the disk does, and nothing of
//! lanes. If they took permits, nothing at all would be left to lanes that keep up, for as long as a commit takes its time, while others hang.

use parking_lot::Mutex;

use crate::share::share;

#[derive(Debug)]
pub(crate) struct Permits {
    out: Mutex<Out>,
    most: Out,
}

/// What there is of both.
#[derive(Debug, Clone, Copy, Default)]
struct Out {
    in_flight: usize,
    unwritten: usize,
}

impl Permits {
    /// So many requests in flight, and no new one while so many results are unwritten: both together are never more than their sum.
    pub(crate) fn new(in_flight: usize, unwritten: usize) -> Self {
        Self {
            out: Mutex::default(),
            most: Out { in_flight, unwritten },
        }
    }

    /// How many permits one lane may hold at this moment: its share, and one at least.
    pub(crate) fn share(&self) -> u32 {
        let most = self.most.in_flight;
        let share = share(most.saturating_sub(self.in_flight()), most);
        u32::try_from(share.max(1)).unwrap_or(u32::MAX)
    }

    /// Takes one for a request, if there is one.
    pub(crate) fn take(&self) -> bool {
        let mut out = self.out.lock();
        let may = out.in_flight < self.most.in_flight && out.unwritten < self.most.unwritten;
        out.in_flight += usize::from(may);
        may
    }

    /// Gives one back with which no request was made.
    pub(crate) fn give(&self) {
        self.out.lock().in_flight -= 1;
    }

    /// The request has ended, and its result is to be written.
    pub(crate) fn landed(&self) {
        let mut out = self.out.lock();
        out.in_flight -= 1;
        out.unwritten += 1;
    }

    /// So many results are written.
    pub(crate) fn written(&self, results: usize) {
        self.out.lock().unwritten -= results;
    }

    /// Requests in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.out.lock().in_flight
    }

    /// Results that are not written.
    pub(crate) fn unwritten(&self) -> usize {
        self.out.lock().unwritten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_is_made_or_lost() {
        let permits = Permits::new(2, 2);
        assert!(permits.take() && permits.take() && !permits.take());
        permits.give();
        assert_eq!(permits.in_flight(), 1);
        assert!(permits.take());
        permits.landed();
        assert_eq!((permits.in_flight(), permits.unwritten()), (1, 1));
        assert!(permits.take());
    }

    #[test]
    fn nothing_is_begun_while_too_many_results_wait_for_the_disk() {
        let permits = Permits::new(3, 2);
        let mut begun = 0;
        while permits.take() {
            begun += 1;
            if begun % 2 == 0 {
                permits.landed();
            }
        }
        assert_eq!((permits.in_flight(), permits.unwritten()), (2, 2));
        permits.written(1);
        assert!(permits.take() && !permits.take());
        permits.landed();
        assert!(!permits.take());
        permits.written(2);
        assert!(permits.take());
    }

    #[test]
    fn results_that_wait_for_the_disk_cost_no_lane_its_share() {
        let permits = Permits::new(1_280, 1_280);
        (0..1_000).for_each(|_| assert!(permits.take()));
        let share = permits.share();
        assert_eq!(share, 30);
        for _ in 0..1_280 {
            assert!(permits.take());
            permits.landed();
            assert_eq!(permits.share(), share);
        }
        assert!(!permits.take());
    }
}
