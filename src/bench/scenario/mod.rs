//! The scenarios. One is a function that makes a queue, measures something on it, and says what it found in a [`Section`].

mod backlog;
mod bare;
mod ingest;
mod isolation;
mod lanes;
mod latency;
mod order;
pub(super) mod rate;
mod soak;
mod subscribers;
mod throughput;

use anyhow::Result;
use bytes::Bytes;
use http::Method;
use proto::{DeliverySettings, NewEndpoint};

use super::{
    api::Api,
    args::{BenchArgs, Choice},
    clock::Clock,
    figure::Figure,
    load::{Form, Load, Run},
    payload::{self, Bodies},
    receiver::{self, Receiver},
    report::{Row, Section},
    verify::Receipts,
    wire::Site,
};

/// What every scenario works with.
pub(super) struct Bench {
    pub(super) args: BenchArgs,
    pub(super) api: Api,
    pub(super) bodies: Bodies,
    pub(super) receiver: Receiver,
    pub(super) clock: Clock,
    /// Tells the queues of this run from those of any other.
    pub(super) run: String,
}

/// A scenario by name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scenario {
    Latency,
    Single,
    Batch,
    Backlog,
    Ingest,
    Subscribers,
    Isolation,
    Lanes,
    Rate,
    Order,
    Soak,
}

impl Scenario {
    /// Those that were chosen, in the order in which they run: from the server at rest to the one with a long history.
    pub(super) fn chosen(choices: &[Choice]) -> Vec<Self> {
        let all = [
            (Choice::Latency, Self::Latency),
            (Choice::Single, Self::Single),
            (Choice::Batch, Self::Batch),
            (Choice::Ingest, Self::Ingest),
            (Choice::Subscribers, Self::Subscribers),
            (Choice::Isolation, Self::Isolation),
            (Choice::Lanes, Self::Lanes),
            (Choice::Rate, Self::Rate),
            (Choice::Order, Self::Order),
            (Choice::Backlog, Self::Backlog),
            (Choice::Soak, Self::Soak),
        ];
        // Soaking takes long, and a server that is set up for it.
        let is_chosen =
            |choice| choices.contains(&choice) || (choice != Choice::Soak && choices.contains(&Choice::All));
        all.into_iter()
            .filter(|(choice, _)| is_chosen(*choice))
            .map(|(_, scenario)| scenario)
            .collect()
    }

    /// Runs it.
    pub(super) async fn run(self, bench: &Bench) -> Result<Section> {
        match self {
            Self::Latency => latency::run(bench).await,
            Self::Single => throughput::single(bench).await,
            Self::Batch => throughput::batch(bench).await,
            Self::Backlog => backlog::run(bench).await,
            Self::Ingest => ingest::run(bench).await,
            Self::Subscribers => subscribers::run(bench).await,
            Self::Isolation => isolation::run(bench).await,
            Self::Lanes => lanes::run(bench).await,
            Self::Rate => rate::run(bench).await,
            Self::Order => order::run(bench).await,
            Self::Soak => soak::run(bench).await,
        }
    }
}

impl Bench {
    fn queue_name(&self, scenario: &str) -> String {
        format!("bench-{}-{scenario}", self.run)
    }

    /// An endpoint that takes everything.
    fn one_endpoint(&self) -> Vec<NewEndpoint> {
        vec![NewEndpoint {
            url: self.receiver_url().to_string(),
            settings: self.settings(),
            ..NewEndpoint::default()
        }]
    }

    /// So many endpoints, each of which takes the tasks of its own type; see [`payload::type_of`].
    fn endpoints(&self, count: u32) -> Result<Vec<NewEndpoint>> {
        let endpoint = |number: u32| {
            Ok(NewEndpoint {
                url: self.receiver_url().join(&receiver::path_of(number))?.to_string(),
                filter: vec![payload::type_of(number)],
                settings: self.settings(),
                ..NewEndpoint::default()
            })
        };
        (0..count).map(endpoint).collect()
    }

    fn settings(&self) -> DeliverySettings {
        DeliverySettings {
            max_in_flight: self.args.max_in_flight,
            ..DeliverySettings::default()
        }
    }

