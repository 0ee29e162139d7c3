//! Rights: what somebody may do, and to which queues. Queues keep tenants apart: whoever does not reach a queue sees nothing of it.

use std::fmt;

use proto::Scope;

use crate::{catalog::Snapshot, glob, id::QueueId};

/// Every scope, in the order in which they are shown.
const SCOPES: [Scope; 5] = [
    Scope::Enqueue,
    Scope::Read,
    Scope::Manage,
    Scope::Replay,
    Scope::Admin,
];

/// A set of scopes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// Whether they allow what `scope` is asked for. `admin` allows everything.
    pub fn allow(self, scope: Scope) -> bool {
        self.0 & (bit(scope) | bit(Scope::Admin)) != 0
    }

    /// The scopes, each once, in their order.
    pub fn to_vec(self) -> Vec<Scope> {
        SCOPES
            .into_iter()
            .filter(|scope| self.0 & bit(*scope) != 0)
            .collect()
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<T: IntoIterator<Item = Scope>>(scopes: T) -> Self {
        Self(scopes.into_iter().fold(0, |set, scope| set | bit(scope)))
    }
}

const fn bit(scope: Scope) -> u8 {
    match scope {
        Scope::Enqueue => 1,
        Scope::Read => 2,
        Scope::Manage => 4,
        Scope::Replay => 8,
        Scope::Admin => 16,
    }
}

/// The word for a scope, as the API writes it.
pub fn word(scope: Scope) -> &'static str {
    match scope {
        Scope::Enqueue => "enqueue",
        Scope::Read => "read",
        Scope::Manage => "manage",
        Scope::Replay => "replay",
        Scope::Admin => "admin",
    }
}

/// The scope that a word names.
pub fn scope(word: &str) -> Option<Scope> {
    SCOPES.into_iter().find(|scope| self::word(*scope) == word)
}

/// Whether it is a glob of queue names: 1 to 100 of `a-z A-Z 0-9 . _ -` and `*`.
pub fn is_pattern(text: &str) -> bool {
    text.len() <= 100 && glob::is_valid(text) && !text.contains([':', '/'])
}

/// Which queues somebody reaches: those whose name one of the patterns matches.
#[derive(Clone, PartialEq, Eq)]
pub struct Reach {
    patterns: Vec<String>,
    everything: bool,
}

impl Reach {
    /// Every queue.
    pub fn everything() -> Self {
        Self::of(vec!["*".to_owned()])
    }

    /// The queues that these globs match; none if there are none.
    pub fn of(patterns: Vec<String>) -> Self {
        // Only stars: a glob that every name meets.
        let everything = patterns
            .iter()
            .any(|glob| !glob.is_empty() && glob.bytes().all(|b| b == b'*'));
        Self { patterns, everything }
    }

    /// Whether it is every queue.
    pub fn is_everything(&self) -> bool {
        self.everything
    }

    /// Whether the queue of this name is among them.
    pub fn covers(&self, queue: &str) -> bool {
        self.everything || self.patterns.iter().any(|glob| glob::matches(glob, queue))
    }

    /// Whether whatever `other` covers is covered here as well. Each of its patterns must lie within one of these.
    pub fn contains(&self, other: &Self) -> bool {
        // A star in the inner pattern can only be taken up by a star of the outer one, as anything it stands for is then as well.
        self.everything || other.patterns.iter().all(|inner| self.covers(inner))
    }

    /// The patterns.
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }

    /// The ids of the queues that are covered, deleted ones too, as their tasks may still be read; `None` for all.
    pub fn ids(&self, snapshot: &Snapshot) -> Option<Vec<QueueId>> {
        let covered = || {
            let all = snapshot.queue_names.iter();
            all.filter(|(_, name)| self.covers(name))
                .map(|(id, _)| *id)
                .collect()
        };
        (!self.everything).then(covered)
    }

    /// The patterns for SQL's `LIKE`; `None` where everything is covered.
    pub(crate) fn likes(&self) -> Option<Vec<String>> {
        let likes = || self.patterns.iter().map(|glob| glob::to_like(glob)).collect();
        (!self.everything).then(likes)
    }
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.patterns).finish()
    }
}

/// What somebody may do, and to which queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// What.
    pub scopes: Scopes,
    /// To which queues.
    pub reach: Reach,
}

impl Rights {
    /// Everything: what the first key has.
    pub fn all() -> Self {
        Self {
            scopes: Scopes::from_iter([Scope::Admin]),
            reach: Reach::everything(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reach(patterns: &[&str]) -> Reach {
        Reach::of(patterns.iter().map(|glob| (*glob).to_owned()).collect())
    }

    #[test]
    fn admin_allows_everything_and_every_other_scope_itself() {
        for scope in SCOPES {
            let alone = Scopes::from_iter([scope]);
            for asked in SCOPES {
                assert_eq!(
                    alone.allow(asked),
                    scope == asked || scope == Scope::Admin,
                    "{scope:?} {asked:?}"
                );
            }
            assert_eq!(alone.to_vec(), [scope]);
            assert_eq!(self::scope(word(scope)), Some(scope));
            assert_eq!(serde_json::to_value(scope).unwrap(), word(scope));
        }
        assert!(Scopes::default().is_empty() && !Scopes::default().allow(Scope::Read));
        assert_eq!(scope("root"), None);
    }

    #[test]
    fn patterns_cover_names_and_each_other() {
        for (outer, inner, contained) in [
            (&["*"][..], &["a-*"][..], true),
            (&["**"], &["*"], true),
            (&["a-*"], &["a-b-*", "a-"], true),
            (&["a-*"], &["*"], false),
            (&["a-*"], &["a*"], false),
            (&["a-*", "b"], &["b", "a-1"], true),
            (&["a-*", "b"], &["b", "c"], false),
            (&["a*c"], &["a*b*c", "ac"], true),
            (&["a*b"], &["a*"], false),
            (&[], &["a"], false),
            (&["a"], &[], true),
        ] {
            assert_eq!(
                reach(outer).contains(&reach(inner)),
                contained,
                "{outer:?} {inner:?}"
            );
        }
        assert!(!reach(&[]).covers("") && !reach(&[""]).covers("a") && reach(&["***"]).is_everything());
    }

    proptest! {
        #[test]
        fn what_is_contained_covers_nothing_more(
            outer in prop::collection::vec("[ab*]{0,4}", 0..3),
            inner in prop::collection::vec("[ab*]{0,4}", 0..3),
            names in prop::collection::vec("[abc]{0,6}", 20),
        ) {
            let (outer, inner) = (Reach::of(outer), Reach::of(inner));
            if outer.contains(&inner) {
                for name in names {
                    prop_assert!(!inner.covers(&name) || outer.covers(&name), "{outer:?} {inner:?} {name}");
                }
            }
        }

        #[test]
        fn a_single_pattern_that_is_not_contained_has_a_name_to_show_it(outer in "[ab*]{1,4}", inner in "[ab*]{1,4}") {
            // Where each star of the inner pattern stands for a letter that the outer one does not have.
            let name = inner.replace('*', "c");
            prop_assert_eq!(Reach::of(vec![outer.clone()]).contains(&Reach::of(vec![inner])), glob::matches(&outer, &name));
        }
    }
}
