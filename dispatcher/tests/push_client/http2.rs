//! HTTP/2, where the endpoint offers it in the TLS handshake.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use dispatcher::push::Client;
use http::{Response, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use queue::outcome::FailureKind;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::receiver::{Receiver, answered, failed, fails, request};
use crate::tls::{Authority, url};

/// A receiver that speaks HTTP/2 only and has `answer` answer the requests of each connection, numbered from 0.
async fn receiver<F, T>(authority: &Authority, answer: F) -> Receiver
where
    F: Fn(http::Request<Incoming>, usize) -> T + Clone + Send + Sync + 'static,
    T: Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send + 'static,
{
    let mut server = authority.localhost();
    server.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(server));
    Receiver::start(move |tcp, _| {
        let (acceptor, answer) = (acceptor.clone(), answer.clone());
        async move {
            let Ok(tls) = acceptor.accept(tcp).await else {
                return;
            };
            let requests = AtomicUsize::new(0);
            let service = service_fn(|request| answer(request, requests.fetch_add(1, Ordering::SeqCst)));
            let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(tls), service)
                .await;
        }
    })
    .await
}

async fn echo(request: http::Request<Incoming>, _: usize) -> Result<Response<Full<Bytes>>, Infallible> {
    let version = request.version();
    assert_eq!(version, Version::HTTP_2);
    assert_eq!(request.method(), "POST");
    let body = request.into_body().collect().await.expect("a body").to_bytes();
    Ok(Response::new(Full::new(body)))
}

#[tokio::test]
async fn http2_is_spoken_where_it_is_offered_over_one_connection() {
    let authority = Authority::new();
    let receiver = receiver(&authority, echo).await;
    let client = authority.client();
    let (answer, first) = answered(&client, &url(&receiver)).await;
    assert_eq!((answer.status, &answer.body[..]), (200, &b"{\"a\":1}"[..]));
    assert!(first.tls_us.is_some());
    let mut pushes = JoinSet::new();
    for _ in 0..50 {
        let (client, url) = (client.clone(), url(&receiver));
        pushes.spawn(async move { answered(&client, &url).await });
    }
    while let Some(pushed) = pushes.join_next().await {
        let (answer, timing) = pushed.expect("answered");
        assert_eq!((answer.status, timing.tls_us), (200, None));
    }
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn a_cold_start_of_many_is_answered() {
    let authority = Authority::new();
    let receiver = receiver(&authority, echo).await;
    let client = authority.client();
    let mut pushes = JoinSet::new();
    for _ in 0..30 {
        let (client, url) = (client.clone(), url(&receiver));
        pushes.spawn(async move { answered(&client, &url).await });
    }
    while let Some(pushed) = pushes.join_next().await {
        assert_eq!(pushed.expect("answered").0.status, 200);
    }
}

#[tokio::test]
async fn an_endless_body_is_cut_and_the_connection_goes_on() {
    let authority = Authority::new();
    let receiver = receiver(&authority, |_, number| async move {
        let length = if number == 0 { 8 * 1024 * 1024 } else { 3 };
        Ok(Response::new(Full::new(vec![b'x'; length].into())))
    })
    .await;
    let client = authority.client();
    let (answer, _) = answered(&client, &url(&receiver)).await;
    assert_eq!((answer.body.len(), answer.truncated), (16 * 1024, true));
    let (answer, _) = answered(&client, &url(&receiver)).await;
    assert_eq!((answer.body.len(), answer.truncated), (3, false));
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn a_request_that_hangs_does_not_hold_the_others() {
    let authority = Authority::new();
    let receiver = receiver(&authority, |request, _| async move {
        if request.uri().path() == "/hang" {
            std::future::pending::<()>().await;
        }
        Ok(Response::new(Full::default()))
    })
    .await;
    let client = authority.client();
    answered(&client, &url(&receiver)).await;
    let mut hurried = request(&url(&receiver).replace("/hook", "/hang"));
    hurried.timeout = Duration::from_millis(600);
    let hanging = failed(&client, hurried);
    let others = async {
        let mut last = answered(&client, &url(&receiver)).await;
        for _ in 0..20 {
            last = answered(&client, &url(&receiver)).await;
        }
        last
    };
    let ((failure, _), (answer, _)) = tokio::join!(hanging, others);
    assert_eq!((failure.kind, answer.status), (FailureKind::Timeout, 200));
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn large_headers_do_not_take_the_client_down() {
    let authority = Authority::new();
    let requests = Arc::new(AtomicUsize::new(0));
    let receiver = receiver(&authority, move |_, _| {
        let first = requests.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            let mut response = Response::new(Full::default());
            let length = if first { 200 * 1024 } else { 10 };
            let value = "x".repeat(length).parse().expect("a value");
            response.headers_mut().insert("x-large", value);
            *response.status_mut() = StatusCode::ACCEPTED;
            Ok(response)
        }
    })
    .await;
    let client = authority.client();
    let (failure, _) = failed(&client, request(&url(&receiver))).await;
    assert!(
        matches!(failure.kind, FailureKind::Protocol | FailureKind::Reset),
        "{failure:?}"
    );
    assert_eq!(answered(&client, &url(&receiver)).await.0.status, 202);
}

/// Connections that die while requests are on them, as when a receiver is restarted.
async fn dying(authority: &Authority, lives: usize) -> Receiver {
    let mut server = authority.localhost();
    server.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(server));
    Receiver::start(move |tcp, _| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(tls) = acceptor.accept(tcp).await else {
                return;
            };
            let (doomed, doom) = tokio::sync::watch::channel(0);
            let service = service_fn(move |request| {
                doomed.send_modify(|requests| *requests += 1);
                let dies = *doomed.borrow() > lives;
                async move {
                    if dies {
                        std::future::pending::<()>().await;
                    }
                    echo(request, 0).await
                }
            });
            let mut doom = doom;
            let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(tls), service);
            tokio::select! {
                _ = serving => {}
                _ = doom.wait_for(|requests| *requests > lives) => {}
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_connection_that_dies_on_a_request_is_made_up_for() {
    let authority = Authority::new();
    let receiver = dying(&authority, 1).await;
    let client: Client = authority.client();
    for _ in 0..10 {
        answered(&client, &url(&receiver)).await;
    }
}

#[tokio::test]
async fn a_new_connection_that_dies_is_a_reset() {
    let authority = Authority::new();
    let receiver = dying(&authority, 0).await;
    fails(
        &authority.client(),
        &url(&receiver),
        FailureKind::Reset,
        "without answering",
    )
    .await;
    assert_eq!(receiver.connections(), 1);
}
