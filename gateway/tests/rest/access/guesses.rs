//! Guessing, over real connections: only they have an address.

use axum::http::StatusCode;
use gateway::Config;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket},
};
use tokio_util::sync::CancellationToken;

use crate::kit::App;

/// The head of the answer to one request from an address of this machine.
async fn ask(server: std::net::SocketAddr, from: &str, bearer: &str) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    let mut stream = socket.connect(server).await.unwrap();
    let request = format!(
        "GET /v1/queues HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {bearer}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn status(answer: &str) -> StatusCode {
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_address_that_guesses_is_slowed_down_and_its_valid_keys_are_not() {
    let app = App::with(Config::default()).await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let (server, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let serving = tokio::spawn(gateway::serve(listener, app.gateway.clone(), stop.clone()));
    let mut refused = String::new();
    for guess in 0.. {
        assert!(guess < 200, "guessed {guess} times");
        let key = if guess % 2 == 0 {
            format!("ph_{guess:043}")
        } else {
            format!("a.{guess}.b")
        };
        refused = ask(server, "127.0.0.1", &key).await;
        if status(&refused) == StatusCode::TOO_MANY_REQUESTS {
            assert!(guess >= 20, "after {guess}");
            break;
        }
        assert_eq!(status(&refused), StatusCode::UNAUTHORIZED, "{refused}");
    }
    let wait = refused
        .lines()
        .find_map(|line| line.strip_prefix("retry-after: "));
    assert!(
        (1..=3).contains(&wait.unwrap().parse::<u8>().unwrap()),
        "{refused}"
    );
    // From there, whoever has a key works on; from elsewhere, one may be wrong as before.
    assert_eq!(status(&ask(server, "127.0.0.1", &app.key).await), StatusCode::OK);
    assert_eq!(
        status(&ask(server, "127.0.0.2", "ph_wrong").await),
        StatusCode::UNAUTHORIZED
    );
    stop.cancel();
    serving.await.unwrap().unwrap();
}
