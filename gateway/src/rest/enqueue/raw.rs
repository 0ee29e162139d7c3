//! A task whose payload is the request's body itself, and whose fields are headers.

use axum::http::{HeaderMap, HeaderValue, header};
use proto::{RetryPolicy, Span};
use queue::{error::Problems, task::NewTask};

use crate::{
    auth::session,
    json,
    problem::{Kind, Refusal},
};

/// What the names of our headers begin with.
const OURS: &str = "posthaste-";
/// What the names of headers begin with that are sent on; the rest is the name under which.
const SENT_ON: &str = "posthaste-header-";

const KNOWN: &str = "posthaste-type, posthaste-priority, posthaste-delay, posthaste-due-at, posthaste-expires-at, posthaste-ordering-key, posthaste-retry, \
                     posthaste-header-<name>";

const TIME: &str = "a time such as 2026-01-31T12:00:00Z";

/// The task that the headers mean, its payload and idempotency key left out.
pub(crate) fn raw_task(headers: &HeaderMap) -> Result<NewTask, Refusal> {
    let mut problems = Problems::default();
    let content_type = text(
        header::CONTENT_TYPE.as_str(),
        headers.get(header::CONTENT_TYPE),
        &mut problems,
    );
    let mut task = NewTask {
        content_type: content_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
        ..NewTask::default()
    };
    for name in headers
        .keys()
        .map(header::HeaderName::as_str)
        .filter(|name| name.starts_with(OURS))
    {
        let mut values = headers.get_all(name).iter();
        let Some(value) = text(name, values.next(), &mut problems) else {
            continue;
        };
        if values.next().is_some() {
            problems.add(name, "given twice");
        } else {
            take(&mut task, name, value, &mut problems);
        }
    }
    take_codings(&mut task, headers, &mut problems);
    let problems = problems.into_vec();
    if problems.is_empty() {
        Ok(task)
    } else {
        Err(Refusal::of_fields(Kind::Invalid, problems))
    }
}

/// How the body is encoded is told to receivers, like its media type: it is sent on as it came.
fn take_codings(task: &mut NewTask, headers: &HeaderMap, problems: &mut Problems) {
    let name = header::CONTENT_ENCODING.as_str();
    let values = headers.get_all(name).iter();
    let codings: Vec<String> = values
        .filter_map(|value| text(name, Some(value), problems))
        .filter(|coding| !coding.eq_ignore_ascii_case("identity"))
        .collect();
    if !codings.is_empty() {
        task.headers
            .entry(name.to_owned())
            .or_insert_with(|| codings.join(", "));
    }
}

fn text(name: &str, value: Option<&HeaderValue>, problems: &mut Problems) -> Option<String> {
    let text = value?.to_str().ok().map(str::to_owned);
    problems.require(text.is_some(), name, "visible ASCII characters only");
    text
}

fn take(task: &mut NewTask, name: &str, value: String, problems: &mut Problems) {
    if let Some(sent_as) = name.strip_prefix(SENT_ON) {
        task.headers.insert(sent_as.to_owned(), value);
        return;
    }
    match name {
        "posthaste-type" => task.kind = value,
        "posthaste-priority" => task.priority = note(problems, name, value.parse().map_err(|_| "0 to 9")),
        "posthaste-delay" => task.delay = note(problems, name, value.parse::<Span>()).map(|span| span.0),
        "posthaste-due-at" => {
            task.due_at = note(problems, name, value.parse().map_err(|_| TIME));
        }
        "posthaste-expires-at" => {
            task.expires_at = note(problems, name, value.parse().map_err(|_| TIME));
        }
        "posthaste-ordering-key" => task.ordering_key = Some(value),
        "posthaste-retry" => match json::parse_object::<RetryPolicy>(value.as_bytes()) {
            Ok(policy) => task.retry = Some(policy),
            Err(refusal) => {
                for error in refusal.errors {
                    let field = if error.field == "body" {
                        name.to_owned()
                    } else {
                        format!("{name}.{}", error.field)
                    };
                    problems.add(field, error.detail);
                }
            }
        },
        // Read with the request, whatever its form; or what a delivery tells of itself and not of its task, where another server like
        // this one has this route as an endpoint.
        queue::task::HOP | session::CSRF | "posthaste-queue" | "posthaste-attempt" | "posthaste-replay" => {}
        _ => problems.add(name, format!("no such header; known are {KNOWN}")),
    }
}

