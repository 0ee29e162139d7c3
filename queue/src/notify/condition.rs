//! Conditions: what is watched, and by which figures it begins and ends. Between the two thresholds everything stays as it is, so that what
//! hovers about one is told once.

use chrono::{DateTime, Utc};
use proto::LaneWait;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Thresholds;
use crate::{id::EndpointId, storage::Outlook};

/// Of so few dead letters no share is taken: one of two deliveries is half of them, and nothing to wake anybody for.
const LEAST_DEAD: u64 = 10;

/// What can be the matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Many deliveries of a queue become dead letters.
    DeadLetters,
    /// Deliveries of a queue are due for long that could go.
    Backlog,
    /// There will be no room for the database.
    Storage,
    /// An endpoint is down: its breaker is open for long.
    Down,
    /// An endpoint was disabled, and not by a person.
    Disabled,
}

impl Kind {
    /// All of them.
    const ALL: [Self; 5] = [
        Self::DeadLetters,
        Self::Backlog,
        Self::Storage,
        Self::Down,
        Self::Disabled,
    ];

    /// The word in the database.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::DeadLetters => "dead_letters",
            Self::Backlog => "backlog",
            Self::Storage => "storage",
            Self::Down => "down",
            Self::Disabled => "disabled",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// The types of the tasks that tell of its begin and its end.
    pub(crate) fn types(self) -> (&'static str, &'static str) {
        match self {
            Self::DeadLetters => ("dead_letters.rate", "dead_letters.rate_ended"),
            Self::Backlog => ("backlog.age", "backlog.age_ended"),
            Self::Storage => ("storage.forecast", "storage.forecast_ended"),
            Self::Down => ("endpoint.down", "endpoint.recovered"),
            Self::Disabled => ("endpoint.disabled", "endpoint.recovered"),
        }
    }
}

/// Something that can be the matter with something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Condition {
    pub(crate) kind: Kind,
    /// A queue or an endpoint; nil for the installation.
    pub(crate) subject: Uuid,
}

/// What somebody read, and of whom.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reading {
    /// A queue or an endpoint; nil for the installation.
    pub(super) subject: Uuid,
    /// By what people know it: fields of what is told.
    pub(super) names: Vec<(&'static str, String)>,
    pub(super) figures: Figures,
}

/// The figures of a reading.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Figures {
    /// Of the window: deliveries that became dead letters, and those that ended, these included.
    DeadLetters { dead: u64, ended: u64 },
    /// The oldest delivery that is due and could go, if it has been for half of the threshold; and how many there are in all.
    Backlog { oldest: Option<Oldest>, deliveries: u64 },
    /// How long there will be room.
    Storage(Outlook),
    /// Of an endpoint of which nothing but failures come; `None`: it is not one.
    Down(Option<Failing>),
}

/// The oldest delivery of a queue that is due and could go.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Oldest {
    pub(super) due_at: DateTime<Utc>,
    pub(super) endpoint: EndpointId,
    pub(super) waits_for: WaitsFor,
    /// How many endpoints of the queue have one that is as late.
    pub(super) endpoints: usize,
}

/// What the lane of the oldest delivery waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WaitsFor {
    /// No node pushes for its endpoint.
    Node,
    /// What the lane says; `None`: it has said nothing.
    Lane(Option<LaneWait>),
}

/// An endpoint of which nothing but failures come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failing {
    pub(super) since: DateTime<Utc>,
    /// Whether its breaker is open.
    pub(super) open: bool,
}

/// On which side of the thresholds a reading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// It begins, unless it has.
    Over,
    /// It stays as it is.
    Between,
    /// It ends, if it has begun.
    Under,
}

impl Reading {
    pub(super) fn condition(&self) -> Condition {
        let kind = match self.figures {
            Figures::DeadLetters { .. } => Kind::DeadLetters,
            Figures::Backlog { .. } => Kind::Backlog,
            Figures::Storage(_) => Kind::Storage,
            Figures::Down(_) => Kind::Down,
        };
        Condition {
            kind,
            subject: self.subject,
        }
    }
}

