//! A lane as people see it.

use chrono::{DateTime, Utc};
use proto::{BreakerState, LaneWait};
use queue::id::EndpointId;

use super::{
    Lane, Waits,
    breaker::{Gate, State},
};

impl Lane {
    /// What it does now. `in_line`: it waits for a permit of the node.
    pub(crate) fn view(&self, endpoint: EndpointId, in_line: bool, now: DateTime<Utc>) -> proto::Lane {
        let waits = self.waits(now, u32::MAX);
        let state = self.breaker.state();
        let gate = match self.breaker.gate(now) {
            Gate::AtMost(most) => most,
            Gate::NotBefore(_) | Gate::Probe => 1,
            Gate::Open => u32::MAX,
        };
        // The opening is told of only while it holds the lane up: it gives way with the next answers.
        let most = match self.most_in_flight(now) {
            few if self.in_flight >= few => few,
            _ => self.concurrency.limit(),
        };
        proto::Lane {
            endpoint,
            waits_for: match waits {
                None if in_line => LaneWait::Permit,
                None => LaneWait::Nothing,
                Some(Waits::Work) if self.in_flight > 0 => LaneWait::Nothing,
                Some(Waits::Work) => LaneWait::Work,
                Some(Waits::Closed) => LaneWait::Enabling,
                Some(Waits::Slot) => LaneWait::Slot,
                Some(Waits::Hold(_)) => LaneWait::Hold,
                Some(Waits::Rate(_)) => LaneWait::Rate,
                Some(Waits::Breaker(_)) => LaneWait::Breaker,
                Some(Waits::Probe) => LaneWait::Probe,
            },
            until: waits.and_then(Waits::until),
            in_flight: self.in_flight,
            in_flight_limit: most.min(gate),
            max_in_flight: self.concurrency.most(),
            ready: self.ready_count as u64,
            backlog: !self.is_read(),
            tokens: self.bucket.as_ref().map(|bucket| bucket.tokens(now)),
            hold_until: self.hold_until.filter(|until| *until > now),
            breaker: match state {
                None => BreakerState::Off,
                Some(State::Closed { .. }) => BreakerState::Closed,
                Some(State::Open { .. }) => BreakerState::Open,
                Some(State::Probing { .. }) => BreakerState::Probing,
                Some(State::Recovering { .. }) => BreakerState::Recovering,
            },
            probe_at: match state {
                Some(State::Open { until, .. }) => Some(until),
                _ => None,
            },
            answer_ms: self
                .concurrency
                .usual()
                .map(|usual| (usual.as_secs_f64() * 10_000.0).round() / 10.0),
            failing_since: self.health.since(),
            updated_at: now,
        }
    }
}
