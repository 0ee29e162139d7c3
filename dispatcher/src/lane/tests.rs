use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use proptest::prelude::*;
use queue::task::Content;
use uuid::Uuid;

use super::{breaker::Sign, concurrency::Load, *};

const LIMITS: Limits = Limits {
    deliveries: 4,
    bytes: 100_000,
};
const SHARE: u32 = 64;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
}

fn terms(max_in_flight: u32, open: bool) -> Terms {
    Terms {
        max_in_flight,
        adaptive_concurrency: true,
        rate: None,
        breaker: Some(limits::Breaker::default()),
        disable_after: None,
        open,
    }
}

fn lane(max_in_flight: u32, open: bool) -> Lane {
    Lane::new(&terms(max_in_flight, open), at(0))
}

const ACCEPTED: Signs = Signs {
    sign: Sign::Up,
    load: Load::Unknown,
    accepted: true,
};

/// The flight of a delivery to a lane whose breaker never opened.
const FLIGHT: Flight = Flight { epoch: Some(0) };

impl Lane {
    /// A request to an endpoint that is well has ended.
    fn ended(&mut self) {
        assert_eq!(self.landed(FLIGHT, ACCEPTED, at(0), 0.5).change, None);
    }
}

fn due(id: u128, seconds: i64, priority: u8) -> Due {
    Due {
        id: Uuid::from_u128(id),
        task_id: Uuid::from_u128(id),
        queue_id: Uuid::nil(),
        endpoint_id: Uuid::nil(),
        due_at: at(seconds),
        since: at(seconds),
        expires_at: None,
        size: 10,
        priority,
        attempts: 0,
        purpose: if priority == TEST_PRIORITY {
            Purpose::Test
        } else {
            Purpose::Live
        },
        ordering_key: None,
    }
}

fn ready(row: &Due) -> Delivery {
    let content = Content {
        id: row.task_id,
        queue_id: row.queue_id,
        kind: String::new(),
        content_type: String::new(),
        payload: Bytes::from(vec![0; row.size]),
        headers: BTreeMap::new(),
        retry: None,
    };
    Delivery {
        id: row.id,
        endpoint_id: row.endpoint_id,
        content: Arc::new(content),
        due_at: row.due_at,
        since: row.since,
        expires_at: None,
        priority: row.priority,
        attempts: 0,
        purpose: row.purpose,
        ordering_key: None,
    }
}

fn delivery(id: u128, seconds: i64, priority: u8) -> Delivery {
    ready(&due(id, seconds, priority))
}

fn pushed(lane: &mut Lane, now: i64) -> Option<u128> {
    match lane.take(at(now), SHARE) {
        Take::Push(delivery, _) => Some(delivery.id.as_u128()),
        _ => None,
    }
}

/// Reads a page as the pager does, from a table that holds `rows`.
fn read(lane: &mut Lane, rows: &[Due], now: i64) -> bool {
    let Some(want) = lane.want(LIMITS, at(0)) else {
        return false;
    };
    let mut page = vec![];
    for priority in 0..PRIORITIES {
        let mut of: Vec<_> = rows
            .iter()
            .filter(|row| usize::from(row.priority) == priority && row.due_at <= at(now))
            .filter(|row| want.cursor.0[priority].is_none_or(|after| (row.due_at, row.id) > after))
            .filter(|row| !want.tests_only || row.purpose == Purpose::Test)
            .cloned()
            .collect();
        of.sort_by_key(|row| (row.due_at, row.id));
        of.truncate(want.rows as usize);
        page.extend(of);
    }
    let sifted = lane.sift(&want, page, LIMITS);
    let deliveries = sifted.take.iter().map(ready).collect();
    lane.loaded(&sifted, deliveries);
    let later = rows
        .iter()
        .map(|row| row.due_at)
        .filter(|due| *due > at(now))
        .min();
    if let (true, Some(due)) = (lane.is_read(), later) {
        lane.learn(due, at(now));
    }
    true
}

#[test]
fn what_is_offered_is_pushed_once() {
    let mut lane = lane(2, true);
    assert!(lane.offer(&delivery(1, 0, 4), at(0), LIMITS));
    assert!(!lane.offer(&delivery(1, 0, 4), at(0), LIMITS), "known already");
    assert_eq!(pushed(&mut lane, 0), Some(1));
    assert_eq!(pushed(&mut lane, 0), None);
    lane.ended();
    lane.settled(Uuid::from_u128(1), None);
    assert!(lane.is_quiet());
}

#[test]
fn never_more_in_flight_than_the_limit_or_the_share() {
    let mut lane = lane(2, true);
    for id in 1..=4 {
        assert!(lane.offer(&delivery(id, 0, 4), at(0), LIMITS));
    }
    assert_eq!(lane.take(at(0), 0), Take::Nothing);
    assert!(pushed(&mut lane, 0).is_some() && pushed(&mut lane, 0).is_some());
    assert_eq!(lane.take(at(0), SHARE), Take::Nothing);
    assert!(!lane.is_hungry(at(0)));
    lane.ended();
    assert!(lane.is_hungry(at(0)) && pushed(&mut lane, 0).is_some());
}

