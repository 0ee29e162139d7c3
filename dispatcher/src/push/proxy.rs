//! A proxy of the operator's through which connections are made: HTTP (`CONNECT`, RFC 9110, section 9.3.6) or SOCKS5 (RFC 1928, RFC 1929).
//!
//! Names are resolved, and addresses judged, here and not by the proxy: it is told an address, so that it reaches what was vetted and
//! nothing else. It must let such connections pass, to port 80 for `http://` endpoints as well. What it reaches by itself is its operator's
//! matter; it is not judged by the guard, as whoever configured it named it.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use super::resolve::Resolver;

/// The largest head of an answer to `CONNECT`, in bytes: as much as common servers take of a request.
const HEAD_MAX: usize = 8 * 1024;

/// How many of an endpoint's addresses the proxy is asked for: one of each family, as a direct connection tries them first.
const ADDRESSES_TRIED: usize = 2;

/// A proxy. Its credentials are never shown.
#[derive(Clone)]
pub struct Proxy {
    kind: Kind,
    host: String,
    port: u16,
    credentials: Option<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Http,
    Socks5,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({:?} {}:{})", self.kind, self.host, self.port)
    }
}

/// Why the proxy made no connection. Says nothing of where it is, so that it can be shown to whoever registered the endpoint.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProxyError {
    #[error("the proxy through which connections are made cannot be reached")]
    Unreachable(#[source] io::Error),
    #[error("the proxy through which connections are made gave no connection: {0}")]
    Refused(String),
    #[error("the proxy through which connections are made speaks another protocol")]
    Protocol,
}

impl From<io::Error> for ProxyError {
    fn from(error: io::Error) -> Self {
        Self::Unreachable(error)
    }
}

impl FromStr for Proxy {
    type Err = &'static str;

    /// Reads `http://user:password@host:port` or `socks5://…`; the error continues a sentence that begins with the text.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| "is not a URL")?;
        let (kind, usual) = match url.scheme() {
            "http" => (Kind::Http, 80),
            "socks5" => (Kind::Socks5, 1080),
            _ => return Err("does not begin with http:// or socks5://"),
        };
        let host = url
            .host_str()
            .filter(|host| !host.is_empty())
            .ok_or("names no host")?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err("has something behind its port");
        }
        let decoded = |text: &str| -> Option<String> {
            let pair = format!("a={}", text.replace('+', "%2B"));
            Some(
                url::form_urlencoded::parse(pair.as_bytes())
                    .next()?
                    .1
                    .into_owned(),
            )
        };
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => decoded(user).zip(decoded(password.unwrap_or_default())),
        };
        let short = |text: &String| text.len() <= 255;
        if kind == Kind::Socks5
            && credentials
                .as_ref()
                .is_some_and(|(u, p)| !short(u) || !short(p) || u.is_empty())
        {
            return Err("has a user name or password that SOCKS5 cannot carry: 1 to 255 bytes");
        }
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        Ok(Self {
            kind,
            host: bare.unwrap_or(host).to_owned(),
            port: url.port().unwrap_or(usual),
            credentials,
        })
    }
}

