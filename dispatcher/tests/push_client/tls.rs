//! TLS: certificates that are good and bad, handshakes that fail and hang.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dispatcher::push::{Client, Config};
use queue::outcome::FailureKind;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;

use crate::receiver::{Receiver, answered, config, failed, fails, read_request, request, rest};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// An authority that nobody but the clients of a test trusts.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        Self::named("authority")
    }

    pub(crate) fn named(name: &str) -> Self {
        let mut params = CertificateParams::new([]).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    /// A client that trusts it.
    pub(crate) fn client(&self) -> Client {
        Client::new(Config {
            extra_roots: self.0.pem().into_bytes(),
            ..config()
        })
        .expect("a client")
    }

    /// Itself, for whoever is to trust it.
    pub(crate) fn pem(&self) -> Vec<u8> {
        self.0.pem().into_bytes()
    }

    /// A certificate for a client, and its key, both in PEM.
    pub(crate) fn client_certificate(&self) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let signed = certificate("client")
            .signed_by(&key, &self.0)
            .expect("a certificate");
        (signed.pem(), key.serialize_pem())
    }

    /// How a server presents itself that asks for a certificate from here, and speaks one version.
    pub(crate) fn asking(&self, version: &'static rustls::SupportedProtocolVersion) -> rustls::ServerConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("a root");
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .expect("a verifier");
        let (certificate, key) = self.of_localhost();
        rustls::ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .expect("versions")
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate], key)
            .expect("a server")
    }

    /// How a server presents itself that speaks one version.
    pub(crate) fn speaking(
        &self,
        version: &'static rustls::SupportedProtocolVersion,
    ) -> rustls::ServerConfig {
        let (certificate, key) = self.of_localhost();
        rustls::ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("a server")
    }

    fn of_localhost(&self) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().expect("a key");
        let signed = certificate("localhost")
            .signed_by(&key, &self.0)
            .expect("a certificate");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        (signed.der().clone(), key)
    }

    /// How a server presents itself with a certificate from here.
    pub(crate) fn server(&self, certificate: &CertificateParams) -> rustls::ServerConfig {
        let key = KeyPair::generate().expect("a key");
        let signed = certificate.signed_by(&key, &self.0).expect("a certificate");
        server(signed.der().clone(), &key)
    }

    /// The same with a good certificate for `localhost`.
    pub(crate) fn localhost(&self) -> rustls::ServerConfig {
        self.server(&certificate("localhost"))
    }
}

fn certificate(name: &str) -> CertificateParams {
    CertificateParams::new([name.to_owned()]).expect("parameters")
}