#[test]
fn what_does_not_fit_is_read_later_in_order() {
    let mut lane = lane(1, true);
    let rows: Vec<Due> = (1..=10).map(|id| due(id, 0, 4)).collect();
    let taken = rows
        .iter()
        .filter(|row| lane.offer(&ready(row), at(0), LIMITS))
        .count();
    assert_eq!(taken, 4);
    let mut table = rows;
    let mut order = vec![];
    for _ in 0..40 {
        if let Some(id) = pushed(&mut lane, 1) {
            order.push(id);
            lane.ended();
            table.retain(|row| row.id.as_u128() != id);
            lane.settled(Uuid::from_u128(id), None);
        }
        read(&mut lane, &table, 1);
    }
    assert_eq!(order, (1..=10).collect::<Vec<_>>());
    assert!(lane.is_read());
}

#[test]
fn with_a_backlog_nothing_new_overtakes_it() {
    let mut lane = lane(1, true);
    for id in 1..=5 {
        lane.offer(&delivery(id, 0, 4), at(0), LIMITS);
    }
    assert_eq!(pushed(&mut lane, 0), Some(1));
    assert!(
        !lane.offer(&delivery(6, 0, 4), at(0), LIMITS),
        "5 waits in the database and goes first"
    );
}

#[test]
fn what_is_committed_while_a_page_is_read_is_not_forgotten() {
    let mut lane = lane(1, true);
    lane.look();
    let want = lane.want(LIMITS, at(0)).unwrap();
    assert!(!lane.offer(&delivery(1, 0, 4), at(0), LIMITS));
    let sifted = lane.sift(&want, vec![], LIMITS);
    lane.loaded(&sifted, vec![]);
    assert!(
        !lane.is_read(),
        "the page was read before the commit: the lane must look again"
    );
    assert!(read(&mut lane, &[due(1, 0, 4)], 0));
    assert_eq!(pushed(&mut lane, 0), Some(1));
}

/// A row that a page has read can be delivered and deleted before the page arrives.
#[test]
fn what_ended_while_a_page_was_read_is_not_pushed_again() {
    for cancelled in [false, true] {
        let mut lane = lane(4, true);
        for id in 1..=5 {
            lane.offer(&delivery(id, 0, 4), at(0), LIMITS);
        }
        assert_eq!(pushed(&mut lane, 0), Some(1));
        assert_eq!(pushed(&mut lane, 0), Some(2));
        let want = lane.want(LIMITS, at(0)).unwrap();
        let page: Vec<Due> = (1..=5).map(|id| due(id, 0, 4)).collect();
        if cancelled {
            lane.withdraw(Uuid::from_u128(3));
        }
        lane.ended();
        lane.settled(Uuid::from_u128(1), None);
        let sifted = lane.sift(&want, page, LIMITS);
        let taken: Vec<u128> = sifted.take.iter().map(|row| row.id.as_u128()).collect();
        assert_eq!(taken, [5]);
        let deliveries = sifted.take.iter().map(ready).collect();
        lane.loaded(&sifted, deliveries);
        let rest: Vec<_> = std::iter::from_fn(|| pushed(&mut lane, 0)).collect();
        assert_eq!(rest, if cancelled { vec![4, 5] } else { vec![3, 4, 5] });
    }
}

#[test]
fn a_page_that_failed_is_wanted_again() {
    let mut lane = lane(1, true);
    lane.look();
    let want = lane.want(LIMITS, at(0)).unwrap();
    assert_eq!(lane.want(LIMITS, at(0)), None, "one reading at a time");
    lane.unread();
    assert_eq!(lane.want(LIMITS, at(0)), Some(want));
}

#[test]
fn priority_goes_first_and_waiting_makes_up_for_it() {
    let mut lane = lane(9, true);
    for (id, seconds, priority) in [(1, 0, 4), (2, 0, 9), (3, 0, 0), (4, -300, 1)] {
        lane.offer(&delivery(id, seconds, priority), at(0), LIMITS);
    }
    let order: Vec<_> = std::iter::from_fn(|| pushed(&mut lane, 0)).collect();
    assert_eq!(
        order,
        [4, 2, 1, 3],
        "300 s of waiting are worth more than eight steps of 30 s"
    );
}

