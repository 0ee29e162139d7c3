//! What of a partition must stay although its time is over, and the statements that copy it.
//!
//! Tasks stay while a delivery of theirs has not ended or is a dead letter: both have ids that begin as the task's, so those of a partition are one
//! range of their primary keys. Attempts stay while their delivery has not ended: it was made before them, so it lies below the partition's end.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{AssertSqlSafe, PgConnection, Row};
use uuid::Uuid;

use crate::{
    id::{self, QueueId},
    partition::{Partition, Stretch, Table, run},
};

/// The database's own errors: whoever swaps tells those that only say that others are in the way.
type Result<T> = std::result::Result<T, sqlx::Error>;

/// Rows of one batch: some may have a payload of a megabyte or more.
const BATCH: i64 = 2_000;

/// As far as needed rows are counted.
const COUNTED: i64 = 500_000;

/// How old an active replay may be that holds the tasks it may still want: one that is paused must not hold them for ever.
const REPLAYS_HOLD: TimeDelta = TimeDelta::days(7);

/// How many rows are needed, as far as they are counted.
pub(super) async fn count(connection: &mut PgConnection, table: Table, stretch: Stretch) -> Result<u64> {
    let (from, to) = stretch.ids();
    let count = match table {
        Table::Tasks => {
            sqlx::query_scalar!(
                r#"-- retention: needed tasks
                SELECT (SELECT count(*) FROM (SELECT FROM deliveries WHERE id >= $1 AND id < $2 LIMIT $3) AS d)
                    + (SELECT count(*) FROM (SELECT FROM dead_letters WHERE id >= $1 AND id < $2 LIMIT $3) AS l) AS "count!""#,
                from,
                to,
                COUNTED
            )
            .fetch_one(connection)
            .await?
        }
        Table::Attempts => {
            sqlx::query_scalar!(
                r#"-- retention: needed attempts
                SELECT count(*) AS "count!" FROM (SELECT FROM deliveries WHERE id < $1 AND attempts > 0 LIMIT $2) AS d"#,
                to,
                COUNTED
            )
            .fetch_one(connection)
            .await?
        }
    };
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Whether a replay is under way that may still want tasks or attempts of this time. Its own dead letters hold their tasks themselves.
pub(super) async fn is_held(
    connection: &mut PgConnection,
    table: Table,
    stretch: Stretch,
    now: DateTime<Utc>,
) -> Result<bool> {
    sqlx::query_scalar!(
        r#"-- retention: active replays
        SELECT EXISTS (
            SELECT FROM replay_jobs WHERE status IN ('running', 'paused') AND source <> 'dead' AND created_at > $1
                AND until > $2 AND ($4 OR since < $3)
        ) AS "held!""#,
        now - REPLAYS_HOLD,
        stretch.from,
        stretch.to,
        // An attempt may be of a much older task.
        table == Table::Tasks,
    )
    .fetch_one(connection)
    .await
}

/// Where copying has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The rows of the queues that keep theirs: of which of them, and behind which row.
    Keepers(usize, Uuid, Uuid),
    /// The rows of deliveries that have not ended: behind which.
    Waiting(Uuid),
    /// The rows of dead letters.
    Letters(Uuid),
    /// All is copied.
    End,
}

impl Place {
    /// The begin.
    pub(super) const START: Self = Self::Keepers(0, Uuid::nil(), Uuid::nil());
}

