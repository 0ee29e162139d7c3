//! REST v1: the routes, and the handlers, which translate and nothing else.

use axum::{
    Extension, Router,
    extract::{Request, State},
    handler::Handler,
    response::{IntoResponse, Response},
};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub(crate) use self::metrics::open as monitoring;
use self::{docs::Docs, guard::Guard};
use crate::{
    auth,
    config::Config,
    console, openapi,
    problem::{Kind, Refusal},
    state::Gateway,
};

mod attempts;
mod audit;
mod contract;
mod dead_letters;
mod docs;
mod endpoints;
pub(crate) mod enqueue;
mod events;
mod guard;
mod health;
mod keys;
mod metrics;
mod queues;
mod replays;
mod secrets;
mod session;
mod system;
mod tasks;
mod traffic;
mod users;
mod verdicts;
mod well_known;

/// The whole REST API. [`crate::serve`] serves it; a test may call it.
pub fn router(gateway: Gateway) -> Router {
    let Routes {
        behind_key,
        open,
        docs,
        document,
    } = routes(gateway.config(), Some(&gateway));
    behind_key
        .merge(
            open.merge(docs.layer(Extension(Docs::of(&document))))
                .method_not_allowed_fallback(not_like_this),
        )
        .fallback(elsewhere)
        .with_state(gateway)
}

/// The OpenAPI document of a gateway with these limits, as it is served, but laid out for people.
pub fn document(config: &Config) -> String {
    // Texts and numbers have a form in JSON.
    routes(config, None).document.to_pretty_json().unwrap_or_default()
}

/// Every route, and the document of them, made from one list: what is not in the one is not in the other.
struct Routes {
    /// Those that want a key.
    behind_key: Router<Gateway>,
    /// Those that anyone may ask.
    open: Router<Gateway>,
    /// Those that serve the document.
    docs: Router<Gateway>,
    document: OpenApi,
}

/// Those of a gateway; without one only their document is of use.
fn routes(config: &Config, gateway: Option<&Gateway>) -> Routes {
    let kept = |time, parameters| Guard {
        keys: gateway.cloned(),
        time,
        parameters,
    };
    let anyones = Guard {
        keys: None,
        time: config.request_timeout,
        parameters: true,
    };
    let (quick, long) = (config.request_timeout, config.action_timeout);
    let requests = OpenApiRouter::new()
        .merge(queues::routes())
        .merge(endpoints::routes())
        .merge(secrets::routes())
        .merge(verdicts::routes())
        .merge(enqueue::routes())
        .merge(tasks::routes())
        .merge(dead_letters::routes())
        .merge(replays::routes())
        .merge(keys::routes())
        .merge(users::routes())
        .merge(session::routes())
        .merge(system::routes())
        .layer(kept(quick, false));
    let lists = OpenApiRouter::new()
        .merge(queues::lists())
        .merge(endpoints::lists())
        .merge(events::streams())
        .merge(tasks::lists())
        .merge(attempts::lists())
        .merge(dead_letters::lists())
        .merge(replays::lists())
        .merge(keys::lists())
        .merge(users::lists())
        .merge(audit::lists())
        .merge(traffic::lists())
        .layer(kept(quick, true));
    // Actions on many things end by themselves, later than a request may.
    let actions = OpenApiRouter::new()
        .merge(queues::actions())
        .merge(endpoints::actions())
        .merge(dead_letters::actions())
        .merge(audit::actions())
        .merge(replays::actions())
        .layer(kept(long, false));
    let node = metrics::routes().layer(kept(quick, false));
    let api = if config.health_only {
        node
    } else {
        node.merge(requests).merge(lists).merge(actions)
    };
    // Anyone may ask whether it is well, and what there is.
    let open = if config.health_only {
        health::routes()
    } else {
        health::routes().merge(well_known::routes())
    };
    let (open, of_open) = open.layer(anyones.clone()).split_for_parts();
    let docs = docs::routes().merge(contract::routes());
    let (docs, of_docs) = docs.layer(anyones).split_for_parts();
    let (behind_key, mut document) = api.split_for_parts();
    let behind_key = behind_key.method_not_allowed_fallback(not_like_this.layer(kept(quick, true)));
    document.merge(of_open);
    document.merge(of_docs);
    Routes {
        behind_key,
        open,
        docs,
        document: openapi::complete(document),
    }
}

/// Where no route leads: the console for browsers, unless this node only tells of its health; a 404 for others, if they have a key.
async fn elsewhere(State(gateway): State<Gateway>, mut request: Request) -> Response {
    if !gateway.config().health_only && console::is_meant(&request) {
        let (asked, _) = request.into_parts();
        return console::serve(&gateway, &asked).await;
    }
    match auth::find_caller(&gateway, &mut request).await {
        Ok(_) => nowhere(request).await.into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn nowhere(request: Request) -> Refusal {
    Refusal::new(
        Kind::NotFound,
        format!("There is nothing at {}.", request.uri().path()),
    )
}

async fn not_like_this(request: Request) -> Refusal {
    let detail = format!(
        "{} is not possible at {}; the header `Allow` says what is.",
        request.method(),
        request.uri().path()
    );
    Refusal::new(Kind::MethodNotAllowed, detail)
}
