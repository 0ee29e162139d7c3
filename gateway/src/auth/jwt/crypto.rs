//! Signatures of tokens, made and verified by ring: what `jsonwebtoken` is told to use.
//!
//! It comes without cryptography here. Its own choices are aws-lc, a C library to build, and a pure-Rust RSA that does not run in
//! constant time; ring is part of every build already, for TLS.

use std::sync::Once;

use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{ErrorKind, Result},
    signature::{self, Signer, Verifier},
};
use ring::{hmac, signature as public};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    // Keys are only ever read, never derived or written.
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes `jsonwebtoken` use this, once in the process.
pub(in crate::auth) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Nobody else here installs one; if somebody does, theirs verifies as well.
        let _ = PROVIDER.install_default();
    });
}

/// Signs what is our own: sessions, with a secret.
struct Signing(hmac::Key);

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature is `CryptoProvider`'s"
)]
fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    if *algorithm != Algorithm::HS256 || key.family() != AlgorithmFamily::Hmac {
        return Err(ErrorKind::UnsupportedAlgorithm.into());
    }
    Ok(Box::new(Signing(hmac::Key::new(
        hmac::HMAC_SHA256,
        key.as_bytes(),
    ))))
}

impl Signer<Vec<u8>> for Signing {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, signature::Error> {
        Ok(hmac::sign(&self.0, message).as_ref().to_vec())
    }
}

impl JwtSigner for Signing {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

struct Verifying {
    algorithm: Algorithm,
    key: DecodingKey,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature is `CryptoProvider`'s"
)]
fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let family = match algorithm {
        Algorithm::HS256 => AlgorithmFamily::Hmac,
        Algorithm::RS256 => AlgorithmFamily::Rsa,
        Algorithm::ES256 => AlgorithmFamily::Ec,
        Algorithm::EdDSA => AlgorithmFamily::Ed,
        _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
    };
    if key.family() != family {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    Ok(Box::new(Verifying {
        algorithm: *algorithm,
        key: key.clone(),
    }))
}

impl Verifying {
    fn is_right(&self, message: &[u8], code: &[u8]) -> bool {
        let by = |algorithm, key| public::UnparsedPublicKey::new(algorithm, key).verify(message, code);
        let verified = match (self.algorithm, self.key.kind()) {
            (Algorithm::HS256, DecodingKeyKind::SecretOrDer(secret)) => {
                hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret), message, code)
            }
            (Algorithm::ES256, DecodingKeyKind::SecretOrDer(point)) => {
                by(&public::ECDSA_P256_SHA256_FIXED, point)
            }
            (Algorithm::EdDSA, DecodingKeyKind::SecretOrDer(point)) => by(&public::ED25519, point),
            (Algorithm::RS256, DecodingKeyKind::SecretOrDer(der)) => {
                by(&public::RSA_PKCS1_2048_8192_SHA256, der)
            }
            (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, e }) => {
                let key = public::RsaPublicKeyComponents { n, e };
                key.verify(&public::RSA_PKCS1_2048_8192_SHA256, message, code)
            }
            _ => Err(ring::error::Unspecified),
        };
        verified.is_ok()
    }
}

impl Verifier<Vec<u8>> for Verifying {
    fn verify(&self, message: &[u8], code: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        if self.is_right(message, code) {
            Ok(())
        } else {
            Err(signature::Error::new())
        }
    }
}

impl JwtVerifier for Verifying {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
