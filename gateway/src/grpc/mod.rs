//! gRPC: the services of `proto/posthaste/v1`, over the same path as REST. They translate, and nothing else: what is done, and who may
//! do it, is `acting`'s.
//!
//! The cast:
//! - `router`: the services as one list, and `calls`: what holds for every call, from its key to its deadline.
//! - `tasks`, `queues`, `endpoints`, `dead_letters`, `replays`, `keys`, `events`: a service each. `stream`: tasks in, acknowledgements out.
//! - `wire`: from messages to the product's types and back. `status`: what one is told when a call is not fulfilled.
//! - `meter`, `deadline`: what a message may take of memory and time, and how long a caller waits.
//! - `health`, `reflection`: for load balancers, and for tools that know no `.proto` file.

mod audit;
mod calls;
mod dead_letters;
mod deadline;
mod endpoints;
mod events;
mod health;
mod keys;
mod meter;
mod overview;
mod queues;
mod reflection;
mod replays;
mod status;
mod stream;
mod system;
mod tasks;
mod wire;

use std::convert::Infallible;

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, Version, header},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
};
use proto::grpc::v1::{
    audit_service_server::AuditServiceServer, dead_letter_service_server::DeadLetterServiceServer,
    endpoint_service_server::EndpointServiceServer, event_service_server::EventServiceServer,
    key_service_server::KeyServiceServer, overview_service_server::OverviewServiceServer,
    queue_service_server::QueueServiceServer, replay_service_server::ReplayServiceServer,
    system_service_server::SystemServiceServer, task_service_server::TaskServiceServer,
};
use tonic::{Status, codec::CompressionEncoding, server::NamedService};
use tower_service::Service;

pub(crate) use self::wire::tasks::read as read_task;
use crate::{
    acting::Acting,
    caller::Caller,
    problem::{Kind, Refusal},
    state::Gateway,
};

/// A service with what holds for all of ours: its limit, and gzip both ways.
macro_rules! served {
    ($server:ident, $service:expr, $limit:expr) => {
        $server::new($service)
            .max_decoding_message_size($limit)
            .accept_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Gzip)
    };
}

/// Adds a service under its name.
#[allow(
    clippy::disallowed_methods,
    reason = "these are described by their .proto files, not by the OpenAPI document"
)]
fn serve<S>(router: Router, service: S) -> Router
where
    S: NamedService + Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    router.route_service(&format!("/{}/{{*method}}", S::NAME), service)
}

/// The whole gRPC API.
pub(crate) fn router(gateway: &Gateway) -> Router {
    // What a message may be, each method's own limit apart, which the meter keeps: the codec's limit bounds what gzip unfolds.
    let (small, batch) = (
        gateway.config().request_max_bytes,
        gateway.config().message_max_bytes(),
    );
    let mut api = Router::new();
    if !gateway.config().health_only {
        api = serve(
            api,
            served!(TaskServiceServer, tasks::Tasks(gateway.clone()), batch),
        );
        api = serve(
            api,
            served!(QueueServiceServer, queues::Queues(gateway.clone()), small),
        );
        api = serve(
            api,
            served!(
                EndpointServiceServer,
                endpoints::Endpoints(gateway.clone()),
                small
            ),
        );
        api = serve(
            api,
            served!(
                DeadLetterServiceServer,
                dead_letters::DeadLetters(gateway.clone()),
                small
            ),
        );
        api = serve(
            api,
            served!(ReplayServiceServer, replays::Replays(gateway.clone()), small),
        );
        api = serve(
            api,
            served!(OverviewServiceServer, overview::Overviews(gateway.clone()), small),
        );
        api = serve(
            api,
            served!(EventServiceServer, events::Events(gateway.clone()), small),
        );
        api = serve(api, served!(KeyServiceServer, keys::Keys(gateway.clone()), small));
        api = serve(
            api,
            served!(AuditServiceServer, audit::Audit(gateway.clone()), small),
        );
        api = serve(
            api,
            served!(SystemServiceServer, system::System(gateway.clone()), small),
        );
        api = api.layer(from_fn_with_state(gateway.clone(), calls::require_caller));
    }
    // Anyone may ask whether it is well, and what there is.
    let mut open = serve(Router::new(), health::service(gateway.clone()));
    match (reflection::v1(), reflection::v1alpha()) {
        (Ok(v1), Ok(v1alpha)) => {
            open = serve(open, v1);
            open = serve(open, v1alpha);
        }
        // The descriptors are compiled in, and a test reads them.
        (Err(error), _) | (_, Err(error)) => tracing::error!(%error, "there is no reflection"),
    }
    api.merge(open)
        .fallback(nowhere)
        .layer(from_fn_with_state(gateway.clone(), calls::keep))
}

/// Whether a request is a call. Those of gRPC-Web, which is another protocol, are none.
pub(crate) fn is_call<B>(request: &axum::http::Request<B>) -> bool {
    request.version() == Version::HTTP_2 && is_grpc(request.headers())
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let value = headers
        .get(header::CONTENT_TYPE)
        .map(header::HeaderValue::as_bytes);
    let rest = value.and_then(|value| value.strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// What is answered to a request that is no call, where nothing else is understood.
pub(crate) fn no_call() -> Refusal {
    Refusal::of_field(
        Kind::UnsupportedMediaType,
        "content-type",
        "this port speaks gRPC: application/grpc over HTTP/2; REST has a port of its own",
    )
}

async fn nowhere(request: Request) -> Response {
    let detail = format!("There is no method {}.", request.uri().path());
    Status::from(Refusal::new(Kind::MethodNotAllowed, detail)).into_http()
}

/// Who acts, and what they ask.
fn open<T>(gateway: &Gateway, request: tonic::Request<T>) -> Result<(Acting, T), Refusal> {
    let (_, extensions, message) = request.into_parts();
    let caller = extensions.get::<Caller>().cloned().ok_or_else(|| {
        // Such a service would be a slip of ours, and must stay closed.
        tracing::error!("a service stands outside of authentication");
        Refusal::internal()
    })?;
    Ok((Acting::new(gateway.clone(), caller), message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_known_by_its_media_type() {
        let of = |value: &'static str| {
            let headers =
                HeaderMap::from_iter([(header::CONTENT_TYPE, header::HeaderValue::from_static(value))]);
            is_grpc(&headers)
        };
        for call in [
            "application/grpc",
            "application/grpc+proto",
            "application/grpc;charset=utf-8",
        ] {
            assert!(of(call), "{call}");
        }
        for other in [
            "application/grpc-web",
            "application/grpc-web+proto",
            "application/json",
            "application/grp",
            "",
        ] {
            assert!(!of(other), "{other}");
        }
        assert!(!is_grpc(&HeaderMap::new()));
    }
}
