//! REST v1: the routes, and the handlers, which translate and nothing else.

use std::{panic::AssertUnwindSafe, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;

use crate::{
    auth,
    problem::{Kind, Refusal},
    query::Query,
    state::Gateway,
};

mod attempts;
mod dead_letters;
mod endpoints;
mod enqueue;
mod health;
mod keys;
mod queues;
mod secrets;
mod tasks;

/// The whole REST API. [`crate::serve`] serves it; a test may call it.
pub fn router(gateway: Gateway) -> Router {
    let (quick, long) = (gateway.config().request_timeout, gateway.config().action_timeout);
    let requests = Router::new()
        .merge(queues::routes())
        .merge(endpoints::routes())
        .merge(secrets::routes())
        .merge(enqueue::routes())
        .merge(tasks::routes())
        .merge(dead_letters::routes())
        .merge(keys::routes())
        .layer(from_fn_with_state(
            Rule {
                time: quick,
                parameters: false,
            },
            keep,
        ));
    let lists = Router::new()
        .merge(queues::lists())
        .merge(endpoints::lists())
        .merge(tasks::lists())
        .merge(attempts::lists())
        .merge(dead_letters::lists())
        .merge(keys::lists())
        .layer(from_fn_with_state(
            Rule {
                time: quick,
                parameters: true,
            },
            keep,
        ));
    // Actions on many things end by themselves, later than a request may.
    let actions = Router::new()
        .merge(queues::actions())
        .merge(endpoints::actions())
        .merge(dead_letters::actions())
        .layer(from_fn_with_state(
            Rule {
                time: long,
                parameters: false,
            },
            keep,
        ));
    // Anyone may ask whether it is well.
    let health = health::routes().layer(from_fn_with_state(
        Rule {
            time: quick,
            parameters: true,
        },
        keep,
    ));
    let api = if gateway.config().health_only {
        Router::new()
    } else {
        Router::new().merge(requests).merge(lists).merge(actions)
    };
    api.fallback(nowhere)
        .method_not_allowed_fallback(not_like_this)
        .layer(from_fn_with_state(gateway.clone(), auth::require_caller))
        .merge(health.method_not_allowed_fallback(not_like_this))
        .with_state(gateway)
}

/// What holds for a group of routes.
#[derive(Debug, Clone, Copy)]
struct Rule {
    /// The time for an answer.
    time: Duration,
    /// Whether they look at query parameters. Where nobody does they are refused: `/purge?type=a` would purge all types.
    parameters: bool,
}

/// Keeps a rule, and answers whatever happens in the handler.
async fn keep(State(rule): State<Rule>, request: Request, next: Next) -> Response {
    if !rule.parameters
        && let Err(refusal) = Query::of(request.uri()).finish()
    {
        return refusal.into_response();
    }
    let served = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(rule.time, served).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            // What and where was told by the panic hook.
            tracing::error!("a request's handler panicked");
            Refusal::internal().into_response()
        }
        Err(_) => {
            let seconds = rule.time.as_secs_f32();
            let detail =
                format!("It took longer than {seconds} s. Whether the request took effect is not known.");
            Refusal::new(Kind::Unavailable, detail).into_response()
        }
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
