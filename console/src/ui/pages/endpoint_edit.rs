//! What can be set on an endpoint. The limits are in effect as soon as they are saved, on every node within a second.

use std::collections::BTreeMap;

use leptos::{ev::SubmitEvent, prelude::*};
use proto::{DeliverySettings, Endpoint, EndpointUpdate, RatePeriod, Span};
use serde_json::{Value, json};

use super::queue::words;
use crate::ui::{
    api,
    loaded::Loaded,
    notes::{perform, say},
    widgets::typed,
};

/// The fields of a form, as texts.
#[derive(Clone, Copy)]
struct Fields {
    url: RwSignal<String>,
    description: RwSignal<String>,
    filter: RwSignal<String>,
    headers: RwSignal<String>,
    max_in_flight: RwSignal<String>,
    timeout: RwSignal<String>,
    attempts: RwSignal<String>,
    initial: RwSignal<String>,
    max: RwSignal<String>,
    retry_client_errors: RwSignal<bool>,
}

impl Fields {
    fn of(endpoint: &Endpoint) -> Self {
        let DeliverySettings {
            retry,
            timeout,
            max_in_flight,
            retry_client_errors,
            ..
        } = endpoint.settings.clone();
        let retry = retry.unwrap_or_default();
        let text = |span: Option<Span>| RwSignal::new(span.map(|span| span.to_string()).unwrap_or_default());
        let number =
            |number: Option<u32>| RwSignal::new(number.map(|number| number.to_string()).unwrap_or_default());
        let headers: Vec<String> = endpoint
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        Self {
            url: RwSignal::new(endpoint.url.clone()),
            description: RwSignal::new(endpoint.description.clone()),
            filter: RwSignal::new(endpoint.filter.join(", ")),
            headers: RwSignal::new(headers.join("\n")),
            max_in_flight: number(max_in_flight),
            timeout: text(timeout),
            attempts: number(retry.attempts),
            initial: text(retry.initial),
            max: text(retry.max),
            retry_client_errors: RwSignal::new(retry_client_errors.unwrap_or(false)),
        }
    }

    /// What is to change. An empty field takes a setting back.
    fn update(self) -> EndpointUpdate {
        let text = |signal: RwSignal<String>| {
            Some(signal.get_untracked().trim().to_owned()).filter(|text| !text.is_empty())
        };
        // A number that is none goes as it is: the server says what is wrong with it.
        let number = |signal| {
            text(signal).map(|text| {
                text.parse::<u64>()
                    .map_or_else(|_| json!(text), |number| json!(number))
            })
        };
        let settings = json!({
            "max_in_flight": number(self.max_in_flight),
            "timeout": text(self.timeout),
            "retry_client_errors": self.retry_client_errors.get_untracked().then_some(true),
            "retry": {"attempts": number(self.attempts), "initial": text(self.initial), "max": text(self.max)},
        });
        EndpointUpdate {
            url: Some(self.url.get_untracked().trim().to_owned()),
            description: Some(self.description.get_untracked()),
            filter: Some(words(&self.filter.get_untracked())),
            headers: Some(headers(&self.headers.get_untracked())),
            settings: Some(settings),
            ..EndpointUpdate::default()
        }
    }
}

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
        Some(view! { <Form id=current.id fields=Fields::of(&current) endpoint open/> })
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
fn flat(value: &Value) -> Vec<(String, String)> {
    let Value::Object(fields) = value else {
        return vec![];
    };
    let each = fields.iter().flat_map(|(name, value)| match value {
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
fn Form(id: uuid::Uuid, fields: Fields, endpoint: Loaded<Endpoint>, open: RwSignal<bool>) -> impl IntoView {
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let update = fields.update();
        let action = async move {
            api::send::<Endpoint>(
                gloo_net::http::Method::PATCH,
                &format!("/v1/endpoints/{id}"),
                &update,
            )
            .await
        };
        perform(action, move |now| {
            say("Saved: it is in effect.");
            endpoint.put(now);
            open.set(false);
        });
    };
    let text = |label: &'static str, hint: &'static str, signal: RwSignal<String>| {
        view! {
            <label>
                <span>{label}</span>
                <input autocomplete="off" spellcheck="false" prop:value=signal on:input=typed(signal)/>
                <small>{hint}</small>
            </label>
        }
    };
    view! {
        <form on:submit=submit>
            <div class="fields">
                {text("URL", "http or https", fields.url)}
                {text("Task types", "Globs, with commas between; empty: every task", fields.filter)}
                {text("Description", "For people", fields.description)}
                {text("Requests in flight", "1 to 10 000; empty: as the queue says", fields.max_in_flight)}
                {text("Timeout of an attempt", "Such as 30s", fields.timeout)}
                {text("Attempts in all", "1 to 100", fields.attempts)}
                {text("First pause", "Such as 5s; it grows from there", fields.initial)}
                {text("Longest pause", "Such as 6h", fields.max)}
                <label class="full">
                    <span>"Headers"</span>
                    <textarea rows="3" spellcheck="false" placeholder="x-tenant: 7" prop:value=fields.headers on:input=typed(fields.headers)></textarea>
                    <small>"Sent with each request, one a line"</small>
                </label>
                <label class="check">
                    <input type="checkbox" prop:checked=fields.retry_client_errors on:change=move |event| fields.retry_client_errors.set(event_target_checked(&event))/>
                    <span>"Retry answers of 4xx as well"</span>
                </label>
            </div>
            <div class="row">
                <button type="submit" class="primary">"Save"</button>
                <button type="button" on:click=move |_| open.set(false)>"Cancel"</button>
            </div>
        </form>
    }
}
