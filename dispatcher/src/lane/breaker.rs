//! The breaker of a lane: while its endpoint is down, deliveries wait and use up no attempts.
//!
//! Closed, it counts failures. Open, nothing is pushed until a pause is over; then one delivery goes as a probe. What it meets decides: open
//! again, with a longer pause, or a slow start, in which each success lets one more be in flight, until it is closed.

use std::time::Duration;

use chrono::{DateTime, Utc};
use queue::limits::Breaker as Policy;

/// How many failures in a row end a slow start; fewer if the policy opens after fewer.
const RELAPSE: u32 = 3;

/// What a request that ended says about its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// It answered, whatever it said.
    Up,
    /// Nobody answered, or somebody in its place who says so.
    Down,
    /// No request was made.
    None,
}

/// Whether deliveries may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Any number.
    Open,
    /// So many in flight.
    AtMost(u32),
    /// None before then.
    NotBefore(DateTime<Utc>),
    /// None until the probe that is under way has ended.
    Probe,
}

/// A change that people want to hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It opened; the next probe goes at `until` at the earliest.
    Opened { until: DateTime<Utc> },
    /// A probe was answered.
    Recovered,
}

/// The breaker of one lane.
#[derive(Debug, Clone)]
pub(crate) struct Breaker {
    policy: Option<Policy>,
    state: State,
    /// Rises with every change of state: what was begun before says nothing about the state after.
    epoch: u32,
}

/// Where it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum State {
    /// Everything goes.
    Closed {
        /// Failures in a row.
        in_row: u32,
        tally: Tally,
    },
    /// Nothing goes.
    Open {
        until: DateTime<Utc>,
        /// Pauses before this one.
        pauses: u32,
    },
    /// One goes.
    Probing { pauses: u32 },
    /// So many go.
    Recovering { most: u32, in_row: u32, pauses: u32 },
}

/// How many requests failed in the last time: two halves of a window, the older of which is dropped when a half is over.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Tally {
    begun: Option<DateTime<Utc>>,
    now: (u32, u32),
    before: (u32, u32),
}

impl Tally {
    fn add(&mut self, failed: bool, half: Duration, now: DateTime<Utc>) {
        let begun = *self.begun.get_or_insert(now);
        // A clock that was set back begins anew.
        let age = (now - begun).to_std().unwrap_or(Duration::MAX);
        if age >= half {
            self.before = if age < half.saturating_mul(2) {
                self.now
            } else {
                (0, 0)
            };
            self.now = (0, 0);
            self.begun = Some(now);
        }
        self.now.0 = self.now.0.saturating_add(1);
        self.now.1 = self.now.1.saturating_add(u32::from(failed));
    }

    fn requests(&self) -> u32 {
        self.now.0.saturating_add(self.before.0)
    }

    fn ratio(&self) -> f64 {
        f64::from(self.now.1.saturating_add(self.before.1)) / f64::from(self.requests().max(1))
    }
}

const CLOSED: State = State::Closed {
    in_row: 0,
    tally: Tally {
        begun: None,
        now: (0, 0),
        before: (0, 0),
    },
};

/// What part of a pause is waited, at least and at most.
const SHORTEST_JITTER: f64 = 0.9;
const LONGEST_JITTER: f64 = 1.1;

impl Breaker {
    pub(crate) fn new(policy: Option<Policy>) -> Self {
        Self {
            policy,
            state: CLOSED,
            epoch: 0,
        }
    }

    /// Takes over another policy. Without one it is closed.
    pub(crate) fn change(&mut self, policy: Option<Policy>) {
        self.policy = policy;
        if policy.is_none() {
            self.reset();
        }
    }

    /// Forgets what it knows of the endpoint.
    pub(crate) fn reset(&mut self) {
        if !matches!(self.state, State::Closed { .. }) {
            self.enter(CLOSED);
        }
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.epoch = self.epoch.wrapping_add(1);
    }

    /// Where it is; `None` if there is none.
    pub(crate) fn state(&self) -> Option<State> {
        self.policy.map(|_| self.state)
    }

