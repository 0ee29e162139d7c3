//! Connections that are kept alive, and receivers that close them at the worst moments.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dispatcher::push::{Client, Config};
use queue::outcome::FailureKind;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use crate::receiver::{Receiver, answered, client, config, fails, read_request, rest};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A receiver that answers every request, on as few connections as it is given.
async fn polite() -> Receiver {
    Receiver::start(|mut tcp, _| async move {
        while read_request(&mut tcp).await.is_some() {
            tcp.write_all(OK).await.expect("written");
        }
    })
    .await
}

#[tokio::test]
async fn one_connection_serves_one_push_after_the_other() {
    let receiver = polite().await;
    let client = client();
    for number in 0..50 {
        let (_, timing) = answered(&client, &receiver.url()).await;
        assert_eq!(timing.connect_us.is_some(), number == 0, "push {number}");
    }
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn a_name_is_resolved_for_the_connection_only() {
    let receiver = polite().await;
    let client = client();
    let url = format!("http://localhost:{}/", receiver.address.port());
    let (_, first) = answered(&client, &url).await;
    let (_, second) = answered(&client, &url).await;
    assert!(first.dns_us.is_some() && first.connect_us.is_some() && first.tls_us.is_none());
    assert!(second.dns_us.is_none() && second.connect_us.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receivers_that_close_between_requests_cost_nothing() {
    // At once, and some time later, when the connection has been put back.
    for pause in [0, 1, 5] {
        let receiver = Receiver::start(move |mut tcp, _| async move {
            if read_request(&mut tcp).await.is_some() {
                let _ = tcp.write_all(OK).await;
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
        })
        .await;
        let client = client();
        for push in 0..100 {
            answered(&client, &receiver.url()).await;
            tokio::time::sleep(Duration::from_millis(push % 3)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receivers_that_say_goodbye_first_cost_nothing() {
    let receiver = Receiver::start(|mut tcp, _| async move {
        if read_request(&mut tcp).await.is_some() {
            let _ = tcp.write_all(OK).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
            let _ = tcp
                .write_all(b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n\r\n")
                .await;
        }
    })
    .await;
    let client = client();
    for push in 0..50 {
        let (answer, _) = answered(&client, &receiver.url()).await;
        assert_eq!(answer.status, 200);
        tokio::time::sleep(Duration::from_millis(push % 4)).await;
    }
}

/// The nastiest: the connection is there when the request is sent, and closed on seeing it.
#[tokio::test]
async fn a_kept_connection_that_dies_on_a_request_is_made_up_for() {
    for abort in [false, true] {
        let receiver = Receiver::start(move |mut tcp, _| async move {
            if read_request(&mut tcp).await.is_some() {
                let _ = tcp.write_all(OK).await;
                read_request(&mut tcp).await;
                if abort {
                    let _ = tcp.set_zero_linger();
                }
            }
        })
        .await;
        let client = client();
        for _ in 0..20 {
            let (_, timing) = answered(&client, &receiver.url()).await;
            assert!(
                timing.connect_us.is_some(),
                "each push was answered on a connection of its own"
            );
        }
    }
}

#[tokio::test]
async fn it_is_made_up_for_once() {
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    let receiver = Receiver::start(move |mut tcp, _| {
        let counted = Arc::clone(&counted);
        async move {
            while read_request(&mut tcp).await.is_some() {
                // Only the very first is answered.
                if counted.fetch_add(1, Ordering::SeqCst) > 0 {
                    return;
                }
                tcp.write_all(OK).await.expect("written");
            }
        }
    })
    .await;
    let client = client();
    answered(&client, &receiver.url()).await;
    fails(&client, &receiver.url(), FailureKind::Reset, "without answering").await;
    assert_eq!(requests.load(Ordering::SeqCst), 3);
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn an_answer_that_had_begun_is_not_asked_for_again() {
    let receiver = Receiver::start(|mut tcp, _| async move {
        read_request(&mut tcp).await;
        tcp.write_all(OK).await.expect("written");
        if read_request(&mut tcp).await.is_some() {
            tcp.write_all(b"HTTP/1.1 200 OK\r\ncontent-le")
                .await
                .expect("written");
        }
    })
    .await;
    let client = client();
    answered(&client, &receiver.url()).await;
    fails(&client, &receiver.url(), FailureKind::Reset, "without answering").await;
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn a_body_that_was_cut_leaves_no_connection_behind() {
    let receiver = Receiver::start(|mut tcp, _| async move {
        read_request(&mut tcp).await;
        let _ = tcp
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n")
            .await;
        let _ = tcp.write_all(&vec![b'x'; 65_536]).await;
        rest(tcp).await;
    })
    .await;
    let client = client();
    for _ in 0..3 {
        let (answer, timing) = answered(&client, &receiver.url()).await;
        assert!(answer.truncated && timing.connect_us.is_some());
    }
    assert_eq!(receiver.connections(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_are_all_answered() {
    let receiver = Receiver::start(|mut tcp, _| async move {
        // Each connection bears a few requests, then closes without a word.
        for _ in 0..3 {
            if read_request(&mut tcp).await.is_none() {
                return;
            }
            let _ = tcp.write_all(OK).await;
        }
    })
    .await;
    let client = client();
    let mut pushes = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (client, url) = (client.clone(), receiver.url());
        pushes.spawn(async move {
            for _ in 0..25 {
                answered(&client, &url).await;
            }
        });
    }
    while let Some(pushed) = pushes.join_next().await {
        pushed.expect("every push was answered");
    }
}

/// Nobody else would ever close them.
#[tokio::test]
async fn idle_connections_are_let_go_of() {
    let (ended, mut ends) = mpsc::unbounded_channel();
    let receiver = Receiver::start(move |mut tcp, number| {
        let ended = ended.clone();
        async move {
            while read_request(&mut tcp).await.is_some() {
                tcp.write_all(OK).await.expect("written");
            }
            let _ = ended.send(number);
        }
    })
    .await;
    let client = Client::new(Config {
        pool_idle_timeout: Duration::from_millis(200),
        ..config()
    });
    let client = client.expect("a client");
    answered(&client, &receiver.url()).await;
    // With no further push.
    let end = tokio::time::timeout(Duration::from_secs(20), ends.recv()).await;
    assert_eq!(end.expect("it was closed"), Some(0));
    // And what looks after them begins anew.
    answered(&client, &receiver.url()).await;
    let end = tokio::time::timeout(Duration::from_secs(20), ends.recv()).await;
    assert_eq!(end.expect("it was closed"), Some(1));
}

#[tokio::test]
async fn none_is_kept_where_none_may_be() {
    let receiver = polite().await;
    let client = Client::new(Config {
        pool_idle_per_host: 0,
        ..config()
    });
    let client = client.expect("a client");
    for _ in 0..3 {
        answered(&client, &receiver.url()).await;
    }
    assert_eq!(receiver.connections(), 3);
}
