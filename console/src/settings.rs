//! The settings of deliveries as a form has them: a text each, and what of them is to change as a merge patch.

use serde_json::{Map, Value, json};

/// What a setting is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number, such as 64 or 0.5.
    Number,
    /// A time, such as `30s`.
    Span,
    /// Several texts, with commas between.
    List,
    /// Yes or no.
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// A setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Its dotted name, as the API has it.
    pub path: &'static str,
    /// What people call it.
    pub label: &'static str,
    /// What it may be, and what holds where nobody says.
    pub hint: &'static str,
    /// What it is.
    pub kind: Kind,
}

const fn of(path: &'static str, label: &'static str, kind: Kind, hint: &'static str) -> Setting {
    Setting {
        path,
        label,
        hint,
        kind,
    }
}

/// All that can be set, in groups. Rules of verdicts have a form of their own.
pub static GROUPS: [(&str, &[Setting]); 5] = [
    (
        "Retries",
        &[
            of(
                "retry.attempts",
                "Attempts in all",
                Kind::Number,
                "The first included; 12 unless said",
            ),
            of(
                "retry.initial",
                "First pause",
                Kind::Span,
                "5s unless said; each further one is longer",
            ),
            of(
                "retry.factor",
                "Each pause times",
                Kind::Number,
                "1 to 10; 4 unless said",
            ),
            of("retry.max", "Longest pause", Kind::Span, "6h unless said"),
            of(
                "retry.jitter",
                "Moved at random by",
                Kind::Number,
                "A part of the pause, 0 to 1; 0.2 unless said",
            ),
            of(
                "retry.schedule",
                "Or these pauses",
                Kind::List,
                "Such as 5s, 1m, 10m; in place of first, times and longest",
            ),
            of(
                "retry_client_errors",
                "Retry 4xx as well",
                Kind::Flag,
                "No unless said",
            ),
            of(
                "max_age",
                "Oldest delivery",
                Kind::Span,
                "An older one becomes a dead letter; 0 or nothing: no limit",
            ),
        ],
    ),
    (
        "Limits of each endpoint",
        &[
            of(
                "max_in_flight",
                "Requests in flight",
                Kind::Number,
                "1 to 10 000; 64 unless said",
            ),
            of(
                "adaptive_concurrency",
                "Fewer while it has too many",
                Kind::Flag,
                "Yes unless said",
            ),
            of(
                "rate_limit.limit",
                "Rate at most",
                Kind::Number,
                "Requests in each period; nothing: no limit",
            ),
            of(
                "rate_limit.per",
                "Period of the rate",
                Kind::Choice(&["second", "minute", "hour"]),
                "A second unless said",
            ),
            of(
                "rate_limit.burst",
                "At once after a pause",
                Kind::Number,
                "What 50 ms bring unless said",
            ),
            of(
                "timeout",
                "Time of an attempt",
                Kind::Span,
                "100ms to 15m; 30s unless said",
            ),
            of(
                "connect_timeout",
                "Time to connect",
                Kind::Span,
                "A part of it; 5s unless said",
            ),
        ],
    ),
    (
        "When an endpoint is down",
        &[
            of(
                "breaker.enabled",
                "Hold its deliveries back",
                Kind::Flag,
                "Yes unless said",
            ),
            of(
                "breaker.failures",
                "After failures in a row",
                Kind::Number,
                "10 unless said",
            ),
            of(
                "breaker.ratio",
                "Or this part of requests",
                Kind::Number,
                "0.01 to 1; 0.5 unless said",
            ),
            of("breaker.window", "Over this time", Kind::Span, "30s unless said"),
            of(
                "breaker.min_requests",
                "If there were as many",
                Kind::Number,
                "20 unless said",
            ),
            of(
                "breaker.pause",
                "First probe after",
                Kind::Span,
                "1s unless said; doubled each time",
            ),
            of(
                "breaker.max_pause",
                "Probes at least each",
                Kind::Span,
                "1m unless said",
            ),
            of(
                "disable_after",
                "Disable it after failures for",
                Kind::Span,
                "5d unless said; 0: never",
            ),
        ],
    ),
    (
        "Order",
        &[
            of(
                "ordering.mode",
                "In order",
                Kind::Choice(&["unordered", "key", "fifo"]),
                "Nothing; tasks of one ordering key; or all of an endpoint",
            ),
            of(
                "ordering.on_failure",
                "Behind one that failed",
                Kind::Choice(&["block", "skip"]),
                "The others wait until it is delivered or dead, or go on",
            ),
        ],
    ),
    (
        "How long it is kept",
        &[
            of(
                "retention.payloads",
                "Payloads",
                Kind::Span,
                "7d unless said; or forever, or none: no longer than needed",
            ),
            of(
                "retention.attempts",
                "Attempts",
                Kind::Span,
                "What endpoints answered; 30d unless said",
            ),
            of(
                "retention.dead_letters",
                "Dead letters",
                Kind::Span,
                "90d unless said",
            ),
            of(
                "redact",
                "Shown as hashes",
                Kind::List,
                "Fields of JSON such as /card/number; what is sent stays as it is",
            ),
        ],
    ),
];

