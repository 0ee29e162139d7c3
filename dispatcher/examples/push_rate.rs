//! How many requests a second the push client posts on one thread, beside hyper's pooled client.
//!
//! ```text
//! cargo run --release -p dispatcher --example push_rate [requests a round] [rounds]
//! ```
//!
//! A bare receiver runs on its own thread in the same process and answers 200 with two bytes. Both clients send the
//! same 256-byte body with the headers a delivery has, 64 at a time, and take turns, so that a machine that is busy
//! with something else slows both. The processor time of the client's thread is the steadier figure.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::Utc;
use dispatcher::push::{Client, Config, Egress, Request};
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use queue::outcome::Outcome;

const AT_ONCE: usize = 64;

fn main() {
    let mut arguments = std::env::args().skip(1).map(|n| n.parse().expect("a number"));
    let requests: usize = arguments.next().unwrap_or(20_000);
    let rounds: usize = arguments.next().unwrap_or(15);
    let url: Uri = format!("http://{}/hook", receiver()).parse().expect("a URL");

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let bare: Bare = legacy::Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    let client = Client::new(Config {
        egress: Egress {
            allow: vec!["127.0.0.0/8".parse().expect("a range")],
            ..Egress::default()
        },
        ..Config::default()
    })
    .expect("a client");

    println!("{requests} requests a round, {AT_ONCE} at once, one client thread");
    let mut theirs = Vec::new();
    let mut ours = Vec::new();
    for round in 0..=rounds {
        let bare = measure(&runtime, requests, || post_bare(bare.clone(), url.clone()));
        let push = measure(&runtime, requests, || push(client.clone(), url.clone()));
        if round == 0 {
            continue; // connections are made and code is warm from here on
        }
        println!(
            "bare {:6.0}/s {:5.2} µs busy   push {:6.0}/s {:5.2} µs busy",
            bare.rate, bare.busy, push.rate, push.busy
        );
        theirs.push(bare);
        ours.push(push);
    }
    let rate = 100.0 * median(&ours, |round| round.rate) / median(&theirs, |round| round.rate);
    let busy = 100.0 * median(&theirs, |round| round.busy) / median(&ours, |round| round.busy);
    println!("push is at {rate:.0} % of bare by the clock, at {busy:.0} % by processor time (medians)");
}

/// What a round came to.
struct Round {
    /// Requests a second by the clock.
    rate: f64,
    /// Processor time of the client's thread for a request, in microseconds.
    busy: f64,
}

fn median(rounds: &[Round], figure: impl Fn(&Round) -> f64) -> f64 {
    let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

type Bare = legacy::Client<HttpConnector, Full<Bytes>>;

#[expect(clippy::cast_precision_loss, reason = "figures are for reading")]
fn measure<F, T>(runtime: &tokio::runtime::Runtime, requests: usize, post: F) -> Round
where
    F: Fn() -> T,
    T: Future<Output = ()> + Send + 'static,
{
    let (started, busy) = (Instant::now(), busy());
    runtime.block_on(async {
        let mut posting = tokio::task::JoinSet::new();
        for _ in 0..requests {
            if posting.len() == AT_ONCE {
                posting.join_next().await.expect("a post").expect("no panic");
            }
            posting.spawn(post());
        }
        while let Some(posted) = posting.join_next().await {
            posted.expect("no panic");
        }
    });
    let busy = self::busy().saturating_sub(busy);
    Round {
        rate: requests as f64 / started.elapsed().as_secs_f64(),
        busy: 1e6 * busy.as_secs_f64() / requests as f64,
    }
}

/// The processor time this thread has had, as Linux accounts for it.
fn busy() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanos = stat.split(' ').next().expect("a figure");
    Duration::from_nanos(nanos.parse().expect("a number"))
}

/// What a delivery sends: names are constants, half of the values are made for it.
fn headers() -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    for (name, value) in [
        (CONTENT_TYPE, "application/json"),
        (USER_AGENT, "Posthaste/0.1.0"),
        (ACCEPT_ENCODING, "identity"),
        (HeaderName::from_static("posthaste-queue"), "orders"),
        (HeaderName::from_static("posthaste-attempt"), "1"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in [
        ("posthaste-type", "invoice.paid"),
        ("webhook-id", "0199a1f0-7c3e-7000-8000-000000000000"),
        ("webhook-timestamp", "1614265330"),
        (
            "webhook-signature",
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
    ] {
        let value = HeaderValue::from_str(value).expect("a value");
        headers.insert(HeaderName::from_static(name), value);
    }
    headers
}

const BODY: Bytes = Bytes::from_static(&[b'x'; 256]);

async fn post_bare(client: Bare, url: Uri) {
    let mut request = http::Request::new(Full::new(BODY));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = url;
    *request.headers_mut() = headers();
    let answer = client.request(request).await.expect("an answer");
    let status = answer.status();
    let body = answer.into_body().collect().await.expect("a body");
    assert!(status.is_success() && body.to_bytes() == "ok");
}

#[expect(clippy::disallowed_methods, reason = "a program of its own is an edge")]
async fn push(client: Client, url: Uri) {
    let request = || Request {
        url: url.clone(),
        headers: headers(),
        body: BODY,
        timeout: Duration::from_secs(30),
        connect_timeout: Duration::from_secs(5),
    };
    let (outcome, _) = client.push(&request, Utc::now).await;
    let Outcome::Answered(answer) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(answer.status == 200 && answer.body == "ok");
}

/// Starts the receiver; where it listens.
fn receiver() -> SocketAddr {
    let (told, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
                .await
                .expect("a port");
            told.send(listener.local_addr().expect("an address"))
                .expect("someone asked");
            loop {
                let (tcp, _) = listener.accept().await.expect("a connection");
                tcp.set_nodelay(true).expect("a socket option");
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(tcp), service_fn(answer)),
                );
            }
        });
    });
    address.recv().expect("the receiver starts")
}

async fn answer(request: http::Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let _ = request.into_body().collect().await;
    Ok(Response::new(Full::new(Bytes::from_static(b"ok"))))
}
