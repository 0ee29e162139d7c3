//! What stands before every route: who asks, a place among the requests under way, the time for an answer, and parameters where somebody looks
//! at them. One layer, as each costs a request some microseconds.

use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::{
    extract::Request,
    http::Method,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use tokio::sync::OwnedSemaphorePermit;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    auth,
    metrics::Asked,
    problem::{Kind, Refusal},
    query::Query,
    state::Gateway,
};

/// What holds for a group of routes.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    /// Where a key is wanted: the gateway that knows them. `None`: anyone may ask, and that is not counted and takes no place.
    pub(super) keys: Option<Gateway>,
    /// The time for an answer.
    pub(super) time: Duration,
    /// Whether they look at query parameters. Where nobody does they are refused: `/purge?type=a` would purge all types.
    pub(super) parameters: bool,
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            inner,
            guard: self.clone(),
        }
    }
}

/// A route with its guard.
#[derive(Debug, Clone)]
pub(super) struct Guarded<S> {
    inner: S,
    guard: Guard,
}

impl<S> Service<Request> for Guarded<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        // The one that is ready goes; what is left need not be.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        let guard = self.guard.clone();
        Box::pin(async move {
            let Some(gateway) = &guard.keys else {
                return Ok(guard.serve(request, inner).await);
            };
            let asked = Asked::rest(&request, Instant::now());
            let response = match let_in(gateway, &mut request).await {
                Ok(_place) => guard.serve(request, inner).await,
                Err(refusal) => refusal.into_response(),
            };
            gateway.metrics().rest(&asked, &response);
            Ok(response)
        })
    }
}

/// Lets in who has a valid key: puts the [`Caller`](crate::caller::Caller) into the request's extensions, and gives it a place.
async fn let_in(gateway: &Gateway, request: &mut Request) -> Result<Option<OwnedSemaphorePermit>, Refusal> {
    // Who signs in brings the key in the body, where its handler looks for it.
    if request.method() == Method::POST && request.uri().path() == auth::session::PATH {
        return Ok(None);
    }
    let caller = auth::find_caller(gateway, request).await?;
    // After the question who asks: strangers take nobody's place.
    let place = gateway.place()?;
    request.extensions_mut().insert(caller);
    Ok(Some(place))
}

impl Guard {
    /// Has the request answered, whatever happens in its handler.
    async fn serve<S>(&self, request: Request, mut inner: S) -> Response
    where
        S: Service<Request, Response = Response, Error = Infallible>,
    {
        if !self.parameters
            && let Err(refusal) = Query::of(request.uri()).finish()
        {
            return refusal.into_response();
        }
        let served = AssertUnwindSafe(inner.call(request)).catch_unwind();
        match tokio::time::timeout(self.time, served).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Ok(Err(never))) => match never {},
            Ok(Err(_)) => {
                // What and where was told by the panic hook.
                tracing::error!("a request's handler panicked");
                Refusal::internal().into_response()
            }
            Err(_) => {
                let seconds = self.time.as_secs_f32();
                let detail =
                    format!("It took longer than {seconds} s. Whether the request took effect is not known.");
                Refusal::new(Kind::Unavailable, detail).into_response()
            }
        }
    }
}
