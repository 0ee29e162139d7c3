//! A tenant with one of everything, and what of it fits where in a request.

use axum::http::StatusCode;
use proto::{DeadLetter, Delivery, Key, NewKey, Page, Scope, Secret, User};
use queue::verdict::Verdict;
use serde_json::{Value, json};

use crate::{kit::App, spec::Operation};

/// What of a tenant a request may name.
#[derive(Debug, Clone)]
pub(crate) struct Things {
    pub(crate) queue: String,
    pub(crate) endpoint: String,
    pub(crate) secret: String,
    pub(crate) task: String,
    pub(crate) delivery: String,
    pub(crate) dead_letter: String,
    pub(crate) key: String,
    pub(crate) replay: String,
    pub(crate) user: String,
    pub(crate) kind: String,
}

/// Texts that nobody but the tenant may ever be shown, whatever they ask for.
pub(crate) const PRIVATE: [&str; 5] = [
    "zebra-payload",
    "zebra.example",
    "zebra-note",
    "zebra-header",
    "zebra.kind",
];

impl Things {
    /// Makes one of everything for the tenant whose queues begin with `prefix`.
    pub(crate) async fn make(app: &App, prefix: &str) -> Self {
        let queue = format!("{prefix}-orders");
        let new = json!({"name": queue, "description": "zebra-note"});
        app.post("/v1/queues", new).await.is(StatusCode::CREATED);
        let new = json!({"url": "https://zebra.example/hook", "description": "zebra-note", "headers": {"x-a": "zebra-header"}});
        let endpoint: proto::Endpoint = app
            .post(&format!("/v1/queues/{queue}/endpoints"), new)
            .await
            .is(StatusCode::CREATED)
            .read();
        let task =
            json!({"type": "zebra.kind", "payload": "zebra-payload", "headers": {"x-b": "zebra-header"}});
        app.enqueue(&queue, &task).await;
        assert_eq!(app.finish_all(endpoint.id, 500, Verdict::Dead).await, 1);
        let letters: Page<DeadLetter> = app.get(&format!("/v1/dead-letters?queue={queue}")).await.read();
        let task = app.enqueue(&queue, &task).await;
        let deliveries: Page<Delivery> = app.get(&format!("/v1/tasks/{}/deliveries", task.id)).await.read();
        let secrets: Page<Secret> = app
            .get(&format!("/v1/endpoints/{}/secrets", endpoint.id))
            .await
            .read();
        let new = NewKey {
            name: "zebra-note".into(),
            scopes: vec![Scope::Admin],
            queues: vec![format!("{prefix}-*")],
            ..NewKey::default()
        };
        let key: Key = app
            .post("/v1/keys", serde_json::to_string(&new).unwrap())
            .await
            .is(StatusCode::CREATED)
            .read();
        let new = json!({"name": format!("{prefix}-user"), "password": "an engine of analysis", "role": "admin", "queues": [format!("{prefix}-*")]});
        let user: User = app.post("/v1/users", new).await.is(StatusCode::CREATED).read();
        let new = json!({"filter": {"queue": queue, "error": "zebra-note"}, "target": endpoint.id});
        let replay: proto::Replay = app.post("/v1/replays", new).await.is(StatusCode::CREATED).read();
        Self {
            queue,
            endpoint: endpoint.id.to_string(),
            secret: secrets.items[0].id.to_string(),
            task: task.id.to_string(),
            delivery: deliveries.items[0].id.to_string(),
            dead_letter: letters.items[0].id.to_string(),
            key: key.id.to_string(),
            replay: replay.id.to_string(),
            user: user.id.to_string(),
            kind: "zebra.kind".into(),
        }
    }

    /// Things of the same form that nobody has.
    pub(crate) fn of_nobody(&self) -> Self {
        // One bit of the random part is another.
        let other = |id: &str| {
            let mut id: uuid::Uuid = id.parse().unwrap();
            id = uuid::Uuid::from_u128(id.as_u128() ^ 1);
            id.to_string()
        };
        Self {
            queue: format!("{}z", &self.queue[..self.queue.len() - 1]),
            endpoint: other(&self.endpoint),
            secret: other(&self.secret),
            task: other(&self.task),
            delivery: other(&self.delivery),
            dead_letter: other(&self.dead_letter),
            key: other(&self.key),
            replay: other(&self.replay),
            user: other(&self.user),
            kind: "nobody.kin".into(),
        }
    }

