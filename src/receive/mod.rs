//! `posthaste receive`: a receiver to look at. It verifies each request as a customer would, with a library that nobody
//! here wrote, prints it, and answers as it is told.

mod json;
pub(crate) mod print;
mod verify;

use std::convert::Infallible;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use chrono::Utc;
use clap::Args;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use proto::Span;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::banner::RECEIVER;
use print::Received;
use verify::Verifier;

/// The largest body that is read: the largest that a server may be configured to send.
const BODY_MAX: usize = 64 << 20;

/// What `posthaste receive` is told.
#[derive(Debug, Clone, Args)]
pub struct ReceiveArgs {
    /// Where to listen
    #[arg(long, default_value_t = RECEIVER, value_name = "ADDRESS")]
    pub listen: SocketAddr,

    /// Signing secret of the endpoint (whsec_…); again for another, while secrets rotate
    #[arg(long = "secret", value_name = "SECRET")]
    pub secrets: Vec<String>,

    /// File with signing secrets, one a line; keeps them out of the list of processes
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,

    /// Status to answer with
    #[arg(long, default_value = "200", value_name = "STATUS", value_parser = status)]
    pub answer: StatusCode,

    /// Time to wait before the answer, such as 2s
    #[arg(long, default_value = "0s", value_name = "DURATION")]
    pub delay: Span,

    /// Print one line a request, without its headers and body
    #[arg(long)]
    pub quiet: bool,
}

fn status(text: &str) -> Result<StatusCode, String> {
    let status = text
        .parse::<StatusCode>()
        .ok()
        .filter(|status| (200..600).contains(&status.as_u16()));
    status.ok_or_else(|| "a final HTTP status, 200 to 599".to_owned())
}

/// Receives until it is told to stop.
pub async fn run(args: ReceiveArgs, stop: CancellationToken) -> Result<()> {
    let mut secrets = args.secrets.clone();
    if let Some(path) = &args.secret_file {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        secrets.extend(
            text.lines()
                .map(|line| line.trim().to_owned())
                .filter(|line| !line.is_empty()),
        );
    }
    let verifier = Verifier::new(&secrets)?;
    let listener = TcpListener::bind(args.listen).await.with_context(|| {
        format!(
            "cannot listen on {}; choose another address with --listen",
            args.listen
        )
    })?;
    show(&format!(
        "Receiving on http://{}/ and answering {}. {}\n\n",
        listener.local_addr()?,
        args.answer.as_u16(),
        verifier.describe()
    ))?;
    serve(
        &listener,
        Arc::new(Receiver {
            verifier,
            args,
            stop: stop.clone(),
        }),
        &stop,
    )
    .await;
    Ok(())
}

struct Receiver {
    verifier: Verifier,
    args: ReceiveArgs,
    stop: CancellationToken,
}

async fn serve(listener: &TcpListener, receiver: Arc<Receiver>, stop: &CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors: some are closed in a moment.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let receiver = Arc::clone(&receiver);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&receiver), request));
            let mut connection = auto::Builder::new(TokioExecutor::new());
            connection.http1().timer(TokioTimer::new());
            // A connection that breaks is the sender's to notice.
            let _ = connection.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(to: Arc<Receiver>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let (answer, body) = match Limited::new(body, BODY_MAX).collect().await {
        Ok(body) => (to.args.answer, Ok(body.to_bytes())),
        Err(error) => (StatusCode::PAYLOAD_TOO_LARGE, Err(error.to_string())),
    };
    #[expect(clippy::disallowed_methods, reason = "an edge: the time that is printed")]
    let at = Utc::now();
    let check = body.as_ref().map_or(verify::Check::Unread, |body| {
        to.verifier.check(&head.headers, body)
    });
    let received = Received {
        at,
        method: &head.method,
        uri: &head.uri,
        headers: &head.headers,
        body: &body,
        check,
        answer,
    };
    let text = if to.args.quiet {
        received.line()
    } else {
        received.whole()
    };
    if show(&text).is_err() {
        // Nobody reads any more (`| head`): there is nothing left to do.
        to.stop.cancel();
    }
    tokio::time::sleep(to.args.delay.0).await;
    let mut response = Response::new(Full::default());
    *response.status_mut() = answer;
    Ok(response)
}

/// Writes a text in one piece: requests come at the same time.
fn show(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    #[test]
    fn answers() {
        for (text, good) in [
            ("200", true),
            ("503", true),
            ("599", true),
            ("100", false),
            ("600", false),
            ("x", false),
        ] {
            assert_eq!(status(text).is_ok(), good, "{text}");
        }
    }

    #[tokio::test]
    async fn it_answers_as_told_until_it_is_told_to_stop() {
        let args = ReceiveArgs {
            listen: "127.0.0.1:0".parse().unwrap(),
            secrets: Vec::new(),
            secret_file: None,
            answer: StatusCode::SERVICE_UNAVAILABLE,
            delay: Span::seconds(0),
            quiet: true,
        };
        let listener = TcpListener::bind(args.listen).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let receiver = Receiver {
            verifier: Verifier::new(&[]).unwrap(),
            args,
            stop: stop.clone(),
        };
        let serving = tokio::spawn({
            let stop = stop.clone();
            async move { serve(&listener, Arc::new(receiver), &stop).await }
        });

        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}")
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");

        stop.cancel();
        serving.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
