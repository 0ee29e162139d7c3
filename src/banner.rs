//! What a server prints when it is ready: where it is, and the lines to try it with.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// The port of `posthaste receive`, and of the endpoint in the example.
pub const RECEIVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9000);

/// What there is to tell.
#[derive(Debug, Clone, Copy)]
pub struct Banner<'a> {
    /// How this program was called, so that the printed command works as pasted (`cargo run` calls it
    /// `target/release/posthaste`).
    pub program: &'a str,
    /// Where the REST API listens.
    pub rest: SocketAddr,
    /// Where gRPC listens besides.
    pub grpc: Option<SocketAddr>,
    /// Whether both are encrypted.
    pub encrypted: bool,
    /// The folder of our own database; `None` for an external one.
    pub own_database: Option<&'a Path>,
    /// The first admin key, when it was made just now: it is never shown again.
    pub new_key: Option<&'a str>,
    /// The first user's name and password, likewise.
    pub new_user: Option<(&'a str, &'a str)>,
    /// The example to print: the signing secret (`whsec_…`) of its endpoint. `None` where endpoints on this machine are
    /// refused, so that the example would end in dead letters.
    pub example: Option<&'a str>,
}

/// The text, with a line feed at its end.
pub fn banner(banner: &Banner<'_>) -> String {
    let rest = base_url(banner.rest, banner.encrypted);
    let mut lines = vec![
        "Posthaste is ready.".to_owned(),
        String::new(),
        format!("  Console    {rest}/"),
        format!("  REST API   {rest}/v1"),
    ];
    if let Some(grpc) = banner.grpc {
        lines.push(format!("  gRPC API   {}, and where REST is", reached(grpc)));
    }
    lines.push(match banner.own_database {
        Some(folder) => format!("  Database   its own PostgreSQL, in {}", folder.display()),
        None => "  Database   as configured".to_owned(),
    });
    if let Some(key) = banner.new_key {
        lines.push(format!("  Admin key  {key}"));
        let both = match banner.new_user {
            Some((name, password)) => {
                lines.push(format!("  Sign in    as {name}, with the password {password}"));
                "Keep both: they are shown this once, and only their hashes are stored."
            }
            None => "Keep it: it is shown this once, and only its hash is stored.",
        };
        lines.push(format!("             {both}"));
    }
    lines.push(String::new());
    if let Some(secret) = banner.example {
        lines.extend(example(banner, &rest, secret));
    }
    lines.join("\n") + "\n"
}

