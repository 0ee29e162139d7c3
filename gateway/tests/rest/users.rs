//! Users: what each role may, how sessions end, and guessing.

use axum::http::{Method, StatusCode};
use proto::{AuditEntry, Page, Role, Session, User};
use serde_json::json;

use crate::kit::{Answer, App};

const PASSWORD: &str = "an engine of analysis";

async fn make(app: &App, name: &str, role: &str, queues: &str) -> User {
    let new = json!({"name": name, "password": PASSWORD, "role": role, "queues": [queues]});
    app.post("/v1/users", new).await.is(StatusCode::CREATED).read()
}

async fn attempt(app: &App, name: &str, password: &str) -> Answer {
    let body = json!({"name": name, "password": password});
    app.request_without_key(Method::POST, "/v1/session")
        .json(body.to_string())
        .send()
        .await
}

/// A session: the cookie, and the code.
struct Signed {
    cookie: String,
    csrf: String,
}

impl Signed {
    fn of(answer: &Answer) -> Self {
        let cookie = answer.header("set-cookie").unwrap();
        let told: Session = answer.read();
        Self {
            cookie: cookie.split(';').next().unwrap().to_owned(),
            csrf: told.csrf.unwrap(),
        }
    }

    async fn ask(&self, app: &App, method: Method, path: &str, body: Option<serde_json::Value>) -> Answer {
        let asking = app
            .request_without_key(method, path)
            .header("cookie", &self.cookie)
            .header("posthaste-csrf", &self.csrf);
        match body {
            Some(body) => asking.json(body.to_string()).send().await,
            None => asking.send().await,
        }
    }

    async fn status(&self, app: &App) -> u16 {
        self.ask(app, Method::GET, "/v1/queues", None)
            .await
            .status
            .as_u16()
    }
}

async fn sign_in(app: &App, name: &str, password: &str) -> Signed {
    Signed::of(&attempt(app, name, password).await.is(StatusCode::OK))
}

#[tokio::test]
async fn a_role_says_what_a_user_may_and_patterns_where() {
    let app = App::new().await;
    app.make_queue("shop-one").await;
    app.make_queue("bank-one").await;
    for (role, statuses) in [
        ("viewer", [200, 403, 403, 403]),
        ("operator", [200, 200, 202, 403]),
        ("admin", [200, 200, 202, 200]),
    ] {
        let made = make(&app, role, role, "shop-*").await;
        assert_eq!(made.role.word(), role);
        let answer = attempt(&app, &role.to_uppercase(), PASSWORD)
            .await
            .is(StatusCode::OK);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let told: Session = answer.read();
        assert_eq!(
            (told.name.as_str(), told.user, told.key),
            (role, Some(made.id), None)
        );
        let user = Signed::of(&answer);
        let asked = [
            (Method::GET, "/v1/queues/shop-one", None),
            (Method::POST, "/v1/queues/shop-one/resume", None),
            (
                Method::POST,
                "/v1/queues/shop-one/tasks",
                Some(json!({"payload": 1})),
            ),
            (Method::GET, "/v1/users", None),
        ];
        for ((method, path, body), status) in asked.into_iter().zip(statuses) {
            let answer = user.ask(&app, method, path, body).await;
            assert_eq!(answer.status.as_u16(), status, "{role}: {path}");
        }
        let hidden = user
            .ask(&app, Method::GET, "/v1/queues/bank-one", None)
            .await
            .problem(404);
        assert!(hidden.detail.contains("bank-one"));
        // Nobody is given more than the giver has, and who reaches further is not there.
        if role == "admin" {
            let more = json!({"name": "eve", "password": PASSWORD, "role": "viewer"});
            user.ask(&app, Method::POST, "/v1/users", Some(more))
                .await
                .problem(403);
            let all = make(&app, "everywhere", "viewer", "*").await;
            user.ask(&app, Method::GET, &format!("/v1/users/{}", all.id), None)
                .await
                .problem(404);
            let seen: Page<User> = user.ask(&app, Method::GET, "/v1/users", None).await.read();
            assert!(
                seen.items.iter().all(|u| u.name != "everywhere"),
                "{:?}",
                seen.items
            );
        }
    }
    let audit: Page<AuditEntry> = app.get("/v1/audit?limit=100").await.read();
    let signed = audit.items.iter().find(|e| e.action == "user.signed_in").unwrap();
    assert_eq!(
        (signed.actor.kind, signed.actor.name.as_str()),
        (proto::ActorKind::User, "admin")
    );
}

