//! Which headers a task or an endpoint may add to a request.

use std::collections::BTreeMap;

use crate::error::Problems;

/// Most headers of one task or endpoint: far more than integrations use, few enough for any receiver's limits.
const MOST: usize = 32;
/// Most bytes of names and values together: half of the 8 KiB that common servers take for a whole head.
const MOST_BYTES: usize = 4_096;

/// Set by Posthaste itself, or hop-by-hop (RFC 9110, section 7.6.1), or the connection's own.
const RESERVED: [&str; 17] = [
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Notes what is wrong with headers given as `field`.
pub fn check(headers: &BTreeMap<String, String>, field: &str, problems: &mut Problems) {
    problems.require(headers.len() <= MOST, field, format!("at most {MOST} headers"));
    let bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    problems.require(
        bytes <= MOST_BYTES,
        field,
        format!("at most {MOST_BYTES} bytes of names and values together"),
    );
    let mut seen = std::collections::HashSet::new();
    for (name, value) in headers {
        if let Err(problem) = check_one(name, value) {
            problems.add(format!("{field}.{}", name.escape_default()), problem);
        } else if !seen.insert(name.to_ascii_lowercase()) {
            problems.add(
                format!("{field}.{name}"),
                "given twice: header names do not differ by case",
            );
        }
    }
}

fn check_one(name: &str, value: &str) -> Result<(), &'static str> {
    if !is_name(name) {
        return Err(
            "a header's name is one or more of A-Z a-z 0-9 ! # $ % & ' * + - . ^ _ ` | ~ (RFC 9110, section 5.6.2)",
        );
    }
    let lower = name.to_ascii_lowercase();
    if lower.starts_with("webhook-") || lower.starts_with("posthaste-") {
        return Err("names that begin with `webhook-` or `posthaste-` are set by Posthaste itself");
    }
    if RESERVED.contains(&lower.as_str()) {
        return Err("is set by Posthaste itself or belongs to the connection");
    }
    if !is_value(value) {
        return Err("a header's value is visible ASCII, with no space around it");
    }
    Ok(())
}

/// Whether this may be a header's name: a token (RFC 9110, section 5.6.2).
pub(crate) fn is_name(name: &str) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.bytes().all(token)
}

/// Whether this may be a header's value.
pub(crate) fn is_value(value: &str) -> bool {
    let visible = |b: u8| b == b'\t' || (b' '..=b'~').contains(&b);
    value.bytes().all(visible) && value.trim() == value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(pairs: &[(&str, &str)]) -> Vec<String> {
        let headers = pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        let mut problems = Problems::default();
        check(&headers, "headers", &mut problems);
        problems.into_vec().into_iter().map(|e| e.field).collect()
    }

    #[test]
    fn own_headers_pass_and_ours_do_not() {
        assert!(problems(&[("x-shop", "7"), ("Authorization", "Bearer a b"), ("cookie", "")]).is_empty());
        for name in [
            "webhook-id",
            "Webhook-Signature",
            "posthaste-x",
            "Host",
            "content-length",
            "Transfer-Encoding",
            "TE",
            "user-agent",
        ] {
            assert_eq!(problems(&[(name, "x")]), [format!("headers.{name}")]);
        }
    }

    #[test]
    fn nothing_splits_the_head() {
        for (name, value) in [("x", "a\r\nhost: b"), ("x", "a\0"), ("x", " a"), ("x", "ü")] {
            assert_eq!(problems(&[(name, value)]), ["headers.x"], "{value:?}");
        }
        for name in ["", "a b", "a:b", "ü", "a\n"] {
            assert_eq!(problems(&[(name, "v")]).len(), 1, "{name:?}");
        }
        assert_eq!(problems(&[("X-A", "1"), ("x-a", "2")]), ["headers.x-a"]);
    }

    #[test]
    fn is_bounded() {
        let many: BTreeMap<String, String> = (0..33).map(|i| (format!("x-{i}"), String::new())).collect();
        let mut found = Problems::default();
        check(&many, "headers", &mut found);
        assert_eq!(found.into_vec().len(), 1);
        assert_eq!(problems(&[("x", &"v".repeat(5_000))]), ["headers"]);
    }
}
