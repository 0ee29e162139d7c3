//! `posthaste enqueue --file`: many tasks, in batches, as a run that can be gone on with.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use clap::Args;
use futures_util::{TryStreamExt, future::BoxFuture, stream};
use indicatif::{ProgressBar, ProgressStyle};
use posthaste_client::{
    Builder, Client, Error, Lines, Retries,
    proto::{BatchItem, FieldError},
};
use serde::Serialize;
use tokio::io::{AsyncBufRead, BufReader};

use super::{
    Session, Usage,
    ndjson::{Batch, Line, Reader},
    screen::note,
};
use crate::cli::Output;

/// Batches under way at the same time: the server writes one while it reads the next.
const AHEAD: usize = 4;
/// Bytes of a batch: a quarter of what a server takes by default.
const BATCH_BYTES: usize = 4 << 20;
/// How many refused lines are told one by one; and how many are kept for the JSON document.
const TOLD: usize = 20;
const KEPT: usize = 1_000;

/// What a file of tasks is enqueued with.
#[derive(Debug, Args)]
#[command(next_help_heading = "A file of tasks")]
pub(super) struct ImportArgs {
    /// Enqueue the tasks of this NDJSON file, one a line; - for standard input
    #[arg(long, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,

    /// Tasks of one request [default: 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) batch: Option<u32>,

    /// The name of the run, to go on with an earlier one [default: one that nobody else has]
    #[arg(long, value_name = "NAME")]
    pub(super) run: Option<String>,

    /// Begin at this line [default: the first]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) from_line: Option<u64>,

    /// Add the lines that are refused to this file, to be mended and enqueued again
    #[arg(long, value_name = "FILE")]
    pub(super) refused: Option<PathBuf>,
}

impl ImportArgs {
    /// What is given that has no meaning without a file. (`requires` of clap does not hold where the payload excludes the file.)
    fn means_a_file(&self) -> bool {
        self.batch.is_some() || self.run.is_some() || self.from_line.is_some() || self.refused.is_some()
    }

    /// Whether a file is enqueued.
    pub(super) fn is_meant(&self) -> Result<bool, Usage> {
        if self.file.is_none() && self.means_a_file() {
            let wrong = "--batch, --run, --from-line and --refused are for --file";
            return Err(Usage(wrong.to_owned()));
        }
        Ok(self.file.is_some())
    }
}

/// A run bears a server that is away for two minutes: it may be restarted.
pub(super) fn patient(builder: Builder) -> Builder {
    builder.retries(Retries {
        attempts: 14,
        first_pause: Duration::from_millis(100),
        longest_pause: Duration::from_secs(30),
    })
}

/// What came of a run.
#[derive(Debug, Default, Serialize)]
struct Outcome {
    run: String,
    accepted: u64,
    /// Of these, those whose key was there already.
    repeated: u64,
    /// Of these, those that no endpoint wants.
    unmatched: u64,
    rejected: u64,
    /// The first of them.
    refused: Vec<RefusedLine>,
}

#[derive(Debug, Serialize)]
struct RefusedLine {
    line: u64,
    status: u16,
    errors: Vec<FieldError>,
}

/// Enqueues a file.
pub(super) async fn run(session: &Session, queue: &str, args: ImportArgs) -> Result<()> {
    let file = args.file.clone().unwrap_or_default();
    let name = args.run.clone().unwrap_or_else(|| session.fresh_name());
    if name.is_empty() || name.chars().count() > 200 || name.chars().any(char::is_control) {
        return Err(Usage("the name of a run has 1 to 200 characters".to_owned()).into());
    }
    let mut refused_to = args.refused.as_deref().map(append_to).transpose()?;
    let (input, size) = open(&file).await?;
    let mut reader = Reader::new(input, args.batch.unwrap_or(1_000) as usize, BATCH_BYTES);
    let progress = Progress::begin(size);
    let mut outcome = Outcome {
        run: name.clone(),
        ..Outcome::default()
    };
    let from_line = args.from_line.unwrap_or(1);
    let mut next_line = from_line;
    let result = tokio::select! {
        result = async {
            reader.skip_to(from_line).await?;
            let batches = stream::try_unfold(reader, async |mut reader| {
                anyhow::Ok(reader.batch().await?.map(|batch| (batch, reader)))
            });
            let answers = batches
                .map_ok(|batch| answered(&session.client, queue, &name, batch))
                .try_buffered(AHEAD);
            let mut answers = std::pin::pin!(answers);
            while let Some((batch, items)) = answers.try_next().await? {
                outcome.take(&batch, items, &progress, refused_to.as_mut())?;
                next_line = batch.lines.last().map_or(next_line, |line| line.number + 1);
                progress.show(batch.read, &outcome);
            }
            anyhow::Ok(())
        } => result,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    progress.end();
    session.outcome(&outcome)?;
    if let Err(error) = result {
        note(&format!(
            "Stopped before line {next_line}. To go on there:\n  posthaste enqueue {queue} --file {} --run {name} --from-line {next_line}",
            file.display()
        ));
        return Err(error);
    }
    if outcome.rejected > 0 {
        bail!(
            "{} of {} tasks were refused",
            outcome.rejected,
            outcome.rejected + outcome.accepted
        );
    }
    Ok(())
}

async fn open(path: &Path) -> Result<(Box<dyn AsyncBufRead + Unpin + Send>, Option<u64>)> {
    if path == Path::new("-") {
        return Ok((Box::new(BufReader::new(tokio::io::stdin())), None));
    }
    let failed = || format!("{} cannot be read", path.display());
    let file = tokio::fs::File::open(path).await.with_context(failed)?;
    let size = file.metadata().await.with_context(failed)?.len();
    Ok((Box::new(BufReader::with_capacity(1 << 20, file)), Some(size)))
}

fn append_to(path: &Path) -> Result<File> {
    let file = File::options().create(true).append(true).open(path);
    file.with_context(|| format!("{} cannot be written", path.display()))
}

async fn answered(client: &Client, queue: &str, run: &str, batch: Batch) -> Result<(Batch, Vec<BatchItem>)> {
    let items = send(client, queue, run, &batch.lines).await?;
    Ok((batch, items))
}

/// Sends lines. Those that are too large together are sent in halves; one that is too large alone is refused.
fn send<'a>(
    client: &'a Client,
    queue: &'a str,
    run: &'a str,
    given: &'a [Line],
) -> BoxFuture<'a, Result<Vec<BatchItem>>> {
    Box::pin(async move {
        let mut lines = Lines::new();
        for line in given {
            lines.push(&line.text, Some(&format!("{run}:{}", line.number)));
        }
        let error = match client.enqueue_lines(queue, &lines).await {
            Ok(result) if result.items.len() == given.len() => return Ok(result.items),
            Ok(result) => bail!(
                "{} tasks were sent, and {} answered",
                given.len(),
                result.items.len()
            ),
            Err(error) if error.status() == Some(413) => error,
            Err(error) => return Err(error.into()),
        };
        if given.len() == 1 {
            return Ok(vec![too_large(&error)]);
        }
        let (first, second) = given.split_at(given.len() / 2);
        let mut items = send(client, queue, run, first).await?;
        items.extend(send(client, queue, run, second).await?);
        Ok(items)
    })
}

