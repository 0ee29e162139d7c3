use anyhow::Result;

use super::{
    super::{
        figure::{Figure, grouped},
        load::Pace,
        memory::Watch,
        payload,
        report::{Bound, Row, Section, Target},
        verify,
    },
    Bench,
};

/// The same load on one endpoint, and spread over many.
pub(super) async fn run(bench: &Bench) -> Result<Section> {
    let lanes = bench.args.lanes;
    let tasks = u64::from(lanes) * u64::from(bench.args.lane_tasks);
    let (before, lost_before, _) = measure(bench, "one", 1, tasks).await?;
    let (spread, lost, peak) = measure(bench, "many", lanes, tasks).await?;
    let (after, lost_after, _) = measure(bench, "again", 1, tasks).await?;
    let one = f64::midpoint(before, after);
    let ratio = Figure::ratio("many_of_one", "of one", spread, one);
    let peak = Figure::bytes("lanes_peak_bytes", "peak", peak);
    Ok(Section {
        name: "lanes",
        title: format!(
            "{} tasks of {} bytes in batches, to one endpoint and to {}",
            grouped(tasks),
            bench.args.payload,
            grouped(u64::from(lanes))
        ),
        rows: vec![
            Row {
                label: "one endpoint",
                figures: vec![
                    Figure::per_second("one_per_s", "", one),
                    Figure::per_second("one_before_per_s", "before", before),
                    Figure::per_second("one_after_per_s", "after", after),
                ],
            },
            Row {
                label: "many endpoints",
                figures: vec![Figure::per_second("many_per_s", "", spread), ratio],
            },
            Row {
                label: "server's memory",
                figures: vec![peak],
            },
        ],
        targets: vec![
            Target {
                name: "rate over many endpoints, of that of one",
                measured: ratio,
                bound: Bound::AtLeast(0.8),
            },
            Target {
                name: "resident memory with many endpoints",
                measured: peak,
                bound: Bound::Below(200e6),
            },
        ],
        missing: lost_before + lost + lost_after,
    })
}

/// The end-to-end rate, how many tasks never arrived, and the most memory the server took meanwhile.
async fn measure(bench: &Bench, name: &str, endpoints: u32, tasks: u64) -> Result<(f64, u64, Option<u64>)> {
    let bodies = bench.bodies.addressed(0..endpoints);
    // Each batch goes to endpoints that follow one another, the next one to those after them.
    let items = bench
        .args
        .batch_size
        .min(u32::try_from(tasks).unwrap_or(u32::MAX));
    let batches: Vec<_> = (0..tasks.div_ceil(u64::from(items)))
        .map(|batch| {
            let first = usize::try_from(batch * u64::from(items)).unwrap_or(0) % bodies.len();
            payload::lines(bodies.iter().cycle().skip(first).take(items as usize))
        })
        .collect();
    bench
        .api
        .with_queue(
            bench.queue_name(name),
            bench.endpoints(endpoints)?,
            async |queue| {
                let (load, requests) = bench.batches_load(&queue, tasks, items, batches)?;
                bench.receiver.take();
                let watch = bench.args.pid.map(Watch::start).transpose()?;
                let run = load.run(Pace::Closed { requests }, bench.clock).await?;
                let receipts =
                    verify::await_all(&bench.receiver, &run.accepted, bench.args.patience.0, bench.clock)
                        .await?;
                let whole = receipts.last.unwrap_or(run.ended).since(run.began);
                let rate = Figure::rate("", "", receipts.arrived, whole).number();
                Ok((rate, receipts.missing, watch.as_ref().map(Watch::peak)))
            },
        )
        .await
}
