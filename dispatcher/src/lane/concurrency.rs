//! How many requests of a lane are in flight at once: at most what is set, and fewer while the endpoint shows that it has too many.
//!
//! After Vector's adaptive request concurrency, which follows TCP: once in a round (the time of an answer) the limit grows by one if it
//! was reached and all went well, and shrinks by a part of itself if not. Unlike there it begins at the top (below it `opening` rules, for
//! a few answers), and a rise of the time of answers counts only beyond what a busy machine does by itself.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// How much the newest round weighs in the average of all, as in Vector.
const ALPHA: f64 = 0.4;

/// By how many deviations a round must be slower than the average to count as slower, as in Vector.
const DEVIATIONS: f64 = 2.5;

/// By what part of the average it must be slower in any case.
const LEAST_RISE: f64 = 0.5;

/// And by how much: pauses of this length have many causes that are none of the endpoint's.
const NOISE: Duration = Duration::from_millis(100);

/// What is left of the limit after a round with a timeout, or with answers of 429 or 503.
const PRESSED: f64 = 0.7;

/// What is left of it after a round that was slower.
const SLOWER: f64 = 0.9;

/// How long a round lasts while no time of an answer is known, and the least and most of it when it is.
const FIRST_ROUND: Duration = Duration::from_secs(1);
const ROUND: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(30));

/// What a request that ended says about how much its endpoint has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// It answered after so long.
    Answered(Duration),
    /// It has too much to do: it said so, or did not answer in time.
    TooMuch,
    /// Nothing.
    Unknown,
}

/// The limit of one lane.
#[derive(Debug, Clone)]
pub(crate) struct Concurrency {
    most: u32,
    adaptive: bool,
    limit: u32,
    usual: Option<Usual>,
    round: Round,
}

/// The time of answers over many rounds, in seconds: an average that follows, and its variance.
#[derive(Debug, Clone, Copy)]
struct Usual {
    mean: f64,
    variance: f64,
}

#[derive(Debug, Clone, Default)]
struct Round {
    ends: Option<DateTime<Utc>>,
    sum: f64,
    answers: u32,
    too_much: bool,
    /// Most requests in flight at once.
    peak: u32,
}

impl Usual {
    fn follow(usual: Option<Self>, new: f64) -> Self {
        let Some(Self { mean, variance }) = usual else {
            return Self {
                mean: new,
                variance: 0.0,
            };
        };
        let difference = new - mean;
        let step = ALPHA * difference;
        Self {
            mean: mean + step,
            variance: (1.0 - ALPHA) * (variance + difference * step),
        }
    }

    fn is_slower(&self, new: f64) -> bool {
        let rise = (DEVIATIONS * self.variance.sqrt())
            .max(LEAST_RISE * self.mean)
            .max(NOISE.as_secs_f64());
        new >= self.mean + rise
    }
}

impl Concurrency {
    /// At most `most`, and always that unless `adaptive`.
    pub(crate) fn new(most: u32, adaptive: bool) -> Self {
        Self {
            most,
            adaptive,
            limit: most,
            usual: None,
            round: Round::default(),
        }
    }

    /// Takes over other settings. What was at its top stays at its top.
    pub(crate) fn change(&mut self, most: u32, adaptive: bool) {
        if !adaptive || self.limit == self.most {
            self.limit = most;
        }
        self.limit = self.limit.min(most);
        (self.most, self.adaptive) = (most, adaptive);
    }

    /// Whether it follows how the endpoint does.
    pub(crate) fn is_adaptive(&self) -> bool {
        self.adaptive
    }

    /// How many may be in flight now.
    pub(crate) fn limit(&self) -> u32 {
        self.limit
    }

    /// How many may be in flight when all is well.
    pub(crate) fn most(&self) -> u32 {
        self.most
    }

    /// How long answers take, as far as it is known.
    pub(crate) fn usual(&self) -> Option<Duration> {
        self.usual
            .and_then(|usual| Duration::try_from_secs_f64(usual.mean).ok())
    }

    /// A request is made; `in_flight` are now.
    pub(crate) fn launched(&mut self, in_flight: u32) {
        self.round.peak = self.round.peak.max(in_flight);
    }

    /// A request has ended.
    pub(crate) fn landed(&mut self, load: Load, now: DateTime<Utc>) {
        match load {
            Load::Answered(after) => {
                self.round.sum += after.as_secs_f64();
                self.round.answers += 1;
            }
            Load::TooMuch => self.round.too_much = true,
            Load::Unknown => return,
        }
        let longest = now + ROUND.1;
        // A clock that was set back ends it.
        if self.round.ends.is_some_and(|ends| now < ends && ends <= longest) {
            return;
        }
        let round = std::mem::take(&mut self.round);
        if self.adaptive {
            self.judge(&round);
        }
        if round.answers > 0 {
            self.usual = Some(Usual::follow(self.usual, round.sum / f64::from(round.answers)));
        }
        let length = self
            .usual()
            .map_or(FIRST_ROUND, |usual| usual.clamp(ROUND.0, ROUND.1));
        self.round.ends = Some(now + length);
    }

