//! The document as the tests read it: operations, their bodies, their examples.

use std::sync::LazyLock;

use axum::http::Method;
use serde_json::Value;

/// What is served, parsed.
pub(crate) static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&gateway::document(&gateway::Config::default())).unwrap());

/// It answers only who brings a whole connection along, as `tests/events` does; there it is held to scopes and queues like the stream of
/// events, whose verb it calls.
pub(crate) const WEB_SOCKET: &str = "/v1/events/ws";

/// One method of one path.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) spec: &'static Value,
}

impl Operation {
    /// `GET /v1/queues`
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The scope that it asks for; `None` if it asks for no key.
    pub(crate) fn scope(&self) -> Option<&'static str> {
        self.spec["security"][0]["key"][0].as_str()
    }

    /// The status of its success.
    pub(crate) fn success(&self) -> u16 {
        let statuses = self.spec["responses"].as_object().unwrap().keys();
        let mut successes = statuses.filter(|status| status.starts_with('2') || *status == "101");
        let (Some(only), None) = (successes.next(), successes.next()) else {
            panic!("{} has not one success", self.name());
        };
        only.parse().unwrap()
    }

    /// The examples of its request's body with their media types; none if it takes no body.
    pub(crate) fn bodies(&self) -> Vec<(&'static str, Vec<u8>)> {
        let Some(content) = self.spec["requestBody"]["content"].as_object() else {
            return vec![];
        };
        let bodies = content.iter().flat_map(|(media_type, media)| {
            let examples = examples(media);
            assert!(
                !examples.is_empty(),
                "{}: {media_type} has no example",
                self.name()
            );
            examples
                .into_iter()
                .map(|example| (media_type.as_str(), written(example)))
        });
        bodies.collect()
    }
}

/// Every operation.
pub(crate) fn operations() -> Vec<Operation> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(|(method, spec)| Operation {
            method: method.to_uppercase().parse().unwrap(),
            path,
            spec,
        })
    });
    operations.collect()
}

/// What a reference leads to; anything else is itself.
pub(crate) fn resolve(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => DOCUMENT
            .pointer(&reference[1..])
            .unwrap_or_else(|| panic!("{reference} leads nowhere")),
        None => value,
    }
}

/// The examples of a body: its own, or those of its schema.
pub(crate) fn examples(media: &'static Value) -> Vec<&'static Value> {
    match media.get("example") {
        Some(example) => vec![example],
        None => resolve(&media["schema"])["examples"]
            .as_array()
            .map(|all| all.iter().collect())
            .unwrap_or_default(),
    }
}

fn written(example: &Value) -> Vec<u8> {
    match example {
        Value::String(text) => text.clone().into_bytes(),
        other => other.to_string().into_bytes(),
    }
}
