//! Connections: slow ones, large heads, and the end of serving.

use std::{net::SocketAddr, time::Duration};

use axum::http::Request;
use bytes::Bytes;
use gateway::Config;
use proto::TestResult;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::kit::App;

/// Longer than anything here takes, on any machine: what still waits then waits for ever.
const FOREVER: Duration = Duration::from_secs(20);

struct Server {
    app: App,
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Server {
    async fn start(config: Config) -> Self {
        let app = App::with(config).await;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let serving = tokio::spawn(gateway::serve(listener, app.gateway.clone(), stop.clone()));
        Self {
            app,
            address,
            stop,
            serving,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A connection on which this was sent.
    async fn say(&self, text: impl AsRef<[u8]>) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(text.as_ref()).await.unwrap();
        stream
    }

    fn head(&self, first_line: &str, length: usize) -> String {
        format!(
            "{first_line} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\ncontent-length: {length}\r\n\r\n",
            self.app.key
        )
    }
}

/// Everything until the server closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    // A reset is an end, too.
    let _ = timeout(FOREVER, stream.read_to_end(&mut all))
        .await
        .expect("the connection stays open");
    String::from_utf8_lossy(&all).into_owned()
}

/// One answer: its head and as much of a body as it announces.
async fn answer(stream: &mut TcpStream) -> String {
    let read = async {
        let (mut all, mut chunk) = (Vec::new(), [0; 4_096]);
        loop {
            let text = String::from_utf8_lossy(&all);
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "))
                    .unwrap_or("0");
                if body.len() >= length.parse().unwrap() {
                    return text.into_owned();
                }
            }
            let count = stream.read(&mut chunk).await.unwrap();
            assert!(count > 0, "closed after {text}");
            all.extend_from_slice(&chunk[..count]);
        }
    };
    timeout(FOREVER, read).await.expect("no answer")
}

