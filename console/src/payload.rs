//! Payloads as they are looked at. They are anybody's bytes: only ever text on a page, never markup.

use std::fmt::Write;

use serde::de::IgnoredAny;

/// Most characters that are put on a page: a browser lays out more only slowly. The rest can be downloaded.
pub const SHOWN: usize = 200_000;

/// The deepest JSON that is laid out: what lies deeper is nobody's data, and costs more the deeper it lies.
const DEEPEST: usize = 128;

/// JSON with line breaks and indents, its numbers and the order of its fields untouched; `None` if it is none, or nested too deeply.
pub fn pretty(text: &str) -> Option<String> {
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut out = String::with_capacity(text.len() * 2);
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if in_string {
            out.push(c);
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        match c {
            '"' => {
                in_string = true;
                out.push(c);
            }
            '{' | '[' => {
                out.push(c);
                while rest.next_if(|next| next.is_whitespace()).is_some() {}
                if let Some(end) = rest.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    if depth > DEEPEST {
                        return None;
                    }
                    break_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                break_line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                break_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c if c.is_whitespace() => {}
            c => out.push(c),
        }
    }
    Some(out)
}

fn break_line(out: &mut String, depth: usize) {
    out.push('\n');
    for _ in 0..depth {
        out.push_str("  ");
    }
}

/// A line of JSON that was laid out; with what lies between it and its end, if it opens something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The line, such as `"id": 7,` or `"items": [`.
    pub begin: String,
    /// What lies within.
    pub children: Vec<Node>,
    /// The line that closes it; empty for a line that opens nothing.
    pub end: String,
}

/// What [`pretty`] laid out, as a tree. Its depth is bounded: what lies deeper than 128 is not taken for JSON.
pub fn tree(laid_out: &str) -> Vec<Node> {
    let mut open: Vec<Node> = vec![];
    let mut done: Vec<Node> = vec![];
    for line in laid_out.lines().map(str::trim) {
        let node = Node {
            begin: line.to_owned(),
            children: vec![],
            end: String::new(),
        };
        if line.ends_with(['{', '[']) {
            open.push(node);
            continue;
        }
        let node = match open.pop() {
            Some(mut closed) if line.starts_with(['}', ']']) => {
                line.clone_into(&mut closed.end);
                closed
            }
            Some(outer) => {
                open.push(outer);
                node
            }
            None => node,
        };
        match open.last_mut() {
            Some(outer) => outer.children.push(node),
            None => done.push(node),
        }
    }
    done
}

/// The begin of a text, as much as is shown; and whether that is all.
pub fn cut(text: &str) -> (&str, bool) {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => (&text[..end], false),
        None => (text, true),
    }
}

/// Bytes in hexadecimal, sixteen a line, with what of them is ASCII beside; the first 4 KiB.
pub fn hex(bytes: &[u8]) -> String {
    const MOST: usize = 4 << 10;
    let mut out = String::new();
    for (at, line) in bytes[..bytes.len().min(MOST)].chunks(16).enumerate() {
        let _ = write!(out, "{:08x}  ", at * 16);
        for place in 0..16 {
            match line.get(place) {
                Some(byte) => {
                    let _ = write!(out, "{byte:02x} ");
                }
                None => out.push_str("   "),
            }
            if place == 7 {
                out.push(' ');
            }
        }
        out.push(' ');
        out.extend(line.iter().map(|byte| {
            if (0x20..0x7f).contains(byte) {
                char::from(*byte)
            } else {
                '·'
            }
        }));
        out.push('\n');
    }
    if bytes.len() > MOST {
        let _ = writeln!(out, "… {} bytes more", bytes.len() - MOST);
    }
    out
}

/// Bytes that are written in base64, of the standard alphabet; `None` if they are not.
pub fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).unwrap_or_default());
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_laid_out_and_not_changed() {
        assert_eq!(
            pretty(r#"{"b":1.50,"a":[ ],"c":[1,{"d":"x, \"{y}"}]}"#).unwrap(),
            "{\n  \"b\": 1.50,\n  \"a\": [],\n  \"c\": [\n    1,\n    {\n      \"d\": \"x, \\\"{y}\"\n    }\n  ]\n}"
        );
        assert_eq!(pretty("7").unwrap(), "7");
        let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(pretty(&deep(DEEPEST)).is_some());
        for none in ["", "{", "<html>", "{a:1}", "1 2", &deep(DEEPEST + 1)] {
            assert_eq!(pretty(none), None, "{none}");
        }
    }

    #[test]
    fn laid_out_json_is_a_tree() {
        let text = pretty(r#"{"a":[1,{"b":"} ] {"}],"c":{},"d":null}"#).unwrap();
        let [root] = tree(&text).try_into().unwrap();
        assert_eq!((root.begin.as_str(), root.end.as_str()), ("{", "}"));
        let lines: Vec<&str> = root.children.iter().map(|node| node.begin.as_str()).collect();
        assert_eq!(lines, ["\"a\": [", "\"c\": {},", "\"d\": null"]);
        let list = &root.children[0];
        assert_eq!((list.children.len(), list.end.as_str()), (2, "],"));
        assert_eq!(list.children[1].children[0].begin, r#""b": "} ] {""#);
        assert_eq!(tree("7")[0].begin, "7");
        let [strings] = tree(&pretty(r#"["[","{","]"]"#).unwrap()).try_into().unwrap();
        assert_eq!(strings.children.len(), 3);
    }

    #[test]
    fn bytes_are_shown_beside_their_ascii() {
        let text = hex(b"\x00hello\xff");
        assert!(text.starts_with("00000000  00 68 65 6c 6c 6f ff "), "{text}");
        assert!(text.ends_with(" ·hello·\n"), "{text}");
        assert!(hex(&[0; 5_000]).ends_with("… 904 bytes more\n"));
    }

    #[test]
    fn base64_is_read() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("aA==", b"h"),
            ("aGk=", b"hi"),
            ("/+8A", b"\xff\xef\x00"),
        ] {
            assert_eq!(base64(text).unwrap(), bytes, "{text}");
        }
        assert_eq!(base64("a-b_"), None);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = "ü".repeat(SHOWN + 1);
        let (shown, whole) = cut(&long);
        assert_eq!((shown.chars().count(), whole), (SHOWN, false));
        assert_eq!(cut("short"), ("short", true));
    }
}
