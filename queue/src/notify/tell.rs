//! Notices on their way: written in the transaction that makes them so, and made tasks of afterwards, each once. A node that dies between leaves
//! them to the next; one that dies after a task was made, and before its notice is gone, has it made again with the same idempotency key.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use tracing::warn;

use super::{
    condition::{Condition, Kind},
    decide::{Known, Step},
};
use crate::{
    catalog::QueueEntry,
    db::Queue,
    disable::OPS_QUEUE,
    enqueue::{self, Enqueuer, Target},
    error::{Error, Result},
    id::QueueId,
    task::{self, NewTask},
};

/// Notices that become tasks in one commit.
const BATCH: i64 = 500;

/// Something to tell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Notice {
    /// The type of the task.
    pub(crate) kind: &'static str,
    /// What it says, an object.
    pub(crate) payload: Value,
}

impl Queue {
    /// Whether anybody wants to be told what happens to this queue and its endpoints: there is a queue for it, and this is another one.
    pub(crate) fn is_told_of(&self, queue: QueueId) -> bool {
        self.ops_queue().is_some_and(|ops| ops.id != queue)
    }

    fn ops_queue(&self) -> Option<Arc<QueueEntry>> {
        self.catalog().snapshot().queues.get(OPS_QUEUE).cloned()
    }

    /// Writes a notice down. It is told by [`Queue::tell_notices`] once the transaction is committed.
    pub(crate) async fn note(
        &self,
        tx: &mut PgConnection,
        notice: &Notice,
        now: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        sqlx::query!(
            "-- notices: note\nINSERT INTO notices (id, type, payload) VALUES ($1, $2, $3)",
            self.mint(now),
            notice.kind,
            notice.payload.to_string()
        )
        .execute(tx)
        .await?;
        Ok(())
    }

    /// Makes tasks of the notices, oldest first; returns how many. Two nodes that do it at once make one task of each.
    pub(crate) async fn tell_notices(&self, now: DateTime<Utc>) -> Result<usize> {
        let Some(ops) = self.ops_queue() else {
            return Ok(0);
        };
        let mut told = 0;
        loop {
            let rows = sqlx::query!(
                "-- notices: read\nSELECT id, type AS kind, payload FROM notices ORDER BY id LIMIT $1",
                BATCH
            )
            .fetch_all(&self.inner.pool)
            .await?;
            if rows.is_empty() {
                return Ok(told);
            }
            let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
            let tasks = rows.into_iter().map(|row| {
                let task = NewTask {
                    kind: row.kind,
                    payload: Bytes::from(row.payload),
                    content_type: "application/json".to_owned(),
                    idempotency_key: Some(row.id.to_string()),
                    ..NewTask::default()
                };
                // As long as it is: the limit is for what comes from outside.
                let most = task.payload.len();
                task::check(task, most, now)
            });
            let tasks = tasks.collect::<Result<Vec<_>>>()?;
            // So rare that it has a writer to itself.
            let receipts = Enqueuer::start(self, &enqueue::Config::default())
                .enqueue(ops.clone(), tasks, Target::Matching, now)
                .await?;
            told += receipts
                .iter()
                .filter(|one| matches!(one, Ok(receipt) if !receipt.repeated))
                .count();
            sqlx::query!("-- notices: told\nDELETE FROM notices WHERE id = ANY($1)", &ids)
                .execute(&self.inner.pool)
                .await?;
        }
    }

    /// The same where what is told is done already, whether or not somebody hears of it now: what cannot be told is told later.
    pub(crate) async fn tell_soon(&self, now: DateTime<Utc>) {
        if let Err(error) = self.tell_notices(now).await {
            warn!(%error, "what is to be told on {OPS_QUEUE} could not be; it is told later");
        }
    }

    /// Nobody is told: nothing is to be told, and what was is forgotten, so that whoever is told later hears of what holds then.
    pub(super) async fn forget_notices(&self) -> Result<()> {
        sqlx::query!("-- notices: forget\nWITH gone AS (DELETE FROM notices) DELETE FROM conditions")
            .execute(&self.inner.pool)
            .await?;
        Ok(())
    }

    /// Writes down that something has begun or ended, and what is told of it.
    pub(super) async fn take_step(
        &self,
        tx: &mut PgConnection,
        step: &Step,
        now: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        match step {
            Step::Begin(condition, notice) => {
                begin(tx, *condition, now).await?;
                self.note(tx, notice, now).await
            }
            Step::End(condition, notice) => {
                end(tx, *condition).await?;
                self.note(tx, notice, now).await
            }
            Step::Forget(condition) => end(tx, *condition).await.map(drop),
        }
    }
}

/// Writes down that a condition holds since `now`, if that is not known.
pub(crate) async fn begin(
    tx: &mut PgConnection,
    condition: Condition,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "-- conditions: begin\nINSERT INTO conditions (kind, subject, since) VALUES ($1, $2, $3) ON CONFLICT (kind, subject) DO NOTHING",
        condition.kind.word(),
        condition.subject,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes down that a condition holds no more. Since when it did, if it did.
pub(crate) async fn end(
    tx: &mut PgConnection,
    condition: Condition,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar!(
        "-- conditions: end\nDELETE FROM conditions WHERE kind = $1 AND subject = $2 RETURNING since",
        condition.kind.word(),
        condition.subject
    )
    .fetch_optional(tx)
    .await
}

/// The conditions that hold.
pub(super) async fn known(tx: &mut PgConnection) -> Result<Known> {
    let rows = sqlx::query!("-- conditions\nSELECT kind, subject, since FROM conditions")
        .fetch_all(tx)
        .await?;
    rows.into_iter()
        .map(|row| {
            let kind = Kind::parse(&row.kind)
                .ok_or_else(|| Error::corrupt("conditions", "kind", row.subject, &row.kind))?;
            let condition = Condition {
                kind,
                subject: row.subject,
            };
            Ok((condition, row.since))
        })
        .collect()
}
