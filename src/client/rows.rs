//! The things of the API as rows of a table.

use chrono::TimeDelta;
use posthaste_client::proto::{
    Attempt, DeadLetter, DeadLetterGroup, Delivery, DeliverySettings, Endpoint, EndpointAuth, EndpointStatus,
    Key, Queue, Replay, ReplayFilter, Secret, Task,
};
use serde::Serialize;

use super::{
    table::{Column, Row},
    times::Times,
};

/// The word that JSON has for a state.
pub(super) fn word(state: impl Serialize) -> String {
    let json = serde_json::to_value(state).unwrap_or_default();
    json.as_str().unwrap_or_default().to_owned()
}

/// Settings in one line, as `--set` takes them; those that are not set are left out.
pub(super) fn settings(settings: &DeliverySettings) -> String {
    flat(settings)
}

/// What an endpoint's requests show, in one line; PEM by its first.
pub(super) fn auth(auth: Option<&EndpointAuth>) -> String {
    flat(auth)
}

fn flat(value: impl Serialize) -> String {
    fn flatten(prefix: &str, value: &serde_json::Value, parts: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                for (name, value) in fields {
                    let dot = if prefix.is_empty() { "" } else { "." };
                    flatten(&format!("{prefix}{dot}{name}"), value, parts);
                }
            }
            serde_json::Value::String(text) => {
                parts.push(format!("{prefix}={}", text.lines().next().unwrap_or_default()));
            }
            serde_json::Value::Null => {}
            other => parts.push(format!("{prefix}={other}")),
        }
    }
    let mut parts = vec![];
    flatten("", &serde_json::to_value(value).unwrap_or_default(), &mut parts);
    parts.join(" ")
}

/// A replay's filter in one line; what is left out of it is left out.
pub(super) fn filter(filter: &ReplayFilter) -> String {
    let value = serde_json::to_value(filter).unwrap_or_default();
    let fields = value.as_object().into_iter().flatten();
    let parts: Vec<String> = fields
        .map(|(name, value)| match value {
            serde_json::Value::String(text) => format!("{name}={text}"),
            other => format!("{name}={other}"),
        })
        .collect();
    parts.join(" ")
}

/// How many deliveries a queue holds, and may hold.
pub(super) fn depth(queue: &Queue) -> String {
    match queue.max_depth {
        Some(most) => format!("{}/{most}", queue.depth),
        None => queue.depth.to_string(),
    }
}

/// An HTTP status, or the kind of failure in place of one.
pub(super) fn answer(status: Option<u16>, failure: Option<&str>) -> String {
    match (status, failure) {
        (Some(status), _) => status.to_string(),
        (None, failure) => failure.unwrap_or_default().to_owned(),
    }
}

/// What a key allows.
pub(super) fn scopes(key: &Key) -> String {
    let scopes: Vec<String> = key.scopes.iter().map(word).collect();
    scopes.join(",")
}

/// How fast tasks may be enqueued with a key.
pub(super) fn rate(key: &Key) -> String {
    match key.rate {
        None => "any".to_owned(),
        Some(rate) => match rate.burst {
            None => format!("{}/s", rate.per_second),
            Some(burst) => format!("{}/s, {burst} at once", rate.per_second),
        },
    }
}

/// Whether a key is good.
pub(super) fn key_state(key: &Key, times: Times) -> String {
    let state = match (key.revoked_at, key.expires_at) {
        (Some(_), _) => "revoked",
        (None, Some(at)) if at <= times.now => "expired",
        _ if key.successor.is_some() => "replaced",
        _ => "valid",
    };
    state.to_owned()
}

impl Row for Key {
    const COLUMNS: &'static [Column] = &[
        Column::whole("id"),
        Column::text("name"),
        Column::whole("begins"),
        Column::whole("state"),
        Column::whole("scopes"),
        Column::text("queues"),
        Column::whole("ends"),
        Column::whole("used"),
    ];

    fn cells(&self, times: Times) -> Vec<String> {
        let or_never = |at: Option<_>| at.map_or_else(|| "never".to_owned(), |at| times.distance(at));
        vec![
            self.id.to_string(),
            self.name.clone(),
            self.prefix.clone(),
            key_state(self, times),
            scopes(self),
            self.queues.join(" "),
            or_never(self.expires_at),
            or_never(self.last_used_at),
        ]
    }
}

impl Row for Queue {
    const COLUMNS: &'static [Column] = &[
        Column::whole("name"),
        Column::whole("state"),
        Column::whole("endpoints"),
        Column::whole("depth"),
        Column::whole("made"),
        Column::text("settings"),
        Column::text("description"),
    ];

    fn cells(&self, times: Times) -> Vec<String> {
        let state = if self.paused { "paused" } else { "running" };
        vec![
            self.name.clone(),
            state.to_owned(),
            self.endpoints.to_string(),
            depth(self),
            times.distance(self.created_at),
            settings(&self.settings),
            self.description.clone(),
        ]
    }
}

impl Row for Endpoint {
    const COLUMNS: &'static [Column] = &[
        Column::whole("id"),
        Column::whole("status"),
        Column::text("url"),
        Column::text("filter"),
        Column::text("description"),
    ];

    fn cells(&self, _: Times) -> Vec<String> {
        let why = self
            .disabled_reason
            .as_ref()
            .filter(|_| self.status == EndpointStatus::Disabled);
        vec![
            self.id.to_string(),
            word(self.status),
            self.url.clone(),
            self.filter.join(" "),
            why.unwrap_or(&self.description).clone(),
        ]
    }
}

