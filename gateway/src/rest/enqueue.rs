//! `/v1/queues/{queue}/tasks` (writing): one task, one as raw bytes, many.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use proto::{BatchItem, BatchResult, Enqueued, Span};
use queue::task::{Checked, NewTask};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::{raw::raw_task, read::task_of};
use crate::{
    acting::Acting,
    body::{self, Limit},
    json::{self, Answer},
    origin::{Enqueuing, Origin},
    path::QueueName,
    problem::{Kind, Refusal},
    state::Gateway,
    time,
};

pub(crate) mod idempotency;
pub(crate) mod items;
pub(crate) mod raw;
pub(crate) mod read;

/// Batches above this are parsed beside the threads that serve: 64 KiB take less than a millisecond.
const PARSED_HERE: usize = 64 << 10;

pub(super) fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(one))
        .routes(routes!(raw))
        .routes(routes!(batch))
}

/// Enqueue a task
///
/// The answer means that it is committed. A repeat under the same idempotency key answers the first result, and says so in `repeated`.
#[utoipa::path(
    post, path = "/v1/queues/{queue}/tasks", tag = "Tasks", operation_id = "enqueue",
    params(QueueName, ("idempotency-key" = Option<String>, Header, description = "A name of the caller's for this task, unique in the queue for 24 h, with or without quotes: a repeat makes no second task.")),
    request_body = proto::NewTask,
    responses(
    (status = 202, description = "It is committed.", body = Enqueued, headers(
    ("location" = String, description = "Where the task is."),
    ("ratelimit-policy" = Option<String>, description = "What the key may enqueue, if that is limited."),
    ("ratelimit" = Option<String>, description = "What is left of it."),
    )),
    (status = 422, description = "The idempotency key was used with other content."),
    ),
    security(("key" = ["enqueue"])),
)]
async fn one(acting: Acting, QueueName(name): QueueName, request: Request) -> Response {
    told(&acting, enqueue_one(&acting, &name, request).await)
}

/// Enqueue a task whose payload is the request's body, byte for byte
///
/// The task's fields are headers; `posthaste-header-…` are sent on without that beginning.
#[utoipa::path(
    post, path = "/v1/queues/{queue}/tasks/raw", tag = "Tasks", operation_id = "enqueue_raw",
    params(
    QueueName,
    ("idempotency-key" = Option<String>, Header, description = "A name of the caller's for this task, unique in the queue for 24 h, with or without quotes: a repeat makes no second task."),
    ("content-encoding" = Option<String>, Header, description = "How the body is encoded: it is kept as it is, and receivers are told."),
    ("posthaste-type" = Option<String>, Header, description = "What kind of task it is, dotted."),
    ("posthaste-priority" = Option<u8>, Header, minimum = 0, maximum = 9, description = "0 to 9, 9 goes first; default 4."),
    ("posthaste-delay" = Option<Span>, Header, description = "How long to wait before the first attempt; at most a year."),
    ("posthaste-due-at" = Option<DateTime<Utc>>, Header, description = "When to make the first attempt, in place of the delay."),
    ("posthaste-expires-at" = Option<DateTime<Utc>>, Header, description = "When sending it makes no more sense."),
    ("posthaste-ordering-key" = Option<String>, Header, description = "What it is in order with, at endpoints whose `ordering` is by key."),
    ("posthaste-retry" = Option<String>, Header, description = "A retry policy as a JSON object."),
    ),
    request_body(content_type = "application/octet-stream", description = "Any bytes of any media type; `application/octet-stream` if none is named.", example = json!("any bytes")),
    responses(
    (status = 202, description = "It is committed.", body = Enqueued, headers(
    ("location" = String, description = "Where the task is."),
    ("ratelimit-policy" = Option<String>, description = "What the key may enqueue, if that is limited."),
    ("ratelimit" = Option<String>, description = "What is left of it."),
    )),
    (status = 422, description = "The idempotency key was used with other content."),
    ),
    security(("key" = ["enqueue"])),
)]
async fn raw(acting: Acting, QueueName(name): QueueName, request: Request) -> Response {
    told(&acting, enqueue_raw(&acting, &name, request).await)
}

