//! Every route that wants a caller.

use proto::Scope::{self, Admin, Enqueue, Manage, Read, Replay};

/// One request of it, and the scope it wants.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) body: Option<&'static str>,
    pub(crate) scope: Scope,
}

const fn get(path: &'static str, scope: Scope) -> Route {
    with("GET", path, None, scope)
}

const fn act(path: &'static str, scope: Scope) -> Route {
    with("POST", path, None, scope)
}

const fn post(path: &'static str, body: &'static str, scope: Scope) -> Route {
    with("POST", path, Some(body), scope)
}

const fn with(method: &'static str, path: &'static str, body: Option<&'static str>, scope: Scope) -> Route {
    Route {
        method,
        path,
        body,
        scope,
    }
}

/// An id that nobody has.
pub(crate) const SOME_ID: &str = "01980a3b-7c2d-7e4f-8a5b-6c7d8e9fa0b1";

/// In the order of the API; what deletes comes last of its kind.
pub(crate) const ROUTES: [Route; 74] = [
    post("/v1/queues", r#"{"name":"{queue}"}"#, Manage),
    get("/v1/queues", Read),
    get("/v1/queues/{queue}", Read),
    with(
        "PATCH",
        "/v1/queues/{queue}",
        Some(r#"{"description":"changed"}"#),
        Manage,
    ),
    act("/v1/queues/{queue}/pause", Manage),
    act("/v1/queues/{queue}/resume", Manage),
    act("/v1/queues/{queue}/purge", Manage),
    get("/v1/queues/{queue}/traffic", Read),
    post("/v1/queues/{queue}/verdict:simulate", r#"{"status":500}"#, Read),
    get("/v1/traffic", Read),
    post(
        "/v1/queues/{queue}/endpoints",
        r#"{"url":"https://example.com/more"}"#,
        Manage,
    ),
    get("/v1/queues/{queue}/endpoints", Read),
    get("/v1/endpoints/{endpoint}", Read),
    with(
        "PATCH",
        "/v1/endpoints/{endpoint}",
        Some(r#"{"url":"https://example.com/changed"}"#),
        Manage,
    ),
    act("/v1/endpoints/{endpoint}/pause", Manage),
    act("/v1/endpoints/{endpoint}/resume", Manage),
    act("/v1/endpoints/{endpoint}/disable", Manage),
    act("/v1/endpoints/{endpoint}/enable", Manage),
    act("/v1/endpoints/{endpoint}/purge", Manage),
    act("/v1/endpoints/{endpoint}/test", Manage),
    get("/v1/endpoints/{endpoint}/attempts", Read),
    get("/v1/endpoints/{endpoint}/lane", Read),
    post(
        "/v1/endpoints/{endpoint}/verdict:simulate",
        r#"{"status":500}"#,
        Read,
    ),
    get("/v1/endpoints/{endpoint}/traffic", Read),
    get("/v1/endpoints/{endpoint}/secrets", Manage),
    act("/v1/endpoints/{endpoint}/secrets", Manage),
    get("/v1/endpoints/{endpoint}/secrets/{secret}", Manage),
    with(
        "DELETE",
        "/v1/endpoints/{endpoint}/secrets/{secret}",
        None,
        Manage,
    ),
    post(
        "/v1/endpoints/{endpoint}/verify",
        r#"{"headers":{},"body":""}"#,
        Manage,
    ),
    post("/v1/queues/{queue}/tasks", r#"{"payload":1}"#, Enqueue),
    post("/v1/queues/{queue}/tasks/raw", "1", Enqueue),
    post("/v1/queues/{queue}/tasks/batch", r#"[{"payload":1}]"#, Enqueue),
    get("/v1/queues/{queue}/tasks", Read),
    get("/v1/tasks/{task}", Read),
    get("/v1/tasks/{task}/payload", Read),
    get("/v1/tasks/{task}/deliveries", Read),
    get("/v1/tasks/{task}/attempts", Read),
    act("/v1/tasks/{task}/cancel", Manage),
    act("/v1/tasks/{task}/replay", Replay),
    act("/v1/tasks/{task}/expunge", Manage),
    get("/v1/deliveries/{delivery}", Read),
    get("/v1/deliveries/{delivery}/attempts", Read),
    get("/v1/dead-letters?queue={queue}", Read),
    get("/v1/dead-letters/groups?queue={queue}", Read),
    get("/v1/dead-letters/{letter}", Read),
    act("/v1/dead-letters/{letter}/replay", Replay),
    post("/v1/dead-letters/replay", r#"{"queue":"{queue}"}"#, Replay),
    post("/v1/replays:preview", r#"{"filter":{"queue":"{queue}"}}"#, Replay),
    post("/v1/replays", r#"{"filter":{"queue":"{queue}"}}"#, Replay),
    get("/v1/replays?limit=1", Read),
    get("/v1/replays/{replay}", Read),
    act("/v1/replays/{replay}/pause", Replay),
    act("/v1/replays/{replay}/resume", Replay),
    act("/v1/replays/{replay}/cancel", Replay),
    post("/v1/dead-letters/purge", r#"{"queue":"{queue}"}"#, Manage),
    with("DELETE", "/v1/endpoints/{endpoint}", None, Manage),
    with("DELETE", "/v1/queues/{queue}", None, Manage),
    post(
        "/v1/keys",
        r#"{"name":"one more","scopes":["read"],"queues":["{queue}"]}"#,
        Admin,
    ),
    get("/v1/keys", Admin),
    get("/v1/keys/{key}", Admin),
    with("PATCH", "/v1/keys/{key}", Some(r#"{"name":"changed"}"#), Admin),
    act("/v1/keys/{key}/rotate", Admin),
    with("DELETE", "/v1/keys/{key}", None, Admin),
    post(
        "/v1/users",
        r#"{"name":"one-more","password":"an engine of analysis","role":"viewer","queues":["{queue}"]}"#,
        Admin,
    ),
    get("/v1/users", Admin),
    get("/v1/users/{user}", Admin),
    with("PATCH", "/v1/users/{user}", Some(r#"{"role":"operator"}"#), Admin),
    act("/v1/users/{user}/sign-out", Admin),
    with("DELETE", "/v1/users/{user}", None, Admin),
    get("/v1/audit", Admin),
    act("/v1/vault/rotate", Admin),
    get("/v1/storage", Admin),
    get("/v1/system", Admin),
    get("/metrics", Read),
];