impl Row for Secret {
    const COLUMNS: &'static [Column] = &[
        Column::whole("id"),
        Column::whole("scheme"),
        Column::whole("made"),
        Column::whole("ends"),
        Column::text("public key"),
    ];

    fn cells(&self, times: Times) -> Vec<String> {
        let ends = self
            .expires_at
            .map_or_else(|| "never".to_owned(), |at| times.distance(at));
        vec![
            self.id.to_string(),
            word(self.scheme),
            times.distance(self.created_at),
            ends,
            self.public_key.clone().unwrap_or_default(),
        ]
    }
}

impl Row for Task {
    const COLUMNS: &'static [Column] = &[
        Column::whole("id"),
        Column::whole("state"),
        Column::text("type"),
        Column::whole("enqueued"),
        Column::whole("due"),
        Column::whole("size"),
    ];

    fn cells(&self, times: Times) -> Vec<String> {
        // One that was due at once is so within a moment.
        let due = if self.due_at - self.created_at > TimeDelta::seconds(1) {
            times.distance(self.due_at)
        } else {
            String::new()
        };
        vec![
            self.id.to_string(),
            word(self.state),
            self.kind.clone(),
            times.distance(self.created_at),
            due,
            self.size.to_string(),
        ]
    }
}

impl Row for Delivery {
    const COLUMNS: &'static [Column] = &[
        Column::whole("id"),
        Column::whole("endpoint"),
        Column::whole("state"),
        Column::whole("attempts"),
        Column::whole("when"),
        Column::text("reason"),
    ];

    fn cells(&self, times: Times) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.endpoint.to_string(),
            word(self.state),
            self.attempts.to_string(),
            times.distance_if(self.ended_at.or(self.due_at)),
            self.reason.clone().unwrap_or_default(),
        ]
    }
}

impl Row for Attempt {
    const COLUMNS: &'static [Column] = &[
        Column::whole("no"),
        Column::whole("when"),
        Column::whole("answer"),
        Column::whole("took"),
        Column::whole("verdict"),
        Column::whole("next"),
        Column::whole("endpoint"),
        Column::text("reason"),
    ];

    fn cells(&self, times: Times) -> Vec<String> {
        vec![
            self.number.to_string(),
            times.distance(self.started_at),
            answer(self.status, self.failure.as_deref()),
            format!("{:.0}ms", self.timing.total_ms),
            self.verdict.clone(),
            times.distance_if(self.retry_at),
            self.endpoint.to_string(),
            self.reason.clone(),
        ]
    }
}

impl Row for Replay {
    const COLUMNS: &'static [Column] = &[
        Column::whole("id"),
        Column::whole("status"),
        Column::whole("begun"),
        Column::whole("progress"),
        Column::whole("skipped"),
        Column::whole("rate"),
        Column::text("filter"),
    ];

    fn cells(&self, times: Times) -> Vec<String> {
        vec![
            self.id.to_string(),
            word(self.status),
            times.distance(self.created_at),
            super::replay::progress(self),
            self.skipped.to_string(),
            format!("{}/s", self.rate),
            filter(&self.filter),
        ]
    }
}

impl Row for DeadLetterGroup {
    const COLUMNS: &'static [Column] = &[
        Column::whole("count"),
        Column::text("queue"),
        Column::whole("endpoint"),
        Column::whole("answer"),
        Column::text("reason"),
        Column::whole("last died"),
    ];

    fn cells(&self, times: Times) -> Vec<String> {
        vec![
            self.count.to_string(),
            self.queue.clone(),
            self.endpoint.to_string(),
            answer(self.status, self.failure.as_deref()),
            self.reason.clone(),
            times.distance(self.last_died_at),
        ]
    }
}

impl Row for DeadLetter {
    const COLUMNS: &'static [Column] = &[
        Column::whole("id"),
        Column::whole("died"),
        Column::text("queue"),
        Column::text("type"),
        Column::whole("answer"),
        Column::whole("attempts"),
        Column::text("reason"),
    ];

    fn cells(&self, times: Times) -> Vec<String> {
        vec![
            self.id.to_string(),
            times.distance(self.died_at),
            self.queue.clone(),
            self.kind.clone(),
            answer(self.status, self.failure.as_deref()),
            self.attempts.to_string(),
            self.reason.clone(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_are_shown_as_they_are_given() {
        let given = json!({"retry": {"attempts": 5, "schedule": ["5s", "1m"]}, "timeout": "10s"});
        let read: DeliverySettings = serde_json::from_value(given).unwrap();
        assert_eq!(
            settings(&read),
            r#"retry.attempts=5 retry.schedule=["5s","1m"] timeout=10s"#
        );
        assert_eq!(settings(&DeliverySettings::default()), "");
    }

    #[test]
    fn an_answer_is_a_status_or_a_failure() {
        assert_eq!(answer(Some(503), None), "503");
        assert_eq!(answer(None, Some("dns")), "dns");
        assert_eq!(answer(None, None), "");
    }
}
