//! Enqueue: group commit. Concurrent enqueues share one statement, which is one transaction: tasks, deliveries and idempotency keys.
//!
//! A writer takes everything that is waiting, commits it, and answers each waiter. Idle, one task commits alone at once: there is no
//! timer and no added latency. While one writer waits for the database, the next gathers.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tracing::warn;

use crate::{
    catalog::{QueueEntry, Snapshot},
    db::Queue,
    delivery::{Delivery, Purpose},
    error::{Error, Result},
    id::{self, DeliveryId, EndpointId, QueueId, TaskId},
    listen,
    load::TEST_PRIORITY,
    task::{Checked, Content, DEFAULT_PRIORITY},
};

/// How enqueues are gathered.
#[derive(Debug, Clone)]
pub struct Config {
    /// How many group commits are under way at once. Two keep the database busy while the other batch is gathered.
    pub writers: usize,
    /// Most tasks of one statement: beyond some thousand a larger one is no faster, only later.
    pub group_tasks: usize,
    /// Most payload bytes of one statement, unless a single task has more.
    pub group_bytes: usize,
    /// Most deliveries of one statement, unless a single task makes more: a queue may have thousands of endpoints.
    pub group_deliveries: usize,
    /// Most bytes of tasks that wait for their commit; what comes beyond is refused with 503 and nothing stored.
    pub waiting_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            writers: 2,
            group_tasks: 2_000,
            group_bytes: 4 << 20,
            group_deliveries: 10_000,
            waiting_bytes: 64 << 20,
        }
    }
}

/// What a waiter is told of one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The task's id; of a repeat, the first one's.
    pub id: TaskId,
    /// How many deliveries were made of it.
    pub deliveries: u32,
    /// Whether a task with its idempotency key was there already.
    pub repeated: bool,
}

/// The same idempotency key was used with other content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyReused;

/// Where a task goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// To every endpoint of its queue that wants its type.
    Matching,
    /// To one endpoint, as a test.
    Test(EndpointId),
}

type Answer = Result<Vec<Result<Receipt, KeyReused>>>;

struct Unit {
    queue: Arc<QueueEntry>,
    tasks: Vec<Checked>,
    target: Target,
    now: DateTime<Utc>,
    answer: oneshot::Sender<Answer>,
    _memory: OwnedSemaphorePermit,
}

/// Gathers and commits. Cheap to clone; the writers stop when the last clone is gone and all is committed.
#[derive(Clone)]
pub struct Enqueuer {
    units: mpsc::UnboundedSender<Unit>,
    memory: Arc<Semaphore>,
    most: u32,
}

impl std::fmt::Debug for Enqueuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Enqueuer").finish_non_exhaustive()
    }
}

impl Enqueuer {
    /// Starts the writers. What they commit for this node's shards is offered to its dispatcher; the owners of other shards are notified.
    pub fn start(queue: &Queue, config: &Config) -> Self {
        let (units, waiting) = mpsc::unbounded_channel();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..config.writers.max(1) {
            let writer = Writer {
                queue: queue.clone(),
                config: config.clone(),
            };
            tokio::spawn(writer.run(waiting.clone()));
        }
        let most = u32::try_from(config.waiting_bytes).unwrap_or(u32::MAX);
        Self {
            units,
            memory: Arc::new(Semaphore::new(most as usize)),
            most,
        }
    }

    /// Commits tasks to a queue, and answers for each in order. An error means that nothing is promised: the tasks may be given again.
    pub async fn enqueue(
        &self,
        queue: Arc<QueueEntry>,
        tasks: Vec<Checked>,
        target: Target,
        now: DateTime<Utc>,
    ) -> Answer {
        if tasks.is_empty() {
            return Ok(vec![]);
        }
        let bytes: usize = tasks.iter().map(|t| t.task.payload.len() + 1_024).sum();
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.most);
        let memory = self.memory.clone().try_acquire_many_owned(bytes).map_err(|_| {
            Error::Unavailable(
                "too many tasks are waiting to be committed; the database is slower than the producers"
                    .into(),
            )
        })?;
        let (answer, committed) = oneshot::channel();
        let stopped = || Error::Unavailable("this node is shutting down".into());
        self.units
            .send(Unit {
                queue,
                tasks,
                target,
                now,
                answer,
                _memory: memory,
            })
            .map_err(|_| stopped())?;
        committed.await.map_err(|_| stopped())?
    }
}

struct Writer {
    queue: Queue,
    config: Config,
}

