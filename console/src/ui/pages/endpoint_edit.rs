//! What can be set on an endpoint. The limits are in effect as soon as they are saved, on every node within a second.

use std::collections::BTreeMap;

use leptos::{ev::SubmitEvent, prelude::*};
use proto::{Endpoint, EndpointUpdate, RatePeriod};
use serde_json::{Value, json};

use super::{
    queue::words,
    settings_form::{Draft, Ending, Field, Fields},
};
use crate::ui::{
    api,
    loaded::Loaded,
    notes::{perform, say},
};

/// Headers as they are typed, one a line.
fn headers(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| line.split_once(':').unwrap_or((line, "")))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect()
}

#[component]
pub(crate) fn Edit(endpoint: Loaded<Endpoint>) -> impl IntoView {
    let open = RwSignal::new(false);
    // Made anew when the form is opened: what others change meanwhile does not move under somebody's hands.
    let form = move || {
        let current = open.get().then(|| endpoint.value.get_untracked()).flatten()?;
        Some(view! { <Form current endpoint open/> })
    };
    view! {
        <section class="card" aria-label="Settings">
            <div class="row">
                <h2>"Settings"</h2>
                <span class="grow"></span>
                <Show when=move || !open.get()><button type="button" on:click=move |_| open.set(true)>"Edit"</button></Show>
            </div>
            <Show when=move || !open.get()><div class="columns"><InFlight endpoint/><Rate endpoint/></div><Summary endpoint/></Show>
            {form}
        </section>
    }
}

/// What is set, in words.
#[component]
fn Summary(endpoint: Loaded<Endpoint>) -> impl IntoView {
    let rows = move || {
        endpoint.value.get().map(|e| {
            let wants = if e.filter.is_empty() { "everything".to_owned() } else { e.filter.join(", ") };
            let settings = flat(&serde_json::to_value(&e.settings).unwrap_or_default());
            view! {
                <dl class="pairs">
                    <dt>"Wants"</dt><dd>{wants}</dd>
                    {e.headers.into_iter().map(|(name, value)| view! { <dt><code>{name}</code></dt><dd class="break">{value}</dd> }).collect_view()}
                    {settings.into_iter().map(|(name, value)| view! { <dt>{name}</dt><dd class="break">{value}</dd> }).collect_view()}
                </dl>
            }
        })
    };
    view! { {rows} <p class="muted small">"What is not said here is as the queue says, or the server's default."</p> }
}

/// The settings that are set, each with its dotted name.
pub(crate) fn flat(value: &Value) -> Vec<(String, String)> {
    let Value::Object(fields) = value else {
        return vec![];
    };
    // The verdict has a card of its own.
    let shown = fields.iter().filter(|(name, _)| *name != "verdict");
    let each = shown.flat_map(|(name, value)| match value {
        Value::Null => vec![],
        Value::Object(_) => flat(value)
            .into_iter()
            .map(|(inner, value)| (format!("{name}.{inner}"), value))
            .collect(),
        Value::String(text) => vec![(console::format::words(name), text.clone())],
        other => vec![(console::format::words(name), other.to_string())],
    });
    each.collect()
}

/// Saves settings, which are in effect then.
fn save(endpoint: Loaded<Endpoint>, settings: Value) {
    let Some(e) = endpoint.value.get_untracked() else {
        return;
    };
    let update = EndpointUpdate {
        settings: Some(settings),
        ..EndpointUpdate::default()
    };
    let action = async move {
        api::send::<Endpoint>(
            gloo_net::http::Method::PATCH,
            &format!("/v1/endpoints/{}", e.id),
            &update,
        )
        .await
    };
    perform(action, move |now| {
        say("The limit is in effect.");
        endpoint.put(now);
    });
}

