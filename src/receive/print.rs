//! A received request as text for a terminal. Nothing in it can steer the terminal: control characters become visible.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

use super::json::laid_out;
use super::verify::Check;

/// How much of a body is printed, in characters: a few screens.
const BODY_SHOWN: usize = 4_096;

/// A request and what came of it.
pub(super) struct Received<'a> {
    pub(super) at: DateTime<Utc>,
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
    /// The body, or why there is none.
    pub(super) body: &'a Result<Bytes, String>,
    pub(super) check: Check,
    pub(super) answer: StatusCode,
}

impl Received<'_> {
    /// One line: when, what, which delivery, whether verified, and the answer.
    pub(super) fn line(&self) -> String {
        let path = self.uri.path_and_query().map_or("*", |path| path.as_str());
        let mut parts = vec![
            self.at.format("%H:%M:%S%.3fZ").to_string(),
            format!("{} {}", self.method, inert(path)),
        ];
        for (label, name) in [
            ("", "webhook-id"),
            ("type ", "posthaste-type"),
            ("queue ", "posthaste-queue"),
            ("attempt ", "posthaste-attempt"),
        ] {
            parts.extend(
                self.headers
                    .get(name)
                    .map(|value| format!("{label}{}", text(value))),
            );
        }
        parts.push(self.verified());
        format!("{}  -> {}\n", parts.join("  "), self.answer.as_u16())
    }

    /// The line, all headers, and the body.
    pub(super) fn whole(&self) -> String {
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| format!("  {name}: {}\n", text(value)));
        let body = match self.body {
            Ok(body) => shown(body),
            Err(reason) => format!("the body did not arrive: {}", inert(reason)),
        };
        let body = body.lines().map(|line| format!("  {line}\n"));
        [
            self.line(),
            headers.collect::<String>(),
            "\n".to_owned(),
            body.collect(),
            "\n".to_owned(),
        ]
        .concat()
    }

    fn verified(&self) -> String {
        match &self.check {
            Check::Good => "✓ verified".to_owned(),
            Check::Bad(reason) => format!("✗ not verified: {}", inert(reason)),
            Check::NoSecret => "? no secret to verify with".to_owned(),
            Check::Unread => "✗ not verified: no body".to_owned(),
        }
    }
}

/// The body: JSON laid out, other text as it is, anything else by its size.
pub(crate) fn shown(body: &[u8]) -> String {
    if body.is_empty() {
        return "(no body)".to_owned();
    }
    let Ok(text) = std::str::from_utf8(body) else {
        return format!("({} bytes that are not text)", body.len());
    };
    let text = laid_out(text).unwrap_or_else(|| text.to_owned());
    let (cut, more) = match text.char_indices().nth(BODY_SHOWN) {
        Some((at, _)) => (&text[..at], format!("\n… ({} bytes in all)", body.len())),
        None => (text.as_str(), String::new()),
    };
    cut.lines().map(inert).collect::<Vec<_>>().join("\n") + &more
}

fn text(value: &HeaderValue) -> String {
    inert(&String::from_utf8_lossy(value.as_bytes()))
}

/// Escapes what a terminal would obey, and what would show a text in another order than it has.
pub(crate) fn inert(text: &str) -> String {
    let steers = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let escape = |c: char| {
        if steers(c) {
            c.escape_default().to_string()
        } else {
            c.to_string()
        }
    };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn print(headers: &[(&'static str, &[u8])], body: &Result<Bytes, String>, check: Check) -> String {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                (
                    http::HeaderName::from_static(name),
                    HeaderValue::from_bytes(value).unwrap(),
                )
            })
            .collect();
        Received {
            at: DateTime::from_timestamp(1_700_000_000, 123_000_000).unwrap(),
            method: &Method::POST,
            uri: &Uri::from_static("/hooks?x=1"),
            headers: &headers,
            body,
            check,
            answer: StatusCode::OK,
        }
        .whole()
    }

    #[test]
    fn a_delivery() {
        let headers = [
            ("webhook-id", &b"msg_1"[..]),
            ("posthaste-type", b"order.paid"),
            ("posthaste-queue", b"orders"),
            ("posthaste-attempt", b"2"),
        ];
        let expected = "\
22:13:20.123Z  POST /hooks?x=1  msg_1  type order.paid  queue orders  attempt 2  ✓ verified  -> 200
  webhook-id: msg_1
  posthaste-type: order.paid
  posthaste-queue: orders
  posthaste-attempt: 2

  {
    \"id\": 1
  }

";
        assert_eq!(
            print(&headers, &Ok(Bytes::from_static(b"{\"id\":1}")), Check::Good),
            expected
        );
    }

    #[test]
    fn other_bodies() {
        for (body, expected) in [
            (Ok(Bytes::new()), "  (no body)\n"),
            (
                Ok(Bytes::from_static(b"\xff\xfe\x00")),
                "  (3 bytes that are not text)\n",
            ),
            (Ok(Bytes::from_static(b"plain\ntext")), "  plain\n  text\n"),
            (Ok(Bytes::from("x".repeat(5_000))), "x\n  … (5000 bytes in all)\n"),
            (
                Err("too long".to_owned()),
                "  the body did not arrive: too long\n",
            ),
        ] {
            let text = print(&[], &body, Check::NoSecret);
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn nothing_steers_the_terminal() {
        let hostile = b"\x1b[2J\x1b]0;x\x07";
        let text = print(
            &[("webhook-id", b"\xc2\x9b31m"), ("x-evil", b"\xe2\x80\xaeabc")],
            &Ok(Bytes::from_static(hostile)),
            Check::Bad("\x1b[31m".to_owned()),
        );
        assert!(
            !text
                .chars()
                .any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'),
            "{text:?}"
        );
        assert!(text.contains("\\u{1b}[2J\\u{1b}]0;x\\u{7}"), "{text}");
    }

    proptest! {
        #[test]
        fn no_body_steers_the_terminal(body in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(!shown(&body).chars().any(|c| c.is_control() && c != '\n'));
        }
    }
}