fn server(certificate: CertificateDer<'static>, key: &KeyPair) -> rustls::ServerConfig {
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    rustls::ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a server")
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A receiver that answers every request in TLS.
pub(crate) async fn receiver(server: rustls::ServerConfig) -> Receiver {
    let acceptor = TlsAcceptor::from(Arc::new(server));
    Receiver::start(move |tcp, _| {
        let acceptor = acceptor.clone();
        async move {
            match acceptor.accept(tcp).into_fallible().await {
                Ok(mut tls) => {
                    while read_request(&mut tls).await.is_some() {
                        let _ = tls.write_all(OK).await;
                    }
                }
                // Closing with something unread would be a reset, and overtake the alert.
                Err((_, tcp)) => rest(tcp).await,
            }
        }
    })
    .await
}

pub(crate) fn url(receiver: &Receiver) -> String {
    format!("https://localhost:{}/hook", receiver.address.port())
}

#[tokio::test]
async fn a_certificate_of_a_trusted_authority_is_good() {
    let authority = Authority::new();
    let receiver = receiver(authority.localhost()).await;
    let client = authority.client();
    let (answer, first) = answered(&client, &url(&receiver)).await;
    assert_eq!(answer.status, 200);
    assert!(first.dns_us.is_some() && first.connect_us.is_some() && first.tls_us.is_some());
    let (_, second) = answered(&client, &url(&receiver)).await;
    assert_eq!((second.connect_us, second.tls_us), (None, None));
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn an_address_may_have_a_certificate_too() {
    let authority = Authority::new();
    let receiver = receiver(authority.server(&certificate("127.0.0.1"))).await;
    let url = format!("https://127.0.0.1:{}/", receiver.address.port());
    answered(&authority.client(), &url).await;
}

#[tokio::test]
async fn a_bad_certificate_is_told_apart() {
    let authority = Authority::new();
    let client = authority.client();

    let stranger = receiver(Authority::named("stranger").localhost()).await;
    fails(&client, &url(&stranger), FailureKind::Tls, "not trusted").await;

    let key = KeyPair::generate().expect("a key");
    let own = certificate("localhost").self_signed(&key).expect("a certificate");
    let self_signed = receiver(server(own.der().clone(), &key)).await;
    fails(&client, &url(&self_signed), FailureKind::Tls, "self-signed").await;

    let mut old = certificate("localhost");
    old.not_before = date_time_ymd(2000, 1, 1);
    old.not_after = date_time_ymd(2001, 1, 1);
    let expired = receiver(authority.server(&old)).await;
    fails(&client, &url(&expired), FailureKind::Tls, "has expired").await;

    let mut early = certificate("localhost");
    early.not_before = date_time_ymd(2200, 1, 1);
    early.not_after = date_time_ymd(2201, 1, 1);
    let early = receiver(authority.server(&early)).await;
    fails(&client, &url(&early), FailureKind::Tls, "not valid yet").await;

    let elsewhere = receiver(authority.server(&certificate("elsewhere.example"))).await;
    fails(&client, &url(&elsewhere), FailureKind::Tls, "elsewhere.example").await;
}

#[tokio::test]
async fn a_handshake_that_hangs_ends_at_the_connect_limit_or_the_deadline() {
    let receiver = Receiver::start(|tcp, _| rest(tcp)).await;
    let client = Authority::new().client();
    let start = Instant::now();
    let mut limited = request(&url(&receiver));
    limited.connect_timeout = Duration::from_millis(600);
    let (failure, timing) = failed(&client, limited).await;
    assert_eq!(failure.kind, FailureKind::Tls, "{failure:?}");
    assert!(failure.detail.contains("600ms"), "{failure:?}");
    assert!(timing.connect_us.is_some() && timing.tls_us.is_none());

    let mut hurried = request(&url(&receiver));
    hurried.timeout = Duration::from_millis(600);
    let (failure, timing) = failed(&client, hurried).await;
    assert_eq!(failure.kind, FailureKind::Timeout, "{failure:?}");
    assert!(failure.detail.contains("TLS"), "{failure:?}");
    assert!(timing.connect_us.is_some() && timing.tls_us.is_none());
    assert!(start.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn a_handshake_that_breaks_is_a_tls_failure() {
    let client = Authority::new().client();

    let plain = Receiver::start(|mut tcp, _| async move {
        let _ = tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        rest(tcp).await;
    })
    .await;
    fails(&client, &url(&plain), FailureKind::Tls, "http://").await;

    let closing = Receiver::start(|mut tcp, _| async move {
        // The hello is read first: closing with it unread would be a reset.
        let mut hello = [0; 4096];
        let _ = tokio::io::AsyncReadExt::read(&mut tcp, &mut hello).await;
    })
    .await;
    fails(&client, &url(&closing), FailureKind::Tls, "closed the connection").await;
}

#[tokio::test]
async fn asking_for_a_client_certificate_is_a_tls_failure() {
    let authority = Authority::new();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let strict = authority.asking(version);
        let receiver = receiver(strict).await;
        fails(
            &authority.client(),
            &url(&receiver),
            FailureKind::Tls,
            "client certificate",
        )
        .await;
    }
}
