//! Secrets at rest: XChaCha20-Poly1305 under a key from the configuration.

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use rand::Rng;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Bytes of the key.
pub const KEY_BYTES: usize = 32;

const NONCE_BYTES: usize = 24;

/// Encrypts what must not be readable in a dump of the database. A sealed value is its nonce and its ciphertext; it is bound to the
/// row it was sealed for, so that one cannot be put in another's place.
#[derive(Clone)]
pub struct Vault {
    cipher: XChaCha20Poly1305,
    fingerprint: String,
    page_key: [u8; 32],
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault({})", self.fingerprint)
    }
}

/// A sealed value could not be opened: it was sealed with another key, or for another row, or was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret in the database cannot be decrypted: it was sealed with another key, or changed")]
pub struct Unreadable;

impl Vault {
    /// A vault with this key.
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        let derive = |purpose: &[u8]| -> [u8; 32] {
            Sha256::new_with_prefix(purpose)
                .chain_update(key)
                .finalize()
                .into()
        };
        let fingerprint = derive(b"posthaste key id\0")[..8]
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        Self {
            cipher: XChaCha20Poly1305::new(key.into()),
            fingerprint,
            page_key: derive(b"posthaste page tokens\0"),
        }
    }

    /// A name of the key that tells nothing of it: stored with the database, to notice at start that another key is configured.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// A key of its own purpose, the same on every node: it authenticates page tokens.
    pub fn page_key(&self) -> &[u8; 32] {
        &self.page_key
    }

    /// Seals `secret` for the row with this id.
    #[expect(clippy::missing_panics_doc, reason = "fails only beyond 256 GiB")]
    pub fn seal(&self, row: Uuid, secret: &[u8], rng: &mut impl Rng) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let payload = Payload {
            msg: secret,
            aad: row.as_bytes(),
        };
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a secret is short");
        [nonce.as_slice(), &sealed].concat()
    }

    /// Opens what [`Self::seal`] sealed for the row with this id.
    pub fn open(&self, row: Uuid, sealed: &[u8]) -> Result<Vec<u8>, Unreadable> {
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(Unreadable)?;
        let payload = Payload {
            msg: ciphertext,
            aad: row.as_bytes(),
        };
        self.cipher
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| Unreadable)
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    #[test]
    fn opens_only_what_it_sealed_for_that_row() {
        let mut rng = SmallRng::seed_from_u64(3);
        let (vault, other) = (Vault::new(&[1; 32]), Vault::new(&[2; 32]));
        let (row, another) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let sealed = vault.seal(row, b"secret", &mut rng);
        assert_eq!(vault.open(row, &sealed).unwrap(), b"secret");
        assert_eq!(vault.open(another, &sealed), Err(Unreadable));
        assert_eq!(other.open(row, &sealed), Err(Unreadable));
        for i in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[i] ^= 1;
            assert_eq!(vault.open(row, &changed), Err(Unreadable));
        }
        assert_eq!(vault.open(row, &[]), Err(Unreadable));
        assert_ne!(sealed, vault.seal(row, b"secret", &mut rng));
        assert_ne!(vault.fingerprint(), other.fingerprint());
    }
}
