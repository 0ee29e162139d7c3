//! Making a connection: resolve, ask the guard about every address, connect to one it allowed, TLS where the URL asks
//! for it. One deadline over all of it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::Uri;
use queue::outcome::{Failure, FailureKind};
use rustls::RootCertStore;
use tokio::net::TcpStream;
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;

use super::progress::{self, Parts, Stage, micros_since};
use super::proxy::{Proxy, ProxyError};
use super::resolve::Resolver;
use super::stream::Stream;
use super::tls::{self, Identity, IdentityError};
use super::{Config, ConfigError, Egress, Refusal};

/// How long an address may keep the next one waiting (RFC 8305, section 5, recommends this).
const STAGGER: Duration = Duration::from_millis(250);

/// How many addresses of a name are tried. More would make a name with a thousand addresses a port scanner.
const ADDRESSES_TRIED: usize = 8;

/// Why no connection came about. Its text is a sentence for whoever runs the endpoint.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("the URL is not one of http or https with a host")]
    Url,
    #[error("the name {host} does not resolve: {source}")]
    Resolve { host: String, source: Arc<io::Error> },
    #[error("the name {host} resolves to no address")]
    NoAddress { host: String },
    #[error("the name {host} did not resolve within {limit:?}")]
    ResolveTimeout { host: String, limit: Duration },
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("no connection to {at}: {}", explain(source))]
    Connect { at: String, source: io::Error },
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    #[error("no connection to {at} within {limit:?}")]
    ConnectTimeout { at: String, limit: Duration },
    #[error("the TLS handshake with {host} failed: {}", tls::explain(source))]
    Tls { host: String, source: io::Error },
    #[error("the TLS handshake with {host} did not end within {limit:?} of starting to connect")]
    TlsTimeout { host: String, limit: Duration },
}

impl ConnectError {
    pub(super) fn failure(&self) -> Failure {
        let kind = match self {
            Self::Resolve { .. } | Self::NoAddress { .. } | Self::ResolveTimeout { .. } => FailureKind::Dns,
            Self::Refused(_) => FailureKind::Refused,
            Self::Url | Self::Connect { .. } | Self::Proxy(_) | Self::ConnectTimeout { .. } => {
                FailureKind::Connect
            }
            Self::Tls { .. } | Self::TlsTimeout { .. } => FailureKind::Tls,
        };
        Failure {
            kind,
            detail: self.to_string(),
        }
    }
}

/// What a failed TCP connect means.
fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there".to_owned(),
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
            "there is no route to it".to_owned()
        }
        io::ErrorKind::TimedOut => "it does not answer".to_owned(),
        _ => error.to_string(),
    }
}

/// Makes connections.
#[derive(Clone)]
pub(super) struct Connector(Arc<Means>);

struct Means {
    egress: Egress,
    resolver: Resolver,
    dns_timeout: Duration,
    proxy: Option<Arc<Proxy>>,
    roots: Arc<RootCertStore>,
    tls: TlsConnector,
}

/// Where to, as the URL says it.
struct Target<'a> {
    https: bool,
    host: &'a str,
    port: u16,
}

impl Connector {
    pub(super) fn new(config: &Config) -> Result<Self, ConfigError> {
        let roots = Arc::new(tls::roots(&config.extra_roots)?);
        let tls = tls::connector(Arc::clone(&roots), &Identity::default())
            .map_err(|error| ConfigError::Tls(error.problem))?;
        Ok(Self(Arc::new(Means {
            egress: config.egress.clone(),
            resolver: Resolver::default(),
            dns_timeout: config.dns_timeout,
            proxy: config.proxy.clone().map(Arc::new),
            roots,
            tls,
        })))
    }

    /// The same with a TLS of an endpoint's own.
    pub(super) fn with(&self, own: &Identity) -> Result<Self, IdentityError> {
        let means = &self.0;
        Ok(Self(Arc::new(Means {
            egress: means.egress.clone(),
            resolver: means.resolver.clone(),
            dns_timeout: means.dns_timeout,
            proxy: means.proxy.clone(),
            roots: Arc::clone(&means.roots),
            tls: tls::connector(Arc::clone(&means.roots), own)?,
        })))
    }

