//! Replays as jobs.

use proto::{NewReplay, Page, Replay, ReplayPreview, ReplayStatus, Scope};
use queue::{error::Problems, replays::ReplayId};
use uuid::Uuid;

use super::Acting;
use crate::{page::Paging, problem::Refusal, time};

impl Acting {
    /// Tells what a replay would be.
    pub(crate) async fn preview_replay(&self, new: &NewReplay) -> Result<ReplayPreview, Refusal> {
        self.may(Scope::Replay)?;
        self.touches(new).await?;
        Ok(self
            .queue()
            .preview_replay(self.reach(), new, time::now())
            .await?)
    }

    /// Begins a replay.
    pub(crate) async fn begin_replay(&self, new: NewReplay) -> Result<Replay, Refusal> {
        self.may(Scope::Replay)?;
        self.touches(&new).await?;
        Ok(self
            .audited()
            .begin_replay(self.reach(), new, time::now())
            .await?)
    }

    /// The endpoints that it names must be reached; its queue, or what it touches without one, is narrowed in the queue's own statements.
    async fn touches(&self, new: &NewReplay) -> Result<(), Refusal> {
        let mut problems = Problems::default();
        let filter = &new.filter;
        for (at, field) in [(filter.since, "filter.since"), (filter.until, "filter.until")] {
            problems.require(at.is_none_or(time::is_plausible), field, time::PLAUSIBLE);
        }
        problems.finish()?;
        if let Some(queue) = &filter.queue {
            self.reaches(queue)?;
        }
        for endpoint in [filter.endpoint, new.target].into_iter().flatten() {
            self.endpoint(endpoint).await?;
        }
        Ok(())
    }

    /// Lists replays, newest first: those that touch nothing which the caller does not reach.
    pub(crate) async fn list_replays(
        &self,
        queue: Option<String>,
        status: Option<ReplayStatus>,
        paging: Paging,
    ) -> Result<Page<Replay>, Refusal> {
        self.may(Scope::Read)?;
        let (list, before) = paging.of::<Uuid>(format!("replays {queue:?} {status:?}"), &self.gateway)?;
        let replays = self
            .queue()
            .list_replays(self.reach(), queue.as_deref(), status, before, list.rows())
            .await?;
        Ok(list.page(replays, |last| last.id))
    }

    /// Reads a replay.
    pub(crate) async fn read_replay(&self, id: ReplayId) -> Result<Replay, Refusal> {
        self.may(Scope::Read)?;
        Ok(self.queue().read_replay(self.reach(), id).await?)
    }

    /// Pauses, resumes or cancels a replay.
    pub(crate) async fn steer_replay(&self, id: ReplayId, to: ReplayStatus) -> Result<Replay, Refusal> {
        self.may(Scope::Replay)?;
        Ok(self
            .audited()
            .steer_replay(self.reach(), id, to, time::now())
            .await?)
    }
}
