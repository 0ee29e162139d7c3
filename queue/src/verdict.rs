//! What is decided of a delivery after an attempt, why, and by which rule. A pure function of the facts; see [`judge`].

mod preset;
mod rules;
mod simulate;

use std::{fmt, time::Duration};

use chrono::{DateTime, Utc};

use crate::{
    outcome::{Answer, Failure, Outcome},
    retry::Retry,
};

pub(crate) use self::rules::check;
pub use self::rules::{Policy, Rule};

/// What becomes of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The endpoint accepted it.
    Delivered,
    /// It failed, and is due again at `at`.
    Retry {
        /// When it is due again.
        at: DateTime<Utc>,
    },
    /// It is given up.
    Dead,
}

impl Verdict {
    /// When the delivery is due again, if it is.
    pub fn again_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Retry { at } => Some(*at),
            Self::Delivered | Self::Dead => None,
        }
    }

    /// The word used in the database and the API.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retry { .. } => "retry",
            Self::Dead => "dead",
        }
    }
}

/// A verdict with its reason, and what it means for the endpoint as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What becomes of the delivery.
    pub verdict: Verdict,
    /// Why: the fact and the rule, in a sentence for people, the rule in its last brackets. Empty where a preset took a 2xx for delivered: the
    /// status says it all, and nothing is logged beside it.
    pub reason: String,
    /// What the answer asks of the whole lane.
    pub lane: LaneOrder,
}

/// What an answer asks of the lane beyond the one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneOrder {
    /// Nothing.
    Carry,
    /// Send nothing before then.
    HoldUntil(DateTime<Utc>),
    /// Disable the endpoint.
    Disable,
}

/// What a judgement rests on besides the outcome.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The retry policy that holds for the delivery.
    pub retry: &'a Retry,
    /// The rules that hold for it.
    pub policy: &'a Policy,
    /// How many attempts are made, this one included.
    pub made: u32,
    /// When sending it makes no more sense.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it is older than `max_age` lets it be.
    pub too_old_at: Option<DateTime<Utc>>,
    /// When the attempt ended.
    pub now: DateTime<Utc>,
    /// Uniform in 0..1, for jitter.
    pub chance: f64,
}

/// Longest time for which one answer can hold a lane. Longer than any sane `Retry-After`, short enough that a receiver's slip of the
/// pen (milliseconds for seconds) does not stop it for weeks.
pub const LONGEST_HOLD: Duration = Duration::from_hours(1);

/// How long a rule holds a lane that neither says so itself nor was told by the answer: the first pause of the default retry policy.
const HOLD: Duration = Duration::from_secs(5);

/// What is done with a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Delivered.
    Deliver,
    /// Again by the retry policy, and not before `Retry-After`.
    Retry,
    /// The same, and `Retry-After` holds the lane.
    RetryHolding,
    /// Again after this time, and not before `Retry-After`.
    RetryAfter(Duration),
    /// Given up.
    Dead,
    /// Again by the retry policy, and the lane is held: so long, or until `Retry-After`, or for [`HOLD`].
    HoldLane(Option<Duration>),
    /// Given up, and the endpoint is disabled.
    Disable,
}

/// The rule that decides, by its place.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source<'a> {
    /// One of the endpoint's own, counted from 1.
    Endpoint(usize, &'a Rule),
    /// One of its queue's.
    Queue(usize, &'a Rule),
    /// A line of a preset.
    Preset(&'static str, &'static str),
    /// The setting that widens the standard preset.
    RetryClientErrors,
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(number, rule) => write!(f, "rule {number} of the endpoint: {}", rule.shown()),
            Self::Queue(number, rule) => write!(f, "rule {number} of the queue: {}", rule.shown()),
            Self::Preset(name, line) => write!(f, "preset {name}: {line}"),
            Self::RetryClientErrors => f.write_str("setting retry_client_errors: 4xx are retried"),
        }
    }
}

