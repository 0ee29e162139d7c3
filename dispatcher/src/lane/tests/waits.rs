//! What a lane waits for besides its turn: a rate, an endpoint that is down, an age.

use super::*;

fn limited(limit: u32, burst: Option<u32>) -> limits::Rate {
    limits::Rate::of(&proto::RateLimit {
        limit,
        per: proto::RatePeriod::Second,
        burst,
    })
}

#[test]
fn a_rate_lets_the_next_one_go_when_its_token_comes() {
    let mut lane = Lane::new(
        &Terms {
            rate: Some(limited(1, None)),
            ..terms(9, true)
        },
        at(0),
    );
    for id in 1..=3 {
        lane.offer(&delivery(id, 0, 4), at(0), LIMITS);
    }
    assert_eq!(pushed(&mut lane, 0), Some(1));
    assert_eq!(lane.take(at(0), SHARE), Take::NotBefore(at(1)));
    assert_eq!(
        (lane.waits(at(0), SHARE), lane.wake_at(at(0))),
        (Some(Waits::Rate(at(1))), Some(at(1)))
    );
    assert!(!lane.is_hungry(at(0)) && lane.is_hungry(at(1)));
    assert_eq!(
        (pushed(&mut lane, 1), pushed(&mut lane, 1)),
        (Some(2), None),
        "what waited is not lost, and not made up for"
    );
    lane.configure(&terms(9, true), at(1));
    assert_eq!(pushed(&mut lane, 1), Some(3), "without a rate it goes at once");
    lane.configure(
        &Terms {
            rate: Some(limited(1, Some(5))),
            ..terms(9, true)
        },
        at(1),
    );
    for id in 4..=6 {
        lane.offer(&delivery(id, 0, 4), at(1), LIMITS);
    }
    assert_eq!(
        (pushed(&mut lane, 1), pushed(&mut lane, 1)),
        (Some(4), None),
        "a rate begins with one, whatever its burst"
    );
    lane.offer(&delivery(7, 0, TEST_PRIORITY), at(1), LIMITS);
    assert_eq!(pushed(&mut lane, 1), Some(7), "a test does not wait for it");
    assert_eq!(lane.waits(at(2), SHARE), Some(Waits::Rate(at(3))), "but counts");
}

/// Lets one delivery go and end as `sign` says.
fn goes(lane: &mut Lane, now: i64, sign: Sign) -> Option<Change> {
    let Take::Push(delivery, flight) = lane.take(at(now), SHARE) else {
        panic!("it waits: {:?}", lane.waits(at(now), SHARE));
    };
    let signs = Signs { sign, ..ACCEPTED };
    let change = lane.landed(flight, signs, at(now), 0.5).change;
    lane.settled(delivery.id, None);
    change
}

#[test]
fn while_its_endpoint_is_down_a_lane_waits_and_probes() {
    let mut lane = lane(64, true);
    let roomy = Limits {
        deliveries: 100,
        ..LIMITS
    };
    for id in 1..=40 {
        lane.offer(&delivery(id, 0, 4), at(0), roomy);
    }
    for _ in 0..9 {
        assert_eq!(goes(&mut lane, 0, Sign::Down), None);
    }
    let until = at(1);
    assert_eq!(goes(&mut lane, 0, Sign::Down), Some(Change::Opened { until }));
    assert_eq!(lane.take(at(0), SHARE), Take::NotBefore(at(1)));
    assert_eq!((lane.is_hungry(at(0)), lane.wake_at(at(0))), (false, Some(at(1))));
    lane.look();
    assert_eq!(lane.want(roomy, at(0)), None, "it has enough to probe with");
    let Take::Push(_, probe) = lane.take(at(1), SHARE) else {
        panic!("a probe goes");
    };
    assert_eq!(lane.waits(at(9), SHARE), Some(Waits::Probe));
    assert_eq!(lane.take(at(9), SHARE), Take::Nothing, "one at a time");
    assert_eq!(
        lane.landed(probe, ACCEPTED, at(9), 0.5).change,
        Some(Change::Recovered)
    );
    let after: Vec<_> = std::iter::from_fn(|| pushed(&mut lane, 9)).collect();
    assert_eq!(after.len(), 2, "a slow start");
    assert_eq!(lane.waits(at(9), SHARE), Some(Waits::Slot));
}

#[test]
fn a_passing_test_and_enabling_end_the_waiting() {
    let down = || {
        let mut lane = lane(64, true);
        for id in 1..=4 {
            lane.offer(&delivery(id, 0, 4), at(0), LIMITS);
        }
        for id in 5..=14 {
            lane.offer(&delivery(id, 0, TEST_PRIORITY), at(0), LIMITS);
        }
        lane
    };
    let mut lane = down();
    for _ in 0..10 {
        let signs = Signs {
            sign: Sign::Down,
            accepted: false,
            ..ACCEPTED
        };
        let Take::Push(_, flight) = lane.take(at(0), SHARE) else {
            panic!("tests always go");
        };
        assert_eq!(
            lane.landed(flight, signs, at(0), 0.5).change,
            None,
            "tests say nothing"
        );
    }
    let mut lane = Lane::new(
        &Terms {
            breaker: Some(limits::Breaker {
                failures: 1,
                ..limits::Breaker::default()
            }),
            ..terms(4, true)
        },
        at(0),
    );
    for id in 1..=4 {
        lane.offer(&delivery(id, 0, 4), at(0), LIMITS);
    }
    assert!(goes(&mut lane, 0, Sign::Down).is_some());
    lane.offer(&delivery(9, 0, TEST_PRIORITY), at(0), LIMITS);
    assert_eq!(goes(&mut lane, 0, Sign::Up), Some(Change::Recovered));
    assert!(
        goes(&mut lane, 0, Sign::Down).is_some(),
        "it goes on, and is down again"
    );
    lane.close();
    assert_eq!(lane.waits(at(60), SHARE), Some(Waits::Closed));
    lane.configure(&terms(4, true), at(0));
    assert_eq!(pushed(&mut lane, 0), Some(3));
}

