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
    state::Gateway,
};

mod attempts;
mod dead_letters;
mod endpoints;
mod enqueue;
mod health;
mod queues;
mod secrets;
mod tasks;

/// The whole REST API. [`crate::serve`] serves it; a test may call it.
pub fn router(gateway: Gateway) -> Router {
    let requests = Router::new()
        .merge(queues::routes())
        .merge(endpoints::routes())
        .merge(secrets::routes())
        .merge(enqueue::routes())
        .merge(tasks::routes())
        .merge(attempts::routes())
        .merge(dead_letters::routes())
        .fallback(nowhere)
        .method_not_allowed_fallback(not_like_this)
        .layer(from_fn_with_state(gateway.config().request_timeout, in_time));
    // Actions on many things end by themselves, later than a request may.
    let actions = Router::new()
        .merge(queues::actions())
        .merge(endpoints::actions())
        .merge(dead_letters::actions())
        .method_not_allowed_fallback(not_like_this)
        .layer(from_fn_with_state(gateway.config().action_timeout, in_time));
    Router::new()
        .merge(requests)
        .merge(actions)
        .layer(from_fn_with_state(gateway.clone(), auth::require_key))
        // Anyone may ask whether it is well.
        .merge(health::routes().method_not_allowed_fallback(not_like_this))
        .with_state(gateway)
}

/// Answers by a deadline, whatever happens in the handler.
async fn in_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    let served = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(limit, served).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            // What and where was told by the panic hook.
            tracing::error!("a request's handler panicked");
            Refusal::internal().into_response()
        }
        Err(_) => {
            let detail = format!(
                "It took longer than {} s. Whether the request took effect is not known.",
                limit.as_secs_f32()
            );
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

/// Does to its end what has begun, although the caller may go away: between a statement and what follows from it lies no gap then.
async fn to_its_end<T: Send + 'static>(
    act: impl Future<Output = queue::Result<T>> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::spawn(act).await {
        Ok(done) => Ok(done?),
        Err(error) => {
            tracing::error!(%error, "an action ended early");
            Err(Refusal::internal())
        }
    }
}
