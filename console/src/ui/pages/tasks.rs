//! The tasks of a queue.

use console::{format, query};
use leptos::{html::Tbody, prelude::*};
use leptos_router::hooks::use_navigate;
use proto::{Cancelled, Delivery, DeliveryState, Page, Replayed, Scope, Task, TaskState};

use super::{filter, queue};
use crate::ui::{
    api,
    ask::{Question, asker},
    in_view::{Space, rows_in_view},
    live,
    loaded::List,
    notes::{perform, say},
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
    let (chosen, set_queue) = filter("queue");
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
        if name.is_empty() {
            return String::new();
        }
        let path = format!("/v1/queues/{}/tasks?limit={PAGE}", query::escape(&name));
        let (state, kind, since, until) = (state.get(), kind.get(), since.get(), until.get());
        let filters = [
            ("state", &*state),
            ("type", &*kind),
            ("since", &*since),
            ("until", &*until),
        ];
        query::with(&path, &filters)
    });
    live::follow(
        move || {
            let name = name.get();
            (!name.is_empty() && !paused.get()).then(|| query::with("/v1/events", &[("queue", &name)]))
        },
        move || tasks.refresh(PAGE),
    );
    let marked = RwSignal::new(Vec::<uuid::Uuid>::new());
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
            <span class="grow"></span>
            <FindTask/>
        </div>
        <div class="filters">
            <label><span>"Queue"</span><select on:change=move |event| set_queue.run(event_target_value(&event))>{options}</select></label>
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
            <label><span>"From"</span><input type="datetime-local" name="since" prop:value=move || local(&since.get()) on:change=move |event| set_since.run(instant(&event_target_value(&event)))/></label>
            <label><span>"Until"</span><input type="datetime-local" name="until" prop:value=move || local(&until.get()) on:change=move |event| set_until.run(instant(&event_target_value(&event)))/></label>
            <button type="button" aria-pressed=move || paused.get().to_string() on:click=move |_| paused.update(|on| *on = !*on)>
                {move || if paused.get() { "Follow" } else { "Hold still" }}
            </button>
            <Show when=move || session::may(Scope::Manage) && marked.with(|m| !m.is_empty())><CancelMarked marked tasks/></Show>
            <Show when=move || session::may(Scope::Replay) && marked.with(|m| !m.is_empty())><ReplayMarked marked tasks/></Show>
        </div>
        <Failed failure=tasks.failure/>
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

/// Marks all that were read, or none.
#[component]
fn MarkAll(marked: RwSignal<Vec<uuid::Uuid>>, tasks: List<Task>) -> impl IntoView {
    let all = move || {
        tasks
            .items
            .with(|items| items.iter().flatten().map(|task| task.id).collect::<Vec<_>>())
    };
    let mark = move |event| {
        let on = event_target_checked(&event);
        marked.set(if on { all() } else { vec![] });
    };
    let checked = move || {
        let count = tasks.items.with(|items| items.as_ref().map_or(0, Vec::len));
        count > 0 && marked.with(Vec::len) == count
    };
    view! { <input type="checkbox" aria-label="Mark all that are listed" title="Mark all that are listed" prop:checked=checked on:change=mark/> }
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

/// A field that leads to the task whose id is put into it.
#[component]
fn FindTask() -> impl IntoView {
    let id = RwSignal::new(String::new());
    let navigate = use_navigate();
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let id = id.get_untracked();
        if id.trim().parse::<uuid::Uuid>().is_ok() {
            navigate(
                &format!("/tasks/{}", id.trim()),
                leptos_router::NavigateOptions::default(),
            );
        }
    };
    view! {
        <form class="inline" role="search" on:submit=submit>
            <input type="search" placeholder="Go to a task by its id" aria-label="Go to a task by its id" bind:value=id/>
        </form>
    }
}

#[component]
fn CancelMarked(marked: RwSignal<Vec<uuid::Uuid>>, tasks: List<Task>) -> impl IntoView {
    let ask = asker();
    let number = move || u64::try_from(marked.with(Vec::len)).unwrap_or(0);
    let cancel = move |_| {
        ask(Question {
            title: format!("Cancel {}?", format::counted(number(), "task", "tasks")),
            text:
                "What of them has not ended is not sent any more. A request that is out already goes its way."
                    .to_owned(),
            name: None,
            act: "Cancel the tasks",
            then: Callback::new(move |()| {
                let ids = marked.get_untracked();
                let action = async move {
                    let mut deliveries = 0;
                    for id in ids {
                        deliveries += u64::from(
                            api::act::<Cancelled>(&format!("/v1/tasks/{id}/cancel"))
                                .await?
                                .cancelled,
                        );
                    }
                    Ok(deliveries)
                };
                perform(action, move |deliveries| {
                    say(format!(
                        "{} cancelled.",
                        format::counted(deliveries, "delivery", "deliveries")
                    ));
                    marked.set(vec![]);
                    tasks.again();
                });
            }),
        });
    };
    view! { <button type="button" class="danger" on:click=cancel>{move || format!("Cancel {}…", format::counted(number(), "task", "tasks"))}</button> }
}

/// Replays what of the marked tasks is dead.
#[component]
fn ReplayMarked(marked: RwSignal<Vec<uuid::Uuid>>, tasks: List<Task>) -> impl IntoView {
    let ask = asker();
    let number = move || u64::try_from(marked.with(Vec::len)).unwrap_or(0);
    let replay = move |_| {
        ask(Question {
            title: format!("Replay {}?", format::counted(number(), "task", "tasks")),
            text: "Each of their dead letters is sent once more. What was delivered, or is still on its way, stays as it is."
                .to_owned(),
            name: None,
            act: "Replay",
            then: Callback::new(move |()| {
                let ids = marked.get_untracked();
                let action = async move {
                    let mut replayed = 0;
                    for id in ids {
                        let path = format!("/v1/tasks/{id}/deliveries?limit=200");
                        let deliveries = api::get::<Page<Delivery>>(&path).await?.items;
                        let dead = deliveries
                            .iter()
                            .filter(|delivery| delivery.state == DeliveryState::Dead);
                        for delivery in dead {
                            api::act::<Replayed>(&format!("/v1/dead-letters/{}/replay", delivery.id)).await?;
                            replayed += 1;
                        }
                    }
                    Ok(replayed)
                };
                perform(action, move |replayed| {
                    say(format!(
                        "{} replayed.",
                        format::counted(replayed, "dead letter", "dead letters")
                    ));
                    marked.set(vec![]);
                    tasks.again();
                });
            }),
        });
    };
    view! { <button type="button" on:click=replay>{move || format!("Replay {}…", format::counted(number(), "task", "tasks"))}</button> }
}
