//! Laying out JSON for reading, without changing it: numbers, the order of keys and escapes stay as they were sent.

use serde::de::IgnoredAny;

/// The text over several lines with two spaces a level; `None` when it is not JSON.
pub(super) fn laid_out(text: &str) -> Option<String> {
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' => {
                out.push(c);
                let mut escaped = false;
                for c in characters.by_ref() {
                    out.push(c);
                    if c == '"' && !escaped {
                        break;
                    }
                    escaped = c == '\\' && !escaped;
                }
            }
            '{' | '[' => {
                out.push(c);
                while characters.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(close) = characters.next_if(|c| matches!(c, '}' | ']')) {
                    out.push(close);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth -= 1;
                new_line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => out.push(c),
        }
    }
    Some(out)
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn layout() {
        for (text, expected) in [
            ("{}", Some("{}")),
            (" [ ] ", Some("[]")),
            (
                r#"{"b":1.50,"a":[1,{}]}"#,
                Some("{\n  \"b\": 1.50,\n  \"a\": [\n    1,\n    {}\n  ]\n}"),
            ),
            (r#"{"a\"{,":"\\"}"#, Some("{\n  \"a\\\"{,\": \"\\\\\"\n}")),
            ("12345678901234567890123", Some("12345678901234567890123")),
            ("{", None),
            ("{} {}", None),
            ("", None),
        ] {
            assert_eq!(laid_out(text).as_deref(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_value_stays_the_same(keys in prop::collection::vec((".*", any::<i64>()), 0..5), text in ".*") {
            let pairs = keys.into_iter().map(|(key, number)| (key, serde_json::json!([number, {"x": text}, null])));
            let value: Value = pairs.collect();
            let laid_out = laid_out(&value.to_string()).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&laid_out).unwrap(), value);
        }
    }
}
