use std::{collections::BTreeMap, fmt};

use chrono::{DateTime, Utc};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{SeqAccess, Visitor},
};

use crate::{
    Span,
    object::{object, objects, optional_object},
};

/// What answers mean. An endpoint's rules are asked first, then its queue's, then the preset's: the first that matches decides.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct VerdictSettings {
    /// What holds where no rule matches; default `standard`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<VerdictPreset>,
    /// Rules in the order in which they are asked; at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "objects")]
    #[cfg_attr(feature = "openapi", schema(max_items = 50))]
    pub rules: Vec<VerdictRule>,
}

/// A table of verdicts for every response there is. All deliver 2xx, and retry where no answer came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum VerdictPreset {
    /// 408, 425, 429, 3xx and 5xx are retried, `Retry-After` on 429 and 503 holds the lane, 410 disables the endpoint, all else is dead.
    #[default]
    Standard,
    /// Everything but 2xx is retried; `Retry-After` on 429 and 503 holds the lane.
    RetryAll,
    /// As Google Cloud Tasks: everything but 2xx is retried, 429 and 503 hold the lane.
    CloudTasks,
    /// As `QStash`: 489 with the header `Upstash-NonRetryable-Error: true` is dead, everything else but 2xx is retried.
    Qstash,
}

/// One rule: what it matches, and what happens then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct VerdictRule {
    /// What must be so of the response, all of it; `{}` matches every response.
    #[serde(rename = "match", deserialize_with = "object")]
    pub when: VerdictMatch,
    /// What happens then.
    pub then: VerdictAction,
}

/// What a rule matches. What is left out does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct VerdictMatch {
    /// The status of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Statuses>,
    /// A header of the answer.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_object"
    )]
    pub header: Option<HeaderMatch>,
    /// That no answer came, and for which of these reasons: `dns`, `refused`, `connect`, `tls`, `reset`, `protocol`, `timeout`, `auth`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 7))]
    pub failure: Option<Vec<String>>,
}

/// A header that an answer must have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct HeaderMatch {
    /// Its name, in whatever case.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100))]
    pub name: String,
    /// A glob of its value, such as `*no-retry*`; any value if left out. At most 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 200))]
    pub value: Option<String>,
}

/// What a rule makes of a response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum VerdictAction {
    /// It is delivered.
    Deliver,
    /// It is tried again by the retry policy; `Retry-After` is obeyed.
    Retry,
    /// It is tried again after this time, in place of the retry policy's pause.
    RetryAfter(#[serde(deserialize_with = "object")] RetryAfter),
    /// It is given up at once.
    Dead,
    /// It is tried again by the retry policy, and nothing is sent to the endpoint meanwhile.
    HoldLane(#[serde(deserialize_with = "object")] HoldLane),
    /// It is given up, and the endpoint is disabled.
    Disable,
}

/// When it is tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RetryAfter {
    /// After this time; at most 30 days. A `Retry-After` that is later is obeyed.
    #[serde(rename = "for")]
    pub time: Span,
}

/// How long a lane is held.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct HoldLane {
    /// For this time; at most an hour. Left out: until the `Retry-After` of the answer, or 5 s.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub time: Option<Span>,
}

/// HTTP statuses: `429`, `"500-599"`, `"4xx"`, or a list of these.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statuses(pub Vec<String>);

impl Serialize for Statuses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [only] => serializer.serialize_str(only),
            all => all.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Statuses;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a status such as 429, a text such as \"500-599\" or \"4xx\", or a list of these")
            }

            fn visit_u64<E>(self, status: u64) -> Result<Statuses, E> {
                Ok(Statuses(vec![status.to_string()]))
            }

            fn visit_str<E>(self, text: &str) -> Result<Statuses, E> {
                Ok(Statuses(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Statuses, A::Error> {
                let mut all = vec![];
                while let Some(One(text)) = list.next_element()? {
                    all.push(text);
                }
                Ok(Statuses(all))
            }
        }
        deserializer.deserialize_any(List)
    }
}

/// One of a list: a number or a text, and no list again.
struct One(String);

