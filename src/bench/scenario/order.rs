use std::{collections::HashMap, time::Duration};

use anyhow::Result;
use proto::{DeliverySettings, NewQueue, OrderingMode, OrderingPolicy, RetryPolicy, Span};
use tokio::time::sleep;
use uuid::Uuid;

use super::{
    super::{
        clock::Moment,
        figure::{Figure, grouped},
        load::{Accepted, Pace},
        payload,
        receiver::Arrival,
        report::{Bound, Row, Section, Target},
    },
    Bench,
};

/// Tasks of each key.
const EACH: u32 = 20;

/// The pause before a task that failed is tried again: short, because its key waits for it.
const RETRY: Span = Span(Duration::from_millis(200));

const LOOK: Duration = Duration::from_millis(50);

/// Tasks of many keys, of which a fifth fail at each try: whether any went past one of its key that was not accepted yet.
pub(super) async fn run(bench: &Bench) -> Result<Section> {
    let new = NewQueue {
        name: bench.queue_name("order"),
        settings: DeliverySettings {
            ordering: Some(OrderingPolicy {
                mode: OrderingMode::Key,
                ..OrderingPolicy::default()
            }),
            retry: Some(RetryPolicy {
                attempts: Some(50),
                schedule: Some(vec![RETRY]),
                ..RetryPolicy::default()
            }),
            ..DeliverySettings::default()
        },
        ..NewQueue::default()
    };
    let (began, account) = bench
        .api
        .with(new, bench.one_endpoint(), async |queue| {
            bench.receiver.be_fickle(true);
            let result = measure(bench, &queue).await;
            bench.receiver.be_fickle(false);
            result
        })
        .await?;
    let inversions = Figure::count("inversions", "overtaken", account.inversions);
    Ok(Section {
        name: "order",
        title: format!(
            "{} keys with {EACH} tasks each, of which a fifth fail at each try",
            grouped(u64::from(bench.args.keys))
        ),
        rows: vec![
            Row {
                label: "requests",
                figures: vec![
                    inversions,
                    Figure::count("failed", "failed", account.failed),
                    Figure::count(
                        "duplicates",
                        "sent again after they were accepted",
                        account.duplicates,
                    ),
                ],
            },
            Row {
                label: "end to end",
                figures: vec![Figure::rate(
                    "end_to_end_per_s",
                    "",
                    account.done,
                    account.last.unwrap_or(began).since(began),
                )],
            },
        ],
        targets: vec![Target {
            name: "tasks that went past an earlier one of their key",
            measured: inversions,
            bound: Bound::AtMost(0.0),
        }],
        missing: account.missing(),
    })
}

async fn measure(bench: &Bench, queue: &str) -> Result<(Moment, Account)> {
    let keys = bench.args.keys;
    let batch = payload::lines(bench.bodies.keyed(keys).iter());
    let (mut load, requests) =
        bench.batches_load(queue, u64::from(keys) * u64::from(EACH), keys, vec![batch])?;
    // One after the other: the order in which they are enqueued is the one in which they must arrive.
    load.connections = 1;
    bench.api.pause(queue).await?;
    bench.receiver.take();
    let run = load.run(Pace::Closed { requests }, bench.clock).await?;
    let mut account = Account::new(&run.accepted, keys);
    bench.api.resume(queue).await?;
    let began = bench.clock.now();
    let mut progress = began;
    while account.missing() > 0 && bench.clock.now().since(progress) < bench.args.patience.0 {
        sleep(LOOK).await;
        for arrival in bench.receiver.take() {
            progress = bench.clock.now();
            account.note(arrival);
        }
    }
    Ok((began, account))
}

/// What arrived in which order.
#[derive(Debug)]
struct Account {
    /// The key of a task, and its place in it.
    places: HashMap<Uuid, (usize, u32)>,
    /// How many of each key were accepted.
    accepted: Vec<u32>,
    inversions: u64,
    failed: u64,
    duplicates: u64,
    done: u64,
    last: Option<Moment>,
}

impl Account {
    /// These tasks, the first of each key, the second of each, and so on.
    fn new(tasks: &[Accepted], keys: u32) -> Self {
        let places = tasks
            .iter()
            .zip((0..EACH).flat_map(|place| (0..keys as usize).map(move |key| (key, place))));
        Self {
            places: places.map(|(task, place)| (task.task, place)).collect(),
            accepted: vec![0; keys as usize],
            inversions: 0,
            failed: 0,
            duplicates: 0,
            done: 0,
            last: None,
        }
    }

    fn note(&mut self, arrival: Arrival) {
        let Some((key, place)) = self.places.get(&arrival.task).copied() else {
            return;
        };
        let next = &mut self.accepted[key];
        match place.cmp(next) {
            std::cmp::Ordering::Less => self.duplicates += 1,
            std::cmp::Ordering::Greater => self.inversions += 1,
            std::cmp::Ordering::Equal if arrival.accepted => {
                *next += 1;
                self.done += 1;
                self.last = Some(arrival.at);
            }
            std::cmp::Ordering::Equal => self.failed += 1,
        }
    }

    fn missing(&self) -> u64 {
        self.places.len() as u64 - self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        let task = |id| Accepted {
            task: Uuid::from_u128(id),
            answered: Moment(0),
        };
        // Keys 0 and 1, three tasks each.
        Account::new(&(0..6).map(task).collect::<Vec<_>>(), 2)
    }

    fn seen(account: &mut Account, task: u128, accepted: bool) -> (u64, u64, u64, u64) {
        account.note(Arrival {
            task: Uuid::from_u128(task),
            at: Moment(1),
            accepted,
        });
        (
            account.inversions,
            account.failed,
            account.duplicates,
            account.missing(),
        )
    }

    #[test]
    fn what_fails_comes_again_and_nothing_of_its_key_before_it() {
        let mut account = account();
        assert_eq!(seen(&mut account, 0, false), (0, 1, 0, 6));
        assert_eq!(seen(&mut account, 1, true), (0, 1, 0, 5), "another key");
        assert_eq!(seen(&mut account, 0, true), (0, 1, 0, 4));
        assert_eq!(seen(&mut account, 0, true), (0, 1, 1, 4), "its result was lost");
        assert_eq!(seen(&mut account, 2, false), (0, 2, 1, 4));
        assert_eq!(
            seen(&mut account, 4, true),
            (1, 2, 1, 4),
            "past one that had failed"
        );
        assert_eq!(seen(&mut account, 99, true), (1, 2, 1, 4), "a stranger");
    }
}
