//! Scopes: each route wants one.

use axum::http::StatusCode;
use proto::Scope;

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
