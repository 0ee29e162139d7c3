//! Why a receiver does not accept a signature: looked for in everything that people get wrong.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use chrono::{DateTime, Utc};
use hmac::Mac;
use proto::{Finding, SigningScheme, Verification};
use uuid::Uuid;

use super::{PublicKey, Secret, content, keyed, search};

/// How far a timestamp may be from now, in seconds, both ways: what every library allows.
const TOLERANCE: i64 = 5 * 60;

/// A request as a receiver has it.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// `webhook-id`.
    pub id: Option<&'a str>,
    /// `webhook-timestamp`.
    pub timestamp: Option<&'a str>,
    /// `webhook-signature`.
    pub signature: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
    /// What the receiver verifies with.
    pub secret: Option<&'a str>,
}

/// A secret that an endpoint has or had.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its id.
    pub id: Uuid,
    /// Itself.
    pub secret: Secret,
    /// When it stops, or stopped, signing.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Known {
    fn has_ended(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, code: &str, detail: impl Into<String>) {
        let detail = detail.into();
        if !self
            .0
            .iter()
            .any(|known| known.code == code && known.detail == detail)
        {
            let code = code.to_owned();
            self.0.push(Finding { code, detail });
        }
    }
}

/// A signature of the header, as far as it could be read.
struct Token {
    scheme: SigningScheme,
    bytes: Vec<u8>,
}

/// Explains a request. `known`: the endpoint's secrets, those included that have ended. `sent`: the payload that was sent under this id, if
/// there is one.
pub fn explain(given: &Given<'_>, known: &[Known], sent: Option<&[u8]>, now: DateTime<Utc>) -> Verification {
    let mut findings = Findings::default();
    for (name, value) in [
        ("webhook-id", given.id),
        ("webhook-timestamp", given.timestamp),
        ("webhook-signature", given.signature),
    ] {
        if value.is_none() {
            findings.add(
                "header_missing",
                format!("There is no header `{name}`: does a proxy take it away?"),
            );
        }
    }
    if let Some(timestamp) = given.timestamp {
        check_timestamp(timestamp, now, &mut findings);
    }
    if let Some(secret) = given.secret {
        check_secret(secret, known, now, &mut findings);
    }
    let tokens = given
        .signature
        .map(|value| read_tokens(value, &mut findings))
        .unwrap_or_default();
    let maker = match (given.id, given.timestamp) {
        (Some(id), Some(timestamp)) if !tokens.is_empty() => find_maker(
            id,
            timestamp,
            given.body,
            &tokens,
            known,
            sent,
            now,
            &mut findings,
        ),
        _ => None,
    };
    let valid = maker.is_some() && findings.0.is_empty();
    let explanation = match (maker, findings.0.first()) {
        (Some(maker), None) => format!(
            "The signature is good: secret {} made it, for this id, time and body.",
            maker.id
        ),
        (_, Some(first)) if findings.0.len() == 1 => first.detail.clone(),
        (_, Some(first)) => format!("{} There is more: see the findings.", first.detail),
        // Whoever finds no maker says why.
        (None, None) => "The signature is not good.".to_owned(),
    };
    Verification {
        valid,
        explanation,
        secret: maker.map(|maker| maker.id),
        scheme: maker.map(|maker| maker.secret.scheme()),
        findings: findings.0,
    }
}

fn check_timestamp(text: &str, now: DateTime<Utc>, findings: &mut Findings) {
    let Ok(seconds) = text.parse::<i64>() else {
        findings.add(
            "timestamp_malformed",
            "`webhook-timestamp` is not a whole number of Unix seconds.",
        );
        return;
    };
    let now = now.timestamp();
    if seconds
        .checked_div(1000)
        .is_some_and(|s| s.abs_diff(now) < 365 * 86_400)
    {
        findings.add(
            "timestamp_in_milliseconds",
            "`webhook-timestamp` is in milliseconds; it is sent, and signed, in seconds.",
        );
        return;
    }
    let age = now.saturating_sub(seconds);
    if age > TOLERANCE {
        findings.add(
            "timestamp_too_old",
            format!("The timestamp is {age} s old, and libraries accept {TOLERANCE} s: was the request kept back, or is the receiver's clock ahead?"),
        );
    } else if age < -TOLERANCE {
        findings.add(
            "timestamp_too_new",
            format!("The timestamp is {} s in the future, and libraries accept {TOLERANCE} s: is the receiver's clock behind?", -age),
        );
    }
}

