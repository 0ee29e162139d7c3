//! What signs: a shared secret (`whsec_`), or a private key (`whsk_`) with its public one (`whpk_`).

use std::fmt;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ed25519_dalek::{SigningKey, VerifyingKey};
use proto::SigningScheme;
use rand::Rng;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const SHARED: &str = "whsec_";
const PRIVATE: &str = "whsk_";
const PUBLIC: &str = "whpk_";

/// Fewest and most bytes of a shared secret (the specification's own bounds).
const LENGTH: std::ops::RangeInclusive<usize> = 24..=64;

/// Bytes of a shared secret made here: a whole HMAC-SHA256 output, beyond which a longer key adds nothing.
const MADE: usize = 32;

/// A signing secret. Never shown by `Debug`; wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The key of an HMAC, which the receiver has as well: scheme `v1`.
    Shared(Zeroizing<Vec<u8>>),
    /// The seed of an ed25519 key, of which the receiver has the public half: scheme `v1a`.
    Private(Zeroizing<[u8; 32]>),
}

/// Why a text is no signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretProblem {
    /// The prefix is missing: without it any key pasted by mistake would be taken for a secret.
    #[error("a signing secret begins with `whsec_` (v1) or `whsk_` (v1a)")]
    Prefix,
    /// A public key was given.
    #[error("`whpk_` is a public key, which verifies and cannot sign: give the private one, `whsk_`")]
    Public,
    /// What follows the prefix is not base64.
    #[error("after the prefix comes padded standard base64")]
    Base64,
    /// It is too short to be safe or longer than the specification allows.
    #[error("a signing secret (whsec_) has 24 to 64 bytes, this one has {0}")]
    Length(usize),
    /// Neither a seed nor a seed with its public key.
    #[error("a private key (whsk_) has 32 bytes, or 64 with its public key, this one has {0}")]
    PrivateLength(usize),
    /// The public key behind the seed is another's.
    #[error("the second half of this private key (whsk_) is not the public key of its first half")]
    Halves,
}

impl Secret {
    /// A new random secret.
    pub fn make(scheme: SigningScheme, rng: &mut impl Rng) -> Self {
        match scheme {
            SigningScheme::V1 => {
                let mut bytes = Zeroizing::new(vec![0; MADE]);
                rng.fill_bytes(&mut bytes);
                Self::Shared(bytes)
            }
            SigningScheme::V1a => {
                let mut seed = Zeroizing::new([0; 32]);
                rng.fill_bytes(&mut *seed);
                Self::Private(seed)
            }
        }
    }

    /// Reads a prefix and base64.
    pub fn parse(text: &str) -> Result<Self, SecretProblem> {
        let decode = |encoded: &str| {
            let bytes = STANDARD.decode(encoded).map_err(|_| SecretProblem::Base64)?;
            Ok(Zeroizing::new(bytes))
        };
        if let Some(encoded) = text.strip_prefix(SHARED) {
            return Self::shared(decode(encoded)?);
        }
        if let Some(encoded) = text.strip_prefix(PRIVATE) {
            return Self::private(&decode(encoded)?);
        }
        Err(if text.starts_with(PUBLIC) {
            SecretProblem::Public
        } else {
            SecretProblem::Prefix
        })
    }

    /// A secret of these bytes, as they are kept: see [`Self::expose`].
    pub fn from_bytes(scheme: SigningScheme, bytes: Vec<u8>) -> Result<Self, SecretProblem> {
        let bytes = Zeroizing::new(bytes);
        match scheme {
            SigningScheme::V1 => Self::shared(bytes),
            SigningScheme::V1a => Self::private(&bytes),
        }
    }

    fn shared(bytes: Zeroizing<Vec<u8>>) -> Result<Self, SecretProblem> {
        match bytes.len() {
            length if LENGTH.contains(&length) => Ok(Self::Shared(bytes)),
            length => Err(SecretProblem::Length(length)),
        }
    }

    fn private(bytes: &[u8]) -> Result<Self, SecretProblem> {
        let wrong = SecretProblem::PrivateLength(bytes.len());
        let (seed, public) = bytes.split_first_chunk::<32>().ok_or(wrong)?;
        let secret = Self::Private(Zeroizing::new(*seed));
        match public.len() {
            0 => Ok(secret),
            32 if secret.public_key().is_some_and(|key| key.0 == *public) => Ok(secret),
            32 => Err(SecretProblem::Halves),
            _ => Err(wrong),
        }
    }

    /// How it signs.
    pub fn scheme(&self) -> SigningScheme {
        match self {
            Self::Shared(_) => SigningScheme::V1,
            Self::Private(_) => SigningScheme::V1a,
        }
    }

