//! `posthaste.v1.OverviewService`

use proto::grpc::v1::{self, overview_service_server::OverviewService};
use tonic::{Request, Response, Status};

use super::{
    open,
    status::reply,
    wire::{Form, overview},
};
use crate::state::Gateway;

/// The service.
pub(super) struct Overviews(pub(super) Gateway);

#[tonic::async_trait]
impl OverviewService for Overviews {
    async fn get_overview(
        &self,
        request: Request<v1::GetOverviewRequest>,
    ) -> Result<Response<v1::GetOverviewResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let mut form = Form::default();
        let (since, until) = (form.since(given.since, "since"), form.since(given.until, "until"));
        let step = overview::read_step(given.step, &mut form);
        form.finish()?;
        let overview = acting.traffic_of_all(since, until, step).await?;
        let overview = Some(overview::overview(overview));
        Ok(reply(v1::GetOverviewResponse { overview }))
    }
}
