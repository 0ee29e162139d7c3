//! How far the attempt of the current task has come.
//!
//! An attempt whose time is over is dropped wherever it is. What it was doing, and how long the parts of that took, therefore lies beside it, as a
//! task-local.

use std::cell::Cell;
use std::time::Instant;

tokio::task_local! {
    static PROGRESS: Progress;
}

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
    stage: Cell<Stage>,
    parts: Cell<Parts>,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            stage: Cell::new(Stage::Waiting),
            parts: Cell::default(),
        }
    }
}

/// Runs an attempt with this as its progress.
pub(super) fn scope<F: Future>(progress: Progress, attempt: F) -> impl Future<Output = F::Output> {
    PROGRESS.scope(progress, attempt)
}

/// Notes what the attempt does from now on.
pub(super) fn enter(stage: Stage) {
    let _ = PROGRESS.try_with(|progress| progress.stage.set(stage));
}

/// Notes that making a connection has come this far.
pub(super) fn note(parts: Parts) {
    let _ = PROGRESS.try_with(|progress| progress.parts.set(parts));
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
