use anyhow::{Result, ensure};

use super::{
    super::{
        figure::{Figure, grouped},
        load::{Pace, Run},
        report::{Bound, Row, Section, Target},
        stream::Streams,
    },
    Bench,
};

/// Tasks that are committed while none is pushed: as batches over REST, and over gRPC's `EnqueueStream`.
pub(super) async fn run(bench: &Bench) -> Result<Section> {
    let tasks = bench.args.ingest;
    let batches = measure(bench, "batches", async |queue| {
        let (load, requests) = bench.batch_load(&queue, tasks)?;
        load.run(Pace::Closed { requests }, bench.clock).await
    })
    .await?;
    let streams = measure(bench, "streams", async |queue| {
        let load = Streams {
            site: bench.api.site.clone(),
            queue,
            payloads: bench.bodies.bare.clone(),
            count: bench.args.batch_concurrency,
        };
        load.run(tasks, bench.clock).await
    })
    .await?;
    let rate = |key, run: &Run| Figure::rate(key, "", run.accepted.len() as u64, run.elapsed());
    let (by_batch, by_stream) = (rate("batch_per_s", &batches), rate("stream_per_s", &streams));
    let target = |name, measured| Target {
        name,
        measured,
        bound: Bound::AtLeast(60_000.0),
    };
    Ok(Section {
        name: "ingest",
        title: format!(
            "{} tasks of {} bytes, none pushed: batches of {} and gRPC streams, {} at once",
            grouped(tasks),
            bench.args.payload,
            bench.args.batch_size,
            bench.args.batch_concurrency
        ),
        rows: vec![
            Row {
                label: "batches over REST",
                figures: vec![
                    by_batch,
                    Figure::seconds("batch_seconds", "in", batches.elapsed()),
                ],
            },
            Row {
                label: "EnqueueStream",
                figures: vec![
                    by_stream,
                    Figure::seconds("stream_seconds", "in", streams.elapsed()),
                ],
            },
        ],
        targets: vec![
            target("tasks committed by batches over REST", by_batch),
            target("tasks committed by EnqueueStream", by_stream),
        ],
        missing: 0,
    })
}

/// Enqueues into a paused queue, and sees to it that everything was taken.
async fn measure<F>(bench: &Bench, name: &str, load: impl FnOnce(String) -> F) -> Result<Run>
where
    F: Future<Output = Result<Run>>,
{
    let run = bench
        .api
        .with_queue(bench.queue_name(name), bench.one_endpoint(), async |queue| {
            bench.api.pause(&queue).await?;
            load(queue).await
        })
        .await?;
    ensure!(
        run.refused == 0 && run.unanswered == 0 && run.turned_away == 0,
        "{name}: {} tasks were refused, {} requests turned away, {} left unanswered",
        run.refused,
        run.turned_away,
        run.unanswered
    );
    Ok(run)
}
