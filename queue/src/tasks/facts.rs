//! Where tasks are: what is there of their deliveries, and what follows from it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use proto::TaskState;

use crate::{
    db::Queue,
    error::Result,
    id::{self, EndpointId, TaskId},
    retention::Retention,
};

/// What is there of a task's deliveries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "eight independent facts, as the statement reports them"
)]
pub(super) struct Facts {
    /// When its content was expunged.
    pub(super) expunged_at: Option<DateTime<Utc>>,
    retrying: bool,
    due: bool,
    later: bool,
    letter: bool,
    delivered: bool,
    dead: bool,
    cancelled: bool,
    /// Whether one of them went, or is to go, to the endpoint that was asked about.
    pub(super) here: bool,
}

impl Facts {
    /// Whether something is still to be sent, or may be replayed: then its content stays, however old it is.
    fn is_needed(self) -> bool {
        self.retrying || self.due || self.later || self.letter
    }

    /// Whether its content is shown and sent no more, because its queue keeps it no longer.
    pub(super) fn is_expired(self, retention: Retention, task: TaskId, now: DateTime<Utc>) -> bool {
        self.expunged_at.is_none() && !self.is_needed() && retention.is_expired(task, now)
    }
}

/// Where a task is: the first state in [`TaskState`]'s order that holds for any of its deliveries. One that was just enqueued and has
/// left no trace yet that this statement saw counts as pending; one whose traces are kept no longer (`forgotten`) has ended.
pub(super) fn state_of(facts: Facts, fanout: i32, forgotten: bool) -> TaskState {
    match facts {
        Facts { retrying: true, .. } => TaskState::Retrying,
        Facts { due: true, .. } => TaskState::Pending,
        Facts { later: true, .. } => TaskState::Scheduled,
        Facts { letter: true, .. } => TaskState::Dead,
        Facts { cancelled: true, .. } => TaskState::Cancelled,
        Facts { delivered: true, .. } => TaskState::Delivered,
        Facts { dead: true, .. } => TaskState::Dead,
        _ if fanout == 0 => TaskState::Unmatched,
        _ if forgotten => TaskState::Ended,
        _ => TaskState::Pending,
    }
}

impl Queue {
    /// What is there of the deliveries of these tasks; of which `here` is about `endpoint`. Each task costs a look into a short range of each table.
    pub(super) async fn facts(
        &self,
        tasks: &[TaskId],
        endpoint: Option<EndpointId>,
        now: DateTime<Utc>,
    ) -> Result<HashMap<TaskId, Facts>> {
        let (from, to): (Vec<_>, Vec<_>) = tasks.iter().map(|task| id::deliveries_of(*task)).unzip();
        let rows = sqlx::query!(
            r#"-- where tasks are
            SELECT g.id AS "id!", (SELECT at FROM expunged WHERE task_id = g.id) AS expunged_at, w.retrying, w.due, w.later, l.letter,
                a.delivered, a.dead, a.cancelled, (w.here OR l.here OR a.here) AS here
            FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS g (id, lo, hi)
            CROSS JOIN LATERAL (
                SELECT bool_or(attempts > 0) AS retrying, bool_or(attempts = 0 AND due_at <= $4) AS due,
                    bool_or(attempts = 0 AND due_at > $4) AS later, bool_or(endpoint_id = $5) AS here
                FROM deliveries WHERE id BETWEEN g.lo AND g.hi AND task_id = g.id
            ) AS w
            CROSS JOIN LATERAL (
                SELECT bool_or(true) AS letter, bool_or(endpoint_id = $5) AS here
                FROM dead_letters WHERE id BETWEEN g.lo AND g.hi AND task_id = g.id
            ) AS l
            CROSS JOIN LATERAL (
                SELECT bool_or(verdict = 'delivered') AS delivered, bool_or(verdict = 'dead') AS dead, bool_or(verdict = 'cancelled') AS cancelled,
                    bool_or(endpoint_id = $5) AS here
                FROM attempts WHERE delivery_id BETWEEN g.lo AND g.hi AND task_id = g.id
            ) AS a"#,
            tasks,
            &from,
            &to,
            now,
            endpoint
        )
        .fetch_all(&self.inner.pool)
        .await?;
        let is = |flag: Option<bool>| flag.unwrap_or(false);
        let facts = rows.into_iter().map(|row| {
            let facts = Facts {
                expunged_at: row.expunged_at,
                retrying: is(row.retrying),
                due: is(row.due),
                later: is(row.later),
                letter: is(row.letter),
                delivered: is(row.delivered),
                dead: is(row.dead),
                cancelled: is(row.cancelled),
                here: is(row.here),
            };
            (row.id, facts)
        });
        Ok(facts.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_alive_delivery_says_where_the_task_is() {
        let none = Facts::default();
        let table = [
            (
                Facts {
                    retrying: true,
                    due: true,
                    letter: true,
                    ..none
                },
                3,
                TaskState::Retrying,
            ),
            (
                Facts {
                    due: true,
                    delivered: true,
                    ..none
                },
                2,
                TaskState::Pending,
            ),
            (Facts { later: true, ..none }, 1, TaskState::Scheduled),
            (
                Facts {
                    letter: true,
                    delivered: true,
                    dead: true,
                    ..none
                },
                2,
                TaskState::Dead,
            ),
            (
                Facts {
                    dead: true,
                    delivered: true,
                    ..none
                },
                1,
                TaskState::Delivered,
            ),
            (Facts { dead: true, ..none }, 1, TaskState::Dead),
            (
                Facts {
                    cancelled: true,
                    delivered: true,
                    ..none
                },
                2,
                TaskState::Cancelled,
            ),
            (none, 0, TaskState::Unmatched),
            (none, 1, TaskState::Pending),
        ];
        assert_eq!(state_of(none, 1, true), TaskState::Ended);
        assert_eq!(state_of(none, 0, true), TaskState::Unmatched);
        for (facts, fanout, expected) in table {
            assert_eq!(state_of(facts, fanout, false), expected, "{facts:?}");
        }
    }
}
