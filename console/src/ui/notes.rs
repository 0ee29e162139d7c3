//! Short notes of what was done or could not be, read out by screen readers.

use std::{cell::RefCell, time::Duration};

use leptos::{prelude::*, task::spawn_local};

use super::api::{Failure, Result};

/// How long a note stays: time to read it. What failed stays until it is closed.
const STAYS: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Note {
    id: u32,
    text: String,
    bad: bool,
}

thread_local! {
    static ALL: RefCell<Option<(RwSignal<Vec<Note>>, u32)>> = const { RefCell::new(None) };
}

/// Makes room for notes.
pub(crate) fn begin() {
    ALL.set(Some((RwSignal::new(vec![]), 0)));
}

fn add(text: String, bad: bool) {
    let added = ALL.with_borrow_mut(|all| {
        let (notes, last) = all.as_mut()?;
        *last += 1;
        Some((*notes, *last))
    });
    let Some((notes, id)) = added else { return };
    notes.update(|notes| notes.push(Note { id, text, bad }));
    if !bad {
        set_timeout(move || close(notes, id), STAYS);
    }
}

fn close(notes: RwSignal<Vec<Note>>, id: u32) {
    notes.update(|notes| notes.retain(|note| note.id != id));
}

/// Says that something was done.
pub(crate) fn say(text: impl Into<String>) {
    add(text.into(), false);
}

/// Says why something was not.
pub(crate) fn complain(failure: &Failure) {
    add(failure.told(), true);
}

/// Does something, and goes on with what came of it, or says why it could not be done.
pub(crate) fn perform<T: 'static>(
    action: impl Future<Output = Result<T>> + 'static,
    done: impl FnOnce(T) + 'static,
) {
    spawn_local(async move {
        match action.await {
            Ok(value) => done(value),
            Err(failure) => complain(&failure),
        }
    });
}

/// Where they are shown.
#[component]
pub(crate) fn Notes() -> impl IntoView {
    let notes = ALL.with_borrow(|all| all.as_ref().map(|(notes, _)| *notes));
    let listed = move || notes.map(|notes| notes.get()).unwrap_or_default();
    view! {
        <div class="notes" aria-live="polite">
            <For each=listed key=|note| note.id let(note)>
                <div class="note" class:bad=note.bad role=if note.bad { "alert" } else { "status" }>
                    <span>{note.text}</span>
                    <button
                        type="button"
                        class="plain"
                        aria-label="Close this note"
                        on:click=move |_| { notes.inspect(|notes| close(*notes, note.id)); }
                    >
                        "×"
                    </button>
                </div>
            </For>
        </div>
    }
}
