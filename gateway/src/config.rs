use std::{path::PathBuf, time::Duration};

use crate::console::ConsoleFile;

/// The gateway's limits. Everything a caller can make large or slow has one here.
#[derive(Debug, Clone)]
pub struct Config {
    /// The files of the console; none where it is left out.
    pub console: &'static [ConsoleFile],
    /// A folder with a console that was built apart, to serve in place of the embedded one: for who works on it.
    pub console_dir: Option<PathBuf>,
    /// Whether only `/healthz` and `/readyz` are served: this node takes no tasks.
    pub health_only: bool,
    /// Bytes of one payload. Standard Webhooks advises 20 kB; 1 MiB leaves room and bounds memory a request.
    pub payload_max: usize,
    /// Tasks of one batch: bounds the answer, which has a result a task.
    pub batch_max_items: usize,
    /// Bytes of one batch.
    pub batch_max_bytes: usize,
    /// Bytes of a request that carries no task: an endpoint with every list at its limit has some 40 KiB.
    pub request_max_bytes: usize,
    /// Tasks of one `EnqueueStream` that are taken ahead of their answers. More would fill no larger commits: two groups of 2,000 tasks.
    pub stream_max_tasks: usize,
    /// Bytes of the tasks that all such streams have taken and not committed; a stream that finds no room waits. Half of what the
    /// enqueuer lets wait before it refuses.
    pub streams_max_bytes: usize,
    /// Bytes of all bodies above 64 KiB that are in memory at once; what comes beyond is answered 503. Sixteen full batches.
    pub bodies_max_bytes: usize,
    /// Requests under way at once; what comes beyond is answered 503. Many more than the database has connections for: above this,
    /// waiting has grown into seconds. With bodies of 64 KiB, which `bodies_max_bytes` does not count, they take a gigabyte.
    pub requests_max: usize,
    /// Time for one request in all, before it is answered 503: what most clients wait for at most.
    pub request_timeout: Duration,
    /// The part of it in which the body must have come, else it is answered 408: 16 MiB take 13 s at 10 Mbit/s.
    pub body_timeout: Duration,
    /// The same as `request_timeout` for actions on many things (purge, replay), which `queue` ends by itself after 20 s.
    pub action_timeout: Duration,
    /// Time in which a new connection must have sent the head of its first request.
    pub head_timeout: Duration,
    /// Time in which a kept connection must have sent its next one. Above the 60 s of common load balancers, so that it is they who close.
    pub idle_timeout: Duration,
    /// Time in which a client must take what it is sent: one that asks and never reads would hold memory for ever. Linux only.
    pub write_timeout: Duration,
    /// How often a stream of events says something although nothing happens: proxies cut what is silent for a minute, and a peer that is gone
    /// is noticed.
    pub heartbeat: Duration,
    /// Bytes of a request's head. A task's fields may come in headers, 4 KiB of its own headers among them.
    pub head_max_bytes: usize,
    /// Connections at once on each port; further ones wait to be accepted. Each takes a descriptor and some 10 KiB.
    pub connections_max: usize,
    /// Requests at once on one HTTP/2 connection.
    pub streams_max: u32,
    /// Time that requests under way have to end when the gateway is told to stop: as long as the longest action.
    pub drain_timeout: Duration,
    /// Wrong keys or tokens that an address may send at once; one more each 3 s. Enough for a fleet of clients with a stale key to be told so.
    pub wrong_keys_max: u32,
    /// The share of enqueues that begin a trace which is recorded and exported, 0 to 1; a producer that sends a trace of its own decides
    /// itself. None: nothing is exported.
    pub traced: Option<f64>,
    /// Items of a page, unless the caller says.
    pub page_default: usize,
    /// Most items of a page.
    pub page_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            console: &[],
            console_dir: None,
            health_only: false,
            payload_max: 1 << 20,
            batch_max_items: 10_000,
            batch_max_bytes: 16 << 20,
            request_max_bytes: 256 << 10,
            stream_max_tasks: 4_096,
            streams_max_bytes: 32 << 20,
            bodies_max_bytes: 256 << 20,
            requests_max: 16_384,
            request_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(20),
            action_timeout: Duration::from_mins(1),
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
            heartbeat: Duration::from_secs(15),
            head_max_bytes: 64 << 10,
            connections_max: 8_192,
            streams_max: 256,
            drain_timeout: Duration::from_secs(25),
            wrong_keys_max: 20,
            traced: None,
            page_default: 50,
            page_max: 1_000,
        }
    }
}

impl Config {
    /// The time for a body: less than the request's, so that whoever is slow hears that it was they.
    pub(crate) fn body_time(&self) -> Duration {
        self.body_timeout.min(self.request_timeout * 2 / 3)
    }

    /// How long a test-send waits for its attempt: less than its request may take.
    pub(crate) fn test_time(&self) -> Duration {
        self.request_timeout.min(self.action_timeout / 2)
    }

    /// Bytes of a request that carries one task as JSON: a whole payload in base64, and what else a task can hold.
    pub(crate) fn task_max_bytes(&self) -> usize {
        self.payload_max.div_ceil(3) * 4 + self.request_max_bytes
    }

    /// Bytes of the largest message of a gRPC call, as it is when it has been decompressed.
    pub(crate) fn message_max_bytes(&self) -> usize {
        let task = self.payload_max + self.request_max_bytes;
        self.batch_max_bytes.max(task)
    }
}
