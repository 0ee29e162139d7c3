//! JSON in and out: what comes in wrong is told by field, what goes out is written here.

use axum::{
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use proto::FieldError;
use queue::words::{cut, in_words};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::error::Category;

use crate::{
    body::{self, Limit},
    problem::{Kind, Refusal},
    state::Gateway,
};

/// An answer: a status, and a body in JSON.
#[derive(Debug)]
pub(crate) struct Answer<T>(pub(crate) StatusCode, pub(crate) T);

impl<T> Answer<T> {
    /// 200.
    pub(crate) fn ok(body: T) -> Self {
        Self(StatusCode::OK, body)
    }
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.1) {
            Ok(body) => {
                let mut response = (self.0, body).into_response();
                response
                    .headers_mut()
                    .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                response
            }
            Err(error) => {
                tracing::error!(%error, "an answer has no form in JSON");
                Refusal::internal().into_response()
            }
        }
    }
}

/// A request's body, a JSON object.
#[derive(Debug)]
pub(crate) struct Object<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Gateway> for Object<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, gateway: &Gateway) -> Result<Self, Refusal> {
        let whole = read(request, gateway).await?;
        parse_object(&whole.bytes).map(Self)
    }
}

/// The same, where no body at all stands for `{}`.
#[derive(Debug)]
pub(crate) struct MaybeObject<T>(pub(crate) T);

impl<T: DeserializeOwned + Default> FromRequest<Gateway> for MaybeObject<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, gateway: &Gateway) -> Result<Self, Refusal> {
        let whole = read(request, gateway).await?;
        if whole.bytes.is_empty() {
            Ok(Self(T::default()))
        } else {
            parse_object(&whole.bytes).map(Self)
        }
    }
}

async fn read(request: Request, gateway: &Gateway) -> Result<body::Whole, Refusal> {
    let (parts, body) = request.into_parts();
    let whole = body::read(
        gateway,
        body,
        Limit {
            bytes: gateway.config().request_max_bytes,
            field: "body",
        },
    )
    .await?;
    if !whole.bytes.is_empty() {
        expect_json(&parts.headers)?;
    }
    Ok(whole)
}

/// A media type without its parameters, in lower case; empty if none is given.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    value
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

/// Refuses a body that is declared to be something else than JSON. One that is not declared is taken for it.
pub(crate) fn expect_json(headers: &HeaderMap) -> Result<(), Refusal> {
    // On the way of every task: the common spelling is passed without a look at the parts.
    if headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value == "application/json")
    {
        return Ok(());
    }
    let given = media_type(headers);
    if given.is_empty() || given == "application/json" || given.ends_with("+json") {
        return Ok(());
    }
    Err(unsupported(&given, "application/json"))
}

/// Says which media types are read.
pub(crate) fn unsupported(given: &str, read: &str) -> Refusal {
    Refusal::of_field(
        Kind::UnsupportedMediaType,
        "content-type",
        format!("{given:?} is not read here: send {read}"),
    )
}

/// Reads a JSON object as a `T`.
pub(crate) fn parse_object<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, Refusal> {
    // serde would take an array of the fields' values for an object as well.
    if text
        .trim_ascii_start()
        .first()
        .is_some_and(|first| *first != b'{')
        && serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
    {
        return Err(Refusal::invalid("body", "a JSON object is expected here"));
    }
    parse(text)
}

/// Reads JSON as a `T`.
pub(crate) fn parse<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(text)
        .map_err(|error| Refusal::of_fields(Kind::Invalid, vec![explain::<T>(text, &error)]))
}

