//! Replay: makes new deliveries of dead letters. The task, and so the `webhook-id`, stays the same.

use std::time::Duration;

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
    purge::{BUDGET, Batches},
    replays::Made,
    rights::Reach,
};

/// Dead letters of one statement.
const BATCH: usize = 1_000;

impl Queue {
    /// Makes a new delivery of one dead letter, if its endpoint is of a queue within `reach`.
    pub async fn replay(&self, reach: &Reach, letter: DeliveryId, now: DateTime<Utc>) -> Result<Replayed> {
        if let Some(replayed) = self.replay_one(reach, letter, now).await? {
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
        // What is not reached is as good as gone.
        let endpoint = self.find_endpoint(letter.endpoint).await.ok();
        let is_gone = endpoint.is_none_or(|endpoint| !reach.covers(&endpoint.queue));
        let why = if is_gone {
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

    /// Makes new deliveries of all dead letters within `reach` that a filter means and whose task and endpoint are still there. Their endpoints
    /// must lie within `reach` as well.
    pub async fn replay_all(
        &self,
        reach: &Reach,
        filter: DeadLetterFilter,
        now: DateTime<Utc>,
    ) -> Result<Count> {
        self.replay_within(BUDGET, reach, filter, now).await
    }

    /// The same for so long.
    async fn replay_within(
        &self,
        budget: Duration,
        reach: &Reach,
        filter: DeadLetterFilter,
        now: DateTime<Utc>,
    ) -> Result<Count> {
        let meant = Meant::of(&filter, reach);
        let filter = Filter::resolve(self, reach, filter, now).await?;
        let mut deed = Some(meant.deed(Action::DeadLettersReplayed));
        let mut batches = Batches::within(budget);
        let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
        let mut after = None;
        loop {
            let letters = self.some_dead_letters(&filter, after, limit).await?;
            // Those that cannot be replayed stay where they are: they are gone past, or they would be found for ever.
            after = letters.last().map(|last| (last.died_at, last.id));
            let more = letters.len() == BATCH;
            let ids: Vec<DeliveryId> = letters.into_iter().map(|letter| letter.id).collect();
            let mut tx = self.inner.hot.begin().await?;
            let replayed = self.replay_some(&mut tx, reach, &ids, now).await?;
            // Where nothing is replayed there is nothing to write down.
            if let Some(deed) = deed.take_if(|_| !replayed.is_empty()) {
                self.audit(&mut tx, deed, now).await?;
            }
            tx.commit().await?;
            self.tell_replayed(&replayed, now).await;
            if let Some(count) = batches.add_before(replayed.len() as u64, more) {
                return Ok(count);
            }
        }
    }

    /// Makes a new delivery of a dead letter and writes that down, if its task and endpoint are still there.
    async fn replay_one(
        &self,
        reach: &Reach,
        letter: DeliveryId,
        now: DateTime<Utc>,
    ) -> Result<Option<Replayed>> {
        let mut tx = self.inner.hot.begin().await?;
        let made = self.replay_some(&mut tx, reach, &[letter], now).await?;
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

    /// Makes new deliveries of those of these dead letters whose task and endpoint are still there, the endpoint within `reach`.
    async fn replay_some(
        &self,
        connection: &mut PgConnection,
        reach: &Reach,
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
                    AND EXISTS (
                        SELECT FROM endpoints e WHERE e.id = l.endpoint_id AND e.deleted_at IS NULL
                            -- it may have been sent on to another queue's
                            AND ($6::text[] IS NULL OR (SELECT q.name FROM queues q WHERE q.id = e.queue_id) LIKE ANY ($6))
                    )
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
            self.inner.depths.other().0,
            reach.likes() as _
        )
        .fetch_all(connection)
        .await?)
    }
}

#[cfg(test)]
mod tests {
    use testing::Database;

    use super::*;
    use crate::{Config, vault::Vault};

    #[expect(clippy::disallowed_methods, reason = "the edge of the tests")]
    fn now() -> DateTime<Utc> {
        Utc::now()
    }

    #[tokio::test]
    async fn what_cannot_be_replayed_is_gone_past_for_no_longer_than_the_budget() {
        let database = Database::create().await;
        let queue = Queue::open(Config::new(database.url()), Vault::new(&[7; 32]), now())
            .await
            .unwrap();
        // More than one batch of letters whose tasks are gone.
        let letters = i64::try_from(BATCH).unwrap() + 1;
        sqlx::query(
            "INSERT INTO dead_letters (id, task_id, queue_id, endpoint_id, type, size, priority, attempts, reason, died_at)
             SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'a', 1, 4, 1, 'because', now() - interval '1 minute'
             FROM generate_series(1, $1)",
        )
        .bind(letters)
        .execute(&queue.inner.pool)
        .await
        .unwrap();
        for (budget, more) in [(Duration::ZERO, true), (BUDGET, false)] {
            let replayed = queue
                .replay_within(budget, &Reach::everything(), DeadLetterFilter::default(), now())
                .await
                .unwrap();
            assert_eq!((replayed.count, replayed.more), (0, more), "{budget:?}");
        }
        queue.close().await;
    }
}
