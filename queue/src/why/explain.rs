//! The explanation itself: a pure function of what was gathered.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use proto::{Delivery, DeliveryState, DeliveryWait, Lane, LaneWait, Why};

use crate::{id::DeliveryId, verdict::rule_of};

/// What an explanation rests on.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) delivery: &'a Delivery,
    pub(super) blocked: Option<Blocked>,
    /// Whether a node pushes for the endpoint.
    pub(super) owned: bool,
    /// The delivery of its key that goes, if it is held behind it.
    pub(super) behind: Option<DeliveryId>,
    pub(super) lane: Option<&'a Lane>,
    pub(super) ahead: Option<Ahead>,
    /// How many attempts of the endpoint end in a second.
    pub(super) per_second: Option<f64>,
    /// Whether it is a dead letter still.
    pub(super) letter: bool,
    pub(super) now: DateTime<Utc>,
}

/// What keeps deliveries back until a person acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Blocked {
    Paused,
    Disabled(String),
    QueuePaused,
    Deleted,
}

/// How many go before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ahead {
    pub(super) count: u64,
    pub(super) more: bool,
}

impl<'a> Facts<'a> {
    pub(super) fn of(delivery: &'a Delivery, now: DateTime<Utc>) -> Self {
        Self {
            delivery,
            blocked: None,
            owned: true,
            behind: None,
            lane: None,
            ahead: None,
            per_second: None,
            letter: false,
            now,
        }
    }
}

/// Tells why the delivery is where it is.
pub(super) fn explain(facts: &Facts<'_>) -> Why {
    let Facts { delivery, now, .. } = facts;
    let reason = delivery.reason.as_deref();
    let mut why = Why {
        sentence: String::new(),
        rule: reason.and_then(rule_of).map(str::to_owned),
        waits_for: None,
        until: None,
        ahead: facts.ahead.map(|ahead| ahead.count),
        more_ahead: facts.ahead.is_some_and(|ahead| ahead.more),
        starts_at: None,
    };
    let said = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    let ended = delivery.ended_at.map(at).unwrap_or_default();
    let attempts = delivery.attempts;
    match delivery.state {
        DeliveryState::Delivered => {
            why.sentence = format!("It was delivered at {ended}, by attempt {attempts}{said}.");
        }
        DeliveryState::Dead => {
            let letter = if facts.letter {
                "It is a dead letter, and can be replayed."
            } else {
                "It is no dead letter any more: that was replayed or thrown away, or it was a test."
            };
            why.sentence = format!(
                "It was given up at {ended}, after {}{said}. {letter}",
                times(attempts)
            );
        }
        DeliveryState::Cancelled => why.sentence = format!("It was cancelled at {ended}{said}."),
        DeliveryState::Scheduled | DeliveryState::Pending | DeliveryState::Retrying => {
            if attempts > 0 {
                why.sentence = format!("Attempt {attempts} failed{said}. ");
            }
            match delivery.due_at.filter(|due| due > now) {
                Some(due) => not_due(facts, due, &mut why),
                None => due(facts, &mut why),
            }
        }
    }
    why
}

/// It is due later.
fn not_due(facts: &Facts<'_>, due: DateTime<Utc>, why: &mut Why) {
    let sentence = if facts.delivery.attempts > 0 {
        why.waits_for = Some(DeliveryWait::Retry);
        format!("It is tried again at {}.", at(due))
    } else {
        why.waits_for = Some(DeliveryWait::Time);
        format!("It was enqueued to be sent at {}.", at(due))
    };
    why.sentence.push_str(&sentence);
    why.until = Some(due);
    match &facts.blocked {
        Some(blocked) => {
            let then = format!(" It will wait on, as things stand: {}.", block(blocked).1);
            why.sentence.push_str(&then);
        }
        None => why.starts_at = Some(due),
    }
}

/// It could be sent now.
fn due(facts: &Facts<'_>, why: &mut Why) {
    let (wait, because, until, by_itself) = match (&facts.blocked, facts.lane) {
        (Some(blocked), _) => {
            let (wait, because) = block(blocked);
            (wait, because, None, false)
        }
        (None, _) if !facts.owned => (
            DeliveryWait::Node,
            "no node pushes for its endpoint at the moment, which one does again within seconds of starting"
                .to_owned(),
            None,
            false,
        ),
        (None, _) if let Some(first) = facts.behind => (
            DeliveryWait::Order,
            format!("delivery {first} is before it in the order of their key, and has not ended"),
            None,
            false,
        ),
        (None, Some(lane)) => {
            let (wait, because, until) = lane_wait(lane, facts.now);
            (wait, because, until, true)
        }
        (None, None) => (DeliveryWait::Turn, TURN.to_owned(), None, true),
    };
    why.waits_for = Some(wait);
    why.until = until;
    let waits = format!("It is due, and waits: {because}.");
    why.sentence.push_str(&waits);
    let Some(ahead) = facts.ahead else { return };
    let before = match (ahead.count, ahead.more) {
        (0, _) => " None of its endpoint goes before it.".to_owned(),
        (1, false) => " One of its endpoint goes before it.".to_owned(),
        (count, false) => format!(" {count} of its endpoint go before it."),
        (count, true) => format!(" More than {count} of its endpoint go before it."),
    };
    why.sentence.push_str(&before);
    if by_itself {
        why.starts_at = estimate(ahead, facts.per_second, until.unwrap_or(facts.now));
    }
}

