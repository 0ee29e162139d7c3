//! The next rows of a part, in the order of an index, and which of them the filter means.

use proto::ReplaySource;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Course, Place, Row};
use crate::{
    error::Result,
    id::{self, EndpointId, QueueId},
};

/// The rows after `place`, at most `limit`; fewer at the end of the part. The filter decides only which are wanted, so that a statement
/// is as quick where hardly any is.
pub(super) async fn look(
    connection: &mut PgConnection,
    course: &Course,
    place: Place,
    limit: i64,
) -> Result<Vec<Row>> {
    let Some(part) = course.parts.get(place.part).copied() else {
        return Ok(vec![]);
    };
    match course.source {
        ReplaySource::Dead if course.by_endpoint => {
            dead_of_endpoint(connection, course, part, place, limit).await
        }
        ReplaySource::Dead => dead_of_queue(connection, course, part, place, limit).await,
        ReplaySource::Delivered => delivered(connection, course, part, place, limit).await,
        ReplaySource::Any => tasks(connection, course, part, place, limit).await,
    }
}

async fn dead_of_queue(
    connection: &mut PgConnection,
    course: &Course,
    queue: QueueId,
    place: Place,
    limit: i64,
) -> Result<Vec<Row>> {
    let (after_at, after_id) = place.after.unwrap_or_default();
    // Where a target takes their place it does not matter whose endpoints they were for.
    let receivers = match course.target {
        Some(_) => None,
        None => course.reach.likes(),
    };
    Ok(sqlx::query_as!(
        Row,
        r#"-- replay: look at dead letters of a queue
        SELECT l.died_at AS at, l.id, l.task_id, l.endpoint_id,
            (($6::text IS NULL OR l.type LIKE $6) AND ($7::smallint IS NULL OR l.status IS NOT DISTINCT FROM $7)
                AND ($8::text IS NULL OR l.failure IS NOT DISTINCT FROM $8) AND ($9::text IS NULL OR strpos(lower(l.reason), $9) > 0)
                AND l.replay_id IS DISTINCT FROM $10
                AND ($12::text[] IS NULL OR coalesce((
                    SELECT q.name FROM endpoints e JOIN queues q ON q.id = e.queue_id WHERE e.id = l.endpoint_id
                ) LIKE ANY ($12), false))) AS "wanted!"
        FROM dead_letters l
        WHERE l.queue_id = $1 AND l.died_at >= $2 AND l.died_at < $3 AND (l.died_at, l.id) > ($4, $5)
        ORDER BY l.died_at, l.id LIMIT $11"#,
        queue,
        course.since,
        course.until,
        after_at,
        after_id,
        course.kind,
        course.status,
        course.failure,
        course.error,
        course.job,
        limit,
        receivers as _
    )
    .fetch_all(connection)
    .await?)
}

async fn dead_of_endpoint(
    connection: &mut PgConnection,
    course: &Course,
    endpoint: EndpointId,
    place: Place,
    limit: i64,
) -> Result<Vec<Row>> {
    let (after_at, after_id) = place.after.unwrap_or_default();
    Ok(sqlx::query_as!(
        Row,
        r#"-- replay: look at dead letters of an endpoint
        SELECT l.died_at AS at, l.id, l.task_id, l.endpoint_id,
            (($6::text IS NULL OR l.type LIKE $6) AND ($7::smallint IS NULL OR l.status IS NOT DISTINCT FROM $7)
                AND ($8::text IS NULL OR l.failure IS NOT DISTINCT FROM $8) AND ($9::text IS NULL OR strpos(lower(l.reason), $9) > 0)
                AND l.replay_id IS DISTINCT FROM $10
                -- its tasks may be those of another queue
                AND ($12::text[] IS NULL OR coalesce((SELECT q.name FROM queues q WHERE q.id = l.queue_id) LIKE ANY ($12), false))) AS "wanted!"
        FROM dead_letters l
        WHERE l.endpoint_id = $1 AND l.died_at >= $2 AND l.died_at < $3 AND (l.died_at, l.id) > ($4, $5)
        ORDER BY l.died_at, l.id LIMIT $11"#,
        endpoint,
        course.since,
        course.until,
        after_at,
        after_id,
        course.kind,
        course.status,
        course.failure,
        course.error,
        course.job,
        limit,
        course.reach.likes() as _
    )
    .fetch_all(connection)
    .await?)
}