impl Writer {
    async fn run(self, waiting: Arc<Mutex<mpsc::UnboundedReceiver<Unit>>>) {
        loop {
            let units = self.gather(&mut *waiting.lock().await).await;
            if units.is_empty() {
                return;
            }
            self.commit(units).await;
        }
    }

    async fn gather(&self, waiting: &mut mpsc::UnboundedReceiver<Unit>) -> Vec<Unit> {
        let Some(first) = waiting.recv().await else {
            return vec![];
        };
        let size = |unit: &Unit| unit.tasks.iter().map(|t| t.task.payload.len()).sum::<usize>();
        let (mut tasks, mut bytes) = (first.tasks.len(), size(&first));
        let mut units = vec![first];
        while tasks < self.config.group_tasks && bytes < self.config.group_bytes {
            let Ok(unit) = waiting.try_recv() else { break };
            tasks += unit.tasks.len();
            bytes += size(&unit);
            units.push(unit);
        }
        units
    }

    /// Commits what was gathered, in as few statements as the limits allow, and answers.
    async fn commit(&self, mut units: Vec<Unit>) {
        let mut answers: Vec<Answer> = units
            .iter()
            .map(|unit| Ok(Vec::with_capacity(unit.tasks.len())))
            .collect();
        let mut todo: Vec<(usize, Checked)> = Vec::new();
        for (index, unit) in units.iter_mut().enumerate() {
            todo.extend(
                std::mem::take(&mut unit.tasks)
                    .into_iter()
                    .map(|task| (index, task)),
            );
        }
        let mut todo = todo.into_iter().peekable();
        while todo.peek().is_some() {
            let group = self.next_group(&units, &mut todo);
            match self.commit_group(&units, &group).await {
                Ok(receipts) => {
                    for ((unit, _), receipt) in group.iter().zip(receipts) {
                        if let Ok(answer) = &mut answers[*unit] {
                            answer.push(receipt);
                        }
                    }
                }
                Err(error) => {
                    warn!(%error, tasks = group.len(), "tasks could not be committed");
                    if let Some(door) = self.queue.door() {
                        door.look();
                    }
                    for (unit, _) in &group {
                        answers[*unit] = Err(again(&error));
                    }
                }
            }
        }
        for (unit, answer) in units.into_iter().zip(answers) {
            // A waiter that has gone away left its task here all the same: it is committed and will be delivered.
            let _ = unit.answer.send(answer);
        }
    }

    fn next_group(
        &self,
        units: &[Unit],
        todo: &mut std::iter::Peekable<impl Iterator<Item = (usize, Checked)>>,
    ) -> Vec<(usize, Checked)> {
        let (mut group, mut bytes, mut deliveries) = (vec![], 0, 0);
        while let Some((unit, task)) = todo.peek() {
            let (size, fanout) = (task.task.payload.len(), units[*unit].queue.endpoints.len());
            let full = group.len() >= self.config.group_tasks
                || bytes + size > self.config.group_bytes
                || deliveries + fanout > self.config.group_deliveries;
            if full && !group.is_empty() {
                break;
            }
            bytes += size;
            deliveries += fanout;
            group.extend(todo.next());
        }
        group
    }

    async fn commit_group(
        &self,
        units: &[Unit],
        group: &[(usize, Checked)],
    ) -> Result<Vec<Result<Receipt, KeyReused>>> {
        // The version moves only when somebody changes queues or endpoints at this very moment; three in a row is a storm of changes.
        for _ in 0..20 {
            let snapshot = self.queue.catalog().snapshot();
            let mut rows = Rows::default();
            let plan = self.queue.with_ids(|mint, rng| {
                let mut planner = Planner {
                    snapshot: &snapshot,
                    rows: &mut rows,
                    keys: HashMap::new(),
                };
                let mut mints = || mint.next(units[group[0].0].now, rng);
                let tasks: Vec<(TaskId, usize)> = group
                    .iter()
                    .map(|(unit, checked)| planner.add(&units[*unit], checked, &mut mints))
                    .collect();
                rows.add_delivery_ids(rng);
                tasks
            });
            let Some(kept) = self.queue.insert(snapshot.version, &rows).await? else {
                self.queue.refresh_catalog().await?;
                continue;
            };
            return self.settle(&snapshot, rows, &plan, group, kept).await;
        }
        Err(Error::Unavailable(
            "the catalog keeps changing under the enqueue".into(),
        ))
    }

