//! Ties endpoints to queues. What a change costs depends on what changed, and hardly on how many endpoints a queue has.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{QueueEntry, Snapshot};
use crate::{
    endpoint::Endpoint,
    id::{EndpointId, QueueId},
    settings::{self, Settings},
};

/// What a newer version changed.
#[derive(Debug, Default)]
pub(super) struct Changed {
    /// Queues that were made, changed or deleted: those that are there have no endpoints yet.
    pub(super) queues: HashSet<QueueId>,
    /// Endpoints that were made, changed or deleted.
    pub(super) endpoints: HashSet<EndpointId>,
}

/// Lists each queue's endpoints, and gives each endpoint what it has of its queue, going from what was `known`. Those that did not change
/// keep their place in memory, by which lanes notice a change.
pub(super) fn link(next: &mut Snapshot, known: &Snapshot, changed: &Changed, defaults: &Settings) {
    let mut touched: HashMap<QueueId, Vec<EndpointId>> =
        changed.queues.iter().map(|queue| (*queue, vec![])).collect();
    for id in &changed.endpoints {
        if let Some(endpoint) = next.endpoints.get(id).or_else(|| known.endpoints.get(id)) {
            touched.entry(endpoint.queue_id).or_default().push(*id);
        }
    }
    for (id, members) in touched {
        let before = known.queue(id);
        let Some(queue) = next.queue(id).cloned() else {
            let gone = before.iter().flat_map(|queue| &queue.endpoints).chain(&members);
            gone.for_each(|endpoint| drop(next.endpoints.remove(endpoint)));
            continue;
        };
        let linked = match before {
            Some(before) if changed.queues.contains(&id) => Arc::new(QueueEntry {
                endpoints: before.endpoints.clone(),
                fanout: before.fanout.clone(),
                ..QueueEntry::clone(&queue)
            }),
            _ => queue,
        };
        let linked = with_members(linked, &members, known, next);
        let to_resolve = if changed.queues.contains(&id) {
            &linked.endpoints
        } else {
            &members
        };
        for endpoint in to_resolve {
            if let Some(endpoint) = next.endpoints.get_mut(endpoint) {
                resolve(endpoint, &linked, defaults);
            }
        }
        next.queues.insert(linked.name.clone(), linked);
    }
}

/// The queue with those of its endpoints that changed.
fn with_members(
    mut queue: Arc<QueueEntry>,
    changed: &[EndpointId],
    known: &Snapshot,
    next: &Snapshot,
) -> Arc<QueueEntry> {
    for id in changed {
        let (old, new) = (known.endpoints.get(id), next.endpoints.get(id));
        if old.map(|old| &old.filter) == new.map(|new| &new.filter) {
            continue;
        }
        let queue = Arc::make_mut(&mut queue);
        if let Some(old) = old {
            queue.fanout.remove(*id, &old.filter);
        }
        if let Some(new) = new {
            queue.fanout.add(*id, &new.filter);
        }
        match (queue.endpoints.binary_search(id), new) {
            (Err(at), Some(_)) => queue.endpoints.insert(at, *id),
            (Ok(at), None) => drop(queue.endpoints.remove(at)),
            _ => {}
        }
    }
    queue
}