    fn judge(&mut self, round: &Round) {
        let mean = (round.answers > 0).then(|| round.sum / f64::from(round.answers));
        let slower = matches!((self.usual, mean), (Some(usual), Some(mean)) if usual.is_slower(mean));
        if round.too_much || slower {
            let part = if round.too_much { PRESSED } else { SLOWER };
            // Of what was really in flight: a limit that nobody reached shrinks to no effect.
            let used = f64::from(self.limit.min(round.peak.max(1)));
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a part of a u32"
            )]
            let shrunk = (used * part) as u32;
            self.limit = shrunk.max(1);
        } else if round.peak >= self.limit {
            self.limit = self.limit.saturating_add(1).min(self.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 0).unwrap() + Duration::from_millis(millis)
    }

    fn answered(millis: u64) -> Load {
        Load::Answered(Duration::from_millis(millis))
    }

    /// Rounds in which all that may be is in flight; returns the limit after them.
    fn rounds(concurrency: &mut Concurrency, now: &mut u64, count: usize, load: Load) -> u32 {
        for _ in 0..count {
            concurrency.launched(concurrency.limit());
            *now += 60_000;
            concurrency.landed(load, at(*now));
        }
        concurrency.limit()
    }

    #[test]
    fn it_begins_at_the_top_and_a_healthy_endpoint_never_notices() {
        let mut concurrency = Concurrency::new(64, true);
        let mut now = 0;
        for turn in 0..500u64 {
            // Noise of a busy machine: between 1 and 90 ms.
            let load = answered(1 + (turn * 37) % 90);
            assert_eq!(rounds(&mut concurrency, &mut now, 1, load), 64, "{turn}");
        }
    }

    #[test]
    fn too_much_shrinks_it_and_success_at_the_limit_lets_it_grow_by_one() {
        let (mut concurrency, mut now) = (Concurrency::new(64, true), 0);
        rounds(&mut concurrency, &mut now, 5, answered(20));
        assert_eq!(rounds(&mut concurrency, &mut now, 1, Load::TooMuch), 44);
        assert_eq!(rounds(&mut concurrency, &mut now, 20, Load::TooMuch), 1);
        assert_eq!(rounds(&mut concurrency, &mut now, 5, answered(20)), 6);
        assert_eq!(rounds(&mut concurrency, &mut now, 100, answered(20)), 64);
    }

    #[test]
    fn it_does_not_grow_unless_it_was_reached() {
        let (mut concurrency, mut now) = (Concurrency::new(64, true), 0);
        rounds(&mut concurrency, &mut now, 20, Load::TooMuch);
        for _ in 0..50 {
            now += 2_000;
            concurrency.landed(answered(20), at(now));
        }
        assert_eq!(concurrency.limit(), 1);
    }

    #[test]
    fn many_that_fail_together_count_once() {
        let mut concurrency = Concurrency::new(64, true);
        concurrency.launched(64);
        for _ in 0..64 {
            concurrency.landed(Load::TooMuch, at(30_000));
        }
        assert_eq!(concurrency.limit(), 44);
    }

    #[test]
    fn answers_that_come_more_slowly_shrink_it_until_they_are_usual() {
        let (mut concurrency, mut now) = (Concurrency::new(64, true), 0);
        rounds(&mut concurrency, &mut now, 20, answered(100));
        assert_eq!(rounds(&mut concurrency, &mut now, 1, answered(400)), 57);
        let mut slow = 400;
        for _ in 0..5 {
            slow *= 3;
            rounds(&mut concurrency, &mut now, 1, answered(slow));
        }
        assert!(concurrency.limit() < 40, "{}", concurrency.limit());
        let least = concurrency.limit();
        assert!(rounds(&mut concurrency, &mut now, 30, answered(slow)) > least);
    }

    #[test]
    fn settings_hold_at_once() {
        let (mut concurrency, mut now) = (Concurrency::new(64, true), 0);
        concurrency.change(10, true);
        assert_eq!(concurrency.limit(), 10);
        concurrency.change(20, true);
        assert_eq!(concurrency.limit(), 20);
        assert_eq!(rounds(&mut concurrency, &mut now, 1, Load::TooMuch), 14);
        concurrency.change(30, true);
        assert_eq!(concurrency.limit(), 14, "it has a reason to be below");
        concurrency.change(30, false);
        assert_eq!(rounds(&mut concurrency, &mut now, 9, Load::TooMuch), 30);
    }

    proptest! {
        #[test]
        fn it_stays_between_one_and_the_most(
            most in 1u32..200,
            steps in prop::collection::vec((0u8..4, 0u64..5_000, 1u32..300), 1..300),
        ) {
            let (mut concurrency, mut now) = (Concurrency::new(most, true), 0);
            for (what, wait, in_flight) in steps {
                now += wait;
                let before = concurrency.limit();
                match what {
                    0 => concurrency.launched(in_flight),
                    1 => concurrency.landed(answered(wait), at(now)),
                    2 => concurrency.landed(Load::TooMuch, at(now)),
                    _ => concurrency.landed(Load::Unknown, at(now)),
                }
                prop_assert!((1..=most).contains(&concurrency.limit()));
                prop_assert!(concurrency.limit() <= before.saturating_add(1));
            }
        }
    }
}
