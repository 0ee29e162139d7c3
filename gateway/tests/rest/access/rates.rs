//! How much may be enqueued: by key, and by what waits.

use axum::http::StatusCode;
use futures_util::{StreamExt, stream::FuturesUnordered};
use gateway::Config;
use proto::{EnqueueRate, NewKey, Scope};
use queue::enqueue;

use super::{ask, key};
use crate::kit::{App, make_key};

const TASK: Option<&str> = Some(r#"{"payload":1}"#);

/// A key whose bucket takes hours to fill by one: what it holds is the same however slow this machine is.
async fn limited(app: &App, burst: u32) -> String {
    let rate = EnqueueRate {
        per_second: 1,
        burst: Some(burst),
    };
    let new = NewKey {
        name: "limited".into(),
        scopes: vec![Scope::Enqueue],
        queues: vec!["*".into()],
        rate: Some(rate),
        ..NewKey::default()
    };
    make_key(&app.queue, new).await
}

/// What a header of draft-ietf-httpapi-ratelimit-headers says is left.
fn left(header: &str) -> u64 {
    let rest = header.strip_prefix("\"enqueue\";r=").unwrap();
    let (left, seconds) = rest.split_once(";t=").unwrap();
    seconds.parse::<u64>().unwrap();
    left.parse().unwrap()
}

#[tokio::test]
async fn a_limited_key_is_told_what_is_left_and_then_to_wait() {
    let app = App::new().await;
    app.make_queue("q").await;
    let limited = limited(&app, 100).await;
    let one = ask(&app, &limited, "POST", "/v1/queues/q/tasks", TASK).await;
    assert_eq!(one.header("ratelimit-policy"), Some("\"enqueue\";q=100;w=100"));
    assert_eq!(left(one.header("ratelimit").unwrap()), 99);
    one.is(StatusCode::ACCEPTED);
    // A batch counts what is to be committed of it.
    let batch = format!("[{}7]", "{\"payload\":1},".repeat(60));
    let batch = ask(&app, &limited, "POST", "/v1/queues/q/tasks/batch", Some(&batch)).await;
    let after = left(batch.header("ratelimit").unwrap());
    assert!((39..=60).contains(&after), "{after}");
    assert_eq!(batch.is(StatusCode::OK).json()["accepted"], 60);
    // One that is never possible, and one that only is not yet.
    let large = format!("[{}7]", "{\"payload\":1},".repeat(101));
    let refused = ask(&app, &limited, "POST", "/v1/queues/q/tasks/batch", Some(&large)).await;
    assert_eq!(refused.blames(413), ["body"]);
    let whole = format!("[{}7]", "{\"payload\":1},".repeat(100));
    let refused = ask(&app, &limited, "POST", "/v1/queues/q/tasks/batch", Some(&whole)).await;
    let problem = refused.problem(429);
    assert_eq!(problem.kind, "/problems/too-many-requests");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=61).contains(&wait), "{wait}");
    assert!(left(refused.header("ratelimit").unwrap()) >= after);
    assert_eq!(app.count_tasks("q").await, 61);
    // Nobody else is.
    let free = key(&app, &[Scope::Enqueue], &["*"]).await;
    let answer = ask(&app, &free, "POST", "/v1/queues/q/tasks", TASK).await;
    assert_eq!(answer.header("ratelimit"), None);
    answer.is(StatusCode::ACCEPTED);
}

#[tokio::test]
async fn what_cannot_be_enqueued_uses_nothing_up() {
    let app = App::new().await;
    app.make_queue("q").await;
    let limited = limited(&app, 2).await;
    for (path, body) in [
        ("/v1/queues/q/tasks", "{}"),
        ("/v1/queues/q/tasks", "{"),
        ("/v1/queues/absent/tasks", "{\"payload\":1}"),
    ] {
        let refused = ask(&app, &limited, "POST", path, Some(body)).await;
        assert!(refused.status.is_client_error());
        assert_eq!(left(refused.header("ratelimit").unwrap()), 2, "{path} {body}");
    }
}

#[tokio::test]
async fn too_much_that_waits_for_the_database_is_refused_and_nothing_is_stored() {
    let waiting = enqueue::Config {
        waiting_bytes: 4_096,
        ..enqueue::Config::default()
    };
    let app = App::waiting(waiting).await;
    app.make_queue("q").await;
    let locked = app.database.lock("tasks").await;
    // Each takes a KiB and its payload: three fit.
    let path = "/v1/queues/q/tasks";
    let mut answers: FuturesUnordered<_> = (0..10).map(|_| ask(&app, &app.key, "POST", path, TASK)).collect();
    for _ in 0..7 {
        answers.next().await.unwrap().problem(503);
    }
    locked.release().await;
    while let Some(answer) = answers.next().await {
        answer.is(StatusCode::ACCEPTED);
    }
    assert_eq!(app.count_tasks("q").await, 3);
}

#[tokio::test]
async fn requests_under_way_are_bounded() {
    let app = App::with(Config {
        requests_max: 1,
        ..Config::default()
    })
    .await;
    app.make_queue("q").await;
    let locked = app.database.lock("tasks").await;
    let path = "/v1/queues/q/tasks";
    let mut answers: FuturesUnordered<_> = (0..2).map(|_| ask(&app, &app.key, "POST", path, TASK)).collect();
    answers.next().await.unwrap().problem(503);
    // Who asks whether it is well takes no place; who has no key gets none.
    app.get("/healthz").await.is(StatusCode::OK);
    ask(&app, "ph_wrong", "GET", "/v1/queues", None)
        .await
        .problem(401);
    app.get("/v1/queues").await.problem(503);
    locked.release().await;
    answers.next().await.unwrap().is(StatusCode::ACCEPTED);
    app.get("/v1/queues").await.is(StatusCode::OK);
}