fn example(banner: &Banner<'_>, rest: &str, secret: &str) -> Vec<String> {
    let key = match banner.new_key {
        Some(key) => format!("'authorization: Bearer {key}'"),
        None => r#""authorization: Bearer $POSTHASTE_KEY""#.to_owned(),
    };
    let curl = |path: &str, body: &str| {
        format!("  curl {rest}/v1{path} -H {key} -H 'content-type: application/json' -d '{body}'")
    };
    let endpoint = format!(r#"{{"url":"http://{RECEIVER}/","secret":"{secret}"}}"#);
    let second = match banner.new_key {
        Some(_) => "Then make a queue, register that receiver on it, and enqueue a task:",
        None => {
            "Then, with your key in POSTHASTE_KEY, make a queue, register that receiver, and enqueue a task:"
        }
    };
    vec![
        "To try it, start a receiver in a second terminal. It verifies and prints what arrives:".to_owned(),
        String::new(),
        format!("  {} receive --secret {secret}", quoted(banner.program)),
        String::new(),
        second.to_owned(),
        String::new(),
        curl("/queues", r#"{"name":"orders"}"#),
        curl("/queues/orders/endpoints", &endpoint),
        curl("/queues/orders/tasks", r#"{"type":"order.paid","payload":{"id":1}}"#),
        String::new(),
        "Endpoints on this machine are allowed here because nobody else can reach this server. With a database of".to_owned(),
        "your own, or gateway.listen open to others, they are refused unless egress.allow names their range.".to_owned(),
        String::new(),
    ]
}

/// The URL at which someone on this machine reaches a listener.
pub(crate) fn base_url(address: SocketAddr, encrypted: bool) -> String {
    let scheme = if encrypted { "https" } else { "http" };
    format!("{scheme}://{}", reached(address))
}

/// The address at which they do.
fn reached(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// A word that a shell takes as it is.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if word.is_empty() || !word.chars().all(plain) {
        format!("'{}'", word.replace('\'', r"'\''"))
    } else {
        word.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_start() -> Banner<'static> {
        Banner {
            program: "target/release/posthaste",
            rest: "127.0.0.1:8080".parse().unwrap(),
            grpc: Some("127.0.0.1:50051".parse().unwrap()),
            encrypted: false,
            own_database: Some(Path::new("/var/lib/posthaste")),
            new_key: Some("ph_abc"),
            new_user: Some(("admin", "abcde-fghjk-mnpqr-stuvw")),
            example: Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        }
    }

    #[test]
    fn the_first_start() {
        let expected = r#"Posthaste is ready.

  Console    http://127.0.0.1:8080/
  REST API   http://127.0.0.1:8080/v1
  gRPC API   127.0.0.1:50051, and where REST is
  Database   its own PostgreSQL, in /var/lib/posthaste
  Admin key  ph_abc
  Sign in    as admin, with the password abcde-fghjk-mnpqr-stuvw
             Keep both: they are shown this once, and only their hashes are stored.

To try it, start a receiver in a second terminal. It verifies and prints what arrives:

  target/release/posthaste receive --secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw

Then make a queue, register that receiver on it, and enqueue a task:

  curl http://127.0.0.1:8080/v1/queues -H 'authorization: Bearer ph_abc' -H 'content-type: application/json' -d '{"name":"orders"}'
  curl http://127.0.0.1:8080/v1/queues/orders/endpoints -H 'authorization: Bearer ph_abc' -H 'content-type: application/json' -d '{"url":"http://127.0.0.1:9000/","secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}'
  curl http://127.0.0.1:8080/v1/queues/orders/tasks -H 'authorization: Bearer ph_abc' -H 'content-type: application/json' -d '{"type":"order.paid","payload":{"id":1}}'

Endpoints on this machine are allowed here because nobody else can reach this server. With a database of
your own, or gateway.listen open to others, they are refused unless egress.allow names their range.

"#;
        assert_eq!(banner(&first_start()), expected);
    }

    #[test]
    fn later_starts_do_not_know_the_key() {
        let text = banner(&Banner {
            new_key: None,
            ..first_start()
        });
        assert!(!text.contains("Admin key"));
        assert_eq!(
            text.matches(r#"-H "authorization: Bearer $POSTHASTE_KEY""#)
                .count(),
            3
        );
    }

    #[test]
    fn no_example_where_it_would_not_work() {
        let text = banner(&Banner {
            rest: "[::]:8080".parse().unwrap(),
            own_database: None,
            example: None,
            ..first_start()
        });
        assert!(text.contains("http://[::1]:8080/v1") && text.contains("ph_abc"));
        assert!(!text.contains("curl") && !text.contains("allowed"), "{text}");
    }

    #[test]
    fn what_is_encrypted_and_what_is_not_there_shows() {
        let text = banner(&Banner {
            grpc: None,
            encrypted: true,
            ..first_start()
        });
        assert!(
            text.contains("https://127.0.0.1:8080/v1") && !text.contains("gRPC"),
            "{text}"
        );
        assert!(!text.contains("http://127.0.0.1:8080"), "{text}");
    }

    #[test]
    fn the_program_is_one_word_of_the_shell() {
        for (word, expected) in [
            ("posthaste", "posthaste"),
            (
                "./target/x86_64-unknown/posthaste",
                "./target/x86_64-unknown/posthaste",
            ),
            ("/my programs/posthaste", "'/my programs/posthaste'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }
}
