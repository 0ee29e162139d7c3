//! Who may do what: scopes, tenants, keys, tokens, rates, guesses.

mod guesses;
mod keys;
mod rates;
mod routes;
mod scopes;
mod sent_on;
mod tenants;
mod tokens;

use axum::http::Method;
use proto::{NewKey, Scope};

use self::routes::Route;
pub(crate) use self::routes::{ROUTES, SOME_ID};
use crate::kit::{Answer, App, make_key};

/// A key with these rights.
async fn key(app: &App, scopes: &[Scope], queues: &[&str]) -> String {
    let new = NewKey {
        name: format!("{scopes:?} {queues:?}"),
        scopes: scopes.to_vec(),
        queues: queues.iter().map(|glob| (*glob).to_owned()).collect(),
        ..NewKey::default()
    };
    make_key(&app.queue, new).await
}

/// A request with this key or token; a body is sent as JSON.
async fn ask(app: &App, bearer: &str, method: &str, path: &str, body: Option<&str>) -> Answer {
    let method: Method = method.parse().unwrap();
    let asking = app
        .request_without_key(method, path)
        .header("authorization", &format!("Bearer {bearer}"));
    match body {
        Some(json) => asking.json(json).send().await,
        None => asking.send().await,
    }
}

/// A request of a route, whose names and ids are these.
async fn walk(app: &App, bearer: &str, route: &Route, things: &Things) -> Answer {
    let path = things.fill(route.path);
    let body = route.body.map(|body| things.fill(body));
    ask(app, bearer, route.method, &path, body.as_deref()).await
}

/// What a route's placeholders stand for.
struct Things(Vec<(&'static str, String)>);

impl Things {
    /// Names and ids that nobody has.
    fn absent() -> Self {
        let id = |name| (name, SOME_ID.to_owned());
        Self(vec![
            ("{queue}", "absent".to_owned()),
            id("{endpoint}"),
            id("{secret}"),
            id("{task}"),
            id("{delivery}"),
            id("{letter}"),
            id("{key}"),
            id("{replay}"),
            id("{user}"),
        ])
    }

    fn fill(&self, text: &str) -> String {
        let replace = |text: String, (name, thing): &(&str, String)| text.replace(name, thing);
        self.0.iter().fold(text.to_owned(), replace)
    }

    /// A text in which none of them is told from another.
    fn blur(&self, text: &str) -> String {
        let replace = |text: String, (_, thing): &(&str, String)| text.replace(thing.as_str(), "…");
        self.0.iter().fold(text.to_owned(), replace)
    }
}