/// Which field is wrong, and how. The path is found by reading once more: keeping track of it slows the reading of what is right.
fn explain<'a, T: Deserialize<'a>>(text: &'a [u8], error: &serde_json::Error) -> FieldError {
    let field_error = |field: &str, detail: String| FieldError {
        field: field.to_owned(),
        detail,
    };
    if text.trim_ascii().is_empty() {
        return field_error(
            "body",
            "is empty: send a JSON object, `{}` at the least".to_owned(),
        );
    }
    if error.classify() != Category::Data {
        return field_error("body", format!("is not JSON: {error}"));
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    let path = match serde_path_to_error::deserialize::<_, T>(&mut reader) {
        Err(error) => error.path().to_string(),
        Ok(_) => ".".to_owned(),
    };
    let message = error.to_string();
    let message = message
        .rsplit_once(" at line ")
        .map_or(message.as_str(), |(message, _)| message);
    // serde tells of these two at the object they are missing from or doubled in.
    let inner = ["missing field `", "duplicate field `"]
        .iter()
        .find_map(|start| message.strip_prefix(start))
        .and_then(|rest| rest.split('`').next());
    let field = match (path.as_str(), inner) {
        (".", None) => "body".to_owned(),
        (".", Some(name)) => name.to_owned(),
        (path, Some(name)) if !path.ends_with(name) => format!("{path}.{name}"),
        (path, _) => path.to_owned(),
    };
    field_error(&cut(&field), in_words(message))
}

#[cfg(test)]
mod tests {
    use proto::{DeadLetterFilter, NewEndpoint, NewQueue, NewTask};

    use super::*;

    fn blamed<T: DeserializeOwned>(text: &str) -> (String, String) {
        let refusal = parse_object::<T>(text.as_bytes())
            .err()
            .unwrap_or_else(|| panic!("{text} is taken"));
        assert_eq!((refusal.kind, refusal.errors.len()), (Kind::Invalid, 1), "{text}");
        let FieldError { field, detail } = refusal.errors.into_iter().next().unwrap();
        (field, detail)
    }

    #[test]
    fn every_mistake_names_its_field() {
        for (text, field, detail) in [
            ("", "body", "is empty"),
            (" \n", "body", "is empty"),
            ("{", "body", "line 1 column 1"),
            ("{\"type\": \"a\"\n \"priority\": 1}", "body", "line 2 column 2"),
            ("{} {}", "body", "line 1 column 4"),
            ("{\"type\": \"\u{1}\"}", "body", "control character"),
            ("[]", "body", "object is expected"),
            ("\"a\"", "body", "object is expected"),
            ("null", "body", "object is expected"),
            (r#"{"type": 7}"#, "type", "expected a string"),
            (
                r#"{"typo": 7}"#,
                "typo",
                "unknown field `typo`, expected one of `type`, `payload`",
            ),
            (r#"{"type": "a", "type": "b"}"#, "type", "duplicate field"),
            (
                r#"{"priority": -1}"#,
                "priority",
                "invalid value: integer `-1`, expected a whole number from 0 to 255",
            ),
            (r#"{"priority": 4.5}"#, "priority", "floating point `4.5`"),
            (r#"{"priority": "4"}"#, "priority", "invalid type: string"),
            (r#"{"delay": "soon"}"#, "delay", "is not a duration"),
            (r#"{"delay": -5}"#, "delay", "never negative"),
            (r#"{"due_at": "tomorrow"}"#, "due_at", "input"),
            (r#"{"headers": {"x": 1}}"#, "headers.x", "expected a string"),
            (
                r#"{"headers": []}"#,
                "headers",
                "invalid type: array, expected an object",
            ),
            (r#"{"retry": {"attempts": -3}}"#, "retry.attempts", "not negative"),
            (
                r#"{"retry": {"schedule": ["1s", "x"]}}"#,
                "retry.schedule[1]",
                "is not a duration",
            ),
            (r#"{"retry": {"atempts": 3}}"#, "retry.atempts", "unknown field"),
            (r#"{"retry": [3]}"#, "retry", "expected an object"),
        ] {
            let (found, said) = blamed::<NewTask>(text);
            assert_eq!(found, field, "{text}: {said}");
            assert!(said.contains(detail), "{text}: {said}");
        }
        assert_eq!(blamed::<NewQueue>("{}").0, "name");
        assert_eq!(
            blamed::<NewQueue>(r#"{"name": "a", "settings": {"retry": {"factor": "x"}}}"#).0,
            "settings.retry.factor"
        );
        assert_eq!(
            blamed::<NewEndpoint>(r#"{"url": "http://a", "filter": ["a", 2]}"#).0,
            "filter[1]"
        );
        assert_eq!(blamed::<DeadLetterFilter>(r#"{"endpoint": "x"}"#).0, "endpoint");
    }

    #[test]
    fn what_was_sent_is_repeated_only_in_part() {
        let (field, detail) = blamed::<NewTask>(&format!("{{\"priority\": \"{}\"}}", "x".repeat(100_000)));
        assert_eq!(field, "priority");
        assert!(detail.len() < 400, "{}", detail.len());
        let (field, detail) = blamed::<NewTask>(&format!("{{\"{}\": 1}}", "x".repeat(100_000)));
        assert!(
            field.len() + detail.len() < 800,
            "{} {}",
            field.len(),
            detail.len()
        );
    }

    #[test]
    fn json_is_known_by_its_media_type() {
        let of = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, value.parse().unwrap());
            expect_json(&headers).is_ok()
        };
        for json in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/merge-patch+json",
            "",
        ] {
            assert!(of(json), "{json}");
        }
        for other in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/jsonp",
            "json",
        ] {
            assert!(!of(other), "{other}");
        }
        assert!(expect_json(&HeaderMap::new()).is_ok());
    }
}