    /// After the commit: offers what this node pushes, notifies the owners of the rest, and makes the receipts.
    async fn settle(
        &self,
        snapshot: &Snapshot,
        rows: Rows,
        plan: &[(TaskId, usize)],
        group: &[(usize, Checked)],
        kept: Kept,
    ) -> Result<Vec<Result<Receipt, KeyReused>>> {
        let firsts = self.queue.firsts(&rows, &kept).await?;
        let receipts = plan
            .iter()
            .zip(group)
            .map(|((id, row), (_, checked))| {
                if let Some(first) = firsts.get(id) {
                    if Some(first.fingerprint) != checked.fingerprint {
                        return Err(KeyReused);
                    }
                    return Ok(Receipt {
                        id: first.task_id,
                        deliveries: first.fanout,
                        repeated: true,
                    });
                }
                let repeated = rows.ids[*row] != *id;
                if repeated && rows.fingerprints[*row] != checked.fingerprint {
                    return Err(KeyReused);
                }
                let (id, deliveries) = (rows.ids[*row], u32::try_from(rows.fanouts[*row]).unwrap_or(0));
                Ok(Receipt {
                    id,
                    deliveries,
                    repeated,
                })
            })
            .collect();
        self.queue.inner.rollups.enqueued(&rows, &kept);
        self.hand_over(snapshot, rows, &kept).await;
        Ok(receipts)
    }

    async fn hand_over(&self, snapshot: &Snapshot, rows: Rows, kept: &Kept) {
        let (mut mine, mut theirs) = (Vec::new(), Vec::new());
        rows.into_deliveries(
            |task, endpoint| {
                if !kept.has(task) {
                    return false;
                }
                let Some(endpoint) = snapshot.endpoints.get(&endpoint) else {
                    return false;
                };
                let ours = self.queue.door().is_some_and(|door| door.owns(endpoint.shard));
                if !ours {
                    theirs.push(endpoint.shard);
                }
                ours
            },
            &mut mine,
        );
        if let Some(door) = self.queue.door().filter(|_| !mine.is_empty()) {
            door.offer(mine);
        }
        if !theirs.is_empty()
            && let Err(error) = self.queue.notify_work(theirs).await
        {
            warn!(%error, "the owners of other shards could not be notified; they find the deliveries at their next look");
        }
    }
}

fn again(error: &Error) -> Error {
    Error::Unavailable(error.to_string())
}

/// Adds tasks to the rows of one statement.
struct Planner<'a> {
    snapshot: &'a Snapshot,
    rows: &'a mut Rows,
    /// Idempotency keys of this very group: the first task with a key is inserted, the others share its row.
    keys: HashMap<(QueueId, String), usize>,
}

impl Planner<'_> {
    /// Returns the id minted for the task, and the row that holds it: an earlier one's if it repeats that one's idempotency key.
    fn add(&mut self, unit: &Unit, checked: &Checked, mint: &mut impl FnMut() -> TaskId) -> (TaskId, usize) {
        let (id, row) = (mint(), self.rows.ids.len());
        if let Some(key) = &checked.task.idempotency_key {
            let first = *self.keys.entry((unit.queue.id, key.clone())).or_insert(row);
            if first != row {
                return (id, first);
            }
        }
        let queue = self
            .snapshot
            .queues
            .get(&unit.queue.name)
            .filter(|queue| queue.id == unit.queue.id);
        let endpoints: Vec<EndpointId> = match (unit.target, queue) {
            (Target::Test(endpoint), _) => vec![endpoint],
            (Target::Matching, Some(queue)) => self
                .snapshot
                .matching(queue, &checked.task.kind)
                .map(|e| e.id)
                .collect(),
            // Deleted between the look-up and now: stored, and sent nowhere.
            (Target::Matching, None) => vec![],
        };
        let (purpose, priority) = match unit.target {
            Target::Matching => (Purpose::Live, checked.task.priority.unwrap_or(DEFAULT_PRIORITY)),
            Target::Test(_) => (Purpose::Test, TEST_PRIORITY),
        };
        self.rows
            .add(id, unit.queue.id, checked, &endpoints, purpose, priority);
        (id, row)
    }
}

/// The columns of one statement.
#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) ids: Vec<TaskId>,
    pub(crate) queues: Vec<QueueId>,
    pub(crate) fanouts: Vec<i32>,
    kinds: Vec<String>,
    content_types: Vec<String>,
    payloads: Vec<bytes::Bytes>,
    headers: Vec<Option<Json<std::collections::BTreeMap<String, String>>>>,
    priorities: Vec<i16>,
    due: Vec<DateTime<Utc>>,
    expires: Vec<Option<DateTime<Utc>>>,
    retries: Vec<Option<Json<proto::RetryPolicy>>>,
    keys: Vec<Option<String>>,
    fingerprints: Vec<Option<[u8; 32]>>,
    purposes: Vec<Purpose>,
    // One a delivery.
    delivery_ids: Vec<DeliveryId>,
    delivery_rows: Vec<usize>,
    delivery_endpoints: Vec<EndpointId>,
}

