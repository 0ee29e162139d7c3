//! The ring: the last events of this node, from which a subscriber that was away goes on.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::mailbox::Item;

/// How much later than another an event of one node may come here than there: twice the pause between two notices, and room for a slow
/// database. What came within it before the place where a subscriber left off may not have come yet where it was.
const SLACK: Duration = Duration::from_secs(2);

/// Bounded; the oldest give way. Every item has a number, counted up from 0.
#[derive(Debug)]
pub(super) struct Ring {
    most: usize,
    items: VecDeque<(Item, Instant)>,
    /// The number of the first item.
    first: u64,
}

/// How far a subscriber has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The number of the next item.
    next: u64,
    /// Where it left off; up to there only what came from other nodes than this one is told, as it may not have been.
    left: u64,
    origin: Uuid,
}

impl Ring {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            items: VecDeque::new(),
            first: 0,
        }
    }

    pub(super) fn push(&mut self, item: Item, now: Instant) {
        if self.items.len() == self.most {
            self.items.pop_front();
            self.first += 1;
        }
        self.items.push_back((item, now));
    }

    /// The number of the item that will come next.
    pub(super) fn end(&self) -> u64 {
        self.first + self.items.len() as u64
    }

    /// Forgets all items, and gives back their memory. Numbers go on.
    pub(super) fn clear(&mut self) {
        self.first = self.end();
        self.items = VecDeque::new();
    }

    /// The number of an event.
    pub(super) fn find(&self, id: Uuid) -> Option<u64> {
        // The newest first: whoever reconnects was there a moment ago.
        let from_end = self.items.iter().rev().position(|(item, _)| is(item, id))?;
        Some(self.end() - 1 - from_end as u64)
    }

    /// The place from which on is told what a subscriber that left off at item `left` may not know.
    pub(super) fn place_after(&self, left: u64) -> Option<Place> {
        let index = usize::try_from(left.checked_sub(self.first)?).ok()?;
        let (item, at) = self.items.get(index)?;
        let Item::Event(event) = item else { return None };
        let recent = self.items.iter().take(index).rev();
        let before = recent.take_while(|(_, came)| *at - *came <= SLACK).count();
        Some(Place {
            next: left - before as u64,
            left,
            origin: event.origin,
        })
    }

    /// What is to be told from `place` on, looking at `most` items; moves `place` past them. `None` if what follows has given way.
    pub(super) fn read(&self, place: &mut Place, most: usize) -> Option<Vec<Item>> {
        let begin = usize::try_from(place.next.checked_sub(self.first)?).ok()?;
        let mut told = vec![];
        for (item, _) in self.items.iter().skip(begin).take(most) {
            let known = match item {
                Item::Event(event) => place.next <= place.left && event.origin == place.origin,
                Item::Missed(_) => place.next <= place.left,
            };
            if !known {
                told.push(item.clone());
            }
            place.next += 1;
        }
        Some(told)
    }

    /// Whether all was read.
    pub(super) fn is_at_end(&self, place: &Place) -> bool {
        place.next >= self.end()
    }
}

fn is(item: &Item, id: Uuid) -> bool {
    matches!(item, Item::Event(event) if event.event.id == id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::events::{
        gap::Gap,
        tests::{event, published, published_by},
    };

    fn ids(items: &[Item]) -> Vec<u128> {
        items
            .iter()
            .map(|item| match item {
                Item::Event(one) => one.event.id.as_u128(),
                Item::Missed(_) => 0,
            })
            .collect()
    }

    fn rest(ring: &Ring, id: u128) -> Option<Vec<u128>> {
        let mut place = ring.place_after(ring.find(Uuid::from_u128(id))?)?;
        let mut told = vec![];
        while !ring.is_at_end(&place) {
            told.extend(ids(&ring.read(&mut place, 3)?));
        }
        Some(told)
    }

    proptest! {
        #[test]
        fn goes_on_exactly_after_an_event_that_is_remembered(most in 1usize..20, count in 0u128..40, left in 1u128..45) {
            let (mut ring, now) = (Ring::new(most), Instant::now());
            for n in 1..=count {
                ring.push(Item::Event(published(event(n))), now);
            }
            let remembered = left <= count && left + most as u128 > count;
            let expected = remembered.then(|| (left + 1..=count).collect::<Vec<_>>());
            prop_assert_eq!(rest(&ring, left), expected);
            prop_assert_eq!(u128::from(ring.end()), count);
        }
    }

    #[test]
    fn tells_what_came_from_other_nodes_shortly_before_once_more() {
        let (mut ring, begin) = (Ring::new(10), Instant::now());
        let (here, there) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for (n, origin, second) in [
            (1, there, 0),
            (2, there, 3),
            (3, here, 3),
            (4, here, 4),
            (5, there, 4),
            (6, here, 5),
        ] {
            ring.push(
                Item::Event(published_by(event(n), origin)),
                begin + Duration::from_secs(second),
            );
        }
        assert_eq!(rest(&ring, 4), Some(vec![2, 5, 6]));
        assert_eq!(rest(&ring, 5), Some(vec![3, 4, 6]), "an event of the other node");
        assert_eq!(rest(&ring, 2), Some(vec![3, 4, 5, 6]));
    }

    #[test]
    fn who_reads_too_slowly_finds_that_it_gave_way() {
        let (mut ring, now) = (Ring::new(2), Instant::now());
        for n in 1..=2 {
            ring.push(Item::Event(published(event(n))), now);
        }
        let mut place = ring.place_after(0).unwrap();
        for n in 3..=9 {
            ring.push(Item::Event(published(event(n))), now);
        }
        assert!(ring.read(&mut place, 1).is_none());
    }

    #[test]
    fn remembers_what_was_missed_and_forgets_all_at_once() {
        let (mut ring, now) = (Ring::new(5), Instant::now());
        ring.push(Item::Event(published(event(1))), now);
        ring.push(Item::Missed(Box::new(Gap::unknown())), now);
        ring.push(Item::Event(published(event(2))), now);
        assert_eq!(rest(&ring, 1), Some(vec![0, 2]));
        ring.clear();
        assert_eq!((rest(&ring, 1), ring.end()), (None, 3));
    }
}
