//! Everything that touches the browser.

mod api;
mod ask;
mod chart;
mod clock;
mod in_view;
mod keyboard;
mod live;
mod loaded;
mod notes;
mod pages;
mod session;
mod shell;
mod theme;
mod tree;
mod widgets;

use leptos::{mount::mount_to_body, prelude::*};
use leptos_router::components::Router;

use self::session::State;

/// Puts the console on the page.
pub(crate) fn start() {
    console_error_panic_hook::set_once();
    mount_to_body(App);
}

#[component]
fn App() -> impl IntoView {
    clock::begin();
    notes::begin();
    live::begin();
    let session = session::begin();
    // A session that is read again is no reason to draw everything anew.
    let state = Memo::new(move |_| session.with(State::word));
    view! {
        <Router>
            {move || match state.get() {
                "in" => view! { <shell::Shell/> }.into_any(),
                "out" => view! { <pages::sign_in::SignIn/> }.into_any(),
                _ => view! { <p class="splash" role="status">"Loading…"</p> }.into_any(),
            }}
            <notes::Notes/>
        </Router>
    }
}
