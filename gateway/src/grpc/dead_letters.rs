//! `posthaste.v1.DeadLetterService`

use proto::grpc::v1::{self, dead_letter_service_server::DeadLetterService};
use tonic::{Request, Response, Status};

use super::{
    open,
    status::reply,
    wire::{self, Form, dead_letters},
};
use crate::state::Gateway;

/// The service.
pub(super) struct DeadLetters(pub(super) Gateway);

#[tonic::async_trait]
impl DeadLetterService for DeadLetters {
    async fn list_dead_letters(
        &self,
        request: Request<v1::ListDeadLettersRequest>,
    ) -> Result<Response<v1::ListDeadLettersResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let mut form = Form::default();
        let filter = dead_letters::read_filter(given.filter.unwrap_or_default(), &mut form);
        let paging = form.paging(given.limit, given.page, &self.0);
        form.finish()?;
        let page = acting.list_dead_letters(filter, paging).await?;
        Ok(reply(v1::ListDeadLettersResponse {
            dead_letters: page.items.into_iter().map(dead_letters::dead_letter).collect(),
            next_page: page.next_page,
        }))
    }

    async fn group_dead_letters(
        &self,
        request: Request<v1::GroupDeadLettersRequest>,
    ) -> Result<Response<v1::GroupDeadLettersResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let mut form = Form::default();
        let filter = dead_letters::read_filter(given.filter.unwrap_or_default(), &mut form);
        form.finish()?;
        let found = acting.group_dead_letters(filter).await?;
        Ok(reply(v1::GroupDeadLettersResponse {
            groups: found.groups.into_iter().map(dead_letters::group).collect(),
            count: found.count,
            more: found.more,
        }))
    }

    async fn get_dead_letter(
        &self,
        request: Request<v1::GetDeadLetterRequest>,
    ) -> Result<Response<v1::GetDeadLetterResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let letter = acting.read_dead_letter(wire::id(&given.id)?).await?;
        let dead_letter = Some(dead_letters::dead_letter(letter));
        Ok(reply(v1::GetDeadLetterResponse { dead_letter }))
    }

    async fn replay_dead_letter(
        &self,
        request: Request<v1::ReplayDeadLetterRequest>,
    ) -> Result<Response<v1::ReplayDeadLetterResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let replayed = acting.replay(wire::id(&given.id)?).await?;
        Ok(reply(v1::ReplayDeadLetterResponse {
            delivery: replayed.delivery.to_string(),
            task: replayed.task.to_string(),
        }))
    }

    async fn replay_dead_letters(
        &self,
        request: Request<v1::ReplayDeadLettersRequest>,
    ) -> Result<Response<v1::ReplayDeadLettersResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let replayed = acting.replay_all(dead_letters::read_given(given.filter)?).await?;
        let (count, more) = (replayed.count, replayed.more);
        Ok(reply(v1::ReplayDeadLettersResponse { count, more }))
    }

    async fn purge_dead_letters(
        &self,
        request: Request<v1::PurgeDeadLettersRequest>,
    ) -> Result<Response<v1::PurgeDeadLettersResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let purged = acting
            .purge_dead_letters(dead_letters::read_given(given.filter)?)
            .await?;
        let (count, more) = (purged.count, purged.more);
        Ok(reply(v1::PurgeDeadLettersResponse { count, more }))
    }
}
