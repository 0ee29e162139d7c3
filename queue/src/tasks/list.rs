//! Lists of tasks, newest first. A page looks at a bounded number of tasks, whatever the filter finds among them: it may end early, and
//! says where to go on.

use std::{collections::HashMap, str::FromStr};

use chrono::{DateTime, Utc};
use proto::{RetryPolicy, TaskState};
use sqlx::{PgConnection, types::Json};

use super::{
    Row,
    facts::{Facts, state_of},
};
use crate::{
    db::Queue,
    error::{Problems, Result},
    glob, headers,
    id::{self, EndpointId, QueueId, TaskId},
};

/// Which tasks are meant.
#[derive(Debug, Clone, Default)]
pub struct TaskFilter {
    /// The queue's name.
    pub queue: String,
    /// A glob of types.
    pub kind: Option<String>,
    /// With a delivery to this endpoint, whatever became of it, as far as that is kept.
    pub endpoint: Option<EndpointId>,
    /// With this header of their own.
    pub header: Option<HeaderFilter>,
    /// Where they are.
    pub state: Option<TaskState>,
    /// Enqueued at or after.
    pub since: Option<DateTime<Utc>>,
    /// Enqueued before.
    pub until: Option<DateTime<Utc>>,
}

/// A header that a task was enqueued with. As text it is `name`, or `name:value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderFilter {
    /// Its name, in lower case: names do not differ by case.
    name: String,
    /// Its whole value, to the letter; `None` for any.
    value: Option<String>,
}

impl HeaderFilter {
    /// What its text looks like.
    pub const FORM: &str = "a header's name such as `x-shop`, or `name:value` for its whole value";
}

impl FromStr for HeaderFilter {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (name, value) = match text.split_once(':') {
            Some((name, value)) => (name, Some(value.trim().to_owned())),
            None => (text, None),
        };
        let name = name.trim().to_ascii_lowercase();
        // What no header can be is a slip, and not a filter that nothing meets; nor would the database take a NUL.
        let value_fits = value.as_deref().is_none_or(headers::is_value);
        (headers::is_name(&name) && value_fits)
            .then_some(Self { name, value })
            .ok_or(())
    }
}

/// A page of tasks. With a filter it can hold fewer than asked although more follow.
#[derive(Debug)]
pub struct TaskPage {
    /// The tasks, newest first, without payloads.
    pub tasks: Vec<proto::Task>,
    /// Where to go on; `None` at the end.
    pub next: Option<TaskId>,
}

/// Rows looked at for one page: what bounds the time of a type or a header that hardly any task has.
const LOOKED_AT: usize = 10_000;

/// Tasks of one page whose deliveries are looked at: what bounds the time of a state or an endpoint that hardly any task has. Each costs
/// several looks by index, where one that is passed over by its type costs none.
const WEIGHED: usize = 5_000;

/// Tasks of one statement while looking.
const CHUNK: i64 = 500;

/// Deliveries of one statement that looks for tasks by what waits; of a task there may be many.
const WAITING: i64 = 1_000;

/// While looking, the order comes from an index, and a statement ends with its limit. Planned with statistics from when the tables were small, it
/// would read all that is older and sort it, each time.
const IN_ORDER: &str = "SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off; SET LOCAL jit = off";

/// A task that was looked at.
struct Looked {
    id: TaskId,
    fanout: i32,
    /// Whether it has the type and the header that are meant.
    wanted: bool,
}

/// The tasks of one look, newest first.
struct Look {
    tasks: Vec<Looked>,
    /// How many rows were looked at for them.
    rows: usize,
    /// Whether no older ones are there.
    at_end: bool,
}

/// What the database decides of a filter.
struct Narrowing {
    queue: QueueId,
    /// A pattern for `LIKE`.
    kind: Option<String>,
    header: Option<HeaderFilter>,
    /// The smallest id that is meant.
    from: TaskId,
    /// Whether only those with deliveries that wait can be meant.
    waiting: bool,
}

impl TaskFilter {
    /// Whether more must be known of a task than its row says.
    fn weighs(&self) -> bool {
        self.state.is_some() || self.endpoint.is_some()
    }

    /// Whether a task is meant whose type, header and time are: by what is there of its deliveries. What is shown no longer is not found by it.
    fn means(&self, state: TaskState, here: bool, expired: bool) -> bool {
        self.state.is_none_or(|meant| meant == state)
            && (here || self.endpoint.is_none())
            && !(expired && self.header.is_some())
    }
}

