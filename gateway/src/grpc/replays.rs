//! `posthaste.v1.ReplayService`

use proto::{
    ReplayStatus,
    grpc::v1::{self, replay_service_server::ReplayService},
};
use tonic::{Request, Response, Status};

use super::{
    open,
    status::reply,
    wire::{self, Form, replays},
};
use crate::state::Gateway;

/// The service.
pub(super) struct Replays(pub(super) Gateway);

#[tonic::async_trait]
impl ReplayService for Replays {
    async fn preview_replay(
        &self,
        request: Request<v1::PreviewReplayRequest>,
    ) -> Result<Response<v1::PreviewReplayResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let new = replays::read_new(given.filter, given.rate, given.target)?;
        let preview = acting.preview_replay(&new).await?;
        Ok(reply(v1::PreviewReplayResponse {
            count: preview.count,
            exact: preview.exact,
            seconds: preview.seconds,
        }))
    }

    async fn create_replay(
        &self,
        request: Request<v1::CreateReplayRequest>,
    ) -> Result<Response<v1::CreateReplayResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let new = replays::read_new(given.filter, given.rate, given.target)?;
        let replay = Some(replays::replay(acting.begin_replay(new).await?));
        Ok(reply(v1::CreateReplayResponse { replay }))
    }

    async fn list_replays(
        &self,
        request: Request<v1::ListReplaysRequest>,
    ) -> Result<Response<v1::ListReplaysResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let mut form = Form::default();
        let status = replays::read_status(given.status, &mut form);
        let paging = form.paging(given.limit, given.page, &self.0);
        form.finish()?;
        let page = acting.list_replays(given.queue, status, paging).await?;
        Ok(reply(v1::ListReplaysResponse {
            replays: page.items.into_iter().map(replays::replay).collect(),
            next_page: page.next_page,
        }))
    }

    async fn get_replay(
        &self,
        request: Request<v1::GetReplayRequest>,
    ) -> Result<Response<v1::GetReplayResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let replay = acting.read_replay(wire::id(&given.id)?).await?;
        let replay = Some(replays::replay(replay));
        Ok(reply(v1::GetReplayResponse { replay }))
    }

    async fn pause_replay(
        &self,
        request: Request<v1::PauseReplayRequest>,
    ) -> Result<Response<v1::PauseReplayResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let replay = acting
            .steer_replay(wire::id(&given.id)?, ReplayStatus::Paused)
            .await?;
        let replay = Some(replays::replay(replay));
        Ok(reply(v1::PauseReplayResponse { replay }))
    }

    async fn resume_replay(
        &self,
        request: Request<v1::ResumeReplayRequest>,
    ) -> Result<Response<v1::ResumeReplayResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let replay = acting
            .steer_replay(wire::id(&given.id)?, ReplayStatus::Running)
            .await?;
        let replay = Some(replays::replay(replay));
        Ok(reply(v1::ResumeReplayResponse { replay }))
    }

    async fn cancel_replay(
        &self,
        request: Request<v1::CancelReplayRequest>,
    ) -> Result<Response<v1::CancelReplayResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let replay = acting
            .steer_replay(wire::id(&given.id)?, ReplayStatus::Cancelled)
            .await?;
        let replay = Some(replays::replay(replay));
        Ok(reply(v1::CancelReplayResponse { replay }))
    }
}
