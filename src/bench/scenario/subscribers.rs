use anyhow::{Context, Result, ensure};
use http::StatusCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{
    super::{
        figure::{Figure, grouped},
        load::Pace,
        memory,
        report::{Bound, Row, Section, Target},
        verify,
    },
    Bench,
};

/// How often each of the two is measured, by turns: so that a machine that grows slower meanwhile is blamed on neither.
const ROUNDS: u32 = 3;

/// What subscribers of the event stream who wait for something that never happens cost: memory, and dispatch rate.
pub(super) async fn run(bench: &Bench) -> Result<Section> {
    let count = bench.args.subscribers;
    let resident = || bench.args.pid.map(memory::resident).transpose();
    let (mut alone, mut watched) = (vec![], vec![]);
    let mut grown = None;
    let mut missing = 0;
    // The first takes the server's memory to what it works with.
    missing += dispatch(bench, "warm").await?.1;
    for round in 0..ROUNDS {
        let (rate, lost) = dispatch(bench, &format!("alone-{round}")).await?;
        alone.push(rate);
        let before = resident()?;
        let subscribers = subscribe(bench, count).await?;
        if let (Some(before), Some(after), None) = (before, resident()?, grown) {
            grown = Some(after.saturating_sub(before));
        }
        let (rate, lost_too) = dispatch(bench, &format!("watched-{round}")).await?;
        watched.push(rate);
        drop(subscribers);
        missing += lost + lost_too;
    }
    let (alone, watched) = (median(alone), median(watched));
    let ratio = Figure::ratio("rate_of_unwatched", "of without", watched, alone);
    let memory = Figure::bytes("subscribers_bytes", "", grown);
    Ok(Section {
        name: "subscribers",
        title: format!(
            "{} subscribers of the event stream for whom nothing happens",
            grouped(u64::from(count))
        ),
        rows: vec![
            Row {
                label: "dispatch rate, batches",
                figures: vec![
                    Figure::per_second("without_per_s", "without", alone),
                    Figure::per_second("with_per_s", "with", watched),
                    ratio,
                ],
            },
            Row {
                label: "server's memory, more",
                figures: vec![memory],
            },
        ],
        targets: vec![
            Target {
                name: "memory of the subscribers",
                measured: memory,
                bound: Bound::Below(50e6),
            },
            Target {
                name: "dispatch rate with subscribers, of that without",
                measured: ratio,
                bound: Bound::AtLeast(0.95),
            },
        ],
        missing,
    })
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// The end-to-end rate of batches, and how many tasks never arrived.
async fn dispatch(bench: &Bench, name: &str) -> Result<(f64, u64)> {
    bench
        .api
        .with_queue(bench.queue_name(name), bench.one_endpoint(), async |queue| {
            let (load, requests) = bench.batch_load(&queue, bench.args.tasks)?;
            bench.receiver.take();
            let run = load.run(Pace::Closed { requests }, bench.clock).await?;
            let receipts =
                verify::await_all(&bench.receiver, &run.accepted, bench.args.patience.0, bench.clock).await?;
            let whole = receipts.last.unwrap_or(run.ended).since(run.began);
            let rate = Figure::rate("", "", receipts.arrived, whole).number();
            Ok((rate, receipts.missing))
        })
        .await
}

/// Connections on which the event stream of a queue that nobody has is open.
async fn subscribe(bench: &Bench, count: u32) -> Result<Vec<TcpStream>> {
    let request = bench.api.site.get("/v1/events?queue=bench-nobodys");
    let mut open = vec![];
    for _ in 0..count {
        let subscribed = timeout(bench.args.patience.0, async {
            let mut stream = bench.api.site.connect().await?;
            stream.write_all(&request).await?;
            let mut head = [0; 12];
            stream.read_exact(&mut head).await?;
            let ok = StatusCode::OK.as_str().as_bytes();
            ensure!(head.ends_with(ok), "the server refused a subscriber");
            Ok(stream)
        });
        open.push(subscribed.await.context("a subscriber was not answered")??);
    }
    Ok(open)
}
