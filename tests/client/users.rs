//! Users.

use posthaste_client::proto::{Role, User};

use crate::{
    harness::Home,
    terminal::{Terminal, row},
};

#[tokio::test]
async fn a_user_is_made_changed_and_deleted_by_name() {
    let home = Home::external().await;
    let (user, _node) = Terminal::and_node(&home).await;
    let add = [
        "user", "add", "Ada", "--role", "operator", "--queue", "shop-*", "--output", "json",
    ];
    let made = user.pipe("an engine of analysis\n", &add).await.ok();
    let made: User = serde_json::from_str(&made).unwrap();
    assert_eq!((made.name.as_str(), made.role), ("ada", Role::Operator));

    let text = user.ok(&["user", "list"]).await;
    assert_eq!(
        row(&text, "ada")[..5],
        ["ada", "operator", "enabled", "shop-*", "never"]
    );
    // The first start made one as well.
    assert_eq!(row(&text, "admin")[1], "admin");

    let short = user.pipe("short\n", &["user", "passwd", "ada"]).await.fails(1);
    assert!(short.contains("12 to 200 characters"), "{short}");
    user.pipe("notes by the translator\n", &["user", "passwd", "ada"])
        .await
        .ok();
    let changed: User = user.json(&["user", "role", "ADA", "viewer"]).await;
    assert_eq!(
        (changed.role, changed.queues),
        (Role::Viewer, vec!["shop-*".to_owned()])
    );
    let disabled: User = user.json(&["user", "disable", "ada"]).await;
    assert!(disabled.disabled);
    user.ok(&["user", "enable", "ada"]).await;
    user.ok(&["user", "sign-out", &made.id.to_string()]).await;
    user.ok(&["user", "delete", "ada", "--yes"]).await;
    let nobody = user.call(&["user", "get", "ada"]).await.fails(2);
    assert!(nobody.contains("there is no user `ada`"), "{nobody}");
    let audit = user.ok(&["audit"]).await;
    for action in [
        "user.made",
        "user.password_changed",
        "user.changed",
        "user.signed_out",
        "user.deleted",
    ] {
        assert!(audit.contains(action), "{action} in {audit}");
    }
}
