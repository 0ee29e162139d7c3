//! Tenants: what belongs to one is for another not there.

use axum::http::StatusCode;
use gateway::auth::jwt;
use proto::{
    Attempt, Count, DeadLetter, DeadLetterGroups, Delivery, Endpoint, Key, Page, Queue, Replay, Scope,
    Secret, Task, User,
};
use queue::verdict::Verdict;
use serde_json::Value;

use super::{ROUTES, SOME_ID, Things, ask, key, tokens, walk};
use crate::kit::App;

const EVERYTHING: [Scope; 5] = [
    Scope::Enqueue,
    Scope::Read,
    Scope::Manage,
    Scope::Replay,
    Scope::Admin,
];

/// A queue of a tenant, with one of everything in it.
async fn furnish(app: &App, queue: &str) -> Things {
    app.make_queue(queue).await;
    let endpoint = app.make_endpoint(queue, "").await;
    let task = app
        .enqueue(queue, r#"{"payload":{"secret":"of a tenant"}}"#)
        .await
        .id;
    app.finish_all(endpoint.id, 404, Verdict::Dead).await;
    let deliveries: Page<Delivery> = app.get(&format!("/v1/tasks/{task}/deliveries")).await.read();
    let secrets: Page<Secret> = app
        .get(&format!("/v1/endpoints/{}/secrets", endpoint.id))
        .await
        .read();
    let of_tenant = format!(r#"{{"name":"of {queue}","scopes":["read"],"queues":["{queue}"]}}"#);
    let key: Key = app
        .post("/v1/keys", of_tenant)
        .await
        .is(StatusCode::CREATED)
        .read();
    let of_tenant = format!(
        r#"{{"name":"of-{queue}","password":"an engine of analysis","role":"viewer","queues":["{queue}"]}}"#
    );
    let user: User = app
        .post("/v1/users", of_tenant)
        .await
        .is(StatusCode::CREATED)
        .read();
    let all_of_it = format!(r#"{{"filter":{{"queue":"{queue}"}}}}"#);
    let replay: Replay = app
        .post("/v1/replays", all_of_it)
        .await
        .is(StatusCode::CREATED)
        .read();
    Things(vec![
        ("{queue}", queue.to_owned()),
        ("{endpoint}", endpoint.id.to_string()),
        ("{secret}", secrets.items[0].id.to_string()),
        ("{task}", task.to_string()),
        ("{letter}", deliveries.items[0].id.to_string()),
        ("{delivery}", deliveries.items[0].id.to_string()),
        ("{key}", key.id.to_string()),
        ("{replay}", replay.id.to_string()),
        ("{user}", user.id.to_string()),
    ])
}

/// Everything that is there, as an admin of all sees it, without what a list happens to count.
async fn look_around(app: &App, queue: &str, things: &Things) -> Vec<Value> {
    let mut seen = vec![];
    for path in [
        "/v1/queues/{queue}",
        "/v1/queues/{queue}/tasks",
        "/v1/queues/{queue}/endpoints",
        "/v1/endpoints/{endpoint}",
        "/v1/endpoints/{endpoint}/secrets",
        "/v1/endpoints/{endpoint}/attempts",
        "/v1/tasks/{task}",
        "/v1/tasks/{task}/deliveries",
        "/v1/dead-letters/{letter}",
        "/v1/keys/{key}",
        "/v1/replays/{replay}",
        "/v1/users/{user}",
    ] {
        seen.push(app.get(&things.fill(path)).await.is(StatusCode::OK).json());
    }
    let letters = app.get(&format!("/v1/dead-letters?queue={queue}")).await;
    seen.push(letters.is(StatusCode::OK).json());
    seen
}

/// Walks over every route with a stranger's things, and with things that nobody has: no answer may tell one from the other.
async fn is_blind(app: &App, bearer: &str, theirs: &Things) {
    let nobodys = Things::absent();
    for route in &ROUTES {
        let (seen, absent) = (
            walk(app, bearer, route, theirs).await,
            walk(app, bearer, route, &nobodys).await,
        );
        assert_eq!(seen.status, absent.status, "{route:?}");
        let text = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
        assert_eq!(
            theirs.blur(&text(&seen.body)),
            nobodys.blur(&text(&absent.body)),
            "{route:?}"
        );
        let names_something = route.path.contains('{') || route.body.is_some();
        assert!(
            !names_something || matches!(seen.status.as_u16(), 403 | 404),
            "{route:?}: {}",
            seen.status
        );
    }
}

#[tokio::test]
async fn no_route_shows_or_touches_what_another_tenant_has() {
    let app = App::new().await;
    let theirs = furnish(&app, "a-queue").await;
    let before = look_around(&app, "a-queue", &theirs).await;
    let by_key = key(&app, &EVERYTHING, &["b-*", "shared"]).await;
    is_blind(&app, &by_key, &theirs).await;
    app.gateway
        .accept_tokens(vec![tokens::issuer(jwt::Algorithm::Hs256)]);
    let by_token = tokens::token(&serde_json::json!({"scope": "admin", "queues": ["b-*"]}));
    is_blind(&app, &by_token, &theirs).await;
    assert_eq!(look_around(&app, "a-queue", &theirs).await, before);
}

#[tokio::test]
async fn lists_and_actions_hold_what_a_tenant_has_and_nothing_else() {
    let app = App::new().await;
    let theirs = furnish(&app, "a-queue").await;
    furnish(&app, "b-1").await;
    furnish(&app, "a-2").await;
    furnish(&app, "b-2").await;
    let ours = key(&app, &EVERYTHING, &["b-*"]).await;
    let get = |path: &'static str| {
        let (app, ours) = (&app, &ours);
        async move { ask(app, ours, "GET", path, None).await.is(StatusCode::OK) }
    };
    // One at a time: a page is full although what lies between is another's.
    let mut names = vec![];
    let mut path = "/v1/queues?limit=1".to_owned();
    loop {
        let page: Page<Queue> = ask(&app, &ours, "GET", &path, None).await.read();
        names.extend(page.items.into_iter().map(|queue| queue.name));
        let Some(next) = page.next_page else { break };
        path = format!("/v1/queues?limit=1&page={next}");
    }
    assert_eq!(names, ["b-1", "b-2"]);
    let mut queues = vec![];
    let mut path = "/v1/dead-letters?limit=1".to_owned();
    loop {
        let page: Page<DeadLetter> = ask(&app, &ours, "GET", &path, None).await.read();
        queues.extend(page.items.into_iter().map(|letter| letter.queue));
        let Some(next) = page.next_page else { break };
        path = format!("/v1/dead-letters?limit=1&page={next}");
    }
    assert_eq!(queues, ["b-2", "b-1"]);
    let groups: DeadLetterGroups = get("/v1/dead-letters/groups").await.read();
    let mut queues: Vec<_> = groups.groups.into_iter().map(|group| group.queue).collect();
    queues.sort_unstable();
    assert_eq!(
        (groups.count, queues),
        (2, vec!["b-1".to_owned(), "b-2".to_owned()])
    );
    let path = theirs.fill("/v1/dead-letters/groups?endpoint={endpoint}");
    let groups: DeadLetterGroups = ask(&app, &ours, "GET", &path, None).await.read();
    assert_eq!((groups.count, groups.groups), (0, vec![]));
    let keys: Page<Key> = get("/v1/keys").await.read();
    let patterns: Vec<_> = keys.items.into_iter().flat_map(|key| key.queues).collect();
    assert_eq!(patterns, ["b-1", "b-2", "b-*"]);
    let endpoints: Page<Endpoint> = get("/v1/queues/b-1/endpoints").await.read();
    let tasks: Page<Task> = get("/v1/queues/b-1/tasks").await.read();
    assert_eq!((endpoints.items.len(), tasks.items.len()), (1, 1));

    // A filter that names another's endpoint means none of ours.
    let elsewhere = theirs.fill(r#"{"endpoint":"{endpoint}"}"#);
    for (path, filter, expected) in [
        ("/v1/dead-letters/replay", elsewhere.as_str(), 0),
        ("/v1/dead-letters/replay", r#"{"queue":"b-1"}"#, 1),
        ("/v1/dead-letters/purge", elsewhere.as_str(), 0),
        ("/v1/dead-letters/purge", "{}", 1),
        ("/v1/dead-letters/replay", "{}", 0),
    ] {
        let done: Count = ask(&app, &ours, "POST", path, Some(filter)).await.read();
        assert_eq!(done.count, expected, "{path} {filter}");
    }
    let left: Page<DeadLetter> = app.get("/v1/dead-letters").await.read();
    let left: Vec<_> = left.items.into_iter().map(|letter| letter.queue).collect();
    assert_eq!(left, ["a-2", "a-queue"]);
}

#[tokio::test]
async fn a_tenant_has_the_run_of_what_is_theirs() {
    let app = App::new().await;
    let ours = key(&app, &EVERYTHING, &["b-*"]).await;
    // As an admin of b-*, they make everything themselves.
    let made = ask(&app, &ours, "POST", "/v1/queues", Some(r#"{"name":"b-new"}"#)).await;
    made.is(StatusCode::CREATED);
    let refused = ask(&app, &ours, "POST", "/v1/queues", Some(r#"{"name":"bb"}"#)).await;
    assert!(refused.problem(403).detail.contains("b-*"));
    let things = furnish(&app, "b-1").await;
    let attempts: Page<Attempt> = ask(
        &app,
        &ours,
        "GET",
        &things.fill("/v1/deliveries/{delivery}/attempts"),
        None,
    )
    .await
    .read();
    assert_eq!(attempts.items.len(), 1);
    for route in &ROUTES {
        // Made above; and what concerns every tenant at once.
        let of_all = ["/v1/vault/rotate", "/v1/storage", "/v1/system"];
        if (route.path == "/v1/queues" && route.method == "POST") || of_all.contains(&route.path) {
            continue;
        }
        let answer = walk(&app, &ours, route, &things).await;
        // Each does what it is for, or cannot because of what was done before.
        assert!(
            answer.status.is_success()
                || matches!(answer.status.as_u16(), 404 | 409)
                    && ["letter", "DELETE", "rotate"]
                        .iter()
                        .any(|late| route.path.contains(late) || route.method == *late),
            "{route:?}: {} {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
    }
}

#[tokio::test]
async fn what_a_deleted_queue_held_is_still_its_tenants() {
    let app = App::new().await;
    let things = furnish(&app, "b-1").await;
    app.delete("/v1/queues/b-1").await.is(StatusCode::NO_CONTENT);
    let [ours, theirs] = [
        key(&app, &[Scope::Read], &["b-*"]).await,
        key(&app, &[Scope::Read], &["a-*"]).await,
    ];
    let path = things.fill("/v1/tasks/{task}");
    let task: Task = ask(&app, &ours, "GET", &path, None)
        .await
        .is(StatusCode::OK)
        .read();
    assert_eq!(task.queue, "b-1");
    let refused = ask(&app, &theirs, "GET", &path, None).await.problem(404);
    assert!(!refused.detail.contains(SOME_ID));
}
