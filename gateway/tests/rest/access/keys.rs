//! API keys: made, shown once, listed, changed, rotated, revoked; here and on another node.

use std::time::Duration;

use axum::http::StatusCode;
use proto::{EnqueueRate, Key, NewKey, Page, Scope};
use queue::Queue;
use serde_json::json;
use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{SOME_ID, ask, key};
use crate::kit::{App, now, vault};

/// Longer than anything here takes, on any machine.
const FOREVER: Duration = Duration::from_secs(20);

async fn make(app: &App, json: serde_json::Value) -> Key {
    let made = app.post("/v1/keys", json).await.is(StatusCode::CREATED);
    let key: Key = made.read();
    assert_eq!(
        made.header("location"),
        Some(format!("/v1/keys/{}", key.id).as_str())
    );
    assert_eq!(made.header("cache-control"), Some("no-store"));
    key
}

async fn read(app: &App, id: impl std::fmt::Display) -> Key {
    app.get(&format!("/v1/keys/{id}")).await.is(StatusCode::OK).read()
}

/// Asks until the answer has this status.
async fn until(app: &App, bearer: &str, status: StatusCode) {
    let asking = async {
        while ask(app, bearer, "GET", "/v1/queues", None).await.status != status {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(FOREVER, asking).await.expect("the answer changes");
}

#[tokio::test]
async fn a_key_is_shown_once_and_works_until_it_is_revoked() {
    let app = App::new().await;
    let made = make(
        &app,
        json!({"name": " shop ", "scopes": ["read", "enqueue", "read"], "queues": ["shop-*"], "rate": {"per_second": 5},
            "expires_at": "2100-01-01T00:00:00Z"}),
    )
    .await;
    let text = made.key.clone().unwrap();
    assert!(text.starts_with("ph_") && text.len() == 46 && text.starts_with(&made.prefix));
    assert_eq!((made.prefix.len(), made.name.as_str()), (11, "shop"));
    assert_eq!(made.scopes, [Scope::Enqueue, Scope::Read]);
    let rate = EnqueueRate {
        per_second: 5,
        burst: Some(5),
    };
    assert_eq!(made.rate, Some(rate));
    let shown = read(&app, made.id).await;
    assert_eq!(
        shown,
        Key {
            key: None,
            ..made.clone()
        }
    );
    let all: Page<Key> = app.get("/v1/keys?limit=1").await.read();
    let token = all.next_page.unwrap();
    let rest: Page<Key> = app.get(&format!("/v1/keys?limit=1&page={token}")).await.read();
    assert_eq!(
        (all.items[0].name.as_str(), rest.items.as_slice()),
        ("test", [shown].as_slice())
    );
    assert_eq!(rest.next_page, None);

    ask(&app, &text, "GET", "/v1/queues", None)
        .await
        .is(StatusCode::OK);
    app.delete(&format!("/v1/keys/{}", made.id))
        .await
        .is(StatusCode::NO_CONTENT);
    let refused = ask(&app, &text, "GET", "/v1/queues", None).await.problem(401);
    assert!(!refused.detail.contains(&text));
    let revoked = read(&app, made.id).await;
    assert!(revoked.revoked_at.is_some());
    // For good, and no matter how often.
    app.delete(&format!("/v1/keys/{}", made.id))
        .await
        .is(StatusCode::NO_CONTENT);
    assert_eq!(read(&app, made.id).await.revoked_at, revoked.revoked_at);
    let path = format!("/v1/keys/{}", made.id);
    app.patch(&path, r#"{"name":"again"}"#).await.problem(409);
    app.act(&format!("{path}/rotate")).await.problem(409);
}

#[tokio::test]
async fn a_key_changes_what_it_allows_at_once() {
    let app = App::new().await;
    app.make_queue("shop-1").await;
    let made = make(
        &app,
        json!({"name": "a", "scopes": ["read"], "queues": ["mail"], "rate": {"per_second": 9, "burst": 90}}),
    )
    .await;
    let text = made.key.unwrap();
    let path = format!("/v1/keys/{}", made.id);
    let see = || ask(&app, &text, "GET", "/v1/queues/shop-1", None);
    see().await.problem(404);
    app.patch(&path, r#"{"queues":["mail","shop-*"]}"#)
        .await
        .is(StatusCode::OK);
    see().await.is(StatusCode::OK);
    let changed: Key = app
        .patch(&path, r#"{"scopes":["enqueue"],"rate":null,"name":"b"}"#)
        .await
        .read();
    assert_eq!(
        (changed.name.as_str(), changed.rate, changed.queues.len()),
        ("b", None, 2)
    );
    see().await.problem(403);
    for (update, field) in [
        (r#"{"scopes":[]}"#, "scopes"),
        (r#"{"queues":["a/b"]}"#, "queues[0]"),
        (r#"{"expires_at":"2001-01-01T00:00:00Z"}"#, "expires_at"),
        (r#"{"rate":{"per_second":0}}"#, "rate.per_second"),
        (r#"{"key":"mine"}"#, "key"),
        (r#"{"name":null}"#, "name"),
    ] {
        assert_eq!(app.patch(&path, update).await.blames(400), [field], "{update}");
    }
    assert_eq!(read(&app, made.id).await, changed);
}

#[tokio::test]
async fn a_bad_key_is_refused_by_field() {
    let app = App::new().await;
    for (new, fields) in [
        (
            json!({"name": "", "scopes": [], "queues": []}),
            &["name", "scopes", "queues"][..],
        ),
        (
            json!({"name": "a", "scopes": ["root"], "queues": ["*"]}),
            &["scopes[0]"],
        ),
        (
            json!({"name": "a", "scopes": ["read"], "queues": ["*", "ü"]}),
            &["queues[1]"],
        ),
        (
            json!({"name": "a", "scopes": ["read"], "queues": ["*"], "rate": {"per_second": 1, "burst": 2_000_000}}),
            &["rate.burst"],
        ),
        (
            json!({"name": "a", "scopes": ["read"], "queues": ["*"], "expires_at": "2020-01-01T00:00:00Z"}),
            &["expires_at"],
        ),
    ] {
        assert_eq!(app.post("/v1/keys", &new).await.blames(400), fields, "{new}");
    }
    for path in ["", "/rotate"] {
        let path = format!("/v1/keys/{SOME_ID}{path}");
        let answer = if path.ends_with("rotate") {
            app.act(&path).await
        } else {
            app.get(&path).await
        };
        assert!(answer.problem(404).detail.contains(SOME_ID));
    }
}

#[tokio::test]
async fn a_rotated_key_lives_beside_its_successor_for_a_while() {
    let app = App::new().await;
    let old = make(
        &app,
        json!({"name": "a", "scopes": ["read", "replay"], "queues": ["a", "b*"], "rate": {"per_second": 7}}),
    )
    .await;
    let path = format!("/v1/keys/{}/rotate", old.id);
    assert_eq!(app.post(&path, r#"{"grace":"31d"}"#).await.blames(400), ["grace"]);
    let new: Key = app.act(&path).await.is(StatusCode::CREATED).read();
    assert_eq!(
        (&new.name, &new.scopes, &new.queues, new.rate, new.expires_at),
        (&old.name, &old.scopes, &old.queues, old.rate, None)
    );
    for text in [&old, &new].map(|key| key.key.clone().unwrap()) {
        ask(&app, &text, "GET", "/v1/queues", None)
            .await
            .is(StatusCode::OK);
    }
    let ending = read(&app, old.id).await;
    assert_eq!(ending.successor, Some(new.id));
    let left = ending.expires_at.unwrap() - now();
    assert!(left.num_minutes() <= 24 * 60 && left.num_hours() >= 23, "{left}");
    let again = app.act(&path).await.problem(409);
    assert!(again.detail.contains(&new.id.to_string()), "{again:?}");
    // Without grace it ends at once.
    let path = format!("/v1/keys/{}/rotate", new.id);
    app.post(&path, r#"{"grace":"0s"}"#).await.is(StatusCode::CREATED);
    let ended = ask(&app, &new.key.unwrap(), "GET", "/v1/queues", None)
        .await
        .problem(401);
    assert!(ended.detail.contains("expired at"), "{ended:?}");
}

#[tokio::test]
async fn a_key_that_has_expired_has_no_successor() {
    let app = App::new().await;
    let before = now() - chrono::TimeDelta::hours(1);
    let new = NewKey {
        name: "a".into(),
        scopes: vec![Scope::Read],
        queues: vec!["*".into()],
        expires_at: Some(before + chrono::TimeDelta::minutes(1)),
        ..NewKey::default()
    };
    let made = app.queue.make_key(new, before).await.unwrap();
    let path = format!("/v1/keys/{}", made.id);
    let rotate = format!("{path}/rotate");
    let refused = app.act(&rotate).await.problem(409);
    assert!(refused.detail.contains("expired"), "{refused:?}");
    assert_eq!(read(&app, made.id).await.successor, None);
    // One that lives again has one.
    app.patch(&path, r#"{"expires_at":null}"#)
        .await
        .is(StatusCode::OK);
    app.act(&rotate).await.is(StatusCode::CREATED);
}

#[tokio::test]
async fn a_successor_lives_as_long_as_its_predecessor_was_to() {
    let app = App::new().await;
    let ends = now() + chrono::TimeDelta::days(10);
    let made = make(
        &app,
        json!({"name": "a", "scopes": ["read"], "queues": ["*"], "expires_at": ends}),
    )
    .await;
    let path = format!("/v1/keys/{}/rotate", made.id);
    let successor: Key = app.act(&path).await.read();
    let lifetime = successor.expires_at.unwrap() - successor.created_at;
    assert_eq!(lifetime, made.expires_at.unwrap() - made.created_at);
    let path = format!("/v1/keys/{}/rotate", successor.id);
    let until = json!({"expires_at": "2100-01-01T00:00:00Z"});
    let successor: Key = app.post(&path, until).await.read();
    assert_eq!(
        successor.expires_at.unwrap().to_rfc3339(),
        "2100-01-01T00:00:00+00:00"
    );
}

#[tokio::test]
async fn the_last_admin_stays() {
    let app = App::new().await;
    let first: Page<Key> = app.get("/v1/keys").await.read();
    let first = format!("/v1/keys/{}", first.items[0].id);
    // None of these could take its place.
    for other in [
        json!({"name": "a", "scopes": ["manage"], "queues": ["*"]}),
        json!({"name": "b", "scopes": ["admin"], "queues": ["a*"]}),
        json!({"name": "c", "scopes": ["admin"], "queues": ["*"], "expires_at": "2100-01-01T00:00:00Z"}),
    ] {
        make(&app, other).await;
    }
    let why = app.delete(&first).await.problem(409).detail;
    assert!(why.contains("last key") && why.contains("`admin`"), "{why}");
    for update in [
        json!({"scopes": ["manage"]}),
        json!({"queues": ["a*"]}),
        json!({"expires_at": "2100-01-01T00:00:00Z"}),
    ] {
        app.patch(&first, &update).await.problem(409);
    }
    app.patch(&first, r#"{"name":"the first","queues":["a","**"]}"#)
        .await
        .is(StatusCode::OK);
    // With a successor it may go.
    app.act(&format!("{first}/rotate")).await.is(StatusCode::CREATED);
    app.delete(&first).await.is(StatusCode::NO_CONTENT);
    app.get("/v1/keys").await.problem(401);
}

#[tokio::test]
async fn a_key_ends_when_it_was_said_to() {
    let app = App::new().await;
    let ends = now() + chrono::TimeDelta::milliseconds(1_500);
    let made = make(
        &app,
        json!({"name": "a", "scopes": ["read"], "queues": ["*"], "expires_at": ends}),
    )
    .await;
    let text = made.key.unwrap();
    until(&app, &text, StatusCode::UNAUTHORIZED).await;
    assert!(now() >= ends);
    // An admin may let it live again.
    app.patch(&format!("/v1/keys/{}", made.id), r#"{"expires_at":null}"#)
        .await
        .is(StatusCode::OK);
    ask(&app, &text, "GET", "/v1/queues", None)
        .await
        .is(StatusCode::OK);
}

#[tokio::test]
async fn what_another_node_revokes_or_narrows_is_so_here() {
    let app = App::new().await;
    app.make_queue("a").await;
    let other = Queue::open(queue::Config::new(app.database.url()), vault(), now())
        .await
        .unwrap();
    let stop = CancellationToken::new();
    let following = tokio::spawn({
        let (queue, stop) = (app.queue.clone(), stop.clone());
        async move { queue.follow(mpsc::channel(1).0, stop).await }
    });
    let [narrowed, revoked] = [
        key(&app, &[Scope::Read], &["*"]).await,
        key(&app, &[Scope::Read], &["*"]).await,
    ];
    let all: Page<Key> = app.get("/v1/keys").await.read();
    let update = proto::KeyUpdate {
        scopes: Some(vec![Scope::Replay]),
        ..proto::KeyUpdate::default()
    };
    other.update_key(all.items[1].id, update, now()).await.unwrap();
    other.revoke_key(all.items[2].id, now()).await.unwrap();
    until(&app, &narrowed, StatusCode::FORBIDDEN).await;
    until(&app, &revoked, StatusCode::UNAUTHORIZED).await;
    stop.cancel();
    following.await.unwrap();
    other.close().await;
}

#[tokio::test]
async fn when_a_key_was_used_is_written_now_and_then() {
    let app = App::new().await;
    let made = make(&app, json!({"name": "a", "scopes": ["read"], "queues": ["*"]})).await;
    let begun = now();
    ask(&app, &made.key.unwrap(), "GET", "/v1/queues", None)
        .await
        .is(StatusCode::OK);
    assert_eq!(read(&app, made.id).await.last_used_at, None);
    // The one that was used, and the admin's own.
    assert_eq!(app.queue.flush_key_uses().await.unwrap(), 2);
    let used = read(&app, made.id).await.last_used_at.unwrap();
    assert!(used.timestamp_millis() >= begun.timestamp_millis() && used <= now());
    assert_eq!(app.queue.flush_key_uses().await.unwrap(), 0);
    // It is no news to anyone: what was used is not read anew.
    let version = app.queue.catalog().snapshot().version;
    app.queue.refresh_catalog().await.unwrap();
    assert_eq!(app.queue.catalog().snapshot().version, version);
}
