//! An endpoint as the node knows it: where to push, how, and with whose signature.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use proto::{DeliverySettings, EndpointStatus, NewEndpoint};
use sha2::{Digest, Sha256};
use url::Url;

use crate::{
    auth::{self, Auth},
    error::Problems,
    glob, headers,
    id::{EndpointId, QueueId},
    retention,
    secrets::Signing,
    settings::{self, Settings},
    signature::PublicKey,
};

/// How many shards there are. Far more than nodes, so that each gets nearly the same share; few enough to lease in one statement.
pub(crate) const SHARDS: u16 = 256;

/// The shard of an endpoint: `hash(endpoint) % 256`, for ever, whatever node or version computes it.
pub fn shard_of(endpoint: EndpointId) -> u8 {
    Sha256::digest(endpoint.as_bytes())[0]
}

/// An endpoint with everything a push needs, its queue's settings and state included.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// Its queue.
    pub queue_id: QueueId,
    /// The queue's name.
    pub queue: String,
    /// Its shard.
    pub shard: u8,
    /// Where to push.
    pub url: Url,
    /// Which types it wants.
    pub filter: Vec<String>,
    /// Headers sent with each request.
    pub headers: BTreeMap<String, String>,
    /// How its requests show who sends them.
    pub auth: Option<Auth>,
    /// What was set on it.
    pub own: DeliverySettings,
    /// The settings that hold.
    pub settings: Settings,
    /// Whether it is pushed to, on its own account.
    pub status: EndpointStatus,
    /// Whether its queue is paused.
    pub queue_paused: bool,
    /// Its signing secrets with the time each stops signing, newest first.
    pub signers: Vec<Signing>,
}

impl Endpoint {
    /// What verifies its signatures of scheme `v1a` at `now`, the newest first.
    pub fn public_keys(&self, now: DateTime<Utc>) -> Vec<PublicKey> {
        let valid = self
            .signers
            .iter()
            .filter(|(_, ends)| ends.is_none_or(|ends| ends > now));
        valid.filter_map(|(signer, _)| signer.public_key()).collect()
    }

    /// Whether its deliveries may be pushed now.
    pub fn is_open(&self) -> bool {
        self.status == EndpointStatus::Enabled && !self.queue_paused
    }
}

/// Parses a URL by the WHATWG rules and refuses what can be no endpoint. Which addresses are refused is the dispatcher's to say.
pub fn check_url(text: &str) -> Result<Url, &'static str> {
    if text.len() > 2_048 {
        return Err("at most 2048 characters");
    }
    let url = Url::parse(text).map_err(|_| "not a URL: write it like https://example.com/webhooks")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("begins with https:// or http://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("carries a user name or password: send them as a header");
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("names no host");
    }
    if url.fragment().is_some() {
        return Err("a fragment (#…) is never sent: leave it out");
    }
    if url.port() == Some(0) {
        return Err("port 0 cannot be connected to");
    }
    Ok(url)
}

/// Notes what is wrong with what is common to making and changing an endpoint. Returns the URL if that is right.
pub(crate) fn check(endpoint: &NewEndpoint, problems: &mut Problems) -> Option<Url> {
    problems.require(endpoint.filter.len() <= 100, "filter", "at most 100 globs");
    for (i, glob) in endpoint.filter.iter().enumerate() {
        let fine = glob::is_valid(glob);
        problems.require(
            fine,
            format!("filter[{i}]"),
            "1 to 200 of a-z A-Z 0-9 . _ - : / and *, such as `invoice.*`",
        );
    }
    check_description(&endpoint.description, problems);
    headers::check(&endpoint.headers, "headers", problems);
    if let Some(auth) = &endpoint.auth {
        auth::check(auth, problems);
    }
    settings::check(&endpoint.settings, "settings", problems);
    retention::check_of_endpoint(&endpoint.settings, "settings", problems);
    check_url(&endpoint.url)
        .map_err(|problem| problems.add("url", problem))
        .ok()
}

/// Notes what is wrong with a description.
pub(crate) fn check_description(text: &str, problems: &mut Problems) {
    let fine = text.chars().count() <= 500 && !text.contains('\0');
    problems.require(fine, "description", "at most 500 characters, none of them NUL");
}

/// Notes what is wrong with a queue's name.
pub(crate) fn check_queue_name(name: &str, problems: &mut Problems) {
    let fine = (1..=100).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        && name.as_bytes()[0].is_ascii_alphanumeric();
    problems.require(
        fine,
        "name",
        "1 to 100 of a-z A-Z 0-9 . _ -, beginning with a letter or digit",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_http_and_carry_no_secrets() {
        for fine in [
            "http://127.0.0.1:9000/",
            "https://example.com",
            "https://bücher.example/a?b=c",
            "http://[::1]/",
        ] {
            assert!(check_url(fine).is_ok(), "{fine}");
        }
        for bad in [
            "",
            "example.com",
            "ftp://example.com",
            "file:///etc/passwd",
            "https://u:p@example.com",
            "https://u@example.com",
            "http://",
            "https://example.com:0/",
            "https://example.com/#a",
            "javascript:alert(1)",
            "http://exa mple.com/",
        ] {
            assert!(check_url(bad).is_err(), "{bad}");
        }
        assert!(check_url(&format!("https://e.com/{}", "a".repeat(2_048))).is_err());
        assert_eq!(check_url("http://0x7f.1/").unwrap().host_str(), Some("127.0.0.1"));
    }

    #[test]
    fn queue_names_are_plain() {
        let is_fine = |name: &str| {
            let mut problems = Problems::default();
            check_queue_name(name, &mut problems);
            problems.into_vec().is_empty()
        };
        assert!(is_fine("orders") && is_fine("Orders.v2_x-1") && is_fine("1"));
        for bad in ["", ".x", "-x", "a b", "a/b", "ü", "a\0", &"a".repeat(101)] {
            assert!(!is_fine(bad), "{bad}");
        }
    }

    #[test]
    fn shards_are_spread_and_fixed() {
        let mut seen = [0u32; 256];
        for i in 0..25_600u128 {
            seen[usize::from(shard_of(uuid::Uuid::from_u128(i)))] += 1;
        }
        assert!(seen.iter().all(|n| (40..200).contains(n)));
        assert_eq!(shard_of(uuid::Uuid::from_u128(1)), 0x7c);
    }
}
