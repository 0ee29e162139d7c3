//! Replay: makes new deliveries of dead letters. The task, and so the `webhook-id`, stays the same.

use chrono::{DateTime, Utc};
use proto::{Count, DeadLetterFilter, Replayed};
use sqlx::PgConnection;

use crate::{
    audit::{Action, Deed},
    db::Queue,
    dead_letters::{Filter, Meant},
    delivery::Purpose,
    error::{Error, Result},
    id::{self, DeliveryId},
    purge::Batches,
    replays::Made,
    rights::Reach,
};

/// Dead letters of one statement.
const BATCH: i64 = 1_000;

impl Queue {
    /// Makes a new delivery of one dead letter.
    pub async fn replay(&self, letter: DeliveryId, now: DateTime<Utc>) -> Result<Replayed> {
        if let Some(replayed) = self.replay_one(letter, now).await? {
            return Ok(replayed);
        }
        let letter = self.read_dead_letter(letter).await?;
        let expunged = sqlx::query_scalar!(
            r#"-- replay: is expunged
            SELECT EXISTS (SELECT FROM expunged WHERE task_id = $1) AS "expunged!""#,
            letter.task
        )
        .fetch_one(&self.inner.pool)
        .await?;
        let why = if self.find_endpoint(letter.endpoint).await.is_err() {
            "its endpoint is gone"
        } else if expunged {
            "its task's content was expunged"
        } else {
            "its task's payload is gone"
        };
        Err(Error::Conflict(format!(
            "this dead letter cannot be replayed: {why}"
        )))
    }

    /// Makes new deliveries of all dead letters within `reach` that a filter means and whose task and endpoint are still there.
    pub async fn replay_all(
        &self,
        reach: &Reach,
        filter: DeadLetterFilter,
        now: DateTime<Utc>,
    ) -> Result<Count> {
        let meant = Meant::of(&filter, reach);
        let mut filter = Filter::resolve(self, reach, filter, now).await?;
        let mut deed = Some(meant.deed(Action::DeadLettersReplayed));
        let mut batches = Batches::begin();
        loop {
            let letters = self.some_dead_letters(&filter, BATCH).await?;
            let mut tx = self.inner.hot.begin().await?;
            let replayed = self.replay_some(&mut tx, &letters, now).await?;
            // Where nothing is replayed there is nothing to write down.
            if let Some(deed) = deed.take_if(|_| !replayed.is_empty()) {
                self.audit(&mut tx, deed, now).await?;
            }
            tx.commit().await?;
            self.tell_replayed(&replayed, now).await;
            if let (true, Some(last)) = (replayed.is_empty(), letters.last())
                && let Some(died_at) = self.died_at(*last).await?
            {
                // A whole batch that cannot be replayed: go past it, or it would be found for ever.
                filter.since = died_at + chrono::TimeDelta::microseconds(1);
                continue;
            }
            if let Some(count) = batches.add(replayed.len() as u64) {
                return Ok(count);
            }
        }
    }

    async fn died_at(&self, letter: DeliveryId) -> Result<Option<DateTime<Utc>>> {
        Ok(sqlx::query_scalar!(
            "-- died at\nSELECT died_at FROM dead_letters WHERE id = $1",
            letter
        )
        .fetch_optional(&self.inner.pool)
        .await?)
    }

    /// Makes a new delivery of a dead letter and writes that down, if its task and endpoint are still there.
    async fn replay_one(&self, letter: DeliveryId, now: DateTime<Utc>) -> Result<Option<Replayed>> {
        let mut tx = self.inner.hot.begin().await?;
        let made = self.replay_some(&mut tx, &[letter], now).await?;
        let Some(one) = made.first() else {
            return Ok(None);
        };
        let deed = Deed {
            action: Action::DeadLettersReplayed,
            subject: letter.to_string(),
            endpoint: Some(one.endpoint),
            queues: &[self.catalog().snapshot().queue_name(one.queue)],
        };
        self.audit(&mut tx, deed, now).await?;
        tx.commit().await?;
        self.tell_replayed(&made, now).await;
        Ok(Some(Replayed {
            delivery: one.delivery,
            task: one.task,
        }))
    }

    /// Makes new deliveries of those of these dead letters whose task and endpoint are still there.
    async fn replay_some(
        &self,
        connection: &mut PgConnection,
        letters: &[DeliveryId],
        now: DateTime<Utc>,
    ) -> Result<Vec<Made>> {
        // A delivery's id begins as its task's does, and a dead letter's id is its delivery's.
        let fresh: Vec<DeliveryId> = self.with_ids(|_, rng| {
            letters
                .iter()
                .map(|letter| id::delivery_of(*letter, rng))
                .collect()
        });
        Ok(sqlx::query_as!(
            Made,
            r#"-- replay
            WITH taken AS (
                DELETE FROM dead_letters l USING unnest($1::uuid[], $2::uuid[]) AS g (id, fresh)
                WHERE l.id = g.id
                    AND EXISTS (SELECT FROM tasks t WHERE t.id = l.task_id)
                    AND NOT EXISTS (SELECT FROM expunged x WHERE x.task_id = l.task_id)
                    AND EXISTS (SELECT FROM endpoints e WHERE e.id = l.endpoint_id AND e.deleted_at IS NULL)
                RETURNING g.fresh, l.task_id, l.queue_id, l.endpoint_id, l.type, l.size, l.priority
            ), made AS (
                INSERT INTO deliveries (id, task_id, queue_id, endpoint_id, due_at, size, priority, purpose)
                SELECT fresh, task_id, queue_id, endpoint_id, $3, size, priority, $4 FROM taken
            ), counted AS (
                INSERT INTO depths AS d (queue_id, slot, deliveries)
                SELECT queue_id, $5, count(*) FROM taken GROUP BY queue_id ORDER BY queue_id
                ON CONFLICT (queue_id, slot) DO UPDATE SET deliveries = d.deliveries + excluded.deliveries
            )
            SELECT fresh AS "delivery!", task_id AS "task!", queue_id AS "queue!", endpoint_id AS "endpoint!", type AS "kind!" FROM taken"#,
            letters,
            &fresh,
            now,
            Purpose::Replay(None).code(),
            self.inner.depths.other().0
        )
        .fetch_all(connection)
        .await?)
    }
}
