//! API keys.

use posthaste_client::proto::{Key, Scope};

use crate::{
    harness::{Home, eventually},
    terminal::{Terminal, row},
};

#[tokio::test]
async fn a_key_allows_what_it_says_until_it_is_revoked() {
    let home = Home::external().await;
    let (user, node) = Terminal::and_node(&home).await;
    for queue in ["shop-1", "bank-1"] {
        user.ok(&["queue", "make", queue]).await;
    }
    let make = [
        "key",
        "make",
        "shop",
        "--scope",
        "enqueue,read",
        "--queue",
        "shop-*",
        "--expires",
        "90d",
        "--rate",
        "1000",
    ];
    let key: Key = user.json(&make).await;
    assert_eq!(key.scopes, [Scope::Enqueue, Scope::Read]);
    let id = key.id.to_string();
    let text = user.ok(&["key", "list"]).await;
    let cells = row(&text, &id);
    assert_eq!(
        (cells[1], cells[3], cells[4], cells[5]),
        ("shop", "valid", "enqueue,read", "shop-*"),
        "{text}"
    );
    assert!(!text.contains(key.key.as_ref().unwrap()));

    let shop = Terminal::at(node.address(), key.key.as_ref().unwrap());
    let queues = shop.ok(&["queue", "list"]).await;
    assert!(
        queues.contains("shop-1") && !queues.contains("bank-1"),
        "{queues}"
    );
    shop.ok(&["enqueue", "shop-1", "{}"]).await;
    assert!(
        shop.call(&["enqueue", "bank-1", "{}"])
            .await
            .fails(1)
            .contains("(404)")
    );
    let refused = shop.call(&["queue", "pause", "shop-1"]).await.fails(1);
    assert!(
        refused.contains("(403)") && refused.contains("manage"),
        "{refused}"
    );

    let changed: Key = user
        .json(&[
            "key",
            "update",
            &id,
            "--scope",
            "read",
            "--no-rate",
            "--no-expires",
            "--name",
            "looker",
        ])
        .await;
    assert_eq!(
        (changed.scopes, changed.rate, changed.expires_at),
        (vec![Scope::Read], None, None)
    );
    eventually("it may not enqueue any more", async || {
        let said = shop.call(&["enqueue", "shop-1", "{}"]).await;
        (said.code == 1 && said.err.contains("(403)")).then_some(())
    })
    .await;

    let fresh: Key = user.json(&["key", "rotate", &id, "--grace", "0s"]).await;
    let fresh_user = Terminal::at(node.address(), fresh.key.as_ref().unwrap());
    fresh_user.ok(&["queue", "list"]).await;
    let unsure = user
        .call(&["key", "revoke", &fresh.id.to_string()])
        .await
        .fails(2);
    assert!(unsure.contains("Revoke the key `looker`"), "{unsure}");
    user.ok(&["key", "revoke", &fresh.id.to_string(), "--yes"]).await;
    eventually("it is revoked", async || {
        let said = fresh_user.call(&["queue", "list"]).await;
        (said.code == 1 && said.err.contains("(401)")).then_some(())
    })
    .await;
    assert_eq!(
        row(&user.ok(&["key", "read", &fresh.id.to_string()]).await, "state"),
        ["state", "revoked"]
    );
    for wrong in [
        &["--scope", "root", "--queue", "*"][..],
        &["--scope", "read"],
        &["--queue", "*"],
    ] {
        user.call(&[&["key", "make", "x"][..], wrong].concat())
            .await
            .fails(2);
    }
}
