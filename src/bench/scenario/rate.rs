use std::time::Duration;

use anyhow::Result;
use proto::{DeliverySettings, NewQueue, QueueUpdate, RateLimit, RatePeriod};
use tokio::time::sleep;

use super::{
    super::{
        clock::Moment,
        figure::{Figure, float},
        load::Pace,
        receiver::Arrival,
        report::{Bound, Row, Section, Target},
    },
    Bench,
};

/// How long the windows are in which arrivals are counted.
pub(in super::super) const WINDOW: Duration = Duration::from_secs(10);

/// The rates, one after the other.
const RATES: [u32; 2] = [100, 200];

/// Within what time a change holds everywhere.
const CHANGE: Duration = Duration::from_secs(1);

/// A pause that no rate explains: the server was away. A window that has one says nothing of the least.
const AWAY: Duration = Duration::from_millis(500);

/// The fewest and the most requests a second in any window.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Kept {
    least: f64,
    most: f64,
}

/// More work than an endpoint with a rate may be sent, and how evenly it is sent.
pub(super) async fn run(bench: &Bench) -> Result<Section> {
    let new = NewQueue {
        name: bench.queue_name("rate"),
        settings: at(RATES[0]),
        ..NewQueue::default()
    };
    let kept = bench
        .api
        .with(new, bench.one_endpoint(), async |queue| {
            let seconds = bench.args.hold.0.as_secs() + 2;
            let tasks = RATES.iter().map(|rate| u64::from(*rate) * seconds).sum();
            let (load, requests) = bench.batch_load(&queue, tasks)?;
            bench.receiver.take();
            load.run(Pace::Closed { requests }, bench.clock).await?;
            sleep(bench.args.hold.0).await;
            let first = kept(&bench.receiver.take());
            let update = QueueUpdate {
                settings: Some(serde_json::to_value(at(RATES[1]))?),
                ..QueueUpdate::default()
            };
            bench.api.change(&queue, &update).await?;
            sleep(CHANGE).await;
            bench.receiver.take();
            sleep(bench.args.hold.0).await;
            Ok([first, kept(&bench.receiver.take())])
        })
        .await?;
    let [first, second] = kept;
    let target = |name, key, measured: f64, rate: u32, bound| Target {
        name,
        measured: Figure::ratio(key, "", measured, f64::from(rate)),
        bound,
    };
    let (least, most) = (Bound::AtLeast(0.98), Bound::AtMost(1.01));
    Ok(Section {
        name: "rate",
        title: format!(
            "an endpoint that takes {} a second, and {} after a change, {} each, in windows of {} s",
            RATES[0],
            RATES[1],
            bench.args.hold,
            WINDOW.as_secs()
        ),
        rows: vec![
            Row {
                label: "100 a second",
                figures: vec![
                    Figure::per_second("first_least_per_s", "least", first.least),
                    Figure::per_second("first_most_per_s", "most", first.most),
                ],
            },
            Row {
                label: "200 a second",
                figures: vec![
                    Figure::per_second("second_least_per_s", "least", second.least),
                    Figure::per_second("second_most_per_s", "most", second.most),
                ],
            },
        ],
        targets: vec![
            target(
                "least in any window, of the rate",
                "first_least_of_rate",
                first.least,
                RATES[0],
                least,
            ),
            target(
                "most in any window, of the rate",
                "first_most_of_rate",
                first.most,
                RATES[0],
                most,
            ),
            target(
                "least after the change, of the rate",
                "second_least_of_rate",
                second.least,
                RATES[1],
                least,
            ),
            target(
                "most after the change, of the rate",
                "second_most_of_rate",
                second.most,
                RATES[1],
                most,
            ),
        ],
        missing: 0,
    })
}

fn at(limit: u32) -> DeliverySettings {
    DeliverySettings {
        rate_limit: Some(RateLimit {
            limit,
            per: RatePeriod::Second,
            burst: None,
        }),
        ..DeliverySettings::default()
    }
}

/// Every window that begins with an arrival, and ends before the last one.
fn kept(arrivals: &[Arrival]) -> Kept {
    let mut at: Vec<Moment> = arrivals.iter().map(|arrival| arrival.at).collect();
    at.sort_unstable();
    let (mut least, mut most) = (f64::NAN, f64::NAN);
    for (first, begin) in at.iter().enumerate() {
        let end = begin.after(WINDOW);
        let count = at[first..].partition_point(|moment| *moment < end);
        if first + count == at.len() {
            break;
        }
        let rate = float(count as u64) / WINDOW.as_secs_f64();
        most = most.max(rate);
        let window = &at[first..=first + count];
        if window.windows(2).all(|pair| pair[1].since(pair[0]) < AWAY) {
            least = least.min(rate);
        }
    }
    Kept { least, most }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn arrivals(at: impl Iterator<Item = u64>) -> Vec<Arrival> {
        at.map(|millis| Arrival {
            task: Uuid::nil(),
            at: Moment(millis * 1_000_000),
            accepted: true,
        })
        .collect()
    }

    #[test]
    fn windows_find_the_least_and_the_most() {
        let even = arrivals((0..3_000).map(|turn| turn * 10));
        assert_eq!(
            kept(&even),
            Kept {
                least: 100.0,
                most: 100.0
            }
        );
        let bunched = arrivals((0..3_000).map(|turn| turn * 10).chain(5_000..5_100));
        assert_eq!(
            kept(&bunched),
            Kept {
                least: 100.0,
                most: 110.0
            }
        );
    }

    #[test]
    fn a_server_that_is_away_is_no_slow_one_but_must_not_make_up_for_it() {
        let away = (0..3_000).map(|turn| turn * 10 + if turn < 1_000 { 0 } else { 3_000 });
        let Kept { least, most } = kept(&arrivals(away));
        assert_eq!((least, most), (100.0, 100.0));
        let short = kept(&arrivals((0..10).map(|turn| turn * 10)));
        assert!(short.least.is_nan() && short.most.is_nan(), "less than a window");
    }
}
