//! When a request is made again: a pure decision.

use std::time::{Duration, SystemTime};

/// How often a request is made, and how long at most it waits in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// Requests in all, the first included; 1 never tries again.
    pub attempts: u32,
    /// The pause before the second, without a `Retry-After`: doubled each time, and made up to a half shorter at random.
    pub first_pause: Duration,
    /// The longest pause. A server that asks for a longer one is not asked again: the caller gets its refusal, with the time.
    pub longest_pause: Duration,
}

impl Default for Retries {
    /// 4 attempts, 100 ms, 30 s: a connection that broke costs a moment, one that cannot be made under a second, and a server's own
    /// `Retry-After` (1 to 5 s when it is short of something) is obeyed.
    fn default() -> Self {
        Self {
            attempts: 4,
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(30),
        }
    }
}

impl Retries {
    /// Each request is made once.
    pub const NONE: Self = Self {
        attempts: 1,
        first_pause: Duration::ZERO,
        longest_pause: Duration::ZERO,
    };

    /// The pause before the next attempt, or `None` to give up. `made`: the attempts so far, from 1. `harmless`: whether doing it
    /// twice is the same as doing it once. `chance`: 0 to 1, at random.
    pub(crate) fn pause(&self, made: u32, harmless: bool, failure: Failure, chance: f64) -> Option<Duration> {
        let (certainly_undone, retry_after) = match failure {
            // Turned away before anything was done.
            Failure::Answered(429, retry_after) => (true, retry_after),
            // Perhaps the answer of a proxy, or to a request that went on: what became of it is not known.
            Failure::Answered(502..=504, retry_after) => (false, retry_after),
            Failure::Answered(..) => return None,
            Failure::NotSent => (true, None),
            Failure::Broken => (false, None),
        };
        if made >= self.attempts || !(harmless || certainly_undone) {
            return None;
        }
        let doubled = 2_u32.saturating_pow(made.saturating_sub(1));
        let own = self
            .first_pause
            .saturating_mul(doubled)
            .min(self.longest_pause)
            .mul_f64(1.0 - chance / 2.0);
        match retry_after {
            Some(asked) if asked > self.longest_pause => None,
            // Later than asked, never earlier.
            Some(asked) => Some(asked + self.first_pause.mul_f64(chance)),
            None => Some(own),
        }
    }
}

/// What went wrong with one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// This status, with the pause that was asked for.
    Answered(u16, Option<Duration>),
    /// No connection came about.
    NotSent,
    /// The connection broke before the answer was whole, or the time was over.
    Broken,
}

/// What a `Retry-After` (RFC 9110, section 10.2.3) means at this time: seconds, or a date.
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(value).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn what_may_be_done_twice_is_tried_again_and_what_was_not_done_too() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for (failure, harmless, otherwise) in [
            (Failure::Answered(429, None), Some(MS(100)), Some(MS(100))),
            (Failure::Answered(429, seconds(2)), seconds(2), seconds(2)),
            (Failure::Answered(429, seconds(31)), None, None),
            (Failure::Answered(503, seconds(30)), seconds(30), None),
            (Failure::Answered(503, None), Some(MS(100)), None),
            (Failure::Answered(502, None), Some(MS(100)), None),
            (Failure::Answered(500, None), None, None),
            (Failure::Answered(400, seconds(1)), None, None),
            (Failure::NotSent, Some(MS(100)), Some(MS(100))),
            (Failure::Broken, Some(MS(100)), None),
        ] {
            let pause = |harmless| Retries::default().pause(1, harmless, failure, 0.0);
            assert_eq!((pause(true), pause(false)), (harmless, otherwise), "{failure:?}");
            assert_eq!(Retries::default().pause(4, true, failure, 0.0), None);
            assert_eq!(Retries::NONE.pause(1, true, failure, 0.0), None);
        }
    }

    #[test]
    fn pauses_double_to_a_bound() {
        let retries = Retries {
            attempts: u32::MAX,
            ..Retries::default()
        };
        let pause = |made| retries.pause(made, true, Failure::Broken, 0.0).unwrap();
        assert_eq!([1, 2, 3, 9].map(pause), [MS(100), MS(200), MS(400), MS(25_600)]);
        assert_eq!([10, 40, u32::MAX - 1].map(pause), [MS(30_000); 3]);
    }

    proptest! {
        #[test]
        fn chance_makes_own_pauses_shorter_and_asked_ones_longer(
            made in 1_u32..100, chance in 0.0..1.0, asked in prop::option::of(0_u64..30),
        ) {
            let retries = Retries { attempts: 100, ..Retries::default() };
            let asked = asked.map(Duration::from_secs);
            let pause = |chance| retries.pause(made, true, Failure::Answered(503, asked), chance).unwrap();
            let (plain, moved) = (pause(0.0), pause(chance));
            if let Some(asked) = asked {
                prop_assert!(moved >= asked && moved <= asked + retries.first_pause);
            } else {
                prop_assert!(moved <= plain && moved + Duration::from_nanos(1) >= plain / 2);
            }
        }
    }

    #[test]
    fn a_retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        for (value, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(
                retry_after(value, now),
                seconds.map(Duration::from_secs),
                "{value}"
            );
        }
    }
}
