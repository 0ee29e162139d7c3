//! Which endpoints of a queue want a task, found without asking each: most filters name types, and a type is looked up.

use std::{collections::HashMap, sync::Arc};

use crate::{glob, id::EndpointId};

/// The endpoints of a queue by what they want. A clone shares what is in it: one is made of each change of an endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fanout {
    /// Those whose filters are nothing but names, by each of these; oldest first.
    named: HashMap<Arc<str>, Arc<Vec<EndpointId>>>,
    /// Those that want everything, or have a glob, with their filters: they are asked. Oldest first.
    asked: Vec<(EndpointId, Arc<[String]>)>,
}

/// Whether such a filter is asked for each task; else it is nothing but names.
fn is_asked(filter: &[String]) -> bool {
    filter.is_empty() || filter.iter().any(|glob| glob.contains('*'))
}

impl Fanout {
    /// Adds an endpoint that is not there.
    pub(crate) fn add(&mut self, id: EndpointId, filter: &[String]) {
        if is_asked(filter) {
            let at = self.asked.partition_point(|(other, _)| *other < id);
            self.asked.insert(at, (id, filter.into()));
            return;
        }
        for kind in filter {
            let wanting = Arc::make_mut(self.named.entry(kind.as_str().into()).or_default());
            // A filter may name the same type twice.
            if let Err(at) = wanting.binary_search(&id) {
                wanting.insert(at, id);
            }
        }
    }

    /// Removes an endpoint that was added with this filter.
    pub(crate) fn remove(&mut self, id: EndpointId, filter: &[String]) {
        if is_asked(filter) {
            if let Ok(at) = self.asked.binary_search_by_key(&id, |(other, _)| *other) {
                self.asked.remove(at);
            }
            return;
        }
        for kind in filter {
            let Some(wanting) = self.named.get_mut(kind.as_str()) else {
                continue;
            };
            let wanting = Arc::make_mut(wanting);
            wanting.retain(|other| *other != id);
            if wanting.is_empty() {
                self.named.remove(kind.as_str());
            }
        }
    }

    /// Those that want tasks of type `kind`, each once.
    pub(crate) fn matching(&self, kind: &str) -> impl Iterator<Item = EndpointId> {
        let asked = self
            .asked
            .iter()
            .filter(move |(_, filter)| glob::any_matches(filter, kind));
        let named = self
            .named
            .get(kind)
            .into_iter()
            .flat_map(|wanting| wanting.iter());
        asked.map(|(id, _)| *id).chain(named.copied())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whoever wants it by their own filter is found, each once, and nobody else.
        #[test]
        fn finds_exactly_those_that_want_it(
            filters in prop::collection::vec(prop::collection::vec("[ab.*]{1,3}", 0..4), 0..12),
            kind in "[ab.]{0,3}",
        ) {
            let id = |at: usize| EndpointId::from_u128(at as u128);
            let mut fanout = Fanout::default();
            filters.iter().enumerate().for_each(|(at, filter)| fanout.add(id(at), filter));
            let mut found: Vec<EndpointId> = fanout.matching(&kind).collect();
            found.sort_unstable();
            let wanting: Vec<EndpointId> = (0..filters.len())
                .filter(|at| glob::any_matches(&filters[*at], &kind))
                .map(id)
                .collect();
            prop_assert_eq!(found, wanting);
        }

        /// Whatever was added and removed in between, and in whatever order: it is as if only those that are left had ever been there.
        #[test]
        fn leaves_nothing_behind(
            filters in prop::collection::vec(prop::collection::vec("[ab.*]{1,3}", 0..4), 0..12),
            changes in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        ) {
            let id = |at: usize| EndpointId::from_u128(at as u128);
            let (mut fanout, mut there) = (Fanout::default(), vec![false; filters.len()]);
            for change in changes.iter().filter(|_| !filters.is_empty()) {
                let at = change.index(filters.len());
                there[at] = !there[at];
                if there[at] {
                    fanout.add(id(at), &filters[at]);
                } else {
                    fanout.remove(id(at), &filters[at]);
                }
            }
            let mut left = Fanout::default();
            (0..filters.len()).filter(|at| there[*at]).for_each(|at| left.add(id(at), &filters[at]));
            prop_assert_eq!(fanout, left);
        }
    }
}
