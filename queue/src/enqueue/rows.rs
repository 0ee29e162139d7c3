//! The rows of one statement: fan-out, ids, columns.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use proto::RetryPolicy;
use sqlx::types::Json;

use super::{Target, Unit};
use crate::{
    catalog::Snapshot,
    delivery::{Delivery, Purpose},
    id::{self, DeliveryId, EndpointId, QueueId, TaskId},
    load::TEST_PRIORITY,
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
    pub(super) kinds: Vec<String>,
    pub(super) content_types: Vec<String>,
    pub(super) payloads: Vec<Bytes>,
    pub(super) headers: Vec<Option<Json<BTreeMap<String, String>>>>,
    pub(super) priorities: Vec<i16>,
    pub(super) due: Vec<DateTime<Utc>>,
    pub(super) expires: Vec<Option<DateTime<Utc>>>,
    pub(super) retries: Vec<Option<Json<RetryPolicy>>>,
    pub(super) keys: Vec<Option<String>>,
    pub(super) fingerprints: Vec<Option<[u8; 32]>>,
    pub(super) purposes: Vec<Purpose>,
    // One a delivery: its id, the row of its task, its endpoint.
    pub(super) sent_ids: Vec<DeliveryId>,
    pub(super) sent_of: Vec<usize>,
    pub(super) sent_endpoints: Vec<EndpointId>,
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
        self.sent_of.extend(endpoints.iter().map(|_| self.ids.len()));
        self.sent_endpoints.extend(endpoints);
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

    pub(super) fn add_delivery_ids(&mut self, rng: &mut impl rand::Rng) {
        self.sent_ids = self
            .sent_of
            .iter()
            .map(|row| id::delivery_of(self.ids[*row], rng))
            .collect();
    }

    /// The deliveries that `wanted` (task, endpoint) says yes to, as the dispatcher takes them.
    pub(super) fn into_deliveries(
        self,
        mut wanted: impl FnMut(TaskId, EndpointId) -> bool,
        out: &mut Vec<Delivery>,
    ) {
        let mut shared: Option<(usize, Arc<Content>)> = None;
        for ((id, row), endpoint_id) in self.sent_ids.iter().zip(&self.sent_of).zip(&self.sent_endpoints) {
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
