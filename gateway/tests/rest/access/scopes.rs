//! Scopes: each route wants one.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use proto::Scope;
use serde_json::Value;

use super::{ROUTES, Things, key, walk};
use crate::kit::App;

const ALL: [Scope; 5] = [
    Scope::Enqueue,
    Scope::Read,
    Scope::Manage,
    Scope::Replay,
    Scope::Admin,
];

fn word(scope: Scope) -> String {
    serde_json::to_value(scope).unwrap().as_str().unwrap().to_owned()
}

/// These last: `tests/events` proves what they tell, and to whom.
const STREAMS: [&str; 2] = ["GET /v1/events read", "GET /v1/events/ws read"];

/// A route with each parameter as `{}`.
fn named(method: &str, path: &str, scope: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let part = |part: &'_ str| {
        if part.starts_with('{') {
            "{}".to_owned()
        } else {
            part.to_owned()
        }
    };
    let path: Vec<String> = path.split('/').map(part).collect();
    format!("{} {} {scope}", method.to_uppercase(), path.join("/"))
}

/// What the tests of scopes and tenants walk over is what there is, and the document names the scopes that are asked for.
#[test]
fn no_route_is_forgotten_here() {
    let document: Value = serde_json::from_str(&gateway::document(&gateway::Config::default())).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let told: BTreeSet<String> = paths
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().iter();
            methods.filter_map(move |(method, operation)| {
                let scope = operation["security"][0]["key"][0].as_str()?;
                Some(named(method, path, scope))
            })
        })
        .collect();
    let walked = ROUTES
        .iter()
        .map(|route| named(route.method, route.path, &word(route.scope)));
    let walked: BTreeSet<String> = walked.chain(STREAMS.map(str::to_owned)).collect();
    assert_eq!(walked, told);
    // What asks for no scope is for everyone, and shows nothing of anyone's; a session only one's own.
    let open: Vec<&String> = paths
        .iter()
        .filter(|(_, methods)| {
            let mut operations = methods.as_object().unwrap().values();
            operations.any(|operation| operation["security"][0]["key"][0].as_str().is_none())
        })
        .map(|(path, _)| path)
        .collect();
    assert!(
        open.iter()
            .all(|path| !path.starts_with("/v1/") || path.starts_with("/v1/session")),
        "{open:?}"
    );
}

#[tokio::test]
async fn a_route_is_open_to_its_scope_and_to_admins() {
    let app = App::new().await;
    for scope in ALL {
        let only = key(&app, &[scope], &["*"]).await;
        for route in &ROUTES {
            let answer = walk(&app, &only, route, &Things::absent()).await;
            if scope == route.scope || scope == Scope::Admin {
                assert_ne!(answer.status, StatusCode::FORBIDDEN, "{scope:?} {route:?}");
                assert!(answer.status.as_u16() < 500, "{scope:?} {route:?}");
            } else {
                let problem = answer.problem(403);
                let named = format!("`{}`", word(route.scope));
                assert!(problem.detail.contains(&named), "{route:?}: {problem:?}");
            }
        }
    }
}

#[tokio::test]
async fn all_scopes_but_one_do_not_open_its_routes() {
    let app = App::new().await;
    for missing in ALL.into_iter().filter(|scope| *scope != Scope::Admin) {
        let others: Vec<Scope> = ALL
            .into_iter()
            .filter(|scope| ![missing, Scope::Admin].contains(scope))
            .collect();
        let others = key(&app, &others, &["*"]).await;
        for route in ROUTES.iter().filter(|route| route.scope == missing) {
            walk(&app, &others, route, &Things::absent()).await.problem(403);
        }
    }
}
