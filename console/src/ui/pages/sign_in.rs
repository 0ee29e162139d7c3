//! Signing in.

use leptos::{ev::SubmitEvent, prelude::*, task::spawn_local};

use crate::ui::{session, theme::ThemeButton, widgets::title};

#[component]
pub(crate) fn SignIn() -> impl IntoView {
    title("Sign in");
    let key = RwSignal::new(String::new());
    let (busy, failure) = (RwSignal::new(false), RwSignal::new(None::<String>));
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        failure.set(None);
        spawn_local(async move {
            if let Err(why) = session::sign_in(key.get_untracked()).await {
                busy.try_set(false);
                failure.try_set(Some(why.told()));
            }
        });
    };
    view! {
        <main class="sign-in">
            <form on:submit=submit>
                <h1>"Posthaste"</h1>
                <p class="muted">"Sign in with an API key. You see and may do what the key allows, until it ends or you sign out."</p>
                <label>
                    <span>"API key"</span>
                    <input
                        type="password"
                        name="key"
                        placeholder="ph_…"
                        autocomplete="current-password"
                        spellcheck="false"
                        required
                        autofocus
                        bind:value=key
                    />
                </label>
                {move || failure.get().map(|words| view! { <p class="failed" role="alert">{words}</p> })}
                <button type="submit" class="primary" disabled=busy>
                    {move || if busy.get() { "Signing in…" } else { "Sign in" }}
                </button>
                <p class="muted small">
                    "The first start of the server prints a key that may do everything. Others are made with it: "
                    <code>"posthaste key create"</code>
                </p>
            </form>
            <ThemeButton/>
        </main>
    }
}