    /// Whether deliveries may go.
    pub(crate) fn gate(&self, now: DateTime<Utc>) -> Gate {
        match self.state {
            State::Closed { .. } => Gate::Open,
            State::Open { until, .. } if until > now && !self.is_beyond_reach(until, now) => {
                Gate::NotBefore(until)
            }
            State::Open { .. } => Gate::AtMost(u32::MAX),
            State::Probing { .. } => Gate::Probe,
            State::Recovering { most, .. } => Gate::AtMost(most),
        }
    }

    /// Whether a pause that ends then is longer than any that began by now: then the clock was set back.
    fn is_beyond_reach(&self, until: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        self.policy
            .is_some_and(|policy| until > now + policy.max_pause.mul_f64(LONGEST_JITTER))
    }

    /// A delivery goes. What is returned is given back when it has ended.
    pub(crate) fn launched(&mut self) -> u32 {
        if let State::Open { pauses, .. } = self.state {
            self.enter(State::Probing { pauses });
        }
        self.epoch
    }

    /// A delivery has ended. `most` may be in flight when all is well; `chance` is uniform in 0..1.
    pub(crate) fn landed(
        &mut self,
        epoch: u32,
        sign: Sign,
        most: u32,
        now: DateTime<Utc>,
        chance: f64,
    ) -> Option<Change> {
        let policy = self.policy?;
        if epoch != self.epoch {
            return None;
        }
        match (&mut self.state, sign) {
            // A probe that was none: the next one is.
            (State::Probing { pauses }, Sign::None) => {
                let pauses = *pauses;
                self.enter(State::Open { until: now, pauses });
                None
            }
            (State::Probing { pauses }, Sign::Down) => {
                let pauses = pauses.saturating_add(1);
                Some(self.open(&policy, pauses, now, chance))
            }
            (State::Probing { .. }, Sign::Up) => Some(self.recover()),
            (_, Sign::None) | (State::Open { .. }, _) => None,
            (State::Closed { in_row, tally }, sign) => {
                let failed = sign == Sign::Down;
                *in_row = if failed { in_row.saturating_add(1) } else { 0 };
                tally.add(failed, policy.window / 2, now);
                let often = tally.requests() >= policy.min_requests && tally.ratio() >= policy.ratio;
                let trips = failed && (*in_row >= policy.failures || often);
                trips.then(|| self.open(&policy, 0, now, chance))
            }
            (
                State::Recovering {
                    most: now_most,
                    in_row,
                    ..
                },
                Sign::Up,
            ) => {
                *in_row = 0;
                *now_most = now_most.saturating_add(1);
                if *now_most >= most {
                    self.enter(CLOSED);
                }
                None
            }
            (State::Recovering { most, in_row, pauses }, Sign::Down) => {
                *in_row += 1;
                *most = most.saturating_sub(1).max(1);
                let (relapsed, pauses) = (*in_row >= RELAPSE.min(policy.failures), pauses.saturating_add(1));
                relapsed.then(|| self.open(&policy, pauses, now, chance))
            }
        }
    }

    /// Somebody knows that the endpoint answers.
    pub(crate) fn revive(&mut self) -> Option<Change> {
        matches!(self.state, State::Open { .. } | State::Probing { .. }).then(|| self.recover())
    }

    fn recover(&mut self) -> Change {
        let pauses = match self.state {
            State::Open { pauses, .. } | State::Probing { pauses } => pauses,
            _ => 0,
        };
        self.enter(State::Recovering {
            most: 2,
            in_row: 0,
            pauses,
        });
        Change::Recovered
    }

