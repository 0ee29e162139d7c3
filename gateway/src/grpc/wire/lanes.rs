//! What a lane does.

use proto::{BreakerState, Lane, LaneWait, grpc::v1};

use super::timestamp;

pub(in crate::grpc) fn lane(lane: &Lane) -> v1::Lane {
    let waits_for = match lane.waits_for {
        LaneWait::Nothing => v1::LaneWait::Nothing,
        LaneWait::Work => v1::LaneWait::Work,
        LaneWait::Enabling => v1::LaneWait::Enabling,
        LaneWait::Slot => v1::LaneWait::Slot,
        LaneWait::Permit => v1::LaneWait::Permit,
        LaneWait::Hold => v1::LaneWait::Hold,
        LaneWait::Rate => v1::LaneWait::Rate,
        LaneWait::Breaker => v1::LaneWait::Breaker,
        LaneWait::Probe => v1::LaneWait::Probe,
    };
    let breaker = match lane.breaker {
        BreakerState::Off => v1::BreakerState::Off,
        BreakerState::Closed => v1::BreakerState::Closed,
        BreakerState::Open => v1::BreakerState::Open,
        BreakerState::Probing => v1::BreakerState::Probing,
        BreakerState::Recovering => v1::BreakerState::Recovering,
    };
    v1::Lane {
        endpoint: lane.endpoint.to_string(),
        waits_for: waits_for as i32,
        until: lane.until.map(timestamp),
        in_flight: lane.in_flight,
        in_flight_limit: lane.in_flight_limit,
        max_in_flight: lane.max_in_flight,
        ready: lane.ready,
        backlog: lane.backlog,
        tokens: lane.tokens,
        hold_until: lane.hold_until.map(timestamp),
        breaker: breaker as i32,
        probe_at: lane.probe_at.map(timestamp),
        answer_ms: lane.answer_ms,
        failing_since: lane.failing_since.map(timestamp),
        updated_at: Some(timestamp(lane.updated_at)),
    }
}
