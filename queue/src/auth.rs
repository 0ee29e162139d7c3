//! How an endpoint's requests show who sends them: checked, kept sealed, and shown without its secrets.

use std::sync::Arc;

use proto::EndpointAuth;
use sqlx::types::Json;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    db::Queue,
    endpoint::check_url,
    error::{Error, Problems, Result},
    headers,
};

/// What is shown in place of a value.
const SHOWN: &str = "set";

/// Longest token, name or password, in bytes: a large JWT has 4 KiB, and common servers take 8 KiB for a whole head.
const TEXT: usize = 6_000;

/// Longest PEM text, in bytes: a chain of ten certificates.
const PEM: usize = 64 << 10;

/// How an endpoint's requests show who sends them, with its secrets. Shared, and never shown by `Debug`.
pub type Auth = Arc<EndpointAuth>;

/// It as it is kept.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) bytes: Vec<u8>,
    pub(crate) shown: Json<EndpointAuth>,
}

/// Notes what is wrong with it. Whether certificates and keys fit each other is the dispatcher's to say, as are addresses.
pub(crate) fn check(auth: &EndpointAuth, problems: &mut Problems) {
    headers::check(&auth.headers, "auth.headers", problems);
    for (name, value) in &auth.headers {
        require_value(
            value,
            &format!("auth.headers.{}", name.escape_default()),
            problems,
        );
    }
    let named = auth
        .headers
        .keys()
        .any(|name| name.eq_ignore_ascii_case("authorization"));
    let ways = [
        named,
        auth.basic.is_some(),
        auth.bearer.is_some(),
        auth.oauth2.is_some(),
    ];
    problems.require(
        ways.into_iter().filter(|way| *way).count() <= 1,
        "auth",
        "at most one of `basic`, `bearer`, `oauth2` and a header `authorization`: each of them is that header",
    );
    if let Some(basic) = &auth.basic {
        let fine = text(&basic.username) && !basic.username.contains(':');
        problems.require(
            fine,
            "auth.basic.username",
            "1 to 6000 characters without a colon or control characters",
        );
        require_value(&basic.password, "auth.basic.password", problems);
        problems.require(
            text(&basic.password),
            "auth.basic.password",
            "1 to 6000 characters, none of them a control character",
        );
    }
    if let Some(bearer) = &auth.bearer {
        require_value(bearer, "auth.bearer", problems);
        let token = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=:".contains(&b);
        let fine = (1..=TEXT).contains(&bearer.len()) && bearer.bytes().all(token);
        problems.require(
            fine,
            "auth.bearer",
            "1 to 6000 of A-Z a-z 0-9 - . _ ~ + / = : (RFC 6750)",
        );
    }
    if let Some(oauth2) = &auth.oauth2 {
        if let Err(problem) = check_kept_url(&oauth2.token_url) {
            problems.add("auth.oauth2.token_url", problem);
        }
        require_value(&oauth2.client_secret, "auth.oauth2.client_secret", problems);
        for (field, value) in [
            ("client_id", Some(&oauth2.client_id)),
            ("client_secret", Some(&oauth2.client_secret)),
            ("scope", oauth2.scope.as_ref()),
            ("audience", oauth2.audience.as_ref()),
        ] {
            let fine = value.is_none_or(|value| text(value));
            problems.require(
                fine,
                format!("auth.oauth2.{field}"),
                "1 to 6000 characters, none of them a control character",
            );
        }
    }
    if let Some(own) = &auth.client_certificate {
        require_pem(
            &own.certificate,
            "CERTIFICATE",
            "auth.client_certificate.certificate",
            problems,
        );
        require_value(&own.key, "auth.client_certificate.key", problems);
        require_pem(&own.key, "PRIVATE KEY", "auth.client_certificate.key", problems);
    }
    if let Some(authorities) = &auth.authorities {
        require_pem(authorities, "CERTIFICATE", "auth.authorities", problems);
    }
}

/// What was read is not to be written back: it would take the place of the secret.
fn require_value(value: &str, field: &str, problems: &mut Problems) {
    problems.require(
        value != SHOWN,
        field,
        "`set` is what is shown in place of the value: give the value itself",
    );
}

/// A URL that is kept as it was given: what reading it passes over or escapes must not be in it.
fn check_kept_url(text: &str) -> Result<(), &'static str> {
    check_url(text)?;
    if text.contains(char::is_control) {
        return Err("holds a control character");
    }
    Ok(())
}

