//! What becomes of answers.

use futures_util::{StreamExt, TryStreamExt};
use posthaste_client::{Error, proto::Delivery};
use uuid::Uuid;

use crate::server::{Reply, Server, json};

fn delivery(id: u128) -> serde_json::Value {
    let id = Uuid::from_u128(id);
    serde_json::json!({ "id": id, "task": id, "endpoint": id, "state": "delivered", "attempts": 1 })
}

fn page(ids: &[u128], next: Option<&str>) -> Reply {
    let items = ids.iter().map(|id| delivery(*id));
    let mut page = serde_json::json!({ "items": items.collect::<Vec<_>>() });
    if let Some(next) = next {
        page["next_page"] = next.into();
    }
    json(200, page.to_string())
}

fn ids(deliveries: &[Delivery]) -> Vec<u128> {
    deliveries.iter().map(|delivery| delivery.id.as_u128()).collect()
}

#[tokio::test]
async fn a_problem_document_names_the_fields() {
    let body = r#"{"type":"/problems/invalid","title":"The request is not valid","status":400,"detail":"2 fields are wrong: see `errors`.",
        "errors":[{"field":"name","detail":"is missing"},{"field":"settings.retry","detail":"is odd"}]}"#;
    let server = Server::start([json(400, body)]).await;
    let error = server.client().queue("q").await.unwrap_err();
    let refused = error.refused().unwrap();
    assert_eq!((refused.kind(), error.status()), ("invalid", Some(400)));
    let fields: Vec<_> = refused
        .problem
        .errors
        .iter()
        .map(|error| error.field.as_str())
        .collect();
    assert_eq!(fields, ["name", "settings.retry"]);
    assert_eq!(
        error.to_string(),
        "The request is not valid (400): name: is missing; settings.retry: is odd"
    );
}

#[tokio::test]
async fn what_is_no_answer_of_ours_is_told_as_such() {
    let html = |status, headers: Vec<(&'static str, String)>| Reply::Whole {
        status,
        headers,
        body: "<html>\u{1b}[2J it works".to_owned(),
    };
    for (reply, words) in [
        (
            html(404, vec![]),
            "it is no problem document but \"<html>\\u{1b}[2J it works\"",
        ),
        (html(200, vec![]), "expected value at line 1"),
        (
            html(301, vec![("location", "https://a.example/".to_owned())]),
            "it sends us to https://a.example/; if that is the server, give its URL",
        ),
        (json(200, ""), "in an empty body"),
        (json(200, r#"{"items":7}"#), "invalid type"),
    ] {
        let server = Server::start([reply]).await;
        let error = server.client().queues().page().await.unwrap_err();
        assert!(matches!(error, Error::Unreadable { .. }), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_list_is_walked_page_by_page() {
    let server = Server::start([page(&[1, 2], Some("a&b")), page(&[], Some("c")), page(&[3], None)]).await;
    let task = Uuid::from_u128(9);
    let list = server.client().deliveries(task).page_size(2);
    let all: Vec<Delivery> = list.items().try_collect().await.unwrap();
    assert_eq!(ids(&all), [1, 2, 3]);
    let path = format!("GET /v1/tasks/{task}/deliveries?limit=2");
    assert_eq!(
        server.lines(),
        [
            path.clone(),
            format!("{path}&page=a%26b"),
            format!("{path}&page=c")
        ]
    );
}

#[tokio::test]
async fn pages_are_fetched_when_they_are_asked_for_and_the_walk_ends_at_an_error() {
    let server = Server::start([page(&[1], Some("b")), json(400, "{}"), page(&[2], None)]).await;
    let mut items = std::pin::pin!(
        server
            .client()
            .deliveries(Uuid::from_u128(9))
            .from_page("a")
            .items()
    );
    assert!(server.asked().is_empty());
    assert_eq!(items.next().await.unwrap().unwrap().id.as_u128(), 1);
    assert_eq!(server.asked().len(), 1);
    assert!(server.lines()[0].ends_with("?page=a"));
    assert!(items.next().await.unwrap().is_err());
    assert!(items.next().await.is_none());
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_payload_is_its_bytes() {
    let payload = Reply::Whole {
        status: 200,
        headers: vec![("content-type", "text/plain".to_owned())],
        body: "{not json".to_owned(),
    };
    let server = Server::start([payload]).await;
    let (content_type, bytes) = server.client().payload(Uuid::from_u128(1)).await.unwrap();
    assert_eq!(
        (content_type.as_str(), &*bytes),
        ("text/plain", &b"{not json"[..])
    );
}
