//! `posthaste bench`: measures a running server over its public REST API, as anyone could.
//!
//! The cast: a **receiver** ([`receiver`]) that answers 204 at once and notes what arrived when; a **load** ([`load`]) that posts
//! prepared bodies over keep-alive connections, in a closed or an open loop; a **ledger** ([`verify`]) that compares what was
//! accepted with what arrived; **scenarios** ([`scenario`]) that put these together on a fresh queue each, and say what they
//! found; a **report** ([`report`]) that prints it.
//!
//! Everything is set against the bare baseline of the same run: the same client posting the same payloads straight to the
//! receiver. A ratio to that means the same on any machine.
//!
//! Nothing here knows the server's insides: no database, no shared memory, only HTTP, and `/proc` for its memory.

mod api;
mod args;
mod clock;
mod figure;
mod latency;
mod load;
mod memory;
mod payload;
mod receiver;
mod report;
mod scenario;
mod stream;
mod verify;
mod wire;

use std::io::Write as _;

use anyhow::{Result, ensure};

pub use args::{BenchArgs, Choice, Key, Output};
pub use figure::{Figure, Unit};
pub use report::{Bound, Report, Row, Section, Target};

use self::{
    api::Api,
    clock::Clock,
    payload::Bodies,
    receiver::Receiver,
    scenario::{Bench, Scenario},
    wire::Site,
};

/// Measures, prints the result to standard output, and fails if an accepted task never arrived. Targets that were missed are
/// told, and are no failure: they are meant for one machine.
pub async fn run(args: BenchArgs) -> Result<()> {
    let output = args.output;
    let report = measure(args).await?;
    let text = match output {
        Output::Text => report.text(),
        Output::Json => serde_json::to_string_pretty(&report)? + "\n",
    };
    std::io::stdout().write_all(text.as_bytes())?;
    ensure!(
        report.missing == 0,
        "{} accepted tasks never arrived",
        report.missing
    );
    Ok(())
}

/// Measures, and tells on standard error how far it is.
pub async fn measure(args: BenchArgs) -> Result<Report> {
    args.check()?;
    if let Some(pid) = args.pid {
        memory::resident(pid)?;
    }
    let clock = Clock::start();
    let bench = Bench {
        api: Api {
            site: Site::new(&args.url, Some(args.key.reveal()))?,
        },
        bodies: Bodies::new(args.payload),
        receiver: Receiver::start(args.receiver, clock)?,
        clock,
        run: run_name(),
        args,
    };
    let mut scenarios = Vec::new();
    for scenario in Scenario::chosen(&bench.args.scenario) {
        eprintln!("bench: {scenario:?} …");
        scenarios.push(scenario.run(&bench).await?);
    }
    Ok(Report {
        url: bench.args.url.to_string(),
        processors: std::thread::available_parallelism()?.get(),
        payload_bytes: bench.args.payload,
        targets: scenarios
            .iter()
            .flat_map(|section| section.targets.clone())
            .collect(),
        missing: scenarios.iter().map(|section| section.missing).sum(),
        scenarios,
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the edge: a run only needs a name that no other has"
)]
fn run_name() -> String {
    format!("{:08x}", rand::random::<u32>())
}
