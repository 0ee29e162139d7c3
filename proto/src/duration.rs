use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A length of time as people write it: `"250ms"`, `"5s"`, `"30m"`, `"6h"`, `"7d"`, or `"1h30m"`; a bare number is seconds.
///
/// Written back in the largest units that lose nothing. Resolution: one millisecond. Largest: 100 years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub Duration);

const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];
const LARGEST_MS: u64 = 100 * 366 * 86_400_000;

impl Span {
    /// A span of whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

/// Why a text is not a [`Span`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanError(String);

impl fmt::Display for SpanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a duration: write it like \"500ms\", \"30s\", \"5m\", \"6h\" or \"7d\"",
            self.0
        )
    }
}

impl std::error::Error for SpanError {}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let fail = || SpanError(text.chars().take(40).collect());
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(fail());
        }
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let number: u64 = rest[..digits].parse().map_err(|_| fail())?;
            rest = &rest[digits..];
            let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
            let unit = match &rest[..letters] {
                "" if rest.is_empty() => 1_000,
                name => UNITS.iter().find(|(unit, _)| *unit == name).ok_or_else(fail)?.1,
            };
            rest = &rest[letters..];
            total = number
                .checked_mul(unit)
                .and_then(|ms| total.checked_add(ms))
                .ok_or_else(fail)?;
        }
        if total > LARGEST_MS {
            return Err(fail());
        }
        Ok(Self(Duration::from_millis(total)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if left == 0 {
            return f.write_str("0s");
        }
        for (unit, size) in UNITS {
            if left >= size {
                write!(f, "{}{unit}", left / size)?;
                left %= size;
            }
        }
        Ok(())
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration like \"30s\", \"5m\" or \"6h\", or a number of seconds")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Span, E> {
                seconds
                    .checked_mul(1_000)
                    .filter(|ms| *ms <= LARGEST_MS)
                    .map(|ms| Span(Duration::from_millis(ms)))
                    .ok_or_else(|| E::custom("longer than 100 years"))
            }

            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Span, E> {
                let seconds =
                    u64::try_from(seconds).map_err(|_| E::custom("a duration is never negative"))?;
                self.visit_u64(seconds)
            }

            fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Span, E> {
                Duration::try_from_secs_f64(seconds)
                    .ok()
                    .filter(|d| d.as_millis() <= u128::from(LARGEST_MS))
                    .map(|d| {
                        Span(Duration::from_millis(
                            u64::try_from(d.as_millis()).unwrap_or(LARGEST_MS),
                        ))
                    })
                    .ok_or_else(|| E::custom("a duration is never negative, and at most 100 years"))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Span {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
        OneOfBuilder::new()
            .description(Some(
                "A length of time: `\"250ms\"`, `\"5s\"`, `\"30m\"`, `\"6h\"`, `\"7d\"`, or `\"1h30m\"`; a bare number is seconds.",
            ))
            .item(
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .pattern(Some("^([0-9]{1,12}(ms|s|m|h|d))+$")),
            )
            .item(ObjectBuilder::new().schema_type(Type::Number).minimum(Some(0)))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Span {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write_and_writes_it_back() {
        for (text, ms, back) in [
            ("250ms", 250, "250ms"),
            ("5s", 5_000, "5s"),
            ("90s", 90_000, "1m30s"),
            ("5", 5_000, "5s"),
            ("1h30m", 5_400_000, "1h30m"),
            ("7d", 604_800_000, "7d"),
            ("0", 0, "0s"),
            (" 6h ", 21_600_000, "6h"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.0.as_millis(), ms, "{text}");
            assert_eq!(span.to_string(), back, "{text}");
            assert_eq!(back.parse::<Span>().unwrap(), span);
        }
    }

    #[test]
    fn refuses_what_is_no_duration() {
        for text in [
            "",
            "s",
            "5x",
            "-5s",
            "5 s",
            "1e3",
            "99999999999999999999",
            "40000000000",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        for json in ["-1", "-0.5", "1e300", "null", "true", "[]", "\"soon\""] {
            assert!(serde_json::from_str::<Span>(json).is_err(), "{json}");
        }
        assert_eq!(serde_json::from_str::<Span>("1.5").unwrap().0.as_millis(), 1_500);
    }
}
