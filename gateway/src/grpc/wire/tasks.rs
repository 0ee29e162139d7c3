//! Tasks and deliveries.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use proto::{
    Delivery, DeliveryState, DeliveryWait, Enqueued, Payload, ReplayedTo, Task, TaskState, Why, grpc::v1,
};
use queue::{task::NewTask, tasks::HeaderFilter};

use super::{Form, settings, timestamp};
use crate::{body::is_shared, problem::Refusal};

/// The media type of a payload of which nothing is said.
const DEFAULT_TYPE: &str = "application/json";

/// A task to be enqueued, out of a request of `request` bytes.
pub(crate) fn read(given: v1::NewTask, request: usize) -> Result<NewTask, Refusal> {
    let mut form = Form::default();
    let payload = given.payload.unwrap_or_else(|| {
        form.0.add("payload", "is missing: give it, though it be empty");
        Bytes::new()
    });
    let task = NewTask {
        kind: given.r#type,
        payload: own(payload, request),
        content_type: if given.content_type.is_empty() {
            DEFAULT_TYPE.to_owned()
        } else {
            given.content_type
        },
        headers: given.headers,
        priority: form.small(given.priority, "priority", "0 to 9"),
        delay: form.span(given.delay, "delay").map(|span| span.0),
        due_at: form.time(given.due_at, "due_at"),
        expires_at: form.time(given.expires_at, "expires_at"),
        idempotency_key: given.idempotency_key,
        ordering_key: given.ordering_key,
        retry: given
            .retry
            .map(|policy| settings::read_retry(policy, "retry", &mut form)),
    };
    form.finish()?;
    Ok(task)
}

/// A payload as bytes of their own, unless it may share the request's buffer.
fn own(payload: Bytes, request: usize) -> Bytes {
    if is_shared(payload.len(), request) {
        payload
    } else {
        Bytes::copy_from_slice(&payload)
    }
}

pub(in crate::grpc) fn enqueued(enqueued: &Enqueued) -> v1::Enqueued {
    v1::Enqueued {
        id: enqueued.id.to_string(),
        deliveries: enqueued.deliveries,
        repeated: enqueued.repeated,
    }
}

pub(in crate::grpc) fn task(task: Task) -> v1::Task {
    let payload = task.payload.map(|payload| match payload {
        Payload::Text(text) => text.into_bytes(),
        Payload::Base64(text) => STANDARD.decode(text).unwrap_or_default(),
    });
    v1::Task {
        id: task.id.to_string(),
        queue: task.queue,
        r#type: task.kind,
        state: state(task.state) as i32,
        created_at: Some(timestamp(task.created_at)),
        due_at: Some(timestamp(task.due_at)),
        expires_at: task.expires_at.map(timestamp),
        priority: u32::from(task.priority),
        headers: task.headers,
        idempotency_key: task.idempotency_key,
        retry: task.retry.map(settings::retry),
        content_type: task.content_type,
        size: task.size,
        payload: payload.map(Into::into),
        expired: task.expired,
        expunged_at: task.expunged_at.map(timestamp),
    }
}

const STATES: [(TaskState, v1::TaskState); 8] = [
    (TaskState::Retrying, v1::TaskState::Retrying),
    (TaskState::Pending, v1::TaskState::Pending),
    (TaskState::Scheduled, v1::TaskState::Scheduled),
    (TaskState::Dead, v1::TaskState::Dead),
    (TaskState::Cancelled, v1::TaskState::Cancelled),
    (TaskState::Delivered, v1::TaskState::Delivered),
    (TaskState::Unmatched, v1::TaskState::Unmatched),
    (TaskState::Ended, v1::TaskState::Ended),
];

fn state(state: TaskState) -> v1::TaskState {
    let found = STATES.iter().find(|(ours, _)| *ours == state);
    found.map_or(v1::TaskState::Unspecified, |(_, theirs)| *theirs)
}

/// The state that a filter means, if it means one.
pub(in crate::grpc) fn read_state(given: i32, form: &mut Form) -> Option<TaskState> {
    let given: v1::TaskState = form.word(given, "state")?;
    let found = STATES.iter().find(|(_, theirs)| *theirs == given);
    found.map(|(ours, _)| *ours)
}

/// The header that a filter means, if it means one.
pub(in crate::grpc) fn read_header(given: Option<&str>, form: &mut Form) -> Option<HeaderFilter> {
    let read = given?.parse().ok();
    form.0.require(read.is_some(), "header", HeaderFilter::FORM);
    read
}

pub(in crate::grpc) fn replayed_to(made: ReplayedTo) -> v1::ReplayedTo {
    v1::ReplayedTo {
        delivery: made.delivery.to_string(),
        endpoint: made.endpoint.to_string(),
    }
}

pub(in crate::grpc) fn delivery(delivery: Delivery) -> v1::Delivery {
    let state = match delivery.state {
        DeliveryState::Scheduled => v1::DeliveryState::Scheduled,
        DeliveryState::Pending => v1::DeliveryState::Pending,
        DeliveryState::Retrying => v1::DeliveryState::Retrying,
        DeliveryState::Delivered => v1::DeliveryState::Delivered,
        DeliveryState::Dead => v1::DeliveryState::Dead,
        DeliveryState::Cancelled => v1::DeliveryState::Cancelled,
    };
    v1::Delivery {
        id: delivery.id.to_string(),
        task: delivery.task.to_string(),
        endpoint: delivery.endpoint.to_string(),
        state: state as i32,
        attempts: delivery.attempts,
        due_at: delivery.due_at.map(timestamp),
        ended_at: delivery.ended_at.map(timestamp),
        reason: delivery.reason,
        why: delivery.why.map(why),
    }
}

