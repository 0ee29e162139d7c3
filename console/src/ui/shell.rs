//! What stands around every page: the way to the others, who is signed in, and how the stream of events is.

use leptos::prelude::*;
use leptos_router::{
    components::{A, Route, Routes},
    path,
};
use proto::Scope;

use super::{
    ask,
    keyboard::Keyboard,
    live::{self, Wire},
    pages::{
        audit, dead_letters, endpoint, events, keys, missing, overview, queue, queues, replays, session_page,
        system, task, tasks, users,
    },
    session,
    theme::ThemeButton,
};

#[component]
pub(crate) fn Shell() -> impl IntoView {
    ask::begin();
    let wire = live::wire();
    let name = move || session::current().map(|session| session.name).unwrap_or_default();
    view! {
        <a class="skip" href="#main">"To the content"</a>
        <header class="side">
            <A href="/" attr:class="brand">
                <svg viewBox="0 0 32 32" aria-hidden="true">
                    <rect width="32" height="32" rx="8" class="ground"></rect>
                    <path d="M7 10h11M5 16h11M7 22h11" class="speed"></path>
                    <path d="m17 8 9 8-9 8" class="tip"></path>
                </svg>
                "Posthaste"
            </A>
            <nav aria-label="Pages">
                <A href="/" exact=true>"Overview"</A>
                <A href="/queues">"Queues"</A>
                <A href="/tasks">"Tasks"</A>
                <A href="/dead-letters">"Dead letters"</A>
                <A href="/replays">"Replays"</A>
                <A href="/events">"Events"</A>
                <Show when=|| session::may(Scope::Admin)><A href="/keys">"API keys"</A><A href="/users">"Users"</A><A href="/audit">"Audit"</A><A href="/system">"System"</A></Show>
            </nav>
            <div class="foot">
                <span class="wire" data-wire=move || word(wire.get()) role="status">{move || told(wire.get())}</span>
                <A href="/session" attr:class="who" attr:title="Who is signed in">{name}</A>
                <ThemeButton/>
                <button type="button" class="plain" on:click=|_| session::sign_out()>"Sign out"</button>
            </div>
        </header>
        <main id="main" tabindex="-1">
            <Routes fallback=missing::Missing>
                <Route path=path!("/") view=overview::Overview/>
                <Route path=path!("/queues") view=queues::Queues/>
                <Route path=path!("/queues/:queue") view=queue::QueuePage/>
                <Route path=path!("/endpoints/:id") view=endpoint::EndpointPage/>
                <Route path=path!("/tasks") view=tasks::Tasks/>
                <Route path=path!("/tasks/:id") view=task::TaskPage/>
                <Route path=path!("/dead-letters") view=dead_letters::DeadLetters/>
                <Route path=path!("/replays") view=replays::Replays/>
                <Route path=path!("/events") view=events::Events/>
                <Route path=path!("/keys") view=keys::Keys/>
                <Route path=path!("/users") view=users::Users/>
                <Route path=path!("/audit") view=audit::Audit/>
                <Route path=path!("/system") view=system::System/>
                <Route path=path!("/session") view=session_page::SessionPage/>
            </Routes>
        </main>
        <ask::Ask/>
        <Keyboard/>
    }
}

fn word(wire: Wire) -> &'static str {
    match wire {
        Wire::Idle => "idle",
        Wire::Live => "live",
        Wire::Lost => "lost",
    }
}

fn told(wire: Wire) -> &'static str {
    match wire {
        Wire::Idle => "",
        Wire::Live => "Live",
        Wire::Lost => "Reconnecting",
    }
}
