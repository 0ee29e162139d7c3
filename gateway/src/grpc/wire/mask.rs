//! What of a thing is to change: a field mask, and the merge patch (RFC 7396) of its settings that REST would be sent.

use prost_types::FieldMask;
use proto::DeliverySettings;
use serde_json::{Map, Value};

use super::Form;

const FIELD: &str = "update_mask";

/// The settings by name, and those of them that are made of several.
const SETTINGS: [&str; 15] = [
    "retry",
    "timeout",
    "connect_timeout",
    "max_in_flight",
    "retry_client_errors",
    "rate_limit",
    "adaptive_concurrency",
    "breaker",
    "max_age",
    "disable_after",
    "verdict",
    "ordering",
    "retention",
    "redact",
    "trace_context",
];
const RETRY: [&str; 6] = ["attempts", "initial", "factor", "max", "schedule", "jitter"];
const ORDERING: [&str; 2] = ["mode", "on_failure"];
const RETENTION: [&str; 3] = ["payloads", "attempts", "dead_letters"];
const RATE_LIMIT: [&str; 3] = ["limit", "per", "burst"];
const BREAKER: [&str; 7] = [
    "enabled",
    "failures",
    "ratio",
    "window",
    "min_requests",
    "pause",
    "max_pause",
];
const VERDICT: [&str; 2] = ["preset", "rules"];

/// The parts of a setting that is made of several.
fn parts(setting: &str) -> Option<&'static [&'static str]> {
    match setting {
        "retry" => Some(&RETRY),
        "rate_limit" => Some(&RATE_LIMIT),
        "breaker" => Some(&BREAKER),
        "verdict" => Some(&VERDICT),
        "ordering" => Some(&ORDERING),
        "retention" => Some(&RETENTION),
        _ => None,
    }
}

/// The fields that a caller named; all that are given, if they named none.
#[derive(Debug)]
pub(in crate::grpc) struct Mask(Option<Vec<String>>);

impl Mask {
    /// Reads it. `known` are the fields that can change; of `settings` each by itself.
    pub(in crate::grpc) fn read(given: Option<FieldMask>, known: &[&str], form: &mut Form) -> Self {
        let Some(mask) = given else { return Self(None) };
        let settings = known.contains(&"settings");
        for path in &mask.paths {
            let fine = known.contains(&path.as_str()) || (settings && setting(path).is_some());
            let shown: String = path.chars().take(100).collect();
            let each = if settings {
                ", or one of the settings, such as settings.retry.attempts"
            } else {
                ""
            };
            let known = known.join(", ");
            form.0.require(
                fine,
                FIELD,
                format!("{shown:?} cannot change; what can is {known}{each}"),
            );
        }
        Self(Some(mask.paths))
    }

    /// A field that may be left out, or be taken back to nothing: named without a value it is `empty`.
    pub(in crate::grpc) fn take<T>(&self, field: &str, given: Option<T>, empty: T) -> Option<T> {
        match &self.0 {
            None => given,
            Some(paths) => paths
                .iter()
                .any(|path| path == field)
                .then(|| given.unwrap_or(empty)),
        }
    }

    /// The merge patch of the settings, if any is to change.
    pub(in crate::grpc) fn patch(&self, given: Option<&DeliverySettings>) -> Option<Value> {
        let values = given.map(object);
        let Some(paths) = &self.0 else {
            return values.map(Value::Object);
        };
        let (mut patch, values) = (Map::new(), values.unwrap_or_default());
        for names in paths.iter().filter_map(|path| setting(path)) {
            name(&names, &values, &mut patch);
        }
        (!patch.is_empty()).then_some(Value::Object(patch))
    }
}

/// The names of the setting that a path means, from the outermost on; none of them mean all settings. `None` if it means no setting.
fn setting(path: &str) -> Option<Vec<&str>> {
    let mut names = path.split('.');
    let names: Vec<&str> = (names.next()? == "settings").then(|| names.collect())?;
    let known = match names.as_slice() {
        [] => true,
        [name] => SETTINGS.contains(name),
        [name, part] => parts(name).is_some_and(|parts| parts.contains(part)),
        _ => false,
    };
    known.then_some(names)
}

/// Puts what is given of the named setting into the patch: `null`, which takes it back, where nothing is.
fn name(names: &[&str], given: &Map<String, Value>, patch: &mut Map<String, Value>) {
    let value = |of: &Map<String, Value>, name: &str| of.get(name).cloned().unwrap_or_default();
    match names {
        [] => SETTINGS.iter().for_each(|setting| name(&[setting], given, patch)),
        [setting] => {
            let new = match (parts(setting), given.get(*setting)) {
                // Part by part: a merge would leave those parts as they are that the new policy does not have.
                (Some(parts), Some(Value::Object(policy))) => {
                    let parts = parts.iter().map(|part| ((*part).to_owned(), value(policy, part)));
                    Value::Object(parts.collect())
                }
                _ => value(given, setting),
            };
            patch.insert((*setting).to_owned(), new);
        }
        [setting, part, ..] => {
            let given = given
                .get(*setting)
                .and_then(|policy| policy.get(part))
                .cloned()
                .unwrap_or_default();
            let policy = patch.entry(*setting).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(parts) = policy {
                parts.insert((*part).to_owned(), given);
            }
        }
    }
}

