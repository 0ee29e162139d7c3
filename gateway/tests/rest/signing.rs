//! Signing with either scheme, explained; public keys for anyone; and the audit of it.

use axum::http::{Method, StatusCode};
use proto::{AuditEntry, Endpoint, Jwks, NewKey, Page, RevealedSecret, Scope, Secret, Verification};
use queue::signature::{self, Signer};
use serde_json::json;

use crate::kit::{App, make_key, now};

const WHSK: &str =
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
const WHPK: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";

async fn public(app: &App, path: &str) -> crate::kit::Answer {
    app.request_without_key(Method::GET, path).send().await
}

#[tokio::test]
async fn an_endpoint_signs_with_both_schemes_and_anyone_reads_its_public_keys() {
    let app = App::new().await;
    app.make_queue("q").await;
    let endpoint = app.make_endpoint("q", "").await;
    let path = format!("/v1/endpoints/{}", endpoint.id);
    let known = format!("/.well-known/posthaste/endpoints/{}", endpoint.id);
    let nobody = "/.well-known/posthaste/endpoints/01980a3b-7c2d-7e4f-8a5b-6c7d8e9fa0b1";
    for file in ["jwks.json", "whpk.txt"] {
        let none = public(&app, &format!("{known}/{file}")).await.problem(404);
        let stranger = public(&app, &format!("{nobody}/{file}")).await.problem(404);
        let id = endpoint.id.to_string();
        assert_eq!(
            none.detail.replace(&id, "X"),
            stranger.detail.replace(&nobody[33..], "X")
        );
    }

    let added: RevealedSecret = app
        .post(
            &format!("{path}/secrets"),
            json!({"secret": WHSK, "overlap": "0s"}),
        )
        .await
        .is(StatusCode::CREATED)
        .read();
    assert_eq!(
        (added.secret.as_str(), added.public_key.as_deref()),
        (WHSK, Some(WHPK))
    );
    let listed: Page<Secret> = app.get(&format!("{path}/secrets")).await.read();
    assert_eq!(listed.items.len(), 2);
    assert!(
        listed.items.iter().all(|secret| secret.expires_at.is_none()),
        "each scheme has its own"
    );

    let text = public(&app, &format!("{known}/whpk.txt"))
        .await
        .is(StatusCode::OK);
    assert_eq!(text.body, format!("{WHPK}\n"));
    // A rotation leaves the older key beside the new one.
    app.post(&format!("{path}/secrets"), json!({"scheme": "v1a"}))
        .await
        .is(StatusCode::CREATED);
    let jwks: Jwks = public(&app, &format!("{known}/jwks.json"))
        .await
        .is(StatusCode::OK)
        .read();
    assert_eq!(jwks.keys.len(), 2);
    assert_eq!(
        (jwks.keys[1].kty.as_str(), jwks.keys[1].x.as_str()),
        ("OKP", "1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4")
    );

    // Without its shared secret it signs with v1a alone; the last one of all stays.
    let shared = listed.items[1].id;
    app.delete(&format!("{path}/secrets/{shared}"))
        .await
        .is(StatusCode::NO_CONTENT);
    app.delete(&format!("{path}/secrets/{shared}")).await.problem(404);
    let listed: Page<Secret> = app.get(&format!("{path}/secrets")).await.read();
    app.delete(&format!("{path}/secrets/{}", listed.items[0].id))
        .await
        .problem(409);
    for (body, field) in [
        (json!({"scheme": "v1", "secret": WHSK}), "scheme"),
        (json!({"scheme": "v2"}), "scheme"),
        (json!({"secret": WHPK}), "secret"),
    ] {
        assert_eq!(
            app.post(&format!("{path}/secrets"), body).await.blames(400),
            [field]
        );
    }
    let made: Endpoint = app
        .post(
            "/v1/queues/q/endpoints",
            json!({"url": "https://a.example/", "scheme": "v1a"}),
        )
        .await
        .is(StatusCode::CREATED)
        .read();
    assert!(made.secret.unwrap().starts_with("whsk_"));
}

