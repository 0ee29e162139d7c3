//! Through a proxy: what it is told, what it is not asked for, and what is said when it does not help.

use std::net::SocketAddr;
use std::sync::Arc;

use dispatcher::push::{Client, Config};
use parking_lot::Mutex;
use queue::outcome::FailureKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

use crate::receiver::{Receiver, answered, config, fails, rest};
use crate::tls::{self, Authority};

/// What a proxy was asked for.
type Asked = Arc<Mutex<Vec<String>>>;

/// A proxy that keeps what it is asked for, and does it.
async fn http(asked: &Asked) -> Receiver {
    let asked = Arc::clone(asked);
    Receiver::start(move |mut tcp, _| {
        let asked = Arc::clone(&asked);
        async move {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = tcp.read_u8().await else { return };
                head.push(byte);
            }
            let head = String::from_utf8(head).expect("a head");
            let address: SocketAddr = head
                .split(' ')
                .nth(1)
                .expect("a target")
                .parse()
                .expect("an address");
            asked.lock().push(head);
            let _ = tcp.write_all(b"HTTP/1.1 200 OK\r\nx-a: b\r\n\r\n").await;
            join(tcp, address).await;
        }
    })
    .await
}

/// The same that speaks SOCKS5, and wants a name and a password.
async fn socks5(asked: &Asked) -> Receiver {
    let asked = Arc::clone(asked);
    Receiver::start(move |mut tcp, _| {
        let asked = Arc::clone(&asked);
        async move {
            let mut greeting = [0; 3];
            tcp.read_exact(&mut greeting).await.expect("a greeting");
            assert_eq!(greeting, [5, 1, 2]);
            let _ = tcp.write_all(&[5, 2]).await;
            let mut login = [0; 7];
            tcp.read_exact(&mut login).await.expect("a login");
            assert_eq!(&login, b"\x01\x02us\x02pw");
            let _ = tcp.write_all(&[1, 0]).await;
            let mut request = [0; 10];
            tcp.read_exact(&mut request).await.expect("a request");
            assert_eq!(request[..4], [5, 1, 0, 1], "an IPv4 address, never a name");
            let ip: [u8; 4] = request[4..8].try_into().expect("four bytes");
            let address = SocketAddr::from((ip, u16::from_be_bytes([request[8], request[9]])));
            asked.lock().push(address.to_string());
            let _ = tcp.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await;
            join(tcp, address).await;
        }
    })
    .await
}

async fn join(mut tcp: TcpStream, address: SocketAddr) {
    let mut there = TcpStream::connect(address).await.expect("the endpoint");
    let _ = copy_bidirectional(&mut tcp, &mut there).await;
}

fn through(proxy: &str, config: Config) -> Client {
    let proxy = Some(proxy.parse().expect("a proxy"));
    Client::new(Config { proxy, ..config }).expect("a client")
}

#[tokio::test]
async fn a_proxy_is_told_the_address_that_was_vetted_and_the_endpoint_its_name() {
    let asked = Asked::default();
    let proxy = http(&asked).await;
    let authority = Authority::new();
    let receiver = tls::receiver(authority.localhost()).await;
    let trusting = Config {
        extra_roots: authority.pem(),
        ..config()
    };
    let client = through(&format!("http://us:p%40w@{}", proxy.address), trusting);
    let url = tls::url(&receiver);
    assert_eq!(answered(&client, &url).await.0.status, 200);
    let (_, kept) = answered(&client, &url).await;
    assert_eq!(
        (kept.connect_us, proxy.connections()),
        (None, 1),
        "connections through it are kept alive"
    );
    let told = asked.lock().concat();
    assert!(
        told.starts_with(&format!("CONNECT {} HTTP/1.1\r\n", receiver.address)),
        "{told}"
    );
    assert!(
        told.contains("Proxy-Authorization: Basic dXM6cEB3\r\n") && !told.contains("localhost"),
        "{told}"
    );
}

#[tokio::test]
async fn socks5_does_the_same() {
    let asked = Asked::default();
    let proxy = socks5(&asked).await;
    let receiver = Receiver::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    let client = through(&format!("socks5://us:pw@{}", proxy.address), config());
    assert_eq!(answered(&client, &receiver.url()).await.0.status, 204);
    assert_eq!(*asked.lock(), [receiver.address.to_string()]);
}

#[tokio::test]
async fn the_guard_judges_although_there_is_a_proxy() {
    let asked = Asked::default();
    let proxy = http(&asked).await;
    let client = through(&format!("http://{}", proxy.address), Config::default());
    for url in [
        "http://127.0.0.1:1/",
        "http://localhost:1/",
        "http://169.254.169.254/",
        "http://[::1]/",
    ] {
        fails(&client, url, FailureKind::Refused, "egress.allow").await;
    }
    assert_eq!(proxy.connections(), 0, "it was not so much as asked");
}

#[tokio::test]
async fn a_proxy_that_does_not_help_is_told_without_where_it_is() {
    let refusing = Receiver::answering_head("HTTP/1.1 403 Forbidden\r\n\r\n").await;
    let asking = Receiver::answering_head("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
    let other = Receiver::answering_head("SSH-2.0-OpenSSH_9.6\r\n\r\n").await;
    let closing = Receiver::start(|_, _| async {}).await;
    for (proxy, words) in [
        (&refusing, "it answered 403"),
        (&asking, "other credentials"),
        (&other, "another protocol"),
        (&closing, "cannot be reached"),
    ] {
        let client = through(&format!("http://us:secret@{}", proxy.address), config());
        let url = "http://127.0.0.1:9/";
        let (failure, _) = crate::receiver::failed(&client, crate::receiver::request(url)).await;
        assert_eq!(failure.kind, FailureKind::Connect, "{failure:?}");
        assert!(failure.detail.contains(words), "{failure:?}");
        let port = proxy.address.port().to_string();
        assert!(
            !failure.detail.contains("secret") && !failure.detail.contains(&port),
            "{failure:?}"
        );
    }
    // Something that never answers is cut off by the limit of connecting.
    let silent = Receiver::start(|tcp, _| rest(tcp)).await;
    let client = through(&format!("socks5://{}", silent.address), config());
    let mut limited = crate::receiver::request("http://127.0.0.1:9/");
    limited.connect_timeout = std::time::Duration::from_millis(300);
    let (failure, _) = crate::receiver::failed(&client, limited).await;
    assert!(failure.detail.contains("300ms"), "{failure:?}");
}
