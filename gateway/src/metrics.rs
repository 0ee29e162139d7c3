//! Metrics of the gateway: what was asked, how it was answered, and how long that took; and the page on which all metrics of the node stand.

use std::{
    collections::HashSet,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request},
    http::Method,
    response::Response,
};
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
    core::Collector, proto::MetricFamily,
};
use prost::Message;
use prost_types::FileDescriptorSet;
use queue::{
    metrics::{OTHER, seconds},
    rights::Reach,
};
use tonic::{Code, Status};

/// The media type of the page (Prometheus, exposition formats, version 0.0.4).
pub(crate) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Brings up to date what another part of the node does not count as it happens. Must not wait.
pub type Measure = Arc<dyn Fn() + Send + Sync>;

/// The gateway's own.
#[derive(Debug)]
pub(crate) struct Metrics {
    requests: IntCounterVec,
    seconds: HistogramVec,
    wrong_keys: IntCounter,
}

impl Metrics {
    /// The metrics, registered. A further gateway of the same queue counts for itself alone.
    pub(crate) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let requests = Opts::new(
            "posthaste_requests_total",
            "Requests by operation (REST: method and route; gRPC: service and method) and status. A stream counts when it begins.",
        );
        let took = HistogramOpts::new(
            "posthaste_request_seconds",
            "Time from a request's head to its answer's, streams not included.",
        );
        let metrics = Self {
            requests: IntCounterVec::new(requests, &["transport", "operation", "status"])?,
            seconds: HistogramVec::new(took.buckets(seconds()), &["transport"])?,
            wrong_keys: IntCounter::new(
                "posthaste_wrong_keys_total",
                "Keys and tokens that were not valid.",
            )?,
        };
        let build = Opts::new("posthaste_build_info", "Always 1: which program this is.")
            .const_label("version", env!("CARGO_PKG_VERSION"));
        let build = IntGauge::with_opts(build)?;
        build.set(1);
        let all: [Box<dyn Collector>; 4] = [
            Box::new(metrics.requests.clone()),
            Box::new(metrics.seconds.clone()),
            Box::new(metrics.wrong_keys.clone()),
            Box::new(build),
        ];
        for metric in all {
            match registry.register(metric) {
                Ok(()) | Err(prometheus::Error::AlreadyReg) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(metrics)
    }

    /// Notes that somebody came with a key that is not valid.
    pub(crate) fn wrong_key(&self) {
        self.wrong_keys.inc();
    }

    /// Notes a request over REST.
    pub(crate) fn rest(&self, asked: &Asked, response: &Response) {
        let status = response.status();
        self.requests
            .with_label_values(&["rest", asked.operation.as_str(), status.as_str()])
            .inc();
        self.took("rest", asked.begun.elapsed());
    }

    /// Notes a call.
    pub(crate) fn call(&self, asked: &Asked, response: &Response) {
        let status = response.extensions().get::<Status>();
        let code = status.map_or(Code::Ok, Status::code);
        self.requests
            .with_label_values(&["grpc", asked.operation.as_str(), &format!("{code:?}")])
            .inc();
        self.took("grpc", asked.begun.elapsed());
    }

    fn took(&self, transport: &str, time: Duration) {
        self.seconds
            .with_label_values(&[transport])
            .observe(time.as_secs_f64());
    }
}

/// What is asked, and since when.
pub(crate) struct Asked {
    operation: String,
    begun: Instant,
}

impl Asked {
    /// By a route, which are finitely many.
    pub(crate) fn rest(request: &Request, begun: Instant) -> Self {
        let route = request.extensions().get::<MatchedPath>();
        let route = route.map_or(OTHER, MatchedPath::as_str);
        // Routes take these; what else comes is refused, and must make no series.
        let method = match *request.method() {
            Method::GET | Method::HEAD => "GET",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::PATCH => "PATCH",
            Method::DELETE => "DELETE",
            _ => OTHER,
        };
        Self {
            operation: format!("{method} {route}"),
            begun,
        }
    }

    /// By a method of the contract.
    pub(crate) fn call(path: &str, begun: Instant) -> Self {
        let method = path.trim_start_matches('/');
        let operation = if METHODS.contains(method) { method } else { OTHER };
        Self {
            operation: operation.to_owned(),
            begun,
        }
    }
}

/// `posthaste.v1.TaskService/Enqueue` and so on.
static METHODS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    // The bytes are made with this code; a test reads them as well.
    let contract = FileDescriptorSet::decode(proto::grpc::DESCRIPTORS).unwrap_or_default();
    let mut methods = HashSet::new();
    for file in &contract.file {
        for service in &file.service {
            for method in &service.method {
                methods.insert(format!("{}.{}/{}", file.package(), service.name(), method.name()));
            }
        }
    }
    methods
});

/// The page, of what somebody reaches: of series with a queue those of theirs, and the node's own only for who reaches everything.
pub(crate) fn page(registry: &Registry, reach: &Reach) -> prometheus::Result<String> {
    let mut families = registry.gather();
    if !reach.is_everything() {
        for family in &mut families {
            narrow(family, reach);
        }
        families.retain(|family| !family.get_metric().is_empty());
    }
    TextEncoder::new().encode_to_string(&families)
}

fn narrow(family: &mut MetricFamily, reach: &Reach) {
    let reached = |metric: &prometheus::proto::Metric| {
        let queue = metric.get_label().iter().find(|label| label.name() == "queue");
        queue.is_some_and(|queue| queue.value() != OTHER && reach.covers(queue.value()))
    };
    let kept: Vec<_> = family
        .get_metric()
        .iter()
        .filter(|metric| reached(metric))
        .cloned()
        .collect();
    family.set_metric(kept);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_reach_everything_sees_series_of_their_queues_alone() {
        let registry = Registry::new();
        let counted = IntCounterVec::new(Opts::new("counted", "Things."), &["queue"]).unwrap();
        registry.register(Box::new(counted.clone())).unwrap();
        for queue in ["acme.mails", "other", OTHER] {
            counted.with_label_values(&[queue]).inc();
        }
        let node = IntCounter::new("of_the_node", "Things.").unwrap();
        registry.register(Box::new(node)).unwrap();
        let all = page(&registry, &Reach::everything()).unwrap();
        assert_eq!(all.matches("counted{").count(), 3, "{all}");
        assert!(all.contains("of_the_node 0"));
        let some = page(&registry, &Reach::of(vec!["acme.*".into()])).unwrap();
        assert_eq!(
            some,
            "# HELP counted Things.\n# TYPE counted counter\ncounted{queue=\"acme.mails\"} 1\n"
        );
        let odd = page(&registry, &Reach::of(vec!["(*".into()])).unwrap();
        assert_eq!(odd, "");
    }

    #[test]
    fn calls_are_named_by_the_contract_and_by_nothing_else() {
        let call = |path| Asked::call(path, Instant::now()).operation;
        assert_eq!(
            call("/posthaste.v1.TaskService/Enqueue"),
            "posthaste.v1.TaskService/Enqueue"
        );
        assert_eq!(call("/posthaste.v1.TaskService/Whatever"), OTHER);
        assert!(METHODS.len() > 40);
    }
}
