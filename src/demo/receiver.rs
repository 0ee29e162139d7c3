//! The demo's receiver: each path behaves in its own way.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Receives until stopped.
pub(super) async fn run(listener: TcpListener, stop: CancellationToken) {
    let count = Arc::new(AtomicU64::new(0));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else { continue };
        let (count, stop) = (count.clone(), stop.clone());
        tokio::spawn(async move {
            let answer = service_fn(move |request| answer(request, count.fetch_add(1, Ordering::Relaxed)));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
            tokio::select! {
                () = stop.cancelled() => {}
                _ = connection => {}
            }
        });
    }
}

async fn answer(request: Request<Incoming>, count: u64) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().trim_matches('/').to_owned();
    let received = request
        .into_body()
        .collect()
        .await
        .map_or(0, |body| body.to_bytes().len());
    let (status, pause) = behaviour(&path, count);
    tokio::time::sleep(pause).await;
    let text = format!("{path} received {received} bytes\n");
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    Ok(response)
}

/// What a path answers to its `count`th request, and after how long.
fn behaviour(path: &str, count: u64) -> (StatusCode, Duration) {
    match path {
        "healthy" => (StatusCode::OK, Duration::ZERO),
        "flaky" if count.is_multiple_of(3) => (StatusCode::SERVICE_UNAVAILABLE, Duration::ZERO),
        "flaky" => (StatusCode::OK, Duration::from_millis(20)),
        "slow" => (StatusCode::OK, Duration::from_millis(1_000 + count % 5 * 500)),
        "dead" => (StatusCode::INTERNAL_SERVER_ERROR, Duration::ZERO),
        _ => (StatusCode::NOT_FOUND, Duration::ZERO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_behaves_as_it_is_described() {
        for (path, _) in super::super::BEHAVIOURS {
            assert_ne!(behaviour(path, 1).0, StatusCode::NOT_FOUND);
        }
        let flaky: Vec<u16> = (0..6).map(|count| behaviour("flaky", count).0.as_u16()).collect();
        assert_eq!(flaky, [503, 200, 200, 503, 200, 200]);
        assert!((0..9).all(|count| (1_000..=3_000).contains(&behaviour("slow", count).1.as_millis())));
    }
}
