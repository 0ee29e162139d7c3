//! `/v1/events`: what happens, as it happens, as server-sent events or over a WebSocket.

use std::{convert::Infallible, fmt::Write, time::Duration};

use axum::{
    body::Body,
    extract::ws::{
        CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code, rejection::WebSocketUpgradeRejection,
    },
    http::{HeaderMap, Uri, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{FutureExt, stream};
use proto::{Event, Missed};
use queue::events::{Asked, Told};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    acting::{Acting, Ended, Watch},
    problem::{Kind, Refusal},
    query::Query,
    state::Gateway,
};

/// How long a client is to wait before it comes back, in milliseconds.
const COME_BACK: u32 = 2_000;

/// Bytes of events that are sent together while there are more.
const CHUNK: usize = 16 << 10;

/// Bytes that a WebSocket client may send in one message, and that are read at once: it has nothing to say.
const HEARD_MAX: usize = 4 << 10;

/// Bytes that may wait to be written to a WebSocket.
const WRITTEN_MAX: usize = 64 << 10;

/// How long a WebSocket client may take for the last message.
const FAREWELL: Duration = Duration::from_secs(2);

/// They last: only their beginning has to be in time.
pub(super) fn streams() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(server_sent))
        .routes(routes!(web_socket))
}

/// Which events are wanted; what is left out does not narrow.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the form of what `read` takes apart, for the document")]
struct Wanted {
    /// Of queues with these names or globs, with commas between, at most 20.
    queue: Option<String>,
    /// Of tasks with these types or globs, likewise. Events of queues and endpoints have no type.
    #[param(rename = "type")]
    kind: Option<String>,
    /// Of these kinds, likewise: `delivery.dead`, its last word `dead`, or a glob such as `endpoint.*`.
    state: Option<String>,
    /// Of one task.
    task: Option<Uuid>,
    /// Of one endpoint.
    endpoint: Option<Uuid>,
    /// The id of an event: what happened since is told first, as far as it is remembered. `Last-Event-ID`, if sent, takes its place.
    after: Option<Uuid>,
}

/// Hear what happens, as it happens
///
/// Server-sent events: the name of each is its kind, its id is the event's, and its data is the event as JSON. Sent after its commit,
/// whichever node it happened on. A feed, not the truth: who reads too slowly, or comes back too late, is sent a message named `missed`,
/// whose data is `{"kind":"missed","count":7}`, without `count` if nobody knows how many. Who was cut off goes on with `Last-Event-ID`,
/// as browsers do by themselves. A comment comes now and then, so that nobody takes silence for the end. It ends when the key does.
#[utoipa::path(
    get, path = "/v1/events", tag = "Events", operation_id = "watch_events",
    params(
        Wanted,
        ("Last-Event-ID" = Option<Uuid>, Header, description = "The id of the last event that was received, to go on after it."),
    ),
    responses((status = 200, description = "They come until one side ends.", content_type = "text/event-stream", body = Event)),
    security(("key" = ["read"])),
)]
async fn server_sent(acting: Acting, uri: Uri, headers: HeaderMap) -> Result<Response, Refusal> {
    let (asked, after) = read(&uri, &headers)?;
    let watch = acting.watch_events(asked, after)?;
    let beat = heartbeat(&acting);
    let begun = Bytes::from(format!("retry: {COME_BACK}\n\n"));
    let rest = stream::unfold((watch, beat), |(mut watch, mut beat)| async move {
        let text = chunk(&mut watch, &mut beat).await?;
        Some((Bytes::from(text), (watch, beat)))
    });
    let whole = futures_util::StreamExt::chain(stream::iter([begun]), rest);
    let body = Body::from_stream(futures_util::StreamExt::map(whole, Ok::<_, Infallible>));
    let headers = [
        (header::CONTENT_TYPE.as_str(), "text/event-stream"),
        (header::CACHE_CONTROL.as_str(), "no-store"),
        // nginx would gather answers otherwise.
        ("x-accel-buffering", "no"),
    ];
    Ok((headers, body).into_response())
}

/// What is sent next: a heartbeat, or all events that are ready, up to some size.
async fn chunk(watch: &mut Watch, beat: &mut Interval) -> Option<String> {
    let mut told = tokio::select! {
        told = watch.next() => told.ok()?,
        _ = beat.tick() => return Some(":\n\n".to_owned()),
    };
    let mut text = String::new();
    loop {
        write(&told, &mut text);
        if text.len() >= CHUNK {
            return Some(text);
        }
        match watch.next().now_or_never() {
            Some(Ok(next)) => told = next,
            // An end will be told again.
            Some(Err(_)) | None => return Some(text),
        }
    }
}

/// One message of an event stream (HTML, section 9.2). JSON has no line breaks of its own.
fn write(told: &Told, text: &mut String) {
    let written = match told {
        Told::Event(one) => write!(
            text,
            "id: {}\nevent: {}\ndata: {}\n\n",
            one.event.id,
            one.event.kind,
            one.json()
        ),
        // Without an id: the client goes on after the last event.
        Told::Missed(count) => write!(text, "event: missed\ndata: {}\n\n", missed(*count)),
    };
    debug_assert!(written.is_ok(), "a string takes everything");
}

fn missed(count: Option<u64>) -> String {
    serde_json::to_string(&Missed::of(count)).unwrap_or_default()
}

