use anyhow::{Result, ensure};

use super::{
    super::{figure::float, load::Pace},
    Bench,
};

/// As many requests as give a steady rate: some seconds' worth.
const ENOUGH: u64 = 100_000;

/// The bare baseline: the load client posts the same payloads straight to the receiver, over as many connections as single
/// tasks are enqueued on. Answers requests a second.
pub(super) async fn measure(bench: &Bench) -> Result<f64> {
    let requests = bench.args.tasks.min(ENOUGH);
    let run = bench
        .bare_load()?
        .run(Pace::Closed { requests }, bench.clock)
        .await?;
    ensure!(
        run.answered == requests,
        "the receiver left {} bare requests unanswered",
        run.unanswered
    );
    Ok(float(run.answered) / run.elapsed().as_secs_f64())
}
