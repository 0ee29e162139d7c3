//! One task once more, whatever became of it; and what of replays is written down.

use axum::http::{Method, StatusCode};
use proto::{
    AuditEntry, DeadLetter, Delivery, DeliveryState, NewKey, Page, Replay, Scope, Task, TaskReplayed,
    TaskState,
};
use queue::{
    load::{Cursor, PageRequest},
    verdict::Verdict,
};
use serde_json::json;
use uuid::Uuid;

use crate::kit::{Answer, App, make_key, now};

async fn replay(app: &App, task: Uuid) -> Answer {
    app.act(&format!("/v1/tasks/{task}/replay")).await
}

async fn state(app: &App, task: Uuid) -> TaskState {
    app.get(&format!("/v1/tasks/{task}")).await.read::<Task>().state
}

async fn audit(app: &App) -> Vec<AuditEntry> {
    let page: Page<AuditEntry> = app.get("/v1/audit?limit=100").await.is(StatusCode::OK).read();
    page.items
}

#[tokio::test]
async fn a_task_is_sent_once_more_whatever_became_of_it() {
    let app = App::new().await;
    app.make_queue("q").await;
    let (good, bad) = (app.make_endpoint("q", "").await, app.make_endpoint("q", "").await);
    let task = app
        .enqueue("q", r#"{"payload":1,"type":"a","priority":7}"#)
        .await
        .id;
    app.finish_all(good.id, 204, Verdict::Delivered).await;
    app.finish_all(bad.id, 400, Verdict::Dead).await;
    assert_eq!(state(&app, task).await, TaskState::Dead);

    let replayed: TaskReplayed = replay(&app, task).await.is(StatusCode::OK).read();
    assert_eq!(replayed.task, task);
    let mut to: Vec<Uuid> = replayed.deliveries.iter().map(|made| made.endpoint).collect();
    to.sort_unstable();
    let mut both = vec![good.id, bad.id];
    both.sort_unstable();
    assert_eq!(to, both);
    assert_eq!(state(&app, task).await, TaskState::Pending);
    let letters: Page<DeadLetter> = app.get("/v1/dead-letters").await.read();
    assert!(letters.items.is_empty(), "{letters:?}");
    // What is sent is the old task, as a replay, no later than it went at first.
    let page = PageRequest {
        endpoint_id: good.id,
        cursor: Cursor::START,
        limit: 10,
        tests_only: false,
    };
    let due = app.queue.due(&[page], now()).await.unwrap();
    let (ready, _) = app.queue.load(due).await.unwrap();
    let [delivery] = ready.as_slice() else {
        panic!("{ready:?}")
    };
    assert_eq!((delivery.content.id, delivery.priority), (task, 7));
    assert_eq!(delivery.purpose, queue::Purpose::Replay(None));

    // On its way already: not another one.
    let problem = replay(&app, task).await.problem(409);
    assert!(problem.detail.contains("on its way already"), "{problem:?}");
    // Of several, only where none waits.
    app.finish_all(good.id, 204, Verdict::Delivered).await;
    let again: TaskReplayed = replay(&app, task).await.is(StatusCode::OK).read();
    let to: Vec<Uuid> = again.deliveries.iter().map(|made| made.endpoint).collect();
    assert_eq!(to, [good.id]);
    app.finish_all(good.id, 204, Verdict::Delivered).await;
    app.finish_all(bad.id, 204, Verdict::Delivered).await;
    assert_eq!(state(&app, task).await, TaskState::Delivered);
    let deliveries: Page<Delivery> = app.get(&format!("/v1/tasks/{task}/deliveries")).await.read();
    assert_eq!(deliveries.items.len(), 5, "{deliveries:?}");

    // What was cancelled can be sent as well.
    let cancelled = app.enqueue("q", r#"{"payload":2}"#).await.id;
    app.act(&format!("/v1/tasks/{cancelled}/cancel"))
        .await
        .is(StatusCode::OK);
    let replayed: TaskReplayed = replay(&app, cancelled).await.is(StatusCode::OK).read();
    assert_eq!(replayed.deliveries.len(), 2);
    assert_eq!(state(&app, cancelled).await, TaskState::Pending);

    let entries = audit(&app).await;
    let told: Vec<_> = entries
        .iter()
        .filter(|entry| entry.action == "task.replayed")
        .map(|entry| entry.subject.clone())
        .collect();
    assert_eq!(told, [cancelled.to_string(), task.to_string(), task.to_string()]);
    assert_eq!(entries[0].actor.name, "test");
    app.act(&format!("/v1/tasks/{}/replay", Uuid::max()))
        .await
        .problem(404);
}

#[tokio::test]
async fn a_task_goes_where_it_never_went_only_by_name() {
    let app = App::new().await;
    app.make_queue("q").await;
    let unmatched = app.enqueue("q", r#"{"payload":1,"type":"a"}"#).await.id;
    let problem = replay(&app, unmatched).await.problem(409);
    assert!(problem.detail.contains("name one"), "{problem:?}");
    let late = app.make_endpoint("q", "").await;
    let path = format!("/v1/tasks/{unmatched}/replay");
    let replayed: TaskReplayed = app
        .post(&path, json!({"endpoint": late.id}))
        .await
        .is(StatusCode::OK)
        .read();
    assert_eq!(replayed.deliveries[0].endpoint, late.id);
    app.finish_all(late.id, 200, Verdict::Delivered).await;
    assert_eq!(state(&app, unmatched).await, TaskState::Delivered);

    assert_eq!(
        app.post(&path, json!({"endpoint": "x"})).await.blames(400),
        ["endpoint"]
    );
    assert_eq!(app.post(&path, json!({"to": late.id})).await.blames(400), ["to"]);
    app.post(&path, json!({"endpoint": Uuid::max()}))
        .await
        .problem(404);
    app.delete(&format!("/v1/endpoints/{}", late.id))
        .await
        .is(StatusCode::NO_CONTENT);
    let problem = replay(&app, unmatched).await.problem(409);
    assert!(problem.detail.contains("are gone"), "{problem:?}");
    app.post(&path, json!({"endpoint": late.id})).await.problem(404);

    let other = app.make_endpoint("q", "").await;
    app.act(&format!("/v1/tasks/{unmatched}/expunge"))
        .await
        .is(StatusCode::OK);
    let problem = app.post(&path, json!({"endpoint": other.id})).await.problem(409);
    assert!(problem.detail.contains("expunged"), "{problem:?}");
}

#[tokio::test]
async fn two_who_replay_at_once_send_it_once() {
    let app = App::new().await;
    app.make_queue("q").await;
    let endpoint = app.make_endpoint("q", "").await;
    let task = app.enqueue("q", r#"{"payload":1}"#).await.id;
    app.finish_all(endpoint.id, 200, Verdict::Delivered).await;
    let answers = futures_util::future::join_all((0..4).map(|_| replay(&app, task))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409]);
    let deliveries: Page<Delivery> = app.get(&format!("/v1/tasks/{task}/deliveries")).await.read();
    let waiting = deliveries
        .items
        .iter()
        .filter(|d| d.state == DeliveryState::Pending);
    assert_eq!(waiting.count(), 1, "{deliveries:?}");
}

#[tokio::test]
async fn a_tenant_replays_and_finds_their_own_alone() {
    let app = App::new().await;
    for queue in ["a-orders", "b-orders"] {
        app.make_queue(queue).await;
    }
    let (own, theirs) = (
        app.make_endpoint("a-orders", "").await,
        app.make_endpoint("b-orders", "").await,
    );
    let task = app.enqueue("a-orders", r#"{"payload":1}"#).await.id;
    let stranger = app.enqueue("b-orders", r#"{"payload":1}"#).await.id;
    for endpoint in [&own, &theirs] {
        app.finish_all(endpoint.id, 200, Verdict::Delivered).await;
    }
    let new = NewKey {
        name: "a".into(),
        scopes: vec![Scope::Read, Scope::Replay],
        queues: vec!["a-*".into()],
        ..NewKey::default()
    };
    let key = make_key(&app.queue, new).await;
    let ask = async |method: Method, path: &str, body: &str| {
        app.request_without_key(method, path)
            .header("authorization", &format!("Bearer {key}"))
            .json(body)
            .send()
            .await
    };
    let post = async |path: &str, body: &str| ask(Method::POST, path, body).await;
    post(&format!("/v1/tasks/{stranger}/replay"), "{}")
        .await
        .problem(404);
    let to = format!("{{\"endpoint\":\"{}\"}}", theirs.id);
    post(&format!("/v1/tasks/{task}/replay"), &to).await.problem(404);
    post(&format!("/v1/tasks/{task}/replay"), "{}")
        .await
        .is(StatusCode::OK);
    let path = format!("/v1/queues/a-orders/tasks?endpoint={}", theirs.id);
    ask(Method::GET, &path, "").await.problem(404);
    // Whoever reaches both queues may send from one to the other, and finds it there.
    app.post(&format!("/v1/tasks/{task}/replay"), &to)
        .await
        .is(StatusCode::OK);
    let found: Page<Task> = app.get(&path).await.is(StatusCode::OK).read();
    assert_eq!(found.items.iter().map(|task| task.id).collect::<Vec<_>>(), [task]);
    // What concerns both queues is shown to nobody who reaches one.
    let entries = audit(&app).await;
    assert_eq!(entries[0].action, "task.replayed");
    assert_eq!(entries[0].endpoint, Some(theirs.id));
}

#[tokio::test]
async fn replays_are_written_down_when_they_are_begun_and_ended() {
    let app = App::new().await;
    app.make_queue("q").await;
    let endpoint = app.make_endpoint("q", "").await;
    for _ in 0..3 {
        app.enqueue("q", r#"{"payload":1}"#).await;
    }
    app.finish_all(endpoint.id, 400, Verdict::Dead).await;
    let begun: Replay = app
        .post("/v1/replays", json!({"filter": {"queue": "q"}}))
        .await
        .is(StatusCode::CREATED)
        .read();
    for step in ["pause", "resume", "cancel", "cancel"] {
        app.act(&format!("/v1/replays/{}/{step}", begun.id))
            .await
            .is(StatusCode::OK);
    }
    let letters: Page<DeadLetter> = app.get("/v1/dead-letters").await.read();
    let letter = letters.items[0].id;
    app.act(&format!("/v1/dead-letters/{letter}/replay"))
        .await
        .is(StatusCode::OK);
    app.post("/v1/dead-letters/replay", json!({"queue": "q"}))
        .await
        .is(StatusCode::OK);
    // Nothing is left: nothing is done, and nothing written down.
    app.post("/v1/dead-letters/replay", json!({"queue": "q"}))
        .await
        .is(StatusCode::OK);
    let told: Vec<(String, String)> = audit(&app)
        .await
        .into_iter()
        .filter(|entry| entry.action.contains("repla"))
        .map(|entry| (entry.action, entry.subject))
        .collect();
    let entry = |action: &str, subject: String| (action.to_owned(), subject);
    assert_eq!(
        told,
        [
            entry("dead_letters.replayed", "q".to_owned()),
            entry("dead_letters.replayed", letter.to_string()),
            entry("replay.cancelled", begun.id.to_string()),
            entry("replay.begun", begun.id.to_string()),
        ]
    );
}
