//! Every operation of the document, asked by another tenant's key: what is not theirs is, for them, not there.
//!
//! The walk takes the operations from the document. One that has a parameter which nobody told how to fill fails here.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use http_body_util::BodyExt;
use proto::{NewKey, Scope};
use serde_json::Value;

use crate::{
    kit::{Answer, App, Asking, make_key},
    spec::{Operation, WEB_SOCKET, operations},
    tenant::{PRIVATE, Things},
};

/// What goes on until somebody ends it.
const STREAM: &str = "/v1/events";
/// What is text for monitoring.
const METRICS: &str = "/metrics";
#[tokio::test]
async fn another_tenants_things_are_not_there() {
    let app = App::new().await;
    let theirs = Things::make(&app, "a").await;
    app.make_queue("b-orders").await;
    let before = everything(&app, &theirs).await;
    for scopes in [
        vec![Scope::Enqueue, Scope::Read, Scope::Manage, Scope::Replay],
        vec![Scope::Admin],
    ] {
        let admin = scopes == [Scope::Admin];
        let new = NewKey {
            name: "b".into(),
            scopes,
            queues: vec!["b-*".into()],
            ..NewKey::default()
        };
        let key = make_key(&app.queue, new).await;
        for operation in operations() {
            if operation.scope().is_some() && operation.path != WEB_SOCKET {
                walk(&app, &key, &operation, &theirs, admin).await;
            }
        }
    }
    assert_eq!(everything(&app, &theirs).await, before, "something was changed");
}

/// Asks for it in every way in which it can be about their things.
async fn walk(app: &App, key: &str, operation: &Operation, theirs: &Things, admin: bool) {
    let nobodys = theirs.of_nobody();
    for query in theirs.queries(operation) {
        for (media_type, body) in theirs.bodies(operation) {
            let path = theirs.path(operation) + &query;
            let name = format!("{} {path} {}", operation.method, String::from_utf8_lossy(&body));
            let answer = ask(app, key, operation, &path, media_type, &body).await;
            judge(&name, operation, &answer, admin);
            for private in PRIVATE {
                // What they said themselves they may be told.
                let said = path.contains(private) || String::from_utf8_lossy(&body).contains(private);
                assert!(
                    said || !tells(&answer, private),
                    "{name}: {private} in {answer:?}"
                );
            }
            // The same question about what nobody has has the same answer, word for word.
            let stranger = theirs.replaced(&nobodys, &path);
            let body = theirs
                .replaced(&nobodys, &String::from_utf8_lossy(&body))
                .into_bytes();
            let to_stranger = ask(app, key, operation, &stranger, media_type, &body).await;
            assert_eq!(answer.status, to_stranger.status, "{name}");
            let told = theirs.replaced(&nobodys, &String::from_utf8_lossy(&answer.body));
            assert_eq!(told, String::from_utf8_lossy(&to_stranger.body), "{name}");
        }
    }
}

async fn ask(
    app: &App,
    key: &str,
    operation: &Operation,
    path: &str,
    media_type: &str,
    body: &[u8],
) -> Answer {
    let mut request = app
        .request_without_key(operation.method.clone(), path)
        .header("authorization", &format!("Bearer {key}"));
    if !media_type.is_empty() {
        request = request.header(
            "content-type",
            if media_type == "*/*" {
                "text/plain"
            } else {
                media_type
            },
        );
    }
    if operation.path == STREAM {
        return first_of_stream(app, path, request).await;
    }
    let mut answer = request.body(body.to_vec()).send().await;
    if answer.status == StatusCode::CREATED && operation.path == "/v1/replays" {
        // One of the asker's own, which finds nothing; its id and times differ from run to run.
        let begun: Value = answer.json();
        assert_eq!(begun["expected"], 0, "{begun}");
        assert_eq!(begun["target"], Value::Null, "{begun}");
        answer.body = bytes::Bytes::new();
        answer.headers.remove("location");
    }
    if answer.status == StatusCode::OK && operation.path == METRICS {
        // Of the asker's own queue alone, and what is counted of it goes on.
        let page = String::from_utf8_lossy(&answer.body).into_owned();
        let own = |line: &str| line.starts_with('#') || line.contains("queue=\"b-orders\"");
        assert!(page.lines().all(own), "{page}");
        answer.body = bytes::Bytes::new();
        answer.headers.remove("content-length");
    }
    answer
}

