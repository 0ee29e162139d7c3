//! Settings of queues and endpoints on the command line: `--set retry.attempts=5`, `--unset timeout`. Which there are and what they may
//! hold is the server's to say.

use clap::Args;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Usage;

/// The names that help texts list.
pub(super) const SETTINGS_HELP: &str = "\
Settings, for --set and --unset:
  retry.attempts       how many attempts are made in all: 12
  retry.initial        the pause after the first: 5s
  retry.factor         what each further pause is multiplied by: 4
  retry.max            the longest pause: 6h
  retry.schedule       the pauses themselves, in place of these three: '[\"5s\",\"1m\",\"1h\"]'
  retry.jitter         by what part of itself a pause is moved at random: 0.2
  timeout              the time of one attempt in all: 30s
  connect_timeout      the part of it in which a connection must come about: 5s
  max_in_flight        how many requests an endpoint has in flight at most: 64
  retry_client_errors  whether 4xx are tried again that are final by default: false
  rate_limit.limit     how many requests an endpoint is sent in each period: as many as it answers
  rate_limit.per       the period: second, minute or hour
  rate_limit.burst     how many may go at once after a pause: what 50 ms bring
  adaptive_concurrency whether fewer are in flight while an endpoint shows that it has too many: true
  breaker.enabled      whether deliveries wait while an endpoint is down: true
  breaker.failures     how many failures in a row mean that it is: 10
  breaker.ratio        what part of the requests failing means it as well: 0.5
  breaker.window       the time over which the ratio is taken: 30s
  breaker.min_requests how many requests that time must have had: 20
  breaker.pause        the pause before the first probe: 1s
  breaker.max_pause    the longest pause between probes: 1m
  max_age              how old a delivery may get: 0s, any age
  disable_after        how long an endpoint may fail before it is disabled: 5d
  verdict.preset       what answers mean: standard, retry-all, cloud-tasks or qstash
  verdict.rules        what comes before the preset: '[{\"match\":{\"status\":409},\"then\":\"deliver\"}]'
  ordering.mode        what is in order with what: unordered, key or fifo
  ordering.on_failure  what becomes of those behind one that failed: block or skip
  trace_context        whether requests carry traceparent: true

And of queues alone:
  retention.payloads   how long payloads are kept, or forever, or none for no longer than needed: 7d
  retention.attempts   how long the log of attempts is kept: 30d
  retention.dead_letters  how long dead letters are kept: 90d
  redact               fields of JSON that are shown as hashes: '[\"/card/number\"]'";

/// Settings that something begins with.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct NewSettings {
    /// A setting, such as retry.attempts=5 or timeout=10s; again for another (listed below)
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub set: Vec<(String, Value)>,
}

/// Settings that are changed.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct ChangedSettings {
    /// A setting, such as retry.attempts=5 or timeout=10s; again for another (listed below)
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub set: Vec<(String, Value)>,

    /// Take a setting back to its default; again for another
    #[arg(long, value_name = "KEY")]
    pub unset: Vec<String>,
}

impl NewSettings {
    /// The settings.
    pub(super) fn read<T: DeserializeOwned>(self) -> Result<T, Usage> {
        typed(object(self.set)?)
    }
}

impl ChangedSettings {
    /// A merge patch (RFC 7396), if anything changes.
    pub(super) fn patch(self) -> Result<Option<Value>, Usage> {
        let unset = self.unset.into_iter().map(|key| (key, Value::Null));
        let pairs: Vec<_> = self.set.into_iter().chain(unset).collect();
        if pairs.is_empty() {
            return Ok(None);
        }
        object(pairs).map(Some)
    }
}

/// `KEY=VALUE`: a value that is JSON is taken as such, and any other as text.
pub(super) fn pair(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').ok_or("a setting is written KEY=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((key.to_owned(), value))
}

/// The object in which `a.b` is the field `b` of the field `a`.
pub(super) fn object(pairs: Vec<(String, Value)>) -> Result<Value, Usage> {
    let mut root = Value::Object(Map::new());
    for (key, value) in pairs {
        let mut place = &mut root;
        for part in key.split('.') {
            if part.is_empty() {
                return Err(Usage(format!("`{key}` is no setting's name")));
            }
            if place.is_null() {
                *place = Value::Object(Map::new());
            }
            let Value::Object(fields) = place else {
                return Err(Usage(format!("`{key}` is set whole and in part: choose one")));
            };
            place = fields.entry(part).or_insert(Value::Null);
        }
        if !place.is_null() {
            return Err(Usage(format!("`{key}` is given twice")));
        }
        *place = value;
    }
    Ok(root)
}

/// The object as what the API takes.
pub(super) fn typed<T: DeserializeOwned>(object: Value) -> Result<T, Usage> {
    serde_json::from_value(object).map_err(|error| Usage(format!("a setting is wrong: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use posthaste_client::proto::DeliverySettings;
    use serde_json::json;

    fn set(pairs: &[&str]) -> Vec<(String, Value)> {
        pairs.iter().map(|text| pair(text).unwrap()).collect()
    }

    #[test]
    fn settings_are_an_object() {
        let given = [
            "retry.attempts=5",
            "timeout=10s",
            r#"retry.schedule=["5s"]"#,
            "retry_client_errors=true",
        ];
        let read: DeliverySettings = NewSettings { set: set(&given) }.read().unwrap();
        assert_eq!(
            serde_json::to_value(&read).unwrap(),
            json!({"retry": {"attempts": 5, "schedule": ["5s"]}, "timeout": "10s", "retry_client_errors": true})
        );
        for wrong in [
            &["a..b=1"][..],
            &["=1"],
            &["timeout=1", "timeout=2"],
            &["retry=1", "retry.max=2"],
            &["colour=red"],
            &["timeout=soon"],
            &["retry.attempts=many"],
        ] {
            let read = NewSettings { set: set(wrong) }.read::<DeliverySettings>();
            assert!(read.is_err(), "{wrong:?}");
        }
        assert!(pair("timeout").is_err());
    }

    #[test]
    fn a_change_is_a_merge_patch() {
        let change = |given: &[&str], unset: &[&str]| {
            let unset = unset.iter().map(|key| (*key).to_owned()).collect();
            ChangedSettings {
                set: set(given),
                unset,
            }
            .patch()
        };
        assert_eq!(change(&[], &[]).unwrap(), None);
        assert_eq!(
            change(&["retry.max=1h"], &["retry.jitter", "timeout"]).unwrap(),
            Some(json!({"retry": {"max": "1h", "jitter": null}, "timeout": null}))
        );
    }
}