    fn each(&self) -> [&String; 10] {
        [
            &self.queue,
            &self.endpoint,
            &self.secret,
            &self.task,
            &self.delivery,
            &self.dead_letter,
            &self.key,
            &self.replay,
            &self.user,
            &self.kind,
        ]
    }

    /// A text with each of these replaced by the other's.
    pub(crate) fn replaced(&self, by: &Self, text: &str) -> String {
        let pairs = self.each().into_iter().zip(by.each());
        pairs.fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    }

    /// The path of an operation, about these things.
    ///
    /// # Panics
    /// If it has a parameter that nobody told here how to fill.
    pub(crate) fn path(&self, operation: &Operation) -> String {
        let id = match operation.path.split('/').nth(2).unwrap_or_default() {
            "endpoints" => &self.endpoint,
            "tasks" => &self.task,
            "deliveries" => &self.delivery,
            "dead-letters" => &self.dead_letter,
            "keys" => &self.key,
            "replays" => &self.replay,
            "users" => &self.user,
            // No other has an id.
            _ => "{id}",
        };
        let path = operation
            .path
            .replace("{queue}", &self.queue)
            .replace("{id}", id)
            .replace("{secret}", &self.secret);
        assert!(
            !path.contains('{'),
            "{}: tell here what goes into its path",
            operation.name()
        );
        path
    }

    /// The queries of an operation, about these things: none, and one for each parameter that can name any.
    ///
    /// # Panics
    /// If it has a parameter that nobody told here how to fill.
    pub(crate) fn queries(&self, operation: &Operation) -> Vec<String> {
        let mut queries = vec![String::new()];
        for parameter in operation.spec["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            let value: &str = match (parameter["in"].as_str().unwrap(), name) {
                ("path" | "header", _)
                | (
                    "query",
                    "limit" | "page" | "since" | "until" | "step" | "state" | "status" | "failure" | "after",
                ) => continue,
                ("query", "queue") => &self.queue,
                ("query", "endpoint") => &self.endpoint,
                ("query", "task") => &self.task,
                ("query", "type") => &self.kind,
                ("query", "header") => "x-b",
                (place, name) => panic!(
                    "{}: tell here what goes into `{name}` in its {place}",
                    operation.name()
                ),
            };
            queries.push(format!("?{name}={value}"));
        }
        queries
    }

    /// The bodies of an operation, about these things, with their media types; one that is empty if it takes none.
    pub(crate) fn bodies(&self, operation: &Operation) -> Vec<(&'static str, Vec<u8>)> {
        let Some(content) = operation.spec["requestBody"]["content"].as_object() else {
            return vec![("", vec![])];
        };
        let (media_type, media) = content.iter().next().unwrap();
        let schema = media["schema"]["$ref"]
            .as_str()
            .map_or("", |reference| reference.rsplit_once('/').unwrap().1);
        let own: Vec<Value> = match schema {
            "NewQueue" => vec![json!({"name": format!("{}-2", self.queue)})],
            "NewKey" => vec![
                json!({"name": "taken", "scopes": ["read"], "queues": [&self.queue]}),
                json!({"name": "taken", "scopes": ["read"], "queues": ["*"]}),
            ],
            "NewUser" => [&self.queue, "*"]
                .into_iter()
                .map(|glob| {
                    json!({"name": "taken", "password": "an engine of analysis", "role": "viewer", "queues": [glob]})
                })
                .collect(),
            "DeadLetterFilter" => vec![
                json!({}),
                json!({"queue": self.queue}),
                json!({"endpoint": self.endpoint}),
                json!({"type": self.kind}),
            ],
            "ReplayTask" => vec![json!({}), json!({"endpoint": self.endpoint})],
            "NewReplay" => vec![
                json!({"filter": {}}),
                json!({"filter": {"queue": self.queue}}),
                json!({"filter": {"endpoint": self.endpoint}}),
                json!({"filter": {"state": "delivered"}}),
                json!({"filter": {}, "target": self.endpoint}),
            ],
            // About something in the path: whatever works on what is one's own.
            _ => return operation.bodies(),
        };
        own.into_iter()
            .map(|body| (media_type.as_str(), body.to_string().into_bytes()))
            .collect()
    }
}
