//! The client of the load and of the bare baseline: hyper's pooled one, which is what a Rust program would use that posts to the
//! receiver itself. (One connection driven by hand posts about half as many more.)

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{net::TcpStream, time::timeout};
use url::Url;

/// How long to wait for a connection: on one machine or in one network it takes milliseconds.
const CONNECT: Duration = Duration::from_secs(5);

/// An HTTP server: where to connect, and the headers that every request to it carries.
#[derive(Debug, Clone)]
pub(super) struct Site {
    address: String,
    base: String,
    headers: HeaderMap,
}

impl Site {
    /// The server at `url`; `key` is sent as a bearer token.
    pub(super) fn new(url: &Url, key: Option<&str>) -> Result<Self> {
        let host = url.host_str().with_context(|| format!("{url} names no host"))?;
        let address = format!("{host}:{}", url.port_or_known_default().unwrap_or(80));
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(&address)?);
        if let Some(key) = key {
            let mut bearer = HeaderValue::from_str(&format!("Bearer {key}"))?;
            bearer.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, bearer);
        }
        Ok(Self {
            address,
            base: url.path().trim_end_matches('/').to_owned(),
            headers,
        })
    }

    /// Where requests go, without a path.
    pub(super) fn origin(&self) -> String {
        format!("http://{}{}", self.address, self.base)
    }

    /// The key, as a header has it.
    pub(super) fn bearer(&self) -> Option<HeaderValue> {
        self.headers.get(header::AUTHORIZATION).cloned()
    }

    /// A connection of its own.
    pub(super) async fn connect(&self) -> Result<TcpStream> {
        let connecting = timeout(CONNECT, TcpStream::connect(&self.address));
        connecting
            .await
            .with_context(|| format!("no connection to {} within {CONNECT:?}", self.address))?
            .with_context(|| format!("cannot connect to {}: is the server running there?", self.address))
    }

    /// A whole `GET` as HTTP/1.1 has it, for a connection that is read by hand.
    pub(super) fn get(&self, path: &str) -> Vec<u8> {
        let mut request = format!("GET {}{path} HTTP/1.1\r\n", self.base).into_bytes();
        for (name, value) in &self.headers {
            request.extend_from_slice(name.as_str().as_bytes());
            request.extend_from_slice(b": ");
            request.extend_from_slice(value.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        request
    }

    /// What to send to `path`, with a body of this media type.
    pub(super) fn shot(&self, method: Method, path: &str, content_type: &'static str) -> Result<Shot> {
        let uri = format!("http://{}{}{path}", self.address, self.base)
            .parse()
            .with_context(|| format!("{path} is no path"))?;
        let mut headers = self.headers.clone();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Ok(Shot { method, uri, headers })
    }
}

/// A request without its body, to be sent many times.
#[derive(Debug, Clone)]
pub(super) struct Shot {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// A client that keeps its connections alive, for all requests to one server. Cheap to clone; clones share the connections.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pooled: legacy::Client<HttpConnector, Full<Bytes>>,
}

impl Client {
    /// Checks that the server is there.
    pub(super) async fn open(site: &Site) -> Result<Self> {
        site.connect().await?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT));
        let pooled = legacy::Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { pooled })
    }

    /// Sends a request and reads the whole answer, within `patience`.
    pub(super) async fn send(&self, shot: &Shot, body: Bytes, patience: Duration) -> Result<Answer> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = shot.method.clone();
        *request.uri_mut() = shot.uri.clone();
        *request.headers_mut() = shot.headers.clone();
        let exchange = async {
            let (head, body) = self.pooled.request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok::<_, anyhow::Error>(Answer {
                status: head.status,
                headers: head.headers,
                body,
            })
        };
        match timeout(patience, exchange).await {
            Ok(answer) => answer.context("the connection broke"),
            Err(_) => bail!("no answer within {patience:?}"),
        }
    }
}
