//! The guard, where it counts: at the socket.

use dispatcher::push::{Client, Config, ConfigError};
use queue::outcome::FailureKind;

use crate::receiver::{Receiver, answered, config, fails};

const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\n\r\n";

#[tokio::test]
async fn loopback_is_refused_unless_allowed_by_literal_or_by_name() {
    let receiver = Receiver::answering(NO_CONTENT).await;
    let port = receiver.address.port();
    let guarded = Client::new(Config::default()).expect("a client");
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "localhost",
        "0.0.0.0",
    ] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}:{port}/");
            let timing = fails(&guarded, &url, FailureKind::Refused, "egress.allow").await;
            assert_eq!(timing.connect_us, None);
        }
    }
    assert_eq!(receiver.connections(), 0, "not so much as a connection was made");
    let allowed = Client::new(config()).expect("a client");
    answered(&allowed, &format!("http://localhost:{port}/")).await;
}

#[tokio::test]
async fn a_refusal_tells_nothing_of_what_is_there() {
    let guarded = Client::new(Config::default()).expect("a client");
    let receiver = Receiver::answering(NO_CONTENT).await;
    let mut told = Vec::new();
    // Something listens at the first, nothing at the others.
    for url in [
        receiver.url(),
        "http://127.0.0.1:1/".to_owned(),
        "http://10.0.0.1/".to_owned(),
    ] {
        let (failure, _) = crate::receiver::failed(&guarded, crate::receiver::request(&url)).await;
        told.push((failure.kind, failure.detail));
    }
    assert!(told.iter().all(|failure| *failure == told[0]), "{told:?}");
}

#[tokio::test]
async fn a_redirect_leads_nowhere() {
    for status in [301, 302, 303, 307, 308] {
        for place in [
            "http://169.254.169.254/latest/meta-data/",
            "//127.0.0.1:1/",
            "/elsewhere",
        ] {
            let head =
                format!("HTTP/1.1 {status} Elsewhere\r\nlocation: {place}\r\ncontent-length: 0\r\n\r\n");
            let receiver = Receiver::answering(head).await;
            let client = Client::new(config()).expect("a client");
            let (answer, _) = answered(&client, &receiver.url()).await;
            assert_eq!((answer.status, receiver.connections()), (status, 1), "{place}");
        }
    }
}

#[tokio::test]
async fn an_own_listener_is_refused_though_its_range_is_allowed() {
    let receiver = Receiver::answering(NO_CONTENT).await;
    let port = receiver.address.port();
    for listener in [
        format!("127.0.0.1:{port}"),
        format!("0.0.0.0:{port}"),
        format!("[::]:{port}"),
    ] {
        let mut config = config();
        config.egress.own_listeners = vec![listener.parse().expect("an address")];
        let client = Client::new(config).expect("a client");
        for host in ["127.0.0.1", "localhost"] {
            let url = format!("http://{host}:{port}/");
            fails(&client, &url, FailureKind::Refused, "itself listens").await;
        }
    }
    assert_eq!(receiver.connections(), 0);
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let refused = |change: fn(&mut Config)| {
        let mut config = Config::default();
        change(&mut config);
        Client::new(config).err()
    };
    assert!(refused(|_| {}).is_none());
    assert!(matches!(
        refused(|c| c.user_agent = "a\nb".into()),
        Some(ConfigError::UserAgent(_))
    ));
    assert!(matches!(
        refused(|c| c.response_head_max = 8191),
        Some(ConfigError::HeadMax(8191))
    ));
    assert!(matches!(
        refused(|c| c.response_head_max = 1 << 33),
        Some(ConfigError::HeadMaxHuge(_))
    ));
    assert!(matches!(
        refused(|c| c.response_headers_max = 0),
        Some(ConfigError::HeadersMax)
    ));
    assert!(matches!(
        refused(|c| c.extra_roots = b"x".to_vec()),
        Some(ConfigError::ExtraRoots(_))
    ));
}
