//! A gateway that listens, and subscribers to it.

use std::{net::SocketAddr, time::Duration};

use gateway::Config;
use proto::{EventMessage, NewKey, Scope};
use testing::Database;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::kit::{App, now};

/// Longer than anything here takes, on any machine: what still waits then waits for ever.
pub(crate) const FOREVER: Duration = Duration::from_secs(30);

pub(crate) struct Server {
    pub(crate) app: App,
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) serving: JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(Config::default(), queue::events::Limits::default()).await
    }

    pub(crate) async fn with(config: Config, events: queue::events::Limits) -> Self {
        let database = Database::create().await;
        let reached = queue::Config {
            max_connections: 8,
            events,
            ..queue::Config::new(database.url())
        };
        let app = App::reached(config, reached, database).await;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let serving = tokio::spawn(gateway::serve(listener, app.gateway.clone(), stop.clone()));
        Self {
            app,
            address,
            stop,
            serving,
        }
    }

    /// A further key: its id and text.
    pub(crate) async fn key(&self, scope: Scope, queue: &str) -> proto::Key {
        let new = NewKey {
            name: "subscriber".into(),
            scopes: vec![scope],
            queues: vec![queue.into()],
            ..NewKey::default()
        };
        self.app.queue.make_key(new, now()).await.unwrap()
    }

    /// Subscribes with a key and further headers (each with its line break).
    pub(crate) async fn listen_as(&self, key: &str, path: &str, headers: &str) -> Listener {
        let socket = TcpSocket::new_v4().unwrap();
        // As small as the system allows: a listener that does not read is soon full.
        socket.set_recv_buffer_size(4 << 10).unwrap();
        let mut stream = socket.connect(self.address).await.unwrap();
        // HTTP/1.0: the body ends with the connection and is in no chunks.
        let head = format!("GET {path} HTTP/1.0\r\nhost: a\r\nauthorization: Bearer {key}\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut listener = Listener {
            stream,
            text: String::new(),
        };
        let answer = listener.until("\r\n\r\n").await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
        assert!(answer.contains("content-type: text/event-stream"), "{answer}");
        assert_eq!(listener.until("\n\n").await.as_deref(), Some("retry: 2000"));
        listener
    }

    pub(crate) async fn listen(&self, path: &str) -> Listener {
        self.listen_as(&self.app.key, path, "").await
    }
}

/// A client of server-sent events.
pub(crate) struct Listener {
    stream: TcpStream,
    text: String,
}

/// One message as it came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Heard {
    pub(crate) id: Option<String>,
    pub(crate) name: String,
    pub(crate) message: EventMessage,
}

impl Listener {
    /// Everything up to `mark`; `None` if the connection ends first.
    async fn until(&mut self, mark: &str) -> Option<String> {
        loop {
            if let Some(at) = self.text.find(mark) {
                let found = self.text[..at].to_owned();
                self.text.drain(..at + mark.len());
                return Some(found);
            }
            let mut chunk = vec![0; 16 << 10];
            let count = timeout(FOREVER, self.stream.read(&mut chunk))
                .await
                .expect("nothing comes")
                .unwrap_or(0);
            if count == 0 {
                return None;
            }
            self.text.push_str(std::str::from_utf8(&chunk[..count]).unwrap());
        }
    }

    /// The next block; `None` at the end.
    pub(crate) async fn block(&mut self) -> Option<String> {
        self.until("\n\n").await
    }

    /// The next message; heartbeats are passed over.
    pub(crate) async fn next(&mut self) -> Option<Heard> {
        loop {
            let block = self.block().await?;
            if block == ":" {
                continue;
            }
            let line = |name: &str| {
                block
                    .lines()
                    .find_map(|line| line.strip_prefix(name))
                    .map(str::to_owned)
            };
            let heard = Heard {
                id: line("id: "),
                name: line("event: ").expect("a name"),
                message: serde_json::from_str(&line("data: ").expect("data")).unwrap(),
            };
            match &heard.message {
                EventMessage::Event(event) => {
                    assert_eq!(heard.name, event.kind.as_str());
                    assert_eq!(heard.id, Some(event.id.to_string()));
                }
                EventMessage::Missed(_) => {
                    assert_eq!((heard.name.as_str(), &heard.id), ("missed", &None));
                }
            }
            return Some(heard);
        }
    }

    /// The names of the next messages.
    pub(crate) async fn names(&mut self, count: usize) -> Vec<String> {
        let mut names = vec![];
        for _ in 0..count {
            names.push(self.next().await.expect("a message").name);
        }
        names
    }
}
