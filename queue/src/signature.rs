//! Signatures per Standard Webhooks v1.0.0: HMAC-SHA256 over `id.timestamp.body`, scheme `v1`.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use rand::Rng;
use sha2::Sha256;
use zeroize::Zeroizing;

const PREFIX: &str = "whsec_";

/// Fewest and most bytes of a secret (the specification's own bounds).
const LENGTH: std::ops::RangeInclusive<usize> = 24..=64;

/// Bytes of a secret made here: a whole HMAC-SHA256 output, beyond which a longer key adds nothing.
const MADE: usize = 32;

/// A signing secret. Never shown by `Debug`; wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

/// Why a text is no signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretProblem {
    /// The prefix is missing: without it an ed25519 or API key pasted by mistake would be taken for a secret.
    #[error("a signing secret begins with `whsec_`")]
    Prefix,
    /// What follows the prefix is not base64.
    #[error("after `whsec_` comes padded standard base64")]
    Base64,
    /// It is too short to be safe or longer than the specification allows.
    #[error("a signing secret has 24 to 64 bytes, this one has {0}")]
    Length(usize),
}

impl Secret {
    /// A new random secret.
    pub fn make(rng: &mut impl Rng) -> Self {
        let mut bytes = Zeroizing::new(vec![0; MADE]);
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Reads `whsec_` and base64.
    pub fn parse(text: &str) -> Result<Self, SecretProblem> {
        let encoded = text.strip_prefix(PREFIX).ok_or(SecretProblem::Prefix)?;
        Self::from_bytes(STANDARD.decode(encoded).map_err(|_| SecretProblem::Base64)?)
    }

    /// A secret of these bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, SecretProblem> {
        let bytes = Zeroizing::new(bytes);
        match bytes.len() {
            length if LENGTH.contains(&length) => Ok(Self(bytes)),
            length => Err(SecretProblem::Length(length)),
        }
    }

    /// The bytes themselves, to be encrypted for storage.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// `whsec_` and padded base64, the form that every verifying library reads.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&*self.0))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A secret ready to sign: the key is absorbed once, and each signature begins from a copy of that state.
#[derive(Clone)]
pub struct Signer(Hmac<Sha256>);

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(…)")
    }
}

impl Signer {
    /// Prepares `secret`.
    #[expect(
        clippy::missing_panics_doc,
        reason = "HMAC takes a key of any length (RFC 2104, section 2)"
    )]
    pub fn new(secret: &Secret) -> Self {
        Self(Hmac::new_from_slice(secret.expose()).expect("HMAC takes a key of any length"))
    }

    fn token(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        let mut mac = self.0.clone();
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        let mut token = String::with_capacity(48);
        token.push_str("v1,");
        STANDARD.encode_string(mac.finalize().into_bytes(), &mut token);
        token
    }
}

/// The value of `webhook-signature`: a token for each signer, with one space between them.
///
/// `timestamp` is that of the attempt, in whole Unix seconds, as sent in `webhook-timestamp`.
pub fn header(signers: &[Signer], id: &str, timestamp: &str, body: &[u8]) -> String {
    match signers {
        [only] => only.token(id, timestamp, body),
        all => all
            .iter()
            .map(|signer| signer.token(id, timestamp, body))
            .collect::<Vec<_>>()
            .join(" "),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    /// Vectors of the reference libraries: `libraries/javascript/src/webhook.test.ts` and `libraries/rust/src/lib.rs`.
    #[test]
    fn agrees_with_the_reference_vectors() {
        for (secret, id, timestamp, body, expected) in [
            (
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                "1614265330",
                r#"{"test": 2432232314}"#,
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
            (
                "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
                "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
                "1649367553",
                r#"{"email":"test@example.com","username":"test_user"}"#,
                "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
            ),
        ] {
            let signer = Signer::new(&Secret::parse(secret).unwrap());
            assert_eq!(header(&[signer], id, timestamp, body.as_bytes()), expected);
        }
    }

    #[test]
    fn an_independent_verifier_accepts_it_under_either_secret() {
        let mut rng = SmallRng::seed_from_u64(7);
        let secrets = [Secret::make(&mut rng), Secret::make(&mut rng)];
        let signers: Vec<_> = secrets.iter().map(Signer::new).collect();
        let timestamp = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs().to_string();
        let value = header(&signers, "msg_1", &timestamp, b"{}");
        let mut headers = std::collections::HashMap::<String, String>::new();
        headers.extend([
            ("webhook-id".into(), "msg_1".into()),
            ("webhook-timestamp".into(), timestamp),
            ("webhook-signature".into(), value),
        ]);
        let headers = (&headers).try_into().unwrap();
        for secret in secrets {
            standardwebhooks::Webhook::new(&secret.reveal())
                .unwrap()
                .verify(b"{}", &headers)
                .unwrap();
        }
        let other = Secret::make(&mut rng);
        assert!(
            standardwebhooks::Webhook::new(&other.reveal())
                .unwrap()
                .verify(b"{}", &headers)
                .is_err()
        );
    }

    #[test]
    fn says_what_is_wrong_with_a_secret() {
        assert_eq!(
            Secret::parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            Err(SecretProblem::Prefix)
        );
        assert_eq!(Secret::parse("whsec_***"), Err(SecretProblem::Base64));
        assert_eq!(Secret::parse("whsec_AAAA"), Err(SecretProblem::Length(3)));
        assert_eq!(
            format!("{:?}", Secret::make(&mut SmallRng::seed_from_u64(1))),
            "Secret(…)"
        );
    }

    proptest! {
        #[test]
        fn every_secret_reads_back(bytes in prop::collection::vec(any::<u8>(), 24..=64)) {
            let secret = Secret::from_bytes(bytes).unwrap();
            prop_assert_eq!(Secret::parse(&secret.reveal()).unwrap(), secret);
        }
    }
}
