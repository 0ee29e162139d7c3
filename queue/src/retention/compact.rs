//! Compacts a partition: what must stay is copied in batches, beside everything else that goes on; then, in one short transaction, the small table
//! takes the large one's place. If nothing must stay, the large one is dropped.
//!
//! While that transaction has the table, everybody waits, and it looks once more at all that is needed. So that is tried before, without the table;
//! and if it takes longer than others may wait, the partition is put off until it is older.

use std::{borrow::Cow, time::Duration};

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Postgres, Transaction};
use tracing::debug;

use super::needed::{self, Place};
use crate::{
    chores::Chore,
    db::Queue,
    error::Result,
    id::QueueId,
    partition::{Partition, Stretch, run},
};

/// What a transaction waits for whoever reads the table, and how long each of its statements may take that does not grow with what is needed.
const SWAP_LIMITS: &str = "SET LOCAL lock_timeout = '250ms'; SET LOCAL statement_timeout = '3s'";

/// How long it may take to copy what became needed late while the transaction has the table. Enqueues wait as long, once or a few times in a
/// partition's life; some 400,000 rows that are needed (at 2.5 µs each, measured) can be looked through: of tasks those of the day, of attempts those before its end.
const LATE: Duration = Duration::from_secs(1);

/// How long the same may take the first time, when nobody waits for it: then it copies what became needed during all the batches.
const CATCH_UP: Duration = Duration::from_secs(3);

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
    /// Too much of it is needed to be swapped while others wait: when it is older.
    PutOff,
    /// This node has the lease no more, or what was to be done has changed meanwhile.
    Overtaken,
}

/// PostgreSQL's code of an error, if it is one of PostgreSQL's.
fn code(error: &sqlx::Error) -> Option<Cow<'_, str>> {
    error.as_database_error()?.code()
}

/// Whether a statement gave up because others were in its way: a lock that it did not get in time, or a deadlock.
fn is_busy(error: &sqlx::Error) -> bool {
    matches!(code(error).as_deref(), Some("55P03" | "40P01"))
}

/// Whether a statement was given up because it took too long.
fn is_slow(error: &sqlx::Error) -> bool {
    code(error).as_deref() == Some("57014")
}

/// What stands in the table of compactions for a partition that was put off: a name that no partition has.
pub(super) fn put_off_mark(partition: &Partition) -> String {
    format!("{} put off", partition.name)
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
            Err(error) if is_busy(&error) || is_slow(&error) => return Ok(Outcome::Busy),
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
        match self.swap_if_quick(partition, stretch, &copy, keepers, now).await {
            Err(error) if is_slow(&error) => self.put_off(partition, now).await,
            outcome => Ok(outcome?),
        }
    }

    /// Swaps as soon as the table can be had, unless what is to be done meanwhile takes too long: that is not tried again.
    async fn swap_if_quick(
        &self,
        partition: &Partition,
        stretch: Stretch,
        copy: &str,
        keepers: &[QueueId],
        now: DateTime<Utc>,
    ) -> Result<Outcome, sqlx::Error> {
        if !self.rehearse(partition, stretch, copy).await? {
            return Ok(Outcome::Overtaken);
        }
        for attempt in 0..TRIES {
            tokio::time::sleep(PAUSE * attempt).await;
            match self.swap(partition, stretch, copy, keepers, now).await {
                Err(error) if is_busy(&error) => {
                    debug!(partition = partition.name, "the partition is in use");
                }
                ended => return ended,
            }
        }
        Ok(Outcome::Busy)
    }

    /// Copies what became needed during the batches, and then once more in the time that the swap has for it; `false` if another node has the
    /// chore now.
    async fn rehearse(
        &self,
        partition: &Partition,
        stretch: Stretch,
        copy: &str,
    ) -> Result<bool, sqlx::Error> {
        for most in [CATCH_UP, LATE] {
            let mut tx = self.begin_by_index().await?;
            if !self.holds_chore(Chore::Storage, &mut tx).await? {
                return Ok(false);
            }
            needed::copy_late(&mut tx, partition, stretch, copy, most).await?;
            tx.commit().await?;
        }
        Ok(true)
    }

    /// Writes down that a partition was left as it is, so that it is not copied in vain again before it is older.
    async fn put_off(&self, partition: &Partition, now: DateTime<Utc>) -> Result<Outcome> {
        let Some(mut tx) = self.begin_chore().await? else {
            return Ok(Outcome::Overtaken);
        };
        write_down(&mut tx, &put_off_mark(partition), now).await?;
        tx.commit().await?;
        Ok(Outcome::PutOff)
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
        let without_statistics = partition.table.without_statistics(copy);
        run(
            &mut tx,
            format!(
                "-- retention: table for what stays
                DROP TABLE IF EXISTS {copy};
                CREATE TABLE {copy} (LIKE {name} INCLUDING ALL);
                {without_statistics};
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
        let is_needed = needed::copy_late(&mut tx, partition, stretch, copy, LATE).await?;
        sqlx::raw_sql(SWAP_LIMITS).execute(&mut *tx).await?;
        let outcome = if is_needed {
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
        } else {
            run(
                &mut tx,
                format!("-- retention: drop\nDROP TABLE {copy}; ALTER TABLE {table} DETACH PARTITION {name}; DROP TABLE {name}"),
            )
            .await?;
            Outcome::Dropped
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

/// Writes down that a partition was compacted; or, if it is gone, forgets that. Either way it is put off no more.
async fn note(
    connection: &mut PgConnection,
    partition: &Partition,
    outcome: Outcome,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let mut past = vec![put_off_mark(partition)];
    if outcome == Outcome::Compacted {
        write_down(connection, &partition.name, now).await?;
    } else {
        past.push(partition.name.clone());
    }
    sqlx::query!(
        "-- retention: forget\nDELETE FROM compactions WHERE partition = ANY($1)",
        &past
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes down when a partition was compacted, or put off.
async fn write_down(
    connection: &mut PgConnection,
    what: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "-- retention: write down
        INSERT INTO compactions (partition, at) VALUES ($1, $2) ON CONFLICT (partition) DO UPDATE SET at = excluded.at",
        what,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
