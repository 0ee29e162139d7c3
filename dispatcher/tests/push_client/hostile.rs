//! Receivers that hang, drip, reset, flood or talk nonsense: each ends as the kind of failure it is, in time.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use dispatcher::push::{Client, Config};
use queue::outcome::{FailureKind, Outcome, Timing};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;

use crate::receiver::{
    Receiver, answered, client, config, failed, fails, now, push, read_request, request, rest,
};

const SHORT: Duration = Duration::from_millis(600);
/// Far more than a loaded machine takes to notice a deadline, far less than the receivers here would take.
const LATE: Duration = Duration::from_secs(15);

/// Posts to `url` with a short deadline and expects it to be what ends the attempt.
async fn times_out(client: &Client, url: &str, words: &str) -> Timing {
    let mut hurried = request(url);
    hurried.timeout = SHORT;
    let start = Instant::now();
    let (failure, timing) = failed(client, hurried).await;
    let took = start.elapsed();
    assert_eq!(failure.kind, FailureKind::Timeout, "{failure:?}");
    assert!(failure.detail.contains(words), "{failure:?}");
    assert!(took >= SHORT && took < LATE, "{took:?}");
    assert!(u128::from(timing.total_us) >= SHORT.as_micros());
    timing
}

#[tokio::test]
async fn silence_runs_into_the_deadline() {
    let receiver = Receiver::start(|tcp, _| rest(tcp)).await;
    let timing = times_out(&client(), &receiver.url(), "waiting for the endpoint to answer").await;
    assert!(timing.connect_us.is_some() && timing.first_byte_us.is_none());
}

