//! What went through all queues.

use std::time::Duration;

use proto::{EndpointTraffic, TrafficOverview, TrafficStep, grpc::v1};

use super::{Form, duration, endpoints, timestamp};

/// The length of a step in seconds, if it is given. What is no whole number of them is none of minutes either.
pub(in crate::grpc) fn read_step(given: Option<prost_types::Duration>, form: &mut Form) -> Option<u32> {
    let step = form.span(given, "step")?.0;
    let seconds = u32::try_from(step.as_secs())
        .ok()
        .filter(|_| step.subsec_nanos() == 0);
    form.0
        .require(seconds.is_some(), "step", "whole minutes, a day at most");
    seconds
}

pub(in crate::grpc) fn overview(overview: TrafficOverview) -> v1::Overview {
    let bounds = overview.latency_bounds_ms.into_iter().map(u64::from);
    v1::Overview {
        latency_bounds: bounds.map(|ms| duration(Duration::from_millis(ms))).collect(),
        step: Some(duration(Duration::from_secs(overview.step_seconds.into()))),
        steps: overview.steps.into_iter().map(step).collect(),
        endpoints: overview.endpoints.into_iter().map(endpoint).collect(),
    }
}

fn step(step: TrafficStep) -> v1::OverviewStep {
    v1::OverviewStep {
        begin: Some(timestamp(step.begin)),
        enqueued: step.enqueued,
        delivered: step.delivered,
        retried: step.retried,
        dead: step.dead,
        latency: step.latency,
    }
}

fn endpoint(endpoint: EndpointTraffic) -> v1::EndpointOverview {
    v1::EndpointOverview {
        endpoint: endpoint.endpoint.to_string(),
        queue: endpoint.queue,
        url: endpoint.url,
        status: endpoints::status(endpoint.status) as i32,
        delivered: endpoint.delivered,
        retried: endpoint.retried,
        dead: endpoint.dead,
        latency: endpoint.latency,
    }
}
