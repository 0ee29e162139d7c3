//! What a signature would fit: the bodies, ids and keys that a request had, before somebody on the way made others of them.

use serde_json::Value;

/// A body that may be the one that was signed, and what would have happened to it since.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    pub(super) happened: &'static str,
}

/// What happened to JSON that was read and written again.
const PARSED: &str =
    "it is the same JSON, but was parsed and written anew: verify the raw bytes, before any parser has them";

/// What `given` may have been. Nothing is looked for that only a search through many would find.
pub(super) fn bodies(given: &[u8]) -> Vec<Body> {
    let mut found: Vec<Body> = Vec::new();
    let mut add = |bytes: Vec<u8>, happened| {
        if bytes != given && found.iter().all(|body| body.bytes != bytes) {
            found.push(Body { bytes, happened });
        }
    };
    add(
        given.trim_ascii_end().to_vec(),
        "white space was added to its end: often a line break by an editor or by `echo`",
    );
    add(
        [given, b"\n"].concat(),
        "the line break at its end was taken away",
    );
    add(given.trim_ascii().to_vec(), "white space was added around it");
    if let Some(rest) = given.strip_prefix(b"\xef\xbb\xbf") {
        add(rest.to_vec(), "a byte order mark was put before it");
    }
    if let Ok(text) = std::str::from_utf8(given) {
        let unix = text.replace("\r\n", "\n");
        add(
            unix.replace('\n', "\r\n").into_bytes(),
            "its CRLF line breaks were made LF",
        );
        add(unix.into_bytes(), "its LF line breaks were made CRLF");
        // Latin-1 read as UTF-8 and written anew, a classic: each char is one byte of what it was.
        let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
        if let Some(bytes) = bytes {
            add(bytes, "its UTF-8 was read as Latin-1 and encoded a second time");
        }
        if let Some(minified) = spaced(text, "", "") {
            add(minified.into_bytes(), PARSED);
        }
        if let Some(python) = spaced(text, " ", " ") {
            add(python.into_bytes(), PARSED);
        }
        if let Some(colon) = spaced(text, "", " ") {
            add(colon.into_bytes(), PARSED);
        }
        if let Ok(value) = serde_json::from_str::<Value>(text)
            && let Ok(pretty) = serde_json::to_string_pretty(&value)
        {
            add(pretty.into_bytes(), PARSED);
        }
    }
    found
}

/// JSON with all white space between its tokens taken out, and these put after commas and colons; `None` if the text is no JSON.
fn spaced(text: &str, after_comma: &str, after_colon: &str) -> Option<String> {
    serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
    let mut written = String::with_capacity(text.len());
    let (mut in_string, mut escaped) = (false, false);
    for c in text.chars() {
        if in_string {
            written.push(c);
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        match c {
            ' ' | '\t' | '\n' | '\r' => {}
            ',' | ':' => {
                written.push(c);
                written.push_str(if c == ',' { after_comma } else { after_colon });
            }
            _ => {
                in_string = c == '"';
                written.push(c);
            }
        }
    }
    Some(written)
}

/// How `given` differs from the body that was sent: a sentence's end, after "the body is not the one that was sent: ".
pub(super) fn difference(sent: &[u8], given: &[u8]) -> String {
    if given.is_empty() {
        return format!(
            "it is empty, and {} bytes were sent; was it read before?",
            sent.len()
        );
    }
    if sent.starts_with(given) {
        return format!("it ends after {} of its {} bytes", given.len(), sent.len());
    }
    if let Some(body) = bodies(given).into_iter().find(|body| body.bytes == sent) {
        return body.happened.to_owned();
    }
    let json = |bytes| serde_json::from_slice::<Value>(bytes).ok();
    if json(sent).is_some() && json(sent) == json(given) {
        return "it is the same JSON, written otherwise (order of keys, spaces, escapes or numbers): verify the raw bytes, before any \
            parser has them"
            .to_owned();
    }
    let same = sent.iter().zip(given).take_while(|(a, b)| a == b).count();
    format!(
        "{} bytes were sent and these are {}; they differ from byte {same} on",
        sent.len(),
        given.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_a_body_is_told() {
        let json = r#"{"a": [1, 2], "b\"": "x, y"}"#;
        for (sent, given, told) in [
            (json, "", "was it read before"),
            (json, r#"{"a": [1"#, "ends after 8 of its 28"),
            (json, r#"{"a":[1,2],"b\"":"x, y"}"#, "written anew"),
            (r#"{"a":[1,2],"b\"":"x, y"}"#, json, "written anew"),
            (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, "order of keys"),
            ("a", "a\n", "added to its end"),
            ("a\n", "a", "taken away"),
            ("a", " a ", "around it"),
            ("a\r\nb", "a\nb", "were made LF"),
            ("a\nb", "a\r\nb", "were made CRLF"),
            ("a", "\u{feff}a", "byte order mark"),
            ("ü", "Ã¼", "Latin-1"),
            (
                "abc",
                "abd!",
                "3 bytes were sent and these are 4; they differ from byte 2 on",
            ),
        ] {
            let difference = difference(sent.as_bytes(), given.as_bytes());
            // A line break that was taken away is also an end that is missing.
            let fine =
                difference.contains(told) || (sent == "a\n" && difference.contains("ends after 1 of its 2"));
            assert!(fine, "{sent:?} {given:?}: {difference}");
        }
    }
}
