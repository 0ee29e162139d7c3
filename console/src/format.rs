//! Numbers and times as people read them.

use chrono::{DateTime, Utc};

/// A number with its thousands apart: `12 345`, by a narrow space that does not break.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A number and what is counted: `1 task`, `2 tasks`.
pub fn counted(n: u64, one: &str, several: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { several })
}

/// The number in a version of PostgreSQL, without who packed it: `15.18` of `15.18 (Debian 15.18-0+deb12u1)`.
pub fn version(whole: &str) -> &str {
    let mut words = whole.split_whitespace();
    words
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .unwrap_or(whole)
}

/// Bytes in the unit that fits: `512 B`, `1.5 KiB`.
#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
pub fn bytes(n: u64) -> String {
    if n < 1 << 10 {
        return format!("{n} B");
    }
    let mut value = n as f64;
    let mut unit = "B";
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    format!("{} {unit}", trimmed(value))
}

/// Milliseconds in the unit that fits: `0.4 ms`, `12 ms`, `1.2 s`, `3 min`.
pub fn millis(ms: f64) -> String {
    if ms < 10.0 {
        format!("{} ms", trimmed(ms))
    } else if ms < 1_000.0 {
        format!("{ms:.0} ms")
    } else if ms < 120_000.0 {
        format!("{} s", trimmed(ms / 1_000.0))
    } else {
        format!("{:.0} min", ms / 60_000.0)
    }
}

/// A rate: `0`, `0.017`, `0.3`, `12`, `1 234`. One a minute is not none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is positive and small"
)]
pub fn rate(per_second: f64) -> String {
    if per_second > 0.0 && per_second < 0.1 {
        let places = if per_second < 0.01 { 4 } else { 3 };
        let digits = format!("{per_second:.places$}");
        digits.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else if per_second < 10.0 {
        trimmed(per_second)
    } else {
        count(per_second.round() as u64)
    }
}

/// A part of a whole in per cent: `99.9 %`.
pub fn percent(part: f64) -> String {
    // What is nearly all is not all.
    let shown = if part < 1.0 && part > 0.999 { 0.999 } else { part };
    format!("{} %", trimmed(shown * 100.0))
}

/// With one decimal, unless that is a zero.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// How long ago, or in how long, as seen at `now`: `just now`, `12 s ago`, `in 3 min`, `2 d ago`.
pub fn relative(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let seconds = (now - at).num_seconds();
    let (value, unit) = match seconds.unsigned_abs() {
        0..=1 => return "just now".to_owned(),
        s @ 2..=99 => (s, "s"),
        s @ 100..=5_999 => ((s + 30) / 60, "min"),
        s @ 6_000..=172_799 => ((s + 1_800) / 3_600, "h"),
        s => ((s + 43_200) / 86_400, "d"),
    };
    if seconds < 0 {
        format!("in {value} {unit}")
    } else {
        format!("{value} {unit} ago")
    }
}

/// A moment, exactly.
pub fn exact(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S%.3f UTC").to_string()
}

/// The begin of an id, by which people tell a few from one another: its end, as the begin is the time.
pub fn short_id(id: uuid::Uuid) -> String {
    let text = id.simple().to_string();
    format!("…{}", &text[text.len() - 8..])
}

/// A state or a word of the API for people: `no_answer` is `no answer`.
pub fn words(text: &str) -> String {
    text.replace(['_', '.'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1\u{202f}000"),
            (1_234_567, "1\u{202f}234\u{202f}567"),
        ] {
            assert_eq!(count(n), text);
        }
        assert_eq!(counted(1, "task", "tasks"), "1 task");
        for (n, text) in [
            (1_023, "1023 B"),
            (1_536, "1.5 KiB"),
            (1 << 20, "1 MiB"),
            (u64::MAX, "16777216 TiB"),
        ] {
            assert_eq!(bytes(n), text);
        }
        for (ms, text) in [
            (0.04, "0 ms"),
            (0.44, "0.4 ms"),
            (12.3, "12 ms"),
            (1_234.0, "1.2 s"),
            (180_000.0, "3 min"),
        ] {
            assert_eq!(millis(ms), text);
        }
        for (part, text) in [(1.0, "100 %"), (0.99999, "99.9 %"), (0.5, "50 %"), (0.0, "0 %")] {
            assert_eq!(percent(part), text);
        }
        for (per_second, text) in [
            (0.0, "0"),
            (1.0 / 3_600.0, "0.0003"),
            (1.0 / 60.0, "0.017"),
            (0.02, "0.02"),
            (0.1, "0.1"),
            (0.34, "0.3"),
            (7.0, "7"),
            (1_234.4, "1\u{202f}234"),
        ] {
            assert_eq!(rate(per_second), text);
        }
    }

    #[test]
    fn times_are_relative() {
        let now: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
        for (seconds, text) in [
            (0, "just now"),
            (-1, "just now"),
            (12, "12 s ago"),
            (-12, "in 12 s"),
            (120, "2 min ago"),
            (7_200, "2 h ago"),
            (-172_800, "in 2 d"),
        ] {
            assert_eq!(relative(now - chrono::TimeDelta::seconds(seconds), now), text);
        }
    }

    #[test]
    fn a_version_is_its_number() {
        for (whole, short) in [
            ("15.18 (Debian 15.18-0+deb12u1)", "15.18"),
            ("16.4", "16.4"),
            ("PostgreSQL 18beta1 on x86_64", "18beta1"),
            ("unknown", "unknown"),
            ("", ""),
        ] {
            assert_eq!(version(whole), short);
        }
    }
}
