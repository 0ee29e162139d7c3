//! The rows of one statement: fan-out and ids.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};

use super::{Target, Unit};
use crate::{
    catalog::Snapshot,
    delivery::{Delivery, Purpose},
    id::{self, DeliveryId, EndpointId, QueueId, TaskId},
    load::TEST_PRIORITY,
    ordering,
    task::{Checked, Content, DEFAULT_PRIORITY},
};

/// Adds tasks to the rows of one statement.
pub(super) struct Planner<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) rows: &'a mut Rows,
    /// Idempotency keys of this very group: the first task with a key is inserted, the others share its row.
    pub(super) keys: HashMap<(QueueId, String), usize>,
}

impl Planner<'_> {
    /// Returns the id minted for the task, and the row that holds it: an earlier one's if it repeats that one's idempotency key.
    pub(super) fn add(
        &mut self,
        unit: &Unit,
        checked: &Checked,
        mint: &mut impl FnMut() -> TaskId,
    ) -> (TaskId, usize) {
        let (id, row) = (mint(), self.rows.tasks.len());
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
        let own = checked.task.ordering_key.as_deref();
        let endpoints: Vec<(EndpointId, Option<Arc<str>>)> = match (unit.target, queue) {
            (Target::Test(endpoint), _) => vec![(endpoint, None)],
            (Target::Matching, Some(queue)) => self
                .snapshot
                .matching(queue, &checked.task.kind)
                .map(|e| (e.id, ordering::key_of(e.settings.ordering, own).map(Arc::from)))
                .collect(),
            // Deleted between the look-up and now: stored, and sent nowhere.
            (Target::Matching, None) => vec![],
        };
        let (purpose, priority) = match unit.target {
            Target::Matching => (Purpose::Live, checked.task.priority.unwrap_or(DEFAULT_PRIORITY)),
            Target::Test(_) => (Purpose::Test, TEST_PRIORITY),
        };
        self.rows
            .add(id, unit.queue.id, checked, endpoints, purpose, priority);
        (id, row)
    }
}

/// What one statement inserts.
#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) tasks: Vec<TaskRow>,
    pub(super) deliveries: Vec<DeliveryRow>,
}

/// A task to be inserted.
pub(crate) struct TaskRow {
    /// Shared with the deliveries that go straight to their lanes.
    pub(crate) content: Arc<Content>,
    pub(crate) fanout: u32,
    pub(super) priority: u8,
    pub(crate) due_at: DateTime<Utc>,
    pub(super) expires_at: Option<DateTime<Utc>>,
    pub(super) idempotency_key: Option<String>,
    pub(super) fingerprint: Option<[u8; 32]>,
    pub(super) purpose: Purpose,
}

/// A delivery to be inserted.
pub(super) struct DeliveryRow {
    pub(super) id: DeliveryId,
    /// Which of the tasks.
    pub(super) task: usize,
    pub(super) endpoint_id: EndpointId,
    pub(super) ordering_key: Option<Arc<str>>,
}

impl TaskRow {
    pub(crate) fn id(&self) -> TaskId {
        self.content.id
    }
}

impl Rows {
    fn add(
        &mut self,
        id: TaskId,
        queue_id: QueueId,
        checked: &Checked,
        endpoints: Vec<(EndpointId, Option<Arc<str>>)>,
        purpose: Purpose,
        priority: u8,
    ) {
        let Checked {
            task,
            due_at,
            fingerprint,
        } = checked;
        let fanout = u32::try_from(endpoints.len()).unwrap_or(u32::MAX);
        let deliveries = endpoints
            .into_iter()
            .map(|(endpoint_id, ordering_key)| DeliveryRow {
                id: DeliveryId::nil(),
                task: self.tasks.len(),
                endpoint_id,
                ordering_key,
            });
        self.deliveries.extend(deliveries);
        let content = Content {
            id,
            queue_id,
            kind: task.kind.clone(),
            content_type: task.content_type.clone(),
            payload: task.payload.clone(),
            headers: task.headers.clone(),
            retry: task.retry.clone(),
        };
        self.tasks.push(TaskRow {
            content: Arc::new(content),
            fanout,
            priority,
            due_at: *due_at,
            expires_at: task.expires_at,
            idempotency_key: task.idempotency_key.clone(),
            fingerprint: *fingerprint,
            purpose,
        });
    }

    /// How many deliveries each queue got, of the tasks that were kept.
    pub(super) fn deeper(&self, kept: &Kept) -> BTreeMap<QueueId, i64> {
        let mut deeper = BTreeMap::new();
        for task in self
            .tasks
            .iter()
            .filter(|task| task.fanout > 0 && kept.has(task.id()))
        {
            *deeper.entry(task.content.queue_id).or_default() += i64::from(task.fanout);
        }
        deeper
    }

    pub(super) fn add_delivery_ids(&mut self, rng: &mut impl rand::Rng) {
        for delivery in &mut self.deliveries {
            delivery.id = id::delivery_of(self.tasks[delivery.task].id(), rng);
        }
    }

    /// The deliveries that `wanted` (task, endpoint) says yes to, as the dispatcher takes them.
    pub(super) fn into_deliveries(
        self,
        mut wanted: impl FnMut(TaskId, EndpointId) -> bool,
        out: &mut Vec<Delivery>,
    ) {
        for row in &self.deliveries {
            let task = &self.tasks[row.task];
            if !wanted(task.id(), row.endpoint_id) {
                continue;
            }
            out.push(Delivery {
                id: row.id,
                endpoint_id: row.endpoint_id,
                content: task.content.clone(),
                due_at: task.due_at,
                since: task.due_at,
                expires_at: task.expires_at,
                priority: task.priority,
                attempts: 0,
                purpose: task.purpose,
                ordering_key: row.ordering_key.clone(),
            });
        }
    }
}

/// Which tasks of a statement were inserted.
pub(crate) enum Kept {
    /// All: none had an idempotency key that was taken.
    All,
    /// All but these, whose idempotency keys were taken.
    AllBut(HashSet<TaskId>),
}

impl Kept {
    pub(crate) fn has(&self, task: TaskId) -> bool {
        match self {
            Self::All => true,
            Self::AllBut(lost) => !lost.contains(&task),
        }
    }
}