/// Gives an endpoint what it has of its queue.
fn resolve(endpoint: &mut Arc<Endpoint>, queue: &QueueEntry, defaults: &Settings) {
    let resolved = settings::resolve(&endpoint.own, &queue.settings, defaults);
    if endpoint.queue != queue.name || endpoint.queue_paused != queue.paused || endpoint.settings != resolved
    {
        let changed = Arc::make_mut(endpoint);
        changed.queue.clone_from(&queue.name);
        changed.queue_paused = queue.paused;
        changed.settings = resolved;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proto::{DeliverySettings, EndpointStatus};

    use super::*;
    use crate::fanout::Fanout;

    const QUEUES: u128 = 3;
    const ENDPOINTS: u128 = 6;

    /// A change of the catalog.
    #[derive(Debug, Clone)]
    enum Change {
        Queue {
            queue: u128,
            paused: bool,
            most: u32,
        },
        /// Deleted, and made again under the same name when it is changed the next time.
        NoQueue(u128),
        Endpoint {
            endpoint: u128,
            filter: Vec<String>,
        },
        NoEndpoint(u128),
    }

    fn changes() -> impl Strategy<Value = Change> {
        let filter = prop::collection::vec("[ab*]", 0..3);
        prop_oneof![
            (0..QUEUES, any::<bool>(), 1..4_u32).prop_map(|(queue, paused, most)| Change::Queue {
                queue,
                paused,
                most
            }),
            (0..QUEUES).prop_map(Change::NoQueue),
            (0..ENDPOINTS, filter).prop_map(|(endpoint, filter)| Change::Endpoint { endpoint, filter }),
            (0..ENDPOINTS).prop_map(Change::NoEndpoint),
        ]
    }

    fn endpoint(id: EndpointId, queue_id: QueueId, filter: Vec<String>) -> Endpoint {
        Endpoint {
            id,
            queue_id,
            queue: String::new(),
            shard: 0,
            url: "http://receiver.example/".parse().expect("a URL"),
            filter,
            headers: std::collections::BTreeMap::new(),
            auth: None,
            own: DeliverySettings::default(),
            settings: Settings::default(),
            status: EndpointStatus::Enabled,
            queue_paused: false,
            signers: vec![],
        }
    }

    /// Takes a change over as it is read from the database: nothing is linked yet.
    fn read(next: &mut Snapshot, changed: &mut Changed, change: Change, made: &mut u128) {
        let name = |queue: u128| format!("queue-{queue}");
        match change {
            Change::Queue { queue, paused, most } => {
                *made += QUEUES;
                let there = next.queues.get(&name(queue)).map(|queue| queue.id);
                let id = there.unwrap_or_else(|| QueueId::from_u128(*made + queue));
                let entry = QueueEntry {
                    id,
                    name: name(queue),
                    settings: DeliverySettings {
                        max_in_flight: Some(most),
                        ..DeliverySettings::default()
                    },
                    max_depth: None,
                    paused,
                    endpoints: vec![],
                    fanout: Fanout::default(),
                };
                next.queue_names.insert(id, name(queue).into());
                next.queues.insert(name(queue), Arc::new(entry));
                changed.queues.insert(id);
            }
            Change::NoQueue(queue) => {
                if let Some(gone) = next.queues.remove(&name(queue)) {
                    changed.queues.insert(gone.id);
                }
            }
            Change::Endpoint { endpoint: id, filter } => {
                let (queue, id) = (name(id % QUEUES), EndpointId::from_u128(id));
                let there = next.endpoints.get(&id).map(|endpoint| endpoint.queue_id);
                let Some(queue) = there.or_else(|| Some(next.queues.get(&queue)?.id)) else {
                    return;
                };
                next.endpoints.insert(id, Arc::new(endpoint(id, queue, filter)));
                changed.endpoints.insert(id);
            }
            Change::NoEndpoint(id) => {
                next.endpoints.remove(&EndpointId::from_u128(id));
                changed.endpoints.insert(EndpointId::from_u128(id));
            }
        }
    }

    proptest! {
        /// Change by change comes to the same as all at once.
        #[test]
        fn nothing_is_left_of_what_was_before(versions in prop::collection::vec(prop::collection::vec(changes(), 1..6), 1..12)) {
            let (mut known, defaults, mut made) = (Snapshot::default(), Settings::default(), 0);
            for version in versions {
                let (mut next, mut changed) = (known.clone(), Changed::default());
                for change in version {
                    read(&mut next, &mut changed, change, &mut made);
                }
                link(&mut next, &known, &changed, &defaults);

                let mut whole = next.clone();
                for queue in whole.queues.values_mut() {
                    let queue = Arc::make_mut(queue);
                    (queue.endpoints, queue.fanout) = (vec![], Fanout::default());
                }
                let all = Changed {
                    queues: whole.queues.values().map(|queue| queue.id).collect(),
                    endpoints: whole.endpoints.keys().copied().collect(),
                };
                link(&mut whole, &Snapshot::default(), &all, &defaults);
                prop_assert_eq!(next.endpoints.len(), whole.endpoints.len());
                for (name, queue) in &whole.queues {
                    prop_assert_eq!(&next.queues[name].endpoints, &queue.endpoints);
                    prop_assert_eq!(&next.queues[name].fanout, &queue.fanout);
                    for id in &queue.endpoints {
                        let (found, wanted) = (&next.endpoints[id], &whole.endpoints[id]);
                        prop_assert_eq!(&found.queue, name);
                        prop_assert_eq!(found.queue_paused, queue.paused);
                        prop_assert_eq!(&found.settings, &wanted.settings);
                    }
                }
                let listed: usize = whole.queues.values().map(|queue| queue.endpoints.len()).sum();
                prop_assert_eq!(listed, next.endpoints.len());
                known = next;
            }
        }

        /// What did not change keeps its place in memory.
        #[test]
        fn lanes_see_only_what_changed(filter in prop::collection::vec("[ab*]", 0..3)) {
            let (mut known, defaults, mut made, mut changed) = (Snapshot::default(), Settings::default(), 0, Changed::default());
            let queue = Change::Queue { queue: 0, paused: false, most: 1 };
            let add = |id| Change::Endpoint { endpoint: id * QUEUES, filter: vec!["a".to_owned()] };
            for change in [queue, add(0), add(1)] {
                read(&mut known, &mut changed, change, &mut made);
            }
            link(&mut known, &Snapshot::default(), &changed, &defaults);
            let (mut next, mut changed) = (known.clone(), Changed::default());
            read(&mut next, &mut changed, Change::Endpoint { endpoint: 0, filter }, &mut made);
            link(&mut next, &known, &changed, &defaults);
            let [one, two] = [0, QUEUES].map(EndpointId::from_u128);
            prop_assert!(!Arc::ptr_eq(&known.endpoints[&one], &next.endpoints[&one]));
            prop_assert!(Arc::ptr_eq(&known.endpoints[&two], &next.endpoints[&two]));
        }
    }
}
