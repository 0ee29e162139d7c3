//! How an endpoint's requests show who sends them: its secret headers, its tokens, and a TLS of its own.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use proto::EndpointAuth;
use queue::{
    endpoint::Endpoint,
    outcome::{Failure, FailureKind, Outcome, Timing},
};

use crate::{
    oauth::{self, Tokens},
    push::{self, Identity},
};

/// The clients that attempts are made with.
#[derive(Debug)]
pub(crate) struct Clients {
    /// For endpoints with no TLS of their own, which share its connections by host.
    everyones: push::Client,
    /// For access tokens, which may be longer than what is kept of an endpoint's answer.
    tokens: push::Client,
}

/// Bytes of a token server's answer that are read: the largest token that fits a header, many times over.
const TOKEN_ANSWER: usize = 64 << 10;

impl Clients {
    pub(crate) fn new(config: &push::Config) -> Result<Self, push::ConfigError> {
        let everyones = push::Client::new(config.clone())?;
        let tokens = everyones.keeping(TOKEN_ANSWER, 1)?;
        Ok(Self { everyones, tokens })
    }
}

/// What an endpoint's requests have besides, made once.
#[derive(Debug)]
pub(crate) struct Access {
    /// Marked as secret, so that no formatting shows them.
    headers: HeaderMap,
    tokens: Option<Tokens>,
    /// A client of its own; `None` for everyone's.
    client: Option<push::Client>,
    /// Why none of its requests can be made.
    broken: Option<Failure>,
}

/// The TLS that an endpoint's settings ask for.
pub fn identity(auth: &EndpointAuth) -> Identity {
    Identity {
        authorities: auth.authorities.clone(),
        certificate: auth.client_certificate.clone(),
        min: auth.tls_min,
    }
}

