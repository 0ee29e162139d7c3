//! Metrics: what this node tells whoever monitors it, in the terms of Prometheus. Each node counts what itself does; sums over nodes are
//! the monitoring's to make. Other crates of this node put theirs into the same [`Queue::registry`].
//!
//! Names and units follow Prometheus's own rules (<https://prometheus.io/docs/practices/naming/>): base units, `_total` on what only grows.
//! `docs/metrics.txt` has them all, and a test holds the running program to it.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
    time::Duration,
};

use parking_lot::Mutex;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};
use proto::LATENCY_BOUNDS_MS;

use crate::{
    catalog::Snapshot,
    db::Queue,
    enqueue::{Kept, Rows},
    error::Result,
    finish::Finished,
    id::QueueId,
    outcome::{FailureKind, Outcome},
    verdict::Verdict,
};

/// Queues that have a series of their own; what comes after shares [`OTHER`]. Some 1,500 series in all.
const QUEUES: usize = 200;

/// The label of what has no series of its own: none that a queue can have.
pub const OTHER: &str = "(other)";

/// Errors of the database, by what they mean. Of the whole process: an error is made where no queue is at hand.
pub(crate) static DATABASE_ERRORS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let opts = Opts::new(
        "posthaste_database_errors_total",
        "Statements that PostgreSQL did not carry out: `unavailable` (tried again later) or `refused` (a fault).",
    );
    vector(IntCounterVec::new(opts, &["kind"]))
});

/// What of it is counted by queue.
#[derive(Debug)]
struct OfQueue {
    enqueued: IntCounter,
    unmatched: IntCounter,
    delivered: IntCounter,
    retried: IntCounter,
    dead: IntCounter,
}

/// The metrics of a queue on this node.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    enqueued: IntCounterVec,
    unmatched: IntCounterVec,
    finished: IntCounterVec,
    queues: Mutex<HashMap<QueueId, Arc<OfQueue>>>,
    attempts: HistogramVec,
    answered: [Histogram; 5],
    waits: Histogram,
    pub(crate) enqueue_seconds: Histogram,
    enqueue_tasks: Histogram,
    result_seconds: Histogram,
    result_rows: Histogram,
    backlog: IntGaugeVec,
    connections: IntGaugeVec,
    subscribers: IntGauge,
}

/// A metric whose name and labels are written here.
///
/// # Panics
/// When they are none that Prometheus takes, which every test would see.
#[expect(
    clippy::expect_used,
    reason = "names and labels are constants of this program"
)]
fn vector<T>(made: prometheus::Result<T>) -> T {
    made.expect("a metric with a valid name and valid labels")
}

fn counters(name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    vector(IntCounterVec::new(Opts::new(name, help), labels))
}

fn gauges(name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    vector(IntGaugeVec::new(Opts::new(name, help), labels))
}

fn histogram(name: &str, help: &str, buckets: Vec<f64>) -> Histogram {
    vector(Histogram::with_opts(
        HistogramOpts::new(name, help).buckets(buckets),
    ))
}

/// Buckets of durations: those of the rollups, in seconds.
pub fn seconds() -> Vec<f64> {
    LATENCY_BOUNDS_MS
        .iter()
        .map(|ms| f64::from(*ms) / 1_000.0)
        .collect()
}

/// Buckets of durations from due to begun: from a millisecond to a day.
fn long_seconds() -> Vec<f64> {
    vec![
        0.001, 0.005, 0.02, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1_800.0, 7_200.0, 28_800.0, 86_400.0,
    ]
}

/// Buckets of how many went together.
fn sizes() -> Vec<f64> {
    vec![
        1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0,
    ]
}

/// The classes of status codes, by their first digit less one.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