const TURN: &str = "its turn comes as those before it go, or it is under way already";

/// When those before it are through.
fn estimate(ahead: Ahead, per_second: Option<f64>, from: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if ahead.count == 0 {
        return Some(from);
    }
    if ahead.more {
        return None;
    }
    let count = u32::try_from(ahead.count).ok()?;
    let wait = Duration::try_from_secs_f64(f64::from(count) / per_second?).ok()?;
    from.checked_add_signed(chrono::TimeDelta::from_std(wait).ok()?)
}

/// What a person has to end.
fn block(blocked: &Blocked) -> (DeliveryWait, String) {
    match blocked {
        Blocked::Paused => (DeliveryWait::EndpointPaused, "its endpoint is paused".to_owned()),
        Blocked::Disabled(reason) => (
            DeliveryWait::EndpointDisabled,
            format!("its endpoint is disabled ({reason})"),
        ),
        Blocked::QueuePaused => (DeliveryWait::QueuePaused, "its queue is paused".to_owned()),
        Blocked::Deleted => (
            DeliveryWait::EndpointDeleted,
            "its endpoint is deleted, and it is cancelled soon".to_owned(),
        ),
    }
}

/// What its lane waits for. What was to end by now counts as ended: the lane is told of with some delay.
fn lane_wait(lane: &Lane, now: DateTime<Utc>) -> (DeliveryWait, String, Option<DateTime<Utc>>) {
    let until = |when: Option<DateTime<Utc>>| {
        when.map(|when| format!(" until {}", at(when)))
            .unwrap_or_default()
    };
    let to_come = |when: Option<DateTime<Utc>>| when.filter(|when| *when > now);
    let hold = to_come(lane.hold_until.or(lane.until));
    let probe = to_come(lane.probe_at);
    match lane.waits_for {
        LaneWait::Hold if hold.is_some() => (
            DeliveryWait::Hold,
            format!("its endpoint asked to be left alone{}", until(hold)),
            hold,
        ),
        LaneWait::Breaker | LaneWait::Probe => (
            DeliveryWait::Breaker,
            format!(
                "its endpoint is down{}, and deliveries that wait use up no attempts",
                probe
                    .map(|when| format!(" and is tried again at {}", at(when)))
                    .unwrap_or_default()
            ),
            probe,
        ),
        LaneWait::Rate => (
            DeliveryWait::Rate,
            "its endpoint is sent as much as its rate limit allows".to_owned(),
            to_come(lane.until),
        ),
        LaneWait::Slot => (
            DeliveryWait::Slot,
            format!(
                "{} requests of its endpoint are in flight, and no more may be at once",
                lane.in_flight
            ),
            None,
        ),
        LaneWait::Permit => (
            DeliveryWait::Permit,
            "as many requests of the node are in flight, or their results unwritten, as may be".to_owned(),
            None,
        ),
        LaneWait::Nothing | LaneWait::Work | LaneWait::Enabling | LaneWait::Hold => {
            (DeliveryWait::Turn, TURN.to_owned(), None)
        }
    }
}

