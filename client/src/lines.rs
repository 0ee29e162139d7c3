//! Tasks as NDJSON.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Tasks as lines of JSON, gathered for one request. Each line stays as it is, byte for byte, but for the idempotency key that it may
/// get; whether it is right is the server's to say.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    text: Vec<u8>,
    count: usize,
    unnamed: usize,
}

/// What of a task matters here.
#[derive(Deserialize)]
struct Key<'a> {
    #[serde(default, borrow, deserialize_with = "present")]
    idempotency_key: Option<&'a RawValue>,
}

/// `null` is there, too.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl Lines {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one line, with `key` as its idempotency key if it has none. Blank lines are passed over: returns whether it was one.
    ///
    /// # Panics
    /// If there is a line feed within `line`.
    pub fn push(&mut self, line: &[u8], key: Option<&str>) -> bool {
        let line = line.trim_ascii();
        assert!(!line.contains(&b'\n'), "one line at a time");
        if line.is_empty() {
            return false;
        }
        // What is no object of JSON will be refused; it needs no key.
        let task: Option<Key<'_>> = Some(line)
            .filter(|line| line.first() == Some(&b'{'))
            .and_then(|line| serde_json::from_slice(line).ok());
        match (task.map(|task| task.idempotency_key), key) {
            (Some(None), Some(key)) => self.write_with_key(&line[1..], key),
            (Some(None), None) => {
                self.unnamed += 1;
                self.text.extend_from_slice(line);
            }
            (Some(Some(own)), _) => {
                self.unnamed += usize::from(own.get() == "null");
                self.text.extend_from_slice(line);
            }
            (None, _) => self.text.extend_from_slice(line),
        }
        self.text.push(b'\n');
        self.count += 1;
        true
    }

    fn write_with_key(&mut self, rest: &[u8], key: &str) {
        self.text.extend_from_slice(b"{\"idempotency_key\":");
        self.text
            .extend_from_slice(serde_json::Value::from(key).to_string().as_bytes());
        if rest.trim_ascii_start() != b"}" {
            self.text.push(b',');
        }
        self.text.extend_from_slice(rest);
    }

    /// How many lines.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many bytes.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Whether sending them twice is the same as sending them once.
    pub(crate) fn are_named(&self) -> bool {
        self.unnamed == 0
    }

    pub(crate) fn text(&self) -> Bytes {
        Bytes::copy_from_slice(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proto::NewTask;

    fn one(line: &str, key: Option<&str>) -> (String, bool) {
        let mut lines = Lines::new();
        assert!(lines.push(line.as_bytes(), key));
        assert_eq!(lines.len(), 1);
        let text = String::from_utf8(lines.text().to_vec()).unwrap();
        assert_eq!(text.len(), lines.bytes());
        (text.strip_suffix('\n').unwrap().to_owned(), lines.are_named())
    }

    #[test]
    fn a_line_without_a_key_gets_one_and_else_stays_as_it_is() {
        for (line, with_key, named) in [
            (
                r#"{"payload":1}"#,
                r#"{"idempotency_key":"k\"1","payload":1}"#,
                true,
            ),
            ("{}", r#"{"idempotency_key":"k\"1"}"#, true),
            ("{ }", r#"{"idempotency_key":"k\"1" }"#, true),
            (
                r#" { "payload": {"idempotency_key": 1} } "#,
                r#"{"idempotency_key":"k\"1", "payload": {"idempotency_key": 1} }"#,
                true,
            ),
            (
                r#"{"idempotency_key":"own"}"#,
                r#"{"idempotency_key":"own"}"#,
                true,
            ),
            (
                r#"{"idempotency_key":null}"#,
                r#"{"idempotency_key":null}"#,
                false,
            ),
            ("7", "7", true),
            ("[]", "[]", true),
            (r#"["own"]"#, r#"["own"]"#, true),
            ("{", "{", true),
            ("{} {}", "{} {}", true),
        ] {
            assert_eq!(one(line, Some("k\"1")), (with_key.to_owned(), named), "{line}");
        }
        assert_eq!(one("{}", None), ("{}".to_owned(), false));
    }

    #[test]
    fn blank_lines_are_none() {
        let mut lines = Lines::new();
        for blank in ["", " ", "\t\r"] {
            assert!(!lines.push(blank.as_bytes(), Some("k")));
        }
        assert!(lines.is_empty() && lines.bytes() == 0);
    }

    proptest! {
        #[test]
        fn any_task_is_still_the_same_task(payload in "[ -~]{0,20}", kind in "[a-z.]{1,9}", space in "[ \t]{0,3}") {
            let payload = serde_json::Value::from(payload).to_string();
            let line = format!("{{{space}\"payload\":{payload}{space},\"type\":\"{kind}\"{space}}}");
            let read: NewTask = serde_json::from_str(&one(&line, Some("key")).0).unwrap();
            prop_assert_eq!(read.idempotency_key.as_deref(), Some("key"));
            prop_assert_eq!(read.kind.as_deref(), Some(kind.as_str()));
            prop_assert_eq!(read.payload.as_ref().unwrap().get(), payload);
        }
    }
}
