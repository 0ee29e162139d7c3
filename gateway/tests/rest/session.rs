//! Sessions of browsers, and the page they are begun on.

use axum::http::{Method, StatusCode};
use proto::{Key, NewKey, Scope, Session};
use queue::Queue;

use crate::kit::{Answer, App, make_key, now, vault};

/// Signs in; the cookie as it is sent back, and what was told.
async fn sign_in(app: &App, key: &str) -> (String, Session) {
    let answer = attempt(app, key, "http://localhost:8080")
        .await
        .is(StatusCode::OK);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let cookie = answer.header("set-cookie").unwrap().to_owned();
    for word in ["; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age="] {
        assert!(cookie.contains(word), "{cookie}");
    }
    (cookie.split(';').next().unwrap().to_owned(), answer.read())
}

async fn attempt(app: &App, key: &str, origin: &str) -> Answer {
    app.request_without_key(Method::POST, "/v1/session")
        .header("origin", origin)
        .json(format!("{{\"key\":\"{key}\"}}"))
        .send()
        .await
}

async fn ask(app: &App, method: Method, path: &str, cookie: &str, csrf: &str) -> Answer {
    app.request_without_key(method, path)
        .header("cookie", cookie)
        .header("posthaste-csrf", csrf)
        .send()
        .await
}

#[tokio::test]
async fn a_session_is_its_key_and_changes_nothing_without_its_code() {
    let app = App::new().await;
    app.make_queue("a-one").await;
    app.make_queue("b-one").await;
    let new = NewKey {
        name: "the a team".into(),
        scopes: vec![Scope::Read, Scope::Manage],
        queues: vec!["a-*".into()],
        ..NewKey::default()
    };
    let key = make_key(&app.queue, new).await;
    let (cookie, told) = sign_in(&app, &key).await;
    assert_eq!(
        (told.name.as_str(), &told.scopes),
        ("the a team", &vec![Scope::Read, Scope::Manage])
    );
    assert!(told.may(Scope::Read) && !told.may(Scope::Replay));
    let code = told.csrf.clone().unwrap();

    // It sees what the key sees, and is told the same again.
    let queues: proto::Page<proto::Queue> = ask(&app, Method::GET, "/v1/queues", &cookie, "")
        .await
        .is(StatusCode::OK)
        .read();
    assert_eq!(
        queues
            .items
            .iter()
            .map(|queue| queue.name.as_str())
            .collect::<Vec<_>>(),
        ["a-one"]
    );
    assert_eq!(
        ask(&app, Method::GET, "/v1/session", &cookie, "")
            .await
            .read::<Session>(),
        told
    );
    ask(&app, Method::GET, "/v1/keys", &cookie, "").await.problem(403);
    ask(&app, Method::GET, "/v1/queues/b-one", &cookie, "")
        .await
        .problem(404);

    // What changes something wants the code, and the session's own.
    let (_, other) = sign_in(&app, &app.key).await;
    for wrong in ["", "x", &code[1..], &other.csrf.unwrap()] {
        let refused = ask(&app, Method::POST, "/v1/queues/a-one/pause", &cookie, wrong).await;
        assert!(refused.problem(403).detail.contains("posthaste-csrf"));
    }
    ask(&app, Method::POST, "/v1/queues/a-one/pause", &cookie, &code)
        .await
        .is(StatusCode::OK);
    // Who brings a key needs none.
    app.act("/v1/queues/a-one/resume").await.is(StatusCode::OK);

    let left = ask(&app, Method::DELETE, "/v1/session", &cookie, &code)
        .await
        .is(StatusCode::NO_CONTENT);
    assert!(
        left.header("set-cookie")
            .unwrap()
            .starts_with("posthaste_session=; ")
    );
}

#[tokio::test]
async fn a_session_enqueues_raw_with_its_code() {
    let app = App::new().await;
    app.make_queue("q").await;
    let (cookie, told) = sign_in(&app, &app.key).await;
    let path = "/v1/queues/q/tasks/raw";
    ask(&app, Method::POST, path, &cookie, "").await.problem(403);
    ask(&app, Method::POST, path, &cookie, &told.csrf.unwrap())
        .await
        .is(StatusCode::ACCEPTED);
    assert_eq!(app.count_tasks("q").await, 1);
}

