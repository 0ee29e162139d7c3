//! The tasks of a queue.

use console::{format, query};
use leptos::{html::Tbody, prelude::*};
use proto::{Endpoint, Page, Scope, Task, TaskState};

use super::{
    filter, filters, queue,
    tasks_marked::{CancelMarked, MarkAll, ReplayMarked},
};
use crate::ui::{
    in_view::{Space, rows_in_view},
    live,
    loaded::{List, Loaded},
    session,
    widgets::{Badge, Empty, Failed, Id, More, When, api_line, title},
};

/// How many are read at once.
const PAGE: usize = 100;

/// The states, as the API writes them.
const STATES: [&str; 8] = [
    "retrying",
    "pending",
    "scheduled",
    "dead",
    "cancelled",
    "delivered",
    "unmatched",
    "ended",
];

/// A state's word.
pub(crate) fn word(state: TaskState) -> &'static str {
    match state {
        TaskState::Retrying => "retrying",
        TaskState::Pending => "pending",
        TaskState::Scheduled => "scheduled",
        TaskState::Dead => "dead",
        TaskState::Cancelled => "cancelled",
        TaskState::Delivered => "delivered",
        TaskState::Unmatched => "unmatched",
        TaskState::Ended => "ended",
    }
}

#[component]
pub(crate) fn Tasks() -> impl IntoView {
    title("Tasks");
    let (chosen, _) = filter("queue");
    let (endpoint, set_endpoint) = filter("endpoint");
    let (header, set_header) = filter("header");
    let (id, set_id) = filter("id");
    let set = filters();
    // An endpoint is of one queue.
    let set_queue = move |to| set.run(vec![("queue", to), ("endpoint", String::new())]);
    let (state, set_state) = filter("state");
    let (kind, set_kind) = filter("type");
    let names = queue::names();
    // Without a choice it is the first one.
    let name = Memo::new(move |_| {
        let chosen = chosen.get();
        if chosen.is_empty() {
            names.with(|names| names.first().cloned().unwrap_or_default())
        } else {
            chosen
        }
    });
    let (since, set_since) = filter("since");
    let (until, set_until) = filter("until");
    let paused = RwSignal::new(false);
    let tasks = List::<Task>::of(move || {
        let name = name.get();
        if name.is_empty() || !id.get().is_empty() {
            return String::new();
        }
        let path = format!("/v1/queues/{}/tasks?limit={PAGE}", query::escape(&name));
        let (state, kind, since, until) = (state.get(), kind.get(), since.get(), until.get());
        let (endpoint, header) = (endpoint.get(), header.get());
        let filters = [
            ("state", &*state),
            ("type", &*kind),
            ("endpoint", &*endpoint),
            ("header", &*header),
            ("since", &*since),
            ("until", &*until),
        ];
        query::with(&path, &filters)
    });
    // By its id a task is found whatever the other filters say.
    let one = Loaded::<Task>::of(move || {
        let id = id.get();
        if id.is_empty() {
            return String::new();
        }
        format!("/v1/tasks/{}", query::escape(&id))
    });
    Effect::new(move |_| {
        if let Some(task) = one.value.get() {
            tasks.items.set(Some(vec![task]));
        }
    });
    let again = move || {
        tasks.again();
        one.again();
    };
    live::follow(
        move || {
            let name = name.get();
            (!name.is_empty() && !paused.get()).then(|| query::with("/v1/events", &[("queue", &name)]))
        },
        move || {
            tasks.refresh(PAGE);
            one.again();
        },
    );
    let marked = RwSignal::new(Vec::<uuid::Uuid>::new());
    let done = Callback::new(move |()| again());
    let count = Signal::derive(move || tasks.items.with(|items| items.as_ref().map_or(0, Vec::len)));
    let body = NodeRef::<Tbody>::new();
    let drawn = rows_in_view(body, count);
    let shown = move || {
        let (first, last) = drawn.get();
        tasks.items.with(|items| {
            items
                .as_ref()
                .and_then(|items| items.get(first..last.min(items.len())))
                .map(<[Task]>::to_vec)
                .unwrap_or_default()
        })
    };
    // Who scrolls to the end is shown what follows.
    Effect::new(move |_| {
        let (first, last) = drawn.get();
        let near_end = first > 0 && last == count.get() && tasks.failure.with(Option::is_none);
        if near_end && tasks.next.with(Option::is_some) && !tasks.busy.get() {
            tasks.more();
        }
    });
    let options = move || {
        let mut all = names.get();
        let chosen = name.get();
        if !chosen.is_empty() && !all.contains(&chosen) {
            all.push(chosen);
        }
        all.into_iter()
            .map(|option| {
                let value = option.clone();
                let selected = name.get_untracked() == option;
                view! { <option value=value selected=selected>{option}</option> }
            })
            .collect_view()
    };
    let none = move || {
        tasks
            .items
            .with(|items| items.as_ref().is_some_and(Vec::is_empty))
    };
    let empty = move || {
        let body = r#"{"type":"order.paid","payload":{"id":1}}"#;
        let line = api_line(
            "POST",
            &format!("/v1/queues/{}/tasks", query::escape(&name.get())),
            Some(body),
        );
        view! { <Empty title="No task is here" text="Nothing was enqueued that these filters mean. To enqueue one:" line/> }
    };
    view! {
        <div class="head">
            <h1>"Tasks"</h1>
        </div>
        <div class="filters">
            <label><span>"Queue"</span><select name="queue" on:change=move |event| set_queue(event_target_value(&event))>{options}</select></label>
            <label>
                <span>"State"</span>
                <select prop:value=state on:change=move |event| set_state.run(event_target_value(&event))>
                    <option value="">"any"</option>
                    {STATES.map(|state| view! { <option value=state>{state}</option> }).collect_view()}
                </select>
            </label>
            <label>
                <span>"Type"</span>
                <input data-search="" placeholder="invoice.*" prop:value=kind on:change=move |event| set_kind.run(event_target_value(&event))/>
            </label>
            <label><span>"Endpoint"</span><EndpointChoice queue=name chosen=endpoint set=set_endpoint/></label>
            <label>
                <span>"Header"</span>
                <input name="header" placeholder="x-shop: 7" title="A header's name, or name: value" prop:value=header on:change=move |event| set_header.run(event_target_value(&event).trim().to_owned())/>
            </label>
            <label>
                <span>"Id"</span>
                <input name="id" placeholder="The task's id" prop:value=id on:change=move |event| set_id.run(event_target_value(&event).trim().to_owned())/>
            </label>
            <label><span>"From"</span><input type="datetime-local" name="since" prop:value=move || local(&since.get()) on:change=move |event| set_since.run(instant(&event_target_value(&event)))/></label>
            <label><span>"Until"</span><input type="datetime-local" name="until" prop:value=move || local(&until.get()) on:change=move |event| set_until.run(instant(&event_target_value(&event)))/></label>
            <button type="button" aria-pressed=move || paused.get().to_string() on:click=move |_| paused.update(|on| *on = !*on)>
                {move || if paused.get() { "Follow" } else { "Hold still" }}
            </button>
            <Show when=move || session::may(Scope::Manage) && marked.with(|m| !m.is_empty())><CancelMarked marked done/></Show>
            <Show when=move || session::may(Scope::Replay) && marked.with(|m| !m.is_empty())><ReplayMarked marked done/></Show>
        </div>
        <Show when=move || !id.get().is_empty()>
            <p class="muted">"By its id alone: the other filters are not asked."</p>
        </Show>
        <Failed failure=tasks.failure/>
        <Failed failure=one.failure/>
        <Show when=none>{empty}</Show>
        <Show when=move || tasks.items.with(|items| items.as_ref().is_some_and(|items| !items.is_empty()))>
            <div class="scroll long" tabindex="0" role="region" aria-label="Tasks">
                <table>
                    <thead><tr><th><MarkAll marked tasks/></th><th>"Task"</th><th>"State"</th><th>"Type"</th><th>"Enqueued"</th><th>"Due"</th><th class="num">"Priority"</th><th class="num">"Size"</th></tr></thead>
                    <tbody node_ref=body>
                        <Space rows=Signal::derive(move || drawn.get().0)/>
                        <For each=shown key=|t| (t.id, word(t.state)) let(task)>
                            <Row task marked/>
                        </For>
                        <Space rows=Signal::derive(move || count.get().saturating_sub(drawn.get().1))/>
                    </tbody>
                </table>
            </div>
        </Show>
        <More next=tasks.next busy=tasks.busy on=Callback::new(move |()| tasks.more())/>
    }
}

