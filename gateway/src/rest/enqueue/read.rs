//! From a task as JSON has it to a task as the queue takes it.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use proto::NewTaskWith;
use queue::task::NewTask;
use serde_json::value::RawValue;

use crate::{body::is_shared, problem::Refusal};

/// Standard base64, with its padding or without: producers' libraries differ.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The task that `given`, read from `body`, means. Its payload is the very bytes that stand there.
pub(crate) fn task_of(given: NewTaskWith<&RawValue>, body: &Bytes) -> Result<NewTask, Refusal> {
    let (payload, default_type) = match (given.payload, given.payload_base64) {
        (Some(json), None) => (own(json.get().as_bytes(), body), "application/json"),
        (None, Some(base64)) => {
            let bytes = BASE64
                .decode(&base64)
                .map_err(|error| Refusal::invalid("payload_base64", format!("is not base64: {error}")))?;
            (Bytes::from(bytes), "application/octet-stream")
        }
        (Some(_), Some(_)) => {
            return Err(Refusal::invalid(
                "payload_base64",
                "give either it or `payload`, not both",
            ));
        }
        (None, None) => {
            return Err(Refusal::invalid(
                "payload",
                "is missing: give `payload` (any JSON value) or `payload_base64`",
            ));
        }
    };
    Ok(NewTask {
        kind: given.kind.unwrap_or_default(),
        payload,
        content_type: given.content_type.unwrap_or_else(|| default_type.to_owned()),
        headers: given.headers,
        priority: given.priority,
        delay: given.delay.map(|span| span.0),
        due_at: given.due_at,
        expires_at: given.expires_at,
        idempotency_key: given.idempotency_key,
        ordering_key: given.ordering_key,
        retry: given.retry,
    })
}

/// A part of a body as bytes of their own, unless they may share its buffer.
pub(super) fn own(part: &[u8], body: &Bytes) -> Bytes {
    if is_shared(part.len(), body.len()) {
        body.slice_ref(part)
    } else {
        Bytes::copy_from_slice(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(json: &str) -> Result<NewTask, String> {
        let body = Bytes::copy_from_slice(json.as_bytes());
        let given = serde_json::from_slice(&body).unwrap();
        task_of(given, &body).map_err(|refusal| refusal.errors[0].field.clone())
    }

    #[test]
    fn the_payload_is_what_stands_there() {
        for payload in [
            "null",
            "\"\"",
            "0",
            "1.0e400",
            "-0.0",
            "[1 , 2]",
            "{ \"a\":1,\n\t\"a\" : 2 }",
            "\"\\u00e9\\ud800\"",
            "123456789012345678901234567890",
        ] {
            let task = task(&format!("{{\"payload\" : {payload} , \"type\":\"a\"}}")).unwrap();
            assert_eq!(task.payload, payload.as_bytes());
            assert_eq!(
                (task.content_type.as_str(), task.kind.as_str()),
                ("application/json", "a")
            );
        }
        let large = format!("[{}1]", "1,".repeat(16 << 10));
        assert_eq!(
            task(&format!("{{\"payload\":{large}}}")).unwrap().payload,
            large.as_bytes()
        );
    }

    #[test]
    fn base64_is_read_with_padding_or_without() {
        for (text, bytes) in [
            ("", b"".as_slice()),
            ("/w==", b"\xff"),
            ("/w", b"\xff"),
            ("AAECAw==", b"\0\x01\x02\x03"),
        ] {
            let task = task(&format!("{{\"payload_base64\":\"{text}\"}}")).unwrap();
            assert_eq!(
                (task.payload.as_ref(), task.content_type.as_str()),
                (bytes, "application/octet-stream"),
                "{text}"
            );
        }
        for wrong in ["a", "_w==", "====", "a b"] {
            assert_eq!(
                task(&format!("{{\"payload_base64\":\"{wrong}\"}}"))
                    .err()
                    .as_deref(),
                Some("payload_base64"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn the_payload_is_given_once() {
        assert_eq!(task("{}").err().as_deref(), Some("payload"));
        assert_eq!(
            task(r#"{"payload":1,"payload_base64":"AA=="}"#).err().as_deref(),
            Some("payload_base64")
        );
    }
}
