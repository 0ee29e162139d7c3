use anyhow::Result;
use hdrhistogram::Histogram;

use super::{
    super::{
        figure::{Figure, grouped},
        latency,
        load::Pace,
        payload,
        report::{Bound, Row, Section, Target},
        verify,
    },
    Bench,
};

/// Endpoints in all, and how many of them hang by turns.
const ENDPOINTS: u32 = 100;
const SICK: [u32; 3] = [1, 10, 50];

/// Deliveries that wait for each endpoint that hangs, from the beginning on.
const BACKLOG: u32 = 1_000;

/// Tasks of the closed loop by which the node's capacity is found.
const CAPACITY_TASKS: u64 = 30_000;

/// A steady load on many endpoints at half of what the node can do, while none, and then more and more of them hang.
pub(super) async fn run(bench: &Bench) -> Result<Section> {
    let endpoints = bench.endpoints(ENDPOINTS)?;
    bench
        .api
        .with_queue(bench.queue_name("isolation"), endpoints, async |queue| {
            let result = measure(bench, &queue).await;
            bench.receiver.sicken(0);
            result
        })
        .await
}

/// What was measured while so many endpoints hung.
struct Phase {
    sick: u32,
    latency: Histogram<u64>,
    missing: u64,
}

async fn measure(bench: &Bench, queue: &str) -> Result<Section> {
    let capacity = capacity(bench, queue).await?;
    let rate = capacity / 2.0;
    let before = phase(bench, queue, rate, 0).await?;
    let mut phases = vec![];
    for sick in SICK {
        phases.push(phase(bench, queue, rate, sick).await?);
    }
    let p99 = |phase: &Phase| latency::percentile_ms(&phase.latency, 99.0);
    let row = |label, keys: [&'static str; 3], phase: &Phase| {
        let mut figures = vec![
            Figure::percentile(keys[0], "p50", &phase.latency, 50.0),
            Figure::percentile(keys[1], "p99", &phase.latency, 99.0),
        ];
        if phase.sick > 0 {
            figures.push(Figure::ratio(keys[2], "of before", p99(phase), p99(&before)));
        }
        Row { label, figures }
    };
    let keys = [
        ["p50_1_sick_ms", "p99_1_sick_ms", "p99_1_sick_of_before"],
        ["p50_10_sick_ms", "p99_10_sick_ms", "p99_10_sick_of_before"],
        ["p50_50_sick_ms", "p99_50_sick_ms", "p99_50_sick_of_before"],
    ];
    let labels = ["with 1 that hangs", "with 10 that hang", "with 50 that hang"];
    let names = [
        "p99 of the healthy with 1 endpoint that hangs, of that before",
        "p99 of the healthy with 10 endpoints that hang, of that before",
        "p99 of the healthy with 50 endpoints that hang, of that before",
    ];
    let mut rows = vec![
        Row {
            label: "capacity",
            figures: vec![
                Figure::per_second("capacity_per_s", "", capacity),
                Figure::per_second("load_per_s", "load", rate),
            ],
        },
        row("all healthy", ["p50_healthy_ms", "p99_healthy_ms", ""], &before),
    ];
    let mut targets = vec![];
    for (((phase, keys), label), name) in phases.iter().zip(keys).zip(labels).zip(names) {
        rows.push(row(label, keys, phase));
        targets.push(Target {
            name,
            measured: Figure::ratio(keys[2], "", p99(phase), p99(&before)),
            bound: Bound::Below(1.3),
        });
    }
    Ok(Section {
        name: "isolation",
        title: format!(
            "{ENDPOINTS} endpoints at a steady load for {}, some of which hang with {} deliveries waiting for each: answer to receipt of the others",
            bench.args.duration,
            grouped(u64::from(BACKLOG))
        ),
        rows,
        targets,
        missing: before.missing + phases.iter().map(|phase| phase.missing).sum::<u64>(),
    })
}

/// Single tasks a second from first to last, in a closed loop over all endpoints.
async fn capacity(bench: &Bench, queue: &str) -> Result<f64> {
    let load = bench.singles_load(queue, bench.bodies.addressed(0..ENDPOINTS))?;
    bench.receiver.take();
    let requests = bench.args.tasks.min(CAPACITY_TASKS);
    let run = load.run(Pace::Closed { requests }, bench.clock).await?;
    let receipts =
        verify::await_all(&bench.receiver, &run.accepted, bench.args.patience.0, bench.clock).await?;
    let whole = receipts.last.unwrap_or(run.ended).since(run.began);
    Ok(Figure::rate("", "", receipts.arrived, whole).number())
}

async fn phase(bench: &Bench, queue: &str, rate: f64, sick: u32) -> Result<Phase> {
    bench.receiver.sicken(sick);
    pile_up(bench, queue, sick).await?;
    let pace = |part: u32| Pace::Open {
        rate: rate * f64::from(part) / f64::from(ENDPOINTS),
        duration: bench.args.duration.0,
    };
    let load = |endpoints| bench.singles_load(queue, bench.bodies.addressed(endpoints));
    bench.receiver.take();
    let healthy = load(sick..ENDPOINTS)?.run(pace(ENDPOINTS - sick), bench.clock);
    // Those that hang have their part of the load all the while.
    let ailing = async {
        if sick > 0 {
            load(0..sick)?.run(pace(sick), bench.clock).await?;
        }
        Ok(())
    };
    let (run, ()) = tokio::try_join!(healthy, ailing)?;
    let receipts =
        verify::await_all(&bench.receiver, &run.accepted, bench.args.patience.0, bench.clock).await?;
    Ok(Phase {
        sick,
        latency: receipts.latency,
        missing: receipts.missing,
    })
}

/// Lets deliveries wait for the endpoints that hang.
async fn pile_up(bench: &Bench, queue: &str, sick: u32) -> Result<()> {
    if sick == 0 {
        return Ok(());
    }
    let bodies = bench.bodies.addressed(0..sick);
    let tasks = u64::from(sick) * u64::from(BACKLOG);
    let batch = payload::lines(bodies.iter().cycle().take(BACKLOG as usize));
    let (load, requests) = bench.batches_load(queue, tasks, BACKLOG, vec![batch])?;
    load.run(Pace::Closed { requests }, bench.clock).await?;
    Ok(())
}