    fn open(&mut self, policy: &Policy, pauses: u32, now: DateTime<Utc>, chance: f64) -> Change {
        let doubled = policy.pause.saturating_mul(1 << pauses.min(20));
        // Up to a tenth more or less, so that lanes of one host do not probe it together.
        let part = SHORTEST_JITTER + (LONGEST_JITTER - SHORTEST_JITTER) * chance;
        let until = now + doubled.min(policy.max_pause).mul_f64(part);
        self.enter(State::Open { until, pauses });
        Change::Opened { until }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u32) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 0).unwrap() + Duration::from_secs(seconds.into())
    }

    fn breaker() -> Breaker {
        Breaker::new(Some(Policy::default()))
    }

    fn ends(breaker: &mut Breaker, sign: Sign, now: u32) -> Option<Change> {
        let epoch = breaker.launched();
        breaker.landed(epoch, sign, 4, at(now), 0.5)
    }

    fn opened(now: u32) -> Breaker {
        let mut breaker = breaker();
        for _ in 0..9 {
            assert_eq!(ends(&mut breaker, Sign::Down, now), None);
        }
        let until = at(now + 1);
        assert_eq!(
            ends(&mut breaker, Sign::Down, now),
            Some(Change::Opened { until })
        );
        breaker
    }

    #[test]
    fn a_run_of_failures_opens_it_and_an_answer_ends_the_run() {
        let mut breaker = breaker();
        for _ in 0..9 {
            ends(&mut breaker, Sign::Down, 0);
        }
        ends(&mut breaker, Sign::Up, 0);
        assert_eq!(ends(&mut breaker, Sign::Down, 0), None);
        assert_eq!(breaker.gate(at(0)), Gate::Open);
        assert_eq!(opened(0).gate(at(0)), Gate::NotBefore(at(1)));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_keep_it_open() {
        let breaker = opened(100_000);
        assert_eq!(breaker.gate(at(100_000)), Gate::NotBefore(at(100_001)));
        assert_eq!(breaker.gate(at(0)), Gate::AtMost(u32::MAX));
    }

    #[test]
    fn half_of_many_failing_opens_it() {
        let mut breaker = breaker();
        for turn in 0..19 {
            let sign = if turn % 2 == 0 { Sign::Down } else { Sign::Up };
            assert_eq!(ends(&mut breaker, sign, 0), None, "{turn}");
        }
        assert_eq!(ends(&mut breaker, Sign::Up, 1), None, "a success never opens it");
        assert!(ends(&mut breaker, Sign::Down, 1).is_some());
    }

    #[test]
    fn old_failures_are_forgotten() {
        let mut breaker = breaker();
        for turn in 0..18 {
            let sign = if turn % 2 == 0 { Sign::Down } else { Sign::Up };
            ends(&mut breaker, sign, 0);
        }
        for turn in 0..19 {
            let sign = if turn % 3 == 0 { Sign::Down } else { Sign::Up };
            assert_eq!(ends(&mut breaker, sign, 40), None);
        }
    }

    #[test]
    fn one_probe_at_a_time_with_pauses_that_double() {
        let mut breaker = opened(0);
        let mut now = 1;
        for pause in [2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(breaker.gate(at(now)), Gate::AtMost(u32::MAX));
            let probe = breaker.launched();
            assert_eq!(breaker.gate(at(now + 100)), Gate::Probe);
            now += 1;
            let until = at(now + pause);
            let change = breaker.landed(probe, Sign::Down, 4, at(now), 0.5);
            assert_eq!(change, Some(Change::Opened { until }));
            assert_eq!(breaker.gate(at(now + pause - 1)), Gate::NotBefore(until));
            now += pause;
        }
        let mut early = opened(0);
        early.launched();
        let change = early.landed(early.epoch, Sign::Down, 4, at(1), 0.0);
        let until = at(1) + Duration::from_millis(1_800);
        assert_eq!(change, Some(Change::Opened { until }));
    }

    #[test]
    fn a_probe_that_is_answered_begins_a_slow_start() {
        let mut breaker = opened(0);
        assert_eq!(ends(&mut breaker, Sign::Up, 1), Some(Change::Recovered));
        assert_eq!(breaker.gate(at(1)), Gate::AtMost(2));
        ends(&mut breaker, Sign::Up, 1);
        assert_eq!(breaker.gate(at(1)), Gate::AtMost(3));
        ends(&mut breaker, Sign::Down, 1);
        assert_eq!(breaker.gate(at(1)), Gate::AtMost(2));
        for _ in 0..2 {
            ends(&mut breaker, Sign::Up, 1);
        }
        assert_eq!(breaker.gate(at(1)), Gate::Open);
        let mut relapses = opened(0);
        ends(&mut relapses, Sign::Up, 1);
        ends(&mut relapses, Sign::Down, 1);
        ends(&mut relapses, Sign::Down, 1);
        let until = at(3);
        assert_eq!(ends(&mut relapses, Sign::Down, 1), Some(Change::Opened { until }));
    }

    #[test]
    fn stragglers_and_deliveries_without_a_request_say_nothing() {
        let mut breaker = breaker();
        let stragglers: Vec<u32> = (0..30).map(|_| breaker.launched()).collect();
        for epoch in &stragglers[..10] {
            breaker.landed(*epoch, Sign::Down, 4, at(0), 0.5);
        }
        let probe = breaker.launched();
        for epoch in &stragglers[10..] {
            assert_eq!(breaker.landed(*epoch, Sign::Down, 4, at(9), 0.5), None);
            assert_eq!(breaker.landed(*epoch, Sign::Up, 4, at(9), 0.5), None);
        }
        assert_eq!(breaker.gate(at(9)), Gate::Probe);
        assert_eq!(breaker.landed(probe, Sign::None, 4, at(9), 0.5), None);
        assert_eq!(
            breaker.gate(at(9)),
            Gate::AtMost(u32::MAX),
            "the next one is the probe"
        );
    }

    #[test]
    fn a_test_that_passes_and_a_hand_end_it() {
        let mut breaker = opened(0);
        assert_eq!(breaker.revive(), Some(Change::Recovered));
        assert_eq!((breaker.revive(), breaker.gate(at(0))), (None, Gate::AtMost(2)));
        let mut breaker = opened(0);
        breaker.reset();
        assert_eq!(breaker.gate(at(0)), Gate::Open);
        let mut breaker = opened(0);
        breaker.change(None);
        assert_eq!(breaker.gate(at(0)), Gate::Open);
        for _ in 0..100 {
            assert_eq!(ends(&mut breaker, Sign::Down, 0), None);
        }
    }

    proptest! {
        /// Whatever ends in whatever order: while it is open nothing goes, there is never a second probe, and it never opens but by a
        /// failure of its own time.
        #[test]
        fn it_keeps_its_promises(steps in prop::collection::vec((0u8..6, 0u32..3), 1..300)) {
            let mut breaker = breaker();
            let (mut out, mut now, mut probe): (Vec<u32>, u32, Option<u32>) = (vec![], 0, None);
            for (what, wait) in steps {
                now += wait;
                if what < 3 {
                    let gate = breaker.gate(at(now));
                    let may = match gate {
                        Gate::Open => true,
                        Gate::AtMost(most) => out.len() < most as usize,
                        Gate::NotBefore(until) => { prop_assert!(until > at(now)); false }
                        Gate::Probe => { prop_assert!(probe.is_some()); false }
                    };
                    if may {
                        let was_open = matches!(breaker.state, State::Open { .. });
                        let epoch = breaker.launched();
                        if was_open {
                            prop_assert!(probe.is_none());
                            probe = Some(epoch);
                        }
                        out.push(epoch);
                    }
                } else if let Some(epoch) = out.pop() {
                    let sign = [Sign::Up, Sign::Down, Sign::None][usize::from(what) - 3];
                    let before = breaker.state;
                    let change = breaker.landed(epoch, sign, 8, at(now), 0.3);
                    if probe == Some(epoch) {
                        probe = None;
                        let still = matches!(breaker.state, State::Probing { .. });
                        prop_assert!(!still);
                    }
                    if let Some(Change::Opened { until }) = change {
                        prop_assert!(sign == Sign::Down && until > at(now));
                        prop_assert!(until <= at(now) + Policy::default().max_pause.mul_f64(1.1));
                    } else if change.is_none() && matches!(before, State::Open { .. }) {
                        prop_assert_eq!(before, breaker.state);
                    }
                }
            }
        }
    }
}