/// Decides by the first rule that matches: of the endpoint's, then of its queue's, then of the preset, which has one for everything.
///
/// The standard preset, whose sources are Standard Webhooks v1.0.0, "Delivery recommendations", and RFC 9110, section 15:
///
/// | answer | verdict |
/// | --- | --- |
/// | 2xx | delivered |
/// | 408, 425, 429, 5xx, 3xx (never followed), no answer | retry by the policy; `Retry-After` is obeyed, and on 429 and 503 holds the lane |
/// | 410 | dead, and the endpoint is disabled |
/// | other 4xx | dead at once, unless `retry_client_errors` is set |
pub fn judge(outcome: &Outcome, case: Case<'_>) -> Judgement {
    let (action, source) = case.policy.find(outcome);
    if let (Action::Deliver, Source::Preset(..)) = (action, source) {
        return ended(Verdict::Delivered, String::new());
    }
    let fact = match outcome {
        Outcome::Answered(Answer { status, .. }) => format!("the endpoint answered {status} [{source}]"),
        Outcome::Failed(Failure { detail, .. }) => format!("{detail} [{source}]"),
    };
    let told = match outcome {
        Outcome::Answered(answer) => answer.retry_after,
        Outcome::Failed(_) => None,
    };
    let by_policy = case.retry.next(case.made, case.now, told, case.chance);
    match action {
        Action::Deliver => ended(Verdict::Delivered, fact),
        Action::Dead => ended(Verdict::Dead, fact),
        Action::Disable => Judgement {
            lane: LaneOrder::Disable,
            ..ended(Verdict::Dead, fact + "; the endpoint was disabled")
        },
        Action::Retry => again(case, &fact, by_policy, LaneOrder::Carry),
        Action::RetryHolding => {
            let hold = told.filter(|at| *at > case.now);
            let lane = hold.map_or(LaneOrder::Carry, |at| hold_until(at, case.now));
            again(case, &fact, by_policy, lane)
        }
        Action::RetryAfter(time) => {
            let at = told.unwrap_or(case.now).max(case.now + time);
            let next = case.retry.at(case.made, at, time, case.chance);
            again(case, &fact, next, LaneOrder::Carry)
        }
        Action::HoldLane(time) => {
            let least = time.map(|time| case.now + time);
            let at = told.max(least).unwrap_or(case.now + HOLD);
            let next = case.retry.next(case.made, case.now, Some(at), case.chance);
            again(case, &fact, next, hold_until(at, case.now))
        }
    }
}

fn hold_until(at: DateTime<Utc>, now: DateTime<Utc>) -> LaneOrder {
    LaneOrder::HoldUntil(at.min(now + LONGEST_HOLD))
}

fn ended(verdict: Verdict, reason: String) -> Judgement {
    Judgement {
        verdict,
        reason,
        lane: LaneOrder::Carry,
    }
}

/// It is tried again at `next`, unless that was the last attempt, or it may not be sent any more by then.
fn again(case: Case<'_>, fact: &str, next: Option<DateTime<Utc>>, lane: LaneOrder) -> Judgement {
    let Case { retry, made, .. } = case;
    let (verdict, reason) = match next {
        None => (
            Verdict::Dead,
            format!("{fact}; that was attempt {made} of {}", retry.attempts),
        ),
        Some(at) if case.expires_at.is_some_and(|end| at >= end) => (
            Verdict::Dead,
            format!("{fact}; the task expires before its next attempt"),
        ),
        Some(at) if case.too_old_at.is_some_and(|end| at >= end) => (
            Verdict::Dead,
            format!("{fact}; it would be older than max_age at its next attempt"),
        ),
        Some(at) => (
            Verdict::Retry { at },
            format!("{fact}; attempt {made} of {}", retry.attempts),
        ),
    };
    Judgement {
        verdict,
        reason,
        lane,
    }
}

/// What is shown as the reason of an attempt that was logged with a status and without a reason; see [`Judgement::reason`].
pub(crate) fn plain_reason(status: impl fmt::Display) -> String {
    format!("the endpoint answered {status}")
}

/// The rule that a reason names, if it names one: what stands in its last brackets.
pub(crate) fn rule_of(reason: &str) -> Option<&str> {
    let (_, rule) = reason.rsplit_once('[')?;
    let (rule, _) = rule.split_once(']')?;
    ["rule ", "preset ", "setting "]
        .iter()
        .any(|kind| rule.starts_with(kind))
        .then_some(rule)
}

#[cfg(test)]
mod tests;
