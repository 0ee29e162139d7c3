//! What a token claims, once its signature is known to be right.

use chrono::{DateTime, TimeDelta, Utc};
use queue::rights::{self, Reach, Rights};
use serde_json::{Map, Value};

use super::{Config, Rejected, Token};

/// Most queue patterns of a token: as many as a key may have.
const PATTERNS: usize = 100;

/// The claims of a token.
pub(super) type Claims = Map<String, Value>;

/// Who the token says it is from.
pub(super) fn issuer(claims: &Claims) -> Option<&str> {
    claims.get("iss")?.as_str()
}

/// Judges what a token claims, at `now`.
pub(super) fn check(claims: &Claims, config: &Config, now: DateTime<Utc>) -> Result<Token, Rejected> {
    if issuer(claims) != Some(&config.issuer) {
        return Err(Rejected::Issuer);
    }
    if !words(claims, "aud", &[])?
        .iter()
        .any(|audience| config.audience.contains(audience))
    {
        return Err(Rejected::Audience);
    }
    let leeway = TimeDelta::from_std(config.leeway).unwrap_or_default();
    let ends = moment(claims, "exp")?.ok_or(Rejected::claim("exp"))?;
    let until = ends.checked_add_signed(leeway).unwrap_or(ends);
    if now >= until {
        return Err(Rejected::Expired(ends));
    }
    if let Some(begins) = moment(claims, "nbf")?
        && now + leeway < begins
    {
        return Err(Rejected::NotYet(begins));
    }
    let scopes = words(claims, &config.scope_claim, &[' '])?;
    let queues = words(claims, &config.queues_claim, &[' ', ','])?;
    if queues.len() > PATTERNS || !queues.iter().all(|pattern| rights::is_pattern(pattern)) {
        return Err(Rejected::claim(&config.queues_claim));
    }
    Ok(Token {
        issuer: config.issuer.clone(),
        subject: claims.get("sub").and_then(Value::as_str).map(str::to_owned),
        rights: Rights {
            // Those of other services stand beside ours.
            scopes: scopes.iter().filter_map(|word| rights::scope(word)).collect(),
            reach: Reach::of(queues),
        },
        until,
    })
}

/// A claim that is a text or an array of texts; a text is cut at `between`. None if it is not there.
fn words(claims: &Claims, name: &str, between: &[char]) -> Result<Vec<String>, Rejected> {
    let wrong = || Rejected::claim(name);
    match claims.get(name) {
        None | Some(Value::Null) => Ok(vec![]),
        Some(Value::String(text)) => {
            let cut = text.split(between).filter(|word| !word.is_empty());
            Ok(cut.map(str::to_owned).collect())
        }
        Some(Value::Array(items)) => {
            let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().ok_or_else(wrong)
        }
        Some(_) => Err(wrong()),
    }
}