/// Compares what the receiver verifies with to what the endpoint has.
fn check_secret(text: &str, known: &[Known], now: DateTime<Utc>, findings: &mut Findings) {
    let bare = text.trim();
    if bare != text {
        findings.add(
            "secret_malformed",
            "There is white space around the secret: take it away.",
        );
    }
    let matching = |secret: &Secret| known.iter().find(|known| known.secret == *secret);
    let found = match (PublicKey::parse(bare), Secret::parse(bare)) {
        (Some(public), _) => known
            .iter()
            .find(|known| known.secret.public_key() == Some(public)),
        (None, Ok(secret)) => matching(&secret),
        (None, Err(problem)) => {
            let prefixed = Secret::parse(&format!("whsec_{}", bare.trim_end_matches('=')))
                .or_else(|_| Secret::parse(&format!("whsec_{bare}")));
            let Some(found) = prefixed.ok().as_ref().and_then(matching) else {
                let what = if bare.starts_with("ph_") {
                    "this is an API key, not the endpoint's signing secret".to_owned()
                } else {
                    problem.to_string()
                };
                findings.add("secret_malformed", format!("The secret cannot be used: {what}."));
                return;
            };
            findings.add(
                "secret_without_prefix",
                "The secret lacks its prefix `whsec_`: some libraries put up with that and some do not.",
            );
            Some(found)
        }
    };
    match found {
        None => findings.add(
            "secret_unknown",
            "The secret is none of this endpoint's: it is another endpoint's, or has been replaced.",
        ),
        Some(known) if known.has_ended(now) => findings.add("secret_expired", ended(known)),
        Some(_) => {}
    }
}

fn ended(known: &Known) -> String {
    let at = known.expires_at.map(|end| end.format("%FT%TZ").to_string());
    format!(
        "The secret {} has ended at {}: take the endpoint's current one.",
        known.id,
        at.unwrap_or_default()
    )
}

/// Reads every signature of the header, and says what is wrong with its form.
fn read_tokens(value: &str, findings: &mut Findings) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut other = false;
    for word in value.split_whitespace() {
        let Some((version, encoded)) = word.split_once(',') else {
            let detail = match word.split_once('=') {
                Some(("v1" | "v1a" | "sha256" | "t", _)) => {
                    "`webhook-signature` is written as other senders do (`v1=…`): here it is `v1,` and base64, with spaces between several."
                }
                _ => {
                    "A part of `webhook-signature` has no version before it: it is `v1,` and base64, with spaces between several."
                }
            };
            findings.add("signature_malformed", detail);
            continue;
        };
        let (scheme, length) = match version {
            "v1" => (SigningScheme::V1, 32),
            "v1a" => (SigningScheme::V1a, 64),
            _ => {
                other = true;
                continue;
            }
        };
        if encoded.contains(',') {
            findings.add(
                "signature_malformed",
                "Several signatures are joined by commas: between them stands one space.",
            );
        }
        let encoded = encoded.split(',').next().unwrap_or_default();
        match decode(encoded, length, findings) {
            Some(bytes) if bytes.len() == length => tokens.push(Token { scheme, bytes }),
            Some(bytes) => findings.add(
                "signature_malformed",
                format!(
                    "A {version} signature has {length} bytes, and this one {}: is it cut off?",
                    bytes.len()
                ),
            ),
            None => findings.add(
                "signature_malformed",
                format!("A {version} signature is not base64."),
            ),
        }
    }
    if tokens.is_empty()
        && findings
            .0
            .iter()
            .all(|finding| finding.code != "signature_malformed")
    {
        let detail = if other {
            "`webhook-signature` has only versions that are not known here: v1 and v1a are."
        } else {
            "`webhook-signature` is empty."
        };
        findings.add("signature_missing", detail);
    }
    tokens
}

/// The bytes of a signature, however it was written.
fn decode(encoded: &str, length: usize, findings: &mut Findings) -> Option<Vec<u8>> {
    // Base64 of as many bytes is shorter, so this is no base64 by chance.
    if encoded.len() == length * 2 && encoded.bytes().all(|b| b.is_ascii_hexdigit()) {
        findings.add(
            "signature_in_hex",
            "The signature is written in hex; it is base64.",
        );
        let byte = |i: usize| u8::from_str_radix(encoded.get(i..i + 2)?, 16).ok();
        return (0..encoded.len()).step_by(2).map(byte).collect();
    }
    if let Ok(bytes) = STANDARD.decode(encoded) {
        return Some(bytes);
    }
    let lenient = |alphabet| {
        let config = GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true);
        GeneralPurpose::new(alphabet, config).decode(encoded).ok()
    };
    if let Some(bytes) = lenient(&alphabet::STANDARD) {
        findings.add(
            "base64_padding",
            "The base64 of the signature has lost its padding (`=`): something on the way takes it for the end of a field.",
        );
        return Some(bytes);
    }
    let bytes = lenient(&alphabet::URL_SAFE)?;
    findings.add(
        "base64_alphabet",
        "The signature is in the base64 of URLs (`-` and `_`); the standard alphabet (`+` and `/`) is used.",
    );
    Some(bytes)
}