/// How many requests are in flight at most, by a slider: saved when it is let go.
#[component]
fn InFlight(endpoint: Loaded<Endpoint>) -> impl IntoView {
    /// The server's default, from which the slider begins where nothing is set.
    const DEFAULT: u32 = 64;
    let set = move || {
        endpoint
            .value
            .with(|e| e.as_ref().and_then(|e| e.settings.max_in_flight))
    };
    let shown = RwSignal::new(DEFAULT);
    Effect::new(move |_| shown.set(set().unwrap_or(DEFAULT)));
    view! {
        <label class="slider">
            <span>"Requests in flight at most: "<b>{shown}</b></span>
            <input
                type="range"
                name="max_in_flight"
                min="1"
                max="256"
                prop:value=move || shown.get().to_string()
                on:input=move |event| shown.set(event_target_value(&event).parse().unwrap_or(DEFAULT))
                on:change=move |_| save(endpoint, json!({"max_in_flight": shown.get_untracked()}))
            />
        </label>
    }
}

/// How many requests are made in a second at most, likewise, in steps that grow.
#[component]
fn Rate(endpoint: Loaded<Endpoint>) -> impl IntoView {
    /// The steps; behind the last one there is no limit.
    const STEPS: [u32; 13] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];
    let set = move || {
        endpoint
            .value
            .with(|e| e.as_ref().and_then(|e| e.settings.rate_limit.clone()))
    };
    let at = RwSignal::new(STEPS.len());
    Effect::new(move |_| {
        at.set(set().map_or(STEPS.len(), |rate| {
            STEPS
                .iter()
                .position(|step| *step >= rate.limit)
                .unwrap_or(STEPS.len() - 1)
        }));
    });
    let words = move || match (STEPS.get(at.get()), set()) {
        // What was set otherwise than by this slider is told as it is, until the slider is moved.
        (Some(step), Some(rate)) if rate.limit <= *step && rate.per != RatePeriod::Second => {
            format!("{} {}", rate.limit, per(rate.per))
        }
        (Some(step), _) => format!("{} a second", console::format::count(u64::from(*step))),
        (None, _) => "no limit".to_owned(),
    };
    let change = move |_| {
        let limit = STEPS
            .get(at.get_untracked())
            .map(|step| json!({"limit": step, "per": "second", "burst": null}));
        save(endpoint, json!({"rate_limit": limit}));
    };
    view! {
        <label class="slider">
            <span>"Rate at most: "<b>{words}</b></span>
            <input
                type="range"
                name="rate_limit"
                min="0"
                max=STEPS.len().to_string()
                prop:value=move || at.get().to_string()
                on:input=move |event| at.set(event_target_value(&event).parse().unwrap_or(STEPS.len()))
                on:change=change
            />
        </label>
    }
}

fn per(period: RatePeriod) -> &'static str {
    match period {
        RatePeriod::Second => "a second",
        RatePeriod::Minute => "a minute",
        RatePeriod::Hour => "an hour",
    }
}

#[component]
fn Form(current: Endpoint, endpoint: Loaded<Endpoint>, open: RwSignal<bool>) -> impl IntoView {
    let draft = Draft::of(&current.settings);
    let lines: Vec<String> = current
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let [url, description, filter, own] = [
        current.url.clone(),
        current.description.clone(),
        current.filter.join(", "),
        lines.join("\n"),
    ]
    .map(RwSignal::new);
    let path = format!("/v1/endpoints/{}", current.id);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let update = EndpointUpdate {
            url: Some(url.get_untracked().trim().to_owned()),
            description: Some(description.get_untracked()),
            filter: Some(words(&filter.get_untracked())),
            headers: Some(headers(&own.get_untracked())),
            settings: Some(draft.patch()),
            ..EndpointUpdate::default()
        };
        draft.save::<Endpoint>(path.clone(), update, move |now| {
            say("Saved: it is in effect.");
            endpoint.put(now);
            open.set(false);
        });
    };
    view! {
        <form on:submit=submit>
            <div class="fields">
                <Field label="URL" hint="http or https" name="url" signal=url draft/>
                <Field label="Task types" hint="Globs, with commas between; empty: every task" name="filter" signal=filter draft/>
                <Field label="Description" hint="For people" name="description" signal=description draft/>
                <Field label="Headers" hint="Sent with each request, one a line, such as x-tenant: 7; secret ones belong into the authentication" name="headers" signal=own draft rows=3/>
            </div>
            <p class="muted small">"An empty field is as the queue says, or the server's default."</p>
            <Fields draft of_endpoint=true/>
            <Ending draft open/>
        </form>
    }
}