impl Rows {
    fn add(
        &mut self,
        id: TaskId,
        queue: QueueId,
        checked: &Checked,
        endpoints: &[EndpointId],
        purpose: Purpose,
        priority: u8,
    ) {
        let Checked {
            task,
            due_at,
            fingerprint,
        } = checked;
        self.delivery_rows
            .extend(endpoints.iter().map(|_| self.ids.len()));
        self.delivery_endpoints.extend(endpoints);
        self.ids.push(id);
        self.queues.push(queue);
        self.fanouts
            .push(i32::try_from(endpoints.len()).unwrap_or(i32::MAX));
        self.kinds.push(task.kind.clone());
        self.content_types.push(task.content_type.clone());
        self.payloads.push(task.payload.clone());
        self.headers
            .push((!task.headers.is_empty()).then(|| Json(task.headers.clone())));
        self.priorities.push(i16::from(priority));
        self.due.push(*due_at);
        self.expires.push(task.expires_at);
        self.retries.push(task.retry.clone().map(Json));
        self.keys.push(task.idempotency_key.clone());
        self.fingerprints.push(*fingerprint);
        self.purposes.push(purpose);
    }

    fn add_delivery_ids(&mut self, rng: &mut impl rand::Rng) {
        self.delivery_ids = self
            .delivery_rows
            .iter()
            .map(|row| id::delivery_of(self.ids[*row], rng))
            .collect();
    }

    /// The deliveries that `wanted` (task, endpoint) says yes to, as the dispatcher takes them.
    fn into_deliveries(self, mut wanted: impl FnMut(TaskId, EndpointId) -> bool, out: &mut Vec<Delivery>) {
        let mut shared: Option<(usize, Arc<Content>)> = None;
        for ((id, row), endpoint_id) in self
            .delivery_ids
            .iter()
            .zip(&self.delivery_rows)
            .zip(&self.delivery_endpoints)
        {
            if !wanted(self.ids[*row], *endpoint_id) {
                continue;
            }
            let content = match &shared {
                Some((last, content)) if last == row => content.clone(),
                _ => Arc::new(self.content(*row)),
            };
            shared = Some((*row, content.clone()));
            out.push(Delivery {
                id: *id,
                endpoint_id: *endpoint_id,
                content,
                due_at: self.due[*row],
                expires_at: self.expires[*row],
                priority: u8::try_from(self.priorities[*row]).unwrap_or(DEFAULT_PRIORITY),
                attempts: 0,
                purpose: self.purposes[*row],
            });
        }
    }

    fn content(&self, row: usize) -> Content {
        Content {
            id: self.ids[row],
            queue_id: self.queues[row],
            kind: self.kinds[row].clone(),
            content_type: self.content_types[row].clone(),
            payload: self.payloads[row].clone(),
            headers: self.headers[row]
                .as_ref()
                .map(|h| h.0.clone())
                .unwrap_or_default(),
            retry: self.retries[row].as_ref().map(|r| r.0.clone()),
        }
    }
}

/// Which tasks of a statement were inserted.
pub(crate) enum Kept {
    /// All: none had an idempotency key that was taken.
    All,
    /// All but these, whose idempotency keys were taken.
    AllBut(std::collections::HashSet<TaskId>),
}

impl Kept {
    pub(crate) fn has(&self, task: TaskId) -> bool {
        match self {
            Self::All => true,
            Self::AllBut(lost) => !lost.contains(&task),
        }
    }
}

/// The task that had an idempotency key first.
struct First {
    task_id: TaskId,
    fanout: u32,
    fingerprint: [u8; 32],
}

