//! Texts of parsers and callers, as they are told to people.

/// Longest part of a text that is repeated to the caller: it can hold what they sent.
const LONGEST: usize = 300;

/// A text, or its beginning if it is long.
pub fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

/// A parser's message without Rust's names of types, and not at any length.
pub fn in_words(message: &str) -> String {
    let message = cut(message);
    let Some((before, expected)) = message.rsplit_once(", expected ") else {
        return message;
    };
    let expected = match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number, not negative",
        "f64" => "a number",
        "a map" => "an object",
        "a sequence" => "an array",
        other if other.starts_with("struct ") => "an object",
        other => other,
    };
    let before = before
        .replace("invalid type: map", "invalid type: object")
        .replace("invalid type: sequence", "invalid type: array");
    format!("{before}, expected {expected}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_as_json_names_them() {
        for (message, expected) in [
            ("key must be a string", "key must be a string"),
            (
                "invalid type: map, expected a sequence",
                "invalid type: object, expected an array",
            ),
            (
                "invalid type: sequence, expected struct RetryPolicy",
                "invalid type: array, expected an object",
            ),
            (
                "invalid value: integer `-1`, expected u32",
                "invalid value: integer `-1`, expected a whole number, not negative",
            ),
            (
                "unknown variant `a`, expected `b` or `c`",
                "unknown variant `a`, expected `b` or `c`",
            ),
        ] {
            assert_eq!(in_words(message), expected);
        }
    }

    #[test]
    fn what_was_sent_is_repeated_only_in_part() {
        let long = format!("unknown variant `{}`, expected `b` or `c`", "ä".repeat(1_000));
        assert_eq!(in_words(&long).chars().count(), LONGEST);
    }
}
