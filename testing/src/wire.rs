//! A way to a server that can be cut, as when the server is killed, or lost, as when its whole machine is; and mended.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::AbortHandle,
};

use crate::Database;

/// Passes everything on to a test's database, until it is cut or lost. Ends with its value.
#[derive(Debug)]
pub struct Wire {
    url: String,
    state: watch::Sender<State>,
    relay: AbortHandle,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    is_cut: bool,
    /// Connections are numbered: those below this one are lost.
    lost: u64,
    made: u64,
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
        let state = watch::Sender::new(State::default());
        let relay = tokio::spawn(relay(listener, there, state.clone())).abort_handle();
        Self { url, state, relay }
    }

    /// The database's URL, through this wire.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends every connection, and each new one as it is made.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.is_cut = true);
    }

    /// Lets new connections through again.
    pub fn mend(&self) {
        self.state.send_modify(|state| state.is_cut = false);
    }

    /// Lets nothing more pass on the connections there are, and tells nobody. New ones are as before.
    pub fn lose(&self) {
        self.state.send_modify(|state| state.lost = state.made);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.relay.abort();
        self.cut();
    }
}

async fn relay(listener: TcpListener, there: SocketAddr, state: watch::Sender<State>) {
    while let Ok((near, _)) = listener.accept().await {
        let mut number = 0;
        state.send_modify(|state| {
            number = state.made;
            state.made += 1;
        });
        let mut watched = state.subscribe();
        let (up, down) = (state.subscribe(), state.subscribe());
        tokio::spawn(async move {
            let passing = async {
                let Ok(far) = TcpStream::connect(there).await else {
                    return;
                };
                let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                tokio::select! {
                    () = pass(near_in, far_out, up, number) => {}
                    () = pass(far_in, near_out, down, number) => {}
                }
            };
            tokio::select! {
                biased;
                _ = watched.wait_for(|state| state.is_cut) => {}
                () = passing => {}
            }
        });
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: watch::Receiver<State>, number: u64) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut buffer).await;
        if number < state.borrow().lost {
            // Neither what was sent nor that the other side has gone is ever told.
            return std::future::pending().await;
        }
        let Ok(count @ 1..) = read else { return };
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
