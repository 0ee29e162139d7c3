//! Verdict rules, and the dry run of them.

use proto::{
    HeaderMatch, HoldLane, LaneEffect, RetryAfter, SimulatedVerdict, Span, Statuses, VerdictAction,
    VerdictCase, VerdictMatch, VerdictPreset, VerdictRule, VerdictSettings, grpc::v1,
};

use super::{Form, attempts, duration, timestamp};

const PRESETS: [(VerdictPreset, v1::VerdictPreset); 4] = [
    (VerdictPreset::Standard, v1::VerdictPreset::Standard),
    (VerdictPreset::RetryAll, v1::VerdictPreset::RetryAll),
    (VerdictPreset::CloudTasks, v1::VerdictPreset::CloudTasks),
    (VerdictPreset::Qstash, v1::VerdictPreset::Qstash),
];

/// Rules that stand in `field`.
pub(in crate::grpc) fn read(given: v1::VerdictSettings, field: &str, form: &mut Form) -> VerdictSettings {
    let preset: Option<v1::VerdictPreset> = form.word(given.preset, &format!("{field}.preset"));
    let found = preset.and_then(|preset| PRESETS.iter().find(|(_, theirs)| *theirs == preset));
    let rules = given.rules.into_iter().enumerate();
    VerdictSettings {
        preset: found.map(|(ours, _)| *ours),
        rules: rules
            .map(|(at, rule)| read_rule(rule, &format!("{field}.rules[{at}]"), form))
            .collect(),
    }
}

fn read_rule(given: v1::VerdictRule, field: &str, form: &mut Form) -> VerdictRule {
    let when = given.r#match.unwrap_or_default();
    let failure: Vec<String> = when
        .failure
        .into_iter()
        .filter_map(|kind| read_failure(kind, &format!("{field}.match.failure"), form))
        .collect();
    let time = form.span(given.time, &format!("{field}.time"));
    let then = match form.word(given.then, &format!("{field}.then")) {
        Some(v1::VerdictAction::Deliver) => VerdictAction::Deliver,
        Some(v1::VerdictAction::Retry) => VerdictAction::Retry,
        Some(v1::VerdictAction::RetryAfter) => {
            form.0.require(
                time.is_some(),
                format!("{field}.time"),
                "is missing: after which time it is tried again",
            );
            let time = time.unwrap_or(Span::seconds(0));
            VerdictAction::RetryAfter(RetryAfter { time })
        }
        Some(v1::VerdictAction::Dead) => VerdictAction::Dead,
        Some(v1::VerdictAction::HoldLane) => VerdictAction::HoldLane(HoldLane { time }),
        Some(v1::VerdictAction::Disable) => VerdictAction::Disable,
        Some(v1::VerdictAction::Unspecified) | None => {
            form.0
                .require(given.then != 0, format!("{field}.then"), "is missing");
            VerdictAction::Retry
        }
    };
    VerdictRule {
        when: VerdictMatch {
            status: (!when.status.is_empty()).then_some(Statuses(when.status)),
            header: when.header.map(|header| HeaderMatch {
                name: header.name,
                value: header.value,
            }),
            failure: (!failure.is_empty()).then_some(failure),
        },
        then,
    }
}

fn read_failure(given: i32, field: &str, form: &mut Form) -> Option<String> {
    let failure: v1::Failure = form.word(given, field)?;
    attempts::failure_word(failure).map(str::to_owned)
}

pub(in crate::grpc) fn settings(settings: VerdictSettings) -> v1::VerdictSettings {
    let preset = settings.preset.and_then(|preset| {
        let found = PRESETS.iter().find(|(ours, _)| *ours == preset);
        found.map(|(_, theirs)| *theirs as i32)
    });
    v1::VerdictSettings {
        preset: preset.unwrap_or_default(),
        rules: settings.rules.into_iter().map(rule).collect(),
    }
}

fn rule(rule: VerdictRule) -> v1::VerdictRule {
    let (then, time) = match rule.then {
        VerdictAction::Deliver => (v1::VerdictAction::Deliver, None),
        VerdictAction::Retry => (v1::VerdictAction::Retry, None),
        VerdictAction::RetryAfter(after) => (v1::VerdictAction::RetryAfter, Some(after.time)),
        VerdictAction::Dead => (v1::VerdictAction::Dead, None),
        VerdictAction::HoldLane(hold) => (v1::VerdictAction::HoldLane, hold.time),
        VerdictAction::Disable => (v1::VerdictAction::Disable, None),
    };
    let failures = rule.when.failure.into_iter().flatten();
    v1::VerdictRule {
        r#match: Some(v1::VerdictMatch {
            status: rule.when.status.map(|all| all.0).unwrap_or_default(),
            header: rule.when.header.map(|header| v1::HeaderMatch {
                name: header.name,
                value: header.value,
            }),
            failure: failures.map(|word| attempts::failure(&word) as i32).collect(),
        }),
        then: then as i32,
        time: time.map(|span| duration(span.0)),
    }
}

/// A response that could come.
pub(in crate::grpc) fn read_case(given: v1::VerdictCase, form: &mut Form) -> VerdictCase {
    VerdictCase {
        status: form.small(given.status, "status", "an HTTP status"),
        headers: given.headers,
        failure: read_failure(given.failure, "failure", form),
        attempt: given.attempt,
    }
}

pub(in crate::grpc) fn simulated(simulated: SimulatedVerdict) -> v1::SimulatedVerdict {
    let lane = match simulated.lane {
        LaneEffect::Carry => v1::LaneEffect::Carry,
        LaneEffect::Hold => v1::LaneEffect::Hold,
        LaneEffect::Disable => v1::LaneEffect::Disable,
    };
    v1::SimulatedVerdict {
        verdict: attempts::verdict(&simulated.verdict) as i32,
        rule: simulated.rule,
        reason: simulated.reason,
        retry_at: simulated.retry_at.map(timestamp),
        retry_by: simulated.retry_by.map(timestamp),
        lane: lane as i32,
        hold_until: simulated.hold_until.map(timestamp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_names_its_field() {
        let rule = |then, time, failure| v1::VerdictRule {
            r#match: Some(v1::VerdictMatch {
                failure,
                ..v1::VerdictMatch::default()
            }),
            then,
            time,
        };
        let given = v1::VerdictSettings {
            preset: 9,
            rules: vec![
                rule(0, None, vec![]),
                rule(99, None, vec![]),
                rule(v1::VerdictAction::RetryAfter as i32, None, vec![99]),
            ],
        };
        let mut form = Form::default();
        read(given, "v", &mut form);
        let fields: Vec<String> = form.0.into_vec().into_iter().map(|error| error.field).collect();
        let expected = ["v.preset", "v.rules[0].then", "v.rules[1].then"];
        assert_eq!(fields[..3], expected);
        assert_eq!(fields[3..], ["v.rules[2].match.failure", "v.rules[2].time"]);
    }
}