impl Queue {
    /// Lists the tasks that a filter means, newest first, those before `before`, at most `limit`.
    pub async fn list_tasks(
        &self,
        filter: &TaskFilter,
        before: Option<TaskId>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<TaskPage> {
        let mut problems = Problems::default();
        problems.require(
            filter.kind.as_deref().is_none_or(glob::is_valid),
            "type",
            "a glob such as `invoice.*`",
        );
        problems.finish()?;
        let queue = self.find_queue(&filter.queue).await?.id;
        let narrowing = Narrowing {
            queue,
            kind: filter.kind.as_deref().map(glob::to_like),
            header: filter.header.clone(),
            from: filter.since.map_or(TaskId::nil(), id::floor),
            waiting: matches!(
                filter.state,
                Some(TaskState::Scheduled | TaskState::Pending | TaskState::Retrying)
            ),
        };
        let mut until = filter
            .until
            .map_or(TaskId::max(), id::floor)
            .min(before.unwrap_or(TaskId::max()));
        let retention = self.catalog().snapshot().retention(queue);
        let (mut chosen, mut looked, mut weighed) = (Vec::new(), 0, 0);
        let next = loop {
            let look = self.look_at_tasks(&narrowing, until).await?;
            until = look.tasks.last().map_or(until, |last| last.id);
            looked += look.rows;
            let mut wanted: Vec<Looked> = look.tasks.into_iter().filter(|task| task.wanted).collect();
            let room = limit - chosen.len();
            let passed_over = !filter.weighs() && wanted.len() > room;
            if passed_over {
                wanted.truncate(room);
                until = wanted.last().map_or(until, |last| last.id);
            }
            weighed += wanted.len();
            let ids: Vec<TaskId> = wanted.iter().map(|task| task.id).collect();
            let facts = self.facts(&ids, filter.endpoint, now).await?;
            for task in wanted {
                let facts = facts.get(&task.id).copied().unwrap_or_default();
                let state = state_of(facts, task.fanout, retention.is_traceless(task.id, now));
                if filter.means(state, facts.here, facts.is_expired(retention, task.id, now)) {
                    chosen.push((task.id, facts));
                }
                if chosen.len() == limit {
                    break;
                }
            }
            if let (true, Some((last, _))) = (chosen.len() == limit, chosen.last()) {
                break Some(*last);
            }
            if look.at_end && !passed_over {
                break None;
            }
            if looked >= LOOKED_AT || weighed >= WEIGHED {
                break Some(until);
            }
        };
        let tasks = self.show_all(chosen, now).await?;
        Ok(TaskPage { tasks, next })
    }

    /// Looks at the next tasks below `until`.
    async fn look_at_tasks(&self, narrowing: &Narrowing, until: TaskId) -> Result<Look> {
        let header = narrowing.header.as_ref();
        let name = header.map(|header| header.name.as_str());
        let value = header.and_then(|header| header.value.as_deref());
        let mut tx = self.inner.pool.begin().await?;
        sqlx::raw_sql(IN_ORDER).execute(&mut *tx).await?;
        let look = if narrowing.waiting {
            look_at_waiting(&mut tx, narrowing, name, value, until).await?
        } else {
            look_at_all(&mut tx, narrowing, name, value, until).await?
        };
        tx.commit().await?;
        Ok(look)
    }

    /// Reads what is shown of these tasks, in their order. One that retention took meanwhile is left out.
    async fn show_all(&self, chosen: Vec<(TaskId, Facts)>, now: DateTime<Utc>) -> Result<Vec<proto::Task>> {
        let ids: Vec<TaskId> = chosen.iter().map(|(id, _)| *id).collect();
        let facts: HashMap<TaskId, Facts> = chosen.into_iter().collect();
        let rows = sqlx::query_as!(
            Row,
            r#"-- list tasks
            SELECT id, queue_id, type AS kind, content_type, length(payload) AS "size!",
                headers AS "headers: Json<std::collections::BTreeMap<String, String>>", priority, due_at, expires_at,
                retry AS "retry: Json<RetryPolicy>", idempotency_key, fanout
            FROM tasks WHERE id = ANY($1) ORDER BY id DESC"#,
            &ids
        )
        .fetch_all(&self.inner.pool)
        .await?;
        let shown = rows.into_iter().map(|row| {
            let facts = facts.get(&row.id).copied().unwrap_or_default();
            self.show(row, facts, now)
        });
        Ok(shown.collect())
    }
}

/// The next tasks of a queue.
async fn look_at_all(
    connection: &mut PgConnection,
    narrowing: &Narrowing,
    name: Option<&str>,
    value: Option<&str>,
    until: TaskId,
) -> Result<Look> {
    let tasks = sqlx::query_as!(
        Looked,
        r#"-- look at tasks
        SELECT id, fanout,
            (($2::text IS NULL OR type LIKE $2) AND ($3::text IS NULL OR EXISTS (
                SELECT FROM jsonb_each_text(headers) AS h (name, value) WHERE lower(h.name) = $3 AND ($4::text IS NULL OR h.value = $4)
            ))) AS "wanted!"
        FROM tasks WHERE queue_id = $1 AND id >= $5 AND id < $6
        ORDER BY id DESC LIMIT $7"#,
        narrowing.queue,
        narrowing.kind,
        name,
        value,
        narrowing.from,
        until,
        CHUNK
    )
    .fetch_all(connection)
    .await?;
    Ok(Look {
        rows: tasks.len(),
        at_end: ends_before(tasks.len(), CHUNK),
        tasks,
    })
}

/// The same among the tasks that have deliveries which wait: found by those, which are few where the tasks are many.
async fn look_at_waiting(
    connection: &mut PgConnection,
    narrowing: &Narrowing,
    name: Option<&str>,
    value: Option<&str>,
    until: TaskId,
) -> Result<Look> {
    let rows = sqlx::query!(
        r#"-- look at waiting tasks
        WITH newest AS MATERIALIZED (
            -- a delivery's id sorts as its task's does
            SELECT task_id FROM deliveries WHERE purpose >= 0 AND queue_id = $1 AND id >= $5 AND id < $6 AND task_id < $6 ORDER BY id DESC LIMIT $7
        )
        SELECT looked.task_id AS "id!", coalesce(t.fanout, 0) AS "fanout!", coalesce(t.wanted, false) AS "wanted!", looked.rows AS "rows!"
        FROM (SELECT task_id, count(*) AS rows FROM newest GROUP BY task_id) AS looked LEFT JOIN LATERAL (
            SELECT fanout,
                (($2::text IS NULL OR type LIKE $2) AND ($3::text IS NULL OR EXISTS (
                    SELECT FROM jsonb_each_text(headers) AS h (name, value) WHERE lower(h.name) = $3 AND ($4::text IS NULL OR h.value = $4)
                ))) AS wanted
            -- one by one: a join might read the whole table
            FROM tasks WHERE id = looked.task_id LIMIT 1
        ) AS t ON true
        ORDER BY looked.task_id DESC"#,
        narrowing.queue,
        narrowing.kind,
        name,
        value,
        narrowing.from,
        until,
        WAITING
    )
    .fetch_all(connection)
    .await?;
    let read: i64 = rows.iter().map(|row| row.rows).sum();
    let read = usize::try_from(read).unwrap_or(usize::MAX);
    let tasks = rows.into_iter().map(|row| Looked {
        id: row.id,
        fanout: row.fanout,
        wanted: row.wanted,
    });
    Ok(Look {
        rows: read,
        at_end: ends_before(read, WAITING),
        tasks: tasks.collect(),
    })
}

/// Whether so few rows are all that there are.
fn ends_before(rows: usize, limit: i64) -> bool {
    i64::try_from(rows).is_ok_and(|rows| rows < limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_name_and_perhaps_a_value() {
        let of = |name: &str, value: Option<&str>| {
            Ok(HeaderFilter {
                name: name.to_owned(),
                value: value.map(ToOwned::to_owned),
            })
        };
        for (text, read) in [
            ("X-Shop", of("x-shop", None)),
            ("x-shop:7", of("x-shop", Some("7"))),
            ("X-Shop: A:b ", of("x-shop", Some("A:b"))),
            ("x-shop:", of("x-shop", Some(""))),
            ("", Err(())),
            (":7", Err(())),
            ("x shop", Err(())),
            ("x:\0", Err(())),
            ("x:ü", Err(())),
        ] {
            assert_eq!(text.parse::<HeaderFilter>(), read, "{text:?}");
        }
    }

    #[test]
    fn what_a_filter_means_beyond_the_row() {
        let state = |state| TaskFilter {
            state: Some(state),
            ..TaskFilter::default()
        };
        let endpoint = TaskFilter {
            endpoint: Some(EndpointId::max()),
            ..TaskFilter::default()
        };
        let header = TaskFilter {
            header: "x".parse().ok(),
            ..TaskFilter::default()
        };
        let (dead, pending) = (TaskState::Dead, TaskState::Pending);
        for (filter, is, here, expired, meant) in [
            (TaskFilter::default(), dead, false, true, true),
            (state(dead), dead, false, true, true),
            (state(dead), pending, true, false, false),
            (endpoint.clone(), dead, true, true, true),
            (endpoint, dead, false, false, false),
            (header.clone(), dead, false, false, true),
            (header, dead, true, true, false),
        ] {
            assert_eq!(
                filter.means(is, here, expired),
                meant,
                "{filter:?} {is:?} {here} {expired}"
            );
        }
    }
}
