//! Reading an answer, and keeping of it what is kept.

use http::HeaderMap;
use http_body_util::BodyExt;
use hyper::body::Incoming;

/// Reads the first `kept` bytes of a body into `read`, where they are also when the rest never comes; whether it went on after them. Nothing
/// is read beyond: dropping the rest then drops an HTTP/1 connection and resets an HTTP/2 stream.
pub(super) async fn body(
    incoming: &mut Incoming,
    kept: usize,
    read: &mut Vec<u8>,
) -> Result<bool, hyper::Error> {
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        // Copied, not sliced: a slice would keep the connection's whole read buffer alive as long as the answer.
        let room = kept - read.len();
        if data.len() > room {
            read.extend_from_slice(&data[..room]);
            return Ok(true);
        }
        read.extend_from_slice(&data);
    }
    Ok(false)
}

/// Headers as text, in their order (those of one name together, where the first of them came), leaving out whatever
/// would bring names and values together above `kept` bytes.
pub(super) fn headers(headers: &HeaderMap, kept: usize) -> Vec<(String, String)> {
    let mut room = kept;
    let mut read = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        if let Some(left) = room.checked_sub(name.as_str().len() + value.len()) {
            room = left;
            read.push((name.as_str().to_owned(), value.into_owned()));
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn headers_keep_their_order_and_their_bound() {
        let mut map = HeaderMap::new();
        map.insert("Server", HeaderValue::from_static("x"));
        map.insert(
            "x-large",
            HeaderValue::from_str(&"v".repeat(100)).expect("a value"),
        );
        map.append("set-cookie", HeaderValue::from_static("a=1"));
        map.append("set-cookie", HeaderValue::from_static("b=2"));
        map.insert("x-latin", HeaderValue::from_bytes(b"caf\xe9").expect("a value"));
        let pairs = |kept| -> Vec<(String, String)> { headers(&map, kept) };
        let expected = [
            ("server", "x"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
            ("x-latin", "caf\u{fffd}"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(pairs(60), expected);
        assert_eq!(pairs(1000).len(), 5);
        assert_eq!(pairs(7), expected[..1]);
        assert_eq!(pairs(6), []);
    }
}
