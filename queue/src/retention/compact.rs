//! Compacts a partition: what must stay is copied in batches, beside everything else that goes on; then, in one short transaction, the small table
//! takes the large one's place. If nothing must stay, the large one is dropped.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Transaction};
use tracing::debug;

use super::needed::{self, Place};
use crate::{
    chores::Chore,
    db::Queue,
    error::Result,
    id::QueueId,
    partition::{Partition, Stretch, run},
};

/// What a transaction waits for whoever reads the table, and how long it may take in all. Enqueues wait as long at most.
const SWAP_LIMITS: &str = "SET LOCAL lock_timeout = '250ms'; SET LOCAL statement_timeout = '3s'";

const BY_INDEX: &str = "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off";

/// How often the swap is tried, with longer and longer pauses between: a statement that reads for long is over by then, or it is tried again by
/// a later round.
const TRIES: u32 = 6;

/// The pause after the first try.
const PAUSE: Duration = Duration::from_millis(150);

/// How a round ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing was needed: the partition is gone.
    Dropped,
    /// What is needed is left.
    Compacted,
    /// It is in use: later.
    Busy,
    /// This node has the lease no more, or what was to be done has changed meanwhile.
    Overtaken,
}

/// Whether a statement gave up because others were in its way: a lock or time that ran out, or a deadlock.
fn is_busy(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else {
        return false;
    };
    matches!(error.code().as_deref(), Some("55P03" | "57014" | "40P01"))
}

