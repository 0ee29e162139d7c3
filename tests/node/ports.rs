//! The ports of a node: gRPC beside REST, both encrypted when there is a certificate.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use http::Method;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustix::process::Signal;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::harness::{Home, eventually};

/// The beginning of any connection of HTTP/2, with empty settings.
const HTTP_2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A port that nobody has, below those that the system gives away by itself: another test would be given one of these meanwhile.
async fn free_port() -> SocketAddr {
    static ASKED: AtomicU16 = AtomicU16::new(0);
    let process = u16::try_from(std::process::id() % 10_000).unwrap_or(0);
    let begin = 20_000 + process + 100 * ASKED.fetch_add(1, Ordering::Relaxed);
    for port in begin..32_000 {
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await {
            return listener.local_addr().expect("a bound port");
        }
    }
    panic!("no free port from {begin} on");
}

#[tokio::test]
async fn grpc_has_a_port_that_no_endpoint_may_have() {
    let (home, grpc) = (Home::embedded(), free_port().await);
    let node = home.start(&[&format!("grpc.listen={grpc}")]).await;
    let mut stream = TcpStream::connect(grpc).await.expect("it listens");
    stream.write_all(HTTP_2).await.expect("it reads");
    let mut settings = [0; 9];
    stream.read_exact(&mut settings).await.expect("it answers");
    assert_eq!(settings[3], 4, "it speaks HTTP/2: {settings:?}");

    node.api().make_queue("q").await;
    for listener in [grpc, node.address()] {
        let new = json!({ "url": format!("http://{listener}/") });
        let answer = node
            .api()
            .send_json(Method::POST, "/v1/queues/q/endpoints", &new)
            .await
            .expect("an answer");
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    // It ends with the node.
    let mut rest = Vec::new();
    node.signal(Signal::TERM);
    assert!(node.ended().await.success());
    stream
        .read_to_end(&mut rest)
        .await
        .expect("it is closed in order");
    assert!(TcpStream::connect(grpc).await.is_err());
}

/// A certificate for `localhost`, written where the node finds it.
fn certificate(home: &Home) -> CertifiedKey<KeyPair> {
    let made = generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    fs::write(home.folder().join("tls.crt"), made.cert.pem()).expect("a file");
    fs::write(home.folder().join("tls.key"), made.signing_key.serialize_pem()).expect("a file");
    made
}

/// What `/readyz` answers to a client that trusts this certificate and no other.
async fn ready(address: SocketAddr, trusted: &CertifiedKey<KeyPair>) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.cert.der().clone()).expect("a root");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let name = "localhost".try_into().expect("a name");
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    stream
        .write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn both_ports_have_the_certificate_and_take_up_a_new_one() {
    let (home, grpc) = (Home::embedded(), free_port().await);
    let first = certificate(&home);
    let settings = [
        format!("grpc.listen={grpc}"),
        "tls.certificate=tls.crt".into(),
        "tls.key=tls.key".into(),
    ];
    let node = home.start(&settings.each_ref().map(String::as_str)).await;
    eventually("it is ready", async || {
        let answer = ready(node.address(), &first).await.expect("an answer");
        answer.starts_with("HTTP/1.1 200").then_some(())
    })
    .await;
    // The port of gRPC has the same certificate, and says that it is no place for REST.
    let answer = ready(grpc, &first).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 415"), "{answer}");

    let second = certificate(&home);
    for address in [node.address(), grpc] {
        eventually("the new certificate is used", async || {
            ready(address, &second).await.ok()
        })
        .await;
        assert!(ready(address, &first).await.is_err());
    }
}
