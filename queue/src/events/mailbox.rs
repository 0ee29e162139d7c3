//! A mailbox: events on their way to one reader. Putting in never waits; what does not fit is counted, and told in its place.

use std::{collections::VecDeque, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Published, gap::Gap};

/// Items whose room an empty mailbox keeps.
const KEPT_ROOM: usize = 64;

/// What lies in a mailbox.
#[derive(Debug, Clone)]
pub(super) enum Item {
    /// An event.
    Event(Arc<Published>),
    /// Events that are not here. Seldom, so that all others take half the room.
    Missed(Box<Gap>),
}

/// Bounded in events. Has one reader.
#[derive(Debug)]
pub(super) struct Mailbox {
    most: usize,
    kept: Mutex<Kept>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Kept {
    items: VecDeque<Item>,
    closed: bool,
}

impl Kept {
    /// Gives back what a burst took, once it is over.
    fn shrink(&mut self) {
        if self.items.is_empty() && self.items.capacity() > KEPT_ROOM {
            self.items = VecDeque::new();
        }
    }

    fn miss(&mut self, gap: Gap) {
        if let Some(Item::Missed(last)) = self.items.back_mut() {
            last.merge(&gap);
        } else {
            self.items.push_back(Item::Missed(Box::new(gap)));
        }
    }
}

impl Mailbox {
    /// For at most `most` events.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            kept: Mutex::default(),
            filled: Notify::new(),
        }
    }

    /// Puts events in; those that do not fit are missed.
    pub(super) fn put(&self, events: impl IntoIterator<Item = Arc<Published>>) {
        let mut kept = self.kept.lock();
        for event in events {
            // Between two gaps lies an event: so there are at most as many gaps.
            if kept.items.len() < self.most {
                kept.items.push_back(Item::Event(event));
            } else {
                kept.miss(Gap::of(&event.event.queue, 1));
            }
        }
        if !kept.items.is_empty() {
            self.filled.notify_one();
        }
    }

    /// Tells of events that never came here.
    pub(super) fn miss(&self, gap: Gap) {
        self.kept.lock().miss(gap);
        self.filled.notify_one();
    }

    /// Takes out as many as `most`, in order. May be none.
    pub(super) fn take(&self, most: usize) -> Vec<Item> {
        let mut kept = self.kept.lock();
        let count = most.min(kept.items.len());
        let taken = kept.items.drain(..count).collect();
        kept.shrink();
        taken
    }

    /// Waits for an item and takes it; `None` when there is none left and none will come.
    pub(super) async fn next(&self) -> Option<Item> {
        loop {
            {
                let mut kept = self.kept.lock();
                if let Some(item) = kept.items.pop_front() {
                    kept.shrink();
                    return Some(item);
                }
                if kept.closed {
                    return None;
                }
            }
            self.filled.notified().await;
        }
    }

    /// Waits until something may be in it.
    pub(super) async fn filled(&self) {
        if self.kept.lock().items.is_empty() {
            self.filled.notified().await;
        }
    }

    /// Says that nothing more will come.
    pub(super) fn close(&self) {
        self.kept.lock().closed = true;
        self.filled.notify_one();
    }

    /// Throws away what is in it, and its memory.
    pub(super) fn clear(&self) {
        self.kept.lock().items = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::events::tests::{event, published};

    fn read(items: Vec<Item>, order: &mut Vec<u128>) -> u64 {
        let mut missed = 0;
        for item in items {
            match item {
                Item::Event(one) => order.push(one.event.id.as_u128()),
                Item::Missed(gap) => missed += gap.count().unwrap(),
            }
        }
        missed
    }

    #[test]
    fn a_gap_is_told_in_its_place() {
        let mailbox = Mailbox::new(2);
        mailbox.put((1..=4).map(|n| published(event(n))));
        mailbox.take(1);
        mailbox.put([published(event(5))]);
        mailbox.take(1);
        mailbox.put([published(event(6))]);
        let told: Vec<String> = mailbox
            .take(9)
            .into_iter()
            .map(|item| match item {
                Item::Event(one) => one.event.id.as_u128().to_string(),
                Item::Missed(gap) => format!("missed {}", gap.count().unwrap()),
            })
            .collect();
        // Two did not fit, nor did the fifth, as the gap itself took a place.
        assert_eq!(told, ["missed 3", "6"]);
    }

    #[tokio::test]
    async fn a_closed_one_is_read_to_its_end() {
        let mailbox = Mailbox::new(2);
        mailbox.put([published(event(1))]);
        mailbox.close();
        assert!(matches!(mailbox.next().await, Some(Item::Event(_))));
        assert!(mailbox.next().await.is_none());
    }

    proptest! {
        #[test]
        fn whatever_is_put_in_comes_out_in_order_or_is_counted(
            most in 1usize..6,
            steps in prop::collection::vec((0usize..8, 0usize..8), 1..30),
        ) {
            let mailbox = Mailbox::new(most);
            let (mut put, mut missed, mut order) = (0, 0, vec![]);
            for (puts, takes) in steps {
                mailbox.put((0..puts).map(|n| published(event(put + n as u128))));
                put += puts as u128;
                prop_assert!(mailbox.kept.lock().items.len() <= most + 1);
                missed += read(mailbox.take(takes), &mut order);
            }
            missed += read(mailbox.take(usize::MAX), &mut order);
            prop_assert!(order.is_sorted());
            prop_assert_eq!(order.len() as u128 + u128::from(missed), put);
        }
    }
}
