//! Endpoints that are disabled by what came of them, and enabled by a test that passes.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use proto::EndpointStatus;
use serde_json::json;
use tracing::warn;

use crate::{
    db::Queue,
    endpoint::Endpoint,
    enqueue::{self, Enqueuer, Target},
    error::{Error, Result},
    id::EndpointId,
    task::{self, NewTask},
};

/// The queue on which those who run an installation are told what they must know, if they have made it.
pub const OPS_QUEUE: &str = "posthaste.ops";

/// Who disabled an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisabledBy {
    /// A person.
    Hand,
    /// What it answered.
    Answer,
    /// Nothing but failures came of it for too long.
    Failing,
}

impl DisabledBy {
    /// The word in the database, and in what is told.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Hand => "hand",
            Self::Answer => "answer",
            Self::Failing => "failing",
        }
    }
}

impl Queue {
    /// Disables an endpoint because of what came of it, and tells those who run the installation. Nothing happens if it is gone.
    pub async fn disable_endpoint(
        &self,
        endpoint: &Endpoint,
        by: DisabledBy,
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let why = Some((by, reason));
        match self
            .write_status(endpoint.id, EndpointStatus::Disabled, why, now)
            .await
        {
            Ok(true) => {
                // It is disabled, whether or not somebody hears of it.
                if let Err(error) = self.tell_ops(endpoint, by, reason, now).await {
                    warn!(endpoint = %endpoint.id, %error, "the disabling of an endpoint could not be told on {OPS_QUEUE}");
                }
                Ok(())
            }
            Ok(false) | Err(Error::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Enables an endpoint that a test has reached, unless a person disabled it. Whether it was enabled.
    pub async fn enable_tested_endpoint(&self, id: EndpointId, now: DateTime<Utc>) -> Result<bool> {
        let by = sqlx::query_scalar!(
            "-- disabled by\nSELECT disabled_by FROM endpoints WHERE id = $1 AND deleted_at IS NULL AND status = 'disabled'",
            id
        )
        .fetch_optional(&self.inner.pool)
        .await?
        .flatten();
        if by.is_none_or(|by| by == DisabledBy::Hand.as_str()) {
            return Ok(false);
        }
        self.write_status(id, EndpointStatus::Enabled, None, now).await
    }

    /// Enqueues a task on [`OPS_QUEUE`]. What becomes of that queue's own endpoints is not told there.
    async fn tell_ops(
        &self,
        endpoint: &Endpoint,
        by: DisabledBy,
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let snapshot = self.catalog().snapshot();
        let Some(ops) = snapshot.queues.get(OPS_QUEUE) else {
            return Ok(());
        };
        if endpoint.queue_id == ops.id {
            return Ok(());
        }
        let told = json!({
            "endpoint": endpoint.id,
            "queue": endpoint.queue,
            "url": endpoint.url,
            "disabled_by": by.as_str(),
            "reason": reason,
            "at": now,
        });
        let task = NewTask {
            kind: "endpoint.disabled".to_owned(),
            payload: Bytes::from(told.to_string()),
            content_type: "application/json".to_owned(),
            ..NewTask::default()
        };
        let most = task.payload.len();
        let task = task::check(task, most, now)?;
        // So rare that it has a writer to itself.
        Enqueuer::start(self, &enqueue::Config::default())
            .enqueue(ops.clone(), vec![task], Target::Matching, now)
            .await?;
        Ok(())
    }
}
