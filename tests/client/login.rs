//! Profiles and keys.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::Value;

use crate::{harness::Home, terminal::Terminal};

#[tokio::test]
async fn a_user_logs_in_asks_and_logs_out() {
    let home = Home::external().await;
    let node = home.start(&[]).await;
    let (url, key) = (format!("http://{}", node.address()), home.key());
    let mut user = Terminal::new();
    let before = user.call(&["queue", "list"]).await.fails(2);
    assert!(before.contains("posthaste login"), "{before}");

    let wrong = user.pipe("ph_wrong\n", &["login", &url]).await.fails(1);
    assert!(wrong.contains("does not take this key"), "{wrong}");
    let nobody = user.pipe("", &["login", &url]).await.fails(2);
    assert!(nobody.contains("no API key was given"), "{nobody}");
    assert!(!user.folder().join(".config").exists(), "nothing was stored");

    let said = user.pipe(&format!("{key}\n"), &["login", &url]).await.ok();
    assert_eq!(said, format!("profile  default\nurl      {url}\n"));
    let file = user.folder().join(".config/posthaste/profiles.toml");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    user.ok(&["queue", "make", "orders"]).await;

    let away = [
        "login",
        "http://127.0.0.1:1",
        "--profile",
        "away",
        "--unchecked",
        "--output",
        "json",
    ];
    let said: Value = serde_json::from_str(&user.pipe("ph_other", &away).await.ok()).unwrap();
    assert_eq!(said["profile"], "away");
    let nobody = user.call(&["queue", "list"]).await.fails(1);
    assert!(
        nobody.contains("no answer from http://127.0.0.1:1/v1/queues"),
        "{nobody}"
    );
    assert!(
        user.ok(&["queue", "list", "--profile", "default"])
            .await
            .contains("orders")
    );
    user.set("POSTHASTE_PROFILE", "default");
    assert!(user.ok(&["queue", "list"]).await.contains("orders"));
    user.set("POSTHASTE_URL", "http://127.0.0.1:1");
    let stranger = user.call(&["queue", "list"]).await.fails(2);
    assert!(
        stranger.contains("no key for http://127.0.0.1:1"),
        "a stored key is for its own server: {stranger}"
    );
    user.unset("POSTHASTE_URL");
    user.unset("POSTHASTE_PROFILE");

    let all: Value = user.json(&["profiles"]).await;
    let names: Vec<_> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (&it["name"], &it["current"]))
        .collect();
    assert_eq!(
        names,
        [(&"away".into(), &true.into()), (&"default".into(), &false.into())]
    );
    let table = user.ok(&["profiles", "--use", "default"]).await;
    assert!(table.contains("*  default") && !table.contains(&key), "{table}");
    assert!(user.ok(&["queue", "list"]).await.contains("orders"));
    let unknown = user.call(&["profiles", "--use", "nowhere"]).await.fails(2);
    assert!(unknown.contains("there is away, default"), "{unknown}");

    user.ok(&["logout"]).await;
    user.call(&["queue", "list"]).await.fails(2);
    user.ok(&["logout", "--all"]).await;
    assert!(!fs::read_to_string(&file).unwrap().contains("ph_"));
}

#[tokio::test]
async fn a_key_in_the_environment_is_enough_and_is_stored_when_asked() {
    let home = Home::external().await;
    let (mut user, node) = Terminal::and_node(&home).await;
    user.ok(&["queue", "make", "orders"]).await;
    assert!(!user.folder().join(".config").exists());
    let said = user.call(&["login"]).await;
    assert!(said.err.contains("POSTHASTE_KEY"), "{said:?}");
    assert!(said.ok().contains(&node.address().to_string()));
    user.unset("POSTHASTE_KEY");
    user.unset("POSTHASTE_URL");
    assert!(user.ok(&["queue", "list"]).await.contains("orders"));
}