fn at(when: DateTime<Utc>) -> String {
    when.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn times(attempts: u32) -> String {
    match attempts {
        0 => "no attempt".to_owned(),
        1 => "1 attempt".to_owned(),
        many => format!("{many} attempts"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-01-31T12:00:00Z".parse().unwrap()
    }

    fn delivery(more: &serde_json::Value) -> Delivery {
        let mut whole = json!({
            "id": uuid::Uuid::nil(), "task": uuid::Uuid::nil(), "endpoint": uuid::Uuid::nil(), "state": "pending", "attempts": 0,
            "due_at": "2026-01-31T11:59:00Z",
        });
        for (name, value) in more.as_object().unwrap() {
            whole[name] = value.clone();
        }
        serde_json::from_value(whole).unwrap()
    }

    fn lane(more: &serde_json::Value) -> Lane {
        let mut whole = json!({
            "endpoint": uuid::Uuid::nil(), "waits_for": "nothing", "in_flight": 7, "in_flight_limit": 7, "max_in_flight": 64, "ready": 1,
            "backlog": false, "breaker": "closed", "updated_at": now(),
        });
        for (name, value) in more.as_object().unwrap() {
            whole[name] = value.clone();
        }
        serde_json::from_value(whole).unwrap()
    }

    #[test]
    fn what_has_ended_tells_how() {
        for (more, letter, sentence, rule) in [
            (
                json!({"state": "delivered", "attempts": 2, "ended_at": now(), "reason": "the endpoint answered 200"}),
                false,
                "It was delivered at 2026-01-31T12:00:00Z, by attempt 2: the endpoint answered 200.",
                None,
            ),
            (
                json!({"state": "dead", "attempts": 1, "ended_at": now(), "reason": "the endpoint answered 404 [rule 1 of the queue: 404 → dead]"}),
                true,
                "It was given up at 2026-01-31T12:00:00Z, after 1 attempt: the endpoint answered 404 [rule 1 of the queue: 404 → dead]. \
                 It is a dead letter, and can be replayed.",
                Some("rule 1 of the queue: 404 → dead"),
            ),
            (
                json!({"state": "cancelled", "ended_at": now(), "reason": "purged with its queue"}),
                false,
                "It was cancelled at 2026-01-31T12:00:00Z: purged with its queue.",
                None,
            ),
        ] {
            let delivery = delivery(&more);
            let why = explain(&Facts {
                letter,
                ..Facts::of(&delivery, now())
            });
            assert_eq!((why.sentence.as_str(), why.rule.as_deref()), (sentence, rule));
            assert_eq!((why.waits_for, why.starts_at), (None, None));
        }
    }

    #[test]
    fn what_is_due_later_tells_when_and_what_is_in_the_way_then() {
        let due: DateTime<Utc> = "2026-01-31T12:05:00Z".parse().unwrap();
        let failed = json!({"state": "retrying", "attempts": 1, "due_at": due, "reason": "it broke [preset standard: no answer]; attempt 1 of 12"});
        let failed = delivery(&failed);
        let why = explain(&Facts::of(&failed, now()));
        assert_eq!(
            why.sentence,
            "Attempt 1 failed: it broke [preset standard: no answer]; attempt 1 of 12. It is tried again at 2026-01-31T12:05:00Z."
        );
        assert_eq!(
            (why.waits_for, why.until, why.starts_at),
            (Some(DeliveryWait::Retry), Some(due), Some(due))
        );
        assert_eq!(why.rule.as_deref(), Some("preset standard: no answer"));
        let scheduled = delivery(&json!({"state": "scheduled", "due_at": due}));
        let why = explain(&Facts {
            blocked: Some(Blocked::Paused),
            ..Facts::of(&scheduled, now())
        });
        assert!(
            why.sentence.ends_with("as things stand: its endpoint is paused."),
            "{}",
            why.sentence
        );
        assert_eq!((why.waits_for, why.starts_at), (Some(DeliveryWait::Time), None));
    }

    #[test]
    fn what_is_due_tells_what_it_waits_for_and_when_it_may_start() {
        let due = delivery(&json!({}));
        let later: DateTime<Utc> = "2026-01-31T12:01:00Z".parse().unwrap();
        let in_seconds = |seconds| Some(now() + Duration::from_secs(seconds));
        for (state, expected, starts_at) in [
            (
                json!({"waits_for": "hold", "hold_until": later}),
                DeliveryWait::Hold,
                in_seconds(70),
            ),
            (
                json!({"waits_for": "breaker", "probe_at": later}),
                DeliveryWait::Breaker,
                in_seconds(70),
            ),
            (
                json!({"waits_for": "rate", "until": now()}),
                DeliveryWait::Rate,
                in_seconds(10),
            ),
            (json!({"waits_for": "slot"}), DeliveryWait::Slot, in_seconds(10)),
            (
                json!({"waits_for": "permit"}),
                DeliveryWait::Permit,
                in_seconds(10),
            ),
            (json!({"waits_for": "work"}), DeliveryWait::Turn, in_seconds(10)),
        ] {
            let lane = lane(&state);
            let why = explain(&Facts {
                lane: Some(&lane),
                ahead: Some(Ahead {
                    count: 50,
                    more: false,
                }),
                per_second: Some(5.0),
                ..Facts::of(&due, now())
            });
            assert_eq!(
                (why.waits_for, why.starts_at),
                (Some(expected), starts_at),
                "{}",
                why.sentence
            );
            assert!(
                why.sentence.ends_with(" 50 of its endpoint go before it."),
                "{}",
                why.sentence
            );
        }
        for (blocked, expected) in [
            (Blocked::Paused, DeliveryWait::EndpointPaused),
            (
                Blocked::Disabled("by hand".into()),
                DeliveryWait::EndpointDisabled,
            ),
            (Blocked::QueuePaused, DeliveryWait::QueuePaused),
            (Blocked::Deleted, DeliveryWait::EndpointDeleted),
        ] {
            let why = explain(&Facts {
                blocked: Some(blocked),
                ..Facts::of(&due, now())
            });
            assert_eq!((why.waits_for, why.starts_at), (Some(expected), None));
        }
        let nobody = explain(&Facts {
            owned: false,
            ahead: Some(Ahead {
                count: 10_000,
                more: true,
            }),
            ..Facts::of(&due, now())
        });
        assert_eq!(
            (nobody.waits_for, nobody.more_ahead),
            (Some(DeliveryWait::Node), true)
        );
        assert!(
            nobody
                .sentence
                .ends_with("More than 10000 of its endpoint go before it.")
        );
        let next = explain(&Facts {
            ahead: Some(Ahead {
                count: 0,
                more: false,
            }),
            ..Facts::of(&due, now())
        });
        assert_eq!(
            (next.waits_for, next.starts_at),
            (Some(DeliveryWait::Turn), Some(now()))
        );
    }
}
