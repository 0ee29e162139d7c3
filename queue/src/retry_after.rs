//! `Retry-After` (RFC 9110, section 10.2.3): a number of seconds, or a date in any of HTTP's three formats.

use chrono::{DateTime, TimeDelta, Utc};

/// The farthest ahead that is believed: no delivery is scheduled beyond a year either.
const FARTHEST: TimeDelta = TimeDelta::days(365);

/// The moment that a `Retry-After` value names, seen from `now`. A date that has passed means now; anything more than
/// a year ahead means a year. `None` for what is neither seconds nor a date.
pub fn resolve(value: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let value = value.trim_matches([' ', '\t']);
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number holds are still a number of seconds: too many.
        let delay = value.parse().ok().and_then(TimeDelta::try_seconds);
        return Some(now + delay.unwrap_or(FARTHEST).min(FARTHEST));
    }
    let date: DateTime<Utc> = httpdate::parse_http_date(value).ok()?.into();
    Some(date.clamp(now, now + FARTHEST))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> DateTime<Utc> {
        "1994-11-06T08:49:00Z".parse().expect("a date")
    }

    #[test]
    fn seconds_and_dates() {
        let cases = [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 7\t", Some(7)),
            ("0000000000000000000000000000012", Some(12)),
            ("31536000", Some(31_536_000)),
            ("31536001", Some(31_536_000)),
            ("9223372036854775807", Some(31_536_000)),
            ("99999999999999999999999999", Some(31_536_000)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(37)),
            ("Sun Nov  6 08:49:37 1994", Some(37)),
            ("Sun, 06 Nov 1994 08:48:00 GMT", Some(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(31_536_000)),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("1e3", None),
            ("soon", None),
            ("12 seconds", None),
            ("٣", None),
            ("1994-11-06T08:49:37Z", None),
            ("Sun, 06 Nov 1994 08:49:37 +0100", None),
            ("Sun, 32 Nov 1994 08:49:37 GMT", None),
        ];
        for (value, seconds) in cases {
            let expected = seconds.map(|seconds| now() + TimeDelta::seconds(seconds));
            assert_eq!(resolve(value, now()), expected, "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn never_in_the_past_nor_beyond_a_year(value in "\\PC*|[0-9]{0,30}") {
            if let Some(at) = resolve(&value, now()) {
                prop_assert!(at >= now() && at <= now() + FARTHEST);
            }
        }
    }
}
