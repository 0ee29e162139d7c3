//! Expunge: clears the content of one task now: payload, headers, and what endpoints answered. The row stays, and tells that it was.

use chrono::{DateTime, TimeDelta, Utc};
use proto::Expunged;
use sqlx::PgConnection;

use crate::{
    audit::{Action, Deed},
    db::Queue,
    error::Result,
    id::{self, TaskId},
};

/// How long after an expunging results of requests that were out already may come: longer than an attempt may take.
const LATE: TimeDelta = TimeDelta::hours(1);

impl Queue {
    /// Clears the content of a task, and cancels what of it has not ended, because there is nothing left to send; a request that is out already goes
    /// its way. A dead letter of it stays, and cannot be replayed. Doing it again changes nothing.
    pub async fn expunge(&self, task: TaskId, now: DateTime<Utc>) -> Result<Expunged> {
        let queue_id = self.queue_of_task(task).await?;
        let queue = self.catalog().snapshot().queue_name(queue_id);
        let mut tx = self.inner.pool.begin().await?;
        // First of all it is marked: from then on no replay makes a delivery of it.
        let marked = sqlx::query_scalar!(
            "-- expunge: mark
            INSERT INTO expunged (task_id, queue_id, at) VALUES ($1, $2, $3) ON CONFLICT (task_id) DO NOTHING RETURNING at",
            task,
            queue_id,
            now
        )
        .fetch_optional(&mut *tx)
        .await?;
        let expunged_at = match marked {
            Some(at) => {
                let deed = Deed {
                    action: Action::TaskExpunged,
                    subject: task.to_string(),
                    endpoint: None,
                    queues: &[queue],
                };
                self.audit(&mut tx, deed, now).await?;
                at
            }
            None => {
                sqlx::query_scalar!(
                    "-- expunge: marked\nSELECT at FROM expunged WHERE task_id = $1",
                    task
                )
                .fetch_one(&mut *tx)
                .await?
            }
        };
        tx.commit().await?;
        // Before the content goes, or an empty request would be sent; and once more for a replay that did not see the mark.
        let mut cancelled = self.cancel(task, now).await?;
        let mut tx = self.inner.pool.begin().await?;
        sqlx::query!(
            "-- expunge: content\nUPDATE tasks SET payload = '', headers = NULL WHERE id = $1",
            task
        )
        .execute(&mut *tx)
        .await?;
        clear_attempts(&mut tx, &[task]).await?;
        tx.commit().await?;
        cancelled += self.cancel(task, now).await?;
        Ok(Expunged {
            expunged_at,
            cancelled,
        })
    }

    /// Clears what came late of tasks that were expunged a moment ago, and finishes what a crash interrupted.
    pub(crate) async fn expunge_again(&self, now: DateTime<Utc>) -> Result<()> {
        let tasks = sqlx::query_scalar!(
            "-- expunge: late\nSELECT task_id FROM expunged WHERE at > $1 ORDER BY at DESC LIMIT 10000",
            now - LATE
        )
        .fetch_all(&self.inner.pool)
        .await?;
        if tasks.is_empty() {
            return Ok(());
        }
        let unfinished = sqlx::query_scalar!(
            "-- expunge: unfinished\nSELECT id FROM tasks WHERE id = ANY($1) AND (payload <> '' OR headers IS NOT NULL)",
            &tasks
        )
        .fetch_all(&self.inner.pool)
        .await?;
        for task in unfinished {
            self.expunge(task, now).await?;
        }
        let mut tx = self.inner.pool.begin().await?;
        clear_attempts(&mut tx, &tasks).await?;
        Ok(tx.commit().await?)
    }
}

/// Clears what endpoints answered to these tasks.
async fn clear_attempts(connection: &mut PgConnection, tasks: &[TaskId]) -> Result<()> {
    let (lows, highs): (Vec<_>, Vec<_>) = tasks.iter().map(|task| id::deliveries_of(*task)).unzip();
    sqlx::query!(
        "-- expunge: attempts
        UPDATE attempts a SET response_headers = NULL, response_body = NULL
        FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS e (task_id, lo, hi)
        WHERE a.delivery_id BETWEEN e.lo AND e.hi AND a.task_id = e.task_id
            AND (a.response_headers IS NOT NULL OR a.response_body IS NOT NULL)",
        tasks,
        &lows,
        &highs
    )
    .execute(connection)
    .await?;
    Ok(())
}
