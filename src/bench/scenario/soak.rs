use std::time::Duration;

use anyhow::{Context, Result, ensure};
use proto::{DeliverySettings, Keep, NewQueue, RetentionPolicy, Span, Storage};

use super::{
    super::{
        clock::Moment,
        figure::{Figure, float, grouped},
        load::Pace,
        report::{Bound, Row, Section, Target},
        verify,
    },
    Bench,
};

/// How long the queue keeps what went through. Less than the first million takes, also on a fast machine (36 s were measured): a size that is
/// taken before anything was let go says how much is kept, and not whether more and more is.
const KEEP: Span = Span::seconds(20);

/// The longest partitions, and the longest pause between two sweeps, with which anything of that is gone while this runs.
const PARTITION: u64 = 20;
const SWEEP: Duration = Duration::from_secs(15);

/// In how many slices the tasks go through; after each is looked at what the database takes.
const SLICES: u64 = 25;

/// The size that others are compared with is that after the first million, or after the first fifth if that is less.
const FIRST: u64 = 1_000_000;

const MINUTE: Duration = Duration::from_mins(1);

/// How far it was, when, and what the database took then.
struct Sample {
    at: Moment,
    tasks: u64,
    bytes: u64,
    dead: u64,
}

/// Many tasks through a queue that keeps nothing for long: does the database stay as it is, and the rate?
pub(super) async fn run(bench: &Bench) -> Result<Section> {
    check(bench).await?;
    let new = NewQueue {
        name: bench.queue_name("soak"),
        settings: DeliverySettings {
            retention: Some(RetentionPolicy {
                payloads: Some(Keep::For(KEEP)),
                attempts: Some(Keep::For(KEEP)),
                dead_letters: Some(Keep::For(KEEP)),
            }),
            ..DeliverySettings::default()
        },
        ..NewQueue::default()
    };
    let (samples, missing, duplicates) = bench
        .api
        .with(new, bench.one_endpoint(), async |queue| soak(bench, &queue).await)
        .await?;
    let [began, .., last] = samples.as_slice() else {
        anyhow::bail!("nothing went through");
    };
    let first = samples
        .iter()
        .find(|sample| sample.tasks >= FIRST.min(bench.args.soak / 5))
        .unwrap_or(last);
    let growth = Figure::ratio("size_of_first", "", float(last.bytes), float(first.bytes));
    let whole = last.at.since(began.at);
    let second = rate(&samples, began.at.after(MINUTE), began.at.after(MINUTE * 2));
    let ending = rate(&samples, last.at.before(MINUTE), last.at);
    let steady = Figure::ratio("last_of_second_minute", "", ending, second);
    let dead = samples.iter().map(|sample| sample.dead).max().unwrap_or(0);
    Ok(Section {
        name: "soak",
        title: format!(
            "{} tasks of {} bytes, kept for {KEEP}",
            grouped(last.tasks),
            bench.args.payload
        ),
        rows: vec![
            Row {
                label: "database",
                figures: vec![
                    Figure::bytes("first_bytes", "after the first part", Some(first.bytes)),
                    Figure::bytes("end_bytes", "at the end", Some(last.bytes)),
                    growth,
                ],
            },
            Row {
                label: "dead rows of deliveries",
                figures: vec![
                    Figure::count("dead_rows_max", "most", dead),
                    Figure::count("dead_rows_end", "at the end", last.dead),
                ],
            },
            Row {
                label: "end to end",
                figures: vec![
                    Figure::rate("end_to_end_per_s", "", last.tasks, whole),
                    Figure::per_second("second_minute_per_s", "second minute", second),
                    Figure::per_second("last_minute_per_s", "last minute", ending),
                    Figure::seconds("seconds", "in", whole),
                ],
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
                name: "size at the end, of that after the first million",
                measured: growth,
                bound: Bound::Below(1.5),
            },
            Target {
                name: "rate in the last minute, of that in the second",
                measured: steady,
                bound: Bound::AtLeast(0.9),
            },
        ],
        missing,
    })
}

