//! When a failed delivery is tried again.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// The whole of a retry policy, with nothing left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// How many attempts are made in all, the first included.
    pub attempts: u32,
    /// The pauses between them.
    pub backoff: Backoff,
    /// By what part of itself a pause is moved at random, 0 to 1.
    pub jitter: f64,
}

/// How the pauses follow each other.
#[derive(Debug, Clone, PartialEq)]
pub enum Backoff {
    /// Each pause is the one before times `factor`, never more than `max`.
    Exponential {
        /// The first pause.
        initial: Duration,
        /// What each further one is multiplied by.
        factor: f64,
        /// The longest.
        max: Duration,
    },
    /// The pauses themselves; the last one repeats.
    Schedule(Vec<Duration>),
}

impl Default for Retry {
    /// 5 s, ×4, at most 6 h apart, ±20 %, 12 attempts: a blip is over in seconds, a bad night (about 30 h) is survived.
    fn default() -> Self {
        Self {
            attempts: 12,
            backoff: Backoff::Exponential {
                initial: Duration::from_secs(5),
                factor: 4.0,
                max: Duration::from_hours(6),
            },
            jitter: 0.2,
        }
    }
}

impl Retry {
    /// The pause after attempt `made` (from 1), before jitter; `None` once all attempts are made.
    pub fn pause(&self, made: u32) -> Option<Duration> {
        if made >= self.attempts {
            return None;
        }
        let index = made.saturating_sub(1);
        Some(match &self.backoff {
            Backoff::Exponential { initial, factor, max } => {
                let exponent = i32::try_from(index).unwrap_or(i32::MAX);
                let seconds = initial.as_secs_f64() * factor.powi(exponent);
                if seconds.is_finite() && seconds < max.as_secs_f64() {
                    Duration::from_secs_f64(seconds)
                } else {
                    *max
                }
            }
            Backoff::Schedule(pauses) => {
                let index = usize::try_from(index).unwrap_or(usize::MAX);
                pauses
                    .get(index)
                    .or(pauses.last())
                    .copied()
                    .unwrap_or(Duration::ZERO)
            }
        })
    }

    /// When to try again after attempt `made`, which ended at `now`; `None` once all attempts are made.
    ///
    /// `chance` is uniform in 0..1. A `retry_after` of the endpoint's own is obeyed when it is later than the policy's time; jitter then
    /// only adds, because a client must not come earlier than it was told to (RFC 9110, section 10.2.3).
    pub fn next(
        &self,
        made: u32,
        now: DateTime<Utc>,
        retry_after: Option<DateTime<Utc>>,
        chance: f64,
    ) -> Option<DateTime<Utc>> {
        let pause = self.pause(made)?;
        let swing = pause.mul_f64(self.jitter);
        let by_policy = now + pause.saturating_sub(swing) + swing.mul_f64(2.0 * chance);
        match retry_after {
            Some(told) if told > by_policy => Some(told + swing.min(MOST_ADDED).mul_f64(chance)),
            _ => Some(by_policy),
        }
    }
}

impl Retry {
    /// When to try again after attempt `made` where a rule has said `at`, which is `pause` from now; `None` once all attempts are made.
    /// Jitter only adds, as where an endpoint has said when.
    pub(crate) fn at(
        &self,
        made: u32,
        at: DateTime<Utc>,
        pause: Duration,
        chance: f64,
    ) -> Option<DateTime<Utc>> {
        self.pause(made)?;
        Some(at + pause.mul_f64(self.jitter).min(MOST_ADDED).mul_f64(chance))
    }
}

/// The most that jitter adds to a `Retry-After`: enough to spread a herd, little to whoever said when.
const MOST_ADDED: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exact(retry: Retry) -> Retry {
        Retry { jitter: 0.0, ..retry }
    }

    #[test]
    fn the_default_survives_a_bad_night() {
        let retry = Retry::default();
        let pauses: Vec<u64> = (1..)
            .map_while(|made| retry.pause(made))
            .map(|p| p.as_secs())
            .collect();
        assert_eq!(
            pauses,
            [
                5, 20, 80, 320, 1_280, 5_120, 20_480, 21_600, 21_600, 21_600, 21_600
            ]
        );
        assert!(pauses.iter().sum::<u64>() > 30 * 3_600);
    }

    #[test]
    fn a_schedule_repeats_its_last_pause() {
        let retry = Retry {
            attempts: 4,
            backoff: Backoff::Schedule(vec![Duration::from_secs(1), Duration::from_mins(1)]),
            jitter: 0.0,
        };
        let pauses: Vec<_> = (1..)
            .map_while(|made| retry.pause(made))
            .map(|p| p.as_secs())
            .collect();
        assert_eq!(pauses, [1, 60, 60]);
    }

    #[test]
    fn retry_after_is_obeyed_only_when_later() {
        let now = DateTime::from_timestamp(1_000_000, 0).unwrap();
        let retry = exact(Retry::default());
        let later = now + Duration::from_secs(100);
        assert_eq!(retry.next(1, now, Some(later), 0.5), Some(later));
        assert_eq!(
            retry.next(1, now, Some(now), 0.5),
            Some(now + Duration::from_secs(5))
        );
        assert_eq!(retry.next(12, now, Some(later), 0.5), None);
    }

    proptest! {
        #[test]
        fn jitter_stays_in_its_band_and_never_undercuts_retry_after(
            made in 1u32..12, chance in 0.0f64..1.0, jitter in 0.0f64..=1.0, told in prop::option::of(0i64..100_000),
        ) {
            let now = DateTime::from_timestamp(1_000_000, 0).unwrap();
            let retry = Retry { jitter, ..Retry::default() };
            let told = told.map(|s| now + chrono::Duration::seconds(s));
            let at = retry.next(made, now, told, chance).unwrap();
            let pause = retry.pause(made).unwrap();
            let slack = Duration::from_millis(1);
            prop_assert!(at + slack >= now + pause.mul_f64(1.0 - jitter));
            prop_assert!(told.is_none_or(|t| at >= t));
            let latest = (now + pause.mul_f64(1.0 + jitter)).max(told.unwrap_or(now) + MOST_ADDED);
            prop_assert!(at <= latest + slack);
        }

        #[test]
        fn no_policy_makes_it_panic(made: u32, attempts: u32, initial in 0u64..u64::from(u32::MAX), factor in 1.0f64..10.0) {
            let retry = Retry {
                attempts,
                backoff: Backoff::Exponential { initial: Duration::from_secs(initial), factor, max: Duration::from_secs(1 << 30) },
                jitter: 0.0,
            };
            if let Some(pause) = retry.pause(made) { prop_assert!(pause <= Duration::from_secs(1 << 30)); }
        }
    }
}