#[tokio::test]
async fn a_session_ends_with_its_key_on_every_node_and_is_forged_by_nobody() {
    let app = App::new().await;
    let made: Key = app
        .post(
            "/v1/keys",
            r#"{"name":"short","scopes":["read"],"queues":["*"],"expires_at":"2099-01-01T00:00:00Z"}"#,
        )
        .await
        .is(StatusCode::CREATED)
        .read();
    let (cookie, told) = sign_in(&app, &made.key.clone().unwrap()).await;
    let ends = told.expires_at.unwrap() - now();
    assert!((11..=12).contains(&ends.num_hours()), "{ends}");
    ask(&app, Method::GET, "/v1/queues", &cookie, "")
        .await
        .is(StatusCode::OK);

    let (name, token) = cookie.split_once('=').unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    for forged in [
        "nonsense".to_owned(),
        format!("{}.{}.", parts[0], parts[1]),
        // {"alg":"none"}
        format!("eyJhbGciOiJub25lIn0.{}.", parts[1]),
        format!(
            "{}.{}.{}",
            parts[0],
            parts[1],
            parts[2].replace(|c: char| c.is_ascii_digit(), "a")
        ),
    ] {
        let refused = ask(&app, Method::GET, "/v1/queues", &format!("{name}={forged}"), "").await;
        refused.problem(401);
    }

    app.delete(&format!("/v1/keys/{}", made.id))
        .await
        .is(StatusCode::NO_CONTENT);
    let refused = ask(&app, Method::GET, "/v1/queues", &cookie, "").await;
    assert!(refused.problem(401).detail.contains("revoked"));
}

#[tokio::test]
async fn only_a_valid_key_signs_in_and_only_our_page_can_send_one() {
    let app = App::new().await;
    attempt(&app, "ph_wrong", "http://localhost").await.problem(401);
    attempt(&app, "", "http://localhost").await.problem(401);
    // Another site's page can send this without asking first.
    let body = format!("{{\"key\":\"{}\"}}", app.key);
    for media_type in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let mut asking = app.request_without_key(Method::POST, "/v1/session");
        if !media_type.is_empty() {
            asking = asking.header("content-type", media_type);
        }
        asking.body(body.clone()).send().await.problem(415);
    }
    let large = format!("{{\"key\":\"{}\"}}", "x".repeat(5_000));
    app.request_without_key(Method::POST, "/v1/session")
        .json(large)
        .send()
        .await
        .problem(413);
    // Over TLS, here or at a proxy, the cookie stays there.
    let encrypted = attempt(&app, &app.key, "https://hooks.example")
        .await
        .is(StatusCode::OK);
    assert!(encrypted.header("set-cookie").unwrap().ends_with("; Secure"));
    app.request_without_key(Method::GET, "/v1/session")
        .send()
        .await
        .problem(401);
    let told: Session = app.get("/v1/session").await.is(StatusCode::OK).read();
    assert_eq!((told.name.as_str(), told.csrf), ("test", None));
}

#[tokio::test]
async fn a_session_of_another_node_is_known() {
    let app = App::new().await;
    let other = Queue::open(queue::Config::new(app.database.url()), vault(), now())
        .await
        .unwrap();
    assert_eq!(other.session_key(), app.queue.session_key());
    assert_ne!(other.session_key(), other.page_key());
    other.close().await;
}

#[tokio::test]
async fn browsers_get_the_console_and_nobody_gets_more() {
    let app = App::new().await;
    for path in ["/", "/queues/some", "/tasks/0"] {
        let page = app
            .request_without_key(Method::GET, path)
            .header("accept", "text/html,*/*")
            .send()
            .await
            .is(StatusCode::OK);
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8"),
            "{path}"
        );
        let policy = page.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'") && !policy.contains("unsafe-inline"),
            "{policy}"
        );
        let tag = page.header("etag").unwrap().to_owned();
        let again = app
            .request_without_key(Method::GET, path)
            .header("accept", "text/html");
        again
            .header("if-none-match", &tag)
            .send()
            .await
            .is(StatusCode::NOT_MODIFIED);
    }
    app.request_without_key(Method::GET, "/assets/none.js")
        .send()
        .await
        .is(StatusCode::NOT_FOUND);
    // Programs are told the truth.
    app.request_without_key(Method::GET, "/queues/some")
        .send()
        .await
        .problem(401);
    app.get("/queues/some").await.problem(404);
    app.request_without_key(Method::POST, "/")
        .send()
        .await
        .problem(401);
    let closed = App::with(gateway::Config {
        health_only: true,
        ..gateway::Config::default()
    })
    .await;
    closed
        .request_without_key(Method::GET, "/")
        .send()
        .await
        .problem(401);
}
