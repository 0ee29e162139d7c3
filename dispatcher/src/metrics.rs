//! Metrics of the dispatcher, as they stand when they are asked for: what is in flight, what lanes wait for, which are in trouble.

use std::cmp::Reverse;

use prometheus::{IntGauge, IntGaugeVec, Opts, Registry};
use proto::{BreakerState, Lane, LaneWait};
use queue::metrics::OTHER;

use crate::{clock, lanes::Lanes};

/// Endpoints with series of their own: those in trouble first, then those with most to do. The others are summed up.
const ENDPOINTS: usize = 50;

#[derive(Debug)]
pub(crate) struct Metrics {
    in_flight: IntGauge,
    in_flight_limit: IntGauge,
    unwritten: IntGauge,
    unwritten_limit: IntGauge,
    shards: IntGauge,
    lanes: IntGaugeVec,
    breakers: IntGaugeVec,
    of_endpoints: OfEndpoints,
}

/// By queue and endpoint.
#[derive(Debug)]
struct OfEndpoints {
    in_flight: IntGaugeVec,
    ready: IntGaugeVec,
    open: IntGaugeVec,
    failing: IntGaugeVec,
}

impl OfEndpoints {
    fn all(&self) -> [&IntGaugeVec; 4] {
        [&self.in_flight, &self.ready, &self.open, &self.failing]
    }
}

impl Metrics {
    /// The metrics, registered.
    ///
    /// # Errors
    /// When there is another dispatcher's in `registry`.
    pub(crate) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let gauge = |name, help| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let gauges = |name, help, labels: &[&str]| {
            let gauges = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(gauges.clone()))?;
            Ok::<_, prometheus::Error>(gauges)
        };
        let of_endpoint = ["queue", "endpoint"];
        Ok(Self {
            in_flight: gauge("posthaste_in_flight", "Requests to endpoints in flight.")?,
            in_flight_limit: gauge(
                "posthaste_in_flight_limit",
                "The most that may be in flight on this node (dispatcher.max_in_flight).",
            )?,
            unwritten: gauge(
                "posthaste_results_unwritten",
                "Results of requests that are not in the database yet.",
            )?,
            unwritten_limit: gauge(
                "posthaste_results_unwritten_limit",
                "How many of them there may be before no request is begun (dispatcher.max_unwritten).",
            )?,
            shards: gauge(
                "posthaste_shards_owned",
                "Shards of 256 that this node pushes for.",
            )?,
            lanes: gauges(
                "posthaste_lanes",
                "Endpoints of this node by what their deliveries wait for.",
                &["waits_for"],
            )?,
            breakers: gauges(
                "posthaste_breakers",
                "Endpoints of this node by the state of their breaker.",
                &["state"],
            )?,
            of_endpoints: OfEndpoints {
                in_flight: gauges(
                    "posthaste_endpoint_in_flight",
                    "Requests in flight: of the endpoints in most trouble, and the sum of the others.",
                    &of_endpoint,
                )?,
                ready: gauges(
                    "posthaste_endpoint_ready",
                    "Deliveries that are due and in memory, likewise.",
                    &of_endpoint,
                )?,
                open: gauges(
                    "posthaste_endpoint_breaker_open",
                    "Whether its breaker is not closed; of the others how many.",
                    &of_endpoint,
                )?,
                failing: gauges(
                    "posthaste_endpoint_failing_seconds",
                    "Since when every attempt fails; of the others the longest.",
                    &of_endpoint,
                )?,
            },
        })
    }

    /// Brings them up to date: a look at each lane, some milliseconds for ten thousand.
    pub(crate) fn measure(&self, lanes: &Lanes) {
        let now = clock();
        set(&self.in_flight, lanes.in_flight());
        set(&self.in_flight_limit, lanes.config.max_in_flight);
        set(&self.unwritten, lanes.unwritten());
        set(&self.unwritten_limit, lanes.config.max_unwritten);
        set(&self.shards, lanes.shards.owned().len());
        let mut views: Vec<Lane> = lanes
            .all()
            .into_iter()
            .map(|entry| entry.lane.lock().view(entry.id, entry.is_in_line(), now))
            .collect();
        self.lanes.reset();
        self.breakers.reset();
        for view in &views {
            self.lanes.with_label_values(&[wait(view.waits_for)]).inc();
            self.breakers.with_label_values(&[breaker(view.breaker)]).inc();
        }
        views.sort_by_key(|view| Reverse(trouble(view)));
        self.name(&views, lanes, now);
    }

    fn name(&self, views: &[Lane], lanes: &Lanes, now: chrono::DateTime<chrono::Utc>) {
        let of = &self.of_endpoints;
        of.all().into_iter().for_each(IntGaugeVec::reset);
        let snapshot = lanes.queue.catalog().snapshot();
        for (rank, view) in views.iter().enumerate() {
            let id = view.endpoint.to_string();
            let queue = snapshot.endpoints.get(&view.endpoint).map(|e| e.queue.as_str());
            let labels = match queue {
                Some(queue) if rank < ENDPOINTS => [queue, id.as_str()],
                _ => [OTHER, OTHER],
            };
            of.in_flight.with_label_values(&labels).add(view.in_flight.into());
            let ready = i64::try_from(view.ready).unwrap_or(i64::MAX);
            of.ready.with_label_values(&labels).add(ready);
            of.open
                .with_label_values(&labels)
                .add(is_open(view.breaker).into());
            let failing = of.failing.with_label_values(&labels);
            let seconds = view.failing_since.map_or(0, |since| (now - since).num_seconds());
            failing.set(failing.get().max(seconds));
        }
    }
}