/// Enqueue many tasks
///
/// A JSON array, or a task a line. Each item has its own result, in order, and a bad one never sinks the others.
#[utoipa::path(
    post, path = "/v1/queues/{queue}/tasks/batch", tag = "Tasks", operation_id = "enqueue_batch",
    params(QueueName),
    request_body(content(
    (Vec<proto::NewTask> = "application/json", example = json!([{"type": "invoice.paid", "payload": {"id": 7}}, {"type": "invoice.paid", "payload": {"id": 8}, "priority": 9}])),
    (String = "application/x-ndjson", example = "{\"type\":\"invoice.paid\",\"payload\":{\"id\":7}}\n{\"type\":\"invoice.paid\",\"payload\":{\"id\":8}}\n"),
)),
    responses((
    status = 200, description = "What became of each; those accepted are committed.", body = BatchResult,
    headers(
    ("ratelimit-policy" = Option<String>, description = "What the key may enqueue, if that is limited."),
    ("ratelimit" = Option<String>, description = "What is left of it."),
    )
    )),
    security(("key" = ["enqueue"])),
)]
async fn batch(acting: Acting, QueueName(name): QueueName, request: Request) -> Response {
    told(&acting, enqueue_batch(&acting, &name, request).await)
}

/// The answer; to who has a limit with what is left of it.
fn told(acting: &Acting, answer: Result<impl IntoResponse, Refusal>) -> Response {
    let mut response = answer.into_response();
    if let Some(allowance) = acting.allowance() {
        for (name, value) in [
            ("ratelimit-policy", allowance.policy().to_string()),
            ("ratelimit", allowance.left().to_string()),
        ] {
            // Digits and punctuation: always a header's value.
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
    }
    response
}

/// The head of a request, and its body, which nobody has encoded.
fn opened(request: Request) -> Result<(Parts, Body), Refusal> {
    let (parts, body) = request.into_parts();
    expect_no_coding(&parts.headers)?;
    Ok((parts, body))
}

/// Refuses a body that is encoded, by gzip say: as JSON it could not be read.
fn expect_no_coding(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut codings = headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii);
    if codings.all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity")) {
        return Ok(());
    }
    let detail = "nothing is decoded here: send the body as it is, without this header";
    Err(Refusal::of_field(
        Kind::UnsupportedMediaType,
        header::CONTENT_ENCODING.as_str(),
        detail,
    ))
}

async fn enqueue_one(acting: &Acting, name: &str, request: Request) -> Result<Response, Refusal> {
    let queue = acting.queue_for_tasks(name).await?;
    let (parts, body) = opened(request)?;
    json::expect_json(&parts.headers)?;
    let mut origin = Origin::read(&parts.headers)?;
    let mut seen = Enqueuing::begin(acting.gateway(), "enqueue", name, &mut origin);
    let limit = Limit {
        bytes: acting.gateway().config().task_max_bytes(),
        field: "payload",
    };
    let whole = body::read(acting.gateway(), body, limit).await?;
    let mut task = task_of(json::parse_object(&whole.bytes)?, &whole.bytes)?;
    task.idempotency_key =
        idempotency::agree(idempotency::from_header(&parts.headers)?, task.idempotency_key)?;
    let now = time::now();
    let checked = origin.of(acting.check(task, now)?);
    let enqueued = seen.commit(acting.enqueue(queue, checked, now)).await;
    seen.end(&enqueued, |enqueued| enqueued.id.to_string());
    Ok(accepted(enqueued?))
}

async fn enqueue_raw(acting: &Acting, name: &str, request: Request) -> Result<Response, Refusal> {
    let queue = acting.queue_for_tasks(name).await?;
    let (parts, body) = request.into_parts();
    let mut task = raw_task(&parts.headers)?;
    let mut origin = Origin::read(&parts.headers)?;
    let mut seen = Enqueuing::begin(acting.gateway(), "enqueue", name, &mut origin);
    task.idempotency_key = idempotency::from_header(&parts.headers)?;
    let limit = Limit {
        bytes: acting.gateway().config().payload_max,
        field: "body",
    };
    let whole = body::read(acting.gateway(), body, limit).await?;
    task.payload = read::own(&whole.bytes, &whole.bytes);
    let now = time::now();
    let checked = acting
        .check(task, now)
        .map_err(|refusal| refusal.rename_fields(raw::header_of))?;
    let enqueued = seen.commit(acting.enqueue(queue, origin.of(checked), now)).await;
    seen.end(&enqueued, |enqueued| enqueued.id.to_string());
    Ok(accepted(
        enqueued.map_err(|refusal| refusal.rename_fields(raw::header_of))?,
    ))
}