#[test]
fn a_paused_lane_pushes_tests_alone() {
    let mut lane = lane(4, false);
    assert!(!lane.offer(&delivery(1, 0, 4), at(0), LIMITS));
    assert!(lane.offer(&delivery(2, 0, TEST_PRIORITY), at(0), LIMITS));
    assert_eq!(pushed(&mut lane, 0), Some(2));
    let table = [due(1, 0, 4), due(3, 0, TEST_PRIORITY)];
    lane.look();
    assert!(read(&mut lane, &table, 0));
    assert_eq!(pushed(&mut lane, 0), Some(3));
    assert_eq!(pushed(&mut lane, 0), None);
    lane.configure(&terms(4, true), at(0));
    while read(&mut lane, &table, 0) {}
    assert_eq!(pushed(&mut lane, 0), Some(1));
}

#[test]
fn a_hold_ends_by_itself() {
    let mut lane = lane(4, true);
    lane.offer(&delivery(1, 0, 4), at(0), LIMITS);
    assert!(lane.hold(at(10), at(0)) && !lane.hold(at(5), at(0)));
    assert_eq!(lane.take(at(9), SHARE), Take::NotBefore(at(10)));
    assert_eq!(lane.wake_at(at(9)), Some(at(10)));
    assert_eq!(pushed(&mut lane, 10), Some(1));
}

#[test]
fn what_is_due_later_is_read_when_it_is_due() {
    let mut lane = lane(4, true);
    assert!(!lane.offer(&delivery(1, 60, 4), at(0), LIMITS));
    assert_eq!(
        (lane.wake_at(at(0)), lane.want(LIMITS, at(0))),
        (Some(at(60)), None)
    );
    lane.wake(at(59));
    assert_eq!(lane.want(LIMITS, at(0)), None);
    lane.wake(at(60));
    assert!(read(&mut lane, &[due(1, 60, 4)], 60));
    assert_eq!(pushed(&mut lane, 60), Some(1));
    lane.ended();
    lane.settled(Uuid::from_u128(1), Some(at(90)));
    assert_eq!(lane.wake_at(at(60)), Some(at(90)));
}

#[test]
fn what_is_withdrawn_is_not_pushed() {
    let mut lane = lane(1, true);
    for id in 1..=3 {
        lane.offer(&delivery(id, 0, 4), at(0), LIMITS);
    }
    assert_eq!(pushed(&mut lane, 0), Some(1));
    assert!(lane.withdraw(Uuid::from_u128(2)).is_some());
    assert!(lane.withdraw(Uuid::from_u128(1)).is_none(), "its request is out");
    assert!(lane.reset() > 0);
    lane.ended();
    lane.settled(Uuid::from_u128(1), None);
    assert!(lane.is_quiet());
    assert!(read(&mut lane, &[due(3, 0, 4)], 0));
    assert_eq!(pushed(&mut lane, 0), Some(3));
}

#[test]
fn a_payload_larger_than_the_lane_still_passes() {
    let mut lane = lane(1, true);
    lane.look();
    let huge = Due {
        size: 1_000_000,
        ..due(1, 0, 4)
    };
    assert!(read(&mut lane, &[huge.clone(), due(2, 0, 4)], 0));
    assert_eq!(pushed(&mut lane, 0), Some(1));
}

proptest! {
    /// Whatever is enqueued, by whichever way, with whatever priority: each is pushed exactly once, and the lane comes to rest.
    #[test]
    fn everything_is_pushed_once(
        steps in prop::collection::vec((0u8..4, 0i64..50, 0u8..10), 1..120),
        max_in_flight in 1u32..5,
    ) {
        let mut lane = lane(max_in_flight, true);
        let (mut table, mut out, mut done): (Vec<Due>, Vec<u128>, Vec<u128>) = (vec![], vec![], vec![]);
        let (mut now, mut next_id) = (0, 0u128);
        let mut settle = |lane: &mut Lane, table: &mut Vec<Due>, out: &mut Vec<u128>| {
            if let Some(id) = out.pop() {
                lane.ended();
                table.retain(|row| row.id.as_u128() != id);
                lane.settled(Uuid::from_u128(id), None);
                done.push(id);
            }
        };
        for (what, delay, priority) in steps {
            match what {
                0 => {
                    next_id += 1;
                    let row = due(next_id, now + delay, priority);
                    table.push(row.clone());
                    lane.offer(&ready(&row), at(now), LIMITS);
                }
                1 => out.extend(pushed(&mut lane, now)),
                2 => settle(&mut lane, &mut table, &mut out),
                _ => {
                    now += delay / 5;
                    lane.wake(at(now));
                    read(&mut lane, &table, now);
                }
            }
            prop_assert!(out.len() <= max_in_flight as usize);
        }
        for _ in 0..2_000 {
            now += 1;
            lane.wake(at(now));
            read(&mut lane, &table, now);
            out.extend(pushed(&mut lane, now));
            settle(&mut lane, &mut table, &mut out);
        }
        done.sort_unstable();
        prop_assert_eq!(done, (1..=next_id).collect::<Vec<_>>());
        prop_assert!(lane.is_quiet() && lane.is_read());
    }
}

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
