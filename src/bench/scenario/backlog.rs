use std::{collections::HashSet, time::Duration};

use anyhow::{Result, ensure};
use uuid::Uuid;

use super::{
    super::{
        figure::{Figure, float, grouped},
        load::{Accepted, Pace},
        memory::{self, Watch},
        receiver::Arrival,
        report::{Bound, Row, Section, Target},
        verify,
    },
    Bench,
};

/// The backlog that the large one is compared with.
const SMALL: u64 = 10_000;

/// How often the small one is drained before the large one, and again after it: once is over in a second, and says little, and
/// a machine that slows down meanwhile is not to be blamed on the backlog.
const ROUNDS: usize = 3;

/// What came of letting one backlog pile up and drain.
struct Drained {
    tasks: u64,
    enqueue: Duration,
    drain: Duration,
    /// Resident memory with everything pending, in bytes.
    resident: Option<u64>,
    /// The most of it, while enqueueing and draining.
    peak: Option<u64>,
    missing: u64,
    duplicates: u64,
}

/// A large backlog against a small one: does the server's memory, or the rate of its pushes, depend on how much is pending?
pub(super) async fn run(bench: &Bench) -> Result<Section> {
    let large = bench.args.backlog;
    let small = SMALL.min(large / 10);
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(measure(bench, "small", small).await?);
    }
    let large = measure(bench, "large", large).await?;
    for _ in 0..ROUNDS {
        rounds.push(measure(bench, "small", small).await?);
    }

    let mut rates: Vec<f64> = rounds.iter().map(Drained::rate).collect();
    rates.sort_by(f64::total_cmp);
    let median = f64::midpoint(rates[ROUNDS - 1], rates[ROUNDS]);
    let ratio = Figure::ratio("drain_large_of_small", "", large.rate(), median);
    let resident = Figure::bytes("resident_bytes", "all pending", large.resident);
    let peak = Figure::bytes("resident_peak_bytes", "peak", large.peak);
    let missing = large.missing + rounds.iter().map(|round| round.missing).sum::<u64>();
    let duplicates = large.duplicates + rounds.iter().map(|round| round.duplicates).sum::<u64>();
    Ok(Section {
        name: "backlog",
        title: format!(
            "{} tasks of {} bytes pending, against {} ({} times)",
            grouped(large.tasks),
            bench.args.payload,
            grouped(rounds[0].tasks),
            rounds.len()
        ),
        rows: vec![
            Row {
                label: "enqueue rate, paused",
                figures: vec![Figure::rate("enqueue_per_s", "", large.tasks, large.enqueue)],
            },
            Row {
                label: "drain rate, large",
                figures: vec![
                    Figure::per_second("drain_large_per_s", "", large.rate()),
                    Figure::seconds("drain_large_seconds", "in", large.drain),
                ],
            },
            Row {
                label: "drain rate, small",
                figures: vec![
                    Figure::per_second("drain_small_per_s", "median", median),
                    Figure::per_second("drain_small_min_per_s", "min", rates[0]),
                    Figure::per_second("drain_small_max_per_s", "max", rates[2 * ROUNDS - 1]),
                ],
            },
            Row {
                label: "large of small",
                figures: vec![ratio],
            },
            Row {
                label: "server's memory",
                figures: vec![resident, peak],
            },
            Row {
                label: "accepted tasks",
                figures: vec![
                    Figure::count("missing", "missing", missing),
                    Figure::count("duplicates", "duplicates", duplicates),
                ],
            },
        ],
        targets: vec![
            Target {
                name: "resident memory with the large backlog",
                measured: peak,
                bound: Bound::Below(300e6),
            },
            Target {
                name: "drain rate of the large backlog, of the small one's",
                measured: ratio,
                bound: Bound::AtLeast(0.9),
            },
        ],
        missing,
    })
}

async fn measure(bench: &Bench, name: &str, tasks: u64) -> Result<Drained> {
    bench
        .api
        .with_queue(bench.queue_name(name), bench.one_endpoint(), async |queue| {
            pile_up_and_drain(bench, &queue, tasks).await
        })
        .await
}

async fn pile_up_and_drain(bench: &Bench, queue: &str, tasks: u64) -> Result<Drained> {
    bench.api.pause(queue).await?;
    bench.receiver.take();
    let watch = bench.args.pid.map(Watch::start).transpose()?;
    let (load, requests) = bench.batch_load(queue, tasks)?;
    let run = load.run(Pace::Closed { requests }, bench.clock).await?;
    let resident = bench.args.pid.map(memory::resident).transpose()?;
    let early = early(&run.accepted, &bench.receiver.take());
    ensure!(early == 0, "{early} tasks arrived although their queue is paused");

    let began = bench.clock.now();
    bench.api.resume(queue).await?;
    let receipts =
        verify::await_all(&bench.receiver, &run.accepted, bench.args.patience.0, bench.clock).await?;
    Ok(Drained {
        tasks: run.accepted.len() as u64,
        enqueue: run.elapsed(),
        drain: receipts.last.unwrap_or(began).since(began),
        resident,
        peak: watch.as_ref().map(Watch::peak).max(resident),
        missing: receipts.missing,
        duplicates: receipts.duplicates,
    })
}

/// How many of the accepted tasks have arrived; late arrivals of an earlier queue are none of them.
fn early(accepted: &[Accepted], arrivals: &[Arrival]) -> usize {
    let early: HashSet<Uuid> = arrivals.iter().map(|arrival| arrival.task).collect();
    accepted
        .iter()
        .filter(|accepted| early.contains(&accepted.task))
        .count()
}

impl Drained {
    /// Tasks a second from the order to resume until the last arrival.
    fn rate(&self) -> f64 {
        float(self.tasks - self.missing) / self.drain.as_secs_f64()
    }
}
