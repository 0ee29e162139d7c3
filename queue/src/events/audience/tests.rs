use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::events::{
    Asked,
    tests::{event, published},
};

fn some<T: Clone + std::fmt::Debug + 'static>(of: Vec<T>) -> impl Strategy<Value = Vec<T>> {
    prop::collection::vec(prop::sample::select(of), 0..3)
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let words = |all: &[&str]| some(all.iter().map(ToString::to_string).collect());
    let id = || prop::option::of((0u128..3).prop_map(Uuid::from_u128));
    (
        words(&["a", "b", "a*"]),
        words(&["x", "x*"]),
        words(&["dead", "delivery.*", "queue.paused"]),
        id(),
        id(),
    )
        .prop_map(|(queues, types, states, task, endpoint)| {
            Filter::check(Asked {
                queues,
                types,
                states,
                task,
                endpoint,
            })
            .unwrap()
        })
}

fn any_event() -> impl Strategy<Value = Event> {
    let id = || prop::option::of((0u128..3).prop_map(Uuid::from_u128));
    (
        prop::sample::select(vec!["a", "b", "ab"]),
        prop::sample::select(vec![
            EventKind::DeliveryDead,
            EventKind::DeliveryDelivered,
            EventKind::QueuePaused,
        ]),
        prop::option::of(prop::sample::select(vec!["x", "xy"])),
        id(),
        id(),
    )
        .prop_map(|(queue, kind, task_type, task, endpoint)| Event {
            queue: queue.into(),
            kind,
            task_type: task_type.map(str::to_owned),
            task,
            endpoint,
            ..event(1)
        })
}

proptest! {
    #[test]
    fn each_is_told_exactly_what_it_wants_and_once(
        filters in prop::collection::vec((any_filter(), some(vec!["a".to_owned(), "b".to_owned(), "*".to_owned()])), 1..6),
        events in prop::collection::vec(any_event(), 1..10),
        gone in 0usize..6,
    ) {
        let mut audience = Audience::new(Limits::default());
        let now = Instant::now();
        let mut lives = vec![];
        for (number, (filter, patterns)) in filters.into_iter().enumerate() {
            let reach = Reach::of(patterns);
            let topics = audience.enter(&filter, &reach).unwrap();
            let live = Arc::new(Live { number: number as u64, filter, reach, mailbox: Mailbox::new(100) });
            audience.join(&live, &topics);
            lives.push((live, topics));
        }
        let left = (gone < lives.len()).then(|| lives.remove(gone));
        if let Some((live, topics)) = &left {
            audience.leave(live, topics, now);
        }
        let all: Vec<Item> = events.iter().map(|one| Item::Event(published(one.clone()))).collect();
        audience.tell(all, now);
        for (live, topics) in &lives {
            let wanted = events.iter().filter(|one| live.reach.covers(&one.queue) && live.filter.matches(one)).count();
            prop_assert_eq!(live.mailbox.take(100).len(), wanted, "{:?} {:?}", live.filter, topics);
            let interest = audience.interest();
            let mut wanted = events.iter().filter(|one| live.reach.covers(&one.queue) && live.filter.matches(one));
            prop_assert!(wanted.all(|one| interest.wants(&one.queue)));
        }
        if let Some((live, _)) = left {
            prop_assert!(live.mailbox.take(100).is_empty());
        }
        for (live, topics) in lives {
            audience.leave(&live, &topics, now);
        }
        prop_assert!(audience.routes.is_empty() && audience.lives.is_empty() && audience.subscribers == 0);
    }
}
