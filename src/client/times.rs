//! Times as people read and write them.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use proto::Span;

/// From here on a distance says less than the date.
const FAR: TimeDelta = TimeDelta::days(60);

/// Writes times as seen from now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// Now.
    pub(super) now: DateTime<Utc>,
}

impl Times {
    /// `3m ago`, `in 2h`; a date if that is far away.
    pub(super) fn distance(self, at: DateTime<Utc>) -> String {
        let distance = (at - self.now).abs();
        if distance >= FAR {
            return at.format("%Y-%m-%d").to_string();
        }
        let seconds = distance.num_seconds();
        let (count, unit) = match seconds {
            0 => return "now".to_owned(),
            1..60 => (seconds, "s"),
            60..3_600 => (seconds / 60, "m"),
            3_600..86_400 => (seconds / 3_600, "h"),
            _ => (seconds / 86_400, "d"),
        };
        if at > self.now {
            format!("in {count}{unit}")
        } else {
            format!("{count}{unit} ago")
        }
    }

    /// The same of a time that may not be.
    pub(super) fn distance_if(self, at: Option<DateTime<Utc>>) -> String {
        at.map(|at| self.distance(at)).unwrap_or_default()
    }

    /// The time itself, and its distance.
    pub(super) fn exact(self, at: DateTime<Utc>) -> String {
        let time = at.format("%Y-%m-%d %H:%M:%S UTC");
        if (at - self.now).abs() >= FAR {
            time.to_string()
        } else {
            format!("{time} ({})", self.distance(at))
        }
    }
}

/// A time on the command line: a distance from now (`2h`), a date, or a date and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// So far from now; the option says in which direction.
    Away(Span),
    /// Then.
    At(DateTime<Utc>),
}

impl When {
    /// In the past: `2h` is two hours ago.
    pub(super) fn ago(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Away(span) => now - TimeDelta::from_std(span.0).unwrap_or(TimeDelta::MAX),
            Self::At(at) => at,
        }
    }

    /// In the future: `2h` is in two hours.
    pub(super) fn ahead(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Away(span) => now + TimeDelta::from_std(span.0).unwrap_or(TimeDelta::MAX),
            Self::At(at) => at,
        }
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let midnight = |day: NaiveDate| day.and_hms_opt(0, 0, 0).map(|at| at.and_utc());
        let spaced = text.replacen(' ', "T", 1);
        if let Ok(span) = text.parse() {
            Ok(Self::Away(span))
        } else if let Ok(at) = spaced.parse::<DateTime<Utc>>() {
            Ok(Self::At(at))
        } else if let Some(at) = text.parse().ok().and_then(midnight) {
            Ok(Self::At(at))
        } else {
            Err("a distance such as 2h or 7d, a date such as 2026-01-31 (UTC), or a time such as 2026-01-31T12:00:00Z".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-01-31T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn distances() {
        let times = Times { now: now() };
        for (seconds, text) in [
            (0, "now"),
            (-1, "1s ago"),
            (59, "in 59s"),
            (-60, "1m ago"),
            (7_199, "in 1h"),
            (-86_399, "23h ago"),
            (-59 * 86_400, "59d ago"),
            (60 * 86_400, "2026-04-01"),
        ] {
            assert_eq!(times.distance(now() + TimeDelta::seconds(seconds)), text);
        }
        assert_eq!(
            times.exact(now() - TimeDelta::hours(2)),
            "2026-01-31 10:00:00 UTC (2h ago)"
        );
        assert_eq!(times.exact(DateTime::UNIX_EPOCH), "1970-01-01 00:00:00 UTC");
    }

    #[test]
    fn times_on_the_command_line() {
        for (text, ago) in [
            ("2h", "2026-01-31T10:00:00Z"),
            ("1d12h", "2026-01-30T00:00:00Z"),
            ("2026-01-30", "2026-01-30T00:00:00Z"),
            ("2026-01-30T12:00:00+02:00", "2026-01-30T10:00:00Z"),
            ("2026-01-30 12:00:00Z", "2026-01-30T12:00:00Z"),
        ] {
            let when: When = text.parse().unwrap();
            assert_eq!(when.ago(now()), ago.parse::<DateTime<Utc>>().unwrap(), "{text}");
        }
        let ahead = "90s".parse::<When>().unwrap().ahead(now());
        assert_eq!(ahead, now() + TimeDelta::seconds(90));
        for wrong in ["", "soon", "2026-13-01", "-2h", "12:00"] {
            assert!(wrong.parse::<When>().is_err(), "{wrong}");
        }
    }
}
