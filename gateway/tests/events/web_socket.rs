//! `/v1/events/ws`.

use futures_util::{SinkExt, StreamExt};
use gateway::Config;
use proto::{EventKind, EventMessage, Scope};
use queue::{events::Limits, verdict::Verdict};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest, protocol::frame::coding::CloseCode},
};

use crate::server::{FOREVER, Server};

type Socket = WebSocketStream<TcpStream>;

async fn open(server: &Server, key: &str, path: &str) -> Result<Socket, Error> {
    let mut request = format!("ws://{}{path}", server.address)
        .into_client_request()
        .unwrap();
    let headers = request.headers_mut();
    headers.insert("authorization", format!("Bearer {key}").parse().unwrap());
    let stream = TcpStream::connect(server.address).await.unwrap();
    let opened = timeout(FOREVER, client_async(request, stream)).await.unwrap();
    opened.map(|(socket, _)| socket)
}

async fn subscribe(server: &Server, path: &str) -> Socket {
    open(server, &server.app.key, path).await.unwrap()
}

/// The next message; pings are answered by the client itself.
async fn next(socket: &mut Socket) -> Option<Message> {
    loop {
        match timeout(FOREVER, socket.next()).await.expect("nothing comes")? {
            Ok(Message::Ping(_)) => {}
            Ok(message) => return Some(message),
            Err(_) => return None,
        }
    }
}

async fn told(socket: &mut Socket) -> EventMessage {
    match next(socket).await {
        Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
        other => panic!("{other:?}"),
    }
}

async fn kind(socket: &mut Socket) -> EventKind {
    match told(socket).await {
        EventMessage::Event(event) => event.kind,
        other @ EventMessage::Missed(_) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn tells_the_same() {
    let server = Server::start().await;
    server.app.make_queue("q").await;
    let endpoint = server.app.make_endpoint("q", "").await.id;
    let (mut all, mut dead) = (
        subscribe(&server, "/v1/events/ws").await,
        subscribe(&server, "/v1/events/ws?state=dead").await,
    );
    let mut same = server.listen("/v1/events").await;
    // Whatever a client says is passed over.
    all.send(Message::text("subscribe please")).await.unwrap();
    all.send(Message::binary(vec![0; 1_000])).await.unwrap();
    server.app.enqueue("q", r#"{"payload":1}"#).await;
    server.app.finish_all(endpoint, 400, Verdict::Dead).await;
    for _ in 0..2 {
        assert_eq!(told(&mut all).await, same.next().await.unwrap().message);
    }
    assert_eq!(kind(&mut dead).await, EventKind::DeliveryDead);
}

#[tokio::test]
async fn goes_on_after_an_event() {
    let server = Server::start().await;
    server.app.make_queue("q").await;
    let mut socket = subscribe(&server, "/v1/events/ws").await;
    server.app.act("/v1/queues/q/pause").await;
    let EventMessage::Event(paused) = told(&mut socket).await else {
        panic!("missed");
    };
    socket.close(None).await.unwrap();
    server.app.act("/v1/queues/q/resume").await;
    let mut again = subscribe(&server, &format!("/v1/events/ws?after={}", paused.id)).await;
    assert_eq!(kind(&mut again).await, EventKind::QueueResumed);
    let unknown = "0198c0de-0000-7000-8000-000000000000";
    let mut lost = subscribe(&server, &format!("/v1/events/ws?after={unknown}")).await;
    assert!(matches!(told(&mut lost).await, EventMessage::Missed(missed) if missed.count.is_none()));
}

#[tokio::test]
async fn a_client_that_goes_makes_room() {
    let limits = Limits {
        subscribers: 1,
        ..Limits::default()
    };
    let server = Server::with(Config::default(), limits).await;
    let mut first = subscribe(&server, "/v1/events/ws").await;
    let refused = open(&server, &server.app.key, "/v1/events/ws").await;
    assert!(matches!(refused, Err(Error::Http(answer)) if answer.status() == 503));
    first.close(None).await.unwrap();
    while next(&mut first).await.is_some() {}
    // The server lets go of it as it answers the farewell.
    let mut tries = 0;
    while open(&server, &server.app.key, "/v1/events/ws").await.is_err() {
        tries += 1;
        assert!(tries < 1_000);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_message_that_is_too_long_ends_it() {
    let server = Server::start().await;
    let mut socket = subscribe(&server, "/v1/events/ws").await;
    let _ = socket.send(Message::binary(vec![0; 100_000])).await;
    while let Some(message) = next(&mut socket).await {
        assert!(matches!(message, Message::Close(_)), "{message:?}");
    }
}

#[tokio::test]
async fn says_why_it_ends() {
    let server = Server::start().await;
    let key = server.key(Scope::Read, "*").await;
    let mut of_key = open(&server, key.key.as_deref().unwrap(), "/v1/events/ws")
        .await
        .unwrap();
    let mut stays = subscribe(&server, "/v1/events/ws").await;
    server
        .app
        .queue
        .revoke_key(key.id, crate::kit::now())
        .await
        .unwrap();
    let code = |message| match message {
        Some(Message::Close(Some(frame))) => frame.code,
        other => panic!("{other:?}"),
    };
    assert_eq!(code(next(&mut of_key).await), CloseCode::Policy);
    server.app.make_queue("q").await;
    assert_eq!(kind(&mut stays).await, EventKind::QueueCreated);
    server.stop.cancel();
    assert_eq!(code(next(&mut stays).await), CloseCode::Away);
    let ended = timeout(FOREVER, server.serving).await.expect("it does not stop");
    ended.unwrap().unwrap();
}

#[tokio::test]
async fn strangers_are_refused_before_anything_is_opened() {
    let server = Server::start().await;
    let writer = server.key(Scope::Enqueue, "*").await.key.unwrap();
    for (key, path, status) in [
        ("ph_wrong", "/v1/events/ws", 401),
        (writer.as_str(), "/v1/events/ws", 403),
        (server.app.key.as_str(), "/v1/events/ws?state=lost", 400),
    ] {
        let refused = open(&server, key, path).await;
        assert!(
            matches!(&refused, Err(Error::Http(answer)) if answer.status() == status),
            "{path}: {refused:?}"
        );
    }
}