fn set(gauge: &IntGauge, value: usize) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}

fn is_open(state: BreakerState) -> bool {
    !matches!(state, BreakerState::Off | BreakerState::Closed)
}

/// What is told first: a breaker that is open, then what fails, then what has most to do.
fn trouble(view: &Lane) -> (bool, bool, u64) {
    (
        is_open(view.breaker),
        view.failing_since.is_some(),
        view.ready + u64::from(view.in_flight),
    )
}

fn wait(wait: LaneWait) -> &'static str {
    match wait {
        LaneWait::Nothing => "nothing",
        LaneWait::Work => "work",
        LaneWait::Permit => "permit",
        LaneWait::Slot => "slot",
        LaneWait::Rate => "rate",
        LaneWait::Hold => "hold",
        LaneWait::Breaker => "breaker",
        LaneWait::Probe => "probe",
        LaneWait::Enabling => "enabling",
    }
}

fn breaker(state: BreakerState) -> &'static str {
    match state {
        BreakerState::Off => "off",
        BreakerState::Closed => "closed",
        BreakerState::Open => "open",
        BreakerState::Probing => "probing",
        BreakerState::Recovering => "recovering",
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn lane(breaker: BreakerState, failing: bool, ready: u64) -> Lane {
        Lane {
            endpoint: uuid::Uuid::nil(),
            waits_for: LaneWait::Work,
            until: None,
            in_flight: 0,
            in_flight_limit: 1,
            max_in_flight: 1,
            ready,
            backlog: false,
            tokens: None,
            hold_until: None,
            breaker,
            probe_at: None,
            answer_ms: None,
            failing_since: failing.then_some(DateTime::UNIX_EPOCH),
            updated_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn an_open_breaker_is_more_trouble_than_failing_and_that_more_than_much_to_do() {
        let order = [
            lane(BreakerState::Probing, false, 0),
            lane(BreakerState::Closed, true, 0),
            lane(BreakerState::Off, false, 9),
            lane(BreakerState::Closed, false, 8),
        ];
        assert!(order.is_sorted_by_key(|view| Reverse(trouble(view))));
    }
}
