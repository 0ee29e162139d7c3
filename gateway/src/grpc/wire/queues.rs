//! Queues, and what went through them.

use proto::{NewQueue, Queue, QueueUpdate, Traffic, TrafficPoint, grpc::v1};

use super::{Form, duration, mask::Mask, settings, timestamp};
use crate::problem::Refusal;

pub(in crate::grpc) fn read_new(given: v1::CreateQueueRequest) -> Result<NewQueue, Refusal> {
    let mut form = Form::default();
    let settings = given.settings.map(|given| settings::read(given, &mut form));
    form.finish()?;
    Ok(NewQueue {
        name: given.name,
        description: given.description,
        settings: settings.unwrap_or_default(),
        max_depth: given.max_depth,
    })
}

/// The name of the queue that changes, and the change.
pub(in crate::grpc) fn read_update(given: v1::UpdateQueueRequest) -> Result<(String, QueueUpdate), Refusal> {
    let mut form = Form::default();
    let mask = Mask::read(
        given.update_mask,
        &["description", "settings", "max_depth"],
        &mut form,
    );
    let settings = given.settings.map(|given| settings::read(given, &mut form));
    form.finish()?;
    let update = QueueUpdate {
        description: mask.take("description", given.description, String::new()),
        settings: mask.patch(settings.as_ref()),
        max_depth: mask.take("max_depth", given.max_depth.map(Some), None),
    };
    Ok((given.name, update))
}

pub(in crate::grpc) fn queue(queue: Queue) -> v1::Queue {
    v1::Queue {
        id: queue.id.to_string(),
        name: queue.name,
        description: queue.description,
        settings: Some(settings::settings(queue.settings)),
        max_depth: queue.max_depth,
        depth: queue.depth,
        paused: queue.paused,
        endpoints: queue.endpoints,
        created_at: Some(timestamp(queue.created_at)),
        updated_at: Some(timestamp(queue.updated_at)),
    }
}

pub(in crate::grpc) fn traffic(traffic: Traffic) -> v1::Traffic {
    let bounds = traffic.latency_bounds_ms.into_iter().map(u64::from);
    v1::Traffic {
        latency_bounds: bounds
            .map(|ms| duration(std::time::Duration::from_millis(ms)))
            .collect(),
        points: traffic.points.into_iter().map(point).collect(),
    }
}

fn point(point: TrafficPoint) -> v1::TrafficPoint {
    v1::TrafficPoint {
        minute: Some(timestamp(point.minute)),
        queue: point.queue,
        endpoint: point.endpoint.map(|id| id.to_string()),
        enqueued: point.enqueued,
        unmatched: point.unmatched,
        delivered: point.delivered,
        retried: point.retried,
        dead: point.dead,
        latency: point.latency,
    }
}
