//! The document itself.

use std::{collections::BTreeSet, fs, path::Path};

use axum::http::{Method, StatusCode};
use serde_json::Value;

use crate::{
    kit::App,
    spec::{DOCUMENT, operations},
};

/// An id that nobody has.
const SOME_ID: &str = "01980a3b-7c2d-7e4f-8a5b-6c7d8e9fa0b1";

/// The committed document. `UPDATE=1` writes it anew.
#[test]
fn the_committed_document_is_what_the_handlers_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let document = gateway::document(&gateway::Config::default()) + "\n";
    #[expect(clippy::disallowed_methods, reason = "whoever runs the test asks for it")]
    let update = std::env::var_os("UPDATE").is_some();
    if update {
        fs::write(&path, &document).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == document,
        "gateway/openapi.json is not what the handlers say: run `cargo xtask openapi`, and look at what changed"
    );
}

#[test]
fn every_reference_leads_somewhere_and_every_operation_is_told_in_full() {
    let mut references = BTreeSet::new();
    gather(&DOCUMENT, &mut references);
    for reference in references {
        assert!(
            DOCUMENT.pointer(&reference[1..]).is_some(),
            "{reference} leads nowhere"
        );
    }
    let groups: Vec<&str> = DOCUMENT["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();
    let mut ids = BTreeSet::new();
    for operation in operations() {
        let name = operation.name();
        assert!(
            ids.insert(operation.spec["operationId"].as_str().unwrap()),
            "{name} has the id of another"
        );
        assert!(
            operation.spec["summary"]
                .as_str()
                .is_some_and(|summary| summary.len() > 5),
            "{name} has no summary"
        );
        let tags = operation.spec["tags"].as_array().unwrap();
        assert!(
            matches!(tags.as_slice(), [Value::String(tag)] if groups.contains(&tag.as_str())),
            "{name}: {tags:?}"
        );
        // Whoever is asked for nothing but who they are needs no scope.
        assert_eq!(
            operation.path == "/metrics"
                || operation.path.starts_with("/v1/") && !operation.path.starts_with("/v1/session"),
            operation.scope().is_some(),
            "{name}"
        );
        operation.success();
    }
}

fn gather(value: &'static Value, references: &mut BTreeSet<&'static str>) {
    match value {
        Value::Object(object) => {
            references.extend(object.get("$ref").and_then(Value::as_str));
            object.values().for_each(|value| gather(value, references));
        }
        Value::Array(values) => values.iter().for_each(|value| gather(value, references)),
        _ => {}
    }
}

#[tokio::test]
async fn what_is_documented_is_served_by_those_methods_and_no_other() {
    let app = App::new().await;
    let paths: BTreeSet<&str> = operations().iter().map(|operation| operation.path).collect();
    for path in paths {
        let documented: BTreeSet<String> = operations()
            .iter()
            .filter(|operation| operation.path == path)
            .map(|operation| operation.method.to_string())
            .collect();
        let at = path
            .replace("{id}", SOME_ID)
            .replace("{secret}", SOME_ID)
            .replace("{queue}", "q");
        // A method that no route has is answered with those that this path has.
        let refused = app.request(Method::TRACE, &at).send().await;
        refused.problem(405);
        let mut allowed: BTreeSet<String> = refused
            .header("allow")
            .unwrap()
            .split(',')
            .map(|method| method.trim().to_owned())
            .collect();
        // Where there is GET there is HEAD.
        allowed.remove("HEAD");
        assert_eq!(allowed, documented, "{path}");
    }
}

#[tokio::test]
async fn the_document_and_its_page_are_for_everyone_and_bring_everything_along() {
    let app = App::new().await;
    let served = app
        .request_without_key(Method::GET, "/openapi.json")
        .send()
        .await
        .is(StatusCode::OK);
    assert_eq!(served.header("content-type"), Some("application/json"));
    assert_eq!(served.json(), *DOCUMENT);

    let page = app
        .request_without_key(Method::GET, "/docs")
        .send()
        .await
        .is(StatusCode::OK);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"),
        "{policy}"
    );
    let html = std::str::from_utf8(&page.body).unwrap();
    for (tag, directive) in [("style", "style-src"), ("script", "script-src")] {
        let text = html
            .split_once(&format!("<{tag}>"))
            .unwrap()
            .1
            .split_once(&format!("</{tag}>"))
            .unwrap()
            .0;
        assert!(text.len() > 1_000, "the page has no {tag}");
        let hash = base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            <sha2::Sha256 as sha2::Digest>::digest(text),
        );
        assert!(
            policy.contains(&format!("{directive} 'sha256-{hash}'")),
            "{policy}"
        );
    }
    assert!(!html.contains("://"), "the page fetches from elsewhere");

    let closed = App::with(gateway::Config {
        health_only: true,
        ..gateway::Config::default()
    })
    .await;
    let paths = closed
        .request_without_key(Method::GET, "/openapi.json")
        .send()
        .await
        .json()["paths"]
        .clone();
    assert!(
        paths.get("/readyz").is_some() && paths.get("/v1/queues").is_none(),
        "{paths}"
    );
}