/// Every setting, in the order of the groups.
pub fn all() -> impl Iterator<Item = &'static Setting> + Clone {
    GROUPS.iter().flat_map(|(_, settings)| settings.iter())
}

/// Whether a setting is for queues alone, and no endpoint has it.
pub fn is_of_queues_alone(path: &str) -> bool {
    path == "redact" || path.starts_with("retention.")
}

/// What a setting is, as text; empty where it is not set.
pub fn text(settings: &Value, path: &str) -> String {
    let value = path.split('.').try_fold(settings, |value, name| value.get(name));
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(true)) => "yes".to_owned(),
        Some(Value::Bool(false)) => "no".to_owned(),
        Some(Value::Array(items)) => {
            let texts = items.iter().map(|item| item.as_str().unwrap_or_default());
            texts.collect::<Vec<_>>().join(", ")
        }
        Some(other) => other.to_string(),
    }
}

/// A text as the API takes it; `null`, which takes the setting back, where there is none. What is of no use goes as it is: the server says what
/// is wrong with it.
fn value(kind: Kind, text: &str) -> Value {
    let text = text.trim();
    if text.is_empty() {
        return Value::Null;
    }
    match kind {
        Kind::Number => {
            serde_json::from_str::<serde_json::Number>(text).map_or_else(|_| json!(text), Value::Number)
        }
        Kind::Span | Kind::Choice(_) => json!(text),
        Kind::List => {
            let items = text.split([',', ' ']).filter(|item| !item.is_empty());
            items.collect::<Vec<_>>().into()
        }
        Kind::Flag => json!(text == "yes"),
    }
}

/// The merge patch that makes of `before` what the form says: `now` has the text of each setting, in the order of [`all`]. Nothing but what
/// changes is in it; of a group of which nothing is left the whole is taken back, for an empty one would stand before the queue's.
pub fn patch(before: &Value, now: &[String]) -> Value {
    let mut patch = Map::new();
    for (setting, now) in all().zip(now) {
        if text(before, setting.path) == now.trim() {
            continue;
        }
        let value = value(setting.kind, now);
        match setting.path.split_once('.') {
            None => drop(patch.insert(setting.path.to_owned(), value)),
            Some((group, name)) => {
                if let Value::Object(group) = patch.entry(group).or_insert_with(|| json!({})) {
                    group.insert(name.to_owned(), value);
                }
            }
        }
    }
    for (group, value) in &mut patch {
        let mut of_group = all()
            .zip(now)
            .filter(|(setting, _)| setting.path.split_once('.').is_some_and(|(of, _)| of == group));
        let required = format!("{group}.limit");
        let is_gone = match of_group.clone().find(|(setting, _)| setting.path == required) {
            // A rate without its limit is none.
            Some((_, limit)) => limit.trim().is_empty(),
            None => of_group.all(|(_, now)| now.trim().is_empty()),
        };
        if value.is_object() && is_gone {
            *value = Value::Null;
        }
    }
    Value::Object(patch)
}

/// What is wrong with a setting, of what the server said is wrong with fields (`settings.retry.attempts`, `settings.retry.schedule[1]`).
pub fn wrong<'a>(path: &str, errors: &'a [proto::FieldError]) -> Option<&'a str> {
    let found = errors.iter().find(|error| {
        let field = error.field.strip_prefix("settings.").unwrap_or(&error.field);
        field
            .strip_prefix(path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    });
    found.map(|error| error.detail.as_str())
}

#[cfg(test)]
mod tests {
    use proto::{DeliverySettings, FieldError};

    use super::*;

    fn texts(settings: &Value) -> Vec<String> {
        all().map(|setting| text(settings, setting.path)).collect()
    }

