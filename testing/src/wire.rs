//! A TCP connection that can be cut, as when a server is killed, and mended.

use std::net::SocketAddr;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::AbortHandle,
};

use crate::Database;

/// Passes everything on to a test's database, until it is cut. Ends with its value.
#[derive(Debug)]
pub struct Wire {
    url: String,
    is_cut: watch::Sender<bool>,
    relay: AbortHandle,
}

impl Wire {
    /// A wire to `database`.
    ///
    /// # Panics
    /// If the test server is not reached over TCP, or no port is free.
    pub async fn to(database: &Database) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let here = listener.local_addr().expect("a bound port");
        let (url, there) = database.url_through(here);
        let is_cut = watch::Sender::new(false);
        let relay = tokio::spawn(relay(listener, there, is_cut.clone())).abort_handle();
        Self { url, is_cut, relay }
    }

    /// The database's URL, through this wire.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends every connection, and each new one as it is made.
    pub fn cut(&self) {
        self.is_cut.send_replace(true);
    }

    /// Lets new connections through again.
    pub fn mend(&self) {
        self.is_cut.send_replace(false);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.relay.abort();
        self.cut();
    }
}

async fn relay(listener: TcpListener, there: SocketAddr, is_cut: watch::Sender<bool>) {
    while let Ok((mut near, _)) = listener.accept().await {
        let mut is_cut = is_cut.subscribe();
        tokio::spawn(async move {
            let passing = async {
                let mut far = TcpStream::connect(there).await?;
                copy_bidirectional(&mut near, &mut far).await
            };
            tokio::select! {
                biased;
                _ = is_cut.wait_for(|is_cut| *is_cut) => {}
                _ = passing => {}
            }
        });
    }
}
