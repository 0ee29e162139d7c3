use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, IntoDeserializer, value},
};

use crate::Span;

/// How long what went through a queue is kept. What is still needed (deliveries that have not ended, dead letters) stays beyond it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RetentionPolicy {
    /// Payloads and headers of tasks, from the time they were enqueued; default 7 d. Then a task cannot be replayed any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payloads: Option<Keep>,
    /// The log of attempts, with what endpoints answered; default 30 d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<Keep>,
    /// Dead letters, from the time they died; default 90 d. Their payloads are kept as long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letters: Option<Keep>,
}

/// How long something is kept: a length of time, `"forever"`, or `"none"` for no longer than it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keep {
    /// So long.
    For(Span),
    /// Until somebody deletes it.
    Forever,
    /// Only while it is needed.
    None,
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::For(span) => span.fmt(f),
            Self::Forever => f.write_str("forever"),
            Self::None => f.write_str("none"),
        }
    }
}

impl Serialize for Keep {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Keep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl Visitor {
            fn number<E: de::Error>(span: Result<Span, value::Error>) -> Result<Keep, E> {
                span.map(Keep::For).map_err(E::custom)
            }
        }

        impl de::Visitor<'_> for Visitor {
            type Value = Keep;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration like \"7d\", \"forever\", \"none\", or a number of seconds")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Keep, E> {
                match text {
                    "forever" => Ok(Keep::Forever),
                    "none" => Ok(Keep::None),
                    _ => text
                        .parse()
                        .map(Keep::For)
                        .map_err(|error| E::custom(format!("{error}, or \"forever\" or \"none\""))),
                }
            }

            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Keep, E> {
                Self::number(Span::deserialize(seconds.into_deserializer()))
            }

            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Keep, E> {
                Self::number(Span::deserialize(seconds.into_deserializer()))
            }

            fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Keep, E> {
                Self::number(Span::deserialize(seconds.into_deserializer()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Keep {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
        OneOfBuilder::new()
            .description(Some(
                "How long something is kept: a length of time such as `\"7d\"` (a bare number is seconds), `\"forever\"`, or `\"none\"` for no longer \
                 than it is needed.",
            ))
            .item(
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .pattern(Some("^(([0-9]{1,12}(ms|s|m|h|d))+|forever|none)$")),
            )
            .item(ObjectBuilder::new().schema_type(Type::Number).minimum(Some(0)))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Keep {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_are_read_as_people_write_them() {
        for (json, keep, back) in [
            (r#""7d""#, Keep::For(Span::seconds(7 * 86_400)), r#""7d""#),
            ("90", Keep::For(Span::seconds(90)), r#""1m30s""#),
            (r#""forever""#, Keep::Forever, r#""forever""#),
            (r#""none""#, Keep::None, r#""none""#),
        ] {
            let read: Keep = serde_json::from_str(json).unwrap();
            assert_eq!(read, keep, "{json}");
            assert_eq!(serde_json::to_string(&read).unwrap(), back);
        }
        for json in [r#""always""#, r#""""#, "-1", "null", "true", "{}"] {
            assert!(serde_json::from_str::<Keep>(json).is_err(), "{json}");
        }
    }
}
