//! Events.

use proto::grpc::v1::{self, watch_events_response::Told as Is};
use queue::events::{Asked, Told};
use uuid::Uuid;

use super::{Form, attempts, timestamp};
use crate::problem::Refusal;

/// Which events are asked for, and after which one.
pub(in crate::grpc) fn read(given: v1::WatchEventsRequest) -> Result<(Asked, Option<Uuid>), Refusal> {
    let mut form = Form::default();
    let asked = Asked {
        queues: given.queue,
        types: given.r#type,
        states: given.state,
        task: given.task.map(|id| form.id(&id, "task")),
        endpoint: given.endpoint.map(|id| form.id(&id, "endpoint")),
    };
    let after = given.after.map(|id| form.id(&id, "after"));
    form.finish()?;
    Ok((asked, after))
}

pub(in crate::grpc) fn told(told: &Told) -> v1::WatchEventsResponse {
    let told = match told {
        Told::Event(one) => Is::Event(event(&one.event)),
        Told::Missed(count) => Is::Missed(v1::Missed { count: *count }),
    };
    v1::WatchEventsResponse { told: Some(told) }
}

fn event(event: &proto::Event) -> v1::Event {
    let text = |id: Option<Uuid>| id.map(|id| id.to_string());
    v1::Event {
        id: event.id.to_string(),
        at: Some(timestamp(event.at)),
        kind: event.kind.to_string(),
        queue: event.queue.clone(),
        task: text(event.task),
        delivery: text(event.delivery),
        endpoint: text(event.endpoint),
        r#type: event.task_type.clone(),
        attempts: event.attempts,
        status: event.status.map(u32::from),
        failure: event
            .failure
            .as_deref()
            .map(|word| attempts::failure(word) as i32),
        reason: event.reason.clone(),
        due_at: event.due_at.map(timestamp),
        count: event.count,
    }
}