fn accepted(enqueued: Enqueued) -> Response {
    let place = format!("/v1/tasks/{}", enqueued.id);
    (
        [(header::LOCATION, place)],
        Answer(StatusCode::ACCEPTED, enqueued),
    )
        .into_response()
}

async fn enqueue_batch(
    acting: &Acting,
    name: &str,
    request: Request,
) -> Result<Answer<BatchResult>, Refusal> {
    let queue = acting.queue_for_tasks(name).await?;
    let (parts, body) = opened(request)?;
    let form = form(&parts.headers)?;
    let mut origin = Origin::read(&parts.headers)?;
    let mut seen = Enqueuing::begin(acting.gateway(), "enqueue batch", name, &mut origin);
    let limit = Limit {
        bytes: acting.gateway().config().batch_max_bytes,
        field: "body",
    };
    let whole = body::read(acting.gateway(), body, limit).await?;
    let now = time::now();
    let checked = if whole.bytes.len() <= PARSED_HERE {
        check_all(acting, form, &whole.bytes, &origin, now)?
    } else {
        let (acting, bytes) = (acting.clone(), whole.bytes.clone());
        let parsed =
            tokio::task::spawn_blocking(move || check_all(&acting, form, &bytes, &origin, now)).await;
        parsed.map_err(|error| {
            tracing::error!(%error, "a batch could not be parsed");
            Refusal::internal()
        })??
    };
    let results = seen.commit(acting.enqueue_batch(queue, checked, now)).await;
    seen.end(&results, |results| format!("{} tasks", results.len()));
    Ok(Answer::ok(batch_result(results?)))
}

/// How the items of a batch are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// An array.
    Json,
    /// A line each.
    Lines,
}

fn form(headers: &HeaderMap) -> Result<Form, Refusal> {
    if headers.contains_key(idempotency::HEADER) {
        let detail = "a batch has no key of its own: give each item its `idempotency_key`";
        return Err(Refusal::invalid(idempotency::HEADER, detail));
    }
    match json::media_type(headers).as_str() {
        "" | "application/json" => Ok(Form::Json),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/x-jsonlines" => {
            Ok(Form::Lines)
        }
        other => Err(json::unsupported(
            other,
            "application/json with an array, or application/x-ndjson with a task a line",
        )),
    }
}

/// Reads and checks each item by itself.
fn check_all(
    acting: &Acting,
    form: Form,
    body: &Bytes,
    origin: &Origin,
    now: DateTime<Utc>,
) -> Result<Vec<Result<Checked, Refusal>>, Refusal> {
    let most = acting.gateway().config().batch_max_items;
    let items = match form {
        Form::Json => items::of_array(body, most)?,
        Form::Lines => items::of_lines(body, most)?,
    };
    let check = |item: &[u8]| -> Result<Checked, Refusal> {
        let task: NewTask = task_of(json::parse_object(item)?, body)?;
        Ok(origin.of(acting.check(task, now)?))
    };
    Ok(items.into_iter().map(check).collect())
}

fn batch_result(results: Vec<Result<Enqueued, Refusal>>) -> BatchResult {
    let accepted = results.iter().filter(|result| result.is_ok()).count();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let (accepted, rejected) = (count(accepted), count(results.len() - accepted));
    let items = results.into_iter().map(|result| match result {
        Ok(enqueued) => BatchItem::Accepted(enqueued),
        Err(refusal) => BatchItem::Rejected {
            status: refusal.status().as_u16(),
            errors: refusal.errors,
        },
    });
    BatchResult {
        accepted,
        rejected,
        items: items.collect(),
    }
}

/// A batch that is too large for what one request may hold.
fn too_many(most: usize) -> Refusal {
    Refusal::of_field(
        Kind::TooLarge,
        "body",
        format!("more than the {most} tasks that one batch may have: send several"),
    )
}
