//! What was sent on from a tenant's queue to another one's endpoint: who reaches one of the two replays nothing of it.

use std::time::Duration;

use axum::http::StatusCode;
use proto::{Count, DeadLetter, Page, Replay, ReplayPreview, ReplayStatus, Scope, TaskReplayed};
use queue::{replays::Runner, verdict::Verdict};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ask, key};
use crate::kit::{Answer, App, now};

/// Longer than anything here takes, on any machine.
const FOREVER: Duration = Duration::from_secs(20);

/// Two tenants with an endpoint each, and a task of the first that was sent on to the second one's and is a dead letter of both endpoints.
struct Tenants {
    app: App,
    ours: Uuid,
    theirs: Uuid,
    task: Uuid,
}

impl Tenants {
    async fn furnish() -> Self {
        let app = App::new().await;
        for queue in ["a-1", "b-1"] {
            app.make_queue(queue).await;
        }
        let (ours, theirs) = (
            app.make_endpoint("a-1", "").await.id,
            app.make_endpoint("b-1", "").await.id,
        );
        let task = app.enqueue("a-1", r#"{"payload":"of a"}"#).await.id;
        app.finish_all(ours, 400, Verdict::Dead).await;
        app.post(&format!("/v1/tasks/{task}/replay"), json!({"endpoint": theirs}))
            .await
            .is(StatusCode::OK);
        assert_eq!(app.finish_all(theirs, 400, Verdict::Dead).await, 1);
        Self {
            app,
            ours,
            theirs,
            task,
        }
    }

    /// A key that replays in these queues.
    async fn key(&self, queues: &[&str]) -> String {
        key(&self.app, &[Scope::Read, Scope::Replay], queues).await
    }

    async fn post(&self, bearer: &str, path: &str, body: &Value) -> Answer {
        ask(&self.app, bearer, "POST", path, Some(&body.to_string())).await
    }

    async fn preview(&self, bearer: &str, new: &Value) -> u64 {
        let answer = self.post(bearer, "/v1/replays:preview", new).await;
        answer.is(StatusCode::OK).read::<ReplayPreview>().count
    }

    /// Begins a replay, works on it until it has ended, and tells how many deliveries it made.
    async fn replay(&self, bearer: &str, new: &Value) -> u64 {
        let begun: Replay = self
            .post(bearer, "/v1/replays", new)
            .await
            .is(StatusCode::CREATED)
            .read();
        let mut runner = Runner::new(self.app.queue.clone(), self.app.queue.mint(now()));
        let path = format!("/v1/replays/{}", begun.id);
        let ended = async {
            loop {
                let report = runner.run_once(now()).await.unwrap();
                let replay: Replay = self.app.get(&path).await.read();
                if replay.status == ReplayStatus::Done {
                    break replay.done;
                }
                tokio::time::sleep(report.pause).await;
            }
        };
        tokio::time::timeout(FOREVER, ended).await.expect("it ends")
    }

    /// The dead letter of what was for an endpoint.
    async fn letter(&self, endpoint: Uuid) -> Option<DeadLetter> {
        let path = format!("/v1/dead-letters?endpoint={endpoint}");
        let letters: Page<DeadLetter> = self.app.get(&path).await.is(StatusCode::OK).read();
        letters.items.into_iter().next()
    }

    /// Takes what waits at an endpoint, which refuses it for good; how many that were.
    async fn refuse(&self, endpoint: Uuid) -> usize {
        self.app.finish_all(endpoint, 400, Verdict::Dead).await
    }
}

#[tokio::test]
async fn whoever_reaches_the_tasks_sends_nothing_to_where_they_were_sent_on() {
    let tenants = Tenants::furnish().await;
    let key = tenants.key(&["a-*"]).await;
    let path = format!("/v1/tasks/{}/replay", tenants.task);
    let answer = ask(&tenants.app, &key, "POST", &path, None).await;
    let replayed: TaskReplayed = answer.is(StatusCode::OK).read();
    let to: Vec<Uuid> = replayed.deliveries.iter().map(|made| made.endpoint).collect();
    assert_eq!(to, [tenants.ours]);
    assert_eq!(tenants.refuse(tenants.ours).await, 1);

    let letter = tenants.letter(tenants.theirs).await.unwrap();
    let path = format!("/v1/dead-letters/{}/replay", letter.id);
    let refused = ask(&tenants.app, &key, "POST", &path, None).await.problem(409);
    assert!(refused.detail.contains("endpoint is gone"), "{refused:?}");

    for filter in [json!({"queue": "a-1"}), json!({})] {
        let answer = tenants.post(&key, "/v1/dead-letters/replay", &filter).await;
        assert_eq!(answer.is(StatusCode::OK).read::<Count>().count, 1, "{filter}");
        assert_eq!(tenants.refuse(tenants.ours).await, 1);
        let new = json!({"filter": filter});
        assert_eq!(tenants.preview(&key, &new).await, 1, "{filter}");
        assert_eq!(tenants.replay(&key, &new).await, 1, "{filter}");
        assert_eq!(tenants.refuse(tenants.ours).await, 1);
    }
    assert_eq!(tenants.refuse(tenants.theirs).await, 0);
    assert_eq!(tenants.letter(tenants.theirs).await, Some(letter));
    // To an endpoint of their own they send all that is of their queue.
    let new = json!({"filter": {"queue": "a-1"}, "target": tenants.ours});
    assert_eq!(tenants.preview(&key, &new).await, 2);
}

#[tokio::test]
async fn whoever_reaches_the_endpoint_touches_no_task_that_was_sent_on_to_it() {
    let tenants = Tenants::furnish().await;
    let key = tenants.key(&["b-*"]).await;
    let (theirs, other) = (
        tenants.theirs,
        tenants.app.make_endpoint("b-1", r#""other""#).await.id,
    );
    for (filter, target) in [
        (json!({"endpoint": theirs}), None),
        (json!({"endpoint": theirs}), Some(other)),
        (json!({"endpoint": theirs, "queue": "b-1"}), None),
        (json!({}), Some(other)),
        (json!({}), None),
    ] {
        let mut new = json!({"filter": filter});
        if let Some(target) = target {
            new["target"] = json!(target);
        }
        assert_eq!(tenants.preview(&key, &new).await, 0, "{new}");
        assert_eq!(tenants.replay(&key, &new).await, 0, "{new}");
    }
    assert_eq!(
        (tenants.refuse(theirs).await, tenants.refuse(other).await),
        (0, 0)
    );
    // Their own dead letter is theirs to replay.
    tenants.app.enqueue("b-1", r#"{"payload":"of b"}"#).await;
    assert_eq!(tenants.refuse(theirs).await, 1);
    let new = json!({"filter": {"endpoint": theirs}});
    assert_eq!(tenants.preview(&key, &new).await, 1);
    assert_eq!(tenants.replay(&key, &new).await, 1);
    assert_eq!(tenants.refuse(theirs).await, 1);
    // Whoever reaches both queues replays both, by whichever it is named.
    let both = tenants.key(&["a-*", "b-*"]).await;
    for (new, count) in [
        (json!({"filter": {}}), 3),
        (json!({"filter": {"queue": "a-1"}}), 2),
        (json!({"filter": {"endpoint": theirs}, "target": tenants.ours}), 2),
    ] {
        assert_eq!(tenants.preview(&both, &new).await, count, "{new}");
    }
    let new = json!({"filter": {"endpoint": theirs}});
    assert_eq!(tenants.preview(&both, &new).await, 2);
    assert_eq!(tenants.replay(&both, &new).await, 2);
}

#[tokio::test]
async fn what_was_sent_on_and_delivered_is_replayed_by_who_reaches_its_queue() {
    let tenants = Tenants::furnish().await;
    let path = format!("/v1/tasks/{}/replay", tenants.task);
    let to = json!({"endpoint": tenants.theirs});
    tenants.app.post(&path, &to).await.is(StatusCode::OK);
    let delivered = Verdict::Delivered;
    assert_eq!(
        tenants
            .app
            .finish_all(tenants.theirs, 200, delivered.clone())
            .await,
        1
    );
    let new = json!({"filter": {"state": "delivered", "endpoint": tenants.theirs}});
    let key = tenants.key(&["b-*"]).await;
    assert_eq!(tenants.preview(&key, &new).await, 0);
    tenants.app.enqueue("b-1", r#"{"payload":"of b"}"#).await;
    tenants.app.finish_all(tenants.theirs, 200, delivered).await;
    assert_eq!(tenants.preview(&key, &new).await, 1);
    let everything = json!({"filter": {"state": "delivered"}});
    let all = tenants.key(&["*"]).await;
    assert_eq!(tenants.preview(&all, &everything).await, 2);
}