impl Queue {
    /// Leaves of a partition only what is needed or kept by the queues `keepers`.
    pub(super) async fn compact(
        &self,
        partition: &Partition,
        stretch: Stretch,
        keepers: &[QueueId],
        now: DateTime<Utc>,
    ) -> Result<Outcome> {
        // While somebody reads it for long, a dump for instance, nothing is copied in vain.
        match self.lock_for_a_moment(partition).await {
            Ok(()) => {}
            Err(error) if is_busy(&error) => return Ok(Outcome::Busy),
            Err(error) => return Err(error.into()),
        }
        let copy = format!("{}_new", partition.name);
        if !self.make_copy(partition, stretch, &copy).await? {
            return Ok(Outcome::Overtaken);
        }
        let mut place = Place::START;
        while place != Place::End {
            let Some(mut tx) = self.begin_chore().await? else {
                return Ok(Outcome::Overtaken);
            };
            place = needed::copy_batch(&mut tx, partition, stretch, &copy, keepers, place).await?;
            tx.commit().await?;
        }
        let Some(mut tx) = self.begin_chore().await? else {
            return Ok(Outcome::Overtaken);
        };
        run(&mut tx, format!("-- retention: analyze\nANALYZE {copy}")).await?;
        tx.commit().await?;
        for attempt in 0..TRIES {
            tokio::time::sleep(PAUSE * attempt).await;
            match self.swap(partition, stretch, &copy, keepers, now).await {
                Ok(outcome) => return Ok(outcome),
                Err(error) if is_busy(&error) => {
                    debug!(partition = partition.name, "the partition is in use");
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Outcome::Busy)
    }

    /// Takes the locks that the swap needs, and lets go of them.
    async fn lock_for_a_moment(&self, partition: &Partition) -> Result<(), sqlx::Error> {
        let mut tx = self.inner.pool.begin().await?;
        sqlx::raw_sql(SWAP_LIMITS).execute(&mut *tx).await?;
        lock(&mut tx, partition).await?;
        tx.rollback().await
    }

    /// Makes the table that is filled. One that is there already was left by a node that died: this one has the lease.
    async fn make_copy(&self, partition: &Partition, stretch: Stretch, copy: &str) -> Result<bool> {
        let Some(mut tx) = self.begin_chore().await? else {
            return Ok(false);
        };
        let ((from, to), name) = (stretch.ids(), &partition.name);
        run(
            &mut tx,
            format!(
                "-- retention: table for what stays
                DROP TABLE IF EXISTS {copy};
                CREATE TABLE {copy} (LIKE {name} INCLUDING ALL);
                ALTER TABLE {copy} ADD CONSTRAINT bound CHECK (id IS NOT NULL AND id >= '{from}' AND id < '{to}')"
            ),
        )
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Puts the copy in the partition's place. What makes deliveries of old tasks reads them, and so has either committed before, and is seen, or
    /// waits, and reads the copy.
    async fn swap(
        &self,
        partition: &Partition,
        stretch: Stretch,
        copy: &str,
        keepers: &[QueueId],
        now: DateTime<Utc>,
    ) -> Result<Outcome, sqlx::Error> {
        let mut tx = self.begin_by_index().await?;
        sqlx::raw_sql(SWAP_LIMITS).execute(&mut *tx).await?;
        if !self.holds_chore(Chore::Storage, &mut tx).await? || !is_there(&mut tx, partition).await? {
            return Ok(Outcome::Overtaken);
        }
        let (table, name) = (partition.table.name(), &partition.name);
        lock(&mut tx, partition).await?;
        // Whoever lengthened a queue's retention meanwhile has what they wanted.
        let keep_now = self.keepers_of(&mut tx, partition.table, stretch, now).await?;
        if !keep_now.iter().all(|queue| keepers.contains(queue))
            || needed::is_held(&mut tx, partition.table, stretch, now).await?
        {
            return Ok(Outcome::Overtaken);
        }
        needed::copy_late(&mut tx, partition, stretch, copy).await?;
        let is_empty: bool = sqlx::query_scalar(AssertSqlSafe(format!(
            "-- retention: is empty\nSELECT NOT EXISTS (SELECT FROM {copy})"
        )))
        .fetch_one(&mut *tx)
        .await?;
        let outcome = if is_empty {
            run(
                &mut tx,
                format!("-- retention: drop\nDROP TABLE {copy}; ALTER TABLE {table} DETACH PARTITION {name}; DROP TABLE {name}"),
            )
            .await?;
            Outcome::Dropped
        } else {
            let bounds = stretch.bounds();
            run(
                &mut tx,
                format!(
                    "-- retention: swap
                    ALTER TABLE {table} DETACH PARTITION {name};
                    DROP TABLE {name};
                    ALTER TABLE {copy} RENAME TO {name};
                    ALTER TABLE {table} ATTACH PARTITION {name} {bounds};
                    ALTER TABLE {name} DROP CONSTRAINT bound"
                ),
            )
            .await?;
            Outcome::Compacted
        };
        note(&mut tx, partition, outcome, now).await?;
        tx.commit().await?;
        Ok(outcome)
    }

    /// Begins a transaction whose statements go by index, whatever statistics say: those of a table that was just made say nothing, and a batch
    /// must never read a whole one.
    pub(super) async fn begin_by_index(&self) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        let mut tx = self.inner.pool.begin().await?;
        sqlx::raw_sql(BY_INDEX).execute(&mut *tx).await?;
        Ok(tx)
    }

    /// Begins a transaction of the chore; `None` if another node has it now.
    pub(super) async fn begin_chore(&self) -> Result<Option<Transaction<'static, Postgres>>> {
        let mut tx = self.begin_by_index().await?;
        Ok(self.holds_chore(Chore::Storage, &mut tx).await?.then_some(tx))
    }
}

/// Locks a partition and its table: nobody reads or writes them until the transaction ends.
async fn lock(connection: &mut PgConnection, partition: &Partition) -> Result<(), sqlx::Error> {
    let (table, name) = (partition.table.name(), &partition.name);
    run(
        connection,
        format!(
            "-- retention: lock\nLOCK TABLE ONLY {table} IN ACCESS EXCLUSIVE MODE; LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE"
        ),
    )
    .await
}

/// Whether the partition is still the one that was looked at.
async fn is_there(connection: &mut PgConnection, partition: &Partition) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"-- retention: is there
        SELECT EXISTS (SELECT FROM pg_class WHERE oid::bigint = $1 AND relname = $2) AS "is_there!""#,
        partition.oid,
        partition.name
    )
    .fetch_one(connection)
    .await
}

/// Writes down that a partition was compacted; or, if it is gone, forgets that.
async fn note(
    connection: &mut PgConnection,
    partition: &Partition,
    outcome: Outcome,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    if outcome == Outcome::Compacted {
        sqlx::query!(
            "-- retention: compacted
            INSERT INTO compactions (partition, at) VALUES ($1, $2) ON CONFLICT (partition) DO UPDATE SET at = excluded.at",
            partition.name,
            now
        )
        .execute(connection)
        .await?;
        return Ok(());
    }
    sqlx::query!(
        "-- retention: forget\nDELETE FROM compactions WHERE partition = $1",
        partition.name
    )
    .execute(connection)
    .await?;
    Ok(())
}
