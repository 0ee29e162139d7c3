//! Keys: `/` to the search, `g` and a letter to a page, `?` for help.

use leptos::{ev, html::Dialog, prelude::*};
use leptos_router::hooks::use_navigate;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

/// Where `g` and a letter lead.
const PLACES: [(&str, &str, &str); 10] = [
    ("o", "/", "overview"),
    ("q", "/queues", "queues"),
    ("t", "/tasks", "tasks"),
    ("d", "/dead-letters", "dead letters"),
    ("r", "/replays", "replays"),
    ("e", "/events", "events"),
    ("k", "/keys", "API keys"),
    ("u", "/users", "users"),
    ("y", "/system", "system"),
    ("s", "/session", "your session"),
];

/// Listens, and shows what there is to press.
#[component]
pub(crate) fn Keyboard() -> impl IntoView {
    let help = NodeRef::<Dialog>::new();
    let (after_g, navigate) = (RwSignal::new(false), use_navigate());
    let handle = window_event_listener(ev::keydown, move |event| {
        let typing = event
            .target()
            .and_then(|target| target.dyn_into::<HtmlElement>().ok())
            .is_some_and(|at| matches!(at.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT"));
        if typing || event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        let (key, was_g) = (event.key(), after_g.get_untracked());
        after_g.set(false);
        match key.as_str() {
            "g" => after_g.set(true),
            "/" => {
                event.prevent_default();
                let field = document().query_selector("[data-search]").ok().flatten();
                if let Some(field) = field.and_then(|field| field.dyn_into::<HtmlElement>().ok()) {
                    let _ = field.focus();
                }
            }
            "?" => {
                if let Some(help) = help.get_untracked()
                    && !help.open()
                {
                    let _ = help.show_modal();
                }
            }
            letter if was_g => {
                if let Some((_, path, _)) = PLACES.iter().find(|(key, ..)| *key == letter) {
                    navigate(path, leptos_router::NavigateOptions::default());
                }
            }
            _ => {}
        }
    });
    on_cleanup(move || handle.remove());
    let close = move |_| {
        if let Some(help) = help.get_untracked() {
            help.close();
        }
    };
    view! {
        <dialog node_ref=help aria-labelledby="keys-title">
            <h2 id="keys-title">"Keys"</h2>
            <dl class="pairs">
                <dt><kbd>"/"</kbd></dt><dd>"to the search or first filter"</dd>
                {PLACES.map(|(key, _, what)| view! { <dt><kbd>"g"</kbd>" "<kbd>{key}</kbd></dt><dd>{what}</dd> }).collect_view()}
                <dt><kbd>"?"</kbd></dt><dd>"this help"</dd>
                <dt><kbd>"Esc"</kbd></dt><dd>"closes what is open"</dd>
            </dl>
            <div class="row end"><button type="button" on:click=close>"Close"</button></div>
        </dialog>
    }
}