impl Figures {
    /// On which side they are. What is not watched is under.
    pub(super) fn level(&self, thresholds: &Thresholds, now: DateTime<Utc>) -> Level {
        let (over, under) = match self {
            Self::DeadLetters { dead, ended } => dead_letters(*dead, *ended, thresholds),
            Self::Backlog { oldest, .. } => {
                let due = oldest.as_ref().zip(thresholds.backlog_age);
                (
                    due.is_some_and(|(oldest, most)| oldest.due_at + most <= now),
                    due.is_none_or(|(oldest, most)| oldest.due_at + most / 2 > now),
                )
            }
            Self::Storage(outlook) => {
                let full = outlook.full_at.zip(thresholds.storage_within);
                (
                    full.is_some_and(|(full, within)| full <= now + within),
                    full.is_none_or(|(full, within)| full > now + within + within / 2),
                )
            }
            Self::Down(failing) => {
                let failing = failing.zip(thresholds.endpoint_down);
                (
                    failing.is_some_and(|(failing, most)| failing.open && failing.since + most <= now),
                    failing.is_none(),
                )
            }
        };
        match (over, under) {
            (true, _) => Level::Over,
            (false, true) => Level::Under,
            (false, false) => Level::Between,
        }
    }

    /// As fields of what is told, with the thresholds they are held against.
    pub(super) fn fields(&self, thresholds: &Thresholds, now: DateTime<Utc>) -> Map<String, Value> {
        let seconds = |time: Option<std::time::Duration>| time.map(|time| time.as_secs());
        let fields = match self {
            Self::DeadLetters { dead, ended } => json!({
                "dead": dead,
                "ended": ended,
                "share": (share(*dead, *ended) * 10_000.0).round() / 10_000.0,
                "window_seconds": thresholds.window.as_secs(),
                "threshold": { "dead": thresholds.dead_letters, "share": thresholds.dead_share },
            }),
            Self::Backlog { oldest, deliveries } => json!({
                "oldest_due_at": oldest.as_ref().map(|oldest| oldest.due_at),
                "age_seconds": oldest.as_ref().map(|oldest| (now - oldest.due_at).num_seconds()),
                "endpoint": oldest.as_ref().map(|oldest| oldest.endpoint),
                "waits_for": oldest.as_ref().and_then(|oldest| oldest.waits_for.word()),
                "endpoints": oldest.as_ref().map_or(0, |oldest| oldest.endpoints),
                "deliveries": deliveries,
                "threshold_seconds": seconds(thresholds.backlog_age),
            }),
            Self::Storage(outlook) => json!({
                "full_at": outlook.full_at,
                "database_bytes": outlook.database_bytes,
                "room_bytes": outlook.room_bytes,
                "bytes_per_day": outlook.bytes_per_day,
                "threshold_seconds": seconds(thresholds.storage_within),
            }),
            Self::Down(Some(failing)) => json!({
                "failing_since": failing.since,
                "threshold_seconds": seconds(thresholds.endpoint_down),
            }),
            Self::Down(None) => json!({ "was": "down" }),
        };
        match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        }
    }
}

impl WaitsFor {
    fn word(self) -> Option<Value> {
        match self {
            Self::Node => Some("node".into()),
            Self::Lane(wait) => wait.and_then(|wait| serde_json::to_value(wait).ok()),
        }
    }
}

fn dead_letters(dead: u64, ended: u64, thresholds: &Thresholds) -> (bool, bool) {
    let share = share(dead, ended);
    let number = thresholds.dead_letters.map(u64::from);
    let over = number.is_some_and(|most| dead >= most)
        || thresholds
            .dead_share
            .is_some_and(|most| dead >= LEAST_DEAD && share >= most);
    let under = number.is_none_or(|most| dead * 2 < most)
        && thresholds
            .dead_share
            .is_none_or(|most| dead * 2 < LEAST_DEAD || share < most / 2.0);
    (over, under)
}

