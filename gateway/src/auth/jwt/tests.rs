//! Tokens as issuers make them, and as those make them who would like to be one.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair},
};
use serde_json::{Value, json};

use super::*;

const ISSUER: &str = "https://login.example/";
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
/// A key pair for these tests alone.
const RSA_PRIVATE: &[u8] = include_bytes!("../../../tests/keys/rsa.der");
const RSA_PUBLIC: &str = include_str!("../../../tests/keys/rsa.pub.pem");

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn claims() -> Value {
    json!({"iss": ISSUER, "aud": "posthaste", "sub": "shop", "exp": 1_800_000_100, "scope": "enqueue", "queues": "*"})
}

/// Who signs.
enum Signer {
    Secret(Vec<u8>),
    Rsa,
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Nobody,
}

fn ec() -> EcdsaKeyPair {
    let (random, how) = (SystemRandom::new(), &signature::ECDSA_P256_SHA256_FIXED_SIGNING);
    let pair = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(how, pair.as_ref(), &random).unwrap()
}

fn ed() -> Ed25519KeyPair {
    let pair = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    Ed25519KeyPair::from_pkcs8(pair.as_ref()).unwrap()
}

fn sign(header: &Value, claims: &Value, signer: &Signer) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let bytes = message.as_bytes();
    let code = match signer {
        Signer::Secret(secret) => hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), bytes)
            .as_ref()
            .to_vec(),
        Signer::Rsa => {
            let pair = RsaKeyPair::from_der(RSA_PRIVATE).unwrap();
            let mut code = vec![0; pair.public().modulus_len()];
            pair.sign(
                &signature::RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                bytes,
                &mut code,
            )
            .unwrap();
            code
        }
        Signer::Ec(pair) => pair.sign(&SystemRandom::new(), bytes).unwrap().as_ref().to_vec(),
        Signer::Ed(pair) => pair.sign(bytes).as_ref().to_vec(),
        Signer::Nobody => vec![],
    };
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(code))
}

fn trust(algorithms: &[Algorithm], keys: Material) -> Trust {
    let config = Config::new(ISSUER, "posthaste", algorithms.to_vec(), keys);
    Trust::new(vec![Issuer::new(config).unwrap()])
}

