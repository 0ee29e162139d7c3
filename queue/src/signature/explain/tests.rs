use chrono::TimeDelta;
use rand::{SeedableRng, rngs::SmallRng};

use super::*;
use crate::signature::{Signer, header};

const ID: &str = "01980a3b-7c2d-7e4f-8a5b-6c7d8e9fa0b1";
const BODY: &str = r#"{"b": 1, "a": [true, "x y"]}"#;

fn now() -> DateTime<Utc> {
    "2026-01-31T12:00:00Z".parse().unwrap()
}

fn secret(scheme: SigningScheme, seed: u64) -> Secret {
    Secret::make(scheme, &mut SmallRng::seed_from_u64(seed))
}

/// One of each scheme that signs, and one that has ended.
fn known() -> Vec<Known> {
    let known = |n: u128, secret, expires_at| Known {
        id: Uuid::from_u128(n),
        secret,
        expires_at,
    };
    vec![
        known(1, secret(SigningScheme::V1, 1), None),
        known(2, secret(SigningScheme::V1a, 2), None),
        known(3, secret(SigningScheme::V1, 3), Some(now() - TimeDelta::hours(1))),
    ]
}

fn signed(secret: &Secret, at: DateTime<Utc>) -> (String, String) {
    let timestamp = at.timestamp().to_string();
    let value = header(&[Signer::new(secret)], ID, &timestamp, BODY.as_bytes());
    (timestamp, value)
}

/// What is found in a request that `change` was made to, by its codes.
fn found(
    of: usize,
    change: impl Fn(&mut String, &mut String, &mut String, &mut Vec<u8>),
) -> (Option<u128>, Vec<String>, String) {
    let known = known();
    let (mut timestamp, mut signature) = signed(&known[of].secret, now());
    let (mut id, mut body) = (ID.to_owned(), BODY.as_bytes().to_vec());
    change(&mut id, &mut timestamp, &mut signature, &mut body);
    let given = Given {
        id: Some(&id),
        timestamp: Some(&timestamp),
        signature: Some(&signature),
        body: &body,
        secret: None,
    };
    let told = explain(&given, &known, None, now());
    assert_eq!(told.valid, told.findings.is_empty(), "{told:?}");
    (
        told.secret.map(|id| id.as_u128()),
        told.findings.into_iter().map(|finding| finding.code).collect(),
        told.explanation,
    )
}

#[test]
fn a_good_signature_is_good_by_either_scheme_and_beside_others() {
    for of in [0, 1] {
        let (maker, codes, told) = found(of, |_, _, _, _| {});
        assert_eq!((maker, codes.len()), (Some(of as u128 + 1), 0), "{told}");
    }
    let (maker, codes, _) = found(0, |_, _, signature, _| {
        *signature = format!("v2,abc {signature} v1,{}", STANDARD.encode([0; 32]));
    });
    assert_eq!((maker, codes.len()), (Some(1), 0));
}

#[test]
fn what_is_amiss_is_found() {
    type Change = fn(&mut String, &mut String, &mut String, &mut Vec<u8>);
    let cases: [(&str, usize, Change, Option<u128>); 17] = [
        ("secret_expired", 2, |_, _, _, _| {}, Some(3)),
        ("body_changed", 0, |_, _, _, body| body.push(b'\n'), Some(1)),
        (
            "body_changed",
            1,
            |_, _, _, body| *body = br#"{"b":1,"a":[true,"x y"]}"#.to_vec(),
            None,
        ),
        ("no_match", 0, |_, _, _, body| body.clear(), None),
        ("no_match", 0, |id, _, _, _| id.push('x'), None),
        ("id_changed", 0, |id, _, _, _| *id = format!("\"{id}\""), Some(1)),
        (
            "id_changed",
            0,
            |id, _, _, _| *id = id.to_ascii_uppercase(),
            Some(1),
        ),
        (
            "timestamp_in_milliseconds",
            0,
            |_, at, _, _| at.push_str("000"),
            Some(1),
        ),
        (
            "timestamp_malformed",
            0,
            |_, at, _, _| *at = "soon".to_owned(),
            None,
        ),
        (
            "base64_padding",
            0,
            |_, _, s, _| *s = s.trim_end_matches('=').to_owned(),
            Some(1),
        ),
        (
            "base64_alphabet",
            1,
            |_, _, s, _| *s = s.replace('+', "-").replace('/', "_"),
            Some(2),
        ),
        (
            "signature_malformed",
            0,
            |_, _, s, _| *s = s.replace("v1,", "v1="),
            None,
        ),
        (
            "signature_malformed",
            0,
            |_, _, s, _| *s = s.replace("v1,", ""),
            None,
        ),
        ("signature_malformed", 0, |_, _, s, _| s.truncate(20), None),
        ("signature_missing", 0, |_, _, s, _| s.clear(), None),
        (
            "signature_missing",
            0,
            |_, _, s, _| *s = "v9,abc".to_owned(),
            None,
        ),
        (
            "signature_in_hex",
            0,
            |_, _, s, _| {
                let bytes = STANDARD.decode(&s[3..]).unwrap();
                let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
                *s = format!("v1,{hex}");
            },
            Some(1),
        ),
    ];
    for (code, of, change, maker) in cases {
        let (made_by, codes, told) = found(of, change);
        assert!(
            codes.iter().any(|found| found == code),
            "{code}: {codes:?} {told}"
        );
        if maker.is_some() {
            assert_eq!(made_by, maker, "{code}: {codes:?}");
        }
    }
}

