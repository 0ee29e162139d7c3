//! The line for permits: lanes that have something to push and no permit for it. Deficit round robin with a permit as the unit of work.
//!
//! Lanes with nothing in flight stand in the first line, and get one permit each in their turn; only when none of them waits does a lane
//! get a further one. So while permits are scarce all lanes with work progress together, and one that has nothing in flight waits for no
//! lane twice, however many the others would use.
//!
//! Lanes that have their share of the permits (see `permits`) stand aside: they are asked only when permits come back, and nobody who may have
//! one stands behind them. So endpoints that hang, with however much that waits for them, are not in the way of those that answer.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicBool, Ordering},
};

/// Where a lane stands: in each line once at most.
#[derive(Debug, Default)]
pub(crate) struct Place {
    first: AtomicBool,
    more: AtomicBool,
    aside: AtomicBool,
}

impl Place {
    /// Whether it stands in a line.
    pub(crate) fn is_taken(&self) -> bool {
        [&self.first, &self.more, &self.aside]
            .iter()
            .any(|place| place.load(Ordering::Acquire))
    }

    /// Whether it is in line for its turn, and does not only stand aside.
    pub(crate) fn has_turn(&self) -> bool {
        self.first.load(Ordering::Acquire) || self.more.load(Ordering::Acquire)
    }
}

/// What has a place.
pub(crate) trait Stands: Clone {
    fn place(&self) -> &Place;
}

/// The lines.
#[derive(Debug)]
pub(crate) struct Line<T> {
    /// Those that had nothing in flight when they came.
    first: VecDeque<T>,
    /// Those that want more than they have.
    more: VecDeque<T>,
    /// Those that have their share.
    aside: VecDeque<T>,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self {
            first: VecDeque::new(),
            more: VecDeque::new(),
            aside: VecDeque::new(),
        }
    }
}

impl<T: Stands> Line<T> {
    /// Goes to the end of the line, unless it stands there already. `has_some`: something of it is in flight.
    pub(crate) fn stand(&mut self, who: &T, has_some: bool) {
        let place = who.place();
        let (line, taken) = if has_some {
            (&mut self.more, &place.more)
        } else {
            (&mut self.first, &place.first)
        };
        if !taken.swap(true, Ordering::AcqRel) {
            line.push_back(who.clone());
        }
    }

    /// Whose turn it is; it stands there no more.
    pub(crate) fn next(&mut self) -> Option<T> {
        if let Some(lane) = self.first.pop_front() {
            lane.place().first.store(false, Ordering::Release);
            return Some(lane);
        }
        let lane = self.more.pop_front()?;
        lane.place().more.store(false, Ordering::Release);
        Some(lane)
    }

    /// Stands aside, unless it does already.
    pub(crate) fn stand_aside(&mut self, who: &T) {
        if !who.place().aside.swap(true, Ordering::AcqRel) {
            self.aside.push_back(who.clone());
        }
    }

    /// Who has stood aside for longest; it does no more.
    pub(crate) fn next_aside(&mut self) -> Option<T> {
        let lane = self.aside.pop_front()?;
        lane.place().aside.store(false, Ordering::Release);
        Some(lane)
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.first.len() + self.more.len()
    }

    /// How many stand aside.
    pub(crate) fn len_aside(&self) -> usize {
        self.aside.len()
    }

    /// Whether nobody waits who might have a permit.
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_empty() && self.more.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use proptest::prelude::*;

    use super::*;
    use crate::permits::Permits;

    #[derive(Clone)]
    struct Someone(Rc<(usize, Place)>);

    impl Stands for Someone {
        fn place(&self) -> &Place {
            &self.0.1
        }
    }

    fn people(count: usize) -> Vec<Someone> {
        (0..count)
            .map(|number| Someone(Rc::new((number, Place::default()))))
            .collect()
    }

    #[test]
    fn nobody_stands_twice_in_a_line_and_who_has_nothing_goes_first() {
        let (people, mut line) = (people(3), Line::default());
        line.stand(&people[0], true);
        line.stand(&people[0], true);
        line.stand(&people[1], false);
        line.stand(&people[2], false);
        // What it had in flight has ended.
        line.stand(&people[0], false);
        let order: Vec<usize> = std::iter::from_fn(|| line.next()).map(|one| one.0.0).collect();
        assert_eq!(order, [1, 2, 0, 0]);
        assert!(line.is_empty() && !people.iter().any(|one| one.0.1.is_taken()));
    }

    #[test]
    fn who_has_its_share_is_in_nobodys_way() {
        let (people, mut line) = (people(2), Line::default());
        line.stand_aside(&people[0]);
        line.stand_aside(&people[0]);
        assert!(line.is_empty() && line.next().is_none() && people[0].0.1.is_taken());
        line.stand_aside(&people[1]);
        assert_eq!(line.len_aside(), 2);
        let order: Vec<usize> = std::iter::from_fn(|| line.next_aside())
            .map(|one| one.0.0)
            .collect();
        assert_eq!(order, [0, 1]);
        assert!(!people[0].0.1.is_taken());
    }

    proptest! {
        /// Lanes that always have work, requests that end in any order, and too few permits: while a lane that has nothing waits, no other
        /// lane gets two permits. So after any number of rounds every lane that lets go of what it had is served as often as any other.
        #[test]
        fn lanes_with_work_progress_together(
            lanes in 2usize..40,
            permits in 1usize..30,
            ends in prop::collection::vec(any::<prop::sample::Index>(), 100..800),
        ) {
            let (people, mut line, pool) = (people(lanes), Line::default(), Permits::new(permits, 1));
            let (mut held, mut flying) = (vec![0usize; lanes], Vec::new());
            // For each lane that waits with nothing: how often each other was served meanwhile.
            let mut waiting: Vec<Option<Vec<u8>>> = vec![None; lanes];
            for lane in &people {
                line.stand(lane, false);
                waiting[lane.0.0] = Some(vec![0; lanes]);
            }
            for end in ends {
                while pool.take() {
                    let Some(lane) = line.next() else { pool.give(); break };
                    let number = lane.0.0;
                    held[number] += 1;
                    flying.push(number);
                    waiting[number] = None;
                    for served in waiting.iter_mut().flatten() {
                        served[number] += 1;
                        prop_assert!(served[number] <= 1, "lane {number} twice");
                    }
                    line.stand(&lane, true);
                }
                prop_assert!(!flying.is_empty());
                let number = flying.swap_remove(end.index(flying.len()));
                held[number] -= 1;
                pool.give();
                line.stand(&people[number], held[number] > 0);
                if held[number] == 0 && waiting[number].is_none() {
                    waiting[number] = Some(vec![0; lanes]);
                }
            }
            if permits >= lanes {
                prop_assert!(held.iter().filter(|held| **held == 0).count() <= 1);
            }
        }
    }
}
