//! TLS of the ports: a certificate and its key in PEM files, read again when they change.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::TcpStream,
    sync::watch,
    time::{sleep, timeout},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    },
    server::TlsStream,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How often the files are looked at: soon enough for whoever renews them, seldom enough to cost nothing. They are read rather than
/// asked for their time, which a copy may keep.
const LOOK: Duration = Duration::from_secs(2);

/// What a peer may choose to speak: HTTP/2, which gRPC needs, or HTTP/1.1.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The certificate with which ports are encrypted. Cheap to clone; all clones have the newest one.
#[derive(Clone)]
pub struct Tls {
    files: Arc<Files>,
    current: watch::Sender<Arc<ServerConfig>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

/// Where a certificate is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The server's certificate, and behind it those that lead to a root that clients know; PEM.
    pub certificate: PathBuf,
    /// The certificate's private key: PKCS #8, PKCS #1 or SEC1; PEM, not encrypted.
    pub key: PathBuf,
}

/// Why there is no TLS with these files.
#[derive(Debug)]
pub enum TlsError {
    /// A file cannot be read.
    Unreadable(PathBuf, io::Error),
    /// A file does not hold what it must.
    Malformed(PathBuf, &'static str, pem::Error),
    /// The two do not belong together, or are of a kind that is not supported.
    Unusable(Files, rustls::Error),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "{} cannot be read: {error}", path.display()),
            Self::Malformed(path, what, error) => write!(f, "{} holds no {what}: {error}", path.display()),
            Self::Unusable(Files { certificate, key }, error) => {
                let (certificate, key) = (certificate.display(), key.display());
                write!(
                    f,
                    "the certificate in {certificate} cannot be used with the key in {key}: {error}"
                )
            }
        }
    }
}

impl std::error::Error for TlsError {}

/// What the files hold, byte for byte.
#[derive(PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Tls {
    /// Reads the files.
    pub fn open(files: Files) -> Result<Self, TlsError> {
        let config = files.parse(&files.read()?)?;
        Ok(Self {
            files: Arc::new(files),
            current: watch::Sender::new(Arc::new(config)),
        })
    }

    /// Takes up what the files hold whenever they have changed, until stopped. Files that cannot be used change nothing: they are warned
    /// of once, and looked at again.
    pub async fn follow(self, stop: CancellationToken) {
        // What they held when they were opened is not known any more: a change since then is found by the first look.
        let mut seen = None;
        loop {
            let files = self.files.clone();
            let looked = tokio::task::spawn_blocking(move || files.read()).await;
            if let Ok(looked) = looked {
                self.look(looked, &mut seen);
            }
            tokio::select! {
                () = sleep(LOOK) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// One look: `seen` is what the last one found.
    fn look(&self, found: Result<Contents, TlsError>, seen: &mut Option<Result<Contents, String>>) {
        let found = found.map_err(|error| error.to_string());
        if seen.as_ref() == Some(&found) {
            return;
        }
        let first = seen.is_none();
        let taken = found.as_ref().map_err(Clone::clone).and_then(|contents| {
            let config = self.files.parse(contents).map_err(|error| error.to_string())?;
            self.current.send_replace(Arc::new(config));
            Ok(())
        });
        match taken {
            Ok(()) if first => {}
            Ok(()) => {
                let certificate = self.files.certificate.display();
                info!(%certificate, "a new certificate is used from now on");
            }
            Err(problem) => {
                warn!(
                    problem,
                    "the certificate's files have changed and are of no use; the old one stays"
                );
            }
        }
        *seen = Some(found);
    }

    /// The handshake, which has this time.
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
        within: Duration,
    ) -> io::Result<TlsStream<TcpStream>> {
        let acceptor = TlsAcceptor::from(self.current.borrow().clone());
        match timeout(within, acceptor.accept(stream)).await {
            Ok(accepted) => accepted,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl Files {
    fn read(&self) -> Result<Contents, TlsError> {
        let read =
            |path: &Path| std::fs::read(path).map_err(|error| TlsError::Unreadable(path.to_owned(), error));
        Ok(Contents {
            certificate: read(&self.certificate)?,
            key: read(&self.key)?,
        })
    }

    fn parse(&self, contents: &Contents) -> Result<ServerConfig, TlsError> {
        let malformed = |path: &Path, what| {
            let path = path.to_owned();
            move |error| TlsError::Malformed(path, what, error)
        };
        let no_certificate = malformed(&self.certificate, "certificate in PEM");
        let chain = CertificateDer::pem_slice_iter(&contents.certificate).collect::<Result<Vec<_>, _>>();
        let chain = chain.and_then(|chain| {
            if chain.is_empty() {
                Err(pem::Error::NoItemsFound)
            } else {
                Ok(chain)
            }
        });
        let chain = chain.map_err(no_certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key);
        let key = key.map_err(malformed(&self.key, "private key in PEM"))?;
        let unusable = |error| TlsError::Unusable(self.clone(), error);
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let mut config = builder
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(unusable)?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(config)
    }
}
