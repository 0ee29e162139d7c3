//! Who is signed in, and what they may.

use leptos::prelude::*;

use crate::ui::{
    session,
    widgets::{MaybeWhen, title},
};

#[component]
pub(crate) fn SessionPage() -> impl IntoView {
    title("Your session");
    view! {
        <h1>"Your session"</h1>
        {move || {
            session::current().map(|session| {
                let scopes: Vec<&'static str> = session.scopes.iter().map(|scope| word(*scope)).collect();
                view! {
                    <dl class="pairs card">
                        <dt>"Signed in as"</dt><dd>{session.name}</dd>
                        <dt>"May"</dt><dd>{scopes.join(", ")}</dd>
                        <dt>"Queues"</dt><dd><code>{session.queues.join(" ")}</code></dd>
                        <dt>"Ends"</dt><dd><MaybeWhen at=session.expires_at none="never"/></dd>
                        <dt>"Server"</dt><dd>{format!("Posthaste {}", session.version)}</dd>
                        <dt>"API"</dt><dd><a href="/docs" rel="external">"reference"</a></dd>
                    </dl>
                }
            })
        }}
        <div class="row"><button type="button" on:click=|_| session::sign_out()>"Sign out"</button></div>
        <p class="muted">"The session ends when its API key is revoked, wherever it is used."</p>
    }
}

/// A scope's word.
pub(crate) fn word(scope: proto::Scope) -> &'static str {
    match scope {
        proto::Scope::Enqueue => "enqueue",
        proto::Scope::Read => "read",
        proto::Scope::Manage => "manage",
        proto::Scope::Replay => "replay",
        proto::Scope::Admin => "admin",
    }
}
