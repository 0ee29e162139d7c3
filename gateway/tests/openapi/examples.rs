//! The examples: what a reader copies works, and what they are shown is what they get.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use proto::{
    Attempt, AuditEntry, BatchResult, Cancelled, Count, DeadLetter, DeadLetterGroups, Delivery, Endpoint,
    Enqueued, Event, Expunged, Jwks, Key, Lane, Problem, Queue, Replay, ReplayPreview, Replayed,
    RevealedSecret, Secret, Session, SimulatedVerdict, Storage, SystemReport, Task, TaskReplayed, TestResult,
    Traffic, TrafficOverview, User, Verification,
};
use queue::verdict::Verdict;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    kit::App,
    spec::{DOCUMENT, Operation, examples, operations, resolve},
};

/// What an answer's example must be readable as.
type Reads = fn(&Value) -> Result<(), serde_json::Error>;

fn as_a<T: DeserializeOwned>(example: &Value) -> Result<(), serde_json::Error> {
    serde_json::from_value::<T>(example.clone()).map(drop)
}

/// The type of each schema that an answer has. `Health` is the gateway's own, and has no type that reads it.
const READS: &[(&str, Reads)] = &[
    ("Attempt", as_a::<Attempt>),
    ("AuditEntry", as_a::<AuditEntry>),
    ("BatchResult", as_a::<BatchResult>),
    ("Cancelled", as_a::<Cancelled>),
    ("Count", as_a::<Count>),
    ("DeadLetter", as_a::<DeadLetter>),
    ("DeadLetterGroups", as_a::<DeadLetterGroups>),
    ("Delivery", as_a::<Delivery>),
    ("Endpoint", as_a::<Endpoint>),
    ("Enqueued", as_a::<Enqueued>),
    ("Event", as_a::<Event>),
    ("Expunged", as_a::<Expunged>),
    ("Health", as_a::<Value>),
    ("Jwks", as_a::<Jwks>),
    ("Key", as_a::<Key>),
    ("Lane", as_a::<Lane>),
    ("Problem", as_a::<Problem>),
    ("Queue", as_a::<Queue>),
    ("Replay", as_a::<Replay>),
    ("ReplayPreview", as_a::<ReplayPreview>),
    ("Replayed", as_a::<Replayed>),
    ("TaskReplayed", as_a::<TaskReplayed>),
    ("RevealedSecret", as_a::<RevealedSecret>),
    ("Secret", as_a::<Secret>),
    ("Session", as_a::<Session>),
    ("SimulatedVerdict", as_a::<SimulatedVerdict>),
    ("Storage", as_a::<Storage>),
    ("SystemReport", as_a::<SystemReport>),
    ("Task", as_a::<Task>),
    ("TestResult", as_a::<TestResult>),
    ("Traffic", as_a::<Traffic>),
    ("TrafficOverview", as_a::<TrafficOverview>),
    ("User", as_a::<User>),
    ("Verification", as_a::<Verification>),
];

/// The schemas of all answers in JSON; of a page that of its items.
fn answered() -> BTreeSet<&'static str> {
    let mut names = BTreeSet::new();
    for operation in operations() {
        for response in operation.spec["responses"].as_object().unwrap().values() {
            let Some(content) = resolve(response)["content"].as_object() else {
                continue;
            };
            for media in content.values() {
                let schema = &media["schema"];
                let is_page = schema["$ref"]
                    .as_str()
                    .is_some_and(|reference| reference.contains("/Page_"));
                let schema = if is_page {
                    &resolve(schema)["properties"]["items"]["items"]
                } else {
                    schema
                };
                names.extend(
                    schema["$ref"]
                        .as_str()
                        .map(|reference| reference.rsplit_once('/').unwrap().1),
                );
            }
        }
    }
    names
}

#[test]
fn every_answer_has_examples_and_they_are_what_their_type_reads() {
    let names = answered();
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        let schema = &DOCUMENT["components"]["schemas"][name];
        let given = schema["examples"]
            .as_array()
            .unwrap_or_else(|| panic!("{name} has no example"));
        let (_, reads) = READS
            .iter()
            .find(|(known, _)| *known == name)
            .unwrap_or_else(|| panic!("{name}: tell here how it is read"));
        for example in given {
            reads(example).unwrap_or_else(|error| panic!("{name}: {error}: {example}"));
            // What a type passes over in reading is nevertheless wrong to show.
            let properties = &schema["properties"];
            for field in example.as_object().unwrap().keys() {
                assert!(properties.get(field).is_some(), "{name} has no field {field}");
            }
        }
    }
}

