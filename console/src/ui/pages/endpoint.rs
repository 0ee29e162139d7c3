//! An endpoint: how it does, and what is done with it.

use console::{format, query, traffic};
use leptos::prelude::*;
use leptos_router::{
    components::A,
    hooks::{use_navigate, use_params_map},
};
use proto::{Attempt, Endpoint, EndpointStatus, LATENCY_BOUNDS_MS, Scope, Traffic};

use super::{
    attempts::Exchange,
    endpoint_auth::Auth,
    endpoint_edit::Edit,
    lane::LaneState,
    overview::{COUNTED, Period, Rates, last_hour, percentiles},
    queue::{purge_all, status_word},
    secrets::Secrets,
    test_send::TestSendForm,
    verdict_rules::{Of, Rules},
};
use crate::ui::{
    api,
    ask::{Question, asker},
    chart::Histogram,
    clock, live,
    loaded::{List, Loaded},
    notes::{perform, say},
    session,
    widgets::{Badge, Copy, Failed, Figure, Id, More, title},
};

/// Attempts that are read at once.
const PAGE: usize = 20;

#[component]
pub(crate) fn EndpointPage() -> impl IntoView {
    title("Endpoint");
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id")).unwrap_or_default());
    let path = Memo::new(move |_| format!("/v1/endpoints/{}", id.get()));
    let endpoint = Loaded::<Endpoint>::of(move || path.get());
    let traffic = Loaded::<Traffic>::of(move || format!("{}/traffic", path.get()));
    let attempts = List::<Attempt>::of(move || format!("{}/attempts?limit={PAGE}", path.get()));
    clock::every(COUNTED, move || traffic.again());
    live::follow(
        move || Some(format!("/v1/events?endpoint={}", id.get())),
        move || {
            endpoint.again();
            attempts.refresh(PAGE);
        },
    );
    let shown = Memo::new(move |_| endpoint.value.get());
    let sums = Memo::new(move |_| {
        traffic
            .value
            .with(|t| t.as_ref().map(|t| traffic::sum(t, None)).unwrap_or_default())
    });
    let head = move || {
        shown.get().map(|e| {
            view! {
                <p class="crumbs"><A href="/queues">"Queues"</A><A href=format!("/queues/{}", e.queue)>{e.queue.clone()}</A></p>
                <div class="head">
                    <h1 class="break">{e.url.clone()}</h1>
                    <Badge word=status_word(e.status)/>
                    <Copy text=e.id.to_string() label="Copy the endpoint's id"/>
                    <span class="grow"></span>
                    <A href=query::with("/dead-letters", &[("endpoint", &e.id.to_string())]) attr:class="button">"Dead letters"</A>
                    <Show when=|| session::may(Scope::Manage)><Actions endpoint/></Show>
                </div>
                <p class="muted">{e.description.clone()}</p>
                {e.disabled_reason.clone().map(|why| view! { <p class="failed" role="status">"Disabled: "{why}</p> })}
            }
        })
    };
    view! {
        <Failed failure=endpoint.failure/>
        {head}
        <dl class="figures">
            <Figure
                label="Success, last hour"
                value=Signal::derive(move || sums.with(|s| s.success().map_or_else(|| "–".to_owned(), format::percent)))
            />
            <Figure label="p50 · p95 · p99" long=true value=Signal::derive(move || sums.with(|s| percentiles(s, &LATENCY_BOUNDS_MS)))/>
            <Figure label="Delivered" value=Signal::derive(move || format::count(sums.with(|s| s.delivered)))/>
            <Figure label="Failed attempts" value=Signal::derive(move || format::count(sums.with(|s| s.retried)))/>
            <Figure label="Dead" value=Signal::derive(move || format::count(sums.with(|s| s.dead)))/>
        </dl>
        <LaneState id/>
        <div class="columns">
            <Rates series=last_hour(traffic.value) period=Signal::derive(|| Period::Hour)/>
            <section class="card" aria-label="Latency">
                <h2>"How long attempts took"</h2>
                <Histogram
                    counts=Signal::derive(move || sums.with(|s| s.latency.clone()))
                    bounds=Signal::derive(|| LATENCY_BOUNDS_MS.to_vec())
                />
            </section>
        </div>
        <Show when=move || shown.with(Option::is_some) && session::may(Scope::Manage)>
            <Edit endpoint/>
            <Rules of=Of::Endpoint(endpoint)/>
            <Auth endpoint/>
            <div class="columns">
                <Secrets id/>
                <TestSendForm id/>
            </div>
        </Show>
        <h2>"Recent attempts"</h2>
        <Failed failure=attempts.failure/>
        <Show when=move || attempts.items.with(|items| items.as_ref().is_some_and(Vec::is_empty))>
            <p class="muted">"Nothing was sent to it yet."</p>
        </Show>
        <ol class="timeline card">
            <For each=move || attempts.items.get().unwrap_or_default() key=|a| a.id let(attempt)>
                <Sent attempt/>
            </For>
        </ol>
        <More next=attempts.next busy=attempts.busy on=Callback::new(move |()| attempts.more())/>
    }
}