/// Copies one batch of what must stay into the table `copy`, and returns where to go on.
pub(super) async fn copy_batch(
    connection: &mut PgConnection,
    partition: &Partition,
    stretch: Stretch,
    copy: &str,
    keepers: &[QueueId],
    place: Place,
) -> Result<Place> {
    match place {
        Place::Keepers(at, after, second) => {
            // Attempts have no index by queue: they are gone through once, for all queues.
            let each = if partition.table == Table::Tasks {
                1
            } else {
                keepers.len().max(1)
            };
            let Some(queues) = keepers.chunks(each).nth(at) else {
                return Ok(Place::Waiting(Uuid::nil()));
            };
            let last = copy_of_queues(connection, partition, copy, queues, (after, second)).await?;
            Ok(match last {
                Some((after, second)) => Place::Keepers(at, after, second),
                None => Place::Keepers(at + 1, Uuid::nil(), Uuid::nil()),
            })
        }
        Place::Waiting(after) => {
            let last = copy_waiting(connection, partition, stretch, copy, "deliveries", after).await?;
            let next = if partition.table == Table::Tasks {
                Place::Letters(Uuid::nil())
            } else {
                Place::End
            };
            Ok(last.map_or(next, Place::Waiting))
        }
        Place::Letters(after) => {
            let last = copy_waiting(connection, partition, stretch, copy, "dead_letters", after).await?;
            Ok(last.map_or(Place::End, Place::Letters))
        }
        Place::End => Ok(Place::End),
    }
}

/// A batch of what queues keep, in the order of an index; the last row's key if there may be more.
async fn copy_of_queues(
    connection: &mut PgConnection,
    partition: &Partition,
    copy: &str,
    queues: &[QueueId],
    after: (Uuid, Uuid),
) -> Result<Option<(Uuid, Uuid)>> {
    let name = &partition.name;
    let (key, order, first) = match partition.table {
        Table::Tasks => (
            "queue_id = ($1::uuid[])[1] AND id > $2 AND $3::uuid IS NOT NULL",
            "id",
            "id",
        ),
        Table::Attempts => ("(delivery_id, id) > ($2, $3)", "delivery_id, id", "delivery_id"),
    };
    let statement = format!(
        "-- retention: copy what a queue keeps
        WITH page AS (SELECT * FROM {name} WHERE {key} ORDER BY {order} LIMIT $4),
        copied AS (INSERT INTO {copy} SELECT * FROM page WHERE queue_id = ANY($1::uuid[]) ON CONFLICT DO NOTHING)
        SELECT {first} AS first, id AS second, (SELECT count(*) FROM page) AS looked FROM page ORDER BY 1 DESC, 2 DESC LIMIT 1"
    );
    let row = sqlx::query(AssertSqlSafe(statement))
        .bind(queues)
        .bind(after.0)
        .bind(after.1)
        .bind(BATCH)
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let looked: i64 = row.try_get("looked")?;
    Ok((looked == BATCH).then_some((row.try_get("first")?, row.try_get("second")?)))
}

/// A batch of the rows that deliveries or dead letters need; the last one's id if there may be more.
async fn copy_waiting(
    connection: &mut PgConnection,
    partition: &Partition,
    stretch: Stretch,
    copy: &str,
    of: &str,
    after: Uuid,
) -> Result<Option<Uuid>> {
    let (name, (from, to)) = (&partition.name, stretch.ids());
    let (wanted, joined) = match partition.table {
        Table::Tasks => ("id >= $2 AND id < $3", "id IN (SELECT task_id FROM page)"),
        Table::Attempts => (
            "$2::uuid IS NOT NULL AND id < $3 AND attempts > 0",
            "delivery_id IN (SELECT id FROM page)",
        ),
    };
    let statement = format!(
        "-- retention: copy what is needed
        WITH page AS (SELECT id, task_id FROM {of} WHERE {wanted} AND id > $1 ORDER BY id LIMIT $4),
        copied AS (INSERT INTO {copy} SELECT * FROM {name} WHERE {joined} ON CONFLICT DO NOTHING)
        SELECT id, (SELECT count(*) FROM page) AS looked FROM page ORDER BY id DESC LIMIT 1"
    );
    let row = sqlx::query(AssertSqlSafe(statement))
        .bind(after)
        .bind(from)
        .bind(to)
        .bind(BATCH)
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let looked: i64 = row.try_get("looked")?;
    Ok((looked == BATCH).then_some(row.try_get("id")?))
}