/// The secret that made one of the signatures, for what was given or for what that may have been.
#[expect(
    clippy::too_many_arguments,
    reason = "a request has these parts, and each may be the one that was changed"
)]
fn find_maker<'a>(
    id: &str,
    timestamp: &str,
    body: &[u8],
    tokens: &[Token],
    known: &'a [Known],
    sent: Option<&[u8]>,
    now: DateTime<Utc>,
    findings: &mut Findings,
) -> Option<&'a Known> {
    // Those that sign now first: an ended one is no news where a current one fits.
    let mut known: Vec<&Known> = known.iter().collect();
    known.sort_by_key(|known| known.has_ended(now));
    let made = |id: &str, timestamp: &str, body: &[u8]| {
        let content = content(id, timestamp, body);
        known
            .iter()
            .copied()
            .find(|known| tokens.iter().any(|token| is_of(&known.secret, &content, token)))
    };
    let mut noted = |maker: &'a Known| {
        if maker.has_ended(now) {
            findings.add("secret_expired", ended(maker));
        }
        maker
    };
    if let Some(maker) = made(id, timestamp, body) {
        return Some(noted(maker));
    }
    if let Some(sent) = sent.filter(|sent| *sent != body)
        && let Some(maker) = made(id, timestamp, sent)
    {
        noted(maker);
        let how = search::difference(sent, body);
        findings.add(
            "body_changed",
            format!("The body is not the one that was sent: {how}."),
        );
        return Some(maker);
    }
    for before in search::bodies(body) {
        if let Some(maker) = made(id, timestamp, &before.bytes) {
            noted(maker);
            findings.add(
                "body_changed",
                format!("The body is not the one that was sent: {}.", before.happened),
            );
            return Some(maker);
        }
    }
    for other in [id.trim().trim_matches('"').to_owned(), id.to_ascii_lowercase()] {
        if other != id
            && let Some(maker) = made(&other, timestamp, body)
        {
            noted(maker);
            findings.add(
                "id_changed",
                format!("`webhook-id` is not the one that was signed: that is {other}."),
            );
            return Some(maker);
        }
    }
    let seconds = timestamp.trim().parse::<i64>().ok();
    for other in seconds
        .iter()
        .flat_map(|s| [s.to_string(), (s / 1000).to_string()])
    {
        if other != timestamp
            && let Some(maker) = made(id, &other, body)
        {
            noted(maker);
            findings.add(
                "timestamp_changed",
                format!("`webhook-timestamp` is not the one that was signed: that is {other}."),
            );
            return Some(maker);
        }
    }
    let content = content(id, timestamp, body);
    if let Some((maker, how)) = known
        .iter()
        .copied()
        .find_map(|known| Some((known, misread(&known.secret, &content, tokens)?)))
    {
        findings.add("secret_misread", how);
        return Some(maker);
    }
    let detail = if sent.is_some() {
        "No secret of this endpoint made this signature for this id, time and body: it was made with another secret, or the id or the time was changed."
    } else {
        "No secret of this endpoint made this signature for this id, time and body; and no task of its queue has this `webhook-id`, so the id has another value than was sent, or the request is not from here."
    };
    findings.add("no_match", detail);
    None
}

fn is_of(secret: &Secret, content: &[u8], token: &Token) -> bool {
    if secret.scheme() != token.scheme {
        return false;
    }
    match (secret, secret.public_key()) {
        (Secret::Shared(bytes), _) => is_mac(bytes, content, token),
        (Secret::Private(_), Some(public)) => <&[u8; 64]>::try_from(token.bytes.as_slice())
            .is_ok_and(|signature| public.verifies(content, signature)),
        (Secret::Private(_), None) => false,
    }
}

fn is_mac(key: &[u8], content: &[u8], token: &Token) -> bool {
    keyed(key)
        .chain_update(content)
        .verify_slice(&token.bytes)
        .is_ok()
}

/// What a signer makes of a shared secret whose text it does not decode.
fn misread(secret: &Secret, content: &[u8], tokens: &[Token]) -> Option<&'static str> {
    let Secret::Shared(_) = secret else { return None };
    let text = secret.reveal();
    let encoded = text.strip_prefix("whsec_")?;
    let with = |key: &str| {
        let mut v1 = tokens.iter().filter(|token| token.scheme == SigningScheme::V1);
        v1.any(|token| is_mac(key.as_bytes(), content, token))
    };
    if with(&text) {
        Some(
            "The signature was made with the text of the secret, prefix included, as key: the key is what follows `whsec_`, decoded from base64.",
        )
    } else if with(encoded) {
        Some("The signature was made with the base64 text of the secret as key: it must be decoded first.")
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
