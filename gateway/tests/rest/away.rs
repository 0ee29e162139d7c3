//! The database is away, and comes back.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use gateway::Config;
use testing::{Database, Wire};

use crate::kit::App;

#[tokio::test]
async fn while_the_database_is_gone_the_answer_is_503_and_then_all_goes_on() {
    let database = Database::create().await;
    let wire = Wire::to(&database).await;
    let reached = queue::Config {
        max_connections: 8,
        acquire_timeout: Duration::from_millis(300),
        ..queue::Config::new(wire.url())
    };
    let app = App::reached(Config::default(), reached, database).await;
    app.make_queue("q").await;
    app.enqueue("q", r#"{"payload":1}"#).await;

    wire.cut();
    for _ in 0..3 {
        app.post("/v1/queues/q/tasks", r#"{"payload":2}"#)
            .await
            .problem(503);
    }
    app.post("/v1/queues/q/tasks/batch", r#"[{"payload":3}]"#)
        .await
        .problem(503);
    app.get("/v1/queues/q/tasks").await.problem(503);
    app.post("/v1/queues", r#"{"name":"other"}"#).await.problem(503);
    app.request_without_key(Method::GET, "/readyz")
        .send()
        .await
        .problem(503);
    app.request_without_key(Method::GET, "/healthz")
        .send()
        .await
        .is(StatusCode::OK);
    // What is wrong is wrong, with or without a database; a key that is not known cannot be told from one just made.
    assert_eq!(
        app.post("/v1/queues/q/tasks", r#"{"payload":1,"priority":11}"#)
            .await
            .blames(400),
        ["priority"]
    );
    app.request_without_key(Method::GET, "/v1/queues")
        .header("authorization", "Bearer ph_x")
        .send()
        .await
        .problem(503);

    wire.mend();
    let mut tries = 0;
    while app.post("/v1/queues/q/tasks", r#"{"payload":4}"#).await.status != StatusCode::ACCEPTED {
        tries += 1;
        assert!(tries < 300, "it does not recover");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Nothing of what was refused is there.
    assert_eq!(app.count_tasks("q").await, 2);
    app.get("/v1/queues/other").await.problem(404);
    tokio::time::sleep(Duration::from_millis(300)).await;
    app.request_without_key(Method::GET, "/readyz")
        .send()
        .await
        .is(StatusCode::OK);
}

#[tokio::test]
async fn a_database_that_hangs_holds_nobody_for_longer_than_a_request_may_take() {
    let app = App::with(Config {
        request_timeout: Duration::from_millis(1_500),
        ..Config::default()
    })
    .await;
    app.make_queue("q").await;

    let lock = app.database.lock("tasks").await;
    app.post("/v1/queues/q/tasks", r#"{"payload":1}"#)
        .await
        .problem(503);
    app.get("/v1/queues/q/tasks").await.problem(503);
    app.get("/v1/queues/q").await.is(StatusCode::OK);

    lock.release().await;
    // It was not known whether this one would take effect, and the answer said so: it is committed after all.
    let mut tries = 0;
    while app.get("/v1/queues/q/tasks").await.json()["items"]
        .as_array()
        .is_none_or(|items| items.len() != 1)
    {
        tries += 1;
        assert!(tries < 300, "the task is lost");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
