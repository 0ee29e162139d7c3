//! Tokens of outside issuers (JWT, RFC 7519): accepted by configured keys, and turned into what an API key is turned into.
//!
//! The order of the questions is what makes it safe: which issuer is configured, which of its keys fits the algorithm and the name in
//! the header, is the signature right, and only then what is claimed. The algorithm is the key's; a token that names another, or none,
//! finds no key.

mod claims;
mod crypto;
mod keys;

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use jsonwebtoken::{Validation, dangerous};
use parking_lot::Mutex;
use queue::rights::Rights;
use sha2::{Digest, Sha256};

pub(super) use self::crypto::install;
use self::{claims::Claims, keys::Keys};

/// The largest token that is looked at: what proxies let a header have.
const LONGEST: usize = 16 << 10;
/// How many verified tokens are remembered, so that a token costs its signature once: some 2 MB.
const REMEMBERED: usize = 8_192;
/// The largest difference of clocks that is forgiven.
const LEEWAY_MAX: Duration = Duration::from_hours(1);

/// How tokens of one issuer are accepted.
#[derive(Debug, Clone)]
pub struct Config {
    /// What stands in `iss`, exactly.
    pub issuer: String,
    /// One of these must stand in `aud`.
    pub audience: Vec<String>,
    /// The algorithms that are accepted.
    pub algorithms: Vec<Algorithm>,
    /// The keys by which signatures are verified.
    pub keys: Material,
    /// How far the issuer's clock may be from ours: an hour at most.
    pub leeway: Duration,
    /// The claim that holds scopes, as a text with spaces between or a list. Words that are no scopes of ours are passed over.
    pub scope_claim: String,
    /// The claim that holds patterns of queues, likewise. A token without it reaches none.
    pub queues_claim: String,
}

impl Config {
    /// With a minute's leeway, and the claims `scope` and `queues`.
    pub fn new(
        issuer: impl Into<String>,
        audience: impl Into<String>,
        algorithms: Vec<Algorithm>,
        keys: Material,
    ) -> Self {
        Self {
            issuer: issuer.into(),
            audience: vec![audience.into()],
            algorithms,
            keys,
            leeway: Duration::from_mins(1),
            scope_claim: "scope".to_owned(),
            queues_claim: "queues".to_owned(),
        }
    }
}

/// Keys, as they are written in a file.
#[derive(Clone)]
pub enum Material {
    /// A secret for HS256: 32 bytes at least; white space at its end is not part of it.
    Secret(Vec<u8>),
    /// One public key in PEM.
    Pem(Vec<u8>),
    /// A set of keys in JSON (RFC 7517).
    Jwks(Vec<u8>),
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "a secret",
            Self::Pem(_) => "a key in PEM",
            Self::Jwks(_) => "a set of keys",
        })
    }
}

/// The algorithms that can be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// RSA, PKCS #1 v1.5, with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Hs256, Self::Rs256, Self::Es256, Self::EdDsa];

    /// Its name in a token's header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    fn of(given: jsonwebtoken::Algorithm) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.theirs() == given)
    }

    fn theirs(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Hs256 => jsonwebtoken::Algorithm::HS256,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

/// An issuer whose tokens are accepted, with its keys ready.
#[derive(Debug)]
pub struct Issuer {
    config: Config,
    keys: Keys,
}

impl Issuer {
    /// Checks the configuration. The error says what is wrong with it, and continues a sentence that names it.
    pub fn new(config: Config) -> Result<Self, String> {
        if config.issuer.is_empty() {
            return Err("`issuer` is empty".to_owned());
        }
        if config.audience.is_empty() || config.audience.iter().any(String::is_empty) {
            return Err("`audience` is empty: a token for any service would be accepted".to_owned());
        }
        if config.algorithms.is_empty() {
            return Err("`algorithms` is empty".to_owned());
        }
        if config.leeway > LEEWAY_MAX {
            return Err("`leeway` is longer than an hour".to_owned());
        }
        let keys = Keys::read(&config.keys, &config.algorithms)?;
        Ok(Self { config, keys })
    }
}

/// A token that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// Who made it.
    pub(crate) issuer: String,
    /// For whom.
    pub(crate) subject: Option<String>,
    /// What it allows.
    pub(crate) rights: Rights,
    /// Until when it is accepted.
    pub(crate) until: DateTime<Utc>,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// It is no token, of nobody who is configured, or its signature is wrong: to strangers it is not said which.
    Unknown,
    /// Its issuer is another than the one whose key it is signed with.
    Issuer,
    /// It is for another service.
    Audience,
    /// It has ended.
    Expired(DateTime<Utc>),
    /// It has not begun.
    NotYet(DateTime<Utc>),
    /// This claim is missing, or has not the form it must have.
    Claim(String),
}

