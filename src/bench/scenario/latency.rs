use anyhow::Result;

use super::{
    super::{
        figure::Figure,
        load::Pace,
        report::{Bound, Row, Section, Target},
        verify,
    },
    Bench, enqueue_rows, receipt_rows,
};

/// An open loop of single tasks at a steady rate.
pub(super) async fn run(bench: &Bench) -> Result<Section> {
    let (rate, duration) = (bench.args.rate, bench.args.duration);
    let (run, receipts) = bench
        .api
        .with_queue(bench.queue_name("latency"), bench.one_endpoint(), async |queue| {
            let load = bench.single_load(&queue)?;
            bench.receiver.take();
            let run = load
                .run(
                    Pace::Open {
                        rate,
                        duration: duration.0,
                    },
                    bench.clock,
                )
                .await?;
            let receipts =
                verify::await_all(&bench.receiver, &run.accepted, bench.args.patience.0, bench.clock).await?;
            Ok((run, receipts))
        })
        .await?;
    let below = |name, key, of| Target {
        name,
        measured: Figure::percentile(key, "", of, 99.0),
        bound: Bound::Below(10.0),
    };
    let targets = vec![
        below("enqueue p99 of an idle server", "enqueue_p99_ms", &run.latency),
        below(
            "answer-to-receipt p99 of an idle server",
            "receipt_p99_ms",
            &receipts.latency,
        ),
    ];
    let [enqueue_latency, requests] = enqueue_rows(&run);
    let [receipt_latency, accepted] = receipt_rows(&receipts);
    let sent = Row {
        label: "enqueue rate",
        figures: vec![Figure::rate(
            "enqueue_per_s",
            "",
            run.accepted.len() as u64,
            run.elapsed(),
        )],
    };
    Ok(Section {
        name: "latency",
        title: format!(
            "{rate} tasks a second of {} bytes for {duration}, one a request",
            bench.args.payload
        ),
        rows: vec![sent, enqueue_latency, receipt_latency, requests, accepted],
        targets,
        missing: receipts.missing,
    })
}