/// The share of dead letters, 0 where nothing ended.
#[expect(clippy::cast_precision_loss, reason = "counts of a day at most")]
fn share(dead: u64, ended: u64) -> f64 {
    if ended == 0 {
        0.0
    } else {
        dead as f64 / ended as f64
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_767_225_600, 0).unwrap() + chrono::TimeDelta::minutes(minutes)
    }

    const THRESHOLDS: Thresholds = Thresholds {
        window: Duration::from_mins(15),
        dead_letters: Some(100),
        dead_share: Some(0.05),
        backlog_age: Some(Duration::from_mins(10)),
        endpoint_down: Some(Duration::from_mins(10)),
        storage_within: Some(Duration::from_hours(14 * 24)),
        storage_max: None,
    };

    const NOTHING: Thresholds = Thresholds {
        window: Duration::from_mins(15),
        dead_letters: None,
        dead_share: None,
        backlog_age: None,
        endpoint_down: None,
        storage_within: None,
        storage_max: None,
    };

    #[test]
    fn dead_letters_begin_by_number_or_share_and_end_below_half_of_both() {
        for (dead, ended, level) in [
            (100, 1_000_000, Level::Over),
            (99, 1_000_000, Level::Between),
            (50, 1_000_000, Level::Between),
            (49, 1_000_000, Level::Under),
            // One in twenty, but of few.
            (9, 9, Level::Between),
            (10, 10, Level::Over),
            (10, 200, Level::Over),
            (10, 201, Level::Between),
            (10, 401, Level::Under),
            (4, 4, Level::Under),
            (0, 0, Level::Under),
        ] {
            let figures = Figures::DeadLetters { dead, ended };
            assert_eq!(figures.level(&THRESHOLDS, at(0)), level, "{dead} of {ended}");
            assert_eq!(figures.level(&NOTHING, at(0)), Level::Under, "{dead} of {ended}");
        }
        let one = Thresholds {
            dead_letters: Some(1),
            ..NOTHING
        };
        for (dead, level) in [(1, Level::Over), (0, Level::Under)] {
            let figures = Figures::DeadLetters { dead, ended: 9 };
            assert_eq!(figures.level(&one, at(0)), level);
        }
    }

    #[test]
    fn a_backlog_begins_by_the_age_of_its_oldest_and_ends_below_half_of_it() {
        let due = |minutes| Figures::Backlog {
            oldest: Some(Oldest {
                due_at: at(minutes),
                endpoint: Uuid::nil(),
                waits_for: WaitsFor::Node,
                endpoints: 1,
            }),
            deliveries: 3,
        };
        let none = Figures::Backlog {
            oldest: None,
            deliveries: 9,
        };
        for (figures, level) in [
            (due(-10), Level::Over),
            (due(-9), Level::Between),
            (due(-5), Level::Between),
            (due(-4), Level::Under),
            (none, Level::Under),
        ] {
            assert_eq!(figures.level(&THRESHOLDS, at(0)), level, "{figures:?}");
            assert_eq!(figures.level(&NOTHING, at(0)), Level::Under);
        }
    }

    #[test]
    fn storage_begins_by_the_day_on_which_it_is_full_and_ends_when_that_is_half_as_far_again() {
        let full = |days: Option<i64>| {
            Figures::Storage(Outlook {
                database_bytes: 1,
                room_bytes: 2,
                bytes_per_day: 3,
                full_at: days.map(|days| at(days * 24 * 60)),
            })
        };
        for (days, level) in [
            (Some(1), Level::Over),
            (Some(14), Level::Over),
            (Some(15), Level::Between),
            (Some(21), Level::Between),
            (Some(22), Level::Under),
            (None, Level::Under),
        ] {
            assert_eq!(full(days).level(&THRESHOLDS, at(0)), level, "{days:?}");
            assert_eq!(full(days).level(&NOTHING, at(0)), Level::Under);
        }
    }

    #[test]
    fn an_endpoint_is_down_while_it_fails_but_only_an_open_breaker_begins_that() {
        let failing = |minutes, open| {
            Figures::Down(Some(Failing {
                since: at(minutes),
                open,
            }))
        };
        for (figures, level) in [
            (failing(-10, true), Level::Over),
            (failing(-10, false), Level::Between),
            (failing(-9, true), Level::Between),
            (Figures::Down(None), Level::Under),
        ] {
            assert_eq!(figures.level(&THRESHOLDS, at(0)), level, "{figures:?}");
            assert_eq!(figures.level(&NOTHING, at(0)), Level::Under);
        }
    }

    #[test]
    fn kinds_are_read_as_they_are_written() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.word()), Some(kind));
        }
        assert_eq!(Kind::parse("other"), None);
    }
}
