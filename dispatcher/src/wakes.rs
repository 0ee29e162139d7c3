//! Wakes: one timer for all lanes. A lane is woken when the first of its deliveries comes due, or its hold ends.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
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
    heap: BinaryHeap<Reverse<(DateTime<Utc>, EndpointId)>>,
    /// The earliest wake of each lane; later ones in the heap are left there and passed over.
    armed: HashMap<EndpointId, DateTime<Utc>>,
}

impl Wakes {
    /// Wakes the lane at `at`, or earlier if it is armed for earlier.
    pub(crate) fn arm(&self, at: DateTime<Utc>, lane: EndpointId) {
        let mut state = self.state.lock();
        if state.armed.get(&lane).is_some_and(|armed| *armed <= at) {
            return;
        }
        state.armed.insert(lane, at);
        let is_first = state.heap.peek().is_none_or(|Reverse((first, _))| at < *first);
        state.heap.push(Reverse((at, lane)));
        drop(state);
        if is_first {
            self.changed.notify_one();
        }
    }

    /// The lanes whose time has come, and when the next one's does.
    fn due(&self, now: DateTime<Utc>) -> (Vec<EndpointId>, Option<DateTime<Utc>>) {
        let mut state = self.state.lock();
        let mut due = vec![];
        while let Some(Reverse((at, lane))) = state.heap.peek().copied() {
            if at > now {
                return (due, Some(at));
            }
            state.heap.pop();
            if state.armed.get(&lane) == Some(&at) {
                state.armed.remove(&lane);
                due.push(lane);
            }
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
}
