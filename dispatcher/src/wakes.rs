//! Wakes: one timer for all lanes. A lane is woken when the first of its deliveries comes due, or its hold ends.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use queue::id::EndpointId;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{clock, lanes::Lanes};

/// Wakes within so long of each other are one: what comes due together is read together.
const GRAIN: Duration = Duration::from_millis(10);

/// The longest sleep: a step of the machine's clock is noticed after so long at most.
const LONGEST: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(crate) struct Wakes {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// One wake of each lane, its earliest: a lane that is woken often and has something due in a year would leave one for that each time.
    order: BTreeSet<(DateTime<Utc>, EndpointId)>,
    armed: HashMap<EndpointId, DateTime<Utc>>,
}

impl Wakes {
    /// Wakes the lane at `at`, or earlier if it is armed for earlier.
    pub(crate) fn arm(&self, at: DateTime<Utc>, lane: EndpointId) {
        let mut state = self.state.lock();
        if state.armed.get(&lane).is_some_and(|armed| *armed <= at) {
            return;
        }
        if let Some(later) = state.armed.insert(lane, at) {
            state.order.remove(&(later, lane));
        }
        let is_first = state.order.first().is_none_or(|(first, _)| at < *first);
        state.order.insert((at, lane));
        drop(state);
        if is_first {
            self.changed.notify_one();
        }
    }

    /// The lanes whose time has come, and when the next one's does.
    fn due(&self, now: DateTime<Utc>) -> (Vec<EndpointId>, Option<DateTime<Utc>>) {
        let mut state = self.state.lock();
        let mut due = vec![];
        while let Some(&(at, lane)) = state.order.first() {
            if at > now {
                return (due, Some(at));
            }
            state.order.pop_first();
            state.armed.remove(&lane);
            due.push(lane);
        }
        (due, None)
    }
}

pub(crate) async fn run(lanes: Arc<Lanes>, stop: CancellationToken) {
    loop {
        let now = clock();
        let (due, next) = lanes.wakes.due(now);
        for id in due {
            if let Some(entry) = lanes.entry(id) {
                entry.lane.lock().wake(now);
                lanes.move_on(&entry);
            }
        }
        let pause = next
            .map_or(LONGEST, |at| (at - clock()).to_std().unwrap_or_default())
            .clamp(GRAIN, LONGEST);
        tokio::select! {
            () = stop.cancelled() => return,
            () = lanes.wakes.changed.notified() => tokio::time::sleep(GRAIN).await,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn a_lane_is_woken_once_at_its_earliest() {
        let (wakes, a, b) = (
            Wakes::default(),
            EndpointId::from_u128(1),
            EndpointId::from_u128(2),
        );
        wakes.arm(at(10), a);
        wakes.arm(at(5), a);
        wakes.arm(at(7), a);
        wakes.arm(at(6), b);
        assert_eq!(wakes.due(at(4)), (vec![], Some(at(5))));
        assert_eq!(wakes.due(at(5)), (vec![a], Some(at(6))));
        assert_eq!(wakes.due(at(20)), (vec![b], None));
        wakes.arm(at(30), a);
        assert_eq!(wakes.due(at(30)), (vec![a], None));
    }

    #[test]
    fn a_lane_that_is_woken_often_leaves_nothing_behind() {
        let (wakes, a) = (Wakes::default(), EndpointId::from_u128(1));
        for second in 0..100 {
            wakes.arm(at(1_000_000), a);
            wakes.arm(at(second), a);
            assert_eq!(wakes.due(at(second)), (vec![a], None));
        }
        wakes.arm(at(1_000_000), a);
        let state = wakes.state.lock();
        assert_eq!((state.order.len(), state.armed.len()), (1, 1));
    }
}
