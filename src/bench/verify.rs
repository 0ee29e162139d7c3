//! Did every accepted task arrive, how long after its answer, and how often?

use std::{
    collections::{HashMap, hash_map::Entry},
    time::Duration,
};

use anyhow::{Result, bail};
use hdrhistogram::Histogram;
use tokio::time::sleep;
use uuid::Uuid;

use super::{
    clock::{Clock, Moment},
    latency,
    load::Accepted,
    receiver::{Arrival, Receiver},
};

/// How often arrivals are looked at while the rest is awaited. Moments are taken on arrival, so this costs no accuracy.
const LOOK: Duration = Duration::from_millis(20);

/// How long to listen on for second copies when everything has arrived.
const ECHO: Duration = Duration::from_millis(300);

/// The accepted tasks, and what arrived of them.
#[derive(Debug)]
pub(super) struct Ledger {
    tasks: HashMap<Uuid, Track>,
    missing: u64,
    duplicates: u64,
    strangers: u64,
    last: Option<Moment>,
}

#[derive(Debug)]
struct Track {
    answered: Moment,
    arrived: Option<Moment>,
}

/// What the ledger says in the end.
#[derive(Debug)]
pub(super) struct Receipts {
    /// Accepted tasks that arrived.
    pub(super) arrived: u64,
    /// Accepted tasks that did not.
    pub(super) missing: u64,
    /// Arrivals of accepted tasks after their first.
    pub(super) duplicates: u64,
    /// Arrivals of tasks whose enqueue was never answered.
    pub(super) strangers: u64,
    /// When the last accepted task arrived for the first time.
    pub(super) last: Option<Moment>,
    /// From the answer that accepted a task to its first arrival, in microseconds; zero if it arrived first.
    pub(super) latency: Histogram<u64>,
}

impl Ledger {
    /// The accepted tasks. An id that was given out twice is an error: one of the two tasks does not exist.
    pub(super) fn new(accepted: &[Accepted]) -> Result<Self> {
        let mut tasks = HashMap::with_capacity(accepted.len());
        for Accepted { task, answered } in accepted {
            match tasks.entry(*task) {
                Entry::Vacant(free) => free.insert(Track {
                    answered: *answered,
                    arrived: None,
                }),
                Entry::Occupied(_) => bail!("the server gave the id {task} to two tasks"),
            };
        }
        Ok(Self {
            missing: tasks.len() as u64,
            tasks,
            duplicates: 0,
            strangers: 0,
            last: None,
        })
    }

    /// Notes one arrival.
    pub(super) fn note(&mut self, arrival: Arrival) {
        match self.tasks.get_mut(&arrival.task) {
            None => self.strangers += 1,
            Some(Track { arrived: Some(_), .. }) => self.duplicates += 1,
            Some(track) => {
                track.arrived = Some(arrival.at);
                self.missing -= 1;
                self.last = self.last.max(Some(arrival.at));
            }
        }
    }

    fn close(self) -> Receipts {
        let mut latency = latency::histogram();
        for track in self.tasks.values() {
            if let Some(arrived) = track.arrived {
                latency::record(&mut latency, arrived.since(track.answered));
            }
        }
        Receipts {
            arrived: self.tasks.len() as u64 - self.missing,
            missing: self.missing,
            duplicates: self.duplicates,
            strangers: self.strangers,
            last: self.last,
            latency,
        }
    }
}

/// Waits until every accepted task has arrived, or nothing has for `patience`.
pub(super) async fn await_all(
    receiver: &Receiver,
    accepted: &[Accepted],
    patience: Duration,
    clock: Clock,
) -> Result<Receipts> {
    // As many as were accepted are awaited first, and compared one by one then: the comparison takes a processor, and until
    // then the server needs it.
    let mut arrivals = receiver.take();
    let mut progress = clock.now();
    while arrivals.len() < accepted.len() && clock.now().since(progress) < patience {
        sleep(LOOK).await;
        let more = receiver.take();
        if !more.is_empty() {
            progress = clock.now();
            arrivals.extend(more);
        }
    }
    let mut ledger = Ledger::new(accepted)?;
    for arrival in arrivals {
        ledger.note(arrival);
    }
    while ledger.missing > 0 && clock.now().since(progress) < patience {
        sleep(LOOK).await;
        let before = ledger.missing;
        receiver
            .take()
            .into_iter()
            .for_each(|arrival| ledger.note(arrival));
        if ledger.missing < before {
            progress = clock.now();
        }
    }
    sleep(ECHO).await;
    receiver
        .take()
        .into_iter()
        .for_each(|arrival| ledger.note(arrival));
    Ok(ledger.close())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn accepted(task: u128, at: u64) -> Accepted {
        Accepted {
            task: Uuid::from_u128(task),
            answered: Moment(at * MS),
        }
    }

    fn arrival(task: u128, at: u64) -> Arrival {
        Arrival {
            task: Uuid::from_u128(task),
            at: Moment(at * MS),
            accepted: true,
        }
    }

    #[test]
    fn tells_arrived_missing_duplicate_and_stranger_apart() {
        let mut ledger =
            Ledger::new(&[accepted(1, 10), accepted(2, 10), accepted(3, 10), accepted(4, 10)]).unwrap();
        for arrival in [
            arrival(1, 30),
            arrival(2, 9),
            arrival(1, 90),
            arrival(7, 95),
            arrival(1, 96),
            arrival(3, 50),
        ] {
            ledger.note(arrival);
        }
        let receipts = ledger.close();
        assert_eq!(
            (
                receipts.arrived,
                receipts.missing,
                receipts.duplicates,
                receipts.strangers
            ),
            (3, 1, 2, 1)
        );
        assert_eq!(
            receipts.last,
            Some(Moment(50 * MS)),
            "neither a second copy nor a stranger counts as the last arrival"
        );
        // 20 ms, 40 ms, and a task that was faster than its answer.
        assert_eq!(receipts.latency.len(), 3);
        assert_eq!(receipts.latency.min(), 0);
        assert!((latency::percentile_ms(&receipts.latency, 50.0) - 20.0).abs() < 0.1);
        assert!((latency::percentile_ms(&receipts.latency, 100.0) - 40.0).abs() < 0.1);
    }

    #[test]
    fn an_id_given_out_twice_is_an_error() {
        assert!(Ledger::new(&[accepted(1, 10), accepted(1, 20)]).is_err());
    }
}