/// Attempts by which something was delivered. Their ids tell their time, so there is no other in their place.
async fn delivered(
    connection: &mut PgConnection,
    course: &Course,
    endpoint: EndpointId,
    place: Place,
    limit: i64,
) -> Result<Vec<Row>> {
    let (from, to) = range(course, place);
    Ok(sqlx::query_as!(
        Row,
        r#"-- replay: look at attempts
        SELECT 'epoch'::timestamptz AS "at!", a.id AS "id!", a.task_id AS "task_id!", a.endpoint_id AS "endpoint_id!",
            (a.verdict = 'delivered' AND ($4::smallint IS NULL OR a.status IS NOT DISTINCT FROM $4)
                AND ($5::text IS NULL OR t.type LIKE $5)
                -- its tasks may be those of another queue
                AND ($7::text[] IS NULL OR coalesce((SELECT q.name FROM queues q WHERE q.id = a.queue_id) LIKE ANY ($7), false))
                -- two nodes may both have logged that it was delivered
                AND NOT EXISTS (
                    SELECT FROM attempts b WHERE b.delivery_id = a.delivery_id AND b.verdict = 'delivered' AND b.id < a.id
                )) AS "wanted!"
        FROM (
            SELECT id, delivery_id, task_id, queue_id, endpoint_id, verdict, status FROM attempts
            WHERE endpoint_id = $1 AND id > $2 AND id < $3 ORDER BY id LIMIT $6
        ) AS a
        LEFT JOIN tasks t ON t.id = a.task_id
        ORDER BY a.id"#,
        endpoint,
        from,
        to,
        course.status,
        course.kind,
        limit,
        course.reach.likes() as _
    )
    .fetch_all(connection)
    .await?)
}

async fn tasks(
    connection: &mut PgConnection,
    course: &Course,
    queue: QueueId,
    place: Place,
    limit: i64,
) -> Result<Vec<Row>> {
    let (from, to) = range(course, place);
    Ok(sqlx::query_as!(
        Row,
        r#"-- replay: look at tasks
        SELECT 'epoch'::timestamptz AS "at!", id, id AS task_id, '00000000-0000-0000-0000-000000000000'::uuid AS "endpoint_id!",
            ($4::text IS NULL OR type LIKE $4) AS "wanted!"
        FROM tasks WHERE queue_id = $1 AND id > $2 AND id < $3 ORDER BY id LIMIT $5"#,
        queue,
        from,
        to,
        course.kind,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// The ids between which to look, where they tell the time. Neither end is an id that is ever minted, or it was looked at.
fn range(course: &Course, place: Place) -> (Uuid, Uuid) {
    let (_, after_id) = place.after.unwrap_or_default();
    (id::floor(course.since).max(after_id), id::floor(course.until))
}

impl Place {
    /// The place after these rows, of `limit` that were asked for and of which `taken` are dealt with.
    pub(super) fn after(self, rows: &[Row], taken: usize, limit: usize) -> Self {
        let at_end = rows.len() < limit && taken == rows.len();
        match rows[..taken].last() {
            _ if at_end => Self {
                part: self.part + 1,
                after: None,
            },
            Some(last) => Self {
                after: Some((last.at, last.id)),
                ..self
            },
            None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn row(part: usize, number: usize) -> Row {
        Row {
            at: DateTime::UNIX_EPOCH,
            id: Uuid::from_u64_pair(part as u64, number as u64 + 1),
            task_id: Uuid::nil(),
            endpoint_id: Uuid::nil(),
            wanted: true,
        }
    }

    proptest! {
        /// Whatever the parts hold, and wherever each batch is cut, every row is dealt with once, in its order.
        #[test]
        fn every_row_once(sizes in prop::collection::vec(0usize..12, 0..5), limit in 1usize..6, cuts in prop::collection::vec(1usize..6, 1..7)) {
            let parts: Vec<Vec<Row>> = sizes.iter().enumerate().map(|(part, size)| (0..*size).map(|number| row(part, number)).collect()).collect();
            let (mut place, mut seen, mut cuts) = (Place::default(), vec![], cuts.into_iter().cycle());
            while let Some(part) = parts.get(place.part) {
                let rest = part.iter().filter(|row| place.after.is_none_or(|after| (row.at, row.id) > after));
                let rows: Vec<Row> = rest.take(limit).cloned().collect();
                let taken = cuts.next().unwrap_or(1).min(rows.len());
                seen.extend_from_slice(&rows[..taken]);
                let next = place.after(&rows, taken, limit);
                prop_assert_ne!(next, place, "it goes on");
                place = next;
            }
            prop_assert_eq!(seen, parts.concat());
        }
    }
}
