use anyhow::Result;

use super::{
    super::{
        figure::{Figure, grouped},
        load::{Load, Pace},
        report::{Bound, Row, Section, Target},
        verify,
    },
    Bench, bare, enqueue_rows, receipt_rows,
};

/// Single tasks in a closed loop, end to end.
pub(super) async fn single(bench: &Bench) -> Result<Section> {
    let title = format!(
        "{} tasks of {} bytes, one a request, over {} connections",
        grouped(bench.args.tasks),
        bench.args.payload,
        bench.args.concurrency
    );
    let target = "single tasks end to end, of the bare baseline";
    end_to_end(bench, "single", title, (target, 0.25), |queue| {
        Ok((bench.single_load(queue)?, bench.args.tasks))
    })
    .await
}

/// Batches in a closed loop, end to end.
pub(super) async fn batch(bench: &Bench) -> Result<Section> {
    let title = format!(
        "{} tasks of {} bytes, {} a request, over {} connections",
        grouped(bench.args.tasks),
        bench.args.payload,
        bench.args.batch_size,
        bench.args.batch_concurrency
    );
    let target = "batches end to end, of the bare baseline";
    end_to_end(bench, "batch", title, (target, 0.40), |queue| {
        bench.batch_load(queue, bench.args.tasks)
    })
    .await
}

/// The bare baseline, then the load, then the baseline once more: a machine that is slower by then shows it.
async fn end_to_end(
    bench: &Bench,
    name: &'static str,
    title: String,
    (target, share): (&'static str, f64),
    load: impl FnOnce(&str) -> Result<(Load, u64)>,
) -> Result<Section> {
    let before = bare::measure(bench).await?;
    let (run, receipts) = bench
        .api
        .with_queue(bench.queue_name(name), bench.one_endpoint(), async |queue| {
            let (load, requests) = load(&queue)?;
            bench.receiver.take();
            let run = load.run(Pace::Closed { requests }, bench.clock).await?;
            let receipts =
                verify::await_all(&bench.receiver, &run.accepted, bench.args.patience.0, bench.clock).await?;
            Ok((run, receipts))
        })
        .await?;
    let after = bare::measure(bench).await?;

    let whole = receipts.last.unwrap_or(run.ended).since(run.began);
    let rate = Figure::rate("end_to_end_per_s", "", receipts.arrived, whole);
    let bare = f64::midpoint(before, after);
    let ratio = Figure::ratio("of_bare", "of bare", rate.number(), bare);
    let [enqueue_latency, requests] = enqueue_rows(&run);
    let [receipt_latency, accepted] = receipt_rows(&receipts);
    Ok(Section {
        name,
        title,
        rows: vec![
            Row {
                label: "bare baseline",
                figures: vec![
                    Figure::per_second("bare_per_s", "", bare),
                    Figure::per_second("bare_before_per_s", "before", before),
                    Figure::per_second("bare_after_per_s", "after", after),
                ],
            },
            Row {
                label: "end to end",
                figures: vec![rate, ratio, Figure::seconds("seconds", "in", whole)],
            },
            Row {
                label: "enqueue rate",
                figures: vec![Figure::rate(
                    "enqueue_per_s",
                    "",
                    run.accepted.len() as u64,
                    run.elapsed(),
                )],
            },
            enqueue_latency,
            receipt_latency,
            requests,
            accepted,
        ],
        targets: vec![Target {
            name: target,
            measured: ratio,
            bound: Bound::AtLeast(share),
        }],
        missing: receipts.missing,
    })
}
