//! Stopping: the first signal asks, the second insists.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

type LastAct = Box<dyn FnOnce() + Send>;

/// The life of this process. After the first SIGTERM or SIGINT its token is cancelled: no more work is taken, what is
/// under way ends, and `main` returns. A second signal ends the process at once, with the exit code that shells give a
/// process that died of it (143 or 130).
#[derive(Clone)]
pub struct Lifecycle {
    stop: CancellationToken,
    last_act: Arc<Mutex<Option<LastAct>>>,
}

impl Lifecycle {
    /// One that no signal ends.
    pub(crate) fn deaf() -> Self {
        Self {
            stop: CancellationToken::new(),
            last_act: Arc::default(),
        }
    }

    /// Begins to listen for signals. Must be called within a tokio runtime.
    pub fn watch() -> io::Result<Self> {
        let life = Self::deaf();
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::spawn(life.clone().follow(terminate, interrupt));
        Ok(life)
    }

    /// Cancelled when it is time to stop.
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// What to do before a second signal ends the process; must not wait for anything. Replaces the one before.
    pub fn before_forced_exit(&self, act: impl FnOnce() + Send + 'static) {
        *self.last_act.lock() = Some(Box::new(act));
    }

    async fn follow(self, mut terminate: Signal, mut interrupt: Signal) {
        let first = next(&mut terminate, &mut interrupt).await;
        tracing::info!(signal = first.0, "stopping; a second signal ends this at once");
        self.stop.cancel();

        let (signal, code) = next(&mut terminate, &mut interrupt).await;
        tracing::warn!(
            signal,
            "ending at once; what was in flight is attempted again after the next start"
        );
        let act = self.last_act.lock().take();
        if let Some(act) = act {
            act();
        }
        std::process::exit(code);
    }
}

/// The name of the next signal, and the exit code of a process that dies of it.
async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> (&'static str, i32) {
    tokio::select! {
        _ = terminate.recv() => ("SIGTERM", 128 + 15),
        _ = interrupt.recv() => ("SIGINT", 128 + 2),
    }
}