#[tokio::test]
async fn a_signature_is_explained_by_the_task_that_it_names() {
    let app = App::new().await;
    app.make_queue("q").await;
    let endpoint = app.make_endpoint("q", "").await;
    let path = format!("/v1/endpoints/{}/verify", endpoint.id);
    let task = app.enqueue("q", r#"{"payload": {"b": 1, "a": 2}}"#).await;
    let (id, timestamp) = (task.id.to_string(), now().timestamp().to_string());
    let secret = signature::Secret::parse(endpoint.secret.as_deref().unwrap()).unwrap();
    let sent = br#"{"b": 1, "a": 2}"#;
    let value = signature::header(&[Signer::new(&secret)], &id, &timestamp, sent);
    let headers = json!({"Webhook-Id": id, "webhook-timestamp": timestamp, "webhook-signature": value});
    let explained = async |rest: serde_json::Value| -> Verification {
        let mut request = json!({"headers": headers});
        request
            .as_object_mut()
            .unwrap()
            .extend(rest.as_object().unwrap().clone());
        app.post(&path, request).await.is(StatusCode::OK).read()
    };
    for good in [
        json!({}),
        json!({"body": "{\"b\": 1, \"a\": 2}"}),
        json!({"secret": endpoint.secret}),
    ] {
        let told = explained(good).await;
        assert!(told.valid && told.secret.is_some(), "{told:?}");
    }
    let told = explained(json!({"body": "{\"a\":2,\"b\":1}"})).await;
    assert_eq!(
        (told.valid, told.findings[0].code.as_str()),
        (false, "body_changed")
    );
    assert!(told.explanation.contains("order of keys"), "{told:?}");
    let told = explained(json!({"body_base64": "AA=="})).await;
    assert!(told.explanation.contains("differ from byte 0 on"), "{told:?}");

    let nothing = json!({"headers": {}});
    assert_eq!(app.post(&path, &nothing).await.blames(400), ["body"]);
    for (rest, field) in [
        (json!({"body": "a", "body_base64": "YQ=="}), "body_base64"),
        (json!({"body_base64": "?"}), "body_base64"),
    ] {
        let mut request = nothing.clone();
        request
            .as_object_mut()
            .unwrap()
            .extend(rest.as_object().unwrap().clone());
        assert_eq!(app.post(&path, request).await.blames(400), [field]);
    }
}

#[tokio::test]
async fn what_is_shown_and_deleted_is_written_down_for_those_who_reach_it() {
    let app = App::new().await;
    for queue in ["a-1", "b-1"] {
        app.make_queue(queue).await;
        let endpoint = app.make_endpoint(queue, "").await;
        let path = format!("/v1/endpoints/{}", endpoint.id);
        let secrets: Page<Secret> = app.get(&format!("{path}/secrets")).await.read();
        let secret = format!("{path}/secrets/{}", secrets.items[0].id);
        app.get(&secret).await.is(StatusCode::OK);
        app.get(&format!("{path}/secrets/{}", endpoint.id))
            .await
            .problem(404);
        app.act(&format!("{path}/purge")).await.is(StatusCode::OK);
        app.delete(&path).await.is(StatusCode::NO_CONTENT);
        app.get(&secret).await.problem(404);
        app.delete(&format!("/v1/queues/{queue}"))
            .await
            .is(StatusCode::NO_CONTENT);
    }
    let new = |queues: &[&str]| NewKey {
        name: "narrow".into(),
        scopes: vec![Scope::Admin],
        queues: queues.iter().map(ToString::to_string).collect(),
        ..NewKey::default()
    };
    let narrow = make_key(&app.queue, new(&["a-*"])).await;
    app.act("/v1/vault/rotate").await.is(StatusCode::OK);

    let all: Page<AuditEntry> = app.get("/v1/audit?limit=1000").await.is(StatusCode::OK).read();
    let of = |queue: &str| -> Vec<&str> {
        let mine = all.items.iter().filter(|entry| entry.queues == [queue]);
        mine.map(|entry| entry.action.as_str()).collect()
    };
    let expected = [
        "queue.deleted",
        "endpoint.deleted",
        "endpoint.purged",
        "secret.revealed",
        "secret.made",
    ];
    assert_eq!((of("a-1"), of("b-1")), (expected.to_vec(), expected.to_vec()));
    let revealed = all
        .items
        .iter()
        .find(|entry| entry.action == "secret.revealed")
        .unwrap();
    assert_eq!(
        (revealed.actor.name.as_str(), revealed.endpoint.is_some()),
        ("test", true)
    );
    assert_eq!(all.items[0].action, "vault.rotated");

    let asked = |key: &str, method, path: &str| {
        app.request_without_key(method, path)
            .header("authorization", &format!("Bearer {key}"))
    };
    let mut theirs: Vec<AuditEntry> = vec![];
    let mut path = "/v1/audit?limit=2".to_owned();
    loop {
        let page: Page<AuditEntry> = asked(&narrow, Method::GET, &path)
            .send()
            .await
            .is(StatusCode::OK)
            .read();
        theirs.extend(page.items);
        let Some(next) = page.next_page else { break };
        path = format!("/v1/audit?limit=2&page={next}");
    }
    let queues: Vec<_> = theirs.iter().map(|entry| entry.queues.concat()).collect();
    assert_eq!(
        queues,
        ["a-*", "a-1", "a-1", "a-1", "a-1", "a-1"],
        "its own making, and what it reaches"
    );
    asked(&narrow, Method::POST, "/v1/vault/rotate")
        .send()
        .await
        .problem(403);
}

#[tokio::test]
async fn how_requests_show_who_sends_them_is_kept_and_never_shown() {
    let app = App::new().await;
    app.make_queue("q").await;
    let new = json!({"url": "https://a.example/", "auth": {"basic": {"username": "me", "password": "zebra"}, "headers": {"x-key": "zebra"}}});
    let made = app
        .post("/v1/queues/q/endpoints", new)
        .await
        .is(StatusCode::CREATED);
    let endpoint: Endpoint = made.read();
    let path = format!("/v1/endpoints/{}", endpoint.id);
    let listed = app.get("/v1/queues/q/endpoints").await.is(StatusCode::OK);
    let read = app.get(&path).await.is(StatusCode::OK);
    for answer in [&made, &listed, &read] {
        let told = String::from_utf8_lossy(&answer.body);
        assert!(
            told.contains(r#""username":"me""#) && !told.contains("zebra"),
            "{told}"
        );
    }
    assert_eq!(
        read.json()["auth"],
        json!({"headers": {"x-key": "set"}, "basic": {"username": "me", "password": "set"}})
    );

    let known = async || {
        app.queue.refresh_catalog().await.unwrap();
        let found = app.queue.find_endpoint(endpoint.id).await.unwrap();
        found
            .auth
            .clone()
            .map(|auth| serde_json::to_value(&*auth).unwrap())
    };
    assert_eq!(
        known().await.unwrap()["basic"]["password"],
        "zebra",
        "whoever pushes has it"
    );
    // What is left out stays; what is read and sent back is refused; null takes it away.
    app.patch(&path, json!({"description": "a"}))
        .await
        .is(StatusCode::OK);
    assert!(known().await.is_some());
    let back = json!({"auth": read.json()["auth"]});
    assert_eq!(
        app.patch(&path, back).await.blames(400),
        ["auth.headers.x-key", "auth.basic.password"]
    );
    let changed = app
        .patch(&path, json!({"auth": {"bearer": "zebra"}}))
        .await
        .is(StatusCode::OK)
        .json();
    assert_eq!(changed["auth"], json!({"bearer": "set"}));
    app.act("/v1/vault/rotate").await.is(StatusCode::OK);
    assert_eq!(known().await, Some(json!({"bearer": "zebra"})));
    let taken = app
        .patch(&path, json!({"auth": null}))
        .await
        .is(StatusCode::OK)
        .json();
    assert!(taken.get("auth").is_none() && known().await.is_none());
    let entries: Page<AuditEntry> = app.get("/v1/audit").await.read();
    let written = entries
        .items
        .iter()
        .filter(|entry| entry.action == "endpoint.auth_changed");
    assert_eq!(written.count(), 3);

    let token_url = "http://10.0.0.1/token";
    let oauth2 = json!({"oauth2": {"token_url": token_url, "client_id": "a", "client_secret": "b"}});
    for (auth, field) in [
        (oauth2, "auth.oauth2.token_url"),
        (json!({"bearer": "a", "headers": {"authorization": "b"}}), "auth"),
        (json!({"tls_min": "1.1"}), "auth.tls_min"),
    ] {
        assert_eq!(app.patch(&path, json!({"auth": auth})).await.blames(400), [field]);
    }
}
