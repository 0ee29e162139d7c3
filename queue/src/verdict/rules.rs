//! Rules: how they are written, and what they match.

use std::time::Duration;

use proto::{DeliverySettings, VerdictAction, VerdictPreset, VerdictRule, VerdictSettings};

use super::{Action, LONGEST_HOLD, Source, preset};
use crate::{
    error::Problems,
    glob,
    outcome::{FailureKind, Outcome},
};

/// Most rules of an endpoint or a queue: more than any API has kinds of answers, few enough to ask each time.
const MOST_RULES: usize = 50;
/// Most statuses and ranges of one rule.
const MOST_STATUSES: usize = 20;
/// Longest glob of a header's value, in characters.
const LONGEST_VALUE: usize = 200;
/// Longest name of a header.
const LONGEST_NAME: usize = 100;
/// Longest time after which a rule tries again: that of a retry policy's pauses.
const LONGEST_PAUSE: Duration = Duration::from_hours(30 * 24);
/// How much is shown of what a rule matches, in characters: each reason holds it.
const SHOWN: usize = 60;

/// The rules that hold for an endpoint's deliveries.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    endpoint: Vec<Rule>,
    queue: Vec<Rule>,
    preset: VerdictPreset,
    retry_client_errors: bool,
}

/// A rule as it is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    statuses: Vec<(u16, u16)>,
    /// Its name in lower case, and a glob of its value.
    header: Option<(String, Option<String>)>,
    failures: Vec<FailureKind>,
    action: Action,
    shown: String,
}

impl Policy {
    /// The endpoint's rules, then its queue's, then the preset: the endpoint's if it names one, else the queue's, else the standard one.
    pub fn of(endpoint: &DeliverySettings, queue: &DeliverySettings) -> Self {
        let rules = |settings: &DeliverySettings| -> Vec<Rule> {
            let rules = settings.verdict.iter().flat_map(|verdict| &verdict.rules);
            rules.map(Rule::of).collect()
        };
        let preset = |settings: &DeliverySettings| settings.verdict.as_ref().and_then(|v| v.preset);
        Self {
            endpoint: rules(endpoint),
            queue: rules(queue),
            preset: preset(endpoint).or(preset(queue)).unwrap_or_default(),
            retry_client_errors: endpoint
                .retry_client_errors
                .or(queue.retry_client_errors)
                .unwrap_or(false),
        }
    }

    /// What is done with a response, and the rule that says so.
    pub(super) fn find(&self, outcome: &Outcome) -> (Action, Source<'_>) {
        let first = |rules: &'_ [Rule]| rules.iter().position(|rule| rule.matches(outcome));
        if let Some(at) = first(&self.endpoint) {
            return (
                self.endpoint[at].action,
                Source::Endpoint(at + 1, &self.endpoint[at]),
            );
        }
        if let Some(at) = first(&self.queue) {
            return (self.queue[at].action, Source::Queue(at + 1, &self.queue[at]));
        }
        preset::find(self.preset, self.retry_client_errors, outcome)
    }
}

impl Rule {
    /// A rule that was checked; what is not well formed in it matches nothing.
    fn of(rule: &VerdictRule) -> Self {
        let when = &rule.when;
        let statuses = when.status.iter().flat_map(|all| &all.0);
        let failures = when.failure.iter().flatten();
        Self {
            statuses: statuses.map(|text| range(text).unwrap_or(NOTHING)).collect(),
            header: when
                .header
                .as_ref()
                .map(|header| (header.name.to_ascii_lowercase(), header.value.clone())),
            failures: failures.filter_map(|word| FailureKind::parse(word)).collect(),
            action: match &rule.then {
                VerdictAction::Deliver => Action::Deliver,
                VerdictAction::Retry => Action::Retry,
                VerdictAction::RetryAfter(after) => Action::RetryAfter(after.time.0),
                VerdictAction::Dead => Action::Dead,
                VerdictAction::HoldLane(hold) => Action::HoldLane(hold.time.map(|span| span.0)),
                VerdictAction::Disable => Action::Disable,
            },
            shown: show(rule),
        }
    }

    /// What it matches and does, in a few words; no brackets are among them.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    fn matches(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Answered(answer) => {
                let status = answer.status;
                let in_range = |(from, to): &(u16, u16)| (*from..=*to).contains(&status);
                self.failures.is_empty()
                    && (self.statuses.is_empty() || self.statuses.iter().any(in_range))
                    && self.header.as_ref().is_none_or(|(name, value)| {
                        let same = answer.headers.iter().filter(|(given, _)| given == name);
                        let mut values = same.map(|(_, given)| given.trim());
                        values.any(|given| value.as_ref().is_none_or(|glob| glob::matches(glob, given)))
                    })
            }
            Outcome::Failed(failure) => {
                self.statuses.is_empty()
                    && self.header.is_none()
                    && (self.failures.is_empty() || self.failures.contains(&failure.kind))
            }
        }
    }
}