    /// A connection to where a URL leads, made within `limit`.
    pub(super) async fn connect(&self, url: &Uri, limit: Duration) -> Result<Stream, ConnectError> {
        self.0.connect(url, limit).await
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

impl Means {
    async fn connect(&self, url: &Uri, limit: Duration) -> Result<Stream, ConnectError> {
        let target = Target::of(url)?;
        let deadline = tokio::time::Instant::now() + limit;
        let mut parts = Parts::default();

        let addresses = self.vetted(&target, limit, &mut parts).await?;

        progress::enter(Stage::Connecting);
        let started = Instant::now();
        let tcp = timeout_at(deadline, self.open(&target, &addresses))
            .await
            .map_err(|_| ConnectError::ConnectTimeout {
                at: target.at(),
                limit,
            })??;
        parts.connect = Some(micros_since(started));
        progress::note(parts);

        if !target.https {
            return Ok(Stream::plain(tcp));
        }

        progress::enter(Stage::Handshaking);
        let started = Instant::now();
        let host = || target.host.to_owned();
        let name = tls::server_name(target.host).ok_or(ConnectError::Url)?;
        let tls = timeout_at(deadline, self.tls.connect(name, tcp))
            .await
            .map_err(|_| ConnectError::TlsTimeout { host: host(), limit })?
            .map_err(|source| ConnectError::Tls { host: host(), source })?;
        parts.tls = Some(micros_since(started));
        progress::note(parts);
        Ok(Stream::tls(tls))
    }

    /// The addresses that may be connected to, best first.
    async fn vetted(
        &self,
        target: &Target<'_>,
        limit: Duration,
        parts: &mut Parts,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        if let Ok(ip) = target.host.parse::<IpAddr>() {
            let address = SocketAddr::new(ip, target.port);
            self.egress.vet(address)?;
            return Ok(vec![address]);
        }
        progress::enter(Stage::Resolving);
        let started = Instant::now();
        let limit = limit.min(self.dns_timeout);
        let host = || target.host.to_owned();
        let found = tokio::time::timeout(limit, self.resolver.resolve(target.host))
            .await
            .map_err(|_| ConnectError::ResolveTimeout { host: host(), limit })?
            .map_err(|source| ConnectError::Resolve { host: host(), source })?;
        parts.dns = Some(micros_since(started));
        progress::note(*parts);

        let mut refusal = None;
        let mut vetted = Vec::with_capacity(found.len());
        for &ip in found.iter() {
            let address = SocketAddr::new(ip, target.port);
            match self.egress.vet(address) {
                Ok(()) => vetted.push(address),
                Err(refused) => refusal = Some(refused),
            }
        }
        match refusal {
            Some(refusal) if vetted.is_empty() => Err(refusal.into()),
            _ if vetted.is_empty() => Err(ConnectError::NoAddress { host: host() }),
            _ => Ok(alternate(vetted)),
        }
    }

    /// A connection to one of these addresses: directly, or through the proxy, which is told the address and never the name.
    async fn open(&self, target: &Target<'_>, addresses: &[SocketAddr]) -> Result<TcpStream, ConnectError> {
        if let Some(proxy) = &self.proxy {
            return Ok(proxy.connect(&self.resolver, addresses).await?);
        }
        race(addresses)
            .await
            .and_then(|(tcp, address)| self.ready(tcp, address))
            .map_err(|source| ConnectError::Connect {
                at: target.at(),
                source,
            })?
            .map_err(ConnectError::from)
    }

    /// The last look at a connection before anything is sent over it.
    fn ready(&self, tcp: TcpStream, address: SocketAddr) -> io::Result<Result<TcpStream, Refusal>> {
        if let Err(refusal) = self.egress.vet_connected(tcp.local_addr()?, address) {
            return Ok(Err(refusal));
        }
        // A request is written whole: waiting for more to put in a packet only adds latency.
        tcp.set_nodelay(true)?;
        Ok(Ok(tcp))
    }
}

impl<'a> Target<'a> {
    fn of(url: &'a Uri) -> Result<Self, ConnectError> {
        let https = match url.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(ConnectError::Url),
        };
        let host = url.host().ok_or(ConnectError::Url)?;
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        Ok(Self {
            https,
            host: bare.unwrap_or(host),
            port: url.port_u16().unwrap_or(if https { 443 } else { 80 }),
        })
    }

    /// Host and port as people write them.
    fn at(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// The first addresses to try, of IPv4 and IPv6 in turn, so that a family that leads nowhere delays but one try. Keeps
/// the order within a family, and which family comes first.
fn alternate(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (preferred, other): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv4() == first_is_v4);
    let mut preferred = preferred.into_iter();
    let mut other = other.into_iter();
    let mut turns = Vec::new();
    while turns.len() < ADDRESSES_TRIED {
        let before = turns.len();
        turns.extend(preferred.next());
        turns.extend(other.next());
        if turns.len() == before {
            break;
        }
    }
    turns.truncate(ADDRESSES_TRIED);
    turns
}

/// Connects to whichever address answers first. Each starts when the one before has failed or has kept it waiting
/// for [`STAGGER`]; the rest are dropped once one is connected.
async fn race(addresses: &[SocketAddr]) -> io::Result<(TcpStream, SocketAddr)> {
    let mut waiting = addresses.iter();
    let mut under_way = FuturesUnordered::new();
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        if let Some(&address) = waiting.next() {
            under_way.push(async move { Ok((TcpStream::connect(address).await?, address)) });
        }
        let more = !waiting.as_slice().is_empty();
        tokio::select! {
            ended = under_way.next() => match ended {
                Some(Ok(connected)) => return Ok(connected),
                Some(Err(error)) => failure = error,
                None => return Err(failure),
            },
            () = tokio::time::sleep(STAGGER), if more => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use parking_lot::Mutex;

    use super::*;

    fn addresses(written: &[&str]) -> Vec<SocketAddr> {
        written
            .iter()
            .map(|ip| SocketAddr::new(ip.parse().expect("an address"), 1))
            .collect()
    }

    #[test]
    fn families_take_turns() {
        let cases: [(&[&str], &[&str]); 5] = [
            (&[], &[]),
            (&["1.1.1.1"], &["1.1.1.1"]),
            (
                &["2600::1", "2600::2", "1.1.1.1"],
                &["2600::1", "1.1.1.1", "2600::2"],
            ),
            (
                &["1.1.1.1", "2600::1", "2600::2", "2600::3"],
                &["1.1.1.1", "2600::1", "2600::2", "2600::3"],
            ),
            (
                &["2600::1", "1.1.1.1", "1.1.1.2"],
                &["2600::1", "1.1.1.1", "1.1.1.2"],
            ),
        ];
        for (given, expected) in cases {
            assert_eq!(alternate(addresses(given)), addresses(expected));
        }
        let many: Vec<_> = (0..=255).map(|n| SocketAddr::from(([1, 1, 1, n], 1))).collect();
        assert_eq!(alternate(many.clone()), many[..ADDRESSES_TRIED]);
    }

    #[test]
    fn a_target_is_read_from_its_url() {
        let cases = [
            ("http://example.com/a", "example.com:80", false),
            ("https://example.com", "example.com:443", true),
            ("https://[2600::1]:8443/a?b", "[2600::1]:8443", true),
            ("http://127.0.0.1:1/", "127.0.0.1:1", false),
        ];
        for (url, at, https) in cases {
            let url: Uri = url.parse().expect("a URL");
            let target = Target::of(&url).expect("a target");
            assert_eq!((target.at().as_str(), target.https), (at, https));
        }
        for url in ["ftp://example.com/", "/path", "example.com:80"] {
            let url: Uri = url.parse().expect("a URL");
            assert!(matches!(Target::of(&url), Err(ConnectError::Url)));
        }
    }

    #[tokio::test]
    async fn a_dead_address_does_not_keep_a_live_one_waiting() {
        let live = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        // A listener whose queue is full answers no one: a dead address that does not even refuse.
        let dead = tokio::net::TcpSocket::new_v4().expect("a socket");
        dead.bind("127.0.0.1:0".parse().expect("an address"))
            .expect("a port");
        let dead = dead.listen(1).expect("listening");
        let at = dead.local_addr().expect("an address");
        let mut fillers = Vec::new();
        while let Ok(filler) = tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(at)).await
        {
            fillers.push(filler);
        }
        let closed = SocketAddr::from(([127, 0, 0, 1], 1));
        let live_at = live.local_addr().expect("an address");
        let (tcp, address) = tokio::time::timeout(Duration::from_secs(20), race(&[at, closed, live_at]))
            .await
            .expect("before the dead address is given up")
            .expect("connected");
        assert_eq!(
            (tcp.peer_addr().expect("an address"), address),
            (live_at, live_at)
        );
    }

    #[tokio::test]
    async fn when_every_address_fails_so_does_the_race() {
        let closed = SocketAddr::from(([127, 0, 0, 1], 1));
        let error = race(&[closed, closed]).await.expect_err("port 1 is closed");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(race(&[]).await.is_err());
    }

    /// What names resolve to, one answer a lookup.
    type Script = Arc<Mutex<VecDeque<Vec<IpAddr>>>>;

    /// A connector that finds these addresses, lookup by lookup, and may connect to 127.0.0.2 only; and the answers that nobody has asked for.
    fn scripted(answers: &[&[&str]]) -> (Means, Script) {
        let ips = |answer: &&[&str]| answer.iter().map(|ip| ip.parse().expect("an address")).collect();
        let script: Script = Arc::new(Mutex::new(answers.iter().map(ips).collect()));
        let asked = Arc::clone(&script);
        let roots = Arc::new(RootCertStore::empty());
        let means = Means {
            egress: Egress {
                allow: vec!["127.0.0.2/32".parse().expect("a range")],
                own_listeners: vec![],
            },
            resolver: Resolver::asking(move |_| {
                let next = asked.lock().pop_front().unwrap_or_default();
                Box::pin(std::future::ready(Ok(next)))
            }),
            dns_timeout: Duration::from_secs(5),
            proxy: None,
            tls: tls::connector(Arc::clone(&roots), &Identity::default()).expect("a connector"),
            roots,
        };
        (means, script)
    }

    /// A name whose owner lets it lead elsewhere once it was judged (DNS rebinding) gains nothing: there is one lookup a connection, and
    /// that goes to an address of its answer which was judged.
    #[tokio::test]
    async fn a_name_that_changes_its_mind_is_judged_anew_and_connected_to_as_judged() {
        let fine = tokio::net::TcpListener::bind("127.0.0.2:0")
            .await
            .expect("a port");
        let port = fine.local_addr().expect("an address").port();
        // The inner service listens on the same port.
        let inner = tokio::net::TcpListener::bind(("127.0.0.1", port))
            .await
            .expect("the port");
        let url: Uri = format!("http://rebinding.example:{port}/")
            .parse()
            .expect("a URL");
        let (means, script) = scripted(&[
            &["127.0.0.2"],
            &["127.0.0.1"],
            &["127.0.0.1", "127.0.0.2"],
            &["::ffff:127.0.0.1"],
            &["169.254.169.254", "::1"],
            &[],
        ]);
        let limit = Duration::from_secs(20);
        for (reached, left) in [
            (true, 5),
            (false, 4),
            (true, 3),
            (false, 2),
            (false, 1),
            (false, 0),
        ] {
            let made = means.connect(&url, limit).await;
            assert_eq!(made.is_ok(), reached, "{:?}", made.err());
            assert_eq!(script.lock().len(), left, "one lookup a connection");
            if let Err(error) = made {
                let kind = error.failure().kind;
                let expected = if left == 0 {
                    FailureKind::Dns
                } else {
                    FailureKind::Refused
                };
                assert_eq!(kind, expected, "{error}");
            }
        }
        for _ in 0..2 {
            let (_, from) = fine.accept().await.expect("a connection");
            assert!(from.ip().is_loopback());
        }
        let none = tokio::time::timeout(Duration::from_millis(200), inner.accept()).await;
        assert!(none.is_err(), "the inner service was never reached");
    }
}
