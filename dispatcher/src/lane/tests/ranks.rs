//! What goes before what: live traffic before replays, tests before all, and what is urgent before what is held already.

use super::*;

const ROOM: Limits = Limits {
    deliveries: 100,
    bytes: 10_000_000,
};

fn replayed(id: u128, seconds: i64) -> Delivery {
    Delivery {
        purpose: Purpose::Replay(Some(Uuid::nil())),
        ..delivery(id, seconds, 0)
    }
}

#[test]
fn a_replay_goes_after_live_traffic_however_long_it_waited() {
    let mut lane = lane(9, true);
    for (id, seconds) in [(1, 0), (2, 1)] {
        assert!(lane.offer(&replayed(id, seconds), at(200), ROOM));
    }
    assert!(lane.offer(&delivery(3, 200, 4), at(200), ROOM));
    assert!(lane.offer(&delivery(4, 200, 0), at(200), ROOM));
    let order: Vec<_> = std::iter::from_fn(|| pushed(&mut lane, 200)).collect();
    assert_eq!(order, [3, 4, 1, 2]);
}

#[test]
fn a_page_has_live_traffic_before_replays() {
    let mut lane = lane(9, true);
    lane.look();
    let mut rows: Vec<Due> = (1..=20).map(|id| due(id, 0, 0)).collect();
    for row in &mut rows {
        row.purpose = Purpose::Replay(Some(Uuid::nil()));
    }
    rows.push(due(100, 10, 4));
    read_within(&mut lane, &rows, 20, LIMITS);
    assert_eq!(lane.ready_count, LIMITS.deliveries);
    assert_eq!(pushed(&mut lane, 20), Some(100));
}

#[test]
fn what_is_urgent_does_not_wait_until_half_of_what_is_held_is_gone() {
    let mut lane = lane(1, true);
    let mut rows: Vec<Due> = (1..=101).map(|id| due(id, 0, 0)).collect();
    for row in &rows[..100] {
        assert!(lane.offer(&ready(row), at(0), ROOM));
    }
    assert!(!lane.offer(&ready(&rows[100]), at(0), ROOM));
    assert_eq!(
        lane.relieve(false, true),
        0,
        "what is no more urgent waits for its turn"
    );
    rows.push(due(200, 0, 9));
    assert!(!lane.offer(&ready(&rows[101]), at(0), ROOM));
    assert!(lane.relieve(false, true) > 0);
    read_within(&mut lane, &rows, 0, ROOM);
    assert_eq!(pushed(&mut lane, 0), Some(200));
}

#[test]
fn what_is_released_behind_the_cursor_is_read_before_what_lies_ahead() {
    let mut lane = lane(1, true);
    let mut rows: Vec<Due> = (10..=30).map(|id| due(id, 10, 4)).collect();
    lane.look();
    read_within(&mut lane, &rows, 20, LIMITS);
    assert_eq!(lane.ready_count, LIMITS.deliveries);
    rows.push(due(1, 5, 4));
    lane.look_behind();
    let mut order = vec![];
    for _ in 0..6 {
        let id = pushed(&mut lane, 20).unwrap();
        order.push(id);
        lane.ended();
        rows.retain(|row| row.id.as_u128() != id);
        lane.settled(Uuid::from_u128(id), None);
        read_within(&mut lane, &rows, 20, LIMITS);
    }
    assert!(order.contains(&1), "{order:?}");
}

#[test]
fn a_test_stands_in_line_whatever_the_lane_waits_for() {
    let mut lane = lane(1, false);
    assert!(!lane.is_hungry(at(0)));
    assert!(lane.offer(&delivery(1, 0, TEST_PRIORITY), at(0), LIMITS));
    assert!(lane.is_hungry(at(0)));
    assert_eq!(pushed(&mut lane, 0), Some(1));
    assert!(!lane.is_hungry(at(0)));
}

#[test]
fn a_clock_that_is_set_back_holds_nothing_for_longer() {
    let mut lane = lane(1, true);
    assert!(lane.offer(&delivery(1, -100_000, 4), at(0), LIMITS));
    lane.hold(at(60), at(0));
    assert_eq!(lane.waits(at(0), SHARE), Some(Waits::Hold(at(60))));
    assert_eq!(lane.waits(at(-86_400), SHARE), None);
}

#[test]
fn only_the_first_to_close_a_lane_closes_it() {
    let mut lane = lane(1, true);
    assert!(lane.close() && !lane.close());
    lane.configure(&terms(1, true), at(0));
    assert!(lane.close());
}

#[test]
fn what_a_page_has_that_was_read_before_a_purge_is_not_pushed() {
    let mut lane = lane(9, true);
    lane.look();
    let want = lane.want(LIMITS, at(0)).unwrap();
    let sifted = lane.sift(&want, vec![due(1, 0, 4)], LIMITS);
    // Another node has purged it meanwhile.
    lane.reset();
    assert_eq!(lane.loaded(&sifted, vec![delivery(1, 0, 4)]), 0);
    assert_eq!(pushed(&mut lane, 0), None);
    read(&mut lane, &[due(2, 0, 4)], 0);
    assert_eq!(pushed(&mut lane, 0), Some(2), "it is read anew");
}
