//! Who is signed in, and what they may.

use leptos::{ev::SubmitEvent, prelude::*, task::spawn_local};
use proto::PasswordChange;

use crate::ui::{
    ask::{Question, asker},
    notes::{perform, say},
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
        {move || if session::current().is_some_and(|session| session.user.is_some()) {
            view! { <ChangePassword/><Everywhere/> }.into_any()
        } else {
            view! { <p class="muted">"The session ends when its API key is revoked, wherever it is used."</p> }.into_any()
        }}
    }
}

/// For who signed in by a password.
#[component]
fn ChangePassword() -> impl IntoView {
    let [current, new, again] = [(); 3].map(|()| RwSignal::new(String::new()));
    let (busy, wrong) = (RwSignal::new(false), RwSignal::new(None::<String>));
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if new.get_untracked() != again.get_untracked() {
            return wrong.set(Some("The new password is not the same both times.".to_owned()));
        }
        wrong.set(None);
        busy.set(true);
        let change = PasswordChange {
            current: current.get_untracked(),
            new: new.get_untracked(),
        };
        spawn_local(async move {
            match session::change_password(change).await {
                Ok(()) => {
                    say("The new password holds. Your other sessions have ended.");
                    for field in [current, new, again] {
                        field.try_set(String::new());
                    }
                }
                Err(failure) => {
                    wrong.try_set(Some(failure.told()));
                }
            }
            busy.try_set(false);
        });
    };
    let field = |label: &'static str, name: &'static str, fill: &'static str, signal: RwSignal<String>| {
        view! { <label><span>{label}</span><input type="password" name=name autocomplete=fill required maxlength="200" bind:value=signal/></label> }
    };
    view! {
        <form class="card" on:submit=submit aria-label="Your password">
            <h2>"Your password"</h2>
            <div class="fields">
                {field("The one that holds now", "current", "current-password", current)}
                {field("New, 12 characters at least", "new", "new-password", new)}
                {field("New, once more", "again", "new-password", again)}
            </div>
            {move || wrong.get().map(|words| view! { <p class="failed" role="alert">{words}</p> })}
            <div class="row"><button type="submit" disabled=busy>"Change the password"</button></div>
        </form>
    }
}

#[component]
fn Everywhere() -> impl IntoView {
    let ask = asker();
    let sign_out = move |_| {
        ask(Question {
            title: "Sign out everywhere?".to_owned(),
            text: "Every session of yours ends within a second, in every browser, this one included."
                .to_owned(),
            name: None,
            act: "Sign out everywhere",
            then: Callback::new(|()| perform(session::sign_out_everywhere(), |()| ())),
        });
    };
    view! { <div class="row"><button type="button" class="danger" on:click=sign_out>"Sign out everywhere…"</button></div> }
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
