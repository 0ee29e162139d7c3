use anyhow::Result;

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

/// The parts of one measurement, of whose percentiles the one in the middle counts: a p99 of a millisecond rests on what else the machine
/// did in a few of its seconds.
const PARTS: u32 = 9;

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

/// From answer to receipt of the healthy.
struct Phase {
    p50: f64,
    p99: f64,
    /// The p99 of the worst part.
    worst: f64,
    missing: u64,
}

async fn measure(bench: &Bench, queue: &str) -> Result<Section> {
    let capacity = capacity(bench, queue).await?;
    let rate = capacity / 2.0;
    let (mut before, mut meanwhile) = (vec![], vec![]);
    for apart in SICK {
        before.push(phase(bench, queue, rate, apart).await?);
    }
    for sick in SICK {
        bench.receiver.sicken(sick);
        pile_up(bench, queue, sick).await?;
        meanwhile.push(phase(bench, queue, rate, sick).await?);
    }
    Ok(report(bench, capacity, &before, &meanwhile))
}

fn report(bench: &Bench, capacity: f64, before: &[Phase], meanwhile: &[Phase]) -> Section {
    let keys = [
        [
            "p99_before_1_ms",
            "p50_1_sick_ms",
            "p99_1_sick_ms",
            "p99_1_sick_of_before",
            "worst_before_1_ms",
            "worst_1_sick_ms",
        ],
        [
            "p99_before_10_ms",
            "p50_10_sick_ms",
            "p99_10_sick_ms",
            "p99_10_sick_of_before",
            "worst_before_10_ms",
            "worst_10_sick_ms",
        ],
        [
            "p99_before_50_ms",
            "p50_50_sick_ms",
            "p99_50_sick_ms",
            "p99_50_sick_of_before",
            "worst_before_50_ms",
            "worst_50_sick_ms",
        ],
    ];
    let labels = ["with 1 that hangs", "with 10 that hang", "with 50 that hang"];
    let names = [
        "p99 of the healthy with 1 endpoint that hangs, of that before",
        "p99 of the healthy with 10 endpoints that hang, of that before",
        "p99 of the healthy with 50 endpoints that hang, of that before",
    ];
    let mut rows = vec![Row {
        label: "capacity",
        figures: vec![
            Figure::per_second("capacity_per_s", "", capacity),
            Figure::per_second("load_per_s", "load", capacity / 2.0),
        ],
    }];
    let mut targets = vec![];
    let phases = before.iter().zip(meanwhile);
    for (((phases, keys), label), name) in phases.zip(keys).zip(labels).zip(names) {
        let (before, meanwhile) = phases;
        let ratio = |name| Figure::ratio(keys[3], name, meanwhile.p99, before.p99);
        rows.push(Row {
            label,
            figures: vec![
                Figure::milliseconds(keys[0], "p99 before", before.p99),
                Figure::milliseconds(keys[1], "p50", meanwhile.p50),
                Figure::milliseconds(keys[2], "p99", meanwhile.p99),
                ratio("of before"),
                Figure::milliseconds(keys[4], "worst part before", before.worst),
                Figure::milliseconds(keys[5], "meanwhile", meanwhile.worst),
            ],
        });
        targets.push(Target {
            name,
            measured: ratio(""),
            bound: Bound::Below(1.3),
        });
    }
    Section {
        name: "isolation",
        title: format!(
            "{ENDPOINTS} endpoints at a steady load for {}, some of which hang with {} deliveries waiting for each: answer to receipt of the others",
            bench.args.duration,
            grouped(u64::from(BACKLOG))
        ),
        rows,
        targets,
        missing: before.iter().chain(meanwhile).map(|phase| phase.missing).sum(),
    }
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

/// A steady load on all endpoints, in two streams: the first `apart` have one of their own, so that the load is made in the same way
/// whether they hang or not. Percentiles of the others.
async fn phase(bench: &Bench, queue: &str, rate: f64, apart: u32) -> Result<Phase> {
    let pace = |endpoints: u32| Pace::Open {
        rate: rate * f64::from(endpoints) / f64::from(ENDPOINTS),
        duration: bench.args.duration.0 / PARTS,
    };
    let load = |endpoints| bench.singles_load(queue, bench.bodies.addressed(endpoints));
    let (mut p50, mut p99, mut missing) = (vec![], vec![], 0);
    for _ in 0..PARTS {
        bench.receiver.take();
        let others = load(apart..ENDPOINTS)?.run(pace(ENDPOINTS - apart), bench.clock);
        let these = load(0..apart)?.run(pace(apart), bench.clock);
        let (run, _) = tokio::try_join!(others, these)?;
        let receipts =
            verify::await_all(&bench.receiver, &run.accepted, bench.args.patience.0, bench.clock).await?;
        p50.push(latency::percentile_ms(&receipts.latency, 50.0));
        p99.push(latency::percentile_ms(&receipts.latency, 99.0));
        missing += receipts.missing;
    }
    Ok(Phase {
        p50: middle(p50),
        worst: p99.iter().copied().fold(0.0, f64::max),
        p99: middle(p99),
        missing,
    })
}

fn middle(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

/// Lets deliveries wait for the endpoints that hang.
async fn pile_up(bench: &Bench, queue: &str, sick: u32) -> Result<()> {
    let bodies = bench.bodies.addressed(0..sick);
    let tasks = u64::from(sick) * u64::from(BACKLOG);
    let batch = payload::lines(bodies.iter().cycle().take(BACKLOG as usize));
    let (load, requests) = bench.batches_load(queue, tasks, BACKLOG, vec![batch])?;
    load.run(Pace::Closed { requests }, bench.clock).await?;
    Ok(())
}
