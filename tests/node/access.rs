//! How requests show who sends them, what they are signed with, and that none of them goes in a circle.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::Method;
use proto::{Endpoint, RevealedSecret, TaskState};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::harness::{Api, Home, Receiver, Reply};

/// A token server: counts what it is asked, and gives a new token each time, or refuses.
struct TokenServer {
    url: String,
    asked: Arc<AtomicUsize>,
    refuses: Arc<AtomicUsize>,
}

impl TokenServer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/token", listener.local_addr().expect("an address"));
        let (asked, refuses) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (counted, refusing) = (Arc::clone(&asked), Arc::clone(&refuses));
        tokio::spawn(async move {
            while let Ok((mut tcp, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !String::from_utf8_lossy(&request).contains("scope=hooks") {
                    let mut part = [0; 1024];
                    match tcp.read(&mut part).await {
                        Ok(n) if n > 0 => request.extend(&part[..n]),
                        _ => break,
                    }
                }
                let request = String::from_utf8_lossy(&request).into_owned();
                // `a b:` and `zebra` as RFC 6749, section 2.3.1, writes them.
                let known = format!("authorization: Basic {}", STANDARD.encode("a+b%3A:zebra"));
                assert!(request.contains(&known), "{request}");
                assert!(request.contains("grant_type=client_credentials"), "{request}");
                let number = counted.fetch_add(1, Ordering::SeqCst);
                let (status, body) = if refusing.load(Ordering::SeqCst) > 0 {
                    (
                        "401 Unauthorized",
                        r#"{"error":"invalid_client","error_description":"zebra"}"#.to_owned(),
                    )
                } else {
                    (
                        "200 OK",
                        format!(
                            r#"{{"access_token":"token-{number}","token_type":"Bearer","expires_in":3600}}"#
                        ),
                    )
                };
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                );
                let _ = tcp.write_all(answer.as_bytes()).await;
            }
        });
        Self { url, asked, refuses }
    }
}

async fn make(api: &Api, url: &str, auth: Value) -> Endpoint {
    let new = json!({"url": url, "auth": auth, "settings": {"retry": {"attempts": 3, "schedule": ["1ms"]}}});
    api.post("/v1/queues/q/endpoints", &new).await
}

async fn deliver(api: &Api, count: usize) {
    let mut tasks = vec![];
    for n in 0..count {
        tasks.push(api.enqueue("q", json!({ "payload": n })).await);
    }
    for task in tasks {
        api.until_task(task, TaskState::Delivered).await;
    }
}

#[tokio::test]
async fn tokens_are_fetched_once_and_anew_when_they_are_refused_and_no_secret_is_told() {
    let (home, receiver, tokens) = (
        Home::external().await,
        Receiver::start().await,
        TokenServer::start().await,
    );
    let (_node, api) = (home.start(&[]).await, home.api());
    api.make_queue("q").await;
    let auth = json!({
        "headers": {"x-key": "zebra"},
        "oauth2": {"token_url": tokens.url, "client_id": "a b:", "client_secret": "zebra", "scope": "hooks"},
    });
    let endpoint = make(&api, &receiver.url("/"), auth).await;
    let shown = serde_json::to_string(&api.endpoint(endpoint.id).await).expect("JSON");
    assert!(shown.contains("a b:") && !shown.contains("zebra"), "{shown}");
    deliver(&api, 1).await;

    // The token is withdrawn: what has it is sent once more with another one, within the same attempt.
    receiver.answer("/", |arrival| {
        let refused = arrival.header("authorization") == "Bearer token-0";
        Reply::status(if refused { 401 } else { 200 })
    });
    deliver(&api, 20).await;
    assert_eq!(
        tokens.asked.load(Ordering::SeqCst),
        2,
        "one that was withdrawn, and one for all that came after"
    );
    let arrivals = receiver.at("/");
    let good = arrivals
        .iter()
        .filter(|arrival| arrival.header("authorization") == "Bearer token-1");
    assert_eq!(good.count(), 20);
    assert!(arrivals.iter().all(|arrival| arrival.attempt == 1
        && arrival.header("x-key") == "zebra"
        && arrival.header("posthaste-hop") == "1"));

    // A new token that is refused as well: that is final by the standard table.
    receiver.answer("/", |_| Reply::status(401));
    for asked in [3, 4] {
        let refused = api.enqueue("q", json!({"payload": 1})).await;
        api.until_task(refused, TaskState::Dead).await;
        let attempts = api.attempts(refused).await;
        assert!(
            attempts.len() == 1 && attempts[0].status == Some(401),
            "{attempts:?}"
        );
        assert_eq!(tokens.asked.load(Ordering::SeqCst), asked);
    }

    // One that is taken; and when that is withdrawn, the token server gives no other.
    receiver.answer("/", |_| Reply::status(200));
    deliver(&api, 1).await;
    tokens.refuses.store(1, Ordering::SeqCst);
    receiver.answer("/", |_| Reply::status(401));
    let failed = api.enqueue("q", json!({"payload": 1})).await;
    api.until_task(failed, TaskState::Dead).await;
    let attempts = api.attempts(failed).await;
    assert_eq!(attempts.len(), 3, "it is tried again: {attempts:?}");
    for attempt in &attempts {
        assert_eq!(attempt.failure.as_deref(), Some("auth"), "{attempt:?}");
        assert!(
            attempt.reason.contains("invalid_client") && !attempt.reason.contains("zebra"),
            "{attempt:?}"
        );
    }
    assert!(
        attempts[0].reason.contains("the endpoint answered 401"),
        "{attempts:?}"
    );
}

