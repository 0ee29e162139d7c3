//! The rules that a key must meet.

use std::num::NonZeroU32;

use chrono::{DateTime, Datelike, Utc};
use proto::{EnqueueRate, NewKey, Scope};

use crate::{
    error::{Error, Problems, Result},
    rights::{self, Reach, Rights, Scopes, word},
};

/// Most tasks a second, or at once, that a limit can be set to: more than a node can take in.
const MOST: u32 = 1_000_000;

/// How fast tasks may be enqueued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Tasks a second.
    pub per_second: NonZeroU32,
    /// Tasks at once.
    pub burst: NonZeroU32,
}

impl Rate {
    /// The rate that is meant: a burst that is not given is a second's worth. `None` if one of both is 0.
    pub fn of(rate: EnqueueRate) -> Option<Self> {
        Some(Self {
            per_second: NonZeroU32::new(rate.per_second)?,
            burst: NonZeroU32::new(rate.burst.unwrap_or(rate.per_second))?,
        })
    }

    /// As the API writes it.
    pub fn shown(self) -> EnqueueRate {
        EnqueueRate {
            per_second: self.per_second.get(),
            burst: Some(self.burst.get()),
        }
    }
}

/// A key that meets the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checked {
    pub(super) name: String,
    pub(super) rights: Rights,
    pub(super) rate: Option<Rate>,
    pub(super) expires_at: Option<DateTime<Utc>>,
}

impl Checked {
    /// The scopes as they are stored.
    pub(super) fn scopes(&self) -> Vec<String> {
        let scopes = self.rights.scopes.to_vec().into_iter();
        scopes.map(|scope| word(scope).to_owned()).collect()
    }

    /// The rate as it is stored.
    pub(super) fn stored_rate(&self) -> (Option<i32>, Option<i32>) {
        let stored = |n: NonZeroU32| i32::try_from(n.get()).unwrap_or(i32::MAX);
        self.rate
            .map(|rate| (stored(rate.per_second), stored(rate.burst)))
            .unzip()
    }
}

