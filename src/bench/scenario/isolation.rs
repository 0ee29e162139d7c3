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

/// How often each number of them is measured, before and while they hang: of these ratios the one in the middle counts. A p99 of a
/// millisecond or two rests on what else the machine did in ten of its seconds.
const ROUNDS: usize = 3;

/// The part of the duration that one measurement takes.
const PART: u32 = 2;

/// A steady load on many endpoints at half of what the node can do, and again while some of them hang.
pub(super) async fn run(bench: &Bench) -> Result<Section> {
    let capacity = with_endpoints(
        bench,
        "capacity",
        |queue| async move { capacity(bench, &queue).await },
    )
    .await?;
    let rate = capacity / 2.0;
    let mut pairs = SICK.map(|_| vec![]);
    for round in 0..ROUNDS {
        for (sick, pairs) in SICK.into_iter().zip(&mut pairs) {
            let name = format!("isolation-{round}-{sick}");
            let pair = with_endpoints(bench, &name, |queue| pair(bench, queue, rate, sick)).await;
            bench.receiver.sicken(0);
            pairs.push(pair?);
        }
    }
    Ok(report(bench, capacity, &pairs))
}

async fn with_endpoints<T, F>(bench: &Bench, name: &str, measure: impl FnOnce(String) -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let endpoints = bench.endpoints(ENDPOINTS)?;
    bench
        .api
        .with_queue(bench.queue_name(name), endpoints, measure)
        .await
}

/// The p99 of the healthy in milliseconds: while all were, and then while some hung.
struct Pair {
    before: f64,
    meanwhile: f64,
    missing: u64,
}

async fn pair(bench: &Bench, queue: String, rate: f64, sick: u32) -> Result<Pair> {
    let p99 = |latency: &Histogram<u64>| latency::percentile_ms(latency, 99.0);
    let (before, lost_before) = phase(bench, &queue, rate, sick).await?;
    bench.receiver.sicken(sick);
    pile_up(bench, &queue, sick).await?;
    let (meanwhile, lost) = phase(bench, &queue, rate, sick).await?;
    Ok(Pair {
        before: p99(&before),
        meanwhile: p99(&meanwhile),
        missing: lost_before + lost,
    })
}

fn report(bench: &Bench, capacity: f64, pairs: &[Vec<Pair>; SICK.len()]) -> Section {
    let keys = [
        [
            "p99_before_1_ms",
            "p99_1_sick_ms",
            "p99_1_sick_of_before",
            "p99_1_least",
            "p99_1_most",
        ],
        [
            "p99_before_10_ms",
            "p99_10_sick_ms",
            "p99_10_sick_of_before",
            "p99_10_least",
            "p99_10_most",
        ],
        [
            "p99_before_50_ms",
            "p99_50_sick_ms",
            "p99_50_sick_of_before",
            "p99_50_least",
            "p99_50_most",
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
    for (((pairs, keys), label), name) in pairs.iter().zip(keys).zip(labels).zip(names) {
        let mut by_ratio: Vec<&Pair> = pairs.iter().collect();
        by_ratio.sort_by(|a, b| (a.meanwhile / a.before).total_cmp(&(b.meanwhile / b.before)));
        let ratio = |key, name, pair: &Pair| Figure::ratio(key, name, pair.meanwhile, pair.before);
        let middle = by_ratio[ROUNDS / 2];
        rows.push(Row {
            label,
            figures: vec![
                Figure::milliseconds(keys[0], "p99 before", middle.before),
                Figure::milliseconds(keys[1], "meanwhile", middle.meanwhile),
                ratio(keys[2], "of before", middle),
                ratio(keys[3], "least", by_ratio[0]),
                ratio(keys[4], "most", by_ratio[ROUNDS - 1]),
            ],
        });
        targets.push(Target {
            name,
            measured: ratio(keys[2], "", middle),
            bound: Bound::Below(1.3),
        });
    }
    Section {
        name: "isolation",
        title: format!(
            "{ENDPOINTS} endpoints at a steady load for {:?}, and again while some hang with {} deliveries waiting for each, \
             {ROUNDS} times: answer to receipt of the others",
            bench.args.duration.0 / PART,
            grouped(u64::from(BACKLOG))
        ),
        rows,
        targets,
        missing: pairs.iter().flatten().map(|pair| pair.missing).sum(),
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
/// whether they hang or not. From answer to receipt of the others, and how many of those were lost.
async fn phase(bench: &Bench, queue: &str, rate: f64, apart: u32) -> Result<(Histogram<u64>, u64)> {
    let pace = |part: u32| Pace::Open {
        rate: rate * f64::from(part) / f64::from(ENDPOINTS),
        duration: bench.args.duration.0 / PART,
    };
    let load = |endpoints| bench.singles_load(queue, bench.bodies.addressed(endpoints));
    bench.receiver.take();
    let others = load(apart..ENDPOINTS)?.run(pace(ENDPOINTS - apart), bench.clock);
    let these = load(0..apart)?.run(pace(apart), bench.clock);
    let (run, _) = tokio::try_join!(others, these)?;
    let receipts =
        verify::await_all(&bench.receiver, &run.accepted, bench.args.patience.0, bench.clock).await?;
    Ok((receipts.latency, receipts.missing))
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