    fn set(texts: &mut [String], path: &str, to: &str) {
        let at = all().position(|setting| setting.path == path).unwrap();
        to.clone_into(&mut texts[at]);
    }

    #[test]
    fn a_form_that_nobody_touched_changes_nothing() {
        let before = json!({
            "retry": {"attempts": 8, "factor": 1.5, "jitter": 0.2}, "timeout": "10s", "retry_client_errors": true,
            "rate_limit": {"limit": 100, "per": "minute"}, "breaker": {"enabled": false}, "ordering": {"mode": "key", "on_failure": "block"},
            "verdict": {"preset": "retry-all"},
        });
        // It is a form of the real settings.
        serde_json::from_value::<DeliverySettings>(before.clone()).unwrap();
        assert_eq!(patch(&before, &texts(&before)), json!({}));
        assert_eq!(patch(&json!({}), &texts(&json!({}))), json!({}));
    }

    #[test]
    fn only_what_changes_is_sent() {
        let before = json!({"retry": {"attempts": 8, "max": "1h"}, "timeout": "10s", "rate_limit": {"limit": 5, "per": "second"}});
        let mut now = texts(&before);
        set(&mut now, "retry.attempts", " 9 ");
        set(&mut now, "timeout", "");
        set(&mut now, "adaptive_concurrency", "no");
        set(&mut now, "retry.jitter", "0.5");
        set(&mut now, "retry.schedule", "5s, 1m 10m");
        assert_eq!(
            patch(&before, &now),
            json!({
                "retry": {"attempts": 9, "jitter": 0.5, "schedule": ["5s", "1m", "10m"]}, "timeout": null, "adaptive_concurrency": false,
            })
        );
    }

    #[test]
    fn a_group_of_which_nothing_is_left_goes_whole() {
        let before = json!({"retry": {"attempts": 8}, "rate_limit": {"limit": 5, "per": "minute"}, "breaker": {"failures": 3, "ratio": 0.5}});
        let mut now = texts(&before);
        set(&mut now, "retry.attempts", "");
        set(&mut now, "rate_limit.limit", "");
        set(&mut now, "breaker.failures", "");
        assert_eq!(
            patch(&before, &now),
            json!({"retry": null, "rate_limit": null, "breaker": {"failures": null}})
        );
    }

    #[test]
    fn what_is_of_no_use_goes_as_it_is_and_its_fault_is_told_at_its_field() {
        let mut now = texts(&json!({}));
        set(&mut now, "retry.attempts", "many");
        assert_eq!(patch(&json!({}), &now), json!({"retry": {"attempts": "many"}}));
        let errors = [
            "settings.retry.attempts",
            "settings.retry.schedule[1]",
            "description",
        ]
        .map(|field| FieldError {
            field: field.into(),
            detail: field.into(),
        });
        assert_eq!(wrong("retry.attempts", &errors), Some("settings.retry.attempts"));
        assert_eq!(
            wrong("retry.schedule", &errors),
            Some("settings.retry.schedule[1]")
        );
        assert_eq!(wrong("description", &errors), Some("description"));
        for fine in ["retry.attempt", "timeout", "retry.max"] {
            assert_eq!(wrong(fine, &errors), None, "{fine}");
        }
    }

    #[test]
    fn every_setting_but_the_verdict_has_its_field() {
        let full: DeliverySettings = serde_json::from_value(json!({
            "retry": {"attempts": 1, "initial": "1s", "factor": 1.5, "max": "1s", "schedule": ["1s"], "jitter": 0.5},
            "timeout": "1s", "connect_timeout": "1s", "max_in_flight": 1, "retry_client_errors": true,
            "rate_limit": {"limit": 1, "per": "hour", "burst": 1}, "adaptive_concurrency": true,
            "breaker": {"enabled": true, "failures": 1, "ratio": 0.5, "window": "1s", "min_requests": 1, "pause": "1s", "max_pause": "1s"},
            "max_age": "1s", "disable_after": "1s", "ordering": {"mode": "fifo", "on_failure": "skip"},
            "retention": {"payloads": "1d", "attempts": "forever", "dead_letters": "none"}, "redact": ["/a", "/b"],
        }))
        .unwrap();
        let value = serde_json::to_value(&full).unwrap();
        for setting in all() {
            assert!(!text(&value, setting.path).is_empty(), "{}", setting.path);
        }
    }
}