/// An attempt of whatever task.
#[component]
fn Sent(attempt: Attempt) -> impl IntoView {
    let (task, verdict) = (attempt.task, attempt.verdict.clone());
    view! {
        <li data-verdict=verdict>
            <p class="row"><Id id=task to=format!("/tasks/{task}")/></p>
            <Exchange attempt task=None open=false/>
        </li>
    }
}

#[component]
fn Actions(endpoint: Loaded<Endpoint>) -> impl IntoView {
    let (ask, navigate) = (asker(), StoredValue::new_local(use_navigate()));
    let current = move || endpoint.value.get_untracked();
    let act = move |act: &'static str, said: &'static str| {
        let Some(e) = current() else { return };
        perform(
            async move { api::act::<Endpoint>(&format!("/v1/endpoints/{}/{act}", e.id)).await },
            move |now| {
                say(said);
                endpoint.put(now);
            },
        );
    };
    let status = move || endpoint.value.with(|e| e.as_ref().map(|e| e.status));
    let purge = move |_| {
        let Some(e) = current() else { return };
        ask(Question {
            title: "Purge this endpoint?".to_owned(),
            text: format!(
                "Everything that waits for {} is cancelled, for good. Requests that are out already go their way.",
                e.url
            ),
            name: Some("purge".to_owned()),
            act: "Purge",
            then: Callback::new(move |()| {
                perform(purge_all(format!("/v1/endpoints/{}/purge", e.id)), move |count| {
                    say(format!(
                        "{} cancelled.",
                        format::counted(count, "delivery", "deliveries")
                    ));
                });
            }),
        });
    };
    let delete = move |_| {
        let Some(e) = current() else { return };
        let queue = e.queue.clone();
        ask(Question {
            title: "Delete this endpoint?".to_owned(),
            text: format!(
                "{} gets nothing any more, and what waits for it is cancelled. There is no way back.",
                e.url
            ),
            name: Some("delete".to_owned()),
            act: "Delete the endpoint",
            then: Callback::new(move |()| {
                let queue = queue.clone();
                perform(
                    async move { api::delete(&format!("/v1/endpoints/{}", e.id)).await },
                    move |()| {
                        say("Deleted.");
                        navigate.with_value(|go| {
                            go(
                                &format!("/queues/{queue}"),
                                leptos_router::NavigateOptions::default(),
                            );
                        });
                    },
                );
            }),
        });
    };
    view! {
        {move || match status() {
            Some(EndpointStatus::Enabled) => view! {
                <button type="button" on:click=move |_| act("pause", "Paused: its deliveries wait.")>"Pause"</button>
                <button type="button" on:click=move |_| act("disable", "Disabled: its deliveries wait until it is enabled.")>"Disable"</button>
            }.into_any(),
            Some(EndpointStatus::Paused) => view! {
                <button type="button" class="primary" on:click=move |_| act("resume", "Resumed.")>"Resume"</button>
            }.into_any(),
            Some(EndpointStatus::Disabled) => view! {
                <button type="button" class="primary" on:click=move |_| act("enable", "Enabled.")>"Enable"</button>
            }.into_any(),
            None => ().into_any(),
        }}
        <button type="button" on:click=purge>"Purge…"</button>
        <button type="button" class="danger" on:click=delete>"Delete…"</button>
    }
}
