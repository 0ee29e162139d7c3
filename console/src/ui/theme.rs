//! Light and dark.

use leptos::prelude::*;

/// The button that goes from the system's choice to dark to light.
#[component]
pub(crate) fn ThemeButton() -> impl IntoView {
    let root = document().document_element();
    let begin = root.and_then(|root| root.get_attribute("data-theme"));
    let theme = RwSignal::new(begin.unwrap_or_else(|| "auto".to_owned()));
    let next = move |_| {
        let next = match theme.get_untracked().as_str() {
            "auto" => "dark",
            "dark" => "light",
            _ => "auto",
        };
        if let Some(root) = document().document_element() {
            let _ = root.set_attribute("data-theme", next);
        }
        if let Ok(Some(store)) = window().local_storage() {
            let _ = store.set_item("theme", next);
        }
        theme.set(next.to_owned());
    };
    view! {
        <button type="button" class="plain" on:click=next title="Change the colours">
            {move || format!("Theme: {}", theme.get())}
        </button>
    }
}
