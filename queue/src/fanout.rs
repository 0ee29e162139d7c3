//! Which endpoints of a queue want a task, found without asking each: most filters name types, and a type is looked up.

use std::collections::HashMap;

use crate::{glob, id::EndpointId};

/// The endpoints of a queue by what they want.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fanout {
    /// Those whose filters are nothing but names, by each of these.
    named: HashMap<String, Vec<EndpointId>>,
    /// Those that want everything, or have a glob, with their filters: they are asked.
    asked: Vec<(EndpointId, Vec<String>)>,
}

impl Fanout {
    /// That of these endpoints with their filters.
    pub(crate) fn of<'a>(endpoints: impl IntoIterator<Item = (EndpointId, &'a [String])>) -> Self {
        let mut fanout = Self::default();
        for (id, filter) in endpoints {
            if filter.is_empty() || filter.iter().any(|glob| glob.contains('*')) {
                fanout.asked.push((id, filter.to_vec()));
                continue;
            }
            for kind in filter {
                let wanting = fanout.named.entry(kind.clone()).or_default();
                // A filter may name the same type twice.
                if wanting.last() != Some(&id) {
                    wanting.push(id);
                }
            }
        }
        fanout
    }

    /// Those that want tasks of type `kind`, each once.
    pub(crate) fn matching(&self, kind: &str) -> impl Iterator<Item = EndpointId> {
        let asked = self
            .asked
            .iter()
            .filter(move |(_, filter)| glob::any_matches(filter, kind));
        let named = self.named.get(kind).into_iter().flatten();
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
            let fanout = Fanout::of(filters.iter().enumerate().map(|(at, filter)| (id(at), filter.as_slice())));
            let mut found: Vec<EndpointId> = fanout.matching(&kind).collect();
            found.sort_unstable();
            let wanting: Vec<EndpointId> = (0..filters.len())
                .filter(|at| glob::any_matches(&filters[*at], &kind))
                .map(id)
                .collect();
            prop_assert_eq!(found, wanting);
        }
    }
}
