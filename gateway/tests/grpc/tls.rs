//! TLS of both ports: who is spoken to, what is agreed, and certificates that change while they are served.

use std::{fs, net::SocketAddr, sync::Arc, time::Duration};

use gateway::{Config, Files, Tls, TlsError};
use proto::grpc::v1::{self, queue_service_client::QueueServiceClient};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::CertificateDer},
};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

use crate::kit::{FOREVER, Server, keyed};

/// Files of a certificate for `localhost`.
struct Pair {
    folder: TempDir,
    current: CertifiedKey<rcgen::KeyPair>,
}

fn certificate() -> CertifiedKey<rcgen::KeyPair> {
    generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

impl Pair {
    fn new() -> Self {
        let pair = Self {
            folder: tempfile::tempdir().unwrap(),
            current: certificate(),
        };
        pair.write(
            &pair.current.cert.pem(),
            &pair.current.signing_key.serialize_pem(),
        );
        pair
    }

    fn write(&self, certificate: &str, key: &str) {
        let files = self.files();
        fs::write(files.certificate, certificate).unwrap();
        fs::write(files.key, key).unwrap();
    }

    fn renew(&mut self) {
        self.current = certificate();
        self.write(
            &self.current.cert.pem(),
            &self.current.signing_key.serialize_pem(),
        );
    }

    fn files(&self) -> Files {
        let at = |name| self.folder.path().join(name);
        Files {
            certificate: at("server.crt"),
            key: at("server.key"),
        }
    }

    /// What a client agrees on with a server that has this certificate: the protocol, and the certificate.
    async fn shake(
        &self,
        address: SocketAddr,
        protocols: &[&str],
    ) -> std::io::Result<(Vec<u8>, CertificateDer<'static>)> {
        let stream = self.connect(address, protocols).await?;
        let (_, connection) = stream.get_ref();
        let protocol = connection.alpn_protocol().unwrap_or_default().to_vec();
        Ok((
            protocol,
            connection.peer_certificates().unwrap()[0].clone().into_owned(),
        ))
    }

    async fn connect(
        &self,
        address: SocketAddr,
        protocols: &[&str],
    ) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.current.cert.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let mut config = builder
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols
            .iter()
            .map(|protocol| protocol.as_bytes().to_vec())
            .collect();
        let stream = TcpStream::connect(address).await?;
        let name = "localhost".try_into().unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }
}

#[tokio::test]
async fn both_ports_are_encrypted_and_agree_on_a_protocol() {
    let pair = Pair::new();
    let tls = Tls::open(pair.files()).unwrap();
    let server = Server::with(Config::default(), Some(tls)).await;
    let trusting = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(pair.current.cert.pem()))
        .domain_name("localhost");
    for address in [server.grpc, server.rest] {
        let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap();
        let channel = endpoint
            .tls_config(trusting.clone())
            .unwrap()
            .connect()
            .await
            .unwrap();
        let mut queues = QueueServiceClient::new(keyed(channel, &server.key));
        assert!(queues.list_queues(v1::ListQueuesRequest::default()).await.is_ok());
        for (offered, agreed) in [
            (&["h2", "http/1.1"][..], "h2"),
            (&["http/1.1"], "http/1.1"),
            (&[], ""),
        ] {
            let (protocol, _) = pair.shake(address, offered).await.unwrap();
            assert_eq!(protocol, agreed.as_bytes(), "{offered:?}");
        }
    }
    // REST over HTTP/1.1, and nothing without encryption.
    let mut stream = pair.connect(server.rest, &["http/1.1"]).await.unwrap();
    let request = b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let mut plain = TcpStream::connect(server.rest).await.unwrap();
    plain.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(FOREVER, plain.read_to_end(&mut answer)).await.unwrap();
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[tokio::test]
async fn who_never_shakes_hands_is_let_go() {
    let pair = Pair::new();
    let config = Config {
        head_timeout: Duration::from_millis(300),
        ..Config::default()
    };
    let server = Server::with(config, Some(Tls::open(pair.files()).unwrap())).await;
    let mut silent = TcpStream::connect(server.grpc).await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(FOREVER, silent.read_to_end(&mut answer))
        .await
        .expect("the connection stays open");
}

#[tokio::test]
async fn a_new_certificate_is_taken_up_and_a_bad_one_changes_nothing() {
    let mut pair = Pair::new();
    let tls = Tls::open(pair.files()).unwrap();
    let server = Server::with(Config::default(), Some(tls.clone())).await;
    tokio::spawn(tls.follow(server.stop.clone()));
    let shown = async |pair: &Pair| {
        pair.shake(server.grpc, &["h2"])
            .await
            .map(|(_, certificate)| certificate)
    };
    let old = shown(&pair).await.unwrap();

    // A connection that stands stays; new ones get the new certificate.
    let standing = pair.connect(server.rest, &["http/1.1"]).await.unwrap();
    pair.renew();
    let renewed = async {
        while shown(&pair).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(FOREVER, renewed)
        .await
        .expect("the new certificate is never used");
    assert_ne!(shown(&pair).await.unwrap(), old);
    let mut standing = standing;
    standing
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    standing.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    // Half a renewal, and nonsense: longer than two looks take, the good one is still shown.
    let (certificate, key) = (pair.current.cert.pem(), pair.current.signing_key.serialize_pem());
    for (bad_certificate, bad_key) in [
        (certificate.as_str(), "nonsense"),
        (&certificate, &self::certificate().signing_key.serialize_pem()),
    ] {
        pair.write(bad_certificate, bad_key);
        tokio::time::sleep(Duration::from_millis(4_500)).await;
        assert!(shown(&pair).await.is_ok());
    }
    pair.write(&certificate, &key);
    pair.renew();
    let renewed = async {
        while shown(&pair).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(FOREVER, renewed)
        .await
        .expect("after bad files, good ones are never used");
}

#[test]
fn files_that_are_of_no_use_are_named() {
    let pair = Pair::new();
    let (certificate, key) = (pair.current.cert.pem(), pair.current.signing_key.serialize_pem());
    let other = self::certificate().signing_key.serialize_pem();
    for (certificate, key, expected) in [
        ("", key.as_str(), "server.crt holds no certificate"),
        (
            "-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n",
            &key,
            "server.crt holds no certificate",
        ),
        (&certificate, "", "server.key holds no private key"),
        (&certificate, &certificate, "server.key holds no private key"),
        (&certificate, &other, "cannot be used with the key"),
    ] {
        pair.write(certificate, key);
        let error = Tls::open(pair.files()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let nowhere = Files {
        certificate: "/nowhere/a.crt".into(),
        ..pair.files()
    };
    let error = Tls::open(nowhere).unwrap_err();
    assert!(
        matches!(error, TlsError::Unreadable(..)) && error.to_string().contains("/nowhere/a.crt"),
        "{error}"
    );
}