    /// What verifies its signatures, if that is not the secret itself.
    pub fn public_key(&self) -> Option<PublicKey> {
        match self {
            Self::Shared(_) => None,
            Self::Private(seed) => Some(PublicKey::of(&SigningKey::from_bytes(seed))),
        }
    }

    /// The bytes themselves, to be encrypted for storage: of a private key its seed.
    pub fn expose(&self) -> &[u8] {
        match self {
            Self::Shared(bytes) => bytes,
            Self::Private(seed) => &**seed,
        }
    }

    /// Prefix and padded base64, the form that every verifying library reads; a private key with its public one behind it.
    pub fn reveal(&self) -> String {
        match self {
            Self::Shared(bytes) => format!("{SHARED}{}", STANDARD.encode(&**bytes)),
            Self::Private(seed) => {
                let pair = Zeroizing::new(SigningKey::from_bytes(seed).to_keypair_bytes());
                format!("{PRIVATE}{}", STANDARD.encode(*pair))
            }
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The public half of an ed25519 key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    pub(super) fn of(key: &SigningKey) -> Self {
        Self(key.verifying_key().to_bytes())
    }

    /// A key of these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads `whpk_` and base64.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.strip_prefix(PUBLIC)?).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// `whpk_` and padded base64.
    pub fn reveal(&self) -> String {
        format!("{PUBLIC}{}", STANDARD.encode(self.0))
    }

    /// The member `x` of its JSON Web Key (RFC 8037, section 2).
    pub fn jwk_x(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Its name: the thumbprint of its JSON Web Key (RFC 7638), the same wherever it is computed.
    pub fn thumbprint(&self) -> String {
        let jwk = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, self.jwk_x());
        URL_SAFE_NO_PAD.encode(Sha256::digest(jwk))
    }

    /// Whether this is a signature of `message`.
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        VerifyingKey::from_bytes(&self.0).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    /// Of svix, `server/svix-server/src/worker.rs`, `test_asymmetric_key_signing`.
    const WHSK: &str =
        "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
    const WHPK: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";

    #[test]
    fn a_private_key_is_read_with_and_without_its_public_half() {
        let whole = Secret::parse(WHSK).unwrap();
        let half = format!("whsk_{}", STANDARD.encode(whole.expose()));
        assert_eq!(Secret::parse(&half).unwrap(), whole);
        assert_eq!(whole.reveal(), WHSK);
        let public = whole.public_key().unwrap();
        assert_eq!(public.reveal(), WHPK);
        assert_eq!(PublicKey::parse(WHPK), Some(public));
    }

    #[test]
    fn says_what_is_wrong_with_a_secret() {
        let mut other = STANDARD.decode(&WHSK[5..]).unwrap();
        other[63] ^= 1;
        let halves = format!("whsk_{}", STANDARD.encode(other));
        for (text, problem) in [
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", SecretProblem::Prefix),
            ("ph_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", SecretProblem::Prefix),
            (WHPK, SecretProblem::Public),
            ("whsec_***", SecretProblem::Base64),
            ("whsec_AAA", SecretProblem::Base64),
            ("whsec_AAAA", SecretProblem::Length(3)),
            ("whsk_AAAA", SecretProblem::PrivateLength(3)),
            (&halves, SecretProblem::Halves),
        ] {
            assert_eq!(Secret::parse(text), Err(problem), "{text}");
        }
        for scheme in [SigningScheme::V1, SigningScheme::V1a] {
            let made = Secret::make(scheme, &mut SmallRng::seed_from_u64(1));
            assert_eq!(
                (made.scheme(), format!("{made:?}")),
                (scheme, "Secret(…)".to_owned())
            );
        }
    }

    /// RFC 8037, appendix A.3.
    #[test]
    fn a_thumbprint_is_that_of_the_standard() {
        let x = URL_SAFE_NO_PAD
            .decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
            .unwrap();
        let key = PublicKey::from_bytes(x.try_into().unwrap());
        assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    proptest! {
        #[test]
        fn every_secret_reads_back(bytes in prop::collection::vec(any::<u8>(), 24..=64), seed: [u8; 32]) {
            for secret in [
                Secret::from_bytes(SigningScheme::V1, bytes).unwrap(),
                Secret::from_bytes(SigningScheme::V1a, seed.to_vec()).unwrap(),
            ] {
                prop_assert_eq!(&Secret::parse(&secret.reveal()).unwrap(), &secret);
                let kept = Secret::from_bytes(secret.scheme(), secret.expose().to_vec()).unwrap();
                prop_assert_eq!(kept, secret);
            }
        }
    }
}
