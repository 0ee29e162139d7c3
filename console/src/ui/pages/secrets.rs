//! The signing secrets of an endpoint: shown when asked, rotated with an overlap.

use console::snippets::SNIPPETS;
use leptos::prelude::*;
use proto::{NewSecret, Page, RevealedSecret, Secret, SigningScheme, Span};

use crate::ui::{
    api,
    ask::{Question, asker},
    loaded::Loaded,
    notes::{perform, say},
    widgets::{Badge, Copy, Failed, When},
};

#[component]
pub(crate) fn Secrets(id: Memo<String>) -> impl IntoView {
    let path = move || format!("/v1/endpoints/{}/secrets", id.get());
    let secrets = Loaded::<Page<Secret>>::of(path);
    let ask = asker();
    let overlap = RwSignal::new("24h".to_owned());
    let rotate = move |_| {
        let Ok(span) = overlap.get_untracked().parse::<Span>() else {
            return;
        };
        ask(Question {
            title: "Make a new signing secret?".to_owned(),
            text: format!(
                "Requests are signed with the new and the old ones for {span}; then the old ones end. Receivers must know the new one until then."
            ),
            name: None,
            act: "Rotate",
            then: Callback::new(move |()| {
                let (path, new) = (
                    path(),
                    NewSecret {
                        overlap: Some(span),
                        ..NewSecret::default()
                    },
                );
                perform(
                    async move { api::send::<RevealedSecret>(gloo_net::http::Method::POST, &path, &new).await },
                    move |_| {
                        say("The new secret signs from now on.");
                        secrets.again();
                    },
                );
            }),
        });
    };
    let rows = move || {
        secrets.value.get().map(|page| {
            page.items
                .into_iter()
                .map(|secret| view! { <SecretRow secret path=path()/> })
                .collect_view()
        })
    };
    view! {
        <section class="card" aria-label="Signing secrets">
            <h2>"Signing secrets"</h2>
            <Failed failure=secrets.failure/>
            <ul class="plain-list">{rows}</ul>
            <div class="row">
                <label class="inline">
                    <span>"Overlap"</span>
                    <select prop:value=overlap on:change=move |event| overlap.set(event_target_value(&event))>
                        <option value="24h">"a day"</option>
                        <option value="1h">"an hour"</option>
                        <option value="7d">"a week"</option>
                        <option value="0s">"none"</option>
                    </select>
                </label>
                <button type="button" on:click=rotate>"Rotate…"</button>
            </div>
            <Snippets/>
        </section>
    }
}

#[component]
fn SecretRow(secret: Secret, path: String) -> impl IntoView {
    let shown = RwSignal::new(None::<String>);
    let reveal = move |_| {
        if shown.get_untracked().is_some() {
            shown.set(None);
            return;
        }
        let path = format!("{path}/{}", secret.id);
        perform(
            async move { api::get::<RevealedSecret>(&path).await },
            move |revealed| shown.set(Some(revealed.secret)),
        );
    };
    let scheme = match secret.scheme {
        SigningScheme::V1 => "v1",
        SigningScheme::V1a => "v1a",
    };
    let public_key = secret.public_key.clone();
    view! {
        <li class="row">
            <Badge word=if secret.expires_at.is_some() { "ends" } else { "current" }/>
            <code>{scheme}</code>
            <small class="muted">"made "<When at=secret.created_at/>{secret.expires_at.map(|at| view! { ", ends "<When at/> })}</small>
            <span class="grow"></span>
            <button type="button" class="small" on:click=reveal>{move || if shown.get().is_some() { "Hide" } else { "Reveal" }}</button>
            {move || shown.get().map(|text| view! { <span class="id full"><code class="break">{text.clone()}</code><Copy text label="Copy the secret"/></span> })}
            {public_key.map(|text| view! { <span class="id full"><small class="muted">"public key "</small><code class="break">{text.clone()}</code><Copy text label="Copy the public key"/></span> })}
        </li>
    }
}

/// How a receiver verifies what it is sent, in the languages that people use.
#[component]
fn Snippets() -> impl IntoView {
    let chosen = RwSignal::new(0_usize);
    let options = SNIPPETS
        .iter()
        .enumerate()
        .map(|(at, (language, _))| view! { <option value=at.to_string()>{*language}</option> });
    let shown = move || {
        let (_, text) = SNIPPETS.get(chosen.get()).copied().unwrap_or(SNIPPETS[0]);
        view! { <div class="line"><pre tabindex="0">{text}</pre><Copy text label="Copy the lines"/></div> }
    };
    view! {
        <details class="snippets">
            <summary>"Verify in your receiver"</summary>
            <label class="inline">
                <span>"Language"</span>
                <select on:change=move |event| chosen.set(event_target_value(&event).parse().unwrap_or(0))>{options.collect_view()}</select>
            </label>
            {shown}
        </details>
    }
}