impl Access {
    pub(crate) fn of(endpoint: &Endpoint, clients: &Clients) -> Self {
        let mut access = Self {
            headers: HeaderMap::new(),
            tokens: None,
            client: None,
            broken: None,
        };
        let Some(auth) = &endpoint.auth else { return access };
        for (name, value) in &auth.headers {
            // They were checked when they were set.
            if let (Ok(name), Ok(mut value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                value.set_sensitive(true);
                access.headers.insert(name, value);
            }
        }
        let basic = auth.basic.as_ref();
        let own = match (basic, auth.bearer.as_deref()) {
            (Some(basic), _) => oauth::basic(&basic.username, &basic.password),
            (None, Some(token)) => oauth::bearer(token),
            (None, None) => None,
        };
        access
            .headers
            .extend(own.map(|value| (header::AUTHORIZATION, value)));
        if let Some(oauth2) = &auth.oauth2 {
            access.tokens = Tokens::new(oauth2, clients.tokens.clone());
            if access.tokens.is_none() {
                access.broken = Some(cannot("auth.oauth2.token_url is no URL"));
            }
        }
        let identity = identity(auth);
        if !identity.is_everyones() {
            match clients.everyones.with_identity(&identity) {
                Ok(client) => access.client = Some(client),
                Err(error) => access.broken = Some(cannot(&error.to_string())),
            }
        }
        access
    }

    /// Adds what is the same for every request. It stands in the place of what task and endpoint have of the same name.
    pub(crate) fn add(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
    }

    /// Has the request made and pushes it, with a token if it takes one: fetching that is part of the attempt and of its time, which is `limit`.
    pub(crate) async fn push(
        &self,
        clients: &Clients,
        make: &(dyn Fn() -> push::Request + Sync),
        limit: Duration,
        clock: fn() -> DateTime<Utc>,
    ) -> (Outcome, Timing) {
        if let Some(failure) = &self.broken {
            return (Outcome::Failed(failure.clone()), Timing::default());
        }
        let client = self.client.as_ref().unwrap_or(&clients.everyones);
        match &self.tokens {
            None => client.push(make, clock).await,
            // What it takes besides has no room in every attempt.
            Some(tokens) => Box::pin(push_with(tokens, client, make, limit, clock)).await,
        }
    }
}

/// Pushes a request with a token. One that was kept may have been withdrawn since, which nobody tells but the endpoint, and which is no fault of
/// the delivery's: answered 401, the request is made once more with a new token, in the time that is left, and the second answer stands. Nothing
/// better comes than a token that is new already, so with such a one the first answer stands.
///
/// The time in all is that of everything; its parts are those of the last request.
async fn push_with(
    tokens: &Tokens,
    client: &push::Client,
    make: &(dyn Fn() -> push::Request + Sync),
    limit: Duration,
    clock: fn() -> DateTime<Utc>,
) -> (Outcome, Timing) {
    let begun = Instant::now();
    let mut timing = Timing::default();
    let mut again = false;
    let outcome = loop {
        let left = limit.saturating_sub(begun.elapsed());
        let fetched = tokio::time::timeout(left, tokens.token(clock)).await;
        let late = |_| Err(cannot(&format!("no access token came within {limit:?}")));
        let token = match fetched.unwrap_or_else(late) {
            Ok(token) => token,
            Err(failure) if again => break Outcome::Failed(without_another(failure)),
            Err(failure) => break Outcome::Failed(failure),
        };
        let left = limit.saturating_sub(begun.elapsed());
        let make = || {
            let mut request = make();
            request.headers.insert(header::AUTHORIZATION, token.value.clone());
            request.timeout = left;
            request
        };
        let (outcome, parts) = client.push(&make, clock).await;
        timing = parts;
        if !matches!(&outcome, Outcome::Answered(answer) if answer.status == 401) {
            break outcome;
        }
        token.refuse();
        if again || !token.is_older_than(begun) {
            break outcome;
        }
        again = true;
    };
    timing.total_us = micros(begun.elapsed());
    (outcome, timing)
}

/// The failure of an attempt whose token was refused, and for which no other came.
fn without_another(mut failure: Failure) -> Failure {
    failure.detail = format!(
        "the endpoint answered 401 to the access token that was kept, and {}",
        failure.detail
    );
    failure
}

fn cannot(detail: &str) -> Failure {
    Failure {
        kind: FailureKind::Auth,
        detail: detail.to_owned(),
    }
}

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use bytes::Bytes;
    use futures_util::future::join_all;
    use http::Uri;
    use proto::OAuth2;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
        sync::Barrier,
    };

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    fn clock() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    /// A token server, which gives `token-0`, `token-1` and so on, and an endpoint, which takes none of them that is older than `oldest`.
    struct Peer {
        given: AtomicUsize,
        requests: AtomicUsize,
        oldest: AtomicUsize,
        /// Refusals wait for each other, so many of them.
        refusals: Barrier,
    }

    impl Peer {
        /// Answers what comes over a connection, until it is closed.
        async fn serve(&self, mut tcp: TcpStream) -> std::io::Result<()> {
            loop {
                let head = read_request(&mut tcp).await?;
                let (status, body) = if head.starts_with("POST /token ") {
                    let number = self.given.fetch_add(1, Ordering::SeqCst);
                    (
                        200,
                        format!(r#"{{"access_token":"token-{number}","expires_in":3600}}"#),
                    )
                } else {
                    self.requests.fetch_add(1, Ordering::SeqCst);
                    let (_, number) = head.split_once("Bearer token-").expect("a token");
                    let number = number.lines().next().expect("a line").parse::<usize>();
                    if number.expect("a number") >= self.oldest.load(Ordering::SeqCst) {
                        (200, String::new())
                    } else {
                        self.refusals.wait().await;
                        (401, String::new())
                    }
                };
                let length = body.len();
                let answer = format!("HTTP/1.1 {status} So\r\ncontent-length: {length}\r\n\r\n{body}");
                tcp.write_all(answer.as_bytes()).await?;
            }
        }
    }

    /// The head of the next request, whose body is read as well.
    async fn read_request(tcp: &mut TcpStream) -> std::io::Result<String> {
        let mut head = vec![];
        while !head.ends_with(b"\r\n\r\n") {
            head.push(tcp.read_u8().await?);
        }
        let head = String::from_utf8(head).expect("a head is text");
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.expect("a length").parse().expect("a number")];
        tcp.read_exact(&mut body).await?;
        Ok(head)
    }

    /// What posts to a peer with its tokens.
    struct Sender {
        peer: Arc<Peer>,
        url: Uri,
        access: Access,
        clients: Clients,
    }

    impl Sender {
        async fn start(refusals: usize) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let at = listener.local_addr().expect("an address");
            let peer = Arc::new(Peer {
                given: AtomicUsize::new(0),
                requests: AtomicUsize::new(0),
                oldest: AtomicUsize::new(0),
                refusals: Barrier::new(refusals),
            });
            let serving = Arc::clone(&peer);
            tokio::spawn(async move {
                while let Ok((tcp, _)) = listener.accept().await {
                    let peer = Arc::clone(&serving);
                    tokio::spawn(async move { peer.serve(tcp).await });
                }
            });
            let config = push::Config {
                egress: push::Egress {
                    allow: vec!["127.0.0.1/32".parse().expect("a range")],
                    own_listeners: vec![],
                },
                ..push::Config::default()
            };
            let clients = Clients::new(&config).expect("clients");
            let how = OAuth2 {
                token_url: format!("http://{at}/token"),
                client_id: "me".to_owned(),
                client_secret: "zebra".to_owned(),
                scope: None,
                audience: None,
                in_body: true,
            };
            let access = Access {
                headers: HeaderMap::new(),
                tokens: Tokens::new(&how, clients.tokens.clone()),
                client: None,
                broken: None,
            };
            Self {
                peer,
                url: format!("http://{at}/hook").parse().expect("a URL"),
                access,
                clients,
            }
        }

        /// The status that a push comes to.
        async fn push(&self) -> Result<u16, Failure> {
            let make = || push::Request {
                url: self.url.clone(),
                headers: HeaderMap::new(),
                body: Bytes::from_static(b"{}"),
                timeout: LIMIT,
                connect_timeout: LIMIT,
            };
            let (outcome, _) = self.access.push(&self.clients, &make, LIMIT, clock).await;
            match outcome {
                Outcome::Answered(answer) => Ok(answer.status),
                Outcome::Failed(failure) => Err(failure),
            }
        }

        fn refuse_older_than(&self, oldest: usize) {
            self.peer.oldest.store(oldest, Ordering::SeqCst);
        }

        /// How many tokens were given, and how many requests were made with them.
        fn counts(&self) -> (usize, usize) {
            let (given, requests) = (&self.peer.given, &self.peer.requests);
            (given.load(Ordering::SeqCst), requests.load(Ordering::SeqCst))
        }
    }

    #[tokio::test]
    async fn a_token_that_was_withdrawn_is_replaced_once_for_all_who_used_it() {
        const AT_ONCE: usize = 64;
        let sender = Sender::start(AT_ONCE).await;
        assert_eq!(sender.push().await, Ok(200));
        sender.refuse_older_than(1);
        let statuses = join_all((0..AT_ONCE).map(|_| sender.push())).await;
        assert!(statuses.iter().all(|status| *status == Ok(200)), "{statuses:?}");
        assert_eq!(sender.counts(), (2, 1 + 2 * AT_ONCE));
    }

    #[tokio::test]
    async fn a_token_that_is_new_and_refused_is_not_tried_again() {
        let sender = Sender::start(1).await;
        sender.refuse_older_than(usize::MAX);
        assert_eq!(sender.push().await, Ok(401));
        assert_eq!(sender.counts(), (1, 1));
        // The next one has one of its own.
        assert_eq!(sender.push().await, Ok(401));
        assert_eq!(sender.counts(), (2, 2));
        sender.refuse_older_than(2);
        assert_eq!(sender.push().await, Ok(200));
        assert_eq!(sender.counts(), (3, 3));
        // One that was kept is replaced, and the one in its place is not.
        sender.refuse_older_than(usize::MAX);
        assert_eq!(sender.push().await, Ok(401));
        assert_eq!(sender.counts(), (4, 5));
    }
}
