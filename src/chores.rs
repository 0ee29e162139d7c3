//! What is done now and then: counts are written, what is over is swept away, replays go on, and those who run the installation are told.

use std::time::Duration;

use queue::Queue;
use queue::notify::{LookAtDisk, Thresholds, Watch};
use queue::ownership::NodeId;
use queue::replays::Runner;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::config::{Effective, settings};
use crate::serve::now;

/// How often counts are written: what a crash can lose of them.
const FLUSH: Duration = Duration::from_secs(5);

/// The pause after which storage is looked after again where there was more than one round could take.
const KEEP_ON: Duration = Duration::from_millis(100);

/// The pause after which replays are gone on with while the database is away.
const REPLAY_AGAIN: Duration = Duration::from_secs(2);

/// The chores of a node.
pub(crate) struct Chores {
    queue: Queue,
    node: NodeId,
    /// How often is looked for what is over.
    sweep: Duration,
    /// How often is looked for what is to be told.
    notify: Duration,
    thresholds: Thresholds,
    disk: LookAtDisk,
    follow: bool,
}

impl Chores {
    /// Those of a node. `follow`: whether the catalog is followed here, which a node without a dispatcher does nowhere else.
    pub(crate) fn new(
        effective: &Effective,
        queue: Queue,
        node: NodeId,
        disk: LookAtDisk,
        follow: bool,
    ) -> Self {
        Self {
            queue,
            node,
            sweep: effective.get(&settings::STORAGE_SWEEP_INTERVAL),
            notify: effective.get(&settings::NOTIFY_INTERVAL),
            thresholds: thresholds(effective),
            disk,
            follow,
        }
    }

    /// Does them until stopped.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let follow = async {
            if self.follow {
                // Nobody here acts on hints; a closed channel drops them.
                let (hints, _) = tokio::sync::mpsc::channel(1);
                self.queue.follow(hints, stop.clone()).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = flush(&self.queue) => {}
            () = sweep(&self.queue, self.sweep) => {}
            () = keep(&self.queue, self.sweep) => {}
            () = replay(&self.queue, self.node) => {}
            () = self.notify() => {}
            () = follow => {}
        }
    }

    async fn notify(&self) {
        let mut watch = Watch::new(self.queue.clone(), self.thresholds, self.disk.clone());
        loop {
            match watch.look(now()).await {
                Ok(report) if report.is_empty() => {}
                Ok(report) => info!(?report, "told what is to be known"),
                Err(error) => warn!(%error, "what is to be known could not be told; tried again soon"),
            }
            tokio::time::sleep(self.notify).await;
        }
    }
}

async fn flush(queue: &Queue) {
    loop {
        tokio::time::sleep(FLUSH).await;
        if let Err(error) = queue.flush_rollups().await {
            debug!(%error, "counts could not be written; they are kept");
        }
        if let Err(error) = queue.flush_key_uses().await {
            debug!(%error, "when keys were used could not be written; it is kept");
        }
    }
}

async fn sweep(queue: &Queue, pause: Duration) {
    loop {
        match queue.sweep(now()).await {
            Ok(report) if report.is_empty() => {}
            Ok(report) => info!(?report, "swept"),
            Err(error) => warn!(%error, "the sweep failed; tried again soon"),
        }
        tokio::time::sleep(pause).await;
    }
}

async fn keep(queue: &Queue, sweep: Duration) {
    loop {
        let pause = match queue.keep_to_retention(now()).await {
            Ok(kept) => {
                if !kept.is_empty() {
                    info!(?kept, "what is kept no longer is gone");
                }
                if kept.more { KEEP_ON } else { sweep }
            }
            Err(error) => {
                warn!(%error, "what is kept no longer could not go; tried again soon");
                sweep
            }
        };
        tokio::time::sleep(pause).await;
    }
}

async fn replay(queue: &Queue, node: NodeId) {
    let mut runner = Runner::new(queue.clone(), node);
    loop {
        let pause = match runner.run_once(now()).await {
            Ok(report) => report.pause,
            Err(error) => {
                warn!(%error, "replays could not go on; tried again soon");
                REPLAY_AGAIN
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// From when on those who run the installation are told.
fn thresholds(effective: &Effective) -> Thresholds {
    Thresholds {
        window: effective.get(&settings::NOTIFY_WINDOW),
        dead_letters: effective.get(&settings::NOTIFY_DEAD_LETTERS),
        dead_share: effective.get(&settings::NOTIFY_DEAD_LETTERS_SHARE),
        backlog_age: effective.get(&settings::NOTIFY_BACKLOG_AGE),
        endpoint_down: effective.get(&settings::NOTIFY_ENDPOINT_DOWN),
        storage_within: effective.get(&settings::NOTIFY_STORAGE_WITHIN),
        storage_max: effective
            .get(&settings::NOTIFY_STORAGE_MAX)
            .and_then(|bytes| u64::try_from(bytes).ok()),
    }
}
