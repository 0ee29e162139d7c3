//! Bad input about queues and endpoints, and requests that are bad whatever they are about: a clear 4xx that names the field, and
//! nothing stored.

use axum::http::{Method, StatusCode};
use gateway::Config;
use proto::{Endpoint, Page, Queue};
use serde_json::json;

use crate::kit::App;

#[tokio::test]
async fn bad_queues_are_refused_by_field() {
    let app = App::new().await;
    app.make_queue("q").await;
    let before: Queue = app.get("/v1/queues/q").await.read();
    for (body, field) in [
        ("{}".to_owned(), "name"),
        (r#"{"name":7}"#.into(), "name"),
        (r#"{"name":""}"#.into(), "name"),
        (r#"{"name":"a b"}"#.into(), "name"),
        (r#"{"name":"a/b"}"#.into(), "name"),
        (r#"{"name":".a"}"#.into(), "name"),
        (r#"{"name":"a\u0000"}"#.into(), "name"),
        (format!("{{\"name\":\"{}\"}}", "a".repeat(101)), "name"),
        (r#"{"name":"a","paused":true}"#.into(), "paused"),
        (r#"{"name":"a","settings":null}"#.into(), "settings"),
        (r#"["a"]"#.into(), "body"),
    ] {
        assert_eq!(app.post("/v1/queues", &body).await.blames(400), [field], "{body}");
    }
    // What can be set can be changed, under the same rules.
    for (part, field) in [
        (json!({"description": 7}), "description"),
        (json!({"description": null}), "description"),
        (json!({"description": "a\u{0}"}), "description"),
        (json!({"description": "x".repeat(501)}), "description"),
        (json!({"settings": []}), "settings"),
        (json!({"settings": {"timeout": "1ms"}}), "settings.timeout"),
        (json!({"settings": {"timeout": -5}}), "settings.timeout"),
        (json!({"settings": {"timeout": "16m"}}), "settings.timeout"),
        (
            json!({"settings": {"connect_timeout": "2h"}}),
            "settings.connect_timeout",
        ),
        (
            json!({"settings": {"max_in_flight": 0}}),
            "settings.max_in_flight",
        ),
        (
            json!({"settings": {"max_in_flight": -1}}),
            "settings.max_in_flight",
        ),
        (
            json!({"settings": {"retry_client_errors": "yes"}}),
            "settings.retry_client_errors",
        ),
        (
            json!({"settings": {"verdict": {"preset": "lenient"}}}),
            "settings.verdict.preset",
        ),
        (
            json!({"settings": {"verdict": {"rules": [{"match": {"status": "7x"}, "then": "dead"}]}}}),
            "settings.verdict.rules[0].match.status",
        ),
        (
            json!({"settings": {"verdict": {"rules": [{"match": {}, "then": "explode"}]}}}),
            "settings.verdict.rules[0].then",
        ),
        (json!({"settings": {"retries": 3}}), "settings.retries"),
        (
            json!({"settings": {"retry": {"attempts": 101}}}),
            "settings.retry.attempts",
        ),
        (
            json!({"settings": {"retry": {"schedule": ["31d"]}}}),
            "settings.retry.schedule[0]",
        ),
        (
            json!({"settings": {"retry": {"schedule": ["1s"], "max": "1s"}}}),
            "settings.retry.schedule",
        ),
        (json!({"settings": {"retry": [3]}}), "settings.retry"),
    ] {
        if part["description"] != json!(null) || part.get("description").is_none() {
            let mut new = part.clone();
            new["name"] = json!("new");
            assert_eq!(app.post("/v1/queues", &new).await.blames(400), [field], "{new}");
        }
        assert_eq!(
            app.patch("/v1/queues/q", &part).await.blames(400),
            [field],
            "{part}"
        );
    }
    assert_eq!(
        app.patch("/v1/queues/q", json!({"name": "b"})).await.blames(400),
        ["name"]
    );
    assert_eq!(
        app.patch("/v1/queues/q", json!({"settings": null}))
            .await
            .blames(400),
        ["settings"]
    );
    assert_eq!(app.patch("/v1/queues/q", "").await.blames(400), ["body"]);
    app.get("/v1/queues/a%00b").await.problem(404);
    app.patch("/v1/queues/a%00b", "{}").await.problem(404);
    app.get("/v1/queues/%ff").await.problem(400);
    let all: Page<Queue> = app.get("/v1/queues").await.read();
    assert_eq!(all.items, [before]);
}

#[tokio::test]
async fn bad_endpoints_are_refused_by_field() {
    let app = App::new().await;
    app.make_queue("q").await;
    let endpoint = app.make_endpoint("q", "\"a\"").await;
    let path = format!("/v1/endpoints/{}", endpoint.id);
    for (part, field) in [
        (json!({"url": 7}), "url"),
        (json!({"url": ""}), "url"),
        (json!({"url": "example.com"}), "url"),
        (json!({"url": "ftp://example.com/"}), "url"),
        (json!({"url": "file:///etc/passwd"}), "url"),
        (json!({"url": "https://user:secret@example.com/"}), "url"),
        (json!({"url": "https://user@example.com/"}), "url"),
        (json!({"url": "https://example.com/#a"}), "url"),
        (json!({"url": "http://10.0.0.1/"}), "url"),
        (json!({"url": "http://0xa000001/"}), "url"),
        (
            json!({"url": format!("https://example.com/{}", "a".repeat(2_048))}),
            "url",
        ),
        (json!({"filter": "a"}), "filter"),
        (json!({"filter": [7]}), "filter[0]"),
        (json!({"filter": ["a", "b c"]}), "filter[1]"),
        (json!({"filter": [""]}), "filter[0]"),
        (json!({"filter": ["a\u{0}"]}), "filter[0]"),
        (json!({"filter": vec!["a"; 101]}), "filter"),
        (
            json!({"headers": {"Content-Length": "1"}}),
            "headers.Content-Length",
        ),
        (
            json!({"headers": {"webhook-signature": "v1,a"}}),
            "headers.webhook-signature",
        ),
        (json!({"headers": {"x": "a\nb"}}), "headers.x"),
        (json!({"headers": {"x": 1}}), "headers.x"),
        (json!({"description": "a\u{0}"}), "description"),
        (json!({"settings": {"timeout": "0s"}}), "settings.timeout"),
        (
            json!({"settings": {"retry": {"jitter": -0.5}}}),
            "settings.retry.jitter",
        ),
        (json!({"status": "paused"}), "status"),
    ] {
        let mut new = json!({"url": "https://example.com/"});
        new.as_object_mut()
            .unwrap()
            .extend(part.as_object().unwrap().clone());
        assert_eq!(
            app.post("/v1/queues/q/endpoints", &new).await.blames(400),
            [field],
            "{new}"
        );
        assert_eq!(app.patch(&path, &part).await.blames(400), [field], "{part}");
    }
    for (new, field) in [
        (json!({}), "url"),
        (
            json!({"url": "https://example.com/", "secret": "whsec_AAAA"}),
            "secret",
        ),
        (
            json!({"url": "https://example.com/", "secret": "topsecret"}),
            "secret",
        ),
        (json!({"url": "https://example.com/", "secret": 7}), "secret"),
    ] {
        assert_eq!(
            app.post("/v1/queues/q/endpoints", &new).await.blames(400),
            [field],
            "{new}"
        );
    }
    assert_eq!(app.patch(&path, json!({"url": null})).await.blames(400), ["url"]);
    app.post(
        "/v1/queues/none/endpoints",
        json!({"url": "https://example.com/"}),
    )
    .await
    .problem(404);
    let all: Page<Endpoint> = app.get("/v1/queues/q/endpoints").await.read();
    assert_eq!(
        all.items,
        [Endpoint {
            secret: None,
            ..endpoint
        }]
    );
}

#[tokio::test]
async fn no_text_that_is_kept_holds_a_nul() {
    let app = App::new().await;
    app.make_queue("q").await;
    let path = format!("/v1/endpoints/{}", app.make_endpoint("q", "").await.id);
    let settings = json!({"redact": ["/a", "/b\u{0}"]});
    let new = json!({"name": "new", "settings": settings});
    assert_eq!(
        app.post("/v1/queues", &new).await.blames(400),
        ["settings.redact[1]"]
    );
    let update = json!({"settings": settings});
    assert_eq!(
        app.patch("/v1/queues/q", &update).await.blames(400),
        ["settings.redact[1]"]
    );
    let certificate = "-----BEGIN CERTIFICATE-----\u{0}";
    for (auth, field) in [
        (
            json!({"oauth2": {"token_url": "https://a.example/\u{0}", "client_id": "a", "client_secret": "b"}}),
            "auth.oauth2.token_url",
        ),
        (
            json!({"client_certificate": {"certificate": certificate, "key": "-----BEGIN PRIVATE KEY-----"}}),
            "auth.client_certificate.certificate",
        ),
        (json!({"authorities": certificate}), "auth.authorities"),
    ] {
        let new = json!({"url": "https://example.com/", "auth": auth});
        let answer = app.post("/v1/queues/q/endpoints", &new).await;
        assert_eq!(answer.blames(400), [field], "{new}");
        let update = json!({"auth": auth});
        assert_eq!(app.patch(&path, &update).await.blames(400), [field], "{update}");
    }
}

#[tokio::test]
async fn what_was_sent_is_repeated_only_in_part() {
    let app = App::new().await;
    app.make_queue("q").await;
    let long = "x".repeat(200_000);
    for settings in [
        format!(r#"{{"verdict":{{"preset":"{long}"}}}}"#),
        format!(r#"{{"timeout":"{long}"}}"#),
        format!(r#"{{"{long}":1}}"#),
    ] {
        let answer = app
            .patch("/v1/queues/q", format!(r#"{{"settings":{settings}}}"#))
            .await;
        answer.problem(400);
        assert!(answer.body.len() < 3_000, "{} bytes", answer.body.len());
    }
    // And in the words of JSON.
    let answer = app
        .patch("/v1/queues/q", json!({"settings": {"max_in_flight": "many"}}))
        .await;
    let detail = answer.problem(400).detail;
    assert!(
        detail.contains("a whole number") && !detail.contains("u32"),
        "{detail}"
    );
}

#[tokio::test]
async fn an_id_that_is_none_or_names_nothing_is_told() {
    let app = App::new().await;
    let nothing = "01980a3b-7c2d-7e4f-8a5b-6c7d8e9fa0b1";
    for path in [
        "tasks/{id}",
        "tasks/{id}/payload",
        "tasks/{id}/attempts",
        "tasks/{id}/deliveries",
        "deliveries/{id}",
        "deliveries/{id}/attempts",
        "endpoints/{id}",
        "endpoints/{id}/secrets",
        "dead-letters/{id}",
    ] {
        let at = |id: &str| format!("/v1/{}", path.replace("{id}", id));
        assert_eq!(app.get(&at("7")).await.blames(400), ["id"], "{path}");
        assert_eq!(app.get(&at("a%00b")).await.blames(400), ["id"], "{path}");
        assert!(
            app.get(&at(nothing)).await.problem(404).detail.contains(nothing),
            "{path}"
        );
    }
    app.act(&format!("/v1/tasks/{nothing}/cancel")).await.problem(404);
    assert_eq!(
        app.get(&format!("/v1/endpoints/{nothing}/secrets/x"))
            .await
            .blames(400),
        ["secret"]
    );
}

#[tokio::test]
async fn a_request_that_carries_no_task_is_small() {
    let app = App::new().await;
    let large = format!("{{\"name\":\"{}\"}}", "a".repeat(300 << 10));
    assert_eq!(app.post("/v1/queues", large).await.blames(413), ["body"]);
    let form = app
        .request(Method::POST, "/v1/queues")
        .header("content-type", "text/plain")
        .body("{\"name\":\"a\"}")
        .send()
        .await;
    assert_eq!(form.blames(415), ["content-type"]);
    app.request(Method::POST, "/v1/queues")
        .body("{\"name\":\"a\"}")
        .send()
        .await
        .is(StatusCode::CREATED);
}

#[tokio::test]
async fn large_bodies_together_take_no_more_than_their_room() {
    let app = App::with(Config {
        bodies_max_bytes: 200 << 10,
        ..Config::default()
    })
    .await;
    app.make_queue("q").await;
    let body = format!("{{\"payload\":\"{}\"}}", "x".repeat(300 << 10));
    app.post("/v1/queues/q/tasks", body).await.problem(503);
    for _ in 0..3 {
        // What was taken is given back.
        app.enqueue("q", format!("{{\"payload\":\"{}\"}}", "x".repeat(150 << 10)))
            .await;
    }
    assert_eq!(app.count_tasks("q").await, 3);
}

#[tokio::test]
async fn a_panic_is_an_answer_without_details() {
    let app = App::new().await;
    app.make_queue("q").await;
    let answer = app
        .post("/v1/queues/q/endpoints", json!({"url": "https://panic.example/"}))
        .await;
    let problem = answer.problem(500);
    assert!(
        !String::from_utf8_lossy(&answer.body).contains("secret detail"),
        "{problem:?}"
    );
    app.make_endpoint("q", "").await;
}