fn note<T>(problems: &mut Problems, name: &str, read: Result<T, impl ToString>) -> Option<T> {
    read.map_err(|problem| problems.add(name, problem.to_string()))
        .ok()
}

/// The header in which a field of a task stands.
pub(crate) fn header_of(field: &str) -> String {
    let (whole, rest) = field.split_at(field.find(['.', '[']).unwrap_or(field.len()));
    match whole {
        "payload" => "body".to_owned(),
        "content_type" => "content-type".to_owned(),
        "idempotency_key" => "idempotency-key".to_owned(),
        "headers" if !rest.is_empty() => format!("{SENT_ON}{}", &rest[1..]),
        "headers" => format!("{SENT_ON}*"),
        field => format!("{OURS}{}{rest}", field.replace('_', "-")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn task(pairs: &[(&str, &str)]) -> Result<NewTask, Vec<String>> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(
                name.parse::<header::HeaderName>().unwrap(),
                value.parse().unwrap(),
            );
        }
        raw_task(&headers).map_err(|refusal| refusal.errors.into_iter().map(|error| error.field).collect())
    }

    #[test]
    fn headers_are_the_fields() {
        let read = task(&[
            ("content-type", "text/plain; charset=latin-1"),
            ("posthaste-type", "a.b"),
            ("Posthaste-Priority", "9"),
            ("posthaste-delay", "5m"),
            ("posthaste-expires-at", "2100-01-01T00:00:00Z"),
            ("posthaste-retry", r#"{"attempts": 3}"#),
            ("posthaste-header-x-shop", "7"),
            ("accept", "*/*"),
        ])
        .unwrap();
        assert_eq!(
            (read.content_type.as_str(), read.kind.as_str(), read.priority),
            ("text/plain; charset=latin-1", "a.b", Some(9))
        );
        assert_eq!((read.delay, read.due_at), (Some(Duration::from_mins(5)), None));
        assert_eq!(
            read.headers,
            std::collections::BTreeMap::from([("x-shop".to_owned(), "7".to_owned())])
        );
        assert_eq!(read.retry.unwrap().attempts, Some(3));
        assert_eq!(task(&[]).unwrap().content_type, "application/octet-stream");
    }

    #[test]
    fn every_mistake_names_its_header() {
        for (pair, field) in [
            (("posthaste-priority", "high"), "posthaste-priority"),
            (("posthaste-priority", "-1"), "posthaste-priority"),
            (("posthaste-delay", "-1s"), "posthaste-delay"),
            (("posthaste-due-at", "tomorrow"), "posthaste-due-at"),
            (("posthaste-retry", "3"), "posthaste-retry"),
            (("posthaste-retry", "{"), "posthaste-retry"),
            (
                ("posthaste-retry", r#"{"attempts": "3"}"#),
                "posthaste-retry.attempts",
            ),
            (("posthaste-prioritaet", "1"), "posthaste-prioritaet"),
        ] {
            assert_eq!(task(&[pair]).unwrap_err(), [field], "{pair:?}");
        }
        assert_eq!(
            task(&[("posthaste-type", "a"), ("posthaste-type", "b")]).unwrap_err(),
            ["posthaste-type"]
        );
        assert_eq!(
            task(&[("posthaste-type", "a\u{fc}")]).unwrap_err(),
            ["posthaste-type"]
        );
    }

    #[test]
    fn a_field_is_named_as_its_header() {
        for (field, header) in [
            ("type", "posthaste-type"),
            ("due_at", "posthaste-due-at"),
            ("retry.schedule[2]", "posthaste-retry.schedule[2]"),
            ("headers.host", "posthaste-header-host"),
            ("headers", "posthaste-header-*"),
            ("payload", "body"),
            ("content_type", "content-type"),
            ("idempotency_key", "idempotency-key"),
        ] {
            assert_eq!(header_of(field), header);
        }
    }
}
