//! What strangers send, read a bounded number of times: arbitrary bytes, and valid documents with something wrong in them. Nothing panics,
//! and every refusal is the sender's to mend. The targets in `fuzz/` drive the same functions without a bound.

use gateway::fuzz;
use proptest::{prelude::*, sample::Index};
use prost::Message as _;
use proto::grpc::v1;

type Reader = fn(&[u8]) -> Option<u16>;

/// Each reader with documents that are right for it.
fn readers() -> Vec<(&'static str, Reader, Vec<Vec<u8>>)> {
    let texts = |texts: &[&str]| {
        texts
            .iter()
            .map(|text| text.as_bytes().to_vec())
            .collect::<Vec<_>>()
    };
    let tasks = [
        r#"{"type":"invoice.paid","payload":{"id":7,"total":"12.50"},"idempotency_key":"a"}"#,
        r#"{"type":"a","payload":[null,1e300,"\u00e9"],"delay":"1h30m","priority":9,"headers":{"x-shop":"7"},"retry":{"schedule":["10s","1m"],"jitter":0.5}}"#,
        r#"{"payload_base64":"iVBORw0KGgo=","content_type":"image/png","retry":{"attempts":3,"initial":2,"factor":1.5,"max":"6h"}}"#,
    ];
    let request = v1::EnqueueRequest {
        queue: "orders".into(),
        task: Some(v1::NewTask {
            r#type: "invoice.paid".into(),
            payload: Some(b"{}".as_slice().into()),
            priority: Some(9),
            delay: Some(prost_types::Duration {
                seconds: 60,
                nanos: 5,
            }),
            headers: [("x-shop".to_owned(), "7".to_owned())].into(),
            retry: Some(v1::RetryPolicy {
                attempts: Some(3),
                ..v1::RetryPolicy::default()
            }),
            ..v1::NewTask::default()
        }),
    };
    vec![
        ("task_body", fuzz::task_body, texts(&tasks)),
        (
            "batch_lines",
            fuzz::batch_lines,
            vec![tasks.join("\n").into_bytes()],
        ),
        (
            "batch_array",
            fuzz::batch_array,
            vec![format!("[{}]", tasks.join(",")).into_bytes()],
        ),
        (
            "raw_headers",
            fuzz::raw_headers,
            texts(&[
                "content-type: text/plain\nposthaste-type: a.b\nposthaste-priority: 9\nposthaste-delay: 5m\nposthaste-retry: {\"attempts\":3}\nposthaste-header-x-shop: 7\nidempotency-key: \"a\\\"b\"",
            ]),
        ),
        (
            "endpoint_body",
            fuzz::endpoint_body,
            // One text is either: what makes one changes another.
            texts(&[
                r#"{"url":"https://example.com/hooks","description":"","filter":["a.*"],"headers":{"x":"7"},"settings":{"timeout":"10s","max_in_flight":10}}"#,
            ]),
        ),
        (
            "query",
            fuzz::query,
            texts(&["limit=7&since=2026-01-31T12:00:00%2B01:00&state=dead&delay=1h"]),
        ),
        ("grpc_enqueue", fuzz::grpc_enqueue, vec![request.encode_to_vec()]),
    ]
}

/// What is done to a document: bytes are replaced, removed, repeated, or put in.
#[derive(Debug, Clone)]
enum Slip {
    Replace(Index, u8),
    Remove(Index, Index),
    Repeat(Index, Index),
    Insert(Index, String),
}

fn slip() -> impl Strategy<Value = Slip> {
    let token = prop::sample::select(vec![
        "null",
        "-1",
        "1e400",
        "\"\"",
        "[]",
        "{}",
        ",",
        ":",
        "\u{0}",
        "\"\\ud800\"",
        "99999999999999999999",
        "{\"a\":",
        "\r\n",
        "\u{fffd}",
        "%00",
        "+",
        "=",
    ]);
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Slip::Replace(at, byte)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Slip::Remove(from, to)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Slip::Repeat(from, to)),
        (any::<Index>(), token).prop_map(|(at, text)| Slip::Insert(at, text.to_owned())),
    ]
}

fn with(mut document: Vec<u8>, slips: &[Slip]) -> Vec<u8> {
    for slip in slips {
        let length = document.len();
        if length == 0 {
            break;
        }
        let range = |from: &Index, to: &Index| {
            let (from, to) = (from.index(length), to.index(length));
            from.min(to)..from.max(to)
        };
        match slip {
            Slip::Replace(at, byte) => document[at.index(length)] = *byte,
            Slip::Remove(from, to) => drop(document.drain(range(from, to))),
            Slip::Repeat(from, to) => {
                let range = range(from, to);
                let part = document[range.clone()].to_vec();
                document.splice(range.end..range.end, part);
            }
            Slip::Insert(at, text) => drop(document.splice(at.index(length)..at.index(length), text.bytes())),
        }
    }
    document
}

/// A refusal is a 4xx, never a fault of ours.
fn is_theirs(status: Option<u16>) -> bool {
    status.is_none_or(|status| (400..500).contains(&status))
}

#[test]
fn what_is_right_is_read() {
    for (name, read, documents) in readers() {
        for document in documents {
            // A new endpoint is no change of one, and the reader tells of either.
            let status = read(&document);
            assert!(
                status.is_none(),
                "{name}: {status:?}: {}",
                String::from_utf8_lossy(&document)
            );
        }
    }
    let queue = br#"{"name":"orders","description":"","settings":{"retry":{"attempts":8}}}"#;
    assert_eq!(fuzz::queue_body(queue), Some(400), "a change names no name");
    assert_eq!(fuzz::page_token(b"AAAAAAAAAAAAAAAAAAAAAAAA"), Some(400));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        for (name, read, _) in readers() {
            prop_assert!(is_theirs(read(&bytes)), "{}", name);
        }
        prop_assert!(is_theirs(fuzz::queue_body(&bytes)));
        prop_assert_eq!(fuzz::page_token(&bytes), Some(400));
    }

    #[test]
    fn documents_with_slips_are_read_or_refused(slips in prop::collection::vec(slip(), 1..6)) {
        for (name, read, documents) in readers() {
            for document in documents {
                let wrong = with(document, &slips);
                prop_assert!(is_theirs(read(&wrong)), "{}: {}", name, String::from_utf8_lossy(&wrong));
            }
        }
    }
}
