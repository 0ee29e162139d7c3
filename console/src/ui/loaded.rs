//! What was read from the server, and is read again when something happens.

use std::{cell::Cell, rc::Rc, time::Duration};

use leptos::{prelude::*, task::spawn_local};
use proto::Page;
use serde::de::DeserializeOwned;

use super::api::{self, Failure};

/// How long news are gathered before what they change is read again.
const GATHERED: Duration = Duration::from_millis(400);

/// Something that is read.
pub(crate) struct Loaded<T: Send + Sync + 'static> {
    /// It, once it has come.
    pub(crate) value: RwSignal<Option<T>>,
    /// Why it could not be read the last time.
    pub(crate) failure: RwSignal<Option<Failure>>,
    turn: RwSignal<u32>,
}

impl<T: Send + Sync + 'static> Clone for Loaded<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for Loaded<T> {}

impl<T: DeserializeOwned + Send + Sync + 'static> Loaded<T> {
    /// Reads what is at this path, and again when the path is another: then what was there is something else, and goes at once.
    pub(crate) fn of(path: impl Fn() -> String + 'static) -> Self {
        Self::read(path, true)
    }

    /// The same where another path leads to something newer: what is there stays until that has come.
    pub(crate) fn newer(path: impl Fn() -> String + 'static) -> Self {
        Self::read(path, false)
    }

    fn read(path: impl Fn() -> String + 'static, clear: bool) -> Self {
        let (value, failure, turn) = (RwSignal::new(None), RwSignal::new(None), RwSignal::new(0));
        let asked = StoredValue::new(0_u32);
        Effect::new(move |before: Option<String>| {
            turn.track();
            let path = path();
            if clear && before.is_some_and(|before| before != path) {
                value.set(None);
                failure.set(None);
            }
            asked.update_value(|asked| *asked += 1);
            let mine = asked.get_value();
            let of = path.clone();
            spawn_local(async move {
                let answer = if of.is_empty() {
                    return;
                } else {
                    api::get::<T>(&of).await
                };
                // Nobody waits for it any more, or something newer was asked.
                if asked.try_get_value() != Some(mine) {
                    return;
                }
                match answer {
                    Ok(read) => {
                        value.set(Some(read));
                        failure.set(None);
                    }
                    Err(why) => failure.set(Some(why)),
                }
            });
            path
        });
        Self { value, failure, turn }
    }

    /// Reads it again; what is there stays until then.
    pub(crate) fn again(self) {
        self.turn.try_update(|turn| *turn += 1);
    }

    /// Takes this for it: what an action answered.
    pub(crate) fn put(self, value: T) {
        self.value.try_set(Some(value));
    }
}

/// A list of which more is read on demand.
pub(crate) struct List<T: Send + Sync + 'static> {
    /// What was read so far.
    pub(crate) items: RwSignal<Option<Vec<T>>>,
    /// Where to go on.
    pub(crate) next: RwSignal<Option<String>>,
    /// Why it could not be read the last time.
    pub(crate) failure: RwSignal<Option<Failure>>,
    /// Whether more is being read.
    pub(crate) busy: RwSignal<bool>,
    turn: RwSignal<u32>,
    path: StoredValue<String>,
}

impl<T: Send + Sync + 'static> Clone for List<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for List<T> {}

impl<T: DeserializeOwned + Send + Sync + 'static> List<T> {
    /// Reads the list at this path, and again when the path is another. An empty path is no list.
    pub(crate) fn of(path: impl Fn() -> String + 'static) -> Self {
        let list = Self {
            items: RwSignal::new(None),
            next: RwSignal::new(None),
            failure: RwSignal::new(None),
            busy: RwSignal::new(false),
            turn: RwSignal::new(0),
            path: StoredValue::new(String::new()),
        };
        let asked = StoredValue::new(0_u32);
        Effect::new(move |before: Option<String>| {
            list.turn.track();
            let path = path();
            if before.is_some_and(|before| before != path) {
                list.items.set(None);
                list.next.set(None);
                list.busy.set(false);
            }
            list.path.set_value(path.clone());
            asked.update_value(|asked| *asked += 1);
            let mine = asked.get_value();
            let of = path.clone();
            spawn_local(async move {
                if of.is_empty() {
                    return;
                }
                let answer = api::get::<Page<T>>(&of).await;
                if asked.try_get_value() != Some(mine) {
                    return;
                }
                match answer {
                    Ok(page) => {
                        list.items.set(Some(page.items));
                        list.next.set(page.next_page);
                        list.failure.set(None);
                    }
                    Err(why) => list.failure.set(Some(why)),
                }
            });
            path
        });
        list
    }

    /// Reads its begin again.
    pub(crate) fn again(self) {
        self.turn.try_update(|turn| *turn += 1);
    }

    /// The same, unless somebody has gone further into it: what they look at is not taken away.
    pub(crate) fn refresh(self, page: usize) {
        if self
            .items
            .try_with(|items| items.as_ref().is_none_or(|items| items.len() <= page))
            == Some(true)
        {
            self.again();
        }
    }

    /// Reads on.
    pub(crate) fn more(self) {
        let (Some(page), path) = (self.next.get_untracked(), self.path.get_value()) else {
            return;
        };
        self.busy.set(true);
        spawn_local(async move {
            let answer = api::get::<Page<T>>(&console::query::with(&path, &[("page", &page)])).await;
            if self.path.try_get_value().is_none_or(|now| now != path) {
                return;
            }
            self.busy.set(false);
            match answer {
                Ok(page) => {
                    self.items
                        .update(|items| items.get_or_insert_default().extend(page.items));
                    self.next.set(page.next_page);
                }
                Err(why) => self.failure.set(Some(why)),
            }
        });
    }
}

/// Does something soon, and once for all that ask for it until then.
pub(crate) fn soon(act: impl Fn() + 'static) -> impl Fn() + Clone + 'static {
    let (act, waiting) = (Rc::new(act), Rc::new(Cell::new(false)));
    move || {
        if !waiting.replace(true) {
            let (act, waiting) = (act.clone(), waiting.clone());
            set_timeout(
                move || {
                    waiting.set(false);
                    act();
                },
                GATHERED,
            );
        }
    }
}