    fn single_load(&self, queue: &str) -> Result<Load> {
        self.singles_load(queue, self.bodies.single.clone())
    }

    /// A load of single tasks with these bodies.
    fn singles_load(&self, queue: &str, bodies: Vec<Bytes>) -> Result<Load> {
        let shot = self.api.site.shot(
            Method::POST,
            &format!("/v1/queues/{queue}/tasks"),
            "application/json",
        )?;
        Ok(Load {
            site: self.api.site.clone(),
            shot,
            bodies,
            form: Form::Single,
            connections: self.args.concurrency,
            patience: self.args.patience.0,
        })
    }

    /// A load of `tasks` tasks in batches, and how many requests that takes; `tasks` is rounded up to whole batches.
    fn batch_load(&self, queue: &str, tasks: u64) -> Result<(Load, u64)> {
        let items = u32::try_from(tasks).unwrap_or(u32::MAX).min(self.args.batch_size);
        self.batches_load(queue, tasks, items, vec![self.bodies.batch(items)])
    }

    /// A load of `tasks` tasks in batches with these bodies of `items` items each, and how many requests that takes.
    fn batches_load(&self, queue: &str, tasks: u64, items: u32, bodies: Vec<Bytes>) -> Result<(Load, u64)> {
        let path = format!("/v1/queues/{queue}/tasks/batch");
        let load = Load {
            site: self.api.site.clone(),
            shot: self.api.site.shot(Method::POST, &path, "application/x-ndjson")?,
            bodies,
            form: Form::Batch,
            connections: self.args.batch_concurrency,
            patience: self.args.patience.0,
        };
        Ok((load, tasks.div_ceil(u64::from(items))))
    }

    fn bare_load(&self) -> Result<Load> {
        let site = Site::new(&self.receiver.url, None)?;
        Ok(Load {
            shot: site.shot(Method::POST, "/", "application/json")?,
            site,
            bodies: self.bodies.bare.clone(),
            form: Form::Bare,
            connections: self.args.concurrency,
            patience: self.args.patience.0,
        })
    }

    /// The URL that endpoints are registered with.
    fn receiver_url(&self) -> &url::Url {
        self.args.receiver_url.as_ref().unwrap_or(&self.receiver.url)
    }
}

/// How requests were answered, and how soon.
fn enqueue_rows(run: &Run) -> [Row; 2] {
    let latency = &run.latency;
    [
        Row {
            label: "enqueue latency",
            figures: vec![
                Figure::percentile("enqueue_p50_ms", "p50", latency, 50.0),
                Figure::percentile("enqueue_p90_ms", "p90", latency, 90.0),
                Figure::percentile("enqueue_p99_ms", "p99", latency, 99.0),
                Figure::percentile("enqueue_max_ms", "max", latency, 100.0),
            ],
        },
        Row {
            label: "enqueue requests",
            figures: vec![
                Figure::count("requests_answered", "accepted", run.answered),
                Figure::count("requests_turned_away", "turned away", run.turned_away),
                Figure::count("requests_unanswered", "unanswered", run.unanswered),
                Figure::count("items_refused", "items refused", run.refused),
            ],
        },
    ]
}

/// How soon tasks arrived after the answer that accepted them, and how many did.
fn receipt_rows(receipts: &Receipts) -> [Row; 2] {
    let latency = &receipts.latency;
    [
        Row {
            label: "answer to receipt",
            figures: vec![
                Figure::percentile("receipt_p50_ms", "p50", latency, 50.0),
                Figure::percentile("receipt_p90_ms", "p90", latency, 90.0),
                Figure::percentile("receipt_p99_ms", "p99", latency, 99.0),
                Figure::percentile("receipt_max_ms", "max", latency, 100.0),
            ],
        },
        Row {
            label: "accepted tasks",
            figures: vec![
                Figure::count("arrived", "arrived", receipts.arrived),
                Figure::count("missing", "missing", receipts.missing),
                Figure::count("duplicates", "duplicates", receipts.duplicates),
                // Their enqueue was committed, but its answer never came.
                Figure::count("strangers", "strangers", receipts.strangers),
            ],
        },
    ]
}