/// What a stream of events begins with, until it has told of the asker's own queue.
async fn first_of_stream(app: &App, path: &str, request: Asking<'_>) -> Answer {
    let (asked, filtered) = (path.to_owned(), path.contains('?'));
    let (parts, mut body) = request.begin().await.into_parts();
    let mut heard = Vec::new();
    // Theirs first: had it been told, it would be there before the asker's own.
    for queue in ["a-orders", "b-orders"] {
        for act in ["pause", "resume"] {
            app.act(&format!("/v1/queues/{queue}/{act}"))
                .await
                .is(StatusCode::OK);
        }
    }
    let whole = async {
        while !String::from_utf8_lossy(&heard).contains("b-orders") {
            let frame = body.frame().await.unwrap().unwrap();
            heard.extend(frame.into_data().unwrap_or_default());
        }
    };
    // Filtered by what is not theirs, nothing comes.
    let patience = if filtered {
        Duration::from_millis(300)
    } else {
        Duration::from_secs(30)
    };
    let ended = tokio::time::timeout(patience, whole).await;
    assert!(
        filtered || ended.is_ok(),
        "{asked}: nothing was heard of the own queue"
    );
    let text = String::from_utf8_lossy(&heard).into_owned();
    assert!(!text.contains("a-orders"), "{asked}: {text}");
    // Ids and times of the own events differ from run to run.
    Answer {
        asked,
        status: parts.status,
        headers: parts.headers,
        body: bytes::Bytes::new(),
    }
}

/// Refused, or an answer that has nothing of theirs in it.
fn judge(name: &str, operation: &Operation, answer: &Answer, admin: bool) {
    let documented = &operation.spec["responses"][answer.status.as_str()];
    assert!(
        documented.is_object(),
        "{name}: {} is not documented",
        answer.status
    );
    let about_one = operation.path.contains('{');
    match answer.status {
        StatusCode::NOT_FOUND => drop(answer.problem(404)),
        // For what needs a scope, or reaches beyond the key: never about a thing that is named.
        StatusCode::FORBIDDEN => {
            answer.problem(403);
            let lacks_scope = operation.scope() == Some("admin") && !admin;
            assert!(lacks_scope || !about_one, "{name}: 403 where 404 hides more");
        }
        StatusCode::OK if !about_one => {
            if ![STREAM, METRICS].contains(&operation.path) {
                let body = answer.json();
                let none = body["count"] == 0 || body["items"].is_array() || body["steps"].is_array();
                assert!(none, "{name}: {body}");
            }
        }
        // What it found was looked at where it was asked.
        StatusCode::CREATED if operation.path == "/v1/replays" => {}
        other => panic!("{name}: {other}: {}", String::from_utf8_lossy(&answer.body)),
    }
}

fn tells(answer: &Answer, text: &str) -> bool {
    String::from_utf8_lossy(&answer.body).contains(text)
        || answer
            .headers
            .values()
            .any(|value| String::from_utf8_lossy(value.as_bytes()).contains(text))
}

/// What of theirs could have been changed.
async fn everything(app: &App, theirs: &Things) -> Vec<Value> {
    let mut all = Vec::new();
    for operation in operations() {
        if operation.method == Method::GET
            && operation.scope().is_some()
            && ![STREAM, WEB_SOCKET].contains(&operation.path)
        {
            // Keys and replays are made on the way, which is written down; the counts of minutes go on by themselves.
            if [
                "/v1/keys",
                "/v1/replays",
                "/v1/audit",
                METRICS,
                "/v1/storage",
                "/v1/system",
            ]
            .contains(&operation.path)
                || operation.path.ends_with("/traffic")
                || operation.path.ends_with("/payload")
            {
                continue;
            }
            let mut answer = app.get(&theirs.path(&operation)).await.is(StatusCode::OK).json();
            forget(&mut answer);
            all.push(answer);
        }
    }
    all
}

/// What changes by itself, or by the events that the stream is tried with.
fn forget(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.remove("last_used_at");
            object.remove("updated_at");
            // It tells when something is likely, from now on.
            object.remove("why");
            object.values_mut().for_each(forget);
        }
        Value::Array(values) => values.iter_mut().for_each(forget),
        _ => {}
    }
}
