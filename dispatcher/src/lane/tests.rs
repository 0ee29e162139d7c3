mod ranks;
mod relief;
mod waits;

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
    read_within(lane, rows, now, LIMITS)
}

fn read_within(lane: &mut Lane, rows: &[Due], now: i64, limits: Limits) -> bool {
    let Some(want) = lane.want(limits, at(0)) else {
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
    let sifted = lane.sift(&want, page, limits);
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

/// A page can be on its way, or wait for memory, when the endpoint is deleted: what it brought would count as held for ever.
#[test]
fn a_lane_that_is_no_more_holds_and_wants_nothing() {
    let mut lane = lane(2, true);
    for id in 1..=5 {
        lane.offer(&delivery(id, 0, 4), at(0), LIMITS);
    }
    assert_eq!((pushed(&mut lane, 0), pushed(&mut lane, 0)), (Some(1), Some(2)));
    let want = lane.want(LIMITS, at(0)).unwrap();
    let weight = delivery(3, 0, 4).weight();
    assert_eq!(lane.retire(), 2 * weight);
    let sifted = lane.sift(&want, vec![due(6, 0, 4)], LIMITS);
    let deliveries = sifted.take.iter().map(ready).collect();
    assert_eq!(lane.loaded(&sifted, deliveries), 0);
    assert!(!lane.offer(&delivery(7, 0, 4), at(0), LIMITS));
    lane.look();
    for id in 1..=2 {
        lane.ended();
        lane.settled(Uuid::from_u128(id), Some(at(1)));
    }
    assert!(!lane.has_backlog() && lane.want(LIMITS, at(2)).is_none());
    assert_eq!(pushed(&mut lane, 2), None);
    assert!(lane.is_quiet());
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
