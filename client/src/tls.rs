//! Who is trusted.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::{Error, Result};

/// TLS 1.2 and 1.3 with the system's authorities (or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`) and those of `extra_roots`, in PEM.
/// With `secure` false no URL needs it, and the system's are not read: that takes some milliseconds.
pub(crate) fn config(secure: bool, extra_roots: &[u8]) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    if secure {
        // What cannot be read is told by the handshake that misses it.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    for certificate in CertificateDer::pem_slice_iter(extra_roots) {
        let added = certificate
            .map_err(|error| error.to_string())
            .and_then(|certificate| roots.add(certificate).map_err(|error| error.to_string()));
        added.map_err(|why| Error::Invalid(format!("a certificate to be trusted is not one: {why}")))?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Invalid(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
