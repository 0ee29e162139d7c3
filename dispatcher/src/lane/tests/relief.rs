//! What a lane gives back when memory is short.

use super::*;

const ROOMY: Limits = Limits {
    deliveries: 1_000,
    bytes: 10_000_000,
};

/// A lane of an endpoint that does not answer, one request in flight, and what the database holds for it.
fn hanging(waiting: u128) -> (Lane, Vec<Due>) {
    let mut lane = lane(1, true);
    let rows: Vec<Due> = (1..=waiting).map(|id| due(id, 0, 4)).collect();
    for row in &rows {
        assert!(lane.offer(&ready(row), at(0), ROOMY));
    }
    assert_eq!(pushed(&mut lane, 0), Some(1));
    (lane, rows)
}

fn want(lane: &mut Lane) -> Option<u32> {
    let want = lane.want(ROOMY, at(0))?;
    lane.unread();
    Some(want.rows)
}

#[test]
fn one_that_does_not_move_gives_back_what_it_holds() {
    let (mut lane, rows) = hanging(101);
    assert_eq!(lane.relieve(false, true), 0, "there is room for all");
    assert_eq!(lane.relieve(true, true), 100 * ready(&rows[0]).weight());
    assert_eq!(lane.ready_count, 0);
    assert_eq!(want(&mut lane), Some(17), "a few, and the one that is in flight");
    read_within(&mut lane, &rows, 0, ROOMY);
    assert_eq!((lane.ready_count, lane.relieve(true, true)), (16, 0));
    assert!(!lane.offer(&delivery(200, 0, 4), at(0), ROOMY));
}

#[test]
fn one_that_keeps_up_keeps_what_it_needs_for_some_seconds() {
    let (mut lane, _) = hanging(101);
    for id in 2..=26 {
        lane.ended();
        lane.settled(Uuid::from_u128(id - 1), None);
        assert_eq!(pushed(&mut lane, 0), Some(id));
    }
    assert_eq!((lane.ready_count, lane.relieve(true, true)), (75, 0));
    assert!(
        lane.offer(&delivery(200, 0, 4), at(0), ROOMY),
        "nor is it bounded"
    );
}

#[test]
fn one_that_answers_again_gets_more_each_second_and_all_when_it_is_through() {
    let (mut lane, mut rows) = hanging(601);
    lane.relieve(true, true);
    let (mut in_flight, mut held) = (Some(1), vec![]);
    while !rows.is_empty() {
        read_within(&mut lane, &rows, 0, ROOMY);
        held.push(lane.ready_count);
        while let Some(id) = in_flight {
            lane.ended();
            rows.retain(|row| row.id.as_u128() != id);
            lane.settled(Uuid::from_u128(id), None);
            in_flight = pushed(&mut lane, 0);
        }
        lane.relieve(false, true);
        read_within(&mut lane, &rows, 0, ROOMY);
        in_flight = pushed(&mut lane, 0);
    }
    assert_eq!(
        held,
        [16, 67, 339, 175],
        "four times as many as went in two seconds, less what is in flight, to the last of them"
    );
    read_within(&mut lane, &rows, 0, ROOMY);
    lane.relieve(false, true);
    assert!((0..500).all(|id| lane.offer(&delivery(1_000 + id, 0, 4), at(0), ROOMY)));
}