#[tokio::test]
async fn who_never_asks_is_let_go() {
    let server = Server::start(Config {
        head_timeout: Duration::from_millis(300),
        ..Config::default()
    })
    .await;
    for text in [
        "",
        "GET /healthz HTTP/1.1\r\nhost: a\r\n",
        "PRI * HTTP/2.0\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let stream = server.say(text).await;
        rest(stream).await;
    }
    // One that asked is kept.
    let mut stream = server.say("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
    answer(&mut stream).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    assert!(answer(&mut stream).await.contains("{\"status\":\"live\"}"));
}

#[tokio::test]
async fn a_kept_connection_is_not_kept_for_ever() {
    let server = Server::start(Config {
        idle_timeout: Duration::from_millis(300),
        ..Config::default()
    })
    .await;
    let stream = server
        .say("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\nGET /healthz HTTP/1.1\r\nho")
        .await;
    assert!(rest(stream).await.contains("{\"status\":\"live\"}"));
}

#[tokio::test]
async fn a_body_that_drips_is_answered_408() {
    let server = Server::start(Config {
        body_timeout: Duration::from_millis(300),
        ..Config::default()
    })
    .await;
    server.app.make_queue("q").await;
    for path in [
        "/v1/queues",
        "/v1/queues/q/tasks",
        "/v1/queues/q/tasks/raw",
        "/v1/queues/q/tasks/batch",
    ] {
        let mut stream = server.say(server.head(&format!("POST {path}"), 100) + "[{").await;
        let answer = answer(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(
            answer.contains("application/problem+json") && answer.contains("/problems/timeout"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_large_body_is_refused_by_its_announcement_and_by_its_bytes() {
    let server = Server::start(Config {
        payload_max: 1_000,
        ..Config::default()
    })
    .await;
    server.app.make_queue("q").await;
    let mut announced = server
        .say(server.head("POST /v1/queues/q/tasks/raw", 1_001))
        .await;
    assert!(answer(&mut announced).await.starts_with("HTTP/1.1 413 "));
    let head = server
        .head("POST /v1/queues/q/tasks/raw", 0)
        .replace("content-length: 0", "transfer-encoding: chunked");
    let mut chunked = server
        .say(head + "3e8\r\n" + &"x".repeat(1_000) + "\r\n1\r\nx\r\n")
        .await;
    assert!(answer(&mut chunked).await.starts_with("HTTP/1.1 413 "));
    let head = server
        .head("POST /v1/queues/q/tasks/raw", 0)
        .replace("content-length: 0", "transfer-encoding: chunked");
    let mut fits = server
        .say(head + "3e7\r\n" + &"x".repeat(999) + "\r\n1\r\ny\r\n0\r\n\r\n")
        .await;
    assert!(answer(&mut fits).await.starts_with("HTTP/1.1 202 "));
}

#[tokio::test]
async fn a_large_head_is_refused() {
    let server = Server::start(Config {
        head_max_bytes: 16 << 10,
        ..Config::default()
    })
    .await;
    let mut fits = server
        .say(format!(
            "GET /healthz HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n",
            "a".repeat(8 << 10)
        ))
        .await;
    assert!(answer(&mut fits).await.starts_with("HTTP/1.1 200 "));
    let large = server
        .say(format!(
            "GET /healthz HTTP/1.1\r\nhost: a\r\nx: {}",
            "a".repeat(32 << 10)
        ))
        .await;
    assert!(rest(large).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn http_2_is_spoken_with_who_begins_it() {
    let server = Server::start(Config::default()).await;
    server.app.make_queue("q").await;
    let (mut requests, connection) = h2::client::handshake(server.connect().await).await.unwrap();
    tokio::spawn(connection);
    let post = Request::post("http://a/v1/queues/q/tasks")
        .header("authorization", format!("Bearer {}", server.app.key));
    let (answer, mut body) = requests.send_request(post.body(()).unwrap(), false).unwrap();
    body.send_data(Bytes::from_static(b"{\"payload\":1}"), true)
        .unwrap();
    assert_eq!(timeout(FOREVER, answer).await.unwrap().unwrap().status(), 202);
    assert_eq!(server.app.count_tasks("q").await, 1);
}

#[tokio::test]
async fn stopping_lets_requests_end_and_takes_no_more() {
    let server = Server::start(Config {
        request_timeout: Duration::from_secs(2),
        ..Config::default()
    })
    .await;
    server.app.make_queue("q").await;
    let endpoint = server.app.make_endpoint("q", "").await;
    let mut idle = server.say("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
    answer(&mut idle).await;
    // Waits for an attempt that nobody makes.
    let under_way = server
        .say(server.head(&format!("POST /v1/endpoints/{}/test", endpoint.id), 0))
        .await;
    while server.app.count_tasks("q").await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    server.stop.cancel();
    assert_eq!(rest(idle).await, "");
    let answer = rest(under_way).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(!serde_json::from_str::<TestResult>(body).unwrap().delivered);
    timeout(FOREVER, server.serving).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn what_takes_too_long_to_end_is_cut_off() {
    let config = Config {
        drain_timeout: Duration::from_millis(200),
        ..Config::default()
    };
    let server = Server::start(config).await;
    server.app.make_queue("q").await;
    let hangs = server.say(server.head("POST /v1/queues/q/tasks", 100)).await;
    // Read this one first: it tells that the server has come to it.
    let mut known = server.say("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
    answer(&mut known).await;
    server.stop.cancel();
    timeout(FOREVER, server.serving).await.unwrap().unwrap().unwrap();
    assert_eq!(rest(hangs).await, "");
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn who_asks_and_never_reads_is_let_go() {
    let config = Config {
        connections_max: 1,
        write_timeout: Duration::from_millis(500),
        ..Config::default()
    };
    let server = Server::start(config).await;
    server.app.make_queue("q").await;
    let task = server
        .app
        .enqueue("q", format!("{{\"payload\":\"{}\"}}", "x".repeat(1_000_000)))
        .await;
    // Far more than the sockets' buffers hold.
    let ask = server.head(&format!("GET /v1/tasks/{}/payload", task.id), 0);
    let greedy = server.say(ask.repeat(40)).await;
    let mut next = server.say("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(answer(&mut next).await.starts_with("HTTP/1.1 200 "));
    drop(greedy);
}

#[tokio::test]
async fn beyond_the_most_connections_further_ones_wait() {
    let server = Server::start(Config {
        connections_max: 1,
        ..Config::default()
    })
    .await;
    let mut first = server.say("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
    answer(&mut first).await;
    let mut second = server.say("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(
        timeout(Duration::from_millis(200), second.readable())
            .await
            .is_err()
    );
    drop(first);
    assert!(answer(&mut second).await.starts_with("HTTP/1.1 200 "));
}
