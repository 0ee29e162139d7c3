//! What reads what strangers send, as functions of bytes: for the fuzz targets in `fuzz/`, which lie outside the workspace, and for the
//! bounded run of the same in `tests/fuzz`. Nothing of the product calls them, and they keep no promise.
//!
//! Each answers the status of the refusal, or `None` if what was read is right. They need neither a server nor a database.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use bytes::Bytes;
use prost::Message as _;
use proto::{EndpointUpdate, NewEndpoint, NewQueue, QueueUpdate, Span, grpc::v1};
use queue::{
    error::Problems,
    settings,
    task::{self, NewTask},
};

use crate::{
    config::Config,
    grpc, json,
    page::List,
    problem::Refusal,
    query::Query,
    rest::enqueue::{idempotency, items, raw, read},
    time,
};

fn status<T>(read: Result<T, Refusal>) -> Option<u16> {
    read.err().map(|refusal| refusal.status().as_u16())
}

fn check(task: NewTask) -> Result<(), Refusal> {
    task::check(task, Config::default().payload_max, time::now())?;
    Ok(())
}

/// The body of `POST …/tasks`.
pub fn task_body(bytes: &[u8]) -> Option<u16> {
    status(task_in(bytes))
}

fn task_in(bytes: &[u8]) -> Result<(), Refusal> {
    let body = Bytes::copy_from_slice(bytes);
    check(read::task_of(json::parse_object(&body)?, &body)?)
}

/// The body of `POST …/tasks/batch`, as lines.
pub fn batch_lines(bytes: &[u8]) -> Option<u16> {
    status(items::of_lines(bytes, Config::default().batch_max_items).and_then(first_wrong))
}

/// The same as an array.
pub fn batch_array(bytes: &[u8]) -> Option<u16> {
    status(items::of_array(bytes, Config::default().batch_max_items).and_then(first_wrong))
}

/// The items are refused one by one: every one is read, and the first that is wrong is told of.
fn first_wrong(items: Vec<&[u8]>) -> Result<(), Refusal> {
    let all: Vec<_> = items.into_iter().map(task_in).collect();
    all.into_iter().collect()
}

/// The headers of `POST …/tasks/raw`, a `name: value` a line. What HTTP itself refuses is left out.
pub fn raw_headers(bytes: &[u8]) -> Option<u16> {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n').take(100) {
        let (name, value) = line.split_at(line.iter().position(|byte| *byte == b':').unwrap_or(line.len()));
        let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii();
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    let read = raw::raw_task(&headers).and_then(|mut task| {
        task.idempotency_key = idempotency::from_header(&headers)?;
        check(task).map_err(|refusal| refusal.rename_fields(raw::header_of))
    });
    status(read)
}

/// The body of `POST …/endpoints`, and of a change.
pub fn endpoint_body(bytes: &[u8]) -> Option<u16> {
    let read = json::parse_object::<NewEndpoint>(bytes).and_then(|new| {
        let mut problems = Problems::default();
        problems.require(queue::endpoint::check_url(&new.url).is_ok(), "url", "an URL");
        settings::check(&new.settings, "settings", &mut problems);
        queue::headers::check(&new.headers, "headers", &mut problems);
        Ok(problems.finish()?)
    });
    let changed = json::parse_object::<EndpointUpdate>(bytes).and_then(|update| patched(update.settings));
    // Hardly a text is both: whichever refuses, refuses rightly.
    status(read).or(status(changed))
}

/// The body of `POST /v1/queues`, and of a change.
pub fn queue_body(bytes: &[u8]) -> Option<u16> {
    let read = json::parse_object::<NewQueue>(bytes).and_then(|new| {
        let mut problems = Problems::default();
        settings::check(&new.settings, "settings", &mut problems);
        Ok(problems.finish()?)
    });
    let changed = json::parse_object::<QueueUpdate>(bytes).and_then(|update| patched(update.settings));
    status(read).or(status(changed))
}

fn patched(patch: Option<serde_json::Value>) -> Result<(), Refusal> {
    if let Some(patch) = patch {
        settings::patch(&proto::DeliverySettings::default(), patch, "settings")?;
    }
    Ok(())
}

/// A page token. No token of a stranger is ever taken.
pub fn page_token(bytes: &[u8]) -> Option<u16> {
    let token = String::from_utf8_lossy(bytes);
    let read = List::reads::<(chrono::DateTime<chrono::Utc>, uuid::Uuid)>(&[7; 32], "a list", &token);
    status(read.ok_or_else(|| Refusal::invalid("page", "is no page")))
}

/// The query of a list, and a duration in it.
pub fn query(bytes: &[u8]) -> Option<u16> {
    let Ok(uri) = Uri::try_from(format!("/v1/queues?{}", String::from_utf8_lossy(bytes))) else {
        return None;
    };
    let mut query = Query::of(&uri);
    let limit = query.count("limit", 1_000);
    let (since, state) = (query.time("since"), query.word::<proto::TaskState>("state"));
    let delay: Option<Span> = query.parsed("delay", "a duration");
    let read = query.finish();
    // What was read is within its bounds, whatever the rest was.
    assert!(limit.is_none_or(|limit| (1..=1_000).contains(&limit)));
    let _ = (since, state, delay);
    status(read)
}

/// An `EnqueueRequest` as it comes over the wire. One that is no such message never reaches us: the transport refuses it.
pub fn grpc_enqueue(bytes: &[u8]) -> Option<u16> {
    let request = v1::EnqueueRequest::decode(bytes).ok()?;
    let task = request.task.unwrap_or_default();
    status(grpc::read_task(task, bytes.len()).and_then(check))
}
