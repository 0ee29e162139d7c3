//! Calls by hand, on a connection that knows HTTP/2 and nothing of gRPC: for what no client would send.

use std::net::SocketAddr;

use axum::http::{HeaderMap, Request, StatusCode};
use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;
use tokio::{net::TcpStream, time::timeout};
use tonic::Status;

use crate::kit::{FOREVER, Server};

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
}

impl Answer {
    /// The status of the call, wherever it stands.
    pub(crate) fn call(&self) -> Status {
        Status::from_header_map(&self.headers)
            .or_else(|| Status::from_header_map(&self.trailers))
            .unwrap_or_else(|| panic!("no call was answered: {self:?}"))
    }
}

/// A message with its prefix, uncompressed.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.len()).unwrap());
    bytes.put_slice(message);
    bytes.to_vec()
}

pub(crate) fn message(message: &impl Message) -> Vec<u8> {
    framed(&message.encode_to_vec())
}

/// A request with these headers besides those of every call; those given twice are replaced.
pub(crate) fn request(path: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::post(format!("http://posthaste{path}"))
        .header("te", "trailers")
        .header("content-type", "application/grpc")
        .body(())
        .unwrap();
    for (name, value) in headers {
        let name = axum::http::header::HeaderName::from_bytes(name.as_bytes()).unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    request
}

impl Server {
    /// A call with the key.
    pub(crate) async fn call(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let bearer = format!("Bearer {}", self.key);
        let headers = [&[("authorization", bearer.as_str())], headers].concat();
        ask(self.grpc, request(path, &headers), body).await
    }
}

/// Sends a request, and waits for all of its answer.
pub(crate) async fn ask(address: SocketAddr, request: Request<()>, body: Vec<u8>) -> Answer {
    let asked = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let (client, connection) = h2::client::handshake(stream).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut client = client.ready().await.unwrap();
        let (response, mut sending) = client.send_request(request, body.is_empty()).unwrap();
        if !body.is_empty() {
            // Who has answered already may not want it any more.
            let _ = sending.send_data(body.into(), true);
        }
        let (parts, mut body) = response.await.unwrap().into_parts();
        let mut all = BytesMut::new();
        while let Some(data) = body.data().await {
            let data = data.unwrap();
            body.flow_control().release_capacity(data.len()).unwrap();
            all.extend_from_slice(&data);
        }
        let trailers = body.trailers().await.unwrap().unwrap_or_default();
        drop(client);
        connection.abort();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: all.freeze(),
            trailers,
        }
    };
    timeout(FOREVER, asked).await.expect("no answer")
}
