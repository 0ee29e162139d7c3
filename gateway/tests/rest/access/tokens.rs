//! Tokens of an outside issuer, in the place of a key. What becomes of each token is judged in `auth/jwt`; here, that it opens the API.

use axum::http::StatusCode;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use gateway::auth::jwt::{Algorithm, Config, Issuer, Material};
use proto::{AuditEntry, Page, Scope};
use ring::hmac;
use serde_json::{Value, json};

use super::{ask, key};
use crate::kit::{App, now};

const ISSUER: &str = "https://login.example/";
const SECRET: &[u8] = b"a secret of at least 32 bytes, as HS256 wants";
const RSA: &str = include_str!("../../keys/rsa.pub.pem");

/// An issuer that signs with the secret, or with a key that nobody here has.
pub(super) fn issuer(algorithm: Algorithm) -> Issuer {
    let keys = match algorithm {
        Algorithm::Hs256 => Material::Secret(SECRET.to_vec()),
        _ => Material::Pem(RSA.into()),
    };
    Issuer::new(Config::new(ISSUER, "posthaste", vec![algorithm], keys)).unwrap()
}

/// A token that says this besides the usual; `null` leaves something out.
pub(super) fn token(changes: &Value) -> String {
    let mut claims = json!({
        "iss": ISSUER, "aud": ["posthaste"], "sub": "shop", "exp": now().timestamp() + 600,
        "scope": "enqueue read", "queues": "*",
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let mut claims = claims.as_object().unwrap().clone();
    claims.retain(|_, value| !value.is_null());
    sign(
        &json!({"alg": "HS256", "typ": "JWT"}),
        &Value::Object(claims),
        SECRET,
    )
}

fn sign(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let code = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(code))
}

#[tokio::test]
async fn a_token_does_what_it_says_and_no_more() {
    let app = App::new().await;
    app.gateway.accept_tokens(vec![issuer(Algorithm::Hs256)]);
    for queue in ["shop", "mail"] {
        app.make_queue(queue).await;
    }
    let task = Some(r#"{"payload":1}"#);
    let all = token(&json!({}));
    for _ in 0..2 {
        let accepted = ask(&app, &all, "POST", "/v1/queues/shop/tasks", task).await;
        accepted.is(StatusCode::ACCEPTED);
    }
    let refused = ask(&app, &all, "POST", "/v1/queues", Some(r#"{"name":"more"}"#)).await;
    assert!(refused.problem(403).detail.contains("`manage`"));
    let shop = token(&json!({"queues": ["shop"]}));
    ask(&app, &shop, "GET", "/v1/queues/shop", None)
        .await
        .is(StatusCode::OK);
    ask(&app, &shop, "GET", "/v1/queues/mail", None)
        .await
        .problem(404);
    let none = token(&json!({"queues": null}));
    ask(&app, &none, "GET", "/v1/queues/shop", None)
        .await
        .problem(404);
    let nothing = token(&json!({"scope": "openid profile"}));
    ask(&app, &nothing, "GET", "/v1/queues", None).await.problem(403);
    // Who may make keys by a token gives no more than the token has.
    let admin = token(&json!({"scope": "admin", "queues": "shop"}));
    for (queues, status) in [("shop", 201), ("*", 403), ("mail", 403)] {
        let new = format!(r#"{{"name":"a","scopes":["admin"],"queues":["{queues}"]}}"#);
        let answer = ask(&app, &admin, "POST", "/v1/keys", Some(&new)).await;
        assert_eq!(answer.status.as_u16(), status, "{queues}");
    }
}

#[tokio::test]
async fn whoever_acts_by_a_token_is_written_down_whatever_it_calls_them() {
    let app = App::new().await;
    app.gateway.accept_tokens(vec![issuer(Algorithm::Hs256)]);
    let admin = token(&json!({"sub": "a\u{0}b", "scope": "admin"}));
    let new = r#"{"name":"a","scopes":["read"],"queues":["*"]}"#;
    ask(&app, &admin, "POST", "/v1/keys", Some(new))
        .await
        .is(StatusCode::CREATED);
    let entries: Page<AuditEntry> = app.get("/v1/audit").await.is(StatusCode::OK).read();
    assert_eq!(entries.items[0].actor.id, "a\u{fffd}b");
}

#[tokio::test]
async fn what_is_wrong_with_a_token_is_told_once_its_signature_is_right() {
    let app = App::new().await;
    app.gateway.accept_tokens(vec![issuer(Algorithm::Hs256)]);
    let past = now().timestamp() - 100;
    let foreign = sign(
        &json!({"alg": "HS256"}),
        &json!({"iss": ISSUER, "aud": "posthaste", "exp": past + 700, "scope": "admin", "queues": "*"}),
        b"somebody else's secret, of 32 bytes and more",
    );
    let unsigned = format!(
        "{}.{}.",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#),
        token(&json!({})).split('.').nth(1).unwrap()
    );
    for (token, part) in [
        (token(&json!({"exp": past})), "expired at"),
        (token(&json!({"exp": null})), "`exp`"),
        (token(&json!({"nbf": past + 1_000})), "before"),
        (token(&json!({"aud": "others"})), "`aud`"),
        (token(&json!({"iss": "https://other.example/"})), "not configured"),
        (token(&json!({"queues": 7})), "`queues`"),
        (foreign, "signature is wrong"),
        (unsigned, "not configured"),
        ("a.b.c".to_owned(), "malformed"),
    ] {
        let refused = ask(&app, &token, "GET", "/v1/queues", None).await;
        assert!(refused.header("www-authenticate").unwrap().starts_with("Bearer"));
        let detail = refused.problem(401).detail;
        assert!(detail.contains(part) && !detail.contains(&token), "{detail}");
    }
}

#[tokio::test]
async fn an_issuer_whose_key_changed_is_believed_by_the_new_one() {
    let app = App::new().await;
    let token = token(&json!({}));
    let detail = ask(&app, &token, "GET", "/v1/queues", None)
        .await
        .problem(401)
        .detail;
    assert!(detail.contains("no API key"), "{detail}");
    app.gateway.accept_tokens(vec![issuer(Algorithm::Hs256)]);
    ask(&app, &token, "GET", "/v1/queues", None)
        .await
        .is(StatusCode::OK);
    // A token that was accepted a moment ago is not, by another key.
    app.gateway.accept_tokens(vec![issuer(Algorithm::Rs256)]);
    ask(&app, &token, "GET", "/v1/queues", None).await.problem(401);
    let key = key(&app, &[Scope::Read], &["*"]).await;
    ask(&app, &key, "GET", "/v1/queues", None)
        .await
        .is(StatusCode::OK);
}
