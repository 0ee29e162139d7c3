//! Nothing is at this address.

use leptos::prelude::*;
use leptos_router::components::A;

use crate::ui::widgets::title;

#[component]
pub(crate) fn Missing() -> impl IntoView {
    title("Not found");
    view! {
        <h1>"There is nothing here"</h1>
        <p class="muted">"The address leads to no page. "<A href="/">"To the overview"</A></p>
    }
}
