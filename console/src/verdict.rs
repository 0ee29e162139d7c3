//! Rules of verdicts as a form has them: texts.

use proto::{Statuses, VerdictAction, VerdictMatch, VerdictRule};
use serde_json::{Map, Value, json};

/// What a rule can do: its word in the API, and what it says to people.
pub const ACTIONS: [(&str, &str); 6] = [
    ("deliver", "it counts as delivered"),
    ("retry", "it is tried again by the retry policy"),
    ("retry_after", "it is tried again after"),
    ("dead", "it is dead at once"),
    ("hold_lane", "it is tried again, and nothing is sent for"),
    ("disable", "it is dead, and the endpoint is disabled"),
];

/// The presets: the word in the API, and what it says to people.
pub const PRESETS: [(&str, &str); 4] = [
    (
        "standard",
        "standard: 408, 425, 429, 3xx, 5xx are tried again, 410 disables, other 4xx are dead",
    ),
    ("retry-all", "retry-all: everything but 2xx is tried again"),
    ("cloud-tasks", "cloud-tasks: the same; 429 and 503 hold the lane"),
    (
        "qstash",
        "qstash: 489 with Upstash-NonRetryable-Error is dead, all else but 2xx is tried again",
    ),
];

/// Rules that are often wanted: what they are called, and they.
pub const COMMON: [(&str, &str); 4] = [
    ("409 is fine", r#"{"match":{"status":"409"},"then":"deliver"}"#),
    ("404 is retried", r#"{"match":{"status":"404"},"then":"retry"}"#),
    (
        "x-no-retry is dead",
        r#"{"match":{"header":{"name":"x-no-retry","value":"true"}},"then":"dead"}"#,
    ),
    (
        "DNS or TLS fails: wait",
        r#"{"match":{"failure":["dns","tls"]},"then":{"hold_lane":{"for":"1m"}}}"#,
    ),
];

/// The kinds of failure in which no answer came.
pub const FAILURES: [&str; 8] = [
    "dns", "refused", "connect", "tls", "reset", "protocol", "timeout", "auth",
];

/// A rule, as it is typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Typed {
    /// `429, 5xx`
    pub status: String,
    /// The name of a header of the answer.
    pub header: String,
    /// A glob of its value.
    pub value: String,
    /// `dns, tls`
    pub failure: String,
    /// One of [`ACTIONS`].
    pub then: String,
    /// How long, where that is asked for.
    pub time: String,
}

impl Typed {
    /// A rule as it is typed.
    pub fn of(rule: &VerdictRule) -> Self {
        let VerdictMatch {
            status,
            header,
            failure,
        } = rule.when.clone();
        let (then, time) = match &rule.then {
            VerdictAction::Deliver => ("deliver", None),
            VerdictAction::Retry => ("retry", None),
            VerdictAction::RetryAfter(after) => ("retry_after", Some(after.time)),
            VerdictAction::Dead => ("dead", None),
            VerdictAction::HoldLane(hold) => ("hold_lane", hold.time),
            VerdictAction::Disable => ("disable", None),
        };
        Self {
            status: status.map(|Statuses(all)| all.join(", ")).unwrap_or_default(),
            header: header.as_ref().map(|h| h.name.clone()).unwrap_or_default(),
            value: header.and_then(|h| h.value).unwrap_or_default(),
            failure: failure.unwrap_or_default().join(", "),
            then: then.to_owned(),
            time: time.map(|span| span.to_string()).unwrap_or_default(),
        }
    }

    /// It as the API takes it. What is of no use goes as it is: the server says what is wrong with it.
    pub fn rule(&self) -> Value {
        let mut when = Map::new();
        let words = |text: &str| -> Vec<String> {
            let cut = text.split([',', ' ']).filter(|word| !word.is_empty());
            cut.map(str::to_owned).collect()
        };
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        if let Some(status) = given(&self.status) {
            when.insert("status".to_owned(), json!(words(&status)));
        }
        if let Some(name) = given(&self.header) {
            let mut header = json!({"name": name});
            if let Some(value) = given(&self.value) {
                header["value"] = json!(value);
            }
            when.insert("header".to_owned(), header);
        }
        if let Some(failure) = given(&self.failure) {
            when.insert("failure".to_owned(), json!(words(&failure)));
        }
        let time = given(&self.time);
        let then = match self.then.as_str() {
            "retry_after" => json!({"retry_after": {"for": time.unwrap_or_default()}}),
            "hold_lane" => match time {
                Some(time) => json!({"hold_lane": {"for": time}}),
                None => json!({"hold_lane": {}}),
            },
            word => json!(word),
        };
        json!({"match": when, "then": then})
    }
}

/// Whether an action asks for a time.
pub fn takes_time(then: &str) -> bool {
    matches!(then, "retry_after" | "hold_lane")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_nobody_touched_stays_as_it_is() {
        let common = COMMON.map(|(_, rule)| rule);
        let others = [
            r#"{"match":{},"then":"dead"}"#,
            r#"{"match":{"status":["404","500-599"],"header":{"name":"x"}},"then":{"hold_lane":{}}}"#,
            r#"{"match":{"status":"4xx"},"then":{"retry_after":{"for":"30s"}}}"#,
            r#"{"match":{"failure":["reset"]},"then":"disable"}"#,
        ];
        for text in common.into_iter().chain(others) {
            let rule: VerdictRule = serde_json::from_str(text).unwrap();
            let again: VerdictRule = serde_json::from_value(Typed::of(&rule).rule()).unwrap();
            assert_eq!(again, rule, "{text}");
        }
    }

    #[test]
    fn lists_are_typed_with_commas_or_spaces() {
        let typed = Typed {
            status: "404, 5xx 429".into(),
            then: "retry".into(),
            time: "3s".into(),
            ..Typed::default()
        };
        assert_eq!(
            typed.rule(),
            json!({"match": {"status": ["404", "5xx", "429"]}, "then": "retry"})
        );
    }

    #[test]
    fn every_action_and_preset_is_one_of_the_api() {
        for (word, _) in ACTIONS {
            let typed = Typed {
                then: word.into(),
                time: "5s".into(),
                ..Typed::default()
            };
            serde_json::from_value::<VerdictRule>(typed.rule()).unwrap();
        }
        for (word, _) in PRESETS {
            serde_json::from_value::<proto::VerdictPreset>(json!(word)).unwrap();
        }
    }
}
