//! Signing in.

use leptos::{ev::SubmitEvent, prelude::*, task::spawn_local};
use proto::NewSession;

use crate::ui::{session, theme::ThemeButton, widgets::title};

/// Under which name the browser remembers by what one signed in the last time.
const REMEMBERED: &str = "sign-in";

#[component]
pub(crate) fn SignIn() -> impl IntoView {
    title("Sign in");
    let store = || window().local_storage().ok().flatten();
    let remembered = store().and_then(|store| store.get_item(REMEMBERED).ok().flatten());
    let by_key = RwSignal::new(remembered.as_deref() == Some("key"));
    let [key, name, password] = [(); 3].map(|()| RwSignal::new(String::new()));
    let (busy, failure) = (RwSignal::new(false), RwSignal::new(None::<String>));
    let switch = move |_| {
        by_key.update(|on| *on = !*on);
        failure.set(None);
    };
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        failure.set(None);
        let with = if by_key.get_untracked() {
            NewSession {
                key: Some(key.get_untracked()),
                ..NewSession::default()
            }
        } else {
            NewSession {
                name: Some(name.get_untracked()),
                password: Some(password.get_untracked()),
                ..NewSession::default()
            }
        };
        if let Some(store) = store() {
            let way = if by_key.get_untracked() { "key" } else { "password" };
            let _ = store.set_item(REMEMBERED, way);
        }
        spawn_local(async move {
            if let Err(why) = session::sign_in(with).await {
                busy.try_set(false);
                failure.try_set(Some(why.told()));
            }
        });
    };
    let fields = move || {
        if by_key.get() {
            view! {
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
            }
            .into_any()
        } else {
            view! {
                <label>
                    <span>"Name"</span>
                    <input name="name" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus bind:value=name/>
                </label>
                <label>
                    <span>"Password"</span>
                    <input type="password" name="password" autocomplete="current-password" required bind:value=password/>
                </label>
            }
            .into_any()
        }
    };
    let other = move || {
        if by_key.get() {
            "Use a name and a password"
        } else {
            "Use an API key"
        }
    };
    let hint = move || {
        let (noun, command) = if by_key.get() {
            ("a key", "posthaste key make")
        } else {
            ("a user", "posthaste user add")
        };
        view! { "The first start of the server prints "{noun}" that may do everything. Others are made here, or with " <code>{command}</code> }
    };
    view! {
        <main class="sign-in">
            <form on:submit=submit>
                <h1>"Sign in to Posthaste"</h1>
                {fields}
                {move || failure.get().map(|words| view! { <p class="failed" role="alert">{words}</p> })}
                <button type="submit" class="primary" disabled=busy>
                    {move || if busy.get() { "Signing in…" } else { "Sign in" }}
                </button>
                <button type="button" class="plain" on:click=switch>{other}</button>
                <p class="muted small">{hint}</p>
            </form>
            <ThemeButton/>
        </main>
    }
}
