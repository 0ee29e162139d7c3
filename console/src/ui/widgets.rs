//! Small parts that every page is made of.

use chrono::{DateTime, Utc};
use console::{curl, format};
use leptos::prelude::*;
use leptos_router::components::A;
use uuid::Uuid;

use super::{api::Failure, clock, notes};

/// Names the page in the browser's tab.
pub(crate) fn title(of: &str) {
    document().set_title(&format!("{of} · Posthaste"));
}

/// Where this console was loaded from.
pub(crate) fn origin() -> String {
    window().location().origin().unwrap_or_default()
}

/// Puts a text on the clipboard.
pub(crate) fn copy(text: &str) {
    let _ = window().navigator().clipboard().write_text(text);
    notes::say("Copied");
}

/// A moment: how long ago, and exactly where the mouse rests on it.
#[component]
pub(crate) fn When(at: DateTime<Utc>) -> impl IntoView {
    let now = clock::ticking();
    view! {
        <time datetime=at.to_rfc3339() title=format::exact(at)>{move || format::relative(at, now.get())}</time>
    }
}

/// A moment that may not be.
#[component]
pub(crate) fn MaybeWhen(
    at: Option<DateTime<Utc>>,
    #[prop(default = "–")] none: &'static str,
) -> impl IntoView {
    match at {
        Some(at) => view! { <When at/> }.into_any(),
        None => view! { <span class="muted">{none}</span> }.into_any(),
    }
}

/// A button that copies a text.
#[component]
pub(crate) fn Copy(
    #[prop(into)] text: String,
    #[prop(into, default = "Copy".to_owned())] label: String,
) -> impl IntoView {
    view! {
        <button type="button" class="copy" title=label.clone() aria-label=label on:click=move |_| copy(&text)>
            <svg viewBox="0 0 16 16" aria-hidden="true">
                <rect x="5.5" y="5.5" width="8" height="8" rx="1.5"></rect>
                <path d="M3 10.5V4A1.5 1.5 0 0 1 4.5 2.5H10"></path>
            </svg>
        </button>
    }
}

/// An id, by its end, that leads somewhere; with a button that copies all of it.
#[component]
pub(crate) fn Id(id: Uuid, #[prop(into)] to: String) -> impl IntoView {
    view! {
        <span class="id">
            <A href=to attr:title=id.to_string()><code>{format::short_id(id)}</code></A>
            <Copy text=id.to_string() label="Copy the id"/>
        </span>
    }
}

/// A state, in a word and a colour.
#[component]
pub(crate) fn Badge(#[prop(into)] word: String) -> impl IntoView {
    view! { <span class="badge" data-state=word.clone()>{format::words(&word)}</span> }
}

/// Why something could not be read.
#[component]
pub(crate) fn Failed(failure: RwSignal<Option<Failure>>) -> impl IntoView {
    move || {
        failure
            .get()
            .map(|failure| view! { <p class="failed" role="alert">{failure.told()}</p> })
    }
}

/// Nothing is there: what that means, and the line that changes it.
#[component]
pub(crate) fn Empty(
    #[prop(into)] title: String,
    #[prop(into)] text: String,
    #[prop(optional, into)] line: Option<String>,
) -> impl IntoView {
    view! {
        <div class="empty">
            <p class="strong">{title}</p>
            <p class="muted">{text}</p>
            {line.map(|line| view! { <Line line/> })}
        </div>
    }
}

/// A line to paste into a shell.
#[component]
pub(crate) fn Line(#[prop(into)] line: String) -> impl IntoView {
    view! {
        <div class="line">
            <pre tabindex="0">{line.clone()}</pre>
            <Copy text=line label="Copy the line"/>
        </div>
    }
}

/// The line for a request to the API.
pub(crate) fn api_line(method: &str, path: &str, body: Option<&str>) -> String {
    curl::of_api(&origin(), method, path, body)
}

/// The button under a list of which there is more.
#[component]
pub(crate) fn More(next: RwSignal<Option<String>>, busy: RwSignal<bool>, on: Callback<()>) -> impl IntoView {
    view! {
        <Show when=move || next.with(Option::is_some)>
            <div class="row center">
                <button type="button" disabled=busy on:click=move |_| on.run(())>
                    {move || if busy.get() { "Loading…" } else { "Load more" }}
                </button>
            </div>
        </Show>
    }
}

/// A figure with its name.
#[component]
pub(crate) fn Figure(
    label: &'static str,
    #[prop(into)] value: Signal<String>,
    #[prop(optional, into)] note: Option<Signal<String>>,
    #[prop(optional, into)] whole: Option<Signal<String>>,
    #[prop(optional)] long: bool,
) -> impl IntoView {
    // What is shown short is whole to whoever points at it.
    let whole = whole.map(|whole| move || whole.get());
    view! {
        <div class="figure" class:long=long title=whole>
            <dt>{label}</dt>
            <dd>{move || value.get()}{note.map(|note| view! { <small>{move || note.get()}</small> })}</dd>
        </div>
    }
}

/// The value of a field of a form, when it changes.
pub(crate) fn typed(into: RwSignal<String>) -> impl Fn(leptos::ev::Event) {
    move |event| into.set(event_target_value(&event))
}