/// A range that no status is in.
const NOTHING: (u16, u16) = (1, 0);

/// The statuses that a text means, both ends included: `404`, `500-599`, `4xx`.
fn range(text: &str) -> Option<(u16, u16)> {
    let number = |text: &str| {
        let fine = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        fine.then(|| text.parse::<u16>().ok()).flatten()
    };
    if let Some(class) = text.strip_suffix("xx") {
        let first = number(&format!("{class}00"))?;
        return Some((first, first + 99));
    }
    match text.split_once('-') {
        Some((from, to)) => {
            let (from, to) = (number(from)?, number(to)?);
            (from <= to).then_some((from, to))
        }
        None => number(text).map(|status| (status, status)),
    }
}

fn show(rule: &VerdictRule) -> String {
    let mut parts: Vec<String> = vec![];
    if let Some(statuses) = &rule.when.status {
        parts.push(statuses.0.join(", "));
    }
    if let Some(failures) = &rule.when.failure {
        parts.push(failures.join(", "));
    }
    if let Some(header) = &rule.when.header {
        parts.push(format!("header {}", header.name.to_ascii_lowercase()));
    }
    let mut what = parts.join(" and ");
    if what.is_empty() {
        what.push_str("everything");
    }
    if let Some((end, _)) = what.char_indices().nth(SHOWN) {
        what.truncate(end);
        what.push('…');
    }
    let then = match &rule.then {
        VerdictAction::Deliver => "deliver".to_owned(),
        VerdictAction::Retry => "retry".to_owned(),
        VerdictAction::RetryAfter(after) => format!("retry after {}", after.time),
        VerdictAction::Dead => "dead".to_owned(),
        VerdictAction::HoldLane(_) => "hold the lane".to_owned(),
        VerdictAction::Disable => "disable".to_owned(),
    };
    format!("{what} → {then}")
}

/// Notes what is wrong with rules given as `field`.
pub(crate) fn check(settings: &VerdictSettings, field: &str, problems: &mut Problems) {
    problems.require(
        settings.rules.len() <= MOST_RULES,
        format!("{field}.rules"),
        format!("at most {MOST_RULES} rules"),
    );
    for (i, rule) in settings.rules.iter().enumerate().take(MOST_RULES) {
        check_rule(rule, &format!("{field}.rules[{i}]"), problems);
    }
}

fn check_rule(rule: &VerdictRule, field: &str, problems: &mut Problems) {
    let when = &rule.when;
    let at = |name: &str| format!("{field}.match.{name}");
    if let Some(statuses) = &when.status {
        let count = statuses.0.len();
        problems.require(
            (1..=MOST_STATUSES).contains(&count),
            at("status"),
            format!("1 to {MOST_STATUSES} statuses or ranges"),
        );
        for text in statuses.0.iter().take(MOST_STATUSES) {
            problems.require(
                range(text).is_some(),
                at("status"),
                "a status of 100 to 999 such as 429, a range such as \"500-599\", or \"4xx\"",
            );
        }
    }
    if let Some(header) = &when.header {
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        let fine = (1..=LONGEST_NAME).contains(&header.name.len()) && header.name.bytes().all(token);
        problems.require(fine, at("header.name"), "the name of a header");
        let value = header.value.as_deref().unwrap_or_default();
        problems.require(
            value.chars().count() <= LONGEST_VALUE && !value.contains(char::is_control),
            at("header.value"),
            format!("at most {LONGEST_VALUE} characters, none of them a control character"),
        );
    }
    if let Some(failures) = &when.failure {
        let words = FailureKind::ALL.map(FailureKind::as_str).join(", ");
        let known = failures.iter().all(|word| FailureKind::parse(word).is_some());
        problems.require(
            known && (1..=FailureKind::ALL.len()).contains(&failures.len()),
            at("failure"),
            format!("a list of some of {words}"),
        );
        problems.require(
            when.status.is_none() && when.header.is_none(),
            at("failure"),
            "means that no answer came, which then has no status and no header: make two rules of it",
        );
    }
    match &rule.then {
        VerdictAction::RetryAfter(after) => problems.require(
            after.time.0 <= LONGEST_PAUSE,
            format!("{field}.then.retry_after.for"),
            "at most 30d",
        ),
        VerdictAction::HoldLane(hold) => problems.require(
            hold.time.is_none_or(|span| span.0 <= LONGEST_HOLD),
            format!("{field}.then.hold_lane.for"),
            "at most 1h",
        ),
        _ => {}
    }
}
