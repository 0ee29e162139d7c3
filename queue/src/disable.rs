//! Endpoints that are disabled by what came of them, and enabled by a test that passes; and who is told.

use chrono::{DateTime, Utc};
use proto::EndpointStatus;
use serde_json::json;
use sqlx::PgConnection;

use crate::{
    db::Queue,
    endpoint::Endpoint,
    error::{Error, Result},
    id::{EndpointId, QueueId},
    notify::{self, Condition, Kind, Notice},
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

/// Who enabled an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EnabledBy {
    /// A person.
    Hand,
    /// A test that passed.
    Test,
}

/// What an endpoint's status becomes, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn<'a> {
    Enabled(EnabledBy),
    Paused,
    /// With the reason.
    Disabled(DisabledBy, &'a str),
}

impl<'a> Turn<'a> {
    pub(crate) fn status(self) -> EndpointStatus {
        match self {
            Self::Enabled(_) => EndpointStatus::Enabled,
            Self::Paused => EndpointStatus::Paused,
            Self::Disabled(..) => EndpointStatus::Disabled,
        }
    }

    /// Who disabled it and why, if it is that.
    pub(crate) fn why(self) -> Option<(DisabledBy, &'a str)> {
        match self {
            Self::Disabled(by, reason) => Some((by, reason)),
            Self::Enabled(_) | Self::Paused => None,
        }
    }
}

/// An endpoint whose status changes, as people know it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turned<'a> {
    pub(crate) id: EndpointId,
    pub(crate) queue_id: QueueId,
    pub(crate) queue: &'a str,
    pub(crate) url: &'a str,
}

impl Queue {
    /// Disables an endpoint because of what came of it, and tells those who run the installation. Nothing happens if it is gone, has
    /// another URL by now, or is not enabled: what a person set meanwhile stays. Whether it was disabled.
    pub async fn disable_endpoint(
        &self,
        endpoint: &Endpoint,
        by: DisabledBy,
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let is_as_known =
            |url: &str, status| url == endpoint.url.as_str() && status == Some(EndpointStatus::Enabled);
        match self
            .write_status_if(endpoint.id, Turn::Disabled(by, reason), now, is_as_known)
            .await
        {
            Err(Error::NotFound(_)) => Ok(false),
            written => written,
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
        let is_disabled = |_: &str, status| status == Some(EndpointStatus::Disabled);
        self.write_status_if(id, Turn::Enabled(EnabledBy::Test), now, is_disabled)
            .await
    }

    /// Notes, with the status that changes, what those who run the installation are told of it: that something other than a person disabled
    /// an endpoint, and that it is enabled again after that. Whether there is anything to tell.
    pub(crate) async fn note_turn(
        &self,
        tx: &mut PgConnection,
        endpoint: Turned<'_>,
        turn: Turn<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, sqlx::Error> {
        if !self.is_told_of(endpoint.queue_id) {
            return Ok(false);
        }
        let now = notify::stored(now);
        let condition = Condition {
            kind: Kind::Disabled,
            subject: endpoint.id,
        };
        let (disabled, recovered) = condition.kind.types();
        let mut payload = json!({
            "endpoint": endpoint.id,
            "queue": endpoint.queue,
            "url": endpoint.url,
            "at": now,
        });
        let kind = match turn {
            Turn::Disabled(by, reason) if by != DisabledBy::Hand => {
                notify::begin(tx, condition, now).await?;
                payload["disabled_by"] = by.as_str().into();
                payload["reason"] = reason.into();
                disabled
            }
            Turn::Enabled(by) => {
                let Some(since) = notify::end(tx, condition).await? else {
                    return Ok(false);
                };
                payload["was"] = "disabled".into();
                payload["enabled_by"] = match by {
                    EnabledBy::Hand => "hand".into(),
                    EnabledBy::Test => "test".into(),
                };
                payload["since"] = json!(since);
                recovered
            }
            Turn::Disabled(..) | Turn::Paused => return Ok(false),
        };
        self.note(tx, &Notice { kind, payload }, now).await?;
        Ok(true)
    }
}
