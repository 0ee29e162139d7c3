//! Query strings.

use std::fmt::Write;

/// The text in a form that a query takes.
pub fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => {
                escaped.push(char::from(byte));
            }
            _ => {
                let _ = write!(escaped, "%{byte:02X}");
            }
        }
    }
    escaped
}

/// A path with those of these parameters that are not empty.
pub fn with(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut text = path.to_owned();
    let mut mark = if path.contains('?') { '&' } else { '?' };
    for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
        text.push(mark);
        text.push_str(name);
        text.push('=');
        text.push_str(&escape(value));
        mark = '&';
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_empty_is_left_out_and_the_rest_escaped() {
        assert_eq!(with("/v1/queues", &[]), "/v1/queues");
        assert_eq!(
            with("/a", &[("state", ""), ("type", "a b&c=ü"), ("x", "*.y")]),
            "/a?type=a%20b%26c%3D%C3%BC&x=*.y"
        );
        assert_eq!(with("/a?b=c", &[("d", "e")]), "/a?b=c&d=e");
    }
}
