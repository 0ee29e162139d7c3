//! Requests as lines to paste into a shell.

use std::fmt::Write;

/// A word that a POSIX shell takes as it is.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// A request to our own API, with the key in a variable: who pastes it has it there.
pub fn of_api(origin: &str, method: &str, path: &str, body: Option<&str>) -> String {
    let mut line = format!("curl {}", quoted(&format!("{origin}{path}")));
    if !(method == "GET" || method == "POST" && body.is_some()) {
        let _ = write!(line, " -X {method}");
    }
    line.push_str(" -H \"authorization: Bearer $POSTHASTE_KEY\"");
    if let Some(body) = body {
        let _ = write!(line, " -H 'content-type: application/json' -d {}", quoted(body));
    }
    line
}

/// The request that an endpoint was sent, made by hand: without its signature, which only the server can make.
pub fn of_delivery(url: &str, headers: &[(String, String)], body: Option<&str>) -> String {
    let mut line = format!("curl {}", quoted(url));
    for (name, value) in headers {
        let _ = write!(line, " \\\n  -H {}", quoted(&format!("{name}: {value}")));
    }
    match body {
        Some(body) => {
            let _ = write!(line, " \\\n  --data-binary {}", quoted(body));
        }
        None => line.push_str(" \\\n  --data-binary @payload"),
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_can_be_pasted() {
        assert_eq!(
            of_api(
                "http://localhost:8080",
                "POST",
                "/v1/queues",
                Some(r#"{"name":"it's"}"#)
            ),
            "curl http://localhost:8080/v1/queues -H \"authorization: Bearer $POSTHASTE_KEY\" \
             -H 'content-type: application/json' -d '{\"name\":\"it'\\''s\"}'"
        );
        assert!(
            of_api("http://a", "DELETE", "/v1/queues/a?b", None)
                .contains("'http://a/v1/queues/a?b' -X DELETE")
        );
        let headers = [("posthaste-type".to_owned(), "a b".to_owned())];
        assert_eq!(
            of_delivery("https://b/", &headers, None),
            "curl https://b/ \\\n  -H 'posthaste-type: a b' \\\n  --data-binary @payload"
        );
    }
}