/// A claim that is a time: seconds since 1970, perhaps with a fraction.
fn moment(claims: &Claims, name: &str) -> Result<Option<DateTime<Utc>>, Rejected> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    #[expect(clippy::cast_possible_truncation, reason = "bounded above and below")]
    let milliseconds = value
        .as_f64()
        .map(|seconds| seconds * 1_000.0)
        .filter(|ms| (0.0..253_402_300_800_000.0).contains(ms))
        .map(|ms| ms as i64);
    let at = milliseconds.and_then(DateTime::from_timestamp_millis);
    at.ok_or(Rejected::claim(name)).map(Some)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proto::Scope;
    use serde_json::json;

    use super::{super::Material, *};

    const NOW: i64 = 1_800_000_000;

    fn config() -> Config {
        Config {
            leeway: Duration::from_mins(1),
            ..Config::new(
                "https://login.example/",
                "posthaste",
                vec![],
                Material::Secret(vec![]),
            )
        }
    }

    /// Usual claims, with these in their place; `null` takes one away.
    fn judge(changes: &Value) -> Result<Token, Rejected> {
        let mut claims = json!({
            "iss": "https://login.example/", "aud": "posthaste", "sub": "shop", "exp": NOW + 100,
            "scope": "openid enqueue read", "queues": ["shop-*", "mail"],
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let mut claims = claims.as_object().unwrap().clone();
        claims.retain(|_, value| !value.is_null());
        check(&claims, &config(), DateTime::from_timestamp(NOW, 0).unwrap())
    }

    #[test]
    fn claims_become_rights() {
        let token = judge(&json!({})).unwrap();
        assert_eq!(token.rights.scopes.to_vec(), [Scope::Enqueue, Scope::Read]);
        assert_eq!(token.rights.reach.patterns(), ["shop-*", "mail"]);
        assert_eq!(token.subject.as_deref(), Some("shop"));
        assert_eq!(token.until.timestamp(), NOW + 160);
        for (scope, expected) in [
            (json!(["manage", "offline_access"]), vec![Scope::Manage]),
            (json!("admin"), vec![Scope::Admin]),
            (json!("ADMIN enqueue,read"), vec![]),
            (json!(null), vec![]),
        ] {
            assert_eq!(
                judge(&json!({"scope": scope})).unwrap().rights.scopes.to_vec(),
                expected
            );
        }
        for (queues, reached) in [
            (json!("mail shop-*"), &["mail", "shop-1"][..]),
            (json!("mail,a"), &["mail", "a"]),
            (json!("*"), &["mail", "x"]),
            (json!(null), &[]),
            (json!([]), &[]),
        ] {
            let reach = judge(&json!({"queues": queues})).unwrap().rights.reach;
            for name in ["mail", "shop-1", "a", "x"] {
                assert_eq!(
                    reach.covers(name),
                    reach.is_everything() || reached.contains(&name),
                    "{queues} {name}"
                );
            }
        }
    }

    #[test]
    fn an_audience_is_one_or_among_several() {
        for (audience, fine) in [
            (json!("posthaste"), true),
            (json!(["other", "posthaste"]), true),
            (json!("other posthaste"), false),
            (json!("posthaste "), false),
            (json!([]), false),
            (json!(null), false),
        ] {
            assert_eq!(judge(&json!({"aud": audience})).is_ok(), fine, "{audience}");
        }
    }

    #[test]
    fn times_are_kept_with_leeway() {
        for (name, at, fine) in [
            ("exp", json!(NOW - 59), true),
            ("exp", json!(NOW - 60), false),
            ("exp", json!(1_800_000_000.5), true),
            ("nbf", json!(NOW + 60), true),
            ("nbf", json!(NOW + 61), false),
            ("nbf", json!(0), true),
        ] {
            assert_eq!(judge(&json!({name: at})).is_ok(), fine, "{name} {at}");
        }
    }

    #[test]
    fn what_is_no_time_or_list_is_refused() {
        let at = |s| DateTime::from_timestamp(s, 0).unwrap();
        for (changes, expected) in [
            (json!({"exp": null}), Rejected::claim("exp")),
            (json!({"exp": "soon"}), Rejected::claim("exp")),
            (json!({"exp": -1}), Rejected::claim("exp")),
            (json!({"exp": 1e300}), Rejected::claim("exp")),
            (json!({"nbf": "1"}), Rejected::claim("nbf")),
            (json!({"exp": NOW - 100}), Rejected::Expired(at(NOW - 100))),
            (json!({"nbf": NOW + 100}), Rejected::NotYet(at(NOW + 100))),
            (json!({"iss": "https://login.example"}), Rejected::Issuer),
            (json!({"iss": ["https://login.example/"]}), Rejected::Issuer),
            (json!({"iss": null}), Rejected::Issuer),
            (json!({"aud": 7}), Rejected::claim("aud")),
            (json!({"scope": {"a": 1}}), Rejected::claim("scope")),
            (json!({"scope": [7]}), Rejected::claim("scope")),
            (json!({"queues": ["a b"]}), Rejected::claim("queues")),
            (json!({"queues": [""]}), Rejected::claim("queues")),
            (json!({"queues": vec!["a"; 101]}), Rejected::claim("queues")),
        ] {
            assert_eq!(judge(&changes).unwrap_err(), expected, "{changes}");
        }
    }
}