fn why(why: Why) -> v1::Why {
    let waits_for = why.waits_for.map(|wait| match wait {
        DeliveryWait::Time => v1::DeliveryWait::Time,
        DeliveryWait::Retry => v1::DeliveryWait::Retry,
        DeliveryWait::EndpointPaused => v1::DeliveryWait::EndpointPaused,
        DeliveryWait::EndpointDisabled => v1::DeliveryWait::EndpointDisabled,
        DeliveryWait::QueuePaused => v1::DeliveryWait::QueuePaused,
        DeliveryWait::EndpointDeleted => v1::DeliveryWait::EndpointDeleted,
        DeliveryWait::Node => v1::DeliveryWait::Node,
        DeliveryWait::Hold => v1::DeliveryWait::Hold,
        DeliveryWait::Breaker => v1::DeliveryWait::Breaker,
        DeliveryWait::Rate => v1::DeliveryWait::Rate,
        DeliveryWait::Slot => v1::DeliveryWait::Slot,
        DeliveryWait::Permit => v1::DeliveryWait::Permit,
        DeliveryWait::Order => v1::DeliveryWait::Order,
        DeliveryWait::Turn => v1::DeliveryWait::Turn,
    });
    v1::Why {
        sentence: why.sentence,
        rule: why.rule,
        waits_for: waits_for.map(|wait| wait as i32),
        until: why.until.map(timestamp),
        ahead: why.ahead,
        more_ahead: why.more_ahead,
        starts_at: why.starts_at.map(timestamp),
    }
}

#[cfg(test)]
mod tests {
    use prost_types::{Duration, Timestamp};

    use super::*;

    fn fields(given: v1::NewTask) -> Vec<String> {
        let read = read(given, 0);
        let errors = read.err().map(|refusal| refusal.errors).unwrap_or_default();
        errors.into_iter().map(|error| error.field).collect()
    }

    fn given() -> v1::NewTask {
        v1::NewTask {
            payload: Some(Bytes::from_static(b"{}")),
            ..v1::NewTask::default()
        }
    }

    #[test]
    fn a_task_is_read_as_it_stands() {
        let task = read(
            v1::NewTask {
                r#type: "a.b".into(),
                priority: Some(9),
                delay: Some(Duration { seconds: 5, nanos: 0 }),
                expires_at: Some(Timestamp {
                    seconds: 4_102_444_800,
                    nanos: 0,
                }),
                idempotency_key: Some("k".into()),
                retry: Some(v1::RetryPolicy {
                    attempts: Some(3),
                    ..v1::RetryPolicy::default()
                }),
                ..given()
            },
            0,
        )
        .unwrap();
        assert_eq!(
            (&*task.kind, &*task.payload, &*task.content_type),
            ("a.b", b"{}".as_slice(), DEFAULT_TYPE)
        );
        assert_eq!(
            (task.priority, task.delay),
            (Some(9), Some(std::time::Duration::from_secs(5)))
        );
        assert_eq!(task.expires_at.unwrap().to_rfc3339(), "2100-01-01T00:00:00+00:00");
        assert_eq!(task.retry.unwrap().attempts, Some(3));
        let empty = v1::NewTask {
            payload: Some(Bytes::new()),
            content_type: "a/b".into(),
            ..given()
        };
        assert_eq!(read(empty, 0).unwrap().content_type, "a/b");
    }

    #[test]
    fn every_mistake_names_its_field() {
        assert_eq!(fields(v1::NewTask::default()), ["payload"]);
        let wrong = v1::NewTask {
            priority: Some(300),
            delay: Some(Duration {
                seconds: -1,
                nanos: 0,
            }),
            due_at: Some(Timestamp {
                seconds: 0,
                nanos: -1,
            }),
            expires_at: Some(Timestamp {
                seconds: i64::MAX,
                nanos: 0,
            }),
            retry: Some(v1::RetryPolicy {
                max: Some(Duration {
                    seconds: -1,
                    nanos: 0,
                }),
                ..v1::RetryPolicy::default()
            }),
            ..given()
        };
        assert_eq!(
            fields(wrong),
            ["priority", "delay", "due_at", "expires_at", "retry.max"]
        );
    }

    #[test]
    fn a_small_payload_keeps_no_large_request() {
        let request = Bytes::from(vec![7; 1 << 20]);
        let small = own(request.slice(..100), request.len());
        assert!(!request.as_ptr_range().contains(&small.as_ptr()));
        let most = own(request.slice(..600 << 10), request.len());
        assert!(request.as_ptr_range().contains(&most.as_ptr()));
    }

    #[test]
    fn every_state_has_its_number() {
        for (ours, theirs) in STATES {
            assert_eq!(state(ours), theirs);
            assert_eq!(read_state(theirs as i32, &mut Form::default()), Some(ours));
        }
        let mut form = Form::default();
        assert_eq!(
            (read_state(0, &mut form), read_state(99, &mut form)),
            (None, None)
        );
        assert_eq!(form.0.into_vec()[0].field, "state");
    }

    #[test]
    fn a_header_is_read_as_rest_reads_it() {
        let mut form = Form::default();
        assert_eq!(read_header(None, &mut form), None);
        assert_eq!(read_header(Some("X-Shop:7"), &mut form), "x-shop: 7".parse().ok());
        assert_eq!(read_header(Some("x shop"), &mut form), None);
        assert_eq!(form.0.into_vec()[0].field, "header");
    }
}