impl Rejected {
    fn claim(name: &str) -> Self {
        Self::Claim(name.to_owned())
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str(
                "it is malformed, its issuer or key or algorithm is not configured here, or its signature is wrong",
            ),
            Self::Issuer => f.write_str("it is not of the issuer whose key it is signed with"),
            Self::Audience => f.write_str("it is not for this service (`aud`)"),
            Self::Expired(at) => write!(f, "it expired at {}", at.format("%FT%TZ")),
            Self::NotYet(at) => write!(f, "it is not valid before {}", at.format("%FT%TZ")),
            Self::Claim(name) => write!(f, "its claim `{name}` is missing, or not in the form it must have"),
        }
    }
}

/// Whose tokens are accepted. Never changed: when a key changes, another takes its place, which remembers nothing.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    issuers: Vec<Issuer>,
    /// Tokens that were accepted, by hash.
    accepted: Mutex<HashMap<[u8; 32], Arc<Token>>>,
}

impl Trust {
    pub(crate) fn new(issuers: Vec<Issuer>) -> Self {
        install();
        Self {
            issuers,
            accepted: Mutex::default(),
        }
    }

    /// Whether there is anybody whose tokens are accepted.
    pub(crate) fn is_empty(&self) -> bool {
        self.issuers.is_empty()
    }

    /// Judges a token, at `now`.
    pub(crate) fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Arc<Token>, Rejected> {
        if self.is_empty() || token.len() > LONGEST {
            return Err(Rejected::Unknown);
        }
        let hash = Sha256::digest(token).into();
        let known = self.accepted.lock().get(&hash).cloned();
        if let Some(known) = known.filter(|known| now < known.until) {
            return Ok(known);
        }
        let accepted = Arc::new(self.verify_anew(token, now)?);
        let mut all = self.accepted.lock();
        if all.len() >= REMEMBERED {
            all.retain(|_, token| now < token.until);
        }
        if all.len() >= REMEMBERED {
            // So many at once: they come in turn, and none is worth more than another.
            all.clear();
        }
        all.insert(hash, accepted.clone());
        Ok(accepted)
    }

    fn verify_anew(&self, token: &str, now: DateTime<Utc>) -> Result<Token, Rejected> {
        let unknown = |_| Rejected::Unknown;
        let header = jsonwebtoken::decode_header(token).map_err(unknown)?;
        let algorithm = Algorithm::of(header.alg).ok_or(Rejected::Unknown)?;
        // RFC 7515, section 4.1.11: an extension that must be understood, and is not.
        if header.crit.is_some() {
            return Err(Rejected::Unknown);
        }
        // Not to be believed yet: it only says whose key to try.
        let claimed: Claims = dangerous::insecure_decode_claims(token).map_err(unknown)?;
        let from = claims::issuer(&claimed).ok_or(Rejected::Unknown)?;
        let mut rejected = Rejected::Unknown;
        for issuer in self.issuers.iter().filter(|issuer| issuer.config.issuer == from) {
            let Some(key) = issuer.keys.find(algorithm, header.kid.as_deref()) else {
                continue;
            };
            let Ok(verified) =
                jsonwebtoken::decode::<Claims>(token, &key.verifying, &signature_only(key.algorithm))
            else {
                continue;
            };
            match claims::check(&verified.claims, &issuer.config, now) {
                Ok(token) => return Ok(token),
                // One issuer may be configured for several audiences.
                Err(reason) => rejected = reason,
            }
        }
        Err(rejected)
    }
}

/// What `jsonwebtoken` judges: the signature, by this algorithm alone. The claims are judged here, by a clock that is handed in.
pub(super) fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm.theirs());
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

#[cfg(test)]
mod tests;