/// Copies what became needed since it was last copied, and returns whether anything is in the copy. While nothing else reads or writes the table,
/// nothing is missing then. It looks at all that is needed; when `most` is over, PostgreSQL cancels it.
pub(super) async fn copy_late(
    connection: &mut PgConnection,
    partition: &Partition,
    stretch: Stretch,
    copy: &str,
    most: Duration,
) -> Result<bool> {
    let until = Instant::now() + most;
    let (name, (from, to)) = (&partition.name, stretch.ids());
    let (wanted, is_copied) = match partition.table {
        Table::Tasks => (
            "SELECT task_id AS key FROM deliveries WHERE id >= $1 AND id < $2
             UNION SELECT task_id FROM dead_letters WHERE id >= $1 AND id < $2",
            "t.id = w.key AND NOT EXISTS (SELECT FROM copied c WHERE c.id = w.key)",
        ),
        Table::Attempts => (
            "SELECT id AS key FROM deliveries WHERE $1::uuid IS NOT NULL AND id < $2 AND attempts > 0",
            "t.delivery_id = w.key AND NOT EXISTS (SELECT FROM copied c WHERE c.delivery_id = t.delivery_id AND c.id = t.id)",
        ),
    };
    let statement = format!(
        "-- retention: copy what became needed
        INSERT INTO {copy} SELECT t.* FROM ({wanted}) AS w JOIN {name} t ON {}",
        is_copied.replace("copied", copy)
    );
    limit_to(connection, until).await?;
    sqlx::query(AssertSqlSafe(statement))
        .bind(from)
        .bind(to)
        .execute(&mut *connection)
        .await?;
    let is_empty: bool = sqlx::query_scalar(AssertSqlSafe(format!(
        "-- retention: is empty\nSELECT NOT EXISTS (SELECT FROM {copy})"
    )))
    .fetch_one(&mut *connection)
    .await?;
    if is_empty {
        return Ok(false);
    }
    clear_expunged(connection, partition.table, stretch, copy, until).await?;
    Ok(true)
}

/// Leaves the statements that come no more than the time that is left.
async fn limit_to(connection: &mut PgConnection, until: Instant) -> Result<()> {
    // None at all would mean that there is no limit.
    let left = until.saturating_duration_since(Instant::now()).as_millis().max(1);
    run(
        connection,
        format!("-- retention: time left\nSET LOCAL statement_timeout = {left}"),
    )
    .await
}

/// What was expunged while its row was copied is cleared in the copy as well.
async fn clear_expunged(
    connection: &mut PgConnection,
    table: Table,
    stretch: Stretch,
    copy: &str,
    until: Instant,
) -> Result<()> {
    let (from, to) = stretch.ids();
    let floor = if table == Table::Tasks { from } else { Uuid::nil() };
    limit_to(connection, until).await?;
    let tasks = sqlx::query_scalar!(
        "-- retention: expunged\nSELECT task_id FROM expunged WHERE task_id >= $1 AND task_id < $2",
        floor,
        to
    )
    .fetch_all(&mut *connection)
    .await?;
    if tasks.is_empty() {
        return Ok(());
    }
    let statement = match table {
        Table::Tasks => format!(
            "UPDATE {copy} SET payload = '', headers = NULL
             WHERE id = ANY($1) AND $2 IS NOT NULL AND $3 IS NOT NULL AND (payload <> '' OR headers IS NOT NULL)"
        ),
        Table::Attempts => format!(
            "UPDATE {copy} a SET response_headers = NULL, response_body = NULL
             FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS e (task_id, lo, hi)
             WHERE a.delivery_id BETWEEN e.lo AND e.hi AND a.task_id = e.task_id
                AND (a.response_headers IS NOT NULL OR a.response_body IS NOT NULL)"
        ),
    };
    let (lows, highs): (Vec<_>, Vec<_>) = tasks.iter().map(|task| id::deliveries_of(*task)).unzip();
    limit_to(connection, until).await?;
    sqlx::query(AssertSqlSafe(statement))
        .bind(&tasks)
        .bind(&lows)
        .bind(&highs)
        .execute(connection)
        .await?;
    Ok(())
}
