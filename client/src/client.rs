//! The client itself, and how it is made.

use std::{fmt, sync::Arc, time::Duration};

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use url::Url;

use crate::{Error, Result, Retries, tls};

/// Time for a connection to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// Time for one request in all, unless the builder says: above what the server itself takes for its longest action, and enough for
/// a batch of 16 MiB over a slow line.
const REQUEST: Duration = Duration::from_mins(2);

/// Talks to a Posthaste server. Clones share connections.
#[derive(Clone)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) http: reqwest::Client,
    /// Ends without a slash.
    pub(crate) url: Url,
    pub(crate) retries: Retries,
    pub(crate) timeout: Duration,
    pub(crate) idempotency_keys: bool,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key is in the headers of `http`.
        f.debug_struct("Client")
            .field("url", &self.inner.url.as_str())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client with everything else at its default: `url` is the server's, such as `https://posthaste.example.com`, without `/v1`.
    pub fn new(url: &str, key: &str) -> Result<Self> {
        Self::builder(url).key(key).build()
    }

    /// A client to be configured.
    pub fn builder(url: &str) -> Builder {
        Builder {
            url: url.to_owned(),
            key: None,
            retries: Retries::default(),
            timeout: REQUEST,
            idempotency_keys: true,
            roots: vec![],
            agent: concat!("posthaste-client/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    /// Where the server is.
    pub fn url(&self) -> &Url {
        &self.inner.url
    }
}

/// Makes a [`Client`].
#[derive(Clone)]
#[must_use]
pub struct Builder {
    url: String,
    key: Option<String>,
    retries: Retries,
    timeout: Duration,
    idempotency_keys: bool,
    roots: Vec<u8>,
    agent: String,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("url", &self.url)
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}

impl Builder {
    /// The API key or token, sent as `Authorization: Bearer`.
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// When a request is made again.
    pub fn retries(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }

    /// The time of one attempt in all; default 2 minutes. A stream of events has none.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Gives no task an idempotency key of its own accord. It spares the server a row a task; but then an enqueue that may have
    /// succeeded is not tried again.
    pub fn without_idempotency_keys(mut self) -> Self {
        self.idempotency_keys = false;
        self
    }

    /// Authorities to trust besides the system's: certificates in PEM.
    pub fn trust(mut self, pem: &[u8]) -> Self {
        self.roots.extend_from_slice(pem);
        self.roots.push(b'\n');
        self
    }

    /// What the program calls itself; default `posthaste-client/VERSION`.
    pub fn user_agent(mut self, agent: &str) -> Self {
        agent.clone_into(&mut self.agent);
        self
    }

    /// The client. Reaches for nothing yet.
    pub fn build(self) -> Result<Client> {
        let url = base(&self.url)?;
        let mut headers = HeaderMap::new();
        if let Some(key) = &self.key {
            headers.insert(AUTHORIZATION, authorization(key)?);
        }
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::config(url.scheme() == "https", &self.roots)?)
            .default_headers(headers)
            .user_agent(self.agent)
            .connect_timeout(CONNECT)
            // The API has none: whoever redirects is not the server, and gets no key.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Error::Invalid(format!("an HTTP client cannot be made: {error}")))?;
        Ok(Client {
            inner: Arc::new(Inner {
                http,
                url,
                retries: self.retries,
                timeout: self.timeout,
                idempotency_keys: self.idempotency_keys,
            }),
        })
    }
}

fn base(text: &str) -> Result<Url> {
    let wrong = |why: &str| Error::Invalid(format!("the server's URL `{text}` {why}"));
    let mut url: Url = text
        .parse()
        .map_err(|error| wrong(&format!("is none: {error}; write it like http://127.0.0.1:8080")))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong("does not begin with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::Invalid(
            "the server's URL has a user name or password: give the key by itself".to_owned(),
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has a query or a fragment: leave them out"));
    }
    // As it stands in the server's banner, where `/v1` belongs to it.
    let path = url
        .path()
        .trim_end_matches('/')
        .trim_end_matches("/v1")
        .to_owned();
    url.set_path(&path);
    Ok(url)
}

fn authorization(key: &str) -> Result<HeaderValue> {
    let key = key.trim();
    let plain = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
    let value = HeaderValue::from_str(&format!("Bearer {key}"))
        .ok()
        .filter(|_| plain);
    let mut value = value.ok_or_else(|| {
        Error::Invalid("the key is empty, or has characters that no key has: give it as it was shown".into())
    })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_where_the_server_is() {
        for (text, url) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
            ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/"),
            ("https://example.com/hooks/", "https://example.com/hooks"),
            ("https://example.com/hooks/v1/", "https://example.com/hooks"),
        ] {
            assert_eq!(base(text).unwrap().as_str(), url);
        }
        for wrong in [
            "",
            "localhost:8080",
            "ftp://a",
            "http://",
            "http://a?b",
            "http://a#b",
            "/v1",
        ] {
            assert!(matches!(base(wrong), Err(Error::Invalid(_))), "{wrong}");
        }
        let error = base("http://user:hush@a").unwrap_err().to_string();
        assert!(!error.contains("hush"), "{error}");
    }

    #[test]
    fn a_key_is_never_printed() {
        let builder = Client::builder("http://a").key("ph_hush");
        let client = builder.clone().build().unwrap();
        assert!(!format!("{builder:?} {client:?}").contains("hush"));
        for wrong in ["", " ", "ph_\u{e9}", "ph_a b", "ph_\n"] {
            let error = Client::new("http://a", wrong).err();
            assert_eq!(error.is_some(), wrong != "ph_\n", "{wrong:?}");
        }
    }

    #[test]
    fn what_is_to_be_trusted_is_a_certificate() {
        let build = |pem: &[u8]| Client::builder("https://a").trust(pem).build();
        assert!(build(b"").is_ok());
        assert!(build(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----").is_err());
    }
}
