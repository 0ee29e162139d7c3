//! The keys of an issuer. Each is for one algorithm, fixed here and never by a token: a token cannot make a public key a secret.

use jsonwebtoken::{
    DecodingKey, DecodingKeyKind,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse},
};

use super::{Algorithm, Material};

/// A key, and what it is for.
#[derive(Debug)]
pub(super) struct Key {
    /// What a token calls it: in a set only.
    id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) verifying: DecodingKey,
}

/// The keys of one issuer.
#[derive(Debug)]
pub(super) struct Keys {
    keys: Vec<Key>,
    /// Whether tokens name their key.
    is_set: bool,
}

impl Keys {
    /// Reads what is configured. The error says what is wrong with it.
    pub(super) fn read(material: &Material, algorithms: &[Algorithm]) -> Result<Self, String> {
        let keys = match material {
            Material::Secret(secret) => vec![of_secret(secret, algorithms)?],
            Material::Pem(pem) => vec![of_pem(pem, algorithms)?],
            Material::Jwks(json) => of_set(json, algorithms)?,
        };
        Ok(Self {
            keys,
            is_set: matches!(material, Material::Jwks(_)),
        })
    }

    /// The key for a token that names this algorithm and this key; in a set, one that names none means the only one it can mean.
    pub(super) fn find(&self, algorithm: Algorithm, id: Option<&str>) -> Option<&Key> {
        let mut fitting = self.keys.iter().filter(|key| {
            let named = !self.is_set || id.is_none() || key.id.as_deref() == id;
            key.algorithm == algorithm && named
        });
        let found = fitting.next()?;
        fitting.next().is_none().then_some(found)
    }
}

fn of_secret(secret: &[u8], algorithms: &[Algorithm]) -> Result<Key, String> {
    if algorithms != [Algorithm::Hs256] {
        return Err("a secret is for HS256 alone".to_owned());
    }
    let secret = secret.trim_ascii_end();
    let key = DecodingKey::from_secret(secret);
    usable(Algorithm::Hs256, &key)?;
    Ok(Key {
        id: None,
        algorithm: Algorithm::Hs256,
        verifying: key,
    })
}

fn of_pem(pem: &[u8], algorithms: &[Algorithm]) -> Result<Key, String> {
    let [algorithm] = *algorithms else {
        return Err("a PEM file holds one key, which is for one algorithm".to_owned());
    };
    let read = match algorithm {
        Algorithm::Hs256 => return Err("a PEM file holds a public key; HS256 takes a secret".to_owned()),
        Algorithm::Rs256 => DecodingKey::from_rsa_pem(pem),
        Algorithm::Es256 => DecodingKey::from_ec_pem(pem),
        Algorithm::EdDsa => DecodingKey::from_ed_pem(pem),
    };
    let key = read.map_err(|_| {
        format!(
            "it is no public key for {} in PEM (-----BEGIN PUBLIC KEY-----)",
            algorithm.name()
        )
    })?;
    usable(algorithm, &key)?;
    Ok(Key {
        id: None,
        algorithm,
        verifying: key,
    })
}

/// Those of a set that are for signatures by one of these algorithms. Sets hold others too: keys to encrypt with, or for elsewhere.
fn of_set(json: &[u8], algorithms: &[Algorithm]) -> Result<Vec<Key>, String> {
    let set: JwkSet =
        serde_json::from_slice(json).map_err(|error| format!("it is no set of keys (JWKS): {error}"))?;
    let mut keys = Vec::new();
    for jwk in set.keys {
        let Some(algorithm) = algorithm_of(&jwk).filter(|algorithm| algorithms.contains(algorithm)) else {
            continue;
        };
        let id = jwk.common.key_id.clone();
        let problem = |problem: String| format!("the key {:?} in it: {problem}", id.as_deref().unwrap_or(""));
        let key = DecodingKey::from_jwk(&jwk).map_err(|_| problem("cannot be read".to_owned()))?;
        usable(algorithm, &key).map_err(problem)?;
        keys.push(Key {
            id,
            algorithm,
            verifying: key,
        });
    }
    if keys.is_empty() {
        let names: Vec<_> = algorithms.iter().map(|algorithm| algorithm.name()).collect();
        return Err(format!(
            "it holds no key for signatures by {}",
            names.join(" or ")
        ));
    }
    Ok(keys)
}

/// What a key of a set is for: what its kind is good for, unless it says something else itself.
fn algorithm_of(jwk: &Jwk) -> Option<Algorithm> {
    if matches!(
        jwk.common.public_key_use,
        Some(PublicKeyUse::Encryption | PublicKeyUse::Other(_))
    ) {
        return None;
    }
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::Rs256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(params) if params.curve == EllipticCurve::P256 => {
            (Algorithm::Es256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(params) if params.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDsa, KeyAlgorithm::EdDSA)
        }
        AlgorithmParameters::OctetKey(_) => (Algorithm::Hs256, KeyAlgorithm::HS256),
        _ => return None,
    };
    jwk.common
        .key_algorithm
        .is_none_or(|given| given == named)
        .then_some(algorithm)
}