impl Metrics {
    pub(crate) fn new() -> Self {
        let attempts = HistogramOpts::new(
            "posthaste_attempt_seconds",
            "Requests to endpoints by what came of them, from begin to the last byte.",
        );
        let attempts = vector(HistogramVec::new(attempts.buckets(seconds()), &["outcome"]));
        let metrics = Self {
            registry: Registry::new(),
            enqueued: counters(
                "posthaste_enqueued_tasks_total",
                "Tasks that were committed.",
                &["queue"],
            ),
            unmatched: counters(
                "posthaste_unmatched_tasks_total",
                "Tasks that were committed and that no endpoint wanted.",
                &["queue"],
            ),
            finished: counters(
                "posthaste_verdicts_total",
                "Verdicts that were committed: `delivered`, `retry`, `dead`.",
                &["queue", "verdict"],
            ),
            queues: Mutex::default(),
            answered: CLASSES.map(|class| attempts.with_label_values(&[class])),
            attempts,
            waits: histogram(
                "posthaste_queue_wait_seconds",
                "From when a delivery was due to when its request began.",
                long_seconds(),
            ),
            enqueue_seconds: histogram(
                "posthaste_enqueue_commit_seconds",
                "Time of one group commit of tasks.",
                seconds(),
            ),
            enqueue_tasks: histogram(
                "posthaste_enqueue_commit_tasks",
                "Tasks of one group commit.",
                sizes(),
            ),
            result_seconds: histogram(
                "posthaste_result_commit_seconds",
                "Time of one group commit of results.",
                seconds(),
            ),
            result_rows: histogram(
                "posthaste_result_commit_results",
                "Results of one group commit.",
                sizes(),
            ),
            backlog: gauges(
                "posthaste_backlog_deliveries",
                "Deliveries that have not ended, whenever they are due. The same on every node.",
                &["queue"],
            ),
            connections: gauges(
                "posthaste_database_connections",
                "Connections to PostgreSQL: pool `hot` (commits, lanes) or `api`, `idle` or `used`.",
                &["pool", "state"],
            ),
            subscribers: vector(IntGauge::new(
                "posthaste_event_subscribers",
                "Streams of events that are open here.",
            )),
        };
        for kind in ["unavailable", "refused"] {
            DATABASE_ERRORS.with_label_values(&[kind]);
        }
        metrics.register();
        metrics
    }

    fn register(&self) {
        let all: [Box<dyn prometheus::core::Collector>; 13] = [
            Box::new(self.enqueued.clone()),
            Box::new(self.unmatched.clone()),
            Box::new(self.finished.clone()),
            Box::new(self.attempts.clone()),
            Box::new(self.waits.clone()),
            Box::new(self.enqueue_seconds.clone()),
            Box::new(self.enqueue_tasks.clone()),
            Box::new(self.result_seconds.clone()),
            Box::new(self.result_rows.clone()),
            Box::new(self.backlog.clone()),
            Box::new(self.connections.clone()),
            Box::new(self.subscribers.clone()),
            Box::new(DATABASE_ERRORS.clone()),
        ];
        for metric in all {
            vector(self.registry.register(metric));
        }
        #[cfg(target_os = "linux")]
        vector(self.registry.register(Box::new(
            prometheus::process_collector::ProcessCollector::for_self(),
        )));
    }

    /// The counters of a queue: its own for the first that are asked for.
    fn of_queue(&self, id: QueueId, snapshot: &Snapshot) -> Arc<OfQueue> {
        let mut queues = self.queues.lock();
        if let Some(counters) = queues.get(&id) {
            return counters.clone();
        }
        let name = snapshot.queue_names.get(&id).map(AsRef::as_ref);
        let label = name.filter(|_| queues.len() < QUEUES).unwrap_or(OTHER);
        let verdicts = |verdict| self.finished.with_label_values(&[label, verdict]);
        let counters = Arc::new(OfQueue {
            enqueued: self.enqueued.with_label_values(&[label]),
            unmatched: self.unmatched.with_label_values(&[label]),
            delivered: verdicts("delivered"),
            retried: verdicts("retry"),
            dead: verdicts("dead"),
        });
        if queues.len() < QUEUES && name.is_some() {
            queues.insert(id, counters.clone());
        }
        counters
    }

