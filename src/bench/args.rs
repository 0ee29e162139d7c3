use std::{fmt, net::SocketAddr, str::FromStr, time::Duration};

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use proto::Span;
use url::Url;

use super::{payload, scenario::rate};

/// The largest batch the API takes, in items and in bytes.
const BATCH_ITEMS: u64 = 10_000;
const BATCH_BYTES: u64 = 16 * 1024 * 1024;

/// What `posthaste bench` is told.
#[derive(Debug, Clone, Args)]
pub struct BenchArgs {
    /// The server to measure: its REST address, plain http
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub url: Url,

    /// An API key of the server that may make and delete queues
    #[arg(long, env = "POSTHASTE_KEY", hide_env_values = true)]
    pub key: Key,

    /// What to measure; several with commas between
    #[arg(long, value_enum, value_delimiter = ',', default_value = "all")]
    pub scenario: Vec<Choice>,

    /// Tasks of a closed loop: of `single`, of `batch`, and requests of the bare baseline
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub tasks: u64,

    /// Connections that enqueue single tasks, each with one request under way; the bare baseline uses as many. With fewer
    /// a disk that takes some milliseconds to make a commit durable sets the rate, and not the server
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub concurrency: u32,

    /// Bytes of a task's payload
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(payload::SMALLEST..=1_048_576))]
    pub payload: u32,

    /// Tasks of one batch request
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub batch_size: u32,

    /// Connections that enqueue batches, and streams of `ingest`
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub batch_concurrency: u32,

    /// Tasks a second of the open loop (`latency`)
    #[arg(long, default_value_t = 50.0, value_parser = per_second)]
    pub rate: f64,

    /// How long the open loop runs
    #[arg(long, default_value = "20s")]
    pub duration: Span,

    /// Tasks of the large backlog; the small one it is compared with has 10,000, or a tenth if that is less
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(10..=100_000_000))]
    pub backlog: u64,

    /// Tasks of `ingest`, each way
    #[arg(long, default_value_t = 500_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub ingest: u64,

    /// Tasks of `soak`
    #[arg(long, default_value_t = 5_000_000, value_parser = clap::value_parser!(u64).range(1_000..=1_000_000_000))]
    pub soak: u64,

    /// Endpoints of `lanes`
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub lanes: u32,

    /// Tasks of `lanes` for each endpoint; the bench holds the bodies of all in memory. With many more than ten most are read back from the
    /// database before they are sent
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub lane_tasks: u32,

    /// Ordering keys of `order`
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub keys: u32,

    /// How long `rate` looks at each of its two rates
    #[arg(long, default_value = "60s")]
    pub hold: Span,

    /// Subscribers of the event stream in `subscribers`
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub subscribers: u32,

    /// `max_in_flight` of the endpoint; the server's default if left out
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub max_in_flight: Option<u32>,

    /// Where the receiver listens; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    pub receiver: SocketAddr,

    /// The receiver's URL as the server sees it, where that is not its listening address
    #[arg(long)]
    pub receiver_url: Option<Url>,

    /// The server's process id, if it runs on this machine: its resident memory is measured too
    #[arg(long)]
    pub pid: Option<u32>,

    /// How long to wait without a sign of progress before giving up what is missing
    #[arg(long, default_value = "60s")]
    pub patience: Span,

    /// How to print the result
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

impl BenchArgs {
    /// Checks what clap cannot: rules that span several options.
    pub(super) fn check(&self) -> Result<()> {
        ensure!(
            self.url.scheme() == "http",
            "--url {}: only plain http is measured, without TLS in between",
            self.url
        );
        ensure!(self.url.has_host(), "--url {}: it names no host", self.url);
        let bytes = u64::from(self.batch_size) * payload::line_bytes(self.payload);
        ensure!(
            bytes <= BATCH_BYTES && u64::from(self.batch_size) <= BATCH_ITEMS,
            "--batch-size {} with --payload {}: a batch would have {bytes} bytes; the API takes {BATCH_BYTES}. Make one of them smaller",
            self.batch_size,
            self.payload,
        );
        ensure!(
            !self.receiver.ip().is_unspecified() || self.receiver_url.is_some(),
            "--receiver {}: the server cannot send to this address; say with --receiver-url where it finds the receiver",
            self.receiver,
        );
        ensure!(
            self.duration.0 >= Duration::from_secs(1),
            "--duration {}: at least 1s",
            self.duration
        );
        ensure!(
            self.hold.0 > rate::WINDOW,
            "--hold {}: longer than the 10s that are looked at",
            self.hold
        );
        ensure!(!self.patience.0.is_zero(), "--patience: longer than 0s");
        Ok(())
    }
}

/// An API key, never printed.
#[derive(Clone)]
pub struct Key(String);

impl Key {
    /// The key itself, for the request's header.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for Key {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("a key has printable ASCII characters only, and at least one");
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// Which scenarios run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Choice {
    /// Every one but `soak`, `latency` first, while the server is rested
    All,
    /// Closed loop, one task a request, end to end
    Single,
    /// Closed loop, many tasks a request, end to end
    Batch,
    /// Open loop at a steady low rate: how long a task takes through an idle server
    Latency,
    /// Batches over REST and streams over gRPC, committed while nothing is pushed
    Ingest,
    /// Idle subscribers of the event stream: memory, and what they do to the dispatch rate
    Subscribers,
    /// 100 endpoints under a steady load, of which none, 1, 10 and 50 hang: what the others notice of it
    Isolation,
    /// The same load on one endpoint and spread over many
    Lanes,
    /// An endpoint with a rate, which is changed meanwhile: how many come in ten seconds? The server may be restarted meanwhile
    Rate,
    /// Tasks in order of their keys to a receiver that fails a fifth of them: is any overtaken? The server may be killed meanwhile
    Order,
    /// A large backlog against a small one: memory, and how fast each drains
    Backlog,
    /// Many tasks through a queue that keeps what went through for 20 s: does the database grow, does the rate fall? Takes long, and
    /// a server that is set up for it, as it says itself; not part of `all`
    Soak,
}

/// How the result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Tables for people
    Text,
    /// One JSON document
    Json,
}

fn per_second(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.1..=100_000.0).contains(&rate) => Ok(rate),
        _ => Err("a rate is a number of tasks a second between 0.1 and 100000".to_owned()),
    }
}