impl Proxy {
    /// A connection to one of these addresses, which were vetted, best first.
    pub(super) async fn connect(
        &self,
        resolver: &Resolver,
        addresses: &[SocketAddr],
    ) -> Result<TcpStream, ProxyError> {
        let mut failure = ProxyError::Refused("there is no address to ask it for".to_owned());
        for &address in addresses.iter().take(ADDRESSES_TRIED) {
            let mut tcp = self.reach(resolver).await?;
            let tunnel = match self.kind {
                Kind::Http => self.http(&mut tcp, address).await,
                Kind::Socks5 => self.socks5(&mut tcp, address).await,
            };
            match tunnel {
                Ok(()) => return Ok(tcp),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    async fn reach(&self, resolver: &Resolver) -> io::Result<TcpStream> {
        let ips = match self.host.parse::<IpAddr>() {
            Ok(ip) => [ip].into(),
            Err(_) => resolver
                .resolve(&self.host)
                .await
                .map_err(|error| io::Error::from(error.kind()))?,
        };
        let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for &ip in ips.iter() {
            match TcpStream::connect((ip, self.port)).await {
                Ok(tcp) => {
                    tcp.set_nodelay(true)?;
                    return Ok(tcp);
                }
                Err(error) => failure = error,
            }
        }
        tracing::warn!(proxy = ?self, error = %failure, "the egress proxy cannot be reached");
        Err(failure)
    }

    async fn http(&self, tcp: &mut TcpStream, address: SocketAddr) -> Result<(), ProxyError> {
        let credentials = self.credentials.as_ref().map(|(user, password)| {
            let encoded = STANDARD.encode(format!("{user}:{password}"));
            format!("Proxy-Authorization: Basic {encoded}\r\n")
        });
        let request = format!(
            "CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n{}\r\n",
            credentials.unwrap_or_default()
        );
        tcp.write_all(request.as_bytes()).await?;
        let mut head = Vec::with_capacity(256);
        // A byte at a time: what comes after the head belongs to the endpoint.
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() == HEAD_MAX {
                return Err(ProxyError::Protocol);
            }
            head.push(tcp.read_u8().await?);
        }
        match status(&head) {
            Some(200..=299) => Ok(()),
            Some(407) => Err(ProxyError::Refused("it asks for other credentials".to_owned())),
            Some(status) => Err(ProxyError::Refused(format!("it answered {status}"))),
            None => Err(ProxyError::Protocol),
        }
    }

    async fn socks5(&self, tcp: &mut TcpStream, address: SocketAddr) -> Result<(), ProxyError> {
        const NONE: u8 = 0;
        const PASSWORD: u8 = 2;
        let method = if self.credentials.is_some() {
            PASSWORD
        } else {
            NONE
        };
        tcp.write_all(&[5, 1, method]).await?;
        let mut chosen = [0; 2];
        tcp.read_exact(&mut chosen).await?;
        match chosen {
            [5, chosen] if chosen == method => {}
            [5, _] => return Err(ProxyError::Refused("it asks for other credentials".to_owned())),
            _ => return Err(ProxyError::Protocol),
        }
        if let Some((user, password)) = &self.credentials {
            let length = |text: &str| u8::try_from(text.len()).unwrap_or(u8::MAX);
            let mut login = vec![1, length(user)];
            login.extend(user.bytes());
            login.push(length(password));
            login.extend(password.bytes());
            tcp.write_all(&login).await?;
            let mut answer = [0; 2];
            tcp.read_exact(&mut answer).await?;
            if answer[1] != 0 {
                return Err(ProxyError::Refused("it does not take the credentials".to_owned()));
            }
        }
        let mut request = vec![5, 1, 0];
        match address.ip() {
            IpAddr::V4(ip) => {
                request.push(1);
                request.extend(ip.octets());
            }
            IpAddr::V6(ip) => {
                request.push(4);
                request.extend(ip.octets());
            }
        }
        request.extend(address.port().to_be_bytes());
        tcp.write_all(&request).await?;
        let mut answer = [0; 4];
        tcp.read_exact(&mut answer).await?;
        if answer[0] != 5 {
            return Err(ProxyError::Protocol);
        }
        if answer[1] != 0 {
            return Err(ProxyError::Refused(said(answer[1]).to_owned()));
        }
        let rest = match answer[3] {
            1 => 4,
            4 => 16,
            3 => usize::from(tcp.read_u8().await?),
            _ => return Err(ProxyError::Protocol),
        };
        tcp.read_exact(&mut vec![0; rest + 2]).await?;
        Ok(())
    }
}

/// The status in the head of an HTTP/1 answer.
fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|&b| b == b'\r').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let (version, rest) = line.split_once(' ')?;
    version.starts_with("HTTP/1.").then_some(())?;
    rest.get(..3)?.parse().ok()
}

/// What a reply of SOCKS5 means (RFC 1928, section 6).
fn said(reply: u8) -> &'static str {
    match reply {
        2 => "its rules do not allow it",
        3 | 4 => "there is no route to the endpoint",
        5 => "nothing listens at the endpoint",
        6 => "the endpoint does not answer",
        _ => "it failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_read_from_its_url_and_keeps_its_password() {
        let proxy: Proxy = "http://us%65r:p%40ss+1@proxy.example:3128"
            .parse()
            .expect("a proxy");
        assert_eq!(
            (proxy.kind, proxy.host.as_str(), proxy.port),
            (Kind::Http, "proxy.example", 3128)
        );
        assert_eq!(proxy.credentials, Some(("user".to_owned(), "p@ss+1".to_owned())));
        assert!(!format!("{proxy:?}").contains("p@ss"), "{proxy:?}");
        let proxy: Proxy = "socks5://[::1]".parse().expect("a proxy");
        assert_eq!(
            (proxy.kind, proxy.host.as_str(), proxy.port),
            (Kind::Socks5, "::1", 1080)
        );
        for wrong in [
            "",
            "proxy:3128",
            "https://proxy",
            "socks4://proxy",
            "http://proxy/path",
            "http://proxy?a",
            "socks5://:p@proxy",
        ] {
            assert!(wrong.parse::<Proxy>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_http_has_a_status() {
        for (head, expected) in [
            ("HTTP/1.1 200 Connection established\r\n\r\n", Some(200)),
            ("HTTP/1.0 407\r\n\r\n", Some(407)),
            ("SSH-2.0-x\r\n\r\n", None),
            ("HTTP/1.1 abc\r\n\r\n", None),
            ("\r\n\r\n", None),
        ] {
            assert_eq!(status(head.as_bytes()), expected, "{head:?}");
        }
    }
}
