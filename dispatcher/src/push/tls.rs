//! TLS: who is trusted, what is offered, and what a failure means to whoever runs the endpoint.

use std::fmt;
use std::io;
use std::sync::Arc;

use proto::{ClientCertificate, TlsVersion};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use super::ConfigError;

/// The name of HTTP/2 in a TLS handshake (RFC 9113, section 3.2).
pub(super) const ALPN_HTTP2: &[u8] = b"h2";

/// What of TLS is an endpoint's own.
#[derive(Clone, Default)]
pub struct Identity {
    /// Authorities that its server's certificate must come from, in place of all others: PEM.
    pub authorities: Option<String>,
    /// What is shown to a server that asks who connects.
    pub certificate: Option<ClientCertificate>,
    /// The oldest version that is spoken.
    pub min: Option<TlsVersion>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(…)")
    }
}

impl Identity {
    /// Whether nothing is the endpoint's own.
    pub fn is_everyones(&self) -> bool {
        self.authorities.is_none() && self.certificate.is_none() && self.min.is_none()
    }
}

/// Why an endpoint's own TLS cannot be set up.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct IdentityError {
    /// Which part of it, as the API names it.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

fn wrong(field: &'static str, problem: impl fmt::Display) -> IdentityError {
    let problem = problem.to_string();
    IdentityError { field, problem }
}

/// Whether TLS can be set up like this.
pub fn check_identity(own: &Identity) -> Result<(), IdentityError> {
    connector(RootCertStore::empty().into(), own).map(drop)
}

/// A connector that trusts `roots` and is otherwise as an endpoint wants it; offers HTTP/2 first, then HTTP/1.1.
pub(super) fn connector(roots: Arc<RootCertStore>, own: &Identity) -> Result<TlsConnector, IdentityError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions: &[&rustls::SupportedProtocolVersion] = match own.min {
        Some(TlsVersion::V1_3) => &[&rustls::version::TLS13],
        Some(TlsVersion::V1_2) | None => rustls::ALL_VERSIONS,
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|e| wrong("auth.tls_min", e))?;
    let roots = match &own.authorities {
        None => roots,
        Some(pem) => {
            let mut only = RootCertStore::empty();
            add(&mut only, pem.as_bytes()).map_err(|e| wrong("auth.authorities", e))?;
            only.into()
        }
    };
    let builder = builder.with_root_certificates(roots);
    let mut config = match &own.certificate {
        None => builder.with_no_client_auth(),
        Some(own) => {
            const CHAIN: &str = "auth.client_certificate.certificate";
            const KEY: &str = "auth.client_certificate.key";
            let chain: Result<Vec<_>, _> =
                CertificateDer::pem_slice_iter(own.certificate.as_bytes()).collect();
            let chain = chain.map_err(|e| wrong(CHAIN, e))?;
            if chain.is_empty() {
                return Err(wrong(CHAIN, "there is no certificate in it"));
            }
            let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).map_err(|e| wrong(KEY, e))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|e| wrong(KEY, e))?
        }
    };
    config.alpn_protocols = vec![ALPN_HTTP2.to_vec(), b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Adds the certificates of a PEM text, of which there must be one at least.
fn add(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), String> {
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|e| e.to_string())?;
        roots.add(certificate).map_err(|e| e.to_string())?;
        count += 1;
    }
    if count == 0 {
        return Err("there is no certificate in it".to_owned());
    }
    Ok(())
}

/// The system's authorities, Mozilla's, and those of `extra` (PEM).
pub(super) fn roots(extra: &[u8]) -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let system = rustls_native_certs::load_native_certs();
    if !system.errors.is_empty() {
        tracing::warn!(
            errors = ?system.errors,
            "some certificates of the system's trust store could not be read; endpoints that need them will fail",
        );
    }
    roots.add_parsable_certificates(system.certs);
    if !extra.trim_ascii().is_empty() {
        add(&mut roots, extra).map_err(ConfigError::ExtraRoots)?;
    }
    Ok(roots)
}