#[test]
fn every_example_belongs_to_a_schema() {
    let given: serde_json::Map<String, Value> =
        serde_json::from_str(include_str!("../../src/openapi/examples.json")).unwrap();
    for (name, examples) in given {
        assert_eq!(
            DOCUMENT["components"]["schemas"][&name]["examples"], examples,
            "{name}"
        );
    }
}

#[tokio::test]
async fn every_example_of_a_request_has_the_success_that_is_documented() {
    let mut sent = 0;
    for operation in operations() {
        for (media_type, body) in operation.bodies() {
            let app = App::new().await;
            let path = prepared(&app, &operation).await;
            // Nobody may sign in with the key of an example.
            let body = match operation.path {
                "/v1/session" => format!("{{\"key\":\"{}\"}}", app.key).into_bytes(),
                _ => body,
            };
            let request = app.request(operation.method.clone(), &path);
            let media_type = if media_type == "*/*" {
                "application/octet-stream"
            } else {
                media_type
            };
            let (cookie, csrf) = match operation.path {
                "/v1/session/password" => signed_in(&app).await,
                _ => Default::default(),
            };
            // What one does to oneself is for who has signed in.
            let request = if cookie.is_empty() {
                request
            } else {
                let request = app.request_without_key(operation.method.clone(), &path);
                request.header("cookie", &cookie).header("posthaste-csrf", &csrf)
            };
            let answer = request
                .header("content-type", media_type)
                .body(body.clone())
                .send();
            let answer = match operation.path {
                "/v1/endpoints/{id}/test" => tested(&app, &path, answer).await,
                _ => answer.await,
            };
            let body = String::from_utf8_lossy(&body).into_owned();
            assert_eq!(
                answer.status.as_u16(),
                operation.success(),
                "{}: {body}: {}",
                operation.name(),
                String::from_utf8_lossy(&answer.body)
            );
            let answers =
                &resolve(&operation.spec["responses"][answer.status.as_str()])["content"]["application/json"];
            assert!(!examples(answers).is_empty(), "{}", operation.name());
            if let Some(rejected) = answer.json().get("rejected") {
                assert_eq!(rejected, 0, "{body}");
            }
            sent += 1;
        }
    }
    assert!(sent > 15, "{sent}");
}

/// Makes what an operation is about, and fills its path.
async fn prepared(app: &App, operation: &Operation) -> String {
    if operation.path == "/v1/queues" || operation.path.starts_with("/v1/session") {
        return operation.path.to_owned();
    }
    app.make_queue("orders").await;
    let endpoint = app.make_endpoint("orders", "").await;
    if operation.path.starts_with("/v1/replays") {
        // What the examples name is there.
        return operation.path.to_owned();
    }
    let id = if operation.path.starts_with("/v1/users/") {
        make_user(app).await.id
    } else if operation.path.starts_with("/v1/keys/") {
        let new = r#"{"name":"some","scopes":["read"],"queues":["*"]}"#;
        app.post("/v1/keys", new)
            .await
            .is(StatusCode::CREATED)
            .read::<Key>()
            .id
    } else if operation.path == "/v1/tasks/{id}/replay" {
        let task = app.enqueue("orders", r#"{"payload":1}"#).await;
        app.finish_all(endpoint.id, 200, Verdict::Delivered).await;
        task.id
    } else {
        endpoint.id
    };
    operation
        .path
        .replace("{queue}", "orders")
        .replace("{id}", &id.to_string())
}

/// The user of the examples.
async fn make_user(app: &App) -> User {
    let new = r#"{"name":"ada","password":"an engine of analysis","role":"operator"}"#;
    app.post("/v1/users", new).await.is(StatusCode::CREATED).read()
}

/// The cookie and the code of a session of the user of the examples.
async fn signed_in(app: &App) -> (String, String) {
    make_user(app).await;
    let answer = app
        .request_without_key(axum::http::Method::POST, "/v1/session")
        .json(r#"{"name":"ada","password":"an engine of analysis"}"#)
        .send()
        .await
        .is(StatusCode::OK);
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap();
    (cookie.to_owned(), answer.read::<Session>().csrf.unwrap())
}

/// A test-send waits for its attempt, which here the test makes.
async fn tested(
    app: &App,
    path: &str,
    answer: impl Future<Output = crate::kit::Answer>,
) -> crate::kit::Answer {
    let endpoint = path.split('/').nth(3).unwrap().parse().unwrap();
    let attempt = async {
        while app.finish_all(endpoint, 200, Verdict::Delivered).await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::join!(answer, attempt).0
}