#[test]
fn time_is_judged_both_ways() {
    let known = known();
    for (minutes, code) in [
        (-6, "timestamp_too_old"),
        (6, "timestamp_too_new"),
        (-4, ""),
        (4, ""),
    ] {
        let (timestamp, signature) = signed(&known[0].secret, now() + TimeDelta::minutes(minutes));
        let given = Given {
            id: Some(ID),
            timestamp: Some(&timestamp),
            signature: Some(&signature),
            body: BODY.as_bytes(),
            secret: None,
        };
        let told = explain(&given, &known, None, now());
        assert_eq!(told.secret, Some(known[0].id));
        assert_eq!(told.findings.first().map_or("", |finding| &finding.code), code);
    }
}

#[test]
fn the_payload_that_was_sent_tells_what_became_of_it() {
    let known = known();
    let (timestamp, signature) = signed(&known[0].secret, now());
    let given = Given {
        id: Some(ID),
        timestamp: Some(&timestamp),
        signature: Some(&signature),
        body: br#"{"a":[true,"x y"],"b":1}"#,
        secret: None,
    };
    let told = explain(&given, &known, Some(BODY.as_bytes()), now());
    assert_eq!(
        (told.secret, &*told.findings[0].code),
        (Some(known[0].id), "body_changed")
    );
    assert!(told.explanation.contains("order of keys"), "{told:?}");
}

#[test]
fn a_secret_that_is_read_as_text_is_told() {
    let known = known();
    let text = known[0].secret.reveal();
    let timestamp = now().timestamp().to_string();
    for key in [&*text, &text[6..]] {
        let mac = keyed(key.as_bytes()).chain_update(content(ID, &timestamp, BODY.as_bytes()));
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        let given = Given {
            id: Some(ID),
            timestamp: Some(&timestamp),
            signature: Some(&signature),
            body: BODY.as_bytes(),
            secret: None,
        };
        let told = explain(&given, &known, None, now());
        assert_eq!(
            (told.valid, &*told.findings[0].code),
            (false, "secret_misread"),
            "{told:?}"
        );
    }
}

#[test]
fn the_receivers_secret_is_compared() {
    let known = known();
    let (timestamp, signature) = signed(&known[0].secret, now());
    let (shared, public) = (
        known[0].secret.reveal(),
        known[1].secret.public_key().unwrap().reveal(),
    );
    let (old, strange) = (known[2].secret.reveal(), secret(SigningScheme::V1, 9).reveal());
    for (given, code) in [
        (&*shared, ""),
        (&*public, ""),
        (&shared[6..], "secret_without_prefix"),
        (&*format!("{shared} "), "secret_malformed"),
        ("ph_abc", "secret_malformed"),
        ("whsec_!", "secret_malformed"),
        (&*old, "secret_expired"),
        (&*strange, "secret_unknown"),
    ] {
        let request = Given {
            id: Some(ID),
            timestamp: Some(&timestamp),
            signature: Some(&signature),
            body: BODY.as_bytes(),
            secret: Some(given),
        };
        let told = explain(&request, &known, None, now());
        assert_eq!(
            told.findings.first().map_or("", |finding| &finding.code),
            code,
            "{told:?}"
        );
        assert!(!told.explanation.contains(given), "{told:?}");
    }
}

#[test]
fn headers_that_are_missing_are_named() {
    let given = Given {
        id: None,
        timestamp: None,
        signature: None,
        body: b"",
        secret: None,
    };
    let told = explain(&given, &known(), None, now());
    assert_eq!(told.findings.len(), 3);
    assert!(!told.valid && told.secret.is_none());
}
