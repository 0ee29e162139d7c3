//! Dead letters.

use chrono::{DateTime, Utc};
use proto::{Count, DeadLetter, DeadLetterFilter, DeadLetterGroups, Page, Replayed, Scope};
use queue::{error::Problems, id::DeliveryId};
use uuid::Uuid;

use super::{Acting, to_its_end};
use crate::{page::Paging, problem::Refusal, time};

impl Acting {
    /// Lists the dead letters that a filter means, newest first.
    pub(crate) async fn list_dead_letters(
        &self,
        filter: DeadLetterFilter,
        paging: Paging,
    ) -> Result<Page<DeadLetter>, Refusal> {
        self.may(Scope::Read)?;
        check(&filter)?;
        let (list, after) =
            paging.of::<(DateTime<Utc>, Uuid)>(format!("dead letters {filter:?}"), &self.gateway)?;
        let letters = self
            .queue()
            .list_dead_letters(self.reach(), filter, after, list.rows(), time::now())
            .await?;
        Ok(list.page(letters, |last| (last.died_at, last.id)))
    }

    /// Counts the dead letters that a filter means, by endpoint and reason.
    pub(crate) async fn group_dead_letters(
        &self,
        filter: DeadLetterFilter,
    ) -> Result<DeadLetterGroups, Refusal> {
        self.may(Scope::Read)?;
        check(&filter)?;
        let groups = self
            .queue()
            .group_dead_letters(self.reach(), filter, time::now())
            .await?;
        Ok(groups)
    }

    /// Reads a dead letter.
    pub(crate) async fn read_dead_letter(&self, id: DeliveryId) -> Result<DeadLetter, Refusal> {
        self.may(Scope::Read)?;
        self.reaches_dead_letter(id).await?;
        Ok(self.queue().read_dead_letter(id).await?)
    }

    /// Makes a new delivery of one.
    pub(crate) async fn replay(&self, id: DeliveryId) -> Result<Replayed, Refusal> {
        self.may(Scope::Replay)?;
        self.reaches_dead_letter(id).await?;
        let (queue, reach, now) = (self.audited(), self.reach().clone(), time::now());
        to_its_end(async move { queue.replay(&reach, id, now).await }).await
    }

    /// Makes new deliveries of all that a filter means.
    pub(crate) async fn replay_all(&self, filter: DeadLetterFilter) -> Result<Count, Refusal> {
        self.may(Scope::Replay)?;
        check(&filter)?;
        let (queue, reach, now) = (self.audited(), self.reach().clone(), time::now());
        to_its_end(async move { queue.replay_all(&reach, filter, now).await }).await
    }

    /// Throws away all that a filter means.
    pub(crate) async fn purge_dead_letters(&self, filter: DeadLetterFilter) -> Result<Count, Refusal> {
        self.may(Scope::Manage)?;
        check(&filter)?;
        let (queue, reach, now) = (self.audited(), self.reach().clone(), time::now());
        to_its_end(async move { queue.purge_dead_letters(&reach, filter, now).await }).await
    }
}

fn check(filter: &DeadLetterFilter) -> Result<(), Refusal> {
    let mut problems = Problems::default();
    for (at, field) in [(filter.since, "since"), (filter.until, "until")] {
        problems.require(at.is_none_or(time::is_plausible), field, time::PLAUSIBLE);
    }
    Ok(problems.finish()?)
}
