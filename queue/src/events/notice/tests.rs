use std::sync::Arc;

use proptest::prelude::*;
use proto::EventKind;

use super::*;
use crate::events::{Published, tests::published};

/// Any event that [`super::super::facts`] can make, and some that it cannot.
fn any_event() -> impl Strategy<Value = Event> {
    let uuid = || prop::option::of(any::<u128>().prop_map(Uuid::from_u128));
    let names = (
        prop::sample::select(EventKind::ALL),
        "[a-z._-]{1,100}",
        prop::option::of("[a-zA-Z0-9._:/-]{1,200}"),
        prop::option::of(prop::sample::select(vec!["dns".to_owned(), "timeout".to_owned()])),
        prop::option::of("\\PC{0,200}"),
    );
    let ids = (any::<u128>(), uuid(), uuid(), uuid(), any::<bool>());
    let numbers = (
        prop::option::of(any::<u32>()),
        prop::option::of(any::<u16>()),
        prop::option::of(any::<u64>()),
        prop::option::of(-1_000_000_000_000_000i64..4_000_000_000_000_000),
    );
    (names, ids, numbers).prop_map(|(names, ids, numbers)| {
        let (kind, queue, task_type, failure, reason) = names;
        let (id, task, delivery, endpoint, of_task) = ids;
        let delivery = match (delivery, task) {
            (Some(delivery), Some(task)) if of_task => Some(Uuid::from_u64_pair(
                task.as_u64_pair().0,
                delivery.as_u64_pair().1,
            )),
            _ => delivery,
        };
        let id = Uuid::from_u128(id >> 8);
        Event {
            id,
            at: id::minted_at(id),
            kind,
            queue,
            task,
            delivery,
            endpoint,
            task_type,
            attempts: numbers.0,
            status: numbers.1,
            failure,
            reason,
            due_at: numbers.3.and_then(DateTime::from_timestamp_micros),
            count: numbers.2,
        }
    })
}

fn any_item() -> impl Strategy<Value = Item> {
    prop_oneof![
        9 => any_event().prop_map(|event| Item::Event(published(event))),
        1 => prop::collection::btree_map("[a-z]{1,100}", any::<u32>(), 0..70).prop_map(|counts| {
            let mut gap = if counts.is_empty() { Gap::unknown() } else { Gap::default() };
            for (queue, count) in counts {
                gap.add(&queue, u64::from(count));
            }
            Item::Missed(Box::new(gap))
        }),
    ]
}

fn shown(item: &Item) -> String {
    match item {
        Item::Event(one) => format!("{:?}", one.event),
        Item::Missed(gap) => format!("{gap:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_is_written_is_read_and_fits(items in prop::collection::vec(any_item(), 0..120), most in 1usize..5) {
        let origin = Uuid::from_u128(7);
        let mut left: VecDeque<Item> = items.clone().into();
        let mut read_again = vec![];
        while !left.is_empty() {
            let notices = write(&mut left, origin, most);
            prop_assert!((1..=most).contains(&notices.len()));
            for notice in notices {
                prop_assert!(notice.len() < 8_000, "{} bytes", notice.len());
                let (from, events, gap) = read(&notice).unwrap();
                prop_assert_eq!(from, origin);
                read_again.extend(events.into_iter().map(|event| Item::Event(published(event))));
                read_again.extend(gap.map(|gap| Item::Missed(Box::new(gap))));
            }
        }
        prop_assert_eq!(
            read_again.iter().map(shown).collect::<Vec<_>>(),
            items.iter().map(shown).collect::<Vec<_>>()
        );
    }
}

#[test]
fn some_dozens_of_ordinary_events_share_a_notice() {
    let ordinary = |n: u128| -> Arc<Published> {
        let task = Uuid::from_u128(0x0198_c0de_0000_7000_8000_0000_0000_0000 + (n << 70));
        published(Event {
            kind: EventKind::DeliveryDelivered,
            queue: "orders".into(),
            task: Some(task),
            delivery: Some(Uuid::from_u64_pair(
                task.as_u64_pair().0,
                7 ^ task.as_u64_pair().1,
            )),
            endpoint: Some(Uuid::from_u128(n % 3)),
            task_type: Some("invoice.paid".into()),
            attempts: Some(1),
            status: Some(200),
            ..crate::events::tests::event(n)
        })
    };
    let mut items: VecDeque<Item> = (0..120).map(|n| Item::Event(ordinary(n))).collect();
    write(&mut items, Uuid::nil(), 2);
    assert!(items.is_empty(), "{} did not fit", items.len());
}

#[test]
fn what_a_newer_version_tells_is_missed() {
    let mut items = VecDeque::from([Item::Event(published(crate::events::tests::event(1)))]);
    let notice = write(&mut items, Uuid::nil(), 1).remove(0);
    let newer = notice.replace("queue.updated", "queue.renamed");
    assert_ne!(newer, notice);
    let (_, events, gap) = read(&newer).unwrap();
    assert!(events.is_empty());
    assert_eq!(gap, Some(Gap::of("q", 1)));
}