#[test]
fn what_is_given_up_is_taken_out_unless_its_request_is_out() {
    let mut lane = lane(1, true);
    for id in 1..=3 {
        lane.offer(&delivery(id, 0, 4), at(0), LIMITS);
    }
    assert_eq!(pushed(&mut lane, 0), Some(1));
    assert!(lane.bury(Uuid::from_u128(1)).is_none(), "its request is out");
    assert!(lane.bury(Uuid::from_u128(2)).is_some_and(|bytes| bytes > 0));
    assert!(lane.bury(Uuid::from_u128(2)).is_none(), "once");
    assert_eq!(lane.bury(Uuid::from_u128(9)), Some(0), "it was never read");
    lane.look();
    let table: Vec<Due> = [1, 2, 3, 9].into_iter().map(|id| due(id, 0, 4)).collect();
    assert!(read(&mut lane, &table, 0));
    lane.ended();
    assert_eq!(
        (pushed(&mut lane, 0), lane.view(Uuid::nil(), false, at(0)).ready),
        (Some(3), 0)
    );
    for id in [1, 2, 3, 9] {
        lane.settled(Uuid::from_u128(id), None);
    }
    lane.ended();
    assert!(lane.is_quiet());
}

#[test]
fn others_may_be_held_behind_one_until_its_end_is_committed() {
    let mut lane = lane(1, true);
    assert!(!lane.has_waiting(), "it knows of nothing");
    lane.offer(&delivery(1, 0, 4), at(0), LIMITS);
    assert!(lane.has_waiting(), "one is ready");
    assert_eq!(pushed(&mut lane, 0), Some(1));
    assert!(lane.has_waiting(), "its request is out");
    lane.ended();
    assert!(lane.has_waiting(), "its result is not written");
    lane.settled(Uuid::from_u128(1), Some(at(60)));
    assert!(lane.has_waiting(), "it is tried again later");
    lane.wake(at(60));
    assert!(lane.has_waiting(), "it is to be read");
    assert!(read(&mut lane, &[due(1, 60, 4)], 60));
    assert_eq!(pushed(&mut lane, 60), Some(1));
    lane.ended();
    lane.settled(Uuid::from_u128(1), None);
    assert!(!lane.has_waiting(), "it is delivered");
    lane.close();
    assert!(lane.has_waiting(), "what comes is not read");
}

#[test]
fn people_see_what_it_waits_for() {
    use proto::{BreakerState, LaneWait};
    let mut lane = Lane::new(
        &Terms {
            rate: Some(limited(1, None)),
            ..terms(2, true)
        },
        at(0),
    );
    let sees = |lane: &Lane, now: i64| {
        let view = lane.view(Uuid::nil(), false, at(now));
        (
            view.waits_for,
            view.until,
            view.in_flight,
            view.ready,
            view.tokens,
        )
    };
    assert_eq!(sees(&lane, 0), (LaneWait::Work, None, 0, 0, Some(1)));
    for id in 1..=3 {
        lane.offer(&delivery(id, 0, 4), at(0), LIMITS);
    }
    assert_eq!(sees(&lane, 0), (LaneWait::Nothing, None, 0, 3, Some(1)));
    assert_eq!(lane.view(Uuid::nil(), true, at(0)).waits_for, LaneWait::Permit);
    assert_eq!(pushed(&mut lane, 0), Some(1));
    assert_eq!(sees(&lane, 0), (LaneWait::Rate, Some(at(1)), 1, 2, Some(0)));
    lane.hold(at(60), at(0));
    assert_eq!(sees(&lane, 1), (LaneWait::Hold, Some(at(60)), 1, 2, Some(1)));
    lane.close();
    assert_eq!(sees(&lane, 1), (LaneWait::Enabling, None, 1, 2, Some(1)));
    let view = lane.view(Uuid::nil(), false, at(1));
    assert_eq!(
        (view.breaker, view.max_in_flight, view.in_flight_limit),
        (BreakerState::Closed, 2, 2)
    );
    assert_eq!((view.hold_until, view.probe_at), (Some(at(60)), None));
}

#[test]
fn the_opening_is_told_of_while_it_holds_a_lane_up() {
    let mut lane = lane(64, true);
    let limits = Limits {
        deliveries: 100,
        bytes: 1_000_000,
    };
    for id in 1..=20 {
        lane.offer(&delivery(id, 0, 4), at(0), limits);
    }
    let limit = |lane: &Lane| lane.view(Uuid::nil(), false, at(0)).in_flight_limit;
    assert_eq!((limit(&lane), pushed(&mut lane, 0)), (64, Some(1)));
    while pushed(&mut lane, 0).is_some() {}
    assert_eq!((lane.in_flight(), limit(&lane)), (10, 10));
    assert_eq!(lane.waits(at(0), SHARE), Some(Waits::Slot));
    let answered = Signs {
        load: Load::Answered(Duration::from_millis(1)),
        ..ACCEPTED
    };
    lane.landed(FLIGHT, answered, at(0), 0.5);
    assert!(pushed(&mut lane, 0).is_some() && pushed(&mut lane, 0).is_some());
    assert_eq!(pushed(&mut lane, 0), None, "two for each answer");
}