#[tokio::test]
async fn sessions_end_when_they_are_told_to() {
    let app = App::new().await;
    let ada = make(&app, "ada", "operator", "*").await;
    let path = format!("/v1/users/{}", ada.id);

    // Her own password: this session goes on under a new cookie, the others end.
    let (here, there) = (
        sign_in(&app, "ada", PASSWORD).await,
        sign_in(&app, "ada", PASSWORD).await,
    );
    let wrong = json!({"current": "not this one", "new": "notes by the translator"});
    let refused = here
        .ask(&app, Method::POST, "/v1/session/password", Some(wrong))
        .await
        .problem(400);
    assert_eq!(refused.errors[0].field, "current");
    let short = json!({"current": PASSWORD, "new": "short"});
    let refused = here
        .ask(&app, Method::POST, "/v1/session/password", Some(short))
        .await
        .problem(400);
    assert_eq!(refused.errors[0].field, "new");
    let right = json!({"current": PASSWORD, "new": "notes by the translator"});
    let answer = here
        .ask(&app, Method::POST, "/v1/session/password", Some(right))
        .await
        .is(StatusCode::OK);
    let again = Signed::of(&answer);
    assert_eq!(
        (
            here.status(&app).await,
            there.status(&app).await,
            again.status(&app).await
        ),
        (401, 401, 200)
    );
    attempt(&app, "ada", PASSWORD).await.problem(401);

    // Everywhere, by herself and by an admin.
    again
        .ask(&app, Method::POST, "/v1/session/sign-out", None)
        .await
        .is(StatusCode::NO_CONTENT);
    assert_eq!(again.status(&app).await, 401);
    let session = sign_in(&app, "ada", "notes by the translator").await;
    app.act(&format!("{path}/sign-out"))
        .await
        .is(StatusCode::NO_CONTENT);
    assert_eq!(session.status(&app).await, 401);

    // More rights leave sessions as they are, and hold at once; fewer end them.
    let session = sign_in(&app, "ada", "notes by the translator").await;
    app.patch(&path, json!({"role": "admin"}))
        .await
        .is(StatusCode::OK);
    assert_eq!(
        session
            .ask(&app, Method::GET, "/v1/keys", None)
            .await
            .status
            .as_u16(),
        200
    );
    let oneself = session
        .ask(&app, Method::PATCH, &path, Some(json!({"role": "viewer"})))
        .await;
    oneself.problem(409);
    session.ask(&app, Method::DELETE, &path, None).await.problem(409);
    app.patch(&path, json!({"role": "viewer"}))
        .await
        .is(StatusCode::OK);
    assert_eq!(session.status(&app).await, 401);

    let session = sign_in(&app, "ada", "notes by the translator").await;
    app.patch(&path, json!({"disabled": true}))
        .await
        .is(StatusCode::OK);
    assert_eq!(session.status(&app).await, 401);
    let kept_out = attempt(&app, "ada", "notes by the translator").await.problem(401);
    assert!(kept_out.detail.contains("disabled"), "{kept_out:?}");
    // Only who knows the password is told that.
    let guessed = attempt(&app, "ada", PASSWORD).await.problem(401);
    assert!(!guessed.detail.contains("disabled"), "{guessed:?}");
    app.patch(&path, json!({"disabled": false}))
        .await
        .is(StatusCode::OK);
    assert_eq!(session.status(&app).await, 401, "what has ended stays so");

    let session = sign_in(&app, "ada", "notes by the translator").await;
    app.delete(&path).await.is(StatusCode::NO_CONTENT);
    assert_eq!(session.status(&app).await, 401);
    app.get(&path).await.problem(404);
    attempt(&app, "ada", "notes by the translator").await.problem(401);
    // The name is free, and she is somebody else.
    assert_ne!(make(&app, "ada", "viewer", "*").await.id, ada.id);
    let twice = json!({"name": "Ada", "password": PASSWORD, "role": "viewer"});
    app.post("/v1/users", twice).await.problem(409);
}

#[tokio::test]
async fn guessing_is_slow_and_a_right_password_costs_nothing() {
    let app = App::new().await;
    make(&app, "ada", "viewer", "*").await;
    for _ in 0..12 {
        attempt(&app, "ada", PASSWORD).await.is(StatusCode::OK);
    }
    let (wrong, unknown) = (
        attempt(&app, "ada", "a wrong password").await.problem(401),
        attempt(&app, "bob", "a wrong password").await.problem(401),
    );
    assert_eq!(wrong.detail, unknown.detail);
    let mut statuses = vec![];
    for _ in 0..10 {
        statuses.push(attempt(&app, "ada", "a wrong password").await.status.as_u16());
    }
    assert!(statuses.contains(&429), "{statuses:?}");
    let refused = attempt(&app, "ada", PASSWORD).await;
    assert!(refused.header("retry-after").is_some());
    refused.problem(429);
    // A key works all the while.
    app.get("/v1/queues").await.is(StatusCode::OK);
}

#[tokio::test]
async fn one_signs_in_with_a_key_or_with_a_name_and_a_password_and_keys_have_none() {
    let app = App::new().await;
    for body in [
        json!({}),
        json!({"name": "ada"}),
        json!({"password": PASSWORD}),
        json!({"key": app.key, "name": "ada", "password": PASSWORD}),
    ] {
        let refused = app
            .request_without_key(Method::POST, "/v1/session")
            .json(body.to_string())
            .send()
            .await;
        assert_eq!(refused.problem(400).errors[0].field, "key", "{body}");
    }
    let change = json!({"current": PASSWORD, "new": "notes by the translator"});
    app.post("/v1/session/password", change).await.problem(403);
    app.act("/v1/session/sign-out").await.problem(403);
    let first = app.queue.make_first_user(crate::kit::now()).await.unwrap();
    let (name, password) = first.unwrap();
    assert_eq!(name, "admin");
    sign_in(&app, &name, &password).await;
    assert_eq!(app.queue.make_first_user(crate::kit::now()).await.unwrap(), None);
    let users: Page<User> = app.get("/v1/users").await.read();
    assert_eq!(users.items[0].role, Role::Admin);
    assert!(users.items[0].signed_in_at.is_some());
}