/// The samples, the first before anything; and how many tasks did not arrive, and how many twice.
async fn soak(bench: &Bench, queue: &str) -> Result<(Vec<Sample>, u64, u64)> {
    bench.receiver.take();
    let (mut missing, mut duplicates, mut tasks) = (0, 0, 0);
    let mut samples = vec![sample(bench, 0).await?];
    while tasks < bench.args.soak {
        let slice = bench.args.soak.div_ceil(SLICES).min(bench.args.soak - tasks);
        let (load, requests) = bench.batch_load(queue, slice)?;
        let run = load.run(Pace::Closed { requests }, bench.clock).await?;
        ensure!(!run.accepted.is_empty(), "the server took none of {slice} tasks");
        let receipts =
            verify::await_all(&bench.receiver, &run.accepted, bench.args.patience.0, bench.clock).await?;
        tasks += run.accepted.len() as u64;
        missing += receipts.missing;
        duplicates += receipts.duplicates;
        let now = sample(bench, tasks).await?;
        eprintln!(
            "bench: {} tasks, {} MB, {} dead rows",
            grouped(tasks),
            now.bytes / 1_000_000,
            grouped(now.dead)
        );
        samples.push(now);
    }
    Ok((samples, missing, duplicates))
}

async fn sample(bench: &Bench, tasks: u64) -> Result<Sample> {
    let at = bench.clock.now();
    let storage: Storage = bench.api.read("/v1/storage").await?;
    let hot = storage.tables.iter().find(|table| table.name == "deliveries");
    Ok(Sample {
        at,
        tasks,
        bytes: storage.database_bytes,
        dead: hot.map_or(0, |table| table.dead_rows),
    })
}

/// A server that lets go only after days would show nothing.
async fn check(bench: &Bench) -> Result<()> {
    let storage: Storage = bench.api.read("/v1/storage").await?;
    let system: proto::SystemReport = bench.api.read("/v1/system").await?;
    let sweep = system
        .configuration
        .iter()
        .find(|entry| entry.key == "storage.sweep_interval")
        .and_then(|entry| entry.value.parse::<Span>().ok())
        .context("the server does not tell its storage.sweep_interval: it is too old for this scenario")?;
    ensure!(
        storage.partition_seconds <= PARTITION && sweep.0 <= SWEEP,
        "the server keeps what went through in partitions of {} s, and sweeps every {sweep}: for `soak` start it with --set storage.partition=10s \
         --set storage.sweep_interval=5s, on a database that is new",
        storage.partition_seconds
    );
    Ok(())
}

/// Tasks a second between two moments. What went through between two samples did so evenly.
fn rate(samples: &[Sample], from: Moment, to: Moment) -> f64 {
    let done = |at: Moment| {
        let next = samples
            .iter()
            .position(|sample| sample.at >= at)
            .unwrap_or(samples.len());
        match (
            next.checked_sub(1).and_then(|before| samples.get(before)),
            samples.get(next),
        ) {
            (Some(before), Some(after)) => {
                let part = at.since(before.at).as_secs_f64() / after.at.since(before.at).as_secs_f64();
                float(before.tasks) + part * float(after.tasks - before.tasks)
            }
            (Some(last), None) => float(last.tasks),
            _ => 0.0,
        }
    };
    let (first, last) = (samples.first(), samples.last());
    let within =
        |at: Moment| first.is_some_and(|first| at >= first.at) && last.is_some_and(|last| at <= last.at);
    if !within(from) || !within(to) {
        return f64::NAN;
    }
    (done(to) - done(from)) / to.since(from).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_time_between() {
        let second = |seconds: u64| Moment(seconds * 1_000_000_000);
        let sample = |at: u64, tasks: u64| Sample {
            at: second(at),
            tasks,
            bytes: 0,
            dead: 0,
        };
        let samples = [sample(10, 0), sample(20, 1_000), sample(40, 2_000)];
        for (from, to, expected) in [
            (10, 20, 100.0),
            (15, 25, 75.0),
            (20, 40, 50.0),
            (10, 40, 2_000.0 / 30.0),
        ] {
            let measured = rate(&samples, second(from), second(to));
            assert!((measured - expected).abs() < 0.01, "{from} to {to}: {measured}");
        }
        assert!(
            rate(&samples, second(30), second(41)).is_nan(),
            "it did not last so long"
        );
        assert!(rate(&samples, second(1), second(20)).is_nan());
    }
}
