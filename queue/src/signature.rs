//! Signatures per Standard Webhooks v1.0.0 over `id.timestamp.body`: HMAC-SHA256, scheme `v1`, and ed25519, scheme `v1a`.

mod explain;
mod search;
mod secret;

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub use self::{
    explain::{Given, Known, explain},
    secret::{PublicKey, Secret, SecretProblem},
};

/// A secret ready to sign: the key is absorbed once, and each signature begins from a copy of that state.
#[derive(Clone)]
pub struct Signer(Key);

#[derive(Clone)]
enum Key {
    Shared(Hmac<Sha256>),
    /// Boxed: its precomputed public key would make every signer larger.
    Private(Box<SigningKey>),
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(…)")
    }
}

impl Signer {
    /// Prepares `secret`.
    pub fn new(secret: &Secret) -> Self {
        Self(match secret {
            Secret::Shared(bytes) => Key::Shared(keyed(bytes)),
            Secret::Private(seed) => Key::Private(Box::new(SigningKey::from_bytes(seed))),
        })
    }

    /// What verifies its signatures, if that is not the secret itself.
    pub fn public_key(&self) -> Option<PublicKey> {
        match &self.0 {
            Key::Shared(_) => None,
            Key::Private(key) => Some(PublicKey::of(key)),
        }
    }

    fn token(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        match &self.0 {
            Key::Shared(mac) => {
                let mut mac = mac.clone();
                for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
                    mac.update(part);
                }
                written("v1,", &mac.finalize().into_bytes())
            }
            Key::Private(key) => written("v1a,", &key.sign(&content(id, timestamp, body)).to_bytes()),
        }
    }
}

#[expect(
    clippy::expect_used,
    reason = "HMAC takes a key of any length (RFC 2104, section 2)"
)]
fn keyed(bytes: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(bytes).expect("HMAC takes a key of any length")
}

/// What is signed.
fn content(id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat()
}

fn written(scheme: &str, signature: &[u8]) -> String {
    let mut token = String::with_capacity(scheme.len() + signature.len().div_ceil(3) * 4);
    token.push_str(scheme);
    STANDARD.encode_string(signature, &mut token);
    token
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
    use proto::SigningScheme;
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    /// Vectors of the reference libraries: `libraries/javascript/src/webhook.test.ts`, `libraries/rust/src/lib.rs`; and of svix,
    /// `server/svix-server/src/worker.rs`.
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
            (
                "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                "1614265330",
                r#"{"test": 2432232314}"#,
                "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==",
            ),
        ] {
            let signer = Signer::new(&Secret::parse(secret).unwrap());
            assert_eq!(header(&[signer], id, timestamp, body.as_bytes()), expected);
        }
    }

    #[test]
    fn independent_verifiers_accept_a_mixed_header_under_each_secret() {
        let mut rng = SmallRng::seed_from_u64(7);
        let secrets = [
            SigningScheme::V1a,
            SigningScheme::V1,
            SigningScheme::V1,
            SigningScheme::V1a,
        ]
        .map(|scheme| Secret::make(scheme, &mut rng));
        let signers: Vec<_> = secrets.iter().map(Signer::new).collect();
        let timestamp = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs().to_string();
        let value = header(&signers, "msg_1", &timestamp, b"{}");
        let tokens: Vec<&str> = value.split(' ').collect();
        assert!(
            tokens.iter().all(|token| token.matches(',').count() == 1),
            "{value}"
        );
        let mut headers = std::collections::HashMap::<String, String>::new();
        headers.extend([
            ("webhook-id".into(), "msg_1".into()),
            ("webhook-timestamp".into(), timestamp.clone()),
            ("webhook-signature".into(), value.clone()),
        ]);
        let headers = (&headers).try_into().unwrap();
        for (secret, token) in secrets.iter().zip(&tokens) {
            match secret.public_key() {
                None => standardwebhooks::Webhook::new(&secret.reveal())
                    .unwrap()
                    .verify(b"{}", &headers)
                    .unwrap(),
                Some(public) => {
                    let signature = STANDARD.decode(token.strip_prefix("v1a,").unwrap()).unwrap();
                    let content = format!("msg_1.{timestamp}.{{}}");
                    ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, public.as_bytes())
                        .verify(content.as_bytes(), &signature)
                        .unwrap();
                }
            }
        }
        let other = Secret::make(SigningScheme::V1, &mut rng);
        assert!(
            standardwebhooks::Webhook::new(&other.reveal())
                .unwrap()
                .verify(b"{}", &headers)
                .is_err()
        );
    }
}