/// Hear what happens over a WebSocket
///
/// The same as `/v1/events`: each message is an event, or what was missed, as JSON. What the client says is passed over.
#[utoipa::path(
    get, path = "/v1/events/ws", tag = "Events", operation_id = "watch_events_over_web_socket",
    params(
        Wanted,
        ("Last-Event-ID" = Option<Uuid>, Header, description = "The id of the last event that was received, to go on after it."),
    ),
    responses((status = 101, description = "The WebSocket is open.")),
    security(("key" = ["read"])),
)]
async fn web_socket(
    acting: Acting,
    uri: Uri,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    let (asked, after) = read(&uri, &headers)?;
    let upgrade = upgrade.map_err(|rejection| {
        let detail = format!(
            "This is for WebSocket clients ({}); the same as server-sent events is at /v1/events.",
            rejection.body_text().trim_end_matches('.')
        );
        Refusal::new(Kind::Invalid, detail)
    })?;
    let watch = acting.watch_events(asked, after)?;
    let beat = heartbeat(&acting);
    Ok(upgrade
        .read_buffer_size(HEARD_MAX)
        .max_message_size(HEARD_MAX)
        .max_frame_size(HEARD_MAX)
        .write_buffer_size(CHUNK)
        .max_write_buffer_size(WRITTEN_MAX)
        .on_upgrade(move |socket| talk(socket, watch, beat)))
}

/// Tells until one side ends. What the client says is not listened to, except that it goes.
async fn talk(mut socket: WebSocket, mut watch: Watch, mut beat: Interval) {
    let ended = loop {
        let message = tokio::select! {
            told = watch.next() => match told {
                Ok(Told::Event(one)) => Message::text(one.json()),
                Ok(Told::Missed(count)) => Message::text(missed(count)),
                Err(ended) => break ended,
            },
            _ = beat.tick() => Message::Ping(Bytes::new()),
            heard = socket.recv() => match heard {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
        };
        if socket.send(message).await.is_err() {
            return;
        }
    };
    let (code, reason) = match ended {
        Ended::Stopping => (close_code::AWAY, "this node is shutting down"),
        Ended::NotAllowed => (
            close_code::POLICY,
            "the key or token is no longer valid, or was changed",
        ),
    };
    let farewell = socket.send(Message::Close(Some(CloseFrame {
        code,
        reason: reason.into(),
    })));
    // Whoever does not take it notices that the connection ends.
    let _ = timeout(FAREWELL, farewell).await;
}

fn heartbeat(acting: &Acting) -> Interval {
    let pause = acting.gateway().config().heartbeat;
    let mut beat = interval_at(Instant::now() + pause, pause);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat
}

/// What is asked for, and after which event. Lists have commas between their values.
fn read(uri: &Uri, headers: &HeaderMap) -> Result<(Asked, Option<Uuid>), Refusal> {
    let mut query = Query::of(uri);
    let values_of = |text: Option<String>| -> Vec<String> {
        let values = text.as_deref().map(|text| text.split(',').map(str::to_owned));
        values.into_iter().flatten().collect()
    };
    let asked = Asked {
        queues: values_of(query.text("queue")),
        types: values_of(query.text("type")),
        states: values_of(query.text("state")),
        task: query.parsed("task", "an id"),
        endpoint: query.parsed("endpoint", "an id"),
    };
    let first = query.parsed("after", "an id of an event");
    query.finish()?;
    // Who comes back sends the address of the first time, and the newer id in the header.
    let last = match headers.get("last-event-id").filter(|value| !value.is_empty()) {
        None => None,
        Some(value) => {
            let id = value.to_str().ok().and_then(|text| text.trim().parse().ok());
            Some(id.ok_or_else(|| Refusal::invalid("last-event-id", "not an id of an event"))?)
        }
    };
    Ok((asked, last.or(first)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_from(uri: &str, last: Option<&str>) -> Result<(Asked, Option<Uuid>), Vec<String>> {
        let mut headers = HeaderMap::new();
        if let Some(last) = last {
            headers.insert("last-event-id", last.parse().unwrap());
        }
        read(&uri.parse().unwrap(), &headers)
            .map_err(|refusal| refusal.errors.into_iter().map(|error| error.field).collect())
    }

    #[test]
    fn lists_have_commas_and_the_header_is_newer_than_the_address() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let (asked, after) = read_from(
            &format!("/v1/events?queue=a,b-*&state=dead&task={one}&after={one}"),
            Some(&two.to_string()),
        )
        .unwrap();
        assert_eq!(asked.queues, ["a", "b-*"]);
        assert_eq!(asked.states, ["dead"]);
        assert_eq!((asked.task, after), (Some(one), Some(two)));
        assert!(asked.types.is_empty() && asked.endpoint.is_none());
        assert_eq!(read_from("/v1/events", Some("")).unwrap().1, None);
    }

    #[test]
    fn mistakes_name_their_field() {
        for (uri, last, field) in [
            ("/v1/events?task=7", None, "task"),
            ("/v1/events?endpoint=x", None, "endpoint"),
            ("/v1/events?after=now", None, "after"),
            ("/v1/events?colour=red", None, "colour"),
            ("/v1/events", Some("7"), "last-event-id"),
        ] {
            assert_eq!(read_from(uri, last).unwrap_err(), [field], "{uri}");
        }
    }
}