fn too_large(error: &Error) -> BatchItem {
    let problem = error.refused().map(|refused| &refused.problem);
    let errors = problem.map(|problem| problem.errors.clone()).unwrap_or_default();
    BatchItem::Rejected {
        status: 413,
        errors: if errors.is_empty() {
            vec![FieldError {
                field: "payload".to_owned(),
                detail: error.to_string(),
            }]
        } else {
            errors
        },
    }
}

impl Outcome {
    fn take(
        &mut self,
        batch: &Batch,
        items: Vec<BatchItem>,
        progress: &Progress,
        mut refused_to: Option<&mut File>,
    ) -> Result<()> {
        for (line, item) in batch.lines.iter().zip(items) {
            match item {
                BatchItem::Accepted(enqueued) => {
                    self.accepted += 1;
                    self.repeated += u64::from(enqueued.repeated);
                    self.unmatched += u64::from(enqueued.deliveries == 0 && !enqueued.repeated);
                }
                BatchItem::Rejected { status, errors } => {
                    self.rejected += 1;
                    if self.refused.len() < TOLD {
                        progress.note(&told(line.number, status, &errors));
                    }
                    if let Some(file) = refused_to.as_mut() {
                        file.write_all(&[&line.text, &b"\n"[..]].concat())
                            .context("a refused line cannot be written to the file of --refused")?;
                    }
                    if self.refused.len() < KEPT {
                        let line = line.number;
                        self.refused.push(RefusedLine { line, status, errors });
                    }
                }
            }
        }
        Ok(())
    }
}

fn told(line: u64, status: u16, errors: &[FieldError]) -> String {
    let errors: Vec<String> = errors
        .iter()
        .map(|error| format!("{}: {}", error.field, error.detail))
        .collect();
    crate::receive::print::inert(&format!("line {line}: {} ({status})", errors.join("; ")))
}

impl Session {
    fn fresh_name(&self) -> String {
        #[expect(
            clippy::disallowed_methods,
            reason = "an edge: the name of a run is one that nobody else has"
        )]
        let chance: u64 = rand::random();
        format!("{}-{chance:016x}", self.screen.times.now.format("%Y%m%d"))
    }

    fn outcome(&self, outcome: &Outcome) -> Result<()> {
        let more = outcome.rejected.saturating_sub(TOLD as u64);
        if more > 0 {
            note(&format!("… and {more} more lines were refused."));
        }
        let fields = [
            ("accepted", outcome.accepted.to_string()),
            ("repeated", outcome.repeated.to_string()),
            ("unmatched", outcome.unmatched.to_string()),
            ("refused", outcome.rejected.to_string()),
        ];
        self.screen.thing(outcome, &fields)?;
        if outcome.unmatched > 0 && self.screen.output == Output::Table {
            note(
                "Those that are unmatched no endpoint of the queue wants: they are stored, and sent nowhere.",
            );
        }
        Ok(())
    }
}

/// A bar on the terminal, if standard error is one.
struct Progress(ProgressBar);

impl Progress {
    fn begin(size: Option<u64>) -> Self {
        let bar = size.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        let template = if size.is_some() {
            "{bar:30} {percent:>3}%  {msg}  {eta} left"
        } else {
            "{spinner} {msg}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar)
    }

    fn show(&self, read: u64, outcome: &Outcome) {
        let seconds = self.0.elapsed().as_secs_f64().max(0.001);
        let done = outcome.accepted + outcome.rejected;
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = done as f64 / seconds;
        self.0.set_position(read);
        self.0.set_message(format!(
            "{} accepted, {} refused, {rate:.0}/s",
            outcome.accepted, outcome.rejected
        ));
    }

    /// Above the bar, or without one.
    fn note(&self, text: &str) {
        self.0.suspend(|| note(text));
    }

    fn end(&self) {
        self.0.finish_and_clear();
    }
}
