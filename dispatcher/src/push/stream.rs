//! A connection: TCP, with TLS or without, and what is known of it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// What is known of a connection to who waits for an answer on it.
#[derive(Debug, Clone)]
pub(super) struct Link(Arc<Known>);

#[derive(Debug)]
struct Known {
    http2: bool,
    answering: AtomicBool,
}

impl Link {
    fn new(http2: bool) -> Self {
        Self(Arc::new(Known {
            http2,
            answering: AtomicBool::new(false),
        }))
    }

    /// Whether anything was received since the last time something was sent. Always false for HTTP/2, where requests
    /// share the connection and what was received says nothing of one of them.
    pub(super) fn is_answering(&self) -> bool {
        !self.0.http2 && self.0.answering.load(Ordering::Relaxed)
    }
}

/// The bytes of a connection, plain or in TLS.
#[derive(Debug)]
enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection as the HTTP client sees it.
#[derive(Debug)]
pub(super) struct Stream {
    transport: Transport,
    link: Link,
}

impl Stream {
    pub(super) fn plain(tcp: TcpStream) -> Self {
        Self {
            transport: Transport::Plain(tcp),
            link: Link::new(false),
        }
    }

    /// Speaks HTTP/2 when the handshake agreed on it.
    pub(super) fn tls(tls: TlsStream<TcpStream>) -> Self {
        let http2 = tls.get_ref().1.alpn_protocol() == Some(super::tls::ALPN_HTTP2);
        Self {
            transport: Transport::Tls(Box::new(tls)),
            link: Link::new(http2),
        }
    }

    pub(super) fn is_http2(&self) -> bool {
        self.link.0.http2
    }

    pub(super) fn link(&self) -> &Link {
        &self.link
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_read(cx, buffer),
            Transport::Tls(tls) => Pin::new(tls).poll_read(cx, buffer),
        };
        if buffer.filled().len() > before {
            self.link.0.answering.store(true, Ordering::Relaxed);
        }
        polled
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.link.0.answering.store(false, Ordering::Relaxed);
        match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Transport::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.link.0.answering.store(false, Ordering::Relaxed);
        match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, slices),
            Transport::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(tcp) => tcp.is_write_vectored(),
            Transport::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Transport::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Transport::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
