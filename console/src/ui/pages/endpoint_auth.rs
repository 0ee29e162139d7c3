//! How an endpoint's requests show who sends them. Values are given, and never shown again.

use leptos::{ev::SubmitEvent, prelude::*, task::spawn_local};
use proto::Endpoint;
use serde_json::{Map, Value, json};

use super::endpoint_edit::flat;
use crate::ui::{
    api,
    ask::{Question, asker},
    loaded::Loaded,
    notes::{perform, say},
};

/// The ways: the word, and what it says to people.
const WAYS: [(&str, &str); 5] = [
    ("", "none"),
    ("headers", "a header with a secret value"),
    ("basic", "a user name and a password"),
    ("bearer", "a token"),
    ("oauth2", "OAuth 2.0 client credentials"),
];

#[component]
pub(crate) fn Auth(endpoint: Loaded<Endpoint>) -> impl IntoView {
    let open = RwSignal::new(false);
    let ask = asker();
    let shown = move || {
        let auth = endpoint.value.with(|e| e.as_ref().and_then(|e| e.auth.clone()));
        let rows = flat(&serde_json::to_value(auth).unwrap_or_default());
        if rows.is_empty() {
            return view! { <p class="muted">"Requests show who sends them by their signature alone."</p> }
                .into_any();
        }
        view! {
            <dl class="pairs">
                {rows.into_iter().map(|(name, value)| view! { <dt>{name}</dt><dd class="break">{first_line(&value)}</dd> }).collect_view()}
            </dl>
        }
        .into_any()
    };
    let some = move || {
        endpoint
            .value
            .with(|e| e.as_ref().is_some_and(|e| e.auth.is_some()))
    };
    let remove = move |_| {
        ask(Question {
            title: "Take the authentication back?".to_owned(),
            text: "From now on requests are sent without it. What was kept is forgotten.".to_owned(),
            name: None,
            act: "Take it back",
            then: Callback::new(move |()| {
                let Some(id) = endpoint.value.with_untracked(|e| e.as_ref().map(|e| e.id)) else {
                    return;
                };
                let action = async move {
                    let path = format!("/v1/endpoints/{id}");
                    api::send::<Endpoint>(gloo_net::http::Method::PATCH, &path, &json!({"auth": null})).await
                };
                perform(action, move |now| {
                    say("Taken back.");
                    endpoint.put(now);
                });
            }),
        });
    };
    view! {
        <section class="card" aria-label="Authentication">
            <div class="row">
                <h2>"Authentication"</h2>
                <span class="grow"></span>
                <Show when=move || !open.get()>
                    <button type="button" on:click=move |_| open.set(true)>{move || if some() { "Replace" } else { "Set" }}</button>
                    <Show when=some><button type="button" on:click=remove>"Take back…"</button></Show>
                </Show>
            </div>
            <Show when=move || !open.get()>{shown}</Show>
            <Show when=move || open.get()><Form endpoint open/></Show>
        </section>
    }
}

/// What people need to see of a PEM text.
fn first_line(text: &str) -> String {
    match text.split_once('\n') {
        Some((first, _)) => format!("{first} …"),
        None => text.to_owned(),
    }
}