fn object(settings: &DeliverySettings) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(object)) => object,
        // They are an object.
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use prost_types::FileDescriptorSet;
    use serde_json::json;

    use super::*;

    fn mask(paths: &[&str]) -> Mask {
        let paths = paths.iter().map(ToString::to_string).collect();
        let mut form = Form::default();
        let mask = Mask::read(Some(FieldMask { paths }), &["description", "settings"], &mut form);
        form.finish().unwrap();
        mask
    }

    fn patch(paths: &[&str], given: Value) -> Option<Value> {
        mask(paths).patch(Some(&serde_json::from_value(given).unwrap()))
    }

    #[test]
    fn without_a_mask_what_is_given_changes() {
        let none = Mask::read(None, &[], &mut Form::default());
        assert_eq!(none.patch(None), None);
        let given = json!({"timeout": "2s", "retry": {"attempts": 3}});
        assert_eq!(
            none.patch(Some(&serde_json::from_value(given.clone()).unwrap())),
            Some(given)
        );
        assert_eq!(none.take("description", Some("a"), ""), Some("a"));
        assert_eq!(none.take("description", None, ""), None);
    }

    #[test]
    fn what_is_named_changes_and_is_taken_back_if_it_is_not_given() {
        let given = json!({"timeout": "2s", "max_in_flight": 7});
        for (paths, expected) in [
            (vec!["settings.timeout"], json!({"timeout": "2s"})),
            (
                vec!["settings.timeout", "settings.retry"],
                json!({"timeout": "2s", "retry": null}),
            ),
            (
                vec!["settings.retry.attempts"],
                json!({"retry": {"attempts": null}}),
            ),
            (
                vec!["settings.retry", "settings.retry.max"],
                json!({"retry": null}),
            ),
            (
                vec!["settings"],
                json!({
                    "retry": null, "timeout": "2s", "connect_timeout": null, "max_in_flight": 7,
                    "retry_client_errors": null, "rate_limit": null, "adaptive_concurrency": null, "breaker": null,
                    "max_age": null, "disable_after": null, "verdict": null, "ordering": null, "retention": null,
                    "redact": null, "trace_context": null,
                }),
            ),
        ] {
            assert_eq!(patch(&paths, given.clone()), Some(expected), "{paths:?}");
        }
        assert_eq!(patch(&["description"], given), None);
        assert_eq!(
            mask(&["settings.timeout"]).patch(None),
            Some(json!({"timeout": null}))
        );
        assert_eq!(mask(&["description"]).take("description", None, ""), Some(""));
        assert_eq!(mask(&["settings"]).take("description", Some("a"), ""), None);
    }

    #[test]
    fn a_policy_is_replaced_whole_or_by_its_parts() {
        let given = json!({"retry": {"schedule": ["1s"], "attempts": 3}});
        let whole = json!({"retry": {
            "attempts": 3, "initial": null, "factor": null, "max": null, "schedule": ["1s"], "jitter": null,
        }});
        assert_eq!(patch(&["settings.retry"], given.clone()), Some(whole));
        let parts = patch(&["settings.retry.attempts", "settings.retry.jitter"], given);
        assert_eq!(parts, Some(json!({"retry": {"attempts": 3, "jitter": null}})));
    }

    #[test]
    fn a_path_that_means_nothing_is_refused() {
        for wrong in [
            "",
            "name",
            "settings.",
            "settings.speed",
            "settings.timeout.seconds",
            "settings.retry.x",
            "Settings",
        ] {
            let mut form = Form::default();
            Mask::read(
                Some(FieldMask {
                    paths: vec![wrong.to_owned()],
                }),
                &["description"],
                &mut form,
            );
            let errors = form.0.into_vec();
            assert_eq!((errors.len(), &*errors[0].field), (1, FIELD), "{wrong:?}");
        }
    }

    #[test]
    fn every_setting_of_the_contract_is_known() {
        let contract = FileDescriptorSet::decode(proto::grpc::DESCRIPTORS).unwrap();
        let fields = |message: &str| -> Vec<String> {
            let messages = contract.file.iter().flat_map(|file| &file.message_type);
            let found = messages.clone().find(|one| one.name() == message).unwrap();
            found.field.iter().map(|field| field.name().to_owned()).collect()
        };
        assert_eq!(fields("DeliverySettings"), SETTINGS);
        assert_eq!(fields("RetryPolicy"), RETRY);
        assert_eq!(fields("RateLimit"), RATE_LIMIT);
        assert_eq!(fields("BreakerPolicy"), BREAKER);
        assert_eq!(fields("VerdictSettings"), VERDICT);
        assert_eq!(fields("OrderingPolicy"), ORDERING);
    }
}
