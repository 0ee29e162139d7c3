//! A server that answers what it is told, in order, and records what it was asked.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use posthaste_client::{Client, Retries};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// `GET /v1/queues?limit=1`
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) at: Instant,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What it answers.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Whole {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    /// A stream of events in these pieces, which then ends, or goes on in silence.
    Events { pieces: Vec<String>, ends: bool },
    /// The connection closes in place of an answer.
    Break,
}

/// JSON.
pub(crate) fn json(status: u16, body: impl Into<String>) -> Reply {
    Reply::Whole {
        status,
        headers: vec![("content-type", "application/json".to_owned())],
        body: body.into(),
    }
}

/// A problem document.
pub(crate) fn problem(status: u16, retry_after: Option<&str>) -> Reply {
    Reply::Whole {
        status,
        headers: retry_after
            .map(|value| ("retry-after", value.to_owned()))
            .into_iter()
            .collect(),
        body: format!(r#"{{"type":"/problems/x","title":"T","status":{status},"detail":"D"}}"#),
    }
}

/// The server. Asked more often than it has replies, it repeats the last.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    replies: Mutex<VecDeque<Reply>>,
    asked: Mutex<Vec<Asked>>,
}

impl Server {
    pub(crate) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let (listener, server) = Self::bind(replies).await;
        let state = server.state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, state.clone()));
            }
        });
        server
    }

    pub(crate) async fn bind(replies: impl IntoIterator<Item = Reply>) -> (TcpListener, Self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let state = State {
            replies: Mutex::new(replies.into_iter().collect()),
            asked: Mutex::default(),
        };
        let server = Self {
            address: listener.local_addr().unwrap(),
            state: Arc::new(state),
        };
        (listener, server)
    }

    /// Serves one connection.
    pub(crate) async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        serve(stream, self.state.clone()).await;
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A client that does not dawdle between attempts.
    pub(crate) fn client(&self) -> Client {
        let retries = Retries {
            attempts: 3,
            first_pause: Duration::from_millis(1),
            longest_pause: Duration::from_secs(2),
        };
        Client::builder(&self.url())
            .key("ph_key")
            .retries(retries)
            .build()
            .unwrap()
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, state: Arc<State>) {
    let service = service_fn(move |request| answer(request, state.clone()));
    // A break that it was told to make ends in an error here.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<State>,
) -> Result<Response<BoxBody<Bytes, std::convert::Infallible>>, std::io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    state.asked.lock().push(Asked {
        line: format!("{} {}", head.method, head.uri),
        headers: head.headers,
        body,
        at: Instant::now(),
    });
    let reply = {
        let mut replies = state.replies.lock();
        match replies.len() {
            1 => replies[0].clone(),
            _ => replies.pop_front().expect("a reply"),
        }
    };
    match reply {
        Reply::Events { pieces, ends } => {
            let pieces = pieces
                .into_iter()
                .map(|piece| Ok(Frame::data(Bytes::from(piece))));
            // Each piece by itself.
            let pieces = stream::iter(pieces).then(|piece| async {
                tokio::task::yield_now().await;
                piece
            });
            let silence = stream::pending().take(usize::from(!ends));
            let body = BodyExt::boxed(StreamBody::new(pieces.chain(silence)));
            let mut response = Response::new(body);
            let content_type = "text/event-stream".parse().expect("a header");
            response.headers_mut().insert("content-type", content_type);
            Ok(response)
        }
        Reply::Break => Err(std::io::Error::other("told to break")),
        Reply::Whole {
            status,
            headers,
            body,
        } => {
            let mut response = Response::new(Full::new(Bytes::from(body)).boxed());
            *response.status_mut() = status.try_into().unwrap();
            for (name, value) in headers {
                response.headers_mut().append(name, value.parse().unwrap());
            }
            Ok(response)
        }
    }
}