/// The name that the endpoint's certificate must be good for: a host of a URL, brackets of IPv6 already taken off.
pub(super) fn server_name(host: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(host.to_owned()).ok()
}

/// The TLS error within an I/O error, if that is what it is.
pub(super) fn within(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// What a failed handshake, or an alert after it, means.
pub(super) fn explain(error: &io::Error) -> String {
    match within(error) {
        Some(error) => explain_tls(error),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the endpoint closed the connection in the middle of the handshake".to_owned()
        }
        None => error.to_string(),
    }
}

fn explain_tls(error: &rustls::Error) -> String {
    let said = match error {
        rustls::Error::InvalidCertificate(reason) => return explain_certificate(reason),
        rustls::Error::InvalidMessage(_) => "the endpoint did not answer in TLS; is it an http:// endpoint?",
        rustls::Error::NoCertificatesPresented => "the endpoint presented no certificate",
        rustls::Error::PeerIncompatible(_) => {
            return format!("no TLS version or cipher in common ({error}); TLS 1.2 or 1.3 is needed");
        }
        rustls::Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateRequired => {
                "the endpoint asks for a client certificate: set auth.client_certificate"
            }
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA => {
                return format!(
                    "the endpoint does not take the client certificate that it was shown ({alert:?})"
                );
            }
            AlertDescription::UnrecognisedName => "the endpoint has no certificate for this host name",
            AlertDescription::HandshakeFailure
            | AlertDescription::ProtocolVersion
            | AlertDescription::InsufficientSecurity => {
                "no TLS version or cipher in common; TLS 1.2 or 1.3 is needed"
            }
            _ => return format!("the endpoint ended it with alert {alert:?}"),
        },
        _ => return error.to_string(),
    };
    said.to_owned()
}

fn explain_certificate(reason: &CertificateError) -> String {
    match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the endpoint's certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the endpoint's certificate is not valid yet; is a clock wrong?".to_owned()
        }
        CertificateError::NotValidForName => {
            "the endpoint's certificate is for another host name".to_owned()
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            // What a certificate presents is as long as its owner likes.
            let mut names: Vec<&str> = presented.iter().take(3).map(String::as_str).collect();
            if presented.len() > names.len() {
                names.push("…");
            }
            let names = if names.is_empty() { "no name".to_owned() } else { names.join(", ") };
            format!("the endpoint's certificate is for another host name: {names}")
        }
        CertificateError::UnknownIssuer => {
            "the endpoint's certificate is self-signed, comes from an authority that is not trusted, or lacks an intermediate certificate"
                .to_owned()
        }
        CertificateError::Revoked => "the endpoint's certificate was revoked".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the endpoint's certificate is not one for servers".to_owned()
        }
        _ => format!("the endpoint's certificate cannot be used: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_roots_must_be_certificates() {
        assert!(roots(b"").is_ok());
        assert!(roots(b" \n").is_ok());
        for broken in [
            &b"not pem"[..],
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n",
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ] {
            assert!(
                matches!(roots(broken), Err(ConfigError::ExtraRoots(_))),
                "{broken:?}"
            );
        }
    }

    #[test]
    fn a_certificate_error_is_told_in_words() {
        let cases = [
            (CertificateError::Expired, "expired"),
            (CertificateError::NotValidYet, "not valid yet"),
            (CertificateError::NotValidForName, "another host name"),
            (CertificateError::UnknownIssuer, "not trusted"),
            (CertificateError::Revoked, "revoked"),
            (CertificateError::InvalidPurpose, "not one for servers"),
            (CertificateError::BadEncoding, "cannot be used"),
        ];
        for (reason, words) in cases {
            let error = io::Error::other(rustls::Error::InvalidCertificate(reason));
            assert!(explain(&error).contains(words), "{}", explain(&error));
        }
    }
}
