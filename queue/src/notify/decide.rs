//! What is told: a pure function of what is known to hold and what was read.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::{
    Thresholds,
    condition::{Condition, Level, Reading},
    tell::Notice,
};

/// The conditions that were told to have begun, and since when.
pub(super) type Known = BTreeMap<Condition, DateTime<Utc>>;

/// What changes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// It has begun.
    Begin(Condition, Notice),
    /// It has ended.
    End(Condition, Notice),
    /// There is nothing left that it could be the matter with: nobody is told.
    Forget(Condition),
}

/// What has begun and ended since, by these readings; what was not read stays as it is. `gone`: whether what a condition is about is no more.
pub(super) fn decide(
    known: &Known,
    readings: &[Reading],
    gone: &dyn Fn(&Condition) -> bool,
    thresholds: &Thresholds,
    now: DateTime<Utc>,
) -> Vec<Step> {
    let forgotten = known.keys().filter(|condition| gone(condition)).copied();
    let told = readings.iter().filter_map(|reading| {
        let condition = reading.condition();
        let since = known.get(&condition);
        let level = reading.figures.level(thresholds, now);
        if gone(&condition) {
            return None;
        }
        let (begins, ends) = condition.kind.types();
        match (since, level) {
            (None, Level::Over) => {
                let notice = notice(begins, reading, now, thresholds, now);
                Some(Step::Begin(condition, notice))
            }
            (Some(since), Level::Under) => {
                let notice = notice(ends, reading, *since, thresholds, now);
                Some(Step::End(condition, notice))
            }
            _ => None,
        }
    });
    forgotten.map(Step::Forget).chain(told).collect()
}