#[component]
fn Form(endpoint: Loaded<Endpoint>, open: RwSignal<bool>) -> impl IntoView {
    let way = RwSignal::new("bearer".to_owned());
    let [
        name,
        value,
        scope,
        audience,
        url,
        certificate,
        key,
        authorities,
        tls_min,
    ] = [(); 9].map(|()| RwSignal::new(String::new()));
    let (busy, failure) = (RwSignal::new(false), RwSignal::new(None::<String>));
    let given =
        |signal: RwSignal<String>| Some(signal.get_untracked()).filter(|text| !text.trim().is_empty());
    let auth = move || {
        let mut auth = Map::new();
        let mut put = |name: &str, value: Value| drop(auth.insert(name.to_owned(), value));
        let (first, second) = (name.get_untracked(), value.get_untracked());
        match way.get_untracked().as_str() {
            "headers" => put("headers", json!({first: second})),
            "basic" => put("basic", json!({"username": first, "password": second})),
            "bearer" => put("bearer", json!(second)),
            "oauth2" => put(
                "oauth2",
                json!({
                    "token_url": url.get_untracked(), "client_id": first, "client_secret": second,
                    "scope": given(scope), "audience": given(audience),
                }),
            ),
            _ => {}
        }
        if let (Some(certificate), Some(key)) = (given(certificate), given(key)) {
            put(
                "client_certificate",
                json!({"certificate": certificate, "key": key}),
            );
        }
        if let Some(authorities) = given(authorities) {
            put("authorities", json!(authorities));
        }
        if let Some(version) = given(tls_min) {
            put("tls_min", json!(version));
        }
        Value::Object(auth)
    };
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(id) = endpoint.value.with_untracked(|e| e.as_ref().map(|e| e.id)) else {
            return;
        };
        busy.set(true);
        let update = json!({"auth": auth()});
        spawn_local(async move {
            let path = format!("/v1/endpoints/{id}");
            match api::send::<Endpoint>(gloo_net::http::Method::PATCH, &path, &update).await {
                Ok(now) => {
                    say("Kept, encrypted: it is in effect.");
                    endpoint.put(now);
                    open.try_set(false);
                }
                Err(why) => {
                    failure.try_set(Some(why.told()));
                }
            }
            busy.try_set(false);
        });
    };
    let text = |label: &'static str, name: &'static str, signal: RwSignal<String>| {
        view! { <label><span>{label}</span><input name=name autocomplete="off" spellcheck="false" bind:value=signal/></label> }
    };
    let secret = |label: &'static str, name: &'static str, signal: RwSignal<String>| {
        view! { <label><span>{label}</span><input type="password" name=name autocomplete="new-password" bind:value=signal/></label> }
    };
    let pem = |label: &'static str, name: &'static str, signal: RwSignal<String>| {
        view! {
            <label>
                <span>{label}</span>
                <textarea name=name rows="3" spellcheck="false" placeholder="-----BEGIN …" prop:value=signal on:input=crate::ui::widgets::typed(signal)></textarea>
            </label>
        }
    };
    let fields = move || match way.get().as_str() {
        "headers" => view! { {text("Header", "header", name)}{secret("Value", "value", value)} }.into_any(),
        "basic" => {
            view! { {text("User name", "username", name)}{secret("Password", "value", value)} }.into_any()
        }
        "bearer" => secret("Token", "value", value).into_any(),
        "oauth2" => view! {
            {text("Where tokens are fetched", "token_url", url)}
            {text("Client id", "client_id", name)}
            {secret("Client secret", "value", value)}
            {text("Scope", "scope", scope)}
            {text("Audience", "audience", audience)}
        }
        .into_any(),
        _ => ().into_any(),
    };
    view! {
        <form on:submit=submit>
            <p class="muted small">"What is saved here takes the place of all that was kept. It is encrypted, and never shown again."</p>
            <div class="fields">
                <label>
                    <span>"By"</span>
                    <select name="way" on:change=move |event| way.set(event_target_value(&event))>
                        {WAYS.map(|(word, told)| view! { <option value=word selected={word == "bearer"}>{told}</option> }).collect_view()}
                    </select>
                </label>
                {fields}
            </div>
            <details class="group-of-fields">
                <summary>"TLS"</summary>
                <div class="fields">
                    {pem("Client certificate", "certificate", certificate)}
                    {pem("Its private key", "key", key)}
                    {pem("Authorities, in place of the system's", "authorities", authorities)}
                    <label>
                        <span>"TLS at least"</span>
                        <select name="tls_min" on:change=move |event| tls_min.set(event_target_value(&event))>
                            <option value="">"1.2"</option>
                            <option value="1.3">"1.3"</option>
                        </select>
                    </label>
                </div>
            </details>
            {move || failure.get().map(|words| view! { <p class="failed" role="alert">{words}</p> })}
            <div class="row">
                <button type="submit" class="primary" disabled=busy>"Save"</button>
                <button type="button" on:click=move |_| open.set(false)>"Cancel"</button>
            </div>
        </form>
    }
}
