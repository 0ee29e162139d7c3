//! Order: the deliveries of one key to one endpoint go one at a time, in the order of their ids, which is that of enqueueing.
//!
//! Those behind the first are held in the table by a priority below zero, which no lane reads. When the first has ended, its endpoint's
//! node releases the next. So what waits is in nobody's memory, and a unique index sees to it that of no key two go.

use chrono::{DateTime, Utc};
use proto::{OnFailure, OrderingMode, OrderingPolicy};

use crate::{db::Queue, error::Result, id::EndpointId};

/// The key of everything where all tasks of an endpoint are in one order.
const ALL: &str = "";

/// How many keys one statement releases at most.
pub const KEYS: usize = 1_000;

/// The key by which a task to an endpoint with this policy is in order; `own` is the task's.
pub(crate) fn key_of(policy: OrderingPolicy, own: Option<&str>) -> Option<&str> {
    match policy.mode {
        OrderingMode::Unordered => None,
        OrderingMode::Key => own,
        OrderingMode::Fifo => Some(ALL),
    }
}

/// Whether a delivery that failed makes way for those behind it.
pub fn makes_way(policy: OrderingPolicy) -> bool {
    policy.on_failure == OnFailure::Skip
}

/// The priority that the table has for a delivery that is held.
pub(crate) fn held(priority: i16) -> i16 {
    -1 - priority
}

/// The priority of its own that a delivery has, whether the table has it as held or not.
pub(crate) fn own(priority: i16) -> i16 {
    if priority < 0 { held(priority) } else { priority }
}

/// What goes one after the other: the deliveries of a key to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sequence {
    /// The endpoint.
    pub endpoint_id: EndpointId,
    /// The key.
    pub key: String,
}

impl Queue {
    /// Lets the next delivery of each of these go, unless one is going. Returns the endpoints that have something to read.
    ///
    /// Whatever the statistics say, it reads a row or two of each: `BETWEEN` and the order make one index alone fit. With `=` the order would be
    /// that of the ids, and where most rows are of one key, a search for another one by the primary key would pass them all.
    pub async fn release_next(&self, sequences: &[Sequence]) -> Result<Vec<EndpointId>> {
        let endpoints: Vec<EndpointId> = sequences.iter().map(|one| one.endpoint_id).collect();
        let keys: Vec<String> = sequences.iter().map(|one| one.key.clone()).collect();
        let released = sqlx::query_scalar!(
            r#"-- release
            WITH next AS (
                SELECT first.id FROM unnest($1::uuid[], $2::text[]) AS wanted (endpoint_id, key)
                CROSS JOIN LATERAL (
                    SELECT id FROM deliveries
                    WHERE endpoint_id = wanted.endpoint_id AND ordering_key BETWEEN wanted.key AND wanted.key AND priority < 0
                    ORDER BY ordering_key, id LIMIT 1
                ) AS first
                LEFT JOIN LATERAL (
                    SELECT id FROM deliveries
                    WHERE endpoint_id = wanted.endpoint_id AND ordering_key BETWEEN wanted.key AND wanted.key AND priority >= 0
                    ORDER BY ordering_key LIMIT 1
                ) AS going ON true
                WHERE going.id IS NULL
            )
            UPDATE deliveries SET priority = -1 - priority WHERE id = ANY(ARRAY(SELECT id FROM next)) AND priority < 0
            RETURNING endpoint_id"#,
            &endpoints,
            &keys
        )
        .fetch_all(&self.inner.hot)
        .await?;
        Ok(distinct(released))
    }

    /// The sequences of an endpoint that have deliveries held, after the key `after`, at most [`KEYS`]: a loose index scan, one step a key.
    pub async fn sequences(&self, endpoint_id: EndpointId, after: Option<&str>) -> Result<Vec<Sequence>> {
        let keys = sqlx::query_scalar!(
            r#"-- sequences
            WITH RECURSIVE step AS (
                -- begins at the key itself, which the index finds at once
                (SELECT ordering_key FROM deliveries
                WHERE endpoint_id = $1 AND ordering_key >= coalesce($2::text, '') AND priority < 0
                ORDER BY ordering_key LIMIT 1)
                UNION ALL
                SELECT next.ordering_key FROM step CROSS JOIN LATERAL (
                    SELECT ordering_key FROM deliveries
                    WHERE endpoint_id = $1 AND ordering_key > step.ordering_key AND priority < 0
                    ORDER BY ordering_key LIMIT 1
                ) AS next
            )
            SELECT ordering_key AS "key!" FROM step WHERE $2::text IS NULL OR ordering_key <> $2 LIMIT $3"#,
            endpoint_id,
            after,
            i64::try_from(KEYS).unwrap_or(i64::MAX)
        )
        .fetch_all(&self.inner.hot)
        .await?;
        Ok(keys
            .into_iter()
            .map(|key| Sequence { endpoint_id, key })
            .collect())
    }
}

fn distinct(mut endpoints: Vec<EndpointId>) -> Vec<EndpointId> {
    endpoints.sort_unstable();
    endpoints.dedup();
    endpoints
}

/// What a look for work finds of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Whose.
    pub endpoint_id: EndpointId,
    /// When the earliest delivery that may go is due, if there is one.
    pub due_at: Option<DateTime<Utc>>,
    /// Whether deliveries are held behind others.
    pub held: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_says_what_is_in_order() {
        let policy = |mode| OrderingPolicy {
            mode,
            ..OrderingPolicy::default()
        };
        for (mode, own, key) in [
            (OrderingMode::Unordered, Some("a"), None),
            (OrderingMode::Key, Some("a"), Some("a")),
            (OrderingMode::Key, None, None),
            (OrderingMode::Fifo, Some("a"), Some(ALL)),
            (OrderingMode::Fifo, None, Some(ALL)),
        ] {
            assert_eq!(key_of(policy(mode), own), key, "{mode:?} {own:?}");
        }
    }

    #[test]
    fn a_priority_comes_back_from_being_held() {
        for priority in 0..=10 {
            assert!(held(priority) < 0);
            assert_eq!(held(held(priority)), priority);
            assert_eq!((own(priority), own(held(priority))), (priority, priority));
        }
    }
}
