//! The queues.

use console::format;
use leptos::{ev::SubmitEvent, prelude::*};
use leptos_router::{components::A, hooks::use_navigate};
use proto::{NewQueue, Queue, Scope};

use crate::ui::{
    api, live,
    loaded::List,
    notes::perform,
    session,
    widgets::{Badge, Empty, Failed, More, api_line, title},
};

/// How many are read at once.
const PAGE: usize = 200;

#[component]
pub(crate) fn Queues() -> impl IntoView {
    title("Queues");
    let queues = List::<Queue>::of(|| format!("/v1/queues?limit={PAGE}"));
    live::follow(|| Some("/v1/events".to_owned()), move || queues.refresh(PAGE));
    let search = RwSignal::new(String::new());
    let making = RwSignal::new(false);
    let rows = move || {
        let wanted = search.get().to_lowercase();
        let all = queues.items.get().unwrap_or_default();
        all.into_iter()
            .filter(|queue| queue.name.to_lowercase().contains(&wanted))
            .collect::<Vec<_>>()
    };
    let none = move || {
        queues
            .items
            .with(|items| items.as_ref().is_some_and(Vec::is_empty))
    };
    view! {
        <div class="head">
            <h1>"Queues"</h1>
            <input type="search" data-search="" placeholder="Find by name" aria-label="Find by name" bind:value=search/>
            <Show when=|| session::may(Scope::Manage)>
                <button type="button" class="primary" on:click=move |_| making.update(|making| *making = !*making)>"New queue"</button>
            </Show>
        </div>
        <Show when=move || making.get()><NewQueueForm making/></Show>
        <Failed failure=queues.failure/>
        <Show when=none>
            <Empty
                title="There is no queue yet"
                text="A queue is a named stream of tasks, with its defaults for retries and limits. Make one here, or with:"
                line=api_line("POST", "/v1/queues", Some(r#"{"name":"orders"}"#))
            />
        </Show>
        <Show when=move || queues.items.with(|items| items.as_ref().is_some_and(|items| !items.is_empty()))>
            <div class="scroll" tabindex="0" role="region" aria-label="Queues">
                <table>
                    <thead><tr><th>"Queue"</th><th>"State"</th><th class="num">"Waiting"</th><th class="num">"Endpoints"</th><th>"Description"</th></tr></thead>
                    <tbody>
                        <For each=rows key=|q| (q.id, q.depth, q.paused, q.endpoints, q.updated_at) let(queue)>
                            <tr>
                                <td><A href=format!("/queues/{}", queue.name)>{queue.name.clone()}</A></td>
                                <td><Badge word=if queue.paused { "paused" } else { "running" }/></td>
                                <td class="num">
                                    {format::count(queue.depth)}
                                    {queue.max_depth.map(|most| view! { <small class="muted">" of "{format::count(most)}</small> })}
                                </td>
                                <td class="num">{format::count(queue.endpoints)}</td>
                                <td class="muted wide">{queue.description.clone()}</td>
                            </tr>
                        </For>
                    </tbody>
                </table>
            </div>
        </Show>
        <More next=queues.next busy=queues.busy on=Callback::new(move |()| queues.more())/>
    }
}

#[component]
fn NewQueueForm(making: RwSignal<bool>) -> impl IntoView {
    let (name, description) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let navigate = use_navigate();
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let navigate = navigate.clone();
        let new = NewQueue {
            name: name.get_untracked().trim().to_owned(),
            description: description.get_untracked(),
            ..NewQueue::default()
        };
        let action =
            async move { api::send::<Queue>(gloo_net::http::Method::POST, "/v1/queues", &new).await };
        perform(action, move |queue| {
            making.set(false);
            navigate(
                &format!("/queues/{}", queue.name),
                leptos_router::NavigateOptions::default(),
            );
        });
    };
    view! {
        <form class="card" on:submit=submit>
            <h2>"New queue"</h2>
            <div class="fields">
                <label>
                    <span>"Name"</span>
                    <input name="name" required pattern="[A-Za-z0-9][A-Za-z0-9._\\-]*" maxlength="100" autocomplete="off" spellcheck="false" autofocus bind:value=name/>
                    <small>"Letters, digits and . _ - ; it never changes"</small>
                </label>
                <label><span>"Description"</span><input name="description" maxlength="500" bind:value=description/></label>
            </div>
            <div class="row">
                <button type="submit" class="primary">"Make the queue"</button>
                <button type="button" on:click=move |_| making.set(false)>"Cancel"</button>
            </div>
        </form>
    }
}
