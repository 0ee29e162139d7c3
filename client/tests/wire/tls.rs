//! Who is trusted.

use std::sync::Arc;

use posthaste_client::Client;
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio_rustls::TlsAcceptor;

use crate::server::{Server, json};

#[tokio::test]
async fn a_server_with_a_certificate_of_its_own_is_trusted_when_told() {
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (listener, server) = Server::bind([json(200, r#"{"items":[]}"#)]).await;
    let serving = server.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, server) = (acceptor.clone(), serving.clone());
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    server.serve(stream).await;
                }
            });
        }
    });
    let url = format!("https://localhost:{}", server.address.port());
    let client = Client::builder(&url)
        .key("ph_key")
        .trust(own.cert.pem().as_bytes())
        .build()
        .unwrap();
    client.queues().page().await.unwrap();
    let stranger = Client::new(&url, "ph_key").unwrap();
    let error = stranger.queues().page().await.unwrap_err();
    assert!(error.was_not_sent());
    assert!(error.to_string().contains("certificate"), "{error}");
    assert_eq!(server.asked().len(), 1, "the key went to nobody it should not");
}
