//! Redaction: fields of JSON that are shown, and stored of responses, as hashes. What is sent stays as it is.
//!
//! A hash is an HMAC-SHA256 under a key made of `secrets.key`: equal values have equal hashes, so that one can be followed, and nobody without the
//! key can try out which card number it stands for.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use crate::error::Problems;

/// How many fields a queue may name.
const MOST: usize = 50;

/// The longest pointer, in characters.
const LONGEST: usize = 500;

/// Bytes of a hash that are shown: enough that no two values of a queue look alike by chance.
const SHOWN: usize = 8;

/// The fields that a queue redacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redaction(Vec<Vec<String>>);

/// The parts of a JSON pointer (RFC 6901); `None` if it is none.
fn parse(pointer: &str) -> Option<Vec<String>> {
    let rest = pointer.strip_prefix('/')?;
    let part = |part: &str| part.replace("~1", "/").replace("~0", "~");
    Some(rest.split('/').map(part).collect())
}

/// Notes what is wrong with pointers in settings given as `field`.
pub(crate) fn check(pointers: &[String], field: &str, problems: &mut Problems) {
    problems.require(
        pointers.len() <= MOST,
        format!("{field}.redact"),
        "at most 50 pointers",
    );
    for (at, pointer) in pointers.iter().enumerate() {
        problems.require(
            parse(pointer).is_some() && pointer.chars().count() <= LONGEST && !pointer.contains('\0'),
            format!("{field}.redact[{at}]"),
            "a JSON pointer such as /card/number, of at most 500 characters, none of them NUL",
        );
    }
}

impl Redaction {
    /// The redaction of these pointers; `None` if there are none. Those that are none are passed over: they are checked when they are set.
    pub fn of(pointers: &[String]) -> Option<Self> {
        let parsed: Vec<_> = pointers.iter().filter_map(|pointer| parse(pointer)).collect();
        (!parsed.is_empty()).then_some(Self(parsed))
    }

    /// `bytes` with its fields replaced by their hashes; `None` if it is no JSON, and so has no fields.
    ///
    /// What begins as JSON does and cannot be read (because it was cut off, or is nested too deep) is replaced whole: where its fields are cannot be told.
    pub(crate) fn apply(&self, bytes: &[u8], key: &[u8; 32]) -> Option<Vec<u8>> {
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace())?;
        if !matches!(first, b'{' | b'[') {
            return None;
        }
        let Ok(mut value) = serde_json::from_slice::<Value>(bytes) else {
            return Some(hash(bytes, key).into_bytes());
        };
        for pointer in &self.0 {
            redact(&mut value, pointer, key);
        }
        Some(value.to_string().into_bytes())
    }
}

fn redact(value: &mut Value, parts: &[String], key: &[u8; 32]) {
    let Some((part, rest)) = parts.split_first() else {
        // A text by itself, so that it has the same hash as a text/plain one would; anything else as JSON writes it.
        let hashed = match &*value {
            Value::String(text) => hash(text.as_bytes(), key),
            other => hash(other.to_string().as_bytes(), key),
        };
        *value = Value::String(hashed);
        return;
    };
    match value {
        Value::Object(fields) if part == "*" => fields.values_mut().for_each(|one| redact(one, rest, key)),
        Value::Array(items) if part == "*" => items.iter_mut().for_each(|one| redact(one, rest, key)),
        Value::Object(fields) => {
            if let Some(one) = fields.get_mut(part) {
                redact(one, rest, key);
            }
        }
        Value::Array(items) => {
            if let Some(one) = part.parse::<usize>().ok().and_then(|at| items.get_mut(at)) {
                redact(one, rest, key);
            }
        }
        _ => {}
    }
}

fn hash(value: &[u8], key: &[u8; 32]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(value);
    let mut shown = String::from("sha256:");
    for byte in &mac.finalize().into_bytes()[..SHOWN] {
        // Writing to a string does not fail.
        let _ = write!(shown, "{byte:02x}");
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn redaction(pointers: &[&str]) -> Redaction {
        let pointers: Vec<String> = pointers.iter().map(ToString::to_string).collect();
        Redaction::of(&pointers).unwrap()
    }

    fn applied(pointers: &[&str], value: &Value) -> Value {
        let bytes = redaction(pointers)
            .apply(value.to_string().as_bytes(), &KEY)
            .unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn fields_become_hashes_and_the_rest_stays() {
        let given = json!({"card": {"number": "4111", "name": "A"}, "items": [{"pin": 1}, {"pin": 2, "n": 3}], "a/b": {"~c": true}, "n": null});
        let shown = applied(
            &["/card/number", "/items/*/pin", "/a~1b/~0c", "/none/such", "/n/x"],
            &given,
        );
        let text = shown.to_string();
        assert!(!text.contains("4111"), "{text}");
        assert_eq!(shown["card"]["name"], "A");
        assert_eq!(shown["items"][1]["n"], 3);
        assert_eq!(shown["n"], Value::Null);
        for hashed in [
            &shown["card"]["number"],
            &shown["items"][0]["pin"],
            &shown["items"][1]["pin"],
            &shown["a/b"]["~c"],
        ] {
            let hashed = hashed.as_str().unwrap();
            assert!(
                hashed.starts_with("sha256:") && hashed.len() == 7 + 2 * SHOWN,
                "{hashed}"
            );
        }
        assert_ne!(shown["items"][0]["pin"], shown["items"][1]["pin"]);
        assert_eq!(applied(&["/items/1"], &given)["items"][0]["pin"], 1);
    }

    #[test]
    fn equal_values_have_equal_hashes_under_one_key() {
        let of = |key| redaction(&["/a"]).apply(br#"{"a":"x"}"#, key).unwrap();
        assert_eq!(of(&KEY), of(&KEY));
        assert_ne!(of(&KEY), of(&[8; 32]));
    }

    #[test]
    fn what_cannot_be_read_is_hidden_whole_and_what_is_no_json_is_not() {
        let redaction = redaction(&["/a"]);
        let cut = redaction.apply(br#" {"a":"secret","b"#, &KEY).unwrap();
        assert!(cut.starts_with(b"sha256:"));
        let deep = "[".repeat(500) + &"]".repeat(500);
        assert!(
            redaction
                .apply(deep.as_bytes(), &KEY)
                .unwrap()
                .starts_with(b"sha256:")
        );
        for plain in [&b"OK"[..], b"", b"  ", b"a=1", b"\xff\xfe"] {
            assert_eq!(redaction.apply(plain, &KEY), None);
        }
    }
}