    /// Notes a group commit of tasks.
    pub(crate) fn enqueued(&self, rows: &Rows, kept: &Kept, snapshot: &Snapshot) {
        self.enqueue_tasks.observe(as_f64(rows.tasks.len()));
        // A group has few queues, mostly one after the other.
        let mut last: Option<(QueueId, Arc<OfQueue>)> = None;
        for task in rows.tasks.iter().filter(|task| kept.has(task.id())) {
            let id = task.content.queue_id;
            if last.as_ref().is_none_or(|(last, _)| *last != id) {
                last = Some((id, self.of_queue(id, snapshot)));
            }
            if let Some((_, counters)) = &last {
                counters.enqueued.inc();
                if task.fanout == 0 {
                    counters.unmatched.inc();
                }
            }
        }
    }

    /// Notes a group commit of results.
    pub(crate) fn finished(&self, finished: &[Finished], took: Duration, snapshot: &Snapshot) {
        self.result_seconds.observe(took.as_secs_f64());
        self.result_rows.observe(as_f64(finished.len()));
        let mut last: Option<(QueueId, Arc<OfQueue>)> = None;
        for one in finished {
            let id = one.delivery.content.queue_id;
            if last.as_ref().is_none_or(|(last, _)| *last != id) {
                last = Some((id, self.of_queue(id, snapshot)));
            }
            if let Some((_, counters)) = &last {
                match one.verdict {
                    Verdict::Delivered => counters.delivered.inc(),
                    Verdict::Retry { .. } => counters.retried.inc(),
                    Verdict::Dead => counters.dead.inc(),
                }
            }
            if let Some(request) = &one.request {
                let took = f64::from(request.timing.total_us) / 1e6;
                match &request.outcome {
                    Outcome::Answered(answer) => {
                        let class = usize::from(answer.status / 100).clamp(1, CLASSES.len());
                        self.answered[class - 1].observe(took);
                    }
                    Outcome::Failed(failure) => self.failed(failure.kind).observe(took),
                }
                self.waits.observe(f64::from(request.timing.wait_us) / 1e6);
            }
        }
    }

    fn failed(&self, kind: FailureKind) -> Histogram {
        self.attempts.with_label_values(&[kind.as_str()])
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a group are small")]
fn as_f64(count: usize) -> f64 {
    count as f64
}

impl Queue {
    /// Where all metrics of this node are.
    pub fn registry(&self) -> &Registry {
        &self.inner.metrics.registry
    }

    /// Brings up to date what is not counted as it happens: backlogs, connections. One statement on a small table.
    pub async fn measure(&self) -> Result<()> {
        let metrics = &self.inner.metrics;
        for (name, pool) in [("hot", &self.inner.hot), ("api", &self.inner.pool)] {
            let (idle, all) = pool.connections();
            let set = |state, count: usize| {
                let gauge = metrics.connections.with_label_values(&[name, state]);
                gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
            };
            set("idle", idle);
            set("used", all.saturating_sub(idle));
        }
        let subscribers = *self.inner.events.subscribers.borrow();
        metrics
            .subscribers
            .set(i64::try_from(subscribers).unwrap_or(i64::MAX));
        let rows = self.backlogs().await?;
        let snapshot = self.catalog().snapshot();
        let named = |id: &QueueId| snapshot.queue_names.get(id).map(ToString::to_string);
        let mut depths: Vec<(String, i64)> = rows
            .into_iter()
            .filter_map(|(queue, deliveries)| Some((named(&queue)?, deliveries.max(0))))
            .collect();
        // A gauge may come and go: the deepest have series of their own.
        depths.sort_unstable_by(|(a, deep_a), (b, deep_b)| deep_b.cmp(deep_a).then_with(|| a.cmp(b)));
        let rest: i64 = depths.iter().skip(QUEUES).map(|(_, deep)| deep).sum();
        metrics.backlog.reset();
        for (queue, deep) in depths.iter().take(QUEUES) {
            metrics.backlog.with_label_values(&[queue]).set(*deep);
        }
        if depths.len() > QUEUES {
            metrics.backlog.with_label_values(&[OTHER]).set(rest);
        }
        Ok(())
    }
}
