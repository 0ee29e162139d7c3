//! How deep a queue is: its deliveries that have not ended. Kept exactly, by the statements that make and end deliveries in their own
//! transactions; so that no list, chart or limit ever counts a large table.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::{catalog::QueueEntry, db::Queue, error::Result, id::QueueId};

/// Slots of one node: one for each group commit that is under way at once, and the last for whatever else ends deliveries.
const SLOTS: u8 = 8;

/// Groups of slots that nodes draw from. Two nodes that draw the same now and then wait for each other's commit, and that is all.
const NODES: u8 = 16;

/// How old the known depth of a queue with a limit may be. What this node itself adds meanwhile is known at once.
const AGE: Duration = Duration::from_millis(500);

/// A place to count in, for one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(pub(crate) i16);

/// The depths of queues that have a limit, as this node knows them, and the slots it counts in.
#[derive(Debug)]
pub(crate) struct Depths {
    group: u8,
    known: Mutex<HashMap<QueueId, Known>>,
    /// Whether anything is in `known`: most installations limit nothing.
    any: AtomicBool,
    reading: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    deliveries: i64,
    read_at: Instant,
}

impl Depths {
    /// `chance` is any number: nodes should have different ones.
    pub(crate) fn new(chance: u8) -> Self {
        Self {
            group: chance % NODES,
            known: Mutex::default(),
            any: AtomicBool::new(false),
            reading: tokio::sync::Mutex::default(),
        }
    }

    /// The slot of the `commit`-th group commit under way.
    pub(crate) fn of_commit(&self, commit: usize) -> Slot {
        let commit = u8::try_from(commit % usize::from(SLOTS - 1)).unwrap_or(0);
        Slot(i16::from(self.group * SLOTS + commit))
    }

    /// The slot of everything else: each is short, or one at a time.
    pub(crate) fn other(&self) -> Slot {
        Slot(i16::from(self.group * SLOTS + SLOTS - 1))
    }

    /// Deliveries were made here.
    pub(crate) fn added(&self, queue: QueueId, deliveries: i64) {
        if self.any.load(Ordering::Relaxed)
            && let Some(known) = self.known.lock().get_mut(&queue)
        {
            known.deliveries += deliveries;
        }
    }

    fn fresh(&self, queue: QueueId, now: Instant) -> Option<i64> {
        let known = self.known.lock().get(&queue).copied()?;
        (now.duration_since(known.read_at) < AGE).then_some(known.deliveries)
    }

    fn stale(&self, queue: QueueId) -> Option<i64> {
        self.known.lock().get(&queue).map(|known| known.deliveries)
    }
}

impl Queue {
    /// Deliveries that have not ended, by queue: those of queues that have any, or had. One look at a small table.
    pub(crate) async fn backlogs(&self) -> Result<Vec<(QueueId, i64)>> {
        let rows = sqlx::query!(
            r#"-- backlogs
            SELECT queue_id, sum(deliveries)::bigint AS "deliveries!" FROM depths GROUP BY queue_id"#
        )
        .fetch_all(&self.inner.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| (row.queue_id, row.deliveries))
            .collect())
    }

    /// Whether another task may be put into the queue, by its limit if it has one. The depth is half a second old at most, but for what
    /// this node added: so a queue may get as much deeper than its limit as other nodes add in that time, and by one batch.
    pub async fn has_room(&self, queue: &QueueEntry, now: Instant) -> Result<bool> {
        let Some(limit) = queue.max_depth else {
            return Ok(true);
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let depths = &self.inner.depths;
        if let Some(depth) = depths.fresh(queue.id, now) {
            return Ok(depth < limit);
        }
        // One reads; the others go by what is known, if anything is.
        let reading = match (depths.reading.try_lock(), depths.stale(queue.id)) {
            (Ok(reading), _) => reading,
            (Err(_), Some(depth)) => return Ok(depth < limit),
            (Err(_), None) => depths.reading.lock().await,
        };
        if let Some(depth) = depths.fresh(queue.id, now) {
            return Ok(depth < limit);
        }
        let mut wanted: Vec<QueueId> = self.limited_queues();
        wanted.push(queue.id);
        let rows = sqlx::query!(
            r#"-- depths of limited queues
            SELECT q.id AS "queue_id!", coalesce((SELECT sum(deliveries) FROM depths WHERE queue_id = q.id), 0)::bigint AS "deliveries!"
            FROM unnest($1::uuid[]) AS q (id)"#,
            &wanted
        )
        .fetch_all(&self.inner.hot)
        .await?;
        let mut depth = 0;
        let mut known = HashMap::with_capacity(rows.len());
        for row in rows {
            if row.queue_id == queue.id {
                depth = row.deliveries;
            }
            known.insert(
                row.queue_id,
                Known {
                    deliveries: row.deliveries,
                    read_at: now,
                },
            );
        }
        *depths.known.lock() = known;
        depths.any.store(true, Ordering::Relaxed);
        drop(reading);
        Ok(depth < limit)
    }

    /// The queues with a limit whose depth was asked for before.
    fn limited_queues(&self) -> Vec<QueueId> {
        let snapshot = self.catalog().snapshot();
        let known = self.inner.depths.known.lock();
        let limited = snapshot.queues.values().filter(|queue| queue.max_depth.is_some());
        limited
            .map(|queue| queue.id)
            .filter(|id| known.contains_key(id))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_commits_of_a_node_share_a_slot_nor_do_nodes_of_different_groups() {
        let mut seen = HashSet::new();
        for chance in 0..NODES {
            let depths = Depths::new(chance);
            let commits = (0..usize::from(SLOTS - 1)).map(|commit| depths.of_commit(commit));
            for slot in commits.chain([depths.other()]) {
                assert!(seen.insert(slot.0), "{slot:?}");
            }
        }
        assert_eq!(seen.len(), 128);
        assert_eq!(Depths::new(NODES).other(), Depths::new(0).other());
    }

    #[test]
    fn a_depth_that_is_known_follows_what_is_added_and_grows_old() {
        let (depths, begin) = (Depths::new(0), Instant::now());
        let queue = QueueId::from_u128(1);
        depths.added(queue, 5);
        assert_eq!(depths.fresh(queue, begin), None);
        depths.known.lock().insert(
            queue,
            Known {
                deliveries: 10,
                read_at: begin,
            },
        );
        depths.any.store(true, Ordering::Relaxed);
        depths.added(queue, 5);
        assert_eq!(depths.fresh(queue, begin), Some(15));
        assert_eq!(depths.fresh(queue, begin + AGE), None);
        assert_eq!(depths.stale(queue), Some(15));
    }
}
