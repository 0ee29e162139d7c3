//! Secrets at rest: XChaCha20-Poly1305 under a key from the configuration.

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use rand::Rng;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Bytes of the key.
const KEY_BYTES: usize = 32;

const NONCE_BYTES: usize = 24;

/// Encrypts what must not be readable in a dump of the database. A sealed value is its nonce and its ciphertext; it is bound to the
/// row it was sealed for, so that one cannot be put in another's place.
///
/// One key seals; it and older ones open. So a new key can take an old one's place while nodes run: first every node knows it, then every
/// node seals with it, then what the old one sealed is sealed anew, and then the old one can go.
#[derive(Clone)]
pub struct Vault {
    current: Key,
    older: Vec<Key>,
    page_key: [u8; 32],
    session_key: [u8; 32],
    redaction_key: [u8; 32],
}

#[derive(Clone)]
struct Key {
    id: String,
    cipher: XChaCha20Poly1305,
}

impl Key {
    fn new(key: &[u8; KEY_BYTES]) -> Self {
        let id = derive(key, b"posthaste key id\0")[..8]
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let cipher = XChaCha20Poly1305::new(key.into());
        Self { id, cipher }
    }
}

fn derive(key: &[u8; KEY_BYTES], purpose: &[u8]) -> [u8; 32] {
    Sha256::new_with_prefix(purpose)
        .chain_update(key)
        .finalize()
        .into()
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault({})", self.key_id())
    }
}

/// A sealed value could not be opened: it was sealed with another key, or for another row, or was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret in the database cannot be decrypted: it was sealed with another key, or changed")]
pub struct Unreadable;

impl Vault {
    /// A vault with this key.
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self {
            current: Key::new(key),
            older: vec![],
            page_key: derive(key, b"posthaste page tokens\0"),
            session_key: derive(key, b"posthaste sessions\0"),
            redaction_key: derive(key, b"posthaste redaction\0"),
        }
    }

    /// The same, which also opens what was sealed with another key.
    #[must_use]
    pub fn reading(mut self, key: &[u8; KEY_BYTES]) -> Self {
        let key = Key::new(key);
        if self.keys().all(|known| known.id != key.id) {
            self.older.push(key);
        }
        self
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.older)
    }

    /// A name of the key that seals, which tells nothing of it: stored with what it sealed.
    pub fn key_id(&self) -> &str {
        &self.current.id
    }

    /// The names of all keys that open, the one that seals first.
    pub(crate) fn key_ids(&self) -> Vec<String> {
        self.keys().map(|key| key.id.clone()).collect()
    }

    /// A key of its own purpose, the same on every node: it authenticates page tokens.
    pub fn page_key(&self) -> &[u8; 32] {
        &self.page_key
    }

    /// Another such key: it signs the sessions of browsers.
    pub fn session_key(&self) -> &[u8; 32] {
        &self.session_key
    }

    /// Another such key: hashes of redacted values are made with it, so that nobody without it can try out what they may stand for.
    pub(crate) fn redaction_key(&self) -> &[u8; 32] {
        &self.redaction_key
    }

    /// Seals `secret` for the row with this id.
    pub(crate) fn seal(&self, row: Uuid, secret: &[u8], rng: &mut impl Rng) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let payload = Payload {
            msg: secret,
            aad: row.as_bytes(),
        };
        let sealed = self
            .current
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a secret is short: it fails beyond 256 GiB");
        [nonce.as_slice(), &sealed].concat()
    }

    /// Opens what was sealed for the row with this id, whichever of the keys it was.
    pub fn open(&self, row: Uuid, sealed: &[u8]) -> Result<Vec<u8>, Unreadable> {
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(Unreadable)?;
        // The cipher authenticates: a wrong key is noticed, and there are a few at most.
        let opened = self.keys().find_map(|key| {
            let payload = Payload {
                msg: ciphertext,
                aad: row.as_bytes(),
            };
            key.cipher.decrypt(&XNonce::from(*nonce), payload).ok()
        });
        opened.ok_or(Unreadable)
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
        assert_ne!(vault.key_id(), other.key_id());
    }

    #[test]
    fn older_keys_open_and_the_newest_seals() {
        let mut rng = SmallRng::seed_from_u64(3);
        let row = Uuid::from_u128(1);
        let (old, new) = (Vault::new(&[1; 32]), Vault::new(&[2; 32]));
        let both = new.clone().reading(&[1; 32]).reading(&[2; 32]);
        assert_eq!(both.key_ids(), [new.key_id(), old.key_id()]);
        assert_eq!(both.open(row, &old.seal(row, b"a", &mut rng)).unwrap(), b"a");
        let sealed = both.seal(row, b"b", &mut rng);
        assert_eq!(new.open(row, &sealed).unwrap(), b"b");
        assert_eq!(old.open(row, &sealed), Err(Unreadable));
        assert_eq!(both.page_key(), new.page_key());
    }
}