fn text(text: &str) -> bool {
    (1..=TEXT).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn require_pem(text: &str, what: &str, field: &str, problems: &mut Problems) {
    let fine = text.len() <= PEM
        && text.contains("-----BEGIN ")
        && text.contains(&format!("{what}-----"))
        && !text.contains('\0');
    problems.require(
        fine,
        field,
        format!("is PEM with `-----BEGIN {what}-----` or the like, at most 64 KiB, without NUL"),
    );
}

/// The same with every secret value replaced.
fn shown(auth: &EndpointAuth) -> EndpointAuth {
    let mut shown = auth.clone();
    let hide = |value: &mut String| SHOWN.clone_into(value);
    shown.headers.values_mut().for_each(hide);
    shown.bearer.iter_mut().for_each(hide);
    shown.basic.iter_mut().for_each(|basic| hide(&mut basic.password));
    shown
        .oauth2
        .iter_mut()
        .for_each(|oauth2| hide(&mut oauth2.client_secret));
    shown
        .client_certificate
        .iter_mut()
        .for_each(|own| hide(&mut own.key));
    shown
}

impl Queue {
    /// Seals it for its endpoint; nothing if there is nothing in it.
    pub(crate) fn seal_auth(&self, endpoint: Uuid, auth: Option<&EndpointAuth>) -> Result<Option<Sealed>> {
        let Some(auth) = auth.filter(|auth| **auth != EndpointAuth::default()) else {
            return Ok(None);
        };
        let json = serde_json::to_vec(auth).map_err(|error| Error::invalid("auth", error.to_string()))?;
        let json = Zeroizing::new(json);
        let bytes = self.with_ids(|_, rng| self.inner.vault.seal(endpoint, &json, rng));
        let shown = Json(shown(auth));
        Ok(Some(Sealed { bytes, shown }))
    }

    /// Opens what was sealed for an endpoint.
    pub(crate) fn open_auth(&self, endpoint: Uuid, sealed: Option<&[u8]>) -> Result<Option<Auth>> {
        let Some(sealed) = sealed else { return Ok(None) };
        let corrupt = |problem: String| Error::corrupt("endpoints", "auth_sealed", endpoint, problem);
        let json = self
            .inner
            .vault
            .open(endpoint, sealed)
            .map_err(|e| corrupt(e.to_string()))?;
        let json = Zeroizing::new(json);
        let auth: EndpointAuth = serde_json::from_slice(&json).map_err(|e| corrupt(e.to_string()))?;
        Ok(Some(auth.into()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: serde_json::Value) -> EndpointAuth {
        serde_json::from_value(value).unwrap()
    }

    fn everything() -> serde_json::Value {
        json!({
            "headers": {"x-key": "zebra"}, "oauth2": {"token_url": "https://a.example/token", "client_id": "me", "client_secret": "zebra", "scope": "a b"},
            "client_certificate": {"certificate": "-----BEGIN CERTIFICATE-----\n", "key": "-----BEGIN EC PRIVATE KEY-----\nzebra"},
            "authorities": "-----BEGIN CERTIFICATE-----\n", "tls_min": "1.3",
        })
    }

    #[test]
    fn no_secret_is_shown_by_any_means() {
        for value in [
            everything(),
            json!({"basic": {"username": "me", "password": "zebra"}}),
            json!({"bearer": "zebra"}),
        ] {
            let auth = read(value);
            let mut problems = Problems::default();
            check(&auth, &mut problems);
            assert_eq!(problems.into_vec(), []);
            let told = serde_json::to_string(&shown(&auth)).unwrap();
            assert!(told.contains(SHOWN) && !told.contains("zebra"), "{told}");
            assert!(!format!("{auth:?}").contains("zebra"));
            // What was shown is not taken for the secret.
            let mut problems = Problems::default();
            check(&shown(&auth), &mut problems);
            assert!(!problems.into_vec().is_empty());
        }
    }

    #[test]
    fn every_rule_names_its_field() {
        for (value, field) in [
            (
                json!({"bearer": "a", "basic": {"username": "a", "password": "b"}}),
                "auth",
            ),
            (json!({"bearer": "a", "headers": {"Authorization": "b"}}), "auth"),
            (json!({"bearer": "a b"}), "auth.bearer"),
            (json!({"bearer": ""}), "auth.bearer"),
            (
                json!({"basic": {"username": "a:b", "password": "c"}}),
                "auth.basic.username",
            ),
            (
                json!({"basic": {"username": "a", "password": "\n"}}),
                "auth.basic.password",
            ),
            (json!({"headers": {"webhook-id": "x"}}), "auth.headers.webhook-id"),
            (json!({"headers": {"x-a": "a\nb"}}), "auth.headers.x-a"),
            (
                json!({"oauth2": {"token_url": "ftp://a", "client_id": "a", "client_secret": "b"}}),
                "auth.oauth2.token_url",
            ),
            (
                json!({"oauth2": {"token_url": "https://a/\u{0}", "client_id": "a", "client_secret": "b"}}),
                "auth.oauth2.token_url",
            ),
            (
                json!({"oauth2": {"token_url": "https://a/\n", "client_id": "a", "client_secret": "b"}}),
                "auth.oauth2.token_url",
            ),
            (
                json!({"oauth2": {"token_url": "https://a", "client_id": "", "client_secret": "b"}}),
                "auth.oauth2.client_id",
            ),
            (json!({"authorities": "x"}), "auth.authorities"),
            (
                json!({"authorities": "-----BEGIN CERTIFICATE-----\u{0}"}),
                "auth.authorities",
            ),
            (
                json!({"client_certificate": {"certificate": "-----BEGIN CERTIFICATE-----", "key": "x"}}),
                "auth.client_certificate.key",
            ),
        ] {
            let mut problems = Problems::default();
            check(&read(value.clone()), &mut problems);
            let fields: Vec<_> = problems.into_vec().into_iter().map(|e| e.field).collect();
            assert_eq!(fields, [field], "{value}");
        }
    }
}
