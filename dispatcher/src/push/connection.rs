//! A connection that speaks HTTP: one request after the other (HTTP/1), or many at once (HTTP/2).
//!
//! HTTP/1 is moved on by the attempt whose request is on it, and by nobody else: that spares the turns of another task which every request
//! would take. While it is idle it does nothing, and that its peer has closed it is noticed when it is looked at.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::TryFutureExt;
use http::header::HOST;
use http::{HeaderValue, Request, Response, Uri, uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tracing::debug;

use super::stream::{Link, Stream};

/// One that can take a request.
#[derive(Debug)]
pub(super) enum Connection {
    Http1(Box<Http1>),
    Http2(Http2),
}

/// Why no answer came.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// The connection had ended before anything of the request was sent.
    NotSent,
    Failed(hyper::Error),
}

impl<R> From<TrySendError<R>> for Unanswered {
    fn from(mut error: TrySendError<R>) -> Self {
        match error.take_message() {
            Some(_) => Self::NotSent,
            None => Self::Failed(error.into_error()),
        }
    }
}

/// HTTP/1, which whoever holds it has to themselves.
#[derive(Debug)]
pub(super) struct Http1 {
    sender: http1::SendRequest<Full<Bytes>>,
    /// `None` once it has ended.
    bytes: Option<http1::Connection<TokioIo<Stream>, Full<Bytes>>>,
    pub(super) link: Link,
}

/// A share of a connection of HTTP/2.
#[derive(Debug, Clone)]
pub(super) struct Http2 {
    sender: http2::SendRequest<Full<Bytes>>,
    pub(super) link: Link,
}

impl Http1 {
    pub(super) async fn over(stream: Stream, how: &http1::Builder) -> hyper::Result<Self> {
        let link = stream.link().clone();
        let (sender, bytes) = how.handshake(TokioIo::new(stream)).await?;
        Ok(Self {
            sender,
            bytes: Some(bytes),
            link,
        })
    }

    /// Puts a request on it, and promises the answer; it comes as the connection is driven.
    pub(super) fn send(
        &mut self,
        mut request: Request<Full<Bytes>>,
    ) -> impl Future<Output = Result<Response<Incoming>, Unanswered>> + use<> {
        if let Some(host) = host(request.uri()) {
            request.headers_mut().entry(HOST).or_insert(host);
        }
        *request.uri_mut() = origin_form(request.uri());
        self.sender.try_send_request(request).map_err(Unanswered::from)
    }

    /// Does something that waits for this connection, and moves the connection on meanwhile.
    pub(super) async fn drive<W: Future>(&mut self, work: W) -> W::Output {
        let mut work = pin!(work);
        poll_fn(|context| {
            self.advance(context);
            work.as_mut().poll(context)
        })
        .await
    }

    /// Whether it can take a request at this moment, as far as is known here.
    pub(super) fn is_ready(&mut self, context: &mut Context<'_>) -> bool {
        self.advance(context);
        self.bytes.is_some() && self.sender.is_ready()
    }

    fn advance(&mut self, context: &mut Context<'_>) {
        let Some(bytes) = &mut self.bytes else { return };
        if let Poll::Ready(ended) = Pin::new(bytes).poll(context) {
            // What it means for a request is told to who waits for its answer.
            if let Err(error) = ended {
                debug!(%error, "a connection to an endpoint ended early");
            }
            self.bytes = None;
        }
    }
}

impl Http2 {
    pub(super) async fn over(stream: Stream, how: &http2::Builder<TokioExecutor>) -> hyper::Result<Self> {
        let link = stream.link().clone();
        let (mut sender, bytes) = how.handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            if let Err(error) = bytes.await {
                debug!(%error, "a connection to an endpoint ended early");
            }
        });
        sender.ready().await?;
        Ok(Self { sender, link })
    }

    pub(super) fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> impl Future<Output = Result<Response<Incoming>, Unanswered>> + use<> {
        self.sender.try_send_request(request).map_err(Unanswered::from)
    }

    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }
}

/// The header `host` for a URL (RFC 9110, section 7.2): without the port that its scheme has anyway.
fn host(url: &Uri) -> Option<HeaderValue> {
    let usual = if url.scheme() == Some(&uri::Scheme::HTTPS) {
        443
    } else {
        80
    };
    let authority = url.authority()?;
    let text = match authority.port_u16() {
        Some(port) if port != usual => authority.as_str(),
        _ => authority.host(),
    };
    HeaderValue::from_str(text).ok()
}

/// What a request line says of a URL (RFC 9112, section 3.2.1): its path and query.
fn origin_form(url: &Uri) -> Uri {
    let mut parts = uri::Parts::default();
    parts.path_and_query = url.path_and_query().cloned();
    // Of a path alone a URI can always be made.
    Uri::from_parts(parts).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    fn request() -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(Bytes::from_static(b"x")));
        *request.uri_mut() = "http://a.example/".parse().expect("a URL");
        *request.method_mut() = http::Method::POST;
        request
    }

    /// Only what was not sent may be sent again whatever the connection said before.
    #[tokio::test]
    async fn what_was_not_sent_is_told_apart() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("an address");
        for reads in [false, true] {
            let (ours, theirs) = tokio::join!(TcpStream::connect(at), listener.accept());
            let ours = Stream::plain(ours.expect("connected"));
            let mut one = Http1::over(ours, &http1::Builder::new()).await.expect("made");
            let (mut theirs, _) = theirs.expect("accepted");
            assert!(poll_fn(|context| one.is_ready(context).into()).await);
            if reads {
                tokio::spawn(async move { theirs.read_u8().await });
            } else {
                drop(theirs);
                // The news comes while nobody looks.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let answer = one.send(request());
            let unanswered = one.drive(answer).await.expect_err("nobody answers");
            assert_eq!(
                matches!(unanswered, Unanswered::NotSent),
                !reads,
                "{unanswered:?}"
            );
        }
    }

    #[test]
    fn a_host_has_a_port_where_it_is_not_the_usual_one() {
        for (url, said) in [
            ("http://a.example/x", "a.example"),
            ("http://a.example:80/x", "a.example"),
            ("http://a.example:443/x", "a.example:443"),
            ("https://a.example:443/x", "a.example"),
            ("https://a.example:8443", "a.example:8443"),
            ("http://[::1]:8080/", "[::1]:8080"),
            ("http://[::1]/", "[::1]"),
        ] {
            assert_eq!(host(&url.parse().expect("a URL")).expect("a host"), said, "{url}");
        }
    }

    #[test]
    fn a_request_line_has_path_and_query() {
        for (url, said) in [
            ("http://a.example", "/"),
            ("http://a.example/", "/"),
            ("http://a.example?a=b", "/?a=b"),
            ("https://a.example/b/c?d=e%20f", "/b/c?d=e%20f"),
        ] {
            let line = origin_form(&url.parse().expect("a URL"));
            assert_eq!(line.to_string(), said, "{url}");
            assert!(line.host().is_none());
        }
    }
}