/// Checks a key. An end that has come already is refused unless it is the one it `had`.
pub(super) fn check(key: NewKey, had: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<Checked> {
    let mut problems = Problems::default();
    let name = key.name.trim().to_owned();
    problems.require(
        (1..=100).contains(&name.chars().count()) && !name.contains(char::is_control),
        "name",
        "1 to 100 characters, none of them a control character",
    );
    let scopes: Scopes = key.scopes.into_iter().collect();
    problems.require(!scopes.is_empty(), "scopes", "at least one");
    problems.require(
        (1..=100).contains(&key.queues.len()),
        "queues",
        "1 to 100 patterns; `*` is every queue",
    );
    for (i, pattern) in key.queues.iter().enumerate() {
        problems.require(
            rights::is_pattern(pattern),
            format!("queues[{i}]"),
            "1 to 100 of a-z A-Z 0-9 . _ - and *, such as `shop-*`",
        );
    }
    if let Some(rate) = key.rate {
        for (count, field) in [
            (Some(rate.per_second), "rate.per_second"),
            (rate.burst, "rate.burst"),
        ] {
            let fine = count.is_none_or(|count| (1..=MOST).contains(&count));
            problems.require(fine, field, format!("1 to {MOST}"));
        }
    }
    if key.expires_at != had {
        let fine = key.expires_at.is_none_or(|end| end > now && end.year() <= 9999);
        problems.require(fine, "expires_at", "a time in the future, before the year 10000");
    }
    problems.finish()?;
    Ok(Checked {
        name,
        rights: Rights {
            scopes,
            reach: Reach::of(key.queues),
        },
        rate: key.rate.and_then(Rate::of),
        expires_at: key.expires_at,
    })
}

/// Whether a key can make others for whatever queue, now and always: one of them must stay.
pub(super) fn is_lasting_admin(key: &Checked) -> bool {
    key.expires_at.is_none() && key.rights.scopes.allow(Scope::Admin) && key.rights.reach.is_everything()
}

/// Why the last one must stay.
pub(super) fn last_admin() -> Error {
    Error::Conflict(
        "this is the last key with the scope `admin` for all queues (`*`) that never expires; without it nobody could make \
         keys any more: make another such key first"
            .into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    fn key() -> NewKey {
        NewKey {
            name: "shop".into(),
            scopes: vec![Scope::Enqueue],
            queues: vec!["shop-*".into()],
            ..NewKey::default()
        }
    }

    fn blamed(key: NewKey) -> Vec<String> {
        match check(key, None, now()) {
            Err(Error::Invalid(errors)) => errors.into_iter().map(|error| error.field).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_mistake_names_its_field() {
        let rate = |per_second, burst| Some(EnqueueRate { per_second, burst });
        for (wrong, field) in [
            (
                NewKey {
                    name: " ".into(),
                    ..key()
                },
                "name",
            ),
            (
                NewKey {
                    name: "a\nb".into(),
                    ..key()
                },
                "name",
            ),
            (
                NewKey {
                    name: "a".repeat(101),
                    ..key()
                },
                "name",
            ),
            (
                NewKey {
                    scopes: vec![],
                    ..key()
                },
                "scopes",
            ),
            (
                NewKey {
                    queues: vec![],
                    ..key()
                },
                "queues",
            ),
            (
                NewKey {
                    queues: vec!["a".into(); 101],
                    ..key()
                },
                "queues",
            ),
            (
                NewKey {
                    queues: vec!["a".into(), String::new()],
                    ..key()
                },
                "queues[1]",
            ),
            (
                NewKey {
                    queues: vec!["a/b".into()],
                    ..key()
                },
                "queues[0]",
            ),
            (
                NewKey {
                    queues: vec!["ü".into()],
                    ..key()
                },
                "queues[0]",
            ),
            (
                NewKey {
                    rate: rate(0, None),
                    ..key()
                },
                "rate.per_second",
            ),
            (
                NewKey {
                    rate: rate(1, Some(0)),
                    ..key()
                },
                "rate.burst",
            ),
            (
                NewKey {
                    rate: rate(1, Some(MOST + 1)),
                    ..key()
                },
                "rate.burst",
            ),
            (
                NewKey {
                    expires_at: Some(now()),
                    ..key()
                },
                "expires_at",
            ),
        ] {
            assert_eq!(blamed(wrong.clone()), [field], "{wrong:?}");
        }
        assert_eq!(blamed(NewKey::default()), ["name", "scopes", "queues"]);
    }

    #[test]
    fn a_burst_is_a_second_unless_said() {
        let of = |burst| {
            Rate::of(EnqueueRate { per_second: 5, burst })
                .unwrap()
                .shown()
                .burst
        };
        assert_eq!((of(None), of(Some(9))), (Some(5), Some(9)));
    }

    #[test]
    fn an_end_that_was_there_stays_although_it_has_come() {
        let ended = Some(now() - chrono::TimeDelta::seconds(1));
        let given = NewKey {
            expires_at: ended,
            ..key()
        };
        assert_eq!(check(given.clone(), ended, now()).unwrap().expires_at, ended);
        assert!(check(given, None, now()).is_err());
    }

    #[test]
    fn only_an_admin_of_everything_for_ever_must_stay() {
        let admin = NewKey {
            scopes: vec![Scope::Admin],
            queues: vec!["*".into()],
            ..key()
        };
        let is = |key: NewKey| is_lasting_admin(&check(key, None, now()).unwrap());
        assert!(is(admin.clone()));
        for other in [
            NewKey {
                scopes: vec![Scope::Manage],
                ..admin.clone()
            },
            NewKey {
                queues: vec!["a*".into()],
                ..admin.clone()
            },
            NewKey {
                expires_at: Some(now() + chrono::TimeDelta::days(1)),
                ..admin
            },
        ] {
            assert!(!is(other.clone()), "{other:?}");
        }
    }
}
