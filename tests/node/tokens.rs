//! Tokens of an outside issuer, from the file that names it to the answers.

use std::fs;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Method;
use posthaste::serve::now;
use ring::hmac;
use serde_json::{Value, json};

use crate::harness::Home;

fn token(secret: &str) -> String {
    let claims = json!({
        "iss": "https://login.example/", "aud": "posthaste", "exp": now().timestamp() + 600,
        "scope": "read", "queues": ["shop-*"],
    });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&json!({"alg": "HS256"})), part(&claims));
    let code = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
        message.as_bytes(),
    );
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(code))
}

#[tokio::test]
async fn tokens_are_accepted_by_a_file_that_is_followed() {
    let home = Home::external().await;
    let file = home.folder().join("issuer.secret");
    let [old, new] = [
        "the first secret, of 32 bytes and more",
        "the second secret, of 32 bytes and more",
    ];
    fs::write(&file, format!("{old}\n")).unwrap();
    let config = format!(
        "[[auth.jwt]]\nissuer = \"https://login.example/\"\naudience = \"posthaste\"\nalgorithms = [\"HS256\"]\nsecret_file = {file:?}\n"
    );
    fs::write(home.folder().join("posthaste.toml"), config).unwrap();
    let node = home.start(&[]).await;
    home.api().make_queue("shop-1").await;
    home.api().make_queue("mail").await;
    let api = node.api();
    let ask = async |secret: &str, path: &str| {
        api.use_key(&token(secret));
        api.send(Method::GET, path, &[], "")
            .await
            .expect("an answer")
            .status
    };
    assert_eq!(ask(old, "/v1/queues/shop-1").await, 200);
    assert_eq!(ask(old, "/v1/queues/mail").await, 404);
    assert_eq!(ask(new, "/v1/queues/shop-1").await, 401);

    // What cannot be used changes nothing.
    fs::write(&file, "short").unwrap();
    node.until_log("cannot be read anew").await;
    assert_eq!(ask(old, "/v1/queues/shop-1").await, 200);
    fs::write(&file, new).unwrap();
    node.until_log("the new ones hold").await;
    assert_eq!(ask(new, "/v1/queues/shop-1").await, 200);
    assert_eq!(ask(old, "/v1/queues/shop-1").await, 401);
}
