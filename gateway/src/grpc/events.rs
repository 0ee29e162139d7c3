//! `posthaste.v1.EventService`

use std::pin::Pin;

use futures_util::{Stream, stream};
use proto::grpc::v1::{self, event_service_server::EventService};
use tonic::{Request, Response, Status};

use super::{open, status::ended, wire::events};
use crate::state::Gateway;

/// The service.
pub(super) struct Events(pub(super) Gateway);

#[tonic::async_trait]
impl EventService for Events {
    type WatchEventsStream = Pin<Box<dyn Stream<Item = Result<v1::WatchEventsResponse, Status>> + Send>>;

    async fn watch_events(
        &self,
        request: Request<v1::WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let (asked, after) = events::read(given)?;
        let watch = acting.watch_events(asked, after)?;
        let told = stream::unfold(Some(watch), |watch| async {
            let mut watch = watch?;
            Some(match watch.next().await {
                Ok(told) => (Ok(events::told(&told)), Some(watch)),
                Err(why) => (Err(ended(why).into()), None),
            })
        });
        Ok(Response::new(Box::pin(told)))
    }
}
