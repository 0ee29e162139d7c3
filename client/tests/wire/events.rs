//! Streams of events, and how they go on.

use futures_util::{Stream, StreamExt};
use posthaste_client::{
    Error, EventFilter, Result,
    proto::{EventKind, EventMessage},
};
use uuid::Uuid;

use crate::server::{Reply, Server, json, problem};

fn event(id: u128, kind: &str) -> String {
    let id = Uuid::from_u128(id);
    let data = serde_json::json!({ "id": id, "at": "2026-01-31T12:00:00Z", "kind": kind, "queue": "q" });
    format!("id: {id}\nevent: {kind}\ndata: {data}\n\n")
}

fn events(pieces: &[String], ends: bool) -> Reply {
    Reply::Events {
        pieces: pieces.to_vec(),
        ends,
    }
}

/// The id of the next event; `None` for that some were missed.
async fn next(stream: &mut (impl Stream<Item = Result<EventMessage>> + Unpin)) -> Option<u128> {
    match stream.next().await.unwrap().unwrap() {
        EventMessage::Event(event) => Some(event.id.as_u128()),
        EventMessage::Missed(_) => None,
    }
}

#[tokio::test]
async fn events_come_as_they_happen_and_heartbeats_are_none() {
    let mut cut = event(2, "delivery.dead");
    let rest = cut.split_off(40);
    let missed = "event: missed\ndata: {\"kind\":\"missed\",\"count\":7}\n\n".to_owned();
    let pieces = [
        "retry: 1\n\n".to_owned(),
        event(1, "task.enqueued"),
        ":\n\n".to_owned(),
        cut,
        rest,
        missed,
        event(3, "task.vanished"),
        event(4, "queue.paused"),
    ];
    let server = Server::start([events(&pieces, false)]).await;
    let filter = EventFilter {
        queues: vec!["a".into(), "b-*".into()],
        states: vec!["dead".into()],
        task: Some(Uuid::from_u128(7)),
        ..EventFilter::default()
    };
    let mut stream = std::pin::pin!(server.client().events(&filter, Some(Uuid::from_u128(9))));
    let first = stream.next().await.unwrap().unwrap();
    let EventMessage::Event(first) = first else {
        panic!("{first:?}")
    };
    assert_eq!((first.kind, first.queue.as_str()), (EventKind::TaskEnqueued, "q"));
    let rest = [
        next(&mut stream).await,
        next(&mut stream).await,
        next(&mut stream).await,
    ];
    assert_eq!(
        rest,
        [Some(2), None, Some(4)],
        "3 is of a kind that is not known here"
    );
    let asked = &server.asked()[0];
    let task = Uuid::from_u128(7);
    assert_eq!(
        asked.line,
        format!("GET /v1/events?queue=a%2Cb-*&state=dead&task={task}")
    );
    assert_eq!(asked.header("last-event-id"), Uuid::from_u128(9).to_string());
    assert_eq!(asked.header("accept"), "text/event-stream");
}

#[tokio::test]
async fn a_stream_that_breaks_goes_on_after_the_last_event() {
    let replies = [
        events(&[event(1, "task.enqueued")], true),
        problem(503, None),
        events(&["retry: 1\n\n".to_owned(), event(2, "task.enqueued")], true),
        Reply::Break,
        events(&[event(3, "task.enqueued")], false),
    ];
    let server = Server::start(replies).await;
    let mut stream = std::pin::pin!(server.client().events(&EventFilter::default(), None));
    for id in 1..=3 {
        assert_eq!(next(&mut stream).await, Some(id));
    }
    let last: Vec<String> = server
        .asked()
        .iter()
        .map(|asked| asked.header("last-event-id").to_owned())
        .collect();
    let id = |id| Uuid::from_u128(id).to_string();
    assert_eq!(last, [String::new(), id(1), id(1), id(2), id(2)]);
}

#[tokio::test]
async fn where_nothing_tells_from_where_to_go_on_some_may_be_missed() {
    let replies = [
        events(&[":\n\n".to_owned()], true),
        events(&[event(1, "task.enqueued")], false),
    ];
    let server = Server::start(replies).await;
    let mut stream = std::pin::pin!(server.client().events(&EventFilter::default(), None));
    assert_eq!(next(&mut stream).await, None);
    assert_eq!(next(&mut stream).await, Some(1));
}

#[tokio::test]
async fn a_refusal_ends_it_and_so_does_an_absence() {
    for (replies, asked) in [
        (vec![problem(403, None)], 1),
        (vec![problem(503, None)], 3),
        (vec![json(200, "{}")], 1),
        (
            vec![events(&["event: task.enqueued\ndata: {}\n\n".to_owned()], false)],
            1,
        ),
        (
            vec![events(&[event(1, "task.enqueued")], true), problem(401, None)],
            2,
        ),
    ] {
        let server = Server::start(replies).await;
        let stream = server.client().events(&EventFilter::default(), None);
        let all: Vec<_> = stream.collect().await;
        let error = all.last().unwrap().as_ref().unwrap_err();
        assert!(
            matches!(error, Error::Refused(_) | Error::Unreadable { .. }),
            "{error}"
        );
        assert_eq!(server.asked().len(), asked, "{error}");
    }
}
