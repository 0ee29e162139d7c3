//! What can be set of the push client, with the reason for each default.

use std::time::Duration;

use super::{Egress, Proxy};

/// Settings of a [`super::Client`].
#[derive(Debug, Clone)]
pub struct Config {
    /// Which addresses may be connected to.
    pub egress: Egress,
    /// Through which proxy connections are made; `None`: directly. Never taken from the environment.
    pub proxy: Option<Proxy>,
    /// The `user-agent` of a request that brings none of its own.
    pub user_agent: String,
    /// Certificates of authorities to trust besides the system's and Mozilla's, as PEM: for endpoints behind a
    /// private authority. Empty for none.
    pub extra_roots: Vec<u8>,
    /// How much of an answer's body is kept, in bytes. What comes after it is not read: the connection is dropped.
    /// 16 KiB are enough to debug with.
    pub response_body_kept: usize,
    /// How many bytes of an answer's headers are kept, names and values together; headers that do not fit are left
    /// out. 8 KiB is what common servers accept of a request.
    pub response_headers_kept: usize,
    /// The largest head of an answer that is accepted, in bytes; at least 8 KiB. Also bounds the read buffer of an
    /// HTTP/1 connection. 64 KiB are far above what a sane receiver sends: most hold heads to 8 or 16 KiB themselves.
    pub response_head_max: usize,
    /// The most headers an HTTP/1 answer may have. 100 is what the parser holds without allocating.
    pub response_headers_max: usize,
    /// How long resolving a name may take, within the request's connect limit. 5 s is what smokescreen allows.
    pub dns_timeout: Duration,
    /// How many idle connections are kept for each scheme, host and port: as many as a node has in flight by default, so that a steady
    /// stream makes no new connections, also where many endpoints lie behind one address. 0 keeps none. (With 64, a load over ten thousand
    /// endpoints at one address went at a seventh of the rate of one endpoint.)
    pub pool_idle_per_host: usize,
    /// How long an idle connection is kept: less than the 60 s after which common load balancers close it.
    pub pool_idle_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            egress: Egress::default(),
            proxy: None,
            user_agent: concat!("Posthaste/", env!("CARGO_PKG_VERSION")).to_owned(),
            extra_roots: Vec::new(),
            response_body_kept: 16 * 1024,
            response_headers_kept: 8 * 1024,
            response_head_max: 64 * 1024,
            response_headers_max: 100,
            dns_timeout: Duration::from_secs(5),
            pool_idle_per_host: 4_096,
            pool_idle_timeout: Duration::from_secs(50),
        }
    }
}

/// Why a client cannot be made of a [`Config`].
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Control characters or the like.
    #[error("user_agent {0:?} cannot be sent as a header: use visible ASCII characters")]
    UserAgent(String),
    /// Below what the HTTP/1 parser needs.
    #[error("response_head_max is {0} bytes; it must be at least 8192")]
    HeadMax(usize),
    /// Above what HTTP/2 can announce.
    #[error("response_head_max is {0} bytes; it must be less than 4 GiB")]
    HeadMaxHuge(usize),
    /// A limit of zero refuses every answer.
    #[error("response_headers_max is 0; it must be at least 1")]
    HeadersMax,
    /// The PEM text is broken, or a certificate in it is.
    #[error("extra_roots cannot be used: {0}; it must be PEM with one CERTIFICATE block an authority")]
    ExtraRoots(String),
    /// The TLS library refused its own defaults.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}