#[tokio::test]
async fn a_mixed_signature_is_verified_with_the_public_key_that_anyone_reads() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, api) = (home.start(&[]).await, home.api());
    api.make_queue("q").await;
    let endpoint = api.make_endpoint("q", &receiver.url("/"), json!({})).await;
    let path = format!("/v1/endpoints/{}/secrets", endpoint.id);
    let added: RevealedSecret = api.post(&path, &json!({"scheme": "v1a"})).await;
    deliver(&api, 1).await;
    let arrival = receiver.at("/").remove(0);
    let jwks: Value = api
        .get(&format!(
            "/.well-known/posthaste/endpoints/{}/jwks.json",
            endpoint.id
        ))
        .await;
    let x = jwks["keys"][0]["x"].as_str().expect("a key");
    let public = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(x)
        .expect("base64");
    assert_eq!(
        added.public_key,
        Some(format!("whpk_{}", STANDARD.encode(&public)))
    );

    let signature = arrival.header("webhook-signature");
    let ed25519 = signature
        .split(' ')
        .find_map(|token| token.strip_prefix("v1a,"))
        .expect("v1a");
    let head = format!("{}.{}.", arrival.id, arrival.header("webhook-timestamp"));
    let content = [head.as_bytes(), &arrival.body].concat();
    ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, &public)
        .verify(&content, &STANDARD.decode(ed25519).expect("base64"))
        .expect("the signature is good");
    let shared =
        standardwebhooks::Webhook::new(endpoint.secret.as_deref().expect("a secret")).expect("a secret");
    shared
        .verify(&arrival.body, &arrival.headers)
        .expect("v1 beside it is good as well");
}

#[tokio::test]
async fn an_endpoint_cannot_lead_back_here_and_circles_of_servers_end() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (node, api) = (home.start(&[]).await, home.api());
    api.make_queue("q").await;
    // Loopback is allowed, and this is loopback; but it is this server.
    let own = format!("http://{}/v1/queues/q/tasks", node.address());
    let new = json!({"url": own, "settings": {"retry": {"attempts": 1}}});
    let refused = api
        .send_json(Method::POST, "/v1/queues/q/endpoints", &new)
        .await
        .expect("an answer");
    assert_eq!(refused.status, 400, "{refused:?}");
    // By name it is noticed when it is connected to.
    let own = format!("http://localhost:{}/v1/queues/q/tasks", node.address().port());
    let new = json!({"url": own, "settings": {"retry": {"attempts": 1}}});
    let made = api
        .send_json(Method::POST, "/v1/queues/q/endpoints", &new)
        .await
        .expect("an answer");
    if made.status == 201 {
        let endpoint: Endpoint = made.json();
        let task = api.enqueue("q", json!({"payload": 1})).await;
        api.until_task(task, TaskState::Dead).await;
        let attempt = api.attempts(task).await.remove(0);
        assert_eq!(attempt.failure.as_deref(), Some("refused"), "{attempt:?}");
        let path = format!("/v1/endpoints/{}", endpoint.id);
        api.send(Method::DELETE, &path, &[], "").await.expect("an answer");
    }
    // Through another server it would come back with a count.
    api.make_endpoint("q", &receiver.url("/"), json!({})).await;
    let sent = async |hops: &str| {
        let headers = [("content-type", "application/json"), ("posthaste-hop", hops)];
        api.send(Method::POST, "/v1/queues/q/tasks", &headers, r#"{"payload":1}"#)
            .await
            .expect("an answer")
    };
    let passed = sent("7").await;
    assert_eq!(passed.status, 202, "{passed:?}");
    let task: proto::Enqueued = passed.json();
    api.until_task(task.id, TaskState::Delivered).await;
    assert_eq!(receiver.at("/").remove(0).header("posthaste-hop"), "8");
    let ended = sent("8").await;
    assert_eq!(ended.status, 400, "{ended:?}");
    assert!(
        String::from_utf8_lossy(&ended.body).contains("circle"),
        "{ended:?}"
    );
}