impl Queue {
    /// Inserts tasks and deliveries in one statement; `None` if the catalog is not of this version any more, and nothing was inserted.
    async fn insert(&self, version: i64, rows: &Rows) -> Result<Option<Kept>> {
        let keyed = rows.keys.iter().any(Option::is_some);
        let payloads: Vec<&[u8]> = rows.payloads.iter().map(AsRef::as_ref).collect();
        let of_row = |row: &usize| *row;
        let delivery_tasks: Vec<_> = rows.delivery_rows.iter().map(|r| rows.ids[of_row(r)]).collect();
        let delivery_queues: Vec<_> = rows.delivery_rows.iter().map(|r| rows.queues[*r]).collect();
        let delivery_due: Vec<_> = rows.delivery_rows.iter().map(|r| rows.due[*r]).collect();
        let delivery_expires: Vec<_> = rows.delivery_rows.iter().map(|r| rows.expires[*r]).collect();
        let delivery_priorities: Vec<_> = rows.delivery_rows.iter().map(|r| rows.priorities[*r]).collect();
        let delivery_purposes: Vec<_> = rows
            .delivery_rows
            .iter()
            .map(|r| rows.purposes[*r].code())
            .collect();
        let delivery_sizes: Vec<_> = rows
            .delivery_rows
            .iter()
            .map(|r| i32::try_from(rows.payloads[*r].len()).unwrap_or(i32::MAX))
            .collect();
        if !keyed {
            let done = sqlx::query!(
                r#"-- enqueue
                WITH guard AS (
                    -- nothing is inserted unless the fan-out was made from the catalog as it is now
                    SELECT FROM catalog WHERE version = $1
                ), stored AS (
                    INSERT INTO tasks (id, queue_id, type, content_type, payload, headers, priority, due_at, expires_at, retry, fanout)
                    SELECT t.* FROM guard, unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bytea[], $7::jsonb[], $8::smallint[],
                        $9::timestamptz[], $10::timestamptz[], $11::jsonb[], $12::int[]) AS t
                ), sent AS (
                    INSERT INTO deliveries (id, task_id, queue_id, endpoint_id, due_at, expires_at, size, priority, purpose)
                    SELECT d.* FROM guard, unnest($13::uuid[], $14::uuid[], $15::uuid[], $16::uuid[], $17::timestamptz[], $18::timestamptz[],
                        $19::int[], $20::smallint[], $21::smallint[]) AS d
                )
                SELECT EXISTS (SELECT FROM guard) AS "current!""#,
                version,
                &rows.ids,
                &rows.queues,
                &rows.kinds,
                &rows.content_types,
                &payloads as &[&[u8]],
                &rows.headers as &[Option<Json<std::collections::BTreeMap<String, String>>>],
                &rows.priorities,
                &rows.due,
                &rows.expires as &[Option<DateTime<Utc>>],
                &rows.retries as &[Option<Json<proto::RetryPolicy>>],
                &rows.fanouts,
                &rows.delivery_ids,
                &delivery_tasks,
                &delivery_queues,
                &rows.delivery_endpoints,
                &delivery_due,
                &delivery_expires as &[Option<DateTime<Utc>>],
                &delivery_sizes,
                &delivery_priorities,
                &delivery_purposes,
            )
            .fetch_one(&self.inner.hot)
            .await?;
            return Ok(done.current.then_some(Kept::All));
        }
        let fingerprints: Vec<Option<&[u8]>> = rows
            .fingerprints
            .iter()
            .map(|f| f.as_ref().map(<[u8; 32]>::as_slice))
            .collect();
        let window = self.inner.config.idempotency_window.as_secs_f64();
        let done = sqlx::query!(
            r#"-- enqueue with idempotency keys
            WITH guard AS (
                SELECT FROM catalog WHERE version = $1
            ), given AS MATERIALIZED (
                SELECT t.* FROM guard, unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bytea[], $7::jsonb[], $8::smallint[],
                    $9::timestamptz[], $10::timestamptz[], $11::jsonb[], $12::text[], $13::int[], $14::bytea[])
                    AS t (id, queue_id, type, content_type, payload, headers, priority, due_at, expires_at, retry, key, fanout, fingerprint)
            ), claimed AS (
                -- in the keys' order, so that two statements never wait for each other; an expired key is taken over
                INSERT INTO idempotency_keys AS k (queue_id, key, task_id, fanout, fingerprint, expires_at)
                SELECT queue_id, key, id, fanout, fingerprint, now() + make_interval(secs => $15)
                FROM given WHERE key IS NOT NULL ORDER BY queue_id, key
                ON CONFLICT (queue_id, key) DO UPDATE
                    SET task_id = excluded.task_id, fanout = excluded.fanout, fingerprint = excluded.fingerprint, expires_at = excluded.expires_at
                    WHERE k.expires_at <= now()
                RETURNING task_id
            ), stored AS (
                INSERT INTO tasks (id, queue_id, type, content_type, payload, headers, priority, due_at, expires_at, retry, idempotency_key, fanout)
                SELECT id, queue_id, type, content_type, payload, headers, priority, due_at, expires_at, retry, key, fanout
                FROM given WHERE key IS NULL OR id IN (SELECT task_id FROM claimed)
                RETURNING id
            ), sent AS (
                INSERT INTO deliveries (id, task_id, queue_id, endpoint_id, due_at, expires_at, size, priority, purpose)
                SELECT d.* FROM unnest($16::uuid[], $17::uuid[], $18::uuid[], $19::uuid[], $20::timestamptz[], $21::timestamptz[],
                    $22::int[], $23::smallint[], $24::smallint[])
                    AS d (id, task_id, queue_id, endpoint_id, due_at, expires_at, size, priority, purpose)
                WHERE d.task_id IN (SELECT id FROM stored)
            )
            SELECT EXISTS (SELECT FROM guard) AS "current!", ARRAY(SELECT id FROM stored) AS "stored!""#,
            version,
            &rows.ids,
            &rows.queues,
            &rows.kinds,
            &rows.content_types,
            &payloads as &[&[u8]],
            &rows.headers as &[Option<Json<std::collections::BTreeMap<String, String>>>],
            &rows.priorities,
            &rows.due,
            &rows.expires as &[Option<DateTime<Utc>>],
            &rows.retries as &[Option<Json<proto::RetryPolicy>>],
            &rows.keys as &[Option<String>],
            &rows.fanouts,
            &fingerprints as &[Option<&[u8]>],
            window,
            &rows.delivery_ids,
            &delivery_tasks,
            &delivery_queues,
            &rows.delivery_endpoints,
            &delivery_due,
            &delivery_expires as &[Option<DateTime<Utc>>],
            &delivery_sizes,
            &delivery_priorities,
            &delivery_purposes,
        )
        .fetch_one(&self.inner.hot)
        .await?;
        if !done.current {
            return Ok(None);
        }
        let stored: std::collections::HashSet<TaskId> = done.stored.into_iter().collect();
        let lost: std::collections::HashSet<_> = rows
            .ids
            .iter()
            .filter(|id| !stored.contains(id))
            .copied()
            .collect();
        Ok(Some(if lost.is_empty() {
            Kept::All
        } else {
            Kept::AllBut(lost)
        }))
    }

    /// For each task that lost its idempotency key: the task that has it. Keyed by the loser's id.
    async fn firsts(&self, rows: &Rows, kept: &Kept) -> Result<HashMap<TaskId, First>> {
        let Kept::AllBut(lost) = kept else {
            return Ok(HashMap::new());
        };
        let wanted: Vec<usize> = (0..rows.ids.len())
            .filter(|row| lost.contains(&rows.ids[*row]))
            .collect();
        let queues: Vec<QueueId> = wanted.iter().map(|row| rows.queues[*row]).collect();
        let keys: Vec<String> = wanted
            .iter()
            .map(|row| rows.keys[*row].clone().unwrap_or_default())
            .collect();
        let losers: Vec<TaskId> = wanted.iter().map(|row| rows.ids[*row]).collect();
        let found = sqlx::query!(
            r#"-- who has the idempotency keys
            SELECT g.loser AS "loser!", k.task_id, k.fanout, k.fingerprint
            FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS g (queue_id, key, loser)
            JOIN idempotency_keys k ON k.queue_id = g.queue_id AND k.key = g.key"#,
            &queues,
            &keys,
            &losers
        )
        .fetch_all(&self.inner.hot)
        .await?;
        let mut firsts = HashMap::new();
        for row in found {
            let fingerprint = row.fingerprint.as_slice().try_into().map_err(|_| {
                Error::corrupt("idempotency_keys", "fingerprint", row.task_id, "not 32 bytes")
            })?;
            let first = First {
                task_id: row.task_id,
                fanout: u32::try_from(row.fanout).unwrap_or(0),
                fingerprint,
            };
            firsts.insert(row.loser, first);
        }
        Ok(firsts)
    }

    /// Tells the nodes that push for these shards that there is work: one notification, whatever the number of deliveries.
    pub(crate) async fn notify_work(&self, mut shards: Vec<u8>) -> Result<()> {
        shards.sort_unstable();
        shards.dedup();
        sqlx::query!(
            "-- notify\nSELECT pg_notify($1, $2)",
            listen::WORK,
            listen::shards_to_text(&shards)
        )
        .execute(&self.inner.hot)
        .await?;
        Ok(())
    }
}