/// A public key in PEM: its DER is this beginning, fixed for its kind, and the bits of the point.
fn pem(begin: &[u8], point: &[u8]) -> Material {
    let text = STANDARD.encode([begin, point].concat());
    Material::Pem(format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n").into_bytes())
}

fn ed_pem(pair: &Ed25519KeyPair) -> Material {
    // RFC 8410, section 4.
    let begin = [
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ];
    pem(&begin, pair.public_key().as_ref())
}

fn ec_pem(pair: &EcdsaKeyPair) -> Material {
    // RFC 5480, section 2: id-ecPublicKey, prime256v1.
    let begin = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    pem(&begin, pair.public_key().as_ref())
}

fn rsa_jwk(id: &str) -> Value {
    let pair = RsaKeyPair::from_der(RSA_PRIVATE).unwrap();
    let parts: signature::RsaPublicKeyComponents<Vec<u8>> = pair.public().into();
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": id, "n": encode(&parts.n), "e": encode(&parts.e)})
}

fn jwks(keys: &[Value]) -> Material {
    Material::Jwks(json!({"keys": keys}).to_string().into_bytes())
}

#[test]
fn each_algorithm_is_accepted_with_its_key() {
    let (one, other) = (ed(), ec());
    for (algorithm, keys, signer) in [
        (
            Algorithm::Hs256,
            Material::Secret(SECRET.to_vec()),
            Signer::Secret(SECRET.to_vec()),
        ),
        (Algorithm::Rs256, Material::Pem(RSA_PUBLIC.into()), Signer::Rsa),
        (Algorithm::Rs256, jwks(&[rsa_jwk("a")]), Signer::Rsa),
        (Algorithm::EdDsa, ed_pem(&one), Signer::Ed(one)),
        (Algorithm::Es256, ec_pem(&other), Signer::Ec(other)),
    ] {
        let trust = trust(&[algorithm], keys);
        let header = json!({"alg": algorithm.name(), "typ": "JWT"});
        let token = sign(&header, &claims(), &signer);
        for _ in 0..2 {
            let accepted = trust.verify(&token, now()).unwrap();
            assert_eq!(accepted.subject.as_deref(), Some("shop"), "{algorithm:?}");
        }
        // Another signature, another content, another algorithm.
        let (message, code) = token.rsplit_once('.').unwrap();
        let mut flipped = URL_SAFE_NO_PAD.decode(code).unwrap();
        flipped[9] ^= 1;
        let (head, _) = message.split_once('.').unwrap();
        let admin = json!({"iss": ISSUER, "aud": "posthaste", "exp": 1_800_000_100, "scope": "admin"});
        for forged in [
            format!("{message}.{}", URL_SAFE_NO_PAD.encode(flipped)),
            format!("{message}."),
            format!("{head}.{}.{code}", URL_SAFE_NO_PAD.encode(admin.to_string())),
        ] {
            assert_eq!(trust.verify(&forged, now()), Err(Rejected::Unknown), "{forged}");
        }
        for name in Algorithm::ALL
            .into_iter()
            .filter(|other| *other != algorithm)
            .map(Algorithm::name)
        {
            let token = sign(&json!({"alg": name}), &claims(), &signer);
            assert_eq!(trust.verify(&token, now()), Err(Rejected::Unknown), "{name}");
        }
    }
}

#[test]
fn no_signature_is_no_signature_however_it_is_written() {
    for trust in [
        trust(&[Algorithm::Hs256], Material::Secret(SECRET.to_vec())),
        trust(&[Algorithm::Rs256], Material::Pem(RSA_PUBLIC.into())),
    ] {
        for name in ["none", "None", "NONE", "nOnE", "", "HS384", "PS256", "ES384"] {
            for signer in [Signer::Nobody, Signer::Secret(SECRET.to_vec())] {
                let token = sign(&json!({"alg": name}), &claims(), &signer);
                assert_eq!(trust.verify(&token, now()), Err(Rejected::Unknown), "{name}");
            }
        }
        let without = sign(&json!({"typ": "JWT"}), &claims(), &Signer::Nobody);
        assert_eq!(trust.verify(&without, now()), Err(Rejected::Unknown));
    }
}

#[test]
fn a_public_key_is_no_secret() {
    let trust = trust(&[Algorithm::Rs256], Material::Pem(RSA_PUBLIC.into()));
    let der = pem::parse_public(RSA_PUBLIC);
    for secret in [RSA_PUBLIC.as_bytes().to_vec(), RSA_PUBLIC.trim().into(), der] {
        let token = sign(&json!({"alg": "HS256"}), &claims(), &Signer::Secret(secret));
        assert_eq!(trust.verify(&token, now()), Err(Rejected::Unknown));
    }
}

/// The bytes in a PEM text.
mod pem {
    use super::{Engine, STANDARD};

    pub(super) fn parse_public(text: &str) -> Vec<u8> {
        let lines: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        STANDARD.decode(lines).unwrap()
    }
}

#[test]
fn a_token_brings_no_key_of_its_own() {
    let pair = ed();
    let jwk = json!({
        "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(pair.public_key().as_ref()), "kid": "mine"
    });
    let ours = ed();
    let trust = trust(&[Algorithm::EdDsa], ed_pem(&ours));
    let header = json!({"alg": "EdDSA", "jwk": jwk, "kid": "mine", "jku": "https://evil.example/jwks.json"});
    let token = sign(&header, &claims(), &Signer::Ed(pair));
    assert_eq!(trust.verify(&token, now()), Err(Rejected::Unknown));
    // Something that must be understood, and is not.
    let header = json!({"alg": "EdDSA", "crit": ["b64"], "b64": false});
    let token = sign(&header, &claims(), &Signer::Ed(ours));
    assert_eq!(trust.verify(&token, now()), Err(Rejected::Unknown));
}

#[test]
fn the_key_is_the_one_that_is_named() {
    let other = ed();
    let stranger = json!({
        "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(other.public_key().as_ref()), "kid": "ed"
    });
    let trust = trust(
        &[Algorithm::Rs256, Algorithm::EdDsa],
        jwks(&[rsa_jwk("old"), stranger]),
    );
    for (header, accepted) in [
        (json!({"alg": "RS256", "kid": "old"}), true),
        (json!({"alg": "RS256"}), true),
        (json!({"alg": "RS256", "kid": "new"}), false),
        (json!({"alg": "RS256", "kid": "ed"}), false),
        (json!({"alg": "RS256", "kid": ""}), false),
        (json!({"alg": "EdDSA", "kid": "old"}), false),
    ] {
        let token = sign(&header, &claims(), &Signer::Rsa);
        assert_eq!(trust.verify(&token, now()).is_ok(), accepted, "{header}");
    }
}

#[test]
fn an_issuer_vouches_for_itself_alone() {
    let of = |issuer: &str, audience: &str, secret: &[u8]| {
        let keys = Material::Secret(secret.to_vec());
        Issuer::new(Config::new(issuer, audience, vec![Algorithm::Hs256], keys)).unwrap()
    };
    let second = b"another secret of another issuer";
    let trust = Trust::new(vec![
        of(ISSUER, "posthaste", SECRET),
        of(ISSUER, "posthaste-staging", SECRET),
        of("https://second.example/", "posthaste", second),
    ]);
    let verify = |changes: Value, secret: &[u8]| {
        let mut claims = claims();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let token = sign(
            &json!({"alg": "HS256"}),
            &claims,
            &Signer::Secret(secret.to_vec()),
        );
        trust.verify(&token, now()).map(|token| token.issuer.clone())
    };
    assert_eq!(verify(json!({}), SECRET).as_deref(), Ok(ISSUER));
    assert_eq!(
        verify(json!({"aud": "posthaste-staging"}), SECRET).as_deref(),
        Ok(ISSUER)
    );
    assert_eq!(verify(json!({}), second), Err(Rejected::Unknown));
    assert_eq!(
        verify(json!({"iss": "https://second.example/"}), SECRET),
        Err(Rejected::Unknown)
    );
    assert_eq!(
        verify(json!({"iss": "https://third.example/"}), SECRET),
        Err(Rejected::Unknown)
    );
    assert_eq!(verify(json!({"iss": 7}), SECRET), Err(Rejected::Unknown));
    assert_eq!(verify(json!({"aud": "others"}), SECRET), Err(Rejected::Audience));
}

#[test]
fn a_token_that_was_accepted_ends_all_the_same() {
    let trust = trust(&[Algorithm::Hs256], Material::Secret(SECRET.to_vec()));
    let token = sign(
        &json!({"alg": "HS256"}),
        &claims(),
        &Signer::Secret(SECRET.to_vec()),
    );
    let after = |seconds| trust.verify(&token, now() + Duration::from_secs(seconds));
    assert!(after(0).is_ok() && after(159).is_ok());
    assert!(matches!(after(160), Err(Rejected::Expired(_))));
    assert!(after(159).is_ok());
}

#[test]
fn what_is_no_token_is_none() {
    let trust = trust(&[Algorithm::Hs256], Material::Secret(SECRET.to_vec()));
    let fine = sign(
        &json!({"alg": "HS256"}),
        &claims(),
        &Signer::Secret(SECRET.to_vec()),
    );
    let long = format!("{fine}{}", "A".repeat(LONGEST));
    for text in [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "ph_a",
        "\u{1F511}.\u{1F511}.\u{1F511}",
        &fine[1..],
        &fine.replace('.', ".."),
        &format!("{fine}."),
        &format!("{fine}="),
        &long,
    ] {
        assert_eq!(trust.verify(text, now()), Err(Rejected::Unknown), "{text}");
    }
    assert_eq!(Trust::default().verify(&fine, now()), Err(Rejected::Unknown));
}

#[test]
fn an_issuer_is_configured_whole() {
    let config = Config::new(
        ISSUER,
        "posthaste",
        vec![Algorithm::Hs256],
        Material::Secret(SECRET.to_vec()),
    );
    assert!(Issuer::new(config.clone()).is_ok());
    for (wrong, part) in [
        (
            Config {
                issuer: String::new(),
                ..config.clone()
            },
            "issuer",
        ),
        (
            Config {
                audience: vec![],
                ..config.clone()
            },
            "audience",
        ),
        (
            Config {
                audience: vec![String::new()],
                ..config.clone()
            },
            "audience",
        ),
        (
            Config {
                algorithms: vec![],
                ..config.clone()
            },
            "algorithms",
        ),
        (
            Config {
                leeway: Duration::from_hours(2),
                ..config
            },
            "leeway",
        ),
    ] {
        assert!(Issuer::new(wrong).unwrap_err().contains(part), "{part}");
    }
}
