//! A queue: what it does, its endpoints, what is done with it.

use console::{format, query, traffic};
use leptos::{ev::SubmitEvent, prelude::*};
use leptos_router::{
    components::A,
    hooks::{use_navigate, use_params_map},
};
use proto::{Count, Endpoint, NewEndpoint, Page, Queue, Scope, Traffic};

use super::{
    overview::{COUNTED, Period, Rates, last_hour},
    queue_edit::QueueSettings,
};
use crate::ui::{
    api,
    ask::{Question, asker},
    clock, live,
    loaded::{List, Loaded},
    notes::{perform, say},
    session,
    widgets::{Badge, Empty, Failed, Figure, Line, More, api_line, title},
};

#[component]
pub(crate) fn QueuePage() -> impl IntoView {
    let params = use_params_map();
    let name = Memo::new(move |_| params.with(|params| params.get("queue")).unwrap_or_default());
    Effect::new(move |_| title(&name.get()));
    let path = move || format!("/v1/queues/{}", query::escape(&name.get()));
    let queue = Loaded::<Queue>::of(path);
    let endpoints = List::<Endpoint>::of(move || format!("{}/endpoints?limit=100", path()));
    let traffic = Loaded::<Traffic>::of(move || format!("{}/traffic", path()));
    clock::every(COUNTED, move || traffic.again());
    live::follow(
        move || Some(query::with("/v1/events", &[("queue", &name.get())])),
        move || {
            queue.again();
            endpoints.refresh(100);
        },
    );
    let registering = RwSignal::new(false);
    let figure = move |of: fn(&Queue) -> String| {
        Signal::derive(move || queue.value.with(|q| q.as_ref().map(of).unwrap_or_default()))
    };
    let sums = Memo::new(move |_| {
        traffic
            .value
            .with(|t| t.as_ref().map(|t| traffic::sum(t, None)).unwrap_or_default())
    });
    let no_endpoints = move || {
        endpoints
            .items
            .with(|items| items.as_ref().is_some_and(Vec::is_empty))
    };
    view! {
        <p class="crumbs"><A href="/queues">"Queues"</A></p>
        <div class="head">
            <h1>{name}</h1>
            {move || queue.value.with(|q| q.as_ref().map(|q| view! { <Badge word=if q.paused { "paused" } else { "running" }/> }))}
            <span class="grow"></span>
            <A href=move || query::with("/tasks", &[("queue", &name.get())]) attr:class="button">"Tasks"</A>
            <A href=move || query::with("/dead-letters", &[("queue", &name.get())]) attr:class="button">"Dead letters"</A>
            <Show when=|| session::may(Scope::Manage)><Actions queue/></Show>
        </div>
        <p class="muted">{move || queue.value.with(|q| q.as_ref().map(|q| q.description.clone()))}</p>
        <Failed failure=queue.failure/>
        <dl class="figures">
            <Figure label="Waiting" value=figure(|q| format::count(q.depth)) note=figure(|q| q.max_depth.map(|most| format!(" of {}", format::count(most))).unwrap_or_default())/>
            <Figure label="Enqueued, last hour" value=Signal::derive(move || format::count(sums.with(|s| s.enqueued)))/>
            <Figure label="Delivered" value=Signal::derive(move || format::count(sums.with(|s| s.delivered)))/>
            <Figure label="Failed attempts" value=Signal::derive(move || format::count(sums.with(|s| s.retried + s.dead)))/>
            <Figure label="Dead" value=Signal::derive(move || format::count(sums.with(|s| s.dead)))/>
        </dl>
        <Rates series=last_hour(traffic.value) period=Signal::derive(|| Period::Hour)/>
        <div class="head">
            <h2>"Endpoints"</h2>
            <span class="grow"></span>
            <Show when=|| session::may(Scope::Manage)>
                <button type="button" class="primary" on:click=move |_| registering.update(|on| *on = !*on)>"New endpoint"</button>
            </Show>
        </div>
        <Show when=move || registering.get()><NewEndpointForm queue=name registering/></Show>
        <Failed failure=endpoints.failure/>
        <Show when=no_endpoints>
            <Empty
                title="No endpoint is registered here"
                text="Tasks are stored, and sent nowhere, until there is one that wants them. Register one here, or with:"
                line=api_line("POST", &format!("{}/endpoints", path()), Some(r#"{"url":"https://example.com/hooks"}"#))
            />
        </Show>
        <Show when=move || endpoints.items.with(|items| items.as_ref().is_some_and(|items| !items.is_empty()))>
            <div class="scroll" tabindex="0" role="region" aria-label="Endpoints">
                <table>
                    <thead><tr><th>"Endpoint"</th><th>"State"</th><th>"Wants"</th><th class="num">"Success, last hour"</th><th>"Description"</th></tr></thead>
                    <tbody>
                        <For each=move || endpoints.items.get().unwrap_or_default() key=|e| (e.id, e.updated_at, e.status as u8) let(endpoint)>
                            <EndpointRow endpoint traffic=traffic.value/>
                        </For>
                    </tbody>
                </table>
            </div>
        </Show>
        <More next=endpoints.next busy=endpoints.busy on=Callback::new(move |()| endpoints.more())/>
        <Show when=move || queue.value.with(Option::is_some)><QueueSettings queue/></Show>
        <h2>"Enqueue a task"</h2>
        {move || view! { <Line line=api_line("POST", &format!("{}/tasks", path()), Some(r#"{"type":"order.paid","payload":{"id":1}}"#))/> }}
    }
}

#[component]
fn EndpointRow(endpoint: Endpoint, traffic: RwSignal<Option<Traffic>>) -> impl IntoView {
    let id = endpoint.id;
    let success = move || {
        let sums = traffic.with(|t| t.as_ref().map(|t| traffic::sum(t, Some(id))).unwrap_or_default());
        sums.success().map_or_else(|| "–".to_owned(), format::percent)
    };
    let wants = if endpoint.filter.is_empty() {
        "everything".to_owned()
    } else {
        endpoint.filter.join(", ")
    };
    view! {
        <tr>
            <td class="wide"><A href=format!("/endpoints/{id}")>{endpoint.url}</A></td>
            <td><Badge word=status_word(endpoint.status)/></td>
            <td>{wants}</td>
            <td class="num">{success}</td>
            <td class="muted wide">{endpoint.description}</td>
        </tr>
    }
}

/// An endpoint's state in a word.
pub(crate) fn status_word(status: proto::EndpointStatus) -> &'static str {
    match status {
        proto::EndpointStatus::Enabled => "enabled",
        proto::EndpointStatus::Paused => "paused",
        proto::EndpointStatus::Disabled => "disabled",
    }
}

#[component]
fn Actions(queue: Loaded<Queue>) -> impl IntoView {
    let (ask, navigate) = (asker(), StoredValue::new_local(use_navigate()));
    let name = move || {
        queue
            .value
            .with_untracked(|q| q.as_ref().map(|q| q.name.clone()).unwrap_or_default())
    };
    let paused = move || queue.value.with(|q| q.as_ref().is_some_and(|q| q.paused));
    let switch = move |_| {
        let act = if paused() { "resume" } else { "pause" };
        let path = format!("/v1/queues/{}/{act}", query::escape(&name()));
        perform(async move { api::act::<Queue>(&path).await }, move |now| {
            say(if now.paused {
                "Paused: tasks are accepted, and wait."
            } else {
                "Resumed."
            });
            queue.put(now);
        });
    };
    let purge = move |_| {
        let waiting = queue.value.with_untracked(|q| q.as_ref().map_or(0, |q| q.depth));
        ask(Question {
            title: format!("Purge {}?", name()),
            text: format!(
                "{} waiting or due later are cancelled, for good. Tasks stay readable; requests that are out already go their way.",
                format::counted(waiting, "delivery", "deliveries")
            ),
            name: Some(name()),
            act: "Purge",
            then: Callback::new(move |()| {
                let path = format!("/v1/queues/{}/purge", query::escape(&name()));
                perform(purge_all(path), move |count| {
                    say(format!(
                        "{} cancelled.",
                        format::counted(count, "delivery", "deliveries")
                    ));
                    queue.again();
                });
            }),
        });
    };
    let delete = move |_| {
        ask(Question {
            title: format!("Delete {}?", name()),
            text: "The queue and its endpoints go, and what waits is cancelled. There is no way back."
                .to_owned(),
            name: Some(name()),
            act: "Delete the queue",
            then: Callback::new(move |()| {
                let path = format!("/v1/queues/{}", query::escape(&name()));
                perform(async move { api::delete(&path).await }, move |()| {
                    say("Deleted.");
                    navigate.with_value(|go| go("/queues", leptos_router::NavigateOptions::default()));
                });
            }),
        });
    };
    view! {
        <button type="button" on:click=switch>{move || if paused() { "Resume" } else { "Pause" }}</button>
        <button type="button" on:click=purge>"Purge…"</button>
        <button type="button" class="danger" on:click=delete>"Delete…"</button>
    }
}

/// Purges until nothing is left; how many that were.
pub(crate) async fn purge_all(path: String) -> api::Result<u64> {
    let mut all = 0;
    loop {
        let count = api::act::<Count>(&path).await?;
        all += count.count;
        if !count.more {
            return Ok(all);
        }
    }
}

#[component]
fn NewEndpointForm(queue: Memo<String>, registering: RwSignal<bool>) -> impl IntoView {
    let [url, filter, description] = [(); 3].map(|()| RwSignal::new(String::new()));
    let navigate = StoredValue::new_local(use_navigate());
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let new = NewEndpoint {
            url: url.get_untracked().trim().to_owned(),
            description: description.get_untracked(),
            filter: words(&filter.get_untracked()),
            ..NewEndpoint::default()
        };
        let path = format!("/v1/queues/{}/endpoints", query::escape(&queue.get_untracked()));
        let action = async move { api::send::<Endpoint>(gloo_net::http::Method::POST, &path, &new).await };
        perform(action, move |made| {
            registering.set(false);
            say("Registered. Its signing secret can be revealed on its page.");
            navigate.with_value(|go| {
                go(
                    &format!("/endpoints/{}", made.id),
                    leptos_router::NavigateOptions::default(),
                );
            });
        });
    };
    view! {
        <form class="card" on:submit=submit>
            <h2>"New endpoint"</h2>
            <div class="fields">
                <label><span>"URL"</span><input name="url" type="url" required maxlength="2048" placeholder="https://example.com/hooks" autofocus bind:value=url/></label>
                <label>
                    <span>"Task types"</span><input name="filter" placeholder="invoice.*, order.paid" autocomplete="off" spellcheck="false" bind:value=filter/>
                    <small>"Globs, with commas between; empty means every task"</small>
                </label>
                <label><span>"Description"</span><input name="description" maxlength="500" bind:value=description/></label>
            </div>
            <div class="row">
                <button type="submit" class="primary">"Register"</button>
                <button type="button" on:click=move |_| registering.set(false)>"Cancel"</button>
            </div>
        </form>
    }
}

/// The words of a list that is typed with commas or spaces between.
pub(crate) fn words(text: &str) -> Vec<String> {
    let cut = text
        .split([',', ' ', '\n'])
        .map(str::trim)
        .filter(|word| !word.is_empty());
    cut.map(str::to_owned).collect()
}

/// The names of all queues that are seen, for a choice among them: the first thousand.
pub(crate) fn names() -> Signal<Vec<String>> {
    let queues = Loaded::<Page<Queue>>::of(|| "/v1/queues?limit=1000".to_owned());
    Signal::derive(move || {
        queues.value.with(|page| {
            page.iter()
                .flat_map(|page| page.items.iter().map(|q| q.name.clone()))
                .collect()
        })
    })
}