fn notice(
    kind: &'static str,
    reading: &Reading,
    since: DateTime<Utc>,
    thresholds: &Thresholds,
    now: DateTime<Utc>,
) -> Notice {
    let names = reading
        .names
        .iter()
        .map(|(field, name)| ((*field).to_owned(), json!(name)));
    let mut payload: Map<String, Value> = names.collect();
    payload.extend(reading.figures.fields(thresholds, now));
    payload.insert("since".to_owned(), json!(since));
    payload.insert("at".to_owned(), json!(now));
    // What has no value is left out, as everywhere in the API.
    payload.retain(|_, value| !value.is_null());
    Notice {
        kind,
        payload: Value::Object(payload),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::TimeDelta;
    use proptest::prelude::*;
    use proto::LaneWait;
    use uuid::Uuid;

    use super::*;
    use crate::{
        notify::condition::{Failing, Figures, Kind, Oldest, WaitsFor},
        storage::Outlook,
    };

    const THRESHOLDS: Thresholds = Thresholds {
        window: Duration::from_mins(15),
        dead_letters: Some(100),
        dead_share: Some(0.05),
        backlog_age: Some(Duration::from_mins(15)),
        endpoint_down: Some(Duration::from_mins(10)),
        storage_within: Some(Duration::from_hours(14 * 24)),
        storage_max: None,
    };

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_767_225_600, 0).unwrap() + TimeDelta::minutes(minutes)
    }

    fn nobody(_: &Condition) -> bool {
        false
    }

    /// What the database does with the steps.
    fn follow(known: &mut Known, steps: &[Step], now: DateTime<Utc>) {
        for step in steps {
            match step {
                Step::Begin(condition, _) => assert_eq!(known.insert(*condition, now), None),
                Step::End(condition, _) | Step::Forget(condition) => {
                    assert!(known.remove(condition).is_some());
                }
            }
        }
    }

    fn of_queue(figures: Figures) -> Reading {
        Reading {
            subject: Uuid::from_u128(1),
            names: vec![("queue", "orders".to_owned())],
            figures,
        }
    }

    fn of_endpoint(figures: Figures) -> Reading {
        Reading {
            subject: Uuid::from_u128(2),
            names: vec![
                ("endpoint", Uuid::from_u128(2).to_string()),
                ("queue", "orders".to_owned()),
                ("url", "https://example.com/".to_owned()),
            ],
            figures,
        }
    }

    fn dead(dead: u64) -> Reading {
        of_queue(Figures::DeadLetters { dead, ended: 10_000 })
    }

    #[test]
    fn a_rise_is_told_once_and_its_end_once_with_since_when() {
        let mut known = Known::new();
        let mut told = vec![];
        for (minute, count) in [
            (0, 0),
            (1, 120),
            (2, 300),
            (3, 99),
            (4, 50),
            (5, 110),
            (6, 49),
            (7, 0),
        ] {
            let steps = decide(&known, &[dead(count)], &nobody, &THRESHOLDS, at(minute));
            follow(&mut known, &steps, at(minute));
            told.extend(steps);
        }
        let [Step::Begin(_, begun), Step::End(_, ended)] = told.as_slice() else {
            panic!("{told:?}");
        };
        assert_eq!(begun.kind, "dead_letters.rate");
        assert_eq!(
            begun.payload,
            json!({
                "queue": "orders", "dead": 120, "ended": 10_000, "share": 0.012, "window_seconds": 900,
                "threshold": { "dead": 100, "share": 0.05 }, "since": at(1), "at": at(1),
            })
        );
        assert_eq!(ended.kind, "dead_letters.rate_ended");
        assert_eq!(
            (&ended.payload["since"], &ended.payload["at"]),
            (&json!(at(1)), &json!(at(6)))
        );
        assert_eq!(ended.payload["dead"], 49);
    }

    #[test]
    fn what_is_gone_is_forgotten_and_what_was_not_read_stays() {
        let condition = dead(0).condition();
        let known = Known::from([(condition, at(0))]);
        assert_eq!(decide(&known, &[], &nobody, &THRESHOLDS, at(9)), []);
        let gone = |one: &Condition| *one == condition;
        let steps = decide(&known, &[dead(0)], &gone, &THRESHOLDS, at(9));
        assert_eq!(steps, [Step::Forget(condition)], "and its end is not told");
        assert_eq!(decide(&Known::new(), &[dead(900)], &gone, &THRESHOLDS, at(9)), []);
    }

    /// A reading of each kind that begins it, and one that ends it.
    fn examples() -> Vec<[Reading; 2]> {
        let oldest = Oldest {
            due_at: at(-17),
            endpoint: Uuid::from_u128(2),
            waits_for: WaitsFor::Lane(Some(LaneWait::Rate)),
            endpoints: 1,
        };
        let outlook = |full_at| Outlook {
            database_bytes: 1,
            room_bytes: 2,
            bytes_per_day: 3,
            full_at,
        };
        let failing = Failing {
            since: at(-12),
            open: true,
        };
        let storage = |figures| Reading {
            subject: Uuid::nil(),
            names: vec![],
            figures,
        };
        let backlog = |oldest| {
            of_queue(Figures::Backlog {
                oldest,
                deliveries: 9,
            })
        };
        vec![
            [dead(120), dead(0)],
            [backlog(Some(oldest)), backlog(None)],
            [
                storage(Figures::Storage(outlook(Some(at(60))))),
                storage(Figures::Storage(outlook(None))),
            ],
            [
                of_endpoint(Figures::Down(Some(failing))),
                of_endpoint(Figures::Down(None)),
            ],
        ]
    }

    /// The document has an example of each type, with exactly the fields that are told.
    #[test]
    fn the_document_tells_what_is_told() {
        let document = include_str!("../../../docs/observability.md");
        let documented = |kind: &str, was: Option<&str>| -> Vec<Vec<String>> {
            let examples = document.split("```json\n").skip(1).filter_map(|part| {
                let example: Value = serde_json::from_str(part.split("```").next()?).ok()?;
                let fits = example["type"] == kind && was.is_none_or(|was| example["payload"]["was"] == was);
                fits.then(|| fields(&example["payload"]))
            });
            examples.collect()
        };
        for [over, under] in examples() {
            let condition = over.condition();
            let known = Known::from([(condition, at(-1))]);
            let begun = decide(&Known::new(), &[over], &nobody, &THRESHOLDS, at(0));
            let ended = decide(&known, &[under], &nobody, &THRESHOLDS, at(0));
            let ([Step::Begin(_, begun)], [Step::End(_, ended)]) = (begun.as_slice(), ended.as_slice())
            else {
                panic!("{condition:?}: {begun:?} {ended:?}");
            };
            assert_eq!(
                documented(begun.kind, None),
                [fields(&begun.payload)],
                "{}",
                begun.kind
            );
            let was = (condition.kind == Kind::Down).then_some("down");
            assert_eq!(
                documented(ended.kind, was),
                [fields(&ended.payload)],
                "{}",
                ended.kind
            );
        }
    }

    fn fields(payload: &Value) -> Vec<String> {
        let fields = payload.as_object().unwrap().keys().cloned();
        let mut fields: Vec<String> = fields.collect();
        fields.sort_unstable();
        fields
    }

    proptest! {
        /// Whatever is read: begins and ends take turns, each at its level, and the same reading once more tells nothing.
        #[test]
        fn each_begin_has_one_end(counts in prop::collection::vec(0u64..250, 1..60)) {
            let mut known = Known::new();
            for (minute, count) in (0i64..).zip(counts) {
                let (reading, held) = ([dead(count)], !known.is_empty());
                let steps = decide(&known, &reading, &nobody, &THRESHOLDS, at(minute));
                let expected = match (held, count) {
                    (false, 100..) => "begin",
                    (true, ..50) => "end",
                    _ => "nothing",
                };
                let told = match steps.as_slice() {
                    [] => "nothing",
                    [Step::Begin(..)] => "begin",
                    [Step::End(..)] => "end",
                    other => panic!("{other:?}"),
                };
                prop_assert_eq!(told, expected, "{} while held: {}", count, held);
                follow(&mut known, &steps, at(minute));
                prop_assert_eq!(decide(&known, &reading, &nobody, &THRESHOLDS, at(minute)), vec![]);
            }
        }
    }
}
