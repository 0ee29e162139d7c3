//! How far the attempt of the current task has come.
//!
//! The pooled client hands its connector nothing but a scheme, host and port. What belongs to one attempt (its connect
//! limit on the way in, its timings on the way out) therefore travels beside it, as a task-local. A connector that
//! outlives its attempt, because an idle connection served it sooner, finds nothing here and reports to no one.

use std::cell::Cell;
use std::time::{Duration, Instant};

tokio::task_local! {
    static PROGRESS: Progress;
}

/// The connect limit of a connection that is made for no attempt; the default of an attempt's own.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What an attempt is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Resolving,
    Connecting,
    Handshaking,
    Waiting,
    Reading,
}

/// How long the parts of making a connection took, in microseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Parts {
    pub(super) dns: Option<u32>,
    pub(super) connect: Option<u32>,
    pub(super) tls: Option<u32>,
}

/// The state of one attempt, held by the task that makes it.
#[derive(Debug)]
pub(super) struct Progress {
    connect_timeout: Duration,
    stage: Cell<Stage>,
    parts: Cell<Parts>,
    made: Cell<Option<u64>>,
}

impl Progress {
    pub(super) fn new(connect_timeout: Duration) -> Self {
        Self {
            connect_timeout,
            stage: Cell::new(Stage::Waiting),
            parts: Cell::default(),
            made: Cell::new(None),
        }
    }
}

/// Runs an attempt with this as its progress.
pub(super) fn scope<F: Future>(progress: Progress, attempt: F) -> impl Future<Output = F::Output> {
    PROGRESS.scope(progress, attempt)
}

/// The connect limit of the attempt that this task makes.
pub(super) fn connect_timeout() -> Duration {
    PROGRESS
        .try_with(|progress| progress.connect_timeout)
        .unwrap_or(CONNECT_TIMEOUT)
}

/// Notes what the attempt does from now on.
pub(super) fn enter(stage: Stage) {
    let _ = PROGRESS.try_with(|progress| progress.stage.set(stage));
}

/// Notes that making a connection has come this far.
pub(super) fn note(parts: Parts) {
    let _ = PROGRESS.try_with(|progress| progress.parts.set(parts));
}

/// Notes that the attempt made this connection itself.
pub(super) fn made(connection: u64) {
    let _ = PROGRESS.try_with(|progress| {
        progress.made.set(Some(connection));
        progress.stage.set(Stage::Waiting);
    });
}

/// Whether the attempt made this connection itself, so that it was not kept alive from before.
pub(super) fn has_made(connection: u64) -> bool {
    PROGRESS
        .try_with(|progress| progress.made.get() == Some(connection))
        .unwrap_or(false)
}

/// What the attempt is doing.
pub(super) fn stage() -> Stage {
    PROGRESS
        .try_with(|progress| progress.stage.get())
        .unwrap_or(Stage::Waiting)
}

/// How long the parts of making a connection took so far.
pub(super) fn parts() -> Parts {
    PROGRESS
        .try_with(|progress| progress.parts.get())
        .unwrap_or_default()
}

/// Whole microseconds since `start`, at most `u32::MAX` (71 minutes).
pub(super) fn micros_since(start: Instant) -> u32 {
    u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX)
}