#[tokio::test]
async fn a_dripping_head_runs_into_the_deadline() {
    let receiver = Receiver::start(|mut tcp, _| async move {
        read_request(&mut tcp).await;
        for byte in "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".bytes() {
            if tcp.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    })
    .await;
    times_out(&client(), &receiver.url(), "to answer").await;
}

#[tokio::test]
async fn a_dripping_body_runs_into_the_deadline() {
    let receiver = Receiver::start(|mut tcp, _| async move {
        read_request(&mut tcp).await;
        let _ = tcp
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n")
            .await;
        while tcp.write_all(b".").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    })
    .await;
    let timing = times_out(&client(), &receiver.url(), "status 200").await;
    assert!(timing.first_byte_us.is_some());
}

#[tokio::test]
async fn interim_answers_without_end_run_into_the_deadline() {
    let receiver = Receiver::start(|mut tcp, _| async move {
        read_request(&mut tcp).await;
        while tcp.write_all(b"HTTP/1.1 102 Processing\r\n\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    times_out(&client(), &receiver.url(), "to answer").await;
}

#[tokio::test]
async fn an_endless_body_is_cut_and_its_connection_dropped() {
    let (told, mut sent) = mpsc::unbounded_channel();
    let receiver = Receiver::start(move |mut tcp, _| {
        let told = told.clone();
        async move {
            read_request(&mut tcp).await;
            let _ = tcp.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            let mut written = 0;
            while tcp.write_all(&[b'x'; 4096]).await.is_ok() {
                written += 4096;
            }
            let _ = told.send(written);
        }
    })
    .await;
    let client = client();
    let (answer, _) = answered(&client, &receiver.url()).await;
    assert_eq!(
        (answer.status, answer.body.len(), answer.truncated),
        (200, 16 * 1024, true)
    );
    let written = tokio::time::timeout(LATE, sent.recv())
        .await
        .expect("dropped")
        .expect("told");
    // What fits into the sockets' buffers on both sides, at most.
    assert!(written < 32 * 1024 * 1024, "{written}");
}

#[tokio::test]
async fn a_connection_that_ends_early_is_a_reset() {
    let cases = [
        ("", "without answering"),
        ("HTTP/1.1 200", "without answering"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", "status 200"),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
            "status 200",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n",
            "status 200",
        ),
    ];
    for (bytes, words) in cases {
        for abort in [false, true] {
            let receiver = Receiver::start(move |mut tcp, _| async move {
                read_request(&mut tcp).await;
                let _ = tcp.write_all(bytes.as_bytes()).await;
                if abort {
                    tcp.set_zero_linger().expect("a socket option");
                }
            })
            .await;
            let (failure, _) = failed(&client(), request(&receiver.url())).await;
            assert_eq!(failure.kind, FailureKind::Reset, "{bytes:?}: {failure:?}");
            // A reset may overtake what was written before it.
            assert!(abort || failure.detail.contains(words), "{bytes:?}: {failure:?}");
            assert_eq!(
                receiver.connections(),
                1,
                "{bytes:?}: a new connection is not tried again"
            );
        }
    }
}

/// Who refuses a request has said so with the head of the answer, and when to come again.
#[tokio::test]
async fn a_refusal_counts_however_its_body_ends() {
    let cases = [
        ("429 Slow\r\ncontent-length: 10\r\n\r\n", 429, ""),
        ("503 Busy\r\ncontent-length: 10\r\n\r\nabc", 503, "abc"),
        (
            "410 Gone\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n",
            410,
            "ab",
        ),
        ("500 Oops\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 500, ""),
        ("302 There\r\ncontent-length: 10\r\n\r\n", 302, ""),
    ];
    for (rest, status, body) in cases {
        let receiver = Receiver::start(move |mut tcp, _| async move {
            read_request(&mut tcp).await;
            let (line, rest) = rest.split_once("\r\n").expect("a line");
            let bytes = format!("HTTP/1.1 {line}\r\nretry-after: 120\r\n{rest}");
            let _ = tcp.write_all(bytes.as_bytes()).await;
        })
        .await;
        let (answer, timing) = answered(&client(), &receiver.url()).await;
        assert_eq!(
            (answer.status, &answer.body[..], answer.truncated),
            (status, body.as_bytes(), true),
            "{rest:?}"
        );
        assert_eq!(answer.headers[0], ("retry-after".to_owned(), "120".to_owned()));
        assert_eq!(answer.retry_after, Some(now() + TimeDelta::seconds(120)));
        assert!(timing.first_byte_us.is_some());
        assert_eq!(receiver.connections(), 1, "{rest:?}: it is not asked for again");
    }
}

#[tokio::test]
async fn a_refusal_counts_whose_body_does_not_end_in_time() {
    let receiver = Receiver::start(|mut tcp, _| async move {
        read_request(&mut tcp).await;
        let _ = tcp
            .write_all(b"HTTP/1.1 503 Busy\r\nretry-after: 120\r\ncontent-length: 99\r\n\r\nsorry")
            .await;
        rest(tcp).await;
    })
    .await;
    let mut hurried = request(&receiver.url());
    hurried.timeout = SHORT;
    let start = Instant::now();
    let (outcome, timing) = push(&client(), hurried).await;
    let took = start.elapsed();
    assert!(took >= SHORT && took < LATE, "{took:?}");
    assert!(u128::from(timing.total_us) >= SHORT.as_micros());
    match outcome {
        Outcome::Answered(answer) => {
            assert_eq!(
                (answer.status, &answer.body[..], answer.truncated),
                (503, &b"sorry"[..], true)
            );
            assert_eq!(answer.retry_after, Some(now() + TimeDelta::seconds(120)));
        }
        Outcome::Failed(failure) => panic!("{failure:?}"),
    }
}

#[tokio::test]
async fn a_receiver_that_hangs_up_on_everyone_is_a_reset() {
    let receiver = Receiver::start(|tcp, _| async move { drop(tcp) }).await;
    fails(
        &client(),
        &receiver.url(),
        FailureKind::Reset,
        "without answering",
    )
    .await;
}

#[tokio::test]
async fn what_is_not_http_is_a_protocol_failure() {
    let cases = [
        ("garbage\r\n\r\n", "not HTTP"),
        ("SSH-2.0-OpenSSH_9.7\r\n", "not HTTP"),
        ("HTTP/1.1 abc OK\r\n\r\n", "status line"),
        ("HTTP/3.9 200 OK\r\n\r\n", "not HTTP"),
        ("HTTP/1.1 200 OK\r\nno colon here\r\n\r\n", "not HTTP"),
        ("HTTP/1.1 200 OK\r\nbad\0name: x\r\n\r\n", "not HTTP"),
        ("HTTP/1.1 200 OK\r\ncontent-length: ten\r\n\r\n", "not HTTP"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcde",
            "not HTTP",
        ),
        ("\0\0\0\0\0\0\0\0", "not HTTP"),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n",
            "body of the answer (status 200)",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
            "body of the answer (status 200)",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n",
            "body of the answer (status 200)",
        ),
    ];
    for (bytes, words) in cases {
        let receiver = Receiver::answering(bytes).await;
        let (failure, _) = failed(&client(), request(&receiver.url())).await;
        assert_eq!(failure.kind, FailureKind::Protocol, "{bytes:?}: {failure:?}");
        assert!(failure.detail.contains(words), "{bytes:?}: {failure:?}");
    }
}

#[tokio::test]
async fn a_head_beyond_its_limits_is_a_protocol_failure() {
    let many = "a: b\r\n".repeat(101);
    let receiver = Receiver::answering(format!("HTTP/1.1 200 OK\r\n{many}\r\n")).await;
    fails(&client(), &receiver.url(), FailureKind::Protocol, "too large").await;

    let endless = Receiver::start(|mut tcp, _| async move {
        read_request(&mut tcp).await;
        let _ = tcp.write_all(b"HTTP/1.1 200 OK\r\nx: ").await;
        while tcp.write_all(&[b'x'; 4096]).await.is_ok() {}
    })
    .await;
    fails(&client(), &endless.url(), FailureKind::Protocol, "65536 bytes").await;

    let fitting = format!(
        "HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n",
        "a: b\r\n".repeat(99)
    );
    let receiver = Receiver::answering(fitting.clone()).await;
    assert_eq!(answered(&client(), &receiver.url()).await.0.headers.len(), 100);
    let strict = Client::new(Config {
        response_headers_max: 50,
        ..config()
    })
    .expect("a client");
    let receiver = Receiver::answering(fitting).await;
    fails(&strict, &receiver.url(), FailureKind::Protocol, "50 headers").await;
}

#[tokio::test]
async fn large_headers_are_left_out_and_the_answer_counts() {
    let large = "x".repeat(30_000);
    let receiver = Receiver::answering(format!(
        "HTTP/1.1 200 OK\r\nbefore: 1\r\nlarge: {large}\r\nafter: 2\r\ncontent-length: 0\r\n\r\n"
    ))
    .await;
    let (answer, _) = answered(&client(), &receiver.url()).await;
    let names: Vec<&str> = answer.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["before", "after", "content-length"]);
}

#[tokio::test]
async fn a_closed_port_is_a_connect_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let url = format!("http://{address}/");
    let timing = fails(&client(), &url, FailureKind::Connect, "nothing listens").await;
    assert_eq!((timing.connect_us, timing.first_byte_us), (None, None));
}

/// A listener whose queue is full: connections to it come about no more, nor are they refused.
async fn full() -> (TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind("127.0.0.1:0".parse().expect("an address"))
        .expect("a port");
    let listener = socket.listen(1).expect("listening");
    let address = listener.local_addr().expect("an address");
    let mut queued = Vec::new();
    while let Ok(tcp) = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        queued.push(tcp.expect("connected"));
    }
    (listener, queued)
}

#[tokio::test]
async fn a_connect_that_hangs_ends_at_the_connect_limit_or_the_deadline() {
    let (listener, _queued) = full().await;
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let client = client();
    let mut limited = request(&url);
    limited.connect_timeout = SHORT;
    let start = Instant::now();
    let (failure, _) = failed(&client, limited).await;
    assert_eq!(failure.kind, FailureKind::Connect, "{failure:?}");
    assert!(failure.detail.contains("600ms"), "{failure:?}");
    assert!(start.elapsed() < LATE);

    times_out(&client, &url, "connecting").await;
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_a_dns_failure() {
    let client = client();
    fails(
        &client,
        "http://posthaste.invalid/",
        FailureKind::Dns,
        "posthaste.invalid",
    )
    .await;
    fails(
        &client,
        "https://posthaste.invalid/",
        FailureKind::Dns,
        "posthaste.invalid",
    )
    .await;
}

#[tokio::test]
async fn no_time_at_all_is_a_timeout() {
    let receiver = Receiver::start(|tcp, _| rest(tcp)).await;
    let mut hopeless = request(&receiver.url());
    hopeless.timeout = Duration::ZERO;
    let (failure, _) = failed(&client(), hopeless).await;
    assert_eq!(failure.kind, FailureKind::Timeout, "{failure:?}");
}