/// Whether a key has the size that its algorithm wants. Found out at start, not with the first token.
fn usable(algorithm: Algorithm, key: &DecodingKey) -> Result<(), String> {
    let (fine, wanted) = match (algorithm, key.kind()) {
        // RFC 7518, section 3.2: no smaller than the hash.
        (Algorithm::Hs256, DecodingKeyKind::SecretOrDer(secret)) => {
            (secret.len() >= 32, "a secret for HS256 has 32 bytes at least")
        }
        // RFC 7518, section 3.3: 2,048 bits, which in DER with its exponent are some bytes more.
        (Algorithm::Rs256, DecodingKeyKind::SecretOrDer(der)) => {
            (der.len() >= 266, "a key for RS256 has 2048 bits at least")
        }
        (Algorithm::Rs256, DecodingKeyKind::RsaModulusExponent { n, .. }) => {
            (n.len() >= 256, "a key for RS256 has 2048 bits at least")
        }
        (Algorithm::Es256, DecodingKeyKind::SecretOrDer(point)) => (
            point.len() == 65 && point[0] == 4,
            "a key for ES256 is a point on the curve P-256",
        ),
        (Algorithm::EdDsa, DecodingKeyKind::SecretOrDer(point)) => {
            (point.len() == 32, "a key for EdDSA is one of Ed25519")
        }
        _ => (false, "it is for another algorithm"),
    };
    if fine { Ok(()) } else { Err(wanted.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(keys: &str, algorithms: &[Algorithm]) -> Result<Keys, String> {
        let json = format!("{{\"keys\":[{keys}]}}");
        Keys::read(&Material::Jwks(json.into_bytes()), algorithms)
    }

    /// The examples of RFC 8037 (appendix A.2), RFC 7517 (appendix A.1, both keys), and a secret.
    const ED: &str =
        r#"{"kty":"OKP","crv":"Ed25519","kid":"ed","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    const EC: &str = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","kid":"ec"}"#;
    const ENCRYPTING: &str = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"enc"}"#;
    const SECRET: &str = r#"{"kty":"oct","k":"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE","kid":"hs"}"#;

    #[test]
    fn a_set_gives_the_key_that_a_token_names() {
        let all = format!("{ED},{EC},{ENCRYPTING},{SECRET}");
        let keys = set(&all, &[Algorithm::EdDsa, Algorithm::Es256]).unwrap();
        let found = |algorithm, id| keys.find(algorithm, id).map(|key| key.id.clone().unwrap());
        for (algorithm, id, expected) in [
            (Algorithm::EdDsa, Some("ed"), Some("ed")),
            (Algorithm::EdDsa, None, Some("ed")),
            (Algorithm::Es256, Some("ec"), Some("ec")),
            // The key is there, and not for this.
            (Algorithm::Es256, Some("ed"), None),
            (Algorithm::Es256, Some("enc"), None),
            (Algorithm::Hs256, Some("hs"), None),
            (Algorithm::Hs256, Some("ec"), None),
            (Algorithm::EdDsa, Some("other"), None),
        ] {
            assert_eq!(found(algorithm, id).as_deref(), expected, "{algorithm:?} {id:?}");
        }
        let twice = set(
            &format!("{ED},{}", ED.replace("\"kid\":\"ed\"", "\"kid\":\"ed2\"")),
            &[Algorithm::EdDsa],
        )
        .unwrap();
        assert!(twice.find(Algorithm::EdDsa, None).is_none());
        assert!(twice.find(Algorithm::EdDsa, Some("ed2")).is_some());
    }

    #[test]
    fn what_cannot_be_a_key_is_told_at_start() {
        let all = [
            Algorithm::Hs256,
            Algorithm::Rs256,
            Algorithm::Es256,
            Algorithm::EdDsa,
        ];
        for (keys, part) in [
            ("", "no key for signatures"),
            (ENCRYPTING, "no key for signatures"),
            ("7", "no set of keys"),
            (r#"{"kty":"oct","k":"c2hvcnQ","kid":"s"}"#, "32 bytes"),
            (r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, "2048 bits"),
            (r#"{"kty":"OKP","crv":"Ed25519","x":"AQAB"}"#, "one of Ed25519"),
            (r#"{"kty":"EC","crv":"P-256","x":"AQAB","y":"AQAB"}"#, "P-256"),
        ] {
            let problem = set(keys, &all).unwrap_err();
            assert!(problem.contains(part), "{keys}: {problem}");
        }
        let secret = |bytes: &[u8], algorithms: &[Algorithm]| {
            Keys::read(&Material::Secret(bytes.to_vec()), algorithms).map(drop)
        };
        assert!(secret(&[b'a'; 32], &[Algorithm::Hs256]).is_ok());
        // The end of the line that an editor leaves is no part of it.
        assert!(
            secret(b"0123456789012345678901234567890\n", &[Algorithm::Hs256])
                .unwrap_err()
                .contains("32 bytes")
        );
        assert!(secret(&[b'a'; 32], &all).unwrap_err().contains("HS256 alone"));
        let pem = |text: &str, algorithms: &[Algorithm]| {
            Keys::read(&Material::Pem(text.into()), algorithms)
                .map(drop)
                .unwrap_err()
        };
        assert!(pem("", &[Algorithm::Es256]).contains("no public key"));
        assert!(pem("", &[Algorithm::Hs256]).contains("a secret"));
        assert!(pem("", &all).contains("one algorithm"));
    }
}
