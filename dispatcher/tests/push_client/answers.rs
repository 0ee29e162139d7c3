//! What is sent, and what is kept of an answer.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::TimeDelta;
use dispatcher::push::{Client, Config};
use http::HeaderValue;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::receiver::{Receiver, answered, client, config, header, now, push, read_request, request, rest};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn the_request_arrives_as_it_was_given() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let receiver = Receiver::start(move |mut tcp, _| {
        let sink = Arc::clone(&sink);
        async move {
            while let Some(request) = read_request(&mut tcp).await {
                sink.lock().push(request);
                tcp.write_all(OK.as_bytes()).await.expect("written");
            }
        }
    })
    .await;
    let client = client();
    let mut own = request(&receiver.url());
    own.body = Bytes::from_static(b"\x00\xff any bytes\r\n\r\n");
    own.headers.insert("webhook-id", HeaderValue::from_static("1"));
    own.headers.insert("user-agent", HeaderValue::from_static("mine"));
    own.headers
        .insert("accept-encoding", HeaderValue::from_static("br"));
    push(&client, own).await;
    let mut empty = request(&format!("http://{}", receiver.address));
    empty.body = Bytes::new();
    push(&client, empty).await;

    let seen = seen.lock();
    let (head, body) = &seen[0];
    assert!(head.starts_with("POST /hook?a=b HTTP/1.1\r\n"), "{head}");
    assert_eq!(body, b"\x00\xff any bytes\r\n\r\n");
    assert_eq!(header(head, "host"), Some(receiver.address.to_string().as_str()));
    assert_eq!(header(head, "webhook-id"), Some("1"));
    assert_eq!(header(head, "user-agent"), Some("mine"));
    assert_eq!(header(head, "accept-encoding"), Some("br"));
    assert_eq!(header(head, "transfer-encoding"), None);
    let (head, body) = &seen[1];
    assert!(
        head.starts_with("POST / HTTP/1.1\r\n") && body.is_empty(),
        "{head}"
    );
    assert!(
        header(head, "user-agent")
            .expect("a user agent")
            .starts_with("Posthaste/")
    );
    assert_eq!(header(head, "accept-encoding"), Some("identity"));
    assert_eq!(header(head, "content-length"), Some("0"));
}

#[tokio::test]
async fn an_answer_is_kept_with_its_headers_in_order() {
    let receiver = Receiver::answering(
        "HTTP/1.1 503 Busy\r\nServer: x\r\nRETRY-AFTER: 120\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n\
         x-latin: caf\u{e9}\r\ncontent-length: 4\r\n\r\nbusy",
    )
    .await;
    let (answer, timing) = answered(&client(), &receiver.url()).await;
    assert_eq!(
        (answer.status, &answer.body[..], answer.truncated),
        (503, &b"busy"[..], false)
    );
    let names: Vec<&str> = answer.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "server",
            "retry-after",
            "set-cookie",
            "set-cookie",
            "x-latin",
            "content-length"
        ]
    );
    assert_eq!(answer.headers[3].1, "b=2");
    assert_eq!(answer.retry_after, Some(now() + TimeDelta::seconds(120)));
    assert!(timing.first_byte_us.expect("a first byte") <= timing.total_us);
    assert!(timing.connect_us.expect("a new connection") <= timing.total_us);
    assert_eq!((timing.wait_us, timing.dns_us, timing.tls_us), (0, None, None));
}

#[tokio::test]
async fn a_retry_after_that_makes_no_sense_is_left_out() {
    let receiver =
        Receiver::answering("HTTP/1.1 429 Slow\r\nretry-after: soon\r\ncontent-length: 0\r\n\r\n").await;
    let (answer, _) = answered(&client(), &receiver.url()).await;
    assert_eq!((answer.status, answer.retry_after), (429, None));
}

#[tokio::test]
async fn bodies_end_where_their_answer_says() {
    let cases = [
        // None at all, whatever the headers claim.
        ("HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
        ("HTTP/1.1 204 No Content\r\ncontent-length: 9\r\n\r\n", 204, ""),
        (
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 900\r\n\r\n",
            304,
            "",
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200, ""),
        // In pieces.
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nt: v\r\n\r\n",
            200,
            "abcde",
        ),
        // Interim answers come first.
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
            200,
            "ok",
        ),
        // Never followed.
        (
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://169.254.169.254/latest/\r\ncontent-length: 0\r\n\r\n",
            307,
            "",
        ),
    ];
    for (bytes, status, body) in cases {
        let receiver = Receiver::answering(bytes).await;
        let (answer, _) = answered(&client(), &receiver.url()).await;
        assert_eq!(
            (answer.status, &answer.body[..]),
            (status, body.as_bytes()),
            "{bytes}"
        );
        assert_eq!(receiver.connections(), 1);
    }
}

#[tokio::test]
async fn a_body_may_end_with_its_connection() {
    for head in [
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\n",
    ] {
        let receiver = Receiver::start(move |mut tcp, _| async move {
            read_request(&mut tcp).await;
            let _ = tcp.write_all(format!("{head}to the end").as_bytes()).await;
        })
        .await;
        let client = client();
        for _ in 0..5 {
            let (answer, _) = answered(&client, &receiver.url()).await;
            assert_eq!(&answer.body[..], b"to the end");
        }
    }
}

#[tokio::test]
async fn a_body_is_cut_at_what_is_kept() {
    for (length, kept, truncated) in [
        (99, 99, false),
        (100, 100, false),
        (101, 100, true),
        (70_000, 100, true),
    ] {
        let body = "x".repeat(length);
        let receiver = Receiver::answering(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
        .await;
        let client = Client::new(Config {
            response_body_kept: 100,
            ..config()
        })
        .expect("a client");
        let (answer, _) = answered(&client, &receiver.url()).await;
        assert_eq!(
            (answer.body.len(), answer.truncated),
            (kept, truncated),
            "{length}"
        );
    }
}

#[tokio::test]
async fn a_compressed_body_stays_compressed() {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(&vec![0; 10 * 1024 * 1024]).expect("packed");
    let bomb = packer.finish().expect("packed");
    assert!(bomb.len() < 16 * 1024);
    let mut bytes = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        bomb.len()
    )
    .into_bytes();
    bytes.extend_from_slice(&bomb);
    let receiver = Receiver::answering(bytes).await;
    let (answer, _) = answered(&client(), &receiver.url()).await;
    assert_eq!((&answer.body[..], answer.truncated), (&bomb[..], false));
    assert_eq!(
        answer.headers[0],
        ("content-encoding".to_owned(), "gzip".to_owned())
    );
}

/// A receiver that refuses a large body after its head says so before it was sent, and is heard.
#[tokio::test]
async fn an_answer_that_comes_before_the_body_is_sent_counts() {
    let receiver = Receiver::start(|mut tcp, _| async move {
        let mut head = [0; 512];
        let _ = tcp.read(&mut head).await;
        let refusal = b"HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno";
        tcp.write_all(refusal).await.expect("written");
        tokio::time::sleep(Duration::from_millis(100)).await;
        rest(tcp).await;
    })
    .await;
    let mut large = request(&receiver.url());
    large.body = vec![b'x'; 32 * 1024 * 1024].into();
    let (outcome, _) = push(&client(), large).await;
    match outcome {
        queue::outcome::Outcome::Answered(answer) => assert_eq!(answer.status, 413),
        queue::outcome::Outcome::Failed(failure) => panic!("{failure:?}"),
    }
}
