//! Receivers that do exactly what a test says, byte by byte, and clients that may reach them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use dispatcher::push::{Client, Config, Egress, Request};
use http::HeaderMap;
use queue::outcome::{Answer, Failure, FailureKind, Outcome, Timing};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A receiver under way, stopped when it is dropped.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Receiver {
    /// Starts a receiver that gives each connection, with its number from 0, to `serve`.
    pub(crate) async fn start<F, T>(serve: F) -> Self
    where
        F: Fn(TcpStream, usize) -> T + Send + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let accepting = tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.expect("a connection");
                let number = counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(tcp, number));
            }
        });
        Self {
            address,
            connections,
            accepting,
        }
    }

    /// Starts a receiver that reads one request of each connection, answers with `bytes`, and then keeps the
    /// connection open without another word.
    pub(crate) async fn answering(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self::start(move |mut tcp, _| {
            let bytes = bytes.clone();
            async move {
                if read_request(&mut tcp).await.is_some() {
                    let _ = tcp.write_all(&bytes).await;
                    rest(tcp).await;
                }
            }
        })
        .await
    }

    /// The same for who sends but a head: a proxy's client.
    pub(crate) async fn answering_head(bytes: &'static str) -> Self {
        Self::start(move |mut tcp, _| async move {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = tcp.read_u8().await else { return };
                head.push(byte);
            }
            let _ = tcp.write_all(bytes.as_bytes()).await;
            rest(tcp).await;
        })
        .await
    }

    /// How many connections were made to it.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook?a=b", self.address)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Reads until the other side closes.
pub(crate) async fn rest(mut io: impl AsyncRead + Unpin) {
    let mut unread = [0; 1024];
    while matches!(io.read(&mut unread).await, Ok(n) if n > 0) {}
}

/// Reads one request: its head as text and its body. `None` when the connection ends first.
pub(crate) async fn read_request(io: &mut (impl AsyncRead + Unpin)) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(io.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("a head is text");
    let length = header(&head, "content-length")
        .expect("a length")
        .parse()
        .expect("a number");
    let mut body = vec![0; length];
    io.read_exact(&mut body).await.ok()?;
    Some((head, body))
}

/// The value of a header in the text of a head.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(": ")?;
        (found == name).then_some(value)
    })
}

/// Settings that allow the receivers of these tests.
pub(crate) fn config() -> Config {
    Config {
        egress: Egress {
            allow: vec![
                "127.0.0.0/8".parse().expect("a range"),
                "::1/128".parse().expect("a range"),
            ],
            own_listeners: Vec::new(),
        },
        ..Config::default()
    }
}

pub(crate) fn client() -> Client {
    Client::new(config()).expect("a client")
}

/// A request with time to spare: tests of deadlines shorten it.
pub(crate) fn request(url: &str) -> Request {
    Request {
        url: url.parse().expect("a URL"),
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{\"a\":1}"),
        timeout: Duration::from_secs(30),
        connect_timeout: Duration::from_secs(10),
    }
}

/// The time at which the answers of these tests come.
pub(crate) fn now() -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse().expect("a time")
}

pub(crate) async fn push(client: &Client, request: Request) -> (Outcome, Timing) {
    client.push(&|| request.clone(), now).await
}

/// Posts to `url` and expects an answer.
pub(crate) async fn answered(client: &Client, url: &str) -> (Answer, Timing) {
    match push(client, request(url)).await {
        (Outcome::Answered(answer), timing) => (answer, timing),
        (Outcome::Failed(failure), _) => panic!("{url} failed: {failure:?}"),
    }
}

/// Makes an attempt and expects it to fail.
pub(crate) async fn failed(client: &Client, request: Request) -> (Failure, Timing) {
    match push(client, request).await {
        (Outcome::Failed(failure), timing) => (failure, timing),
        (Outcome::Answered(answer), _) => panic!("answered: {answer:?}"),
    }
}

/// Posts to `url` and expects a failure of `kind` whose text has `words` in it.
pub(crate) async fn fails(client: &Client, url: &str, kind: FailureKind, words: &str) -> Timing {
    let (failure, timing) = failed(client, request(url)).await;
    assert_eq!(failure.kind, kind, "{failure:?}");
    assert!(failure.detail.contains(words), "{failure:?}");
    timing
}
