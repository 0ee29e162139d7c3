//! An endpoint that misbehaves, written on bare TCP.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flate2::{Compression, write::GzEncoder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What it does once it has read a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Never answers.
    Hangs,
    /// Sends its answer's head a byte a second.
    DripsHead,
    /// Sends its answer's body a byte a second.
    DripsBody,
    /// Resets the connection.
    Resets,
    /// Resets the connection within the answer's body.
    ResetsBody,
    /// Closes the connection within the answer's body.
    CutsBody,
    /// Sends headers without end.
    EndlessHead,
    /// Sends a body without end.
    EndlessBody,
    /// Sends a MiB of gzip that would be a thousand.
    Bomb,
    /// Redirects.
    Redirects,
    /// Answers something that is not HTTP.
    Garbage,
    /// Says that chunks follow, and sends none.
    GarbageBody,
    /// Answers 200 and closes the connection without having said so.
    ClosesSilently,
}

/// A server that does one deed, to every request.
pub(crate) struct Villain {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl Villain {
    pub(crate) async fn start(deed: Deed, redirect_to: String) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let requests = Arc::<AtomicUsize>::default();
        let (seen, bomb) = (
            requests.clone(),
            Arc::new(if deed == Deed::Bomb { bomb() } else { vec![] }),
        );
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, bomb, redirect_to) = (seen.clone(), bomb.clone(), redirect_to.clone());
                tokio::spawn(async move {
                    // Whatever comes of it is what the other side makes of it.
                    let _ = serve(stream, deed, &seen, &bomb, &redirect_to).await;
                });
            }
        });
        Self {
            address,
            requests,
            serving,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// How many requests it has read.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Acquire)
    }
}

impl Drop for Villain {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A MiB of zeros, a thousand times: gzip files follow each other in one (RFC 1952, section 2.2).
fn bomb() -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::best());
    io::copy(&mut io::Read::take(io::repeat(0), 1 << 20), &mut encoder).expect("memory");
    encoder.finish().expect("memory").repeat(1_000)
}

/// Reads one request; whether there was one.
async fn read(stream: &mut TcpStream) -> io::Result<bool> {
    let (mut text, mut buffer) = (Vec::new(), [0; 4_096]);
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(false);
        }
        text.extend_from_slice(&buffer[..count]);
        let head_end = text
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .map(|at| at + 4);
        let head = String::from_utf8_lossy(&text[..head_end.unwrap_or(0)]).to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        if head_end.is_some_and(|end| text.len() >= end + length.unwrap_or(0)) {
            return Ok(true);
        }
    }
}

async fn drip(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    for byte in bytes {
        stream.write_all(&[*byte]).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

async fn serve(
    mut stream: TcpStream,
    deed: Deed,
    seen: &AtomicUsize,
    bomb: &[u8],
    redirect_to: &str,
) -> io::Result<()> {
    const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n";
    while read(&mut stream).await? {
        seen.fetch_add(1, Ordering::AcqRel);
        match deed {
            Deed::Hangs => std::future::pending().await,
            Deed::DripsHead => drip(&mut stream, OK).await?,
            Deed::DripsBody => {
                stream.write_all(OK).await?;
                drip(&mut stream, &[b'.'; 1_000]).await?;
            }
            Deed::Resets => return stream.set_zero_linger(),
            Deed::ResetsBody => {
                stream.write_all(OK).await?;
                stream.write_all(b"some").await?;
                // Reset at once, it would take with it what is still on its way.
                tokio::time::sleep(Duration::from_millis(50)).await;
                return stream.set_zero_linger();
            }
            Deed::CutsBody => {
                stream.write_all(OK).await?;
                return stream.write_all(b"some").await;
            }
            Deed::EndlessHead => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
                loop {
                    stream
                        .write_all(format!("x-more: {}\r\n", "a".repeat(200)).as_bytes())
                        .await?;
                }
            }
            Deed::EndlessBody => {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
                    .await?;
                let chunk = format!("1000\r\n{}\r\n", "b".repeat(4_096));
                loop {
                    stream.write_all(chunk.as_bytes()).await?;
                }
            }
            Deed::Bomb => {
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
                    bomb.len()
                );
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(bomb).await?;
            }
            Deed::Redirects => {
                let answer =
                    format!("HTTP/1.1 307 There\r\nlocation: {redirect_to}\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await?;
            }
            Deed::Garbage => {
                stream
                    .write_all(b"SMTP 220 mail.example.org ready\r\n\r\n")
                    .await?;
            }
            Deed::GarbageBody => {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnone of them\r\n")
                    .await?;
            }
            Deed::ClosesSilently => {
                return stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                    .await;
            }
        }
    }
    Ok(())
}
