//! API keys: made, shown once, rotated, revoked.

use leptos::{ev::SubmitEvent, prelude::*};
use proto::{Key, NewKey, Scope};

use super::{queue::words, session_page::word};
use crate::ui::{
    api,
    ask::{Question, asker},
    loaded::List,
    notes::{perform, say},
    widgets::{Badge, Copy, Failed, MaybeWhen, More, When, title},
};

/// What each scope allows, in a line.
const SCOPES: [(Scope, &str); 5] = [
    (Scope::Enqueue, "put tasks into queues"),
    (Scope::Read, "see everything but secrets and keys"),
    (
        Scope::Manage,
        "make, change and delete queues and endpoints, secrets included",
    ),
    (Scope::Replay, "replay dead letters"),
    (Scope::Admin, "keys, and everything else"),
];

#[component]
pub(crate) fn Keys() -> impl IntoView {
    title("API keys");
    let keys = List::<Key>::of(|| "/v1/keys?limit=200".to_owned());
    let (making, made) = (RwSignal::new(false), RwSignal::new(None::<Key>));
    view! {
        <div class="head">
            <h1>"API keys"</h1>
            <span class="grow"></span>
            <button type="button" class="primary" on:click=move |_| making.update(|on| *on = !*on)>"New key"</button>
        </div>
        <Show when=move || making.get()><NewKeyForm making made keys/></Show>
        {move || made.get().and_then(|made_key| made_key.key.map(|text| view! {
            <section class="card made" role="status" aria-label="The new key">
                <h2>"The key of "{made_key.name}</h2>
                <p>"Keep it now: it is shown this once, and only its hash is stored."</p>
                <span class="id"><code class="break">{text.clone()}</code><Copy text label="Copy the key"/></span>
                <div class="row"><button type="button" on:click=move |_| made.set(None)>"I have kept it"</button></div>
            </section>
        }))}
        <Failed failure=keys.failure/>
        <div class="scroll" tabindex="0" role="region" aria-label="API keys">
            <table>
                <thead><tr><th>"Name"</th><th>"Begins with"</th><th>"State"</th><th>"May"</th><th>"Queues"</th><th>"Made"</th><th>"Last used"</th><th>"Ends"</th><th><span class="unseen">"Actions"</span></th></tr></thead>
                <tbody>
                    <For each=move || keys.items.get().unwrap_or_default() key=|k| (k.id, k.revoked_at, k.expires_at, k.successor) let(key)>
                        <Row key_of=key keys made/>
                    </For>
                </tbody>
            </table>
        </div>
        <More next=keys.next busy=keys.busy on=Callback::new(move |()| keys.more())/>
    }
}

#[component]
fn Row(key_of: Key, keys: List<Key>, made: RwSignal<Option<Key>>) -> impl IntoView {
    let ask = asker();
    let (id, name) = (key_of.id, key_of.name.clone());
    let ended = key_of
        .expires_at
        .is_some_and(|end| end <= crate::ui::clock::now());
    let state = if key_of.revoked_at.is_some() {
        "revoked"
    } else if ended {
        "expired"
    } else if key_of.successor.is_some() {
        "rotated"
    } else {
        "valid"
    };
    let (rotated, revoked) = (name.clone(), name);
    let rotate = move |_| {
        ask(Question {
            title: format!("Rotate {rotated}?"),
            text: "A key with the same rights takes its place. The old one goes on working for a day."
                .to_owned(),
            name: None,
            act: "Rotate",
            then: Callback::new(move |()| {
                perform(
                    async move { api::act::<Key>(&format!("/v1/keys/{id}/rotate")).await },
                    move |new| {
                        made.set(Some(new));
                        keys.again();
                    },
                );
            }),
        });
    };
    let revoke = move |_| {
        ask(Question {
            title: format!("Revoke {revoked}?"),
            text: "Whoever uses it is refused within a second, and every session made with it ends. There is no way back.".to_owned(),
            name: Some(revoked.clone()),
            act: "Revoke",
            then: Callback::new(move |()| {
                perform(async move { api::delete(&format!("/v1/keys/{id}")).await }, move |()| {
                    say("Revoked.");
                    keys.again();
                });
            }),
        });
    };
    let scopes: Vec<&str> = key_of.scopes.iter().map(|scope| word(*scope)).collect();
    view! {
        <tr>
            <td>{key_of.name.clone()}</td>
            <td><code>{key_of.prefix.clone()}</code></td>
            <td><Badge word=state/></td>
            <td>{scopes.join(", ")}</td>
            <td><code>{key_of.queues.join(" ")}</code></td>
            <td><When at=key_of.created_at/></td>
            <td><MaybeWhen at=key_of.last_used_at none="never"/></td>
            <td><MaybeWhen at=key_of.expires_at none="never"/></td>
            <td class="row">
                {(state == "valid").then(|| view! { <button type="button" class="small" on:click=rotate>"Rotate…"</button> })}
                {matches!(state, "valid" | "rotated").then(|| view! { <button type="button" class="small danger" on:click=revoke>"Revoke…"</button> })}
            </td>
        </tr>
    }
}

#[component]
fn NewKeyForm(making: RwSignal<bool>, made: RwSignal<Option<Key>>, keys: List<Key>) -> impl IntoView {
    let (name, queues) = (RwSignal::new(String::new()), RwSignal::new("*".to_owned()));
    let scopes = RwSignal::new(vec![Scope::Read]);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let new = NewKey {
            name: name.get_untracked(),
            scopes: scopes.get_untracked(),
            queues: words(&queues.get_untracked()),
            ..NewKey::default()
        };
        perform(
            async move { api::send::<Key>(gloo_net::http::Method::POST, "/v1/keys", &new).await },
            move |key| {
                made.set(Some(key));
                making.set(false);
                keys.again();
            },
        );
    };
    view! {
        <form class="card" on:submit=submit>
            <h2>"New key"</h2>
            <div class="fields">
                <label><span>"Name"</span><input name="name" required maxlength="100" autofocus bind:value=name/><small>"Who uses it, and what for"</small></label>
                <label><span>"Queues"</span><input name="queues" required spellcheck="false" bind:value=queues/><small>"Globs of their names, such as shop-*; * is all"</small></label>
            </div>
            <fieldset>
                <legend>"May"</legend>
                {SCOPES
                    .map(|(scope, allows)| view! {
                        <label class="check">
                            <input
                                type="checkbox"
                                name=word(scope)
                                prop:checked=move || scopes.with(|s| s.contains(&scope))
                                on:change=move |event| {
                                    let on = event_target_checked(&event);
                                    scopes.update(|s| {
                                        s.retain(|known| *known != scope);
                                        if on { s.push(scope); }
                                    });
                                }
                            />
                            <span><b>{word(scope)}</b>" "{allows}</span>
                        </label>
                    })
                    .collect_view()}
            </fieldset>
            <div class="row">
                <button type="submit" class="primary">"Make the key"</button>
                <button type="button" on:click=move |_| making.set(false)>"Cancel"</button>
            </div>
        </form>
    }
}