impl<'de> Deserialize<'de> for One {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Word;
        impl Visitor<'_> for Word {
            type Value = One;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a status such as 429, or a text such as \"500-599\" or \"4xx\"")
            }

            fn visit_u64<E>(self, status: u64) -> Result<One, E> {
                Ok(One(status.to_string()))
            }

            fn visit_str<E>(self, text: &str) -> Result<One, E> {
                Ok(One(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Word)
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Statuses {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Type};
        let one = || {
            OneOfBuilder::new()
                .item(
                    ObjectBuilder::new()
                        .schema_type(Type::Integer)
                        .minimum(Some(100))
                        .maximum(Some(999)),
                )
                .item(
                    ObjectBuilder::new()
                        .schema_type(Type::String)
                        .pattern(Some("^[1-9]([0-9]{2}(-[1-9][0-9]{2})?|xx)$")),
                )
        };
        let list = ArrayBuilder::new()
            .items(one())
            .min_items(Some(1))
            .max_items(Some(20));
        OneOfBuilder::new()
            .description(Some(
                "HTTP statuses: `429`, `\"500-599\"`, `\"4xx\"`, or a list of these.",
            ))
            .item(one())
            .item(list)
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Statuses {}

/// A response that could come, to ask what it would cause: an answer (`status`), or that none comes (`failure`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct VerdictCase {
    /// The status of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 100, maximum = 999))]
    pub status: Option<u16>,
    /// Headers of the answer, at most 100; `retry-after` is understood.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Why no answer came: `dns`, `refused`, `connect`, `tls`, `reset`, `protocol`, `timeout`, `auth`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Which attempt it is, from 1; default the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 100))]
    pub attempt: Option<u32>,
}

/// What a response would cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SimulatedVerdict {
    /// `delivered`, `retry` or `dead`.
    pub verdict: String,
    /// The rule that decides.
    pub rule: String,
    /// What would be logged as the reason.
    pub reason: String,
    /// The earliest time of the next attempt, if the response came now. Chance adds to it, to keep retries from coming all at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<DateTime<Utc>>,
    /// The latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_by: Option<DateTime<Utc>>,
    /// What happens to the lane of the endpoint.
    pub lane: LaneEffect,
    /// Until when it is held, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_until: Option<DateTime<Utc>>,
}

/// What a response does to a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LaneEffect {
    /// Nothing.
    Carry,
    /// Nothing is sent for a time.
    Hold,
    /// The endpoint is disabled.
    Disable,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_come_back_as_they_were_written() {
        for json in [
            "{}",
            r#"{"preset":"cloud-tasks"}"#,
            r#"{"rules":[{"match":{},"then":"dead"}]}"#,
            r#"{"rules":[{"match":{"status":"4xx"},"then":{"retry_after":{"for":"30s"}}}]}"#,
            r#"{"rules":[{"match":{"status":["404","500-599"],"header":{"name":"x","value":"a*"}},"then":{"hold_lane":{}}}]}"#,
            r#"{"rules":[{"match":{"failure":["dns","tls"]},"then":{"hold_lane":{"for":"1m"}}},{"match":{"header":{"name":"x"}},"then":"disable"}]}"#,
        ] {
            let read: VerdictSettings = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), json);
        }
        let number: Statuses = serde_json::from_str("[404, \"5xx\"]").unwrap();
        assert_eq!(number.0, ["404", "5xx"]);
        assert_eq!(serde_json::from_str::<Statuses>("429").unwrap().0, ["429"]);
    }

    #[test]
    fn an_array_is_no_rule() {
        for json in [
            r#"{"rules":[[{},"dead"]]}"#,
            r#"{"rules":[{"match":[],"then":"dead"}]}"#,
            r#"{"rules":[{"match":{"header":["x"]},"then":"dead"}]}"#,
            r#"{"rules":[{"match":{},"then":{"retry_after":["1s"]}}]}"#,
            r#"{"rules":[{"match":{},"then":{"hold_lane":{"fro":"1s"}}}]}"#,
            r#"{"rules":[{"match":{"status":[["404"]]},"then":"dead"}]}"#,
            r#"{"rules":[{"match":{"status":-1},"then":"dead"}]}"#,
            r#"{"rules":[{"then":"dead"}]}"#,
        ] {
            assert!(serde_json::from_str::<VerdictSettings>(json).is_err(), "{json}");
        }
    }
}