#[component]
fn Row(task: Task, marked: RwSignal<Vec<uuid::Uuid>>) -> impl IntoView {
    let id = task.id;
    let mark = move |event| {
        let on = event_target_checked(&event);
        marked.update(|marked| {
            marked.retain(|known| *known != id);
            if on {
                marked.push(id);
            }
        });
    };
    view! {
        <tr>
            <td><input type="checkbox" aria-label="Mark this task" prop:checked=move || marked.with(|m| m.contains(&id)) on:change=mark/></td>
            <td><Id id to=format!("/tasks/{id}")/></td>
            <td><Badge word=word(task.state)/></td>
            <td>{task.kind.clone()}</td>
            <td><When at=task.created_at/></td>
            <td><When at=task.due_at/></td>
            <td class="num">{task.priority}</td>
            <td class="num">{format::bytes(task.size)}</td>
        </tr>
    }
}

/// The endpoints of a queue, of which one may be chosen; and one that was chosen and is of another queue.
#[component]
fn EndpointChoice(queue: Memo<String>, chosen: Memo<String>, set: Callback<String>) -> impl IntoView {
    let endpoints = Loaded::<Page<Endpoint>>::of(move || {
        let queue = queue.get();
        if queue.is_empty() {
            return String::new();
        }
        format!("/v1/queues/{}/endpoints?limit=1000", query::escape(&queue))
    });
    let options = move || {
        let mut all: Vec<(String, String)> = endpoints.value.with(|page| {
            let items = page.iter().flat_map(|page| &page.items);
            items
                .map(|endpoint| (endpoint.id.to_string(), endpoint.url.clone()))
                .collect()
        });
        let chosen = chosen.get();
        if !chosen.is_empty() && !all.iter().any(|(id, _)| *id == chosen) {
            all.push((chosen.clone(), chosen.clone()));
        }
        all.into_iter()
            .map(|(id, url)| {
                let selected = chosen == id;
                view! { <option value=id selected=selected>{url}</option> }
            })
            .collect_view()
    };
    view! {
        <select name="endpoint" on:change=move |event| set.run(event_target_value(&event))>
            <option value="" selected=move || chosen.get().is_empty()>"any"</option>
            {options}
        </select>
    }
}

/// A moment as the API has it, in the form of a field: in the browser's time zone, to the minute.
fn local(instant: &str) -> String {
    let date = js_sys::Date::new(&instant.into());
    let ms = date.get_time() - date.get_timezone_offset() * 60_000.0;
    if ms.is_nan() {
        return String::new();
    }
    let text = String::from(js_sys::Date::new(&ms.into()).to_iso_string());
    text.chars().take("2026-01-31T12:00".len()).collect()
}

/// What stands in such a field, as the API has it; empty if it is none.
fn instant(local: &str) -> String {
    let date = js_sys::Date::new(&local.into());
    if date.get_time().is_nan() {
        return String::new();
    }
    date.to_iso_string().into()
}
