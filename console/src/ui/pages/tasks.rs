//! The tasks of a queue.

use console::{format, query};
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;
use proto::{Cancelled, Scope, Task, TaskState};

use super::{filter, queue};
use crate::ui::{
    api,
    ask::{Question, asker},
    live,
    loaded::List,
    notes::{perform, say},
    session,
    widgets::{Badge, Empty, Failed, Id, More, When, api_line, title},
};

/// How many are read at once.
const PAGE: usize = 50;

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
    let paused = RwSignal::new(false);
    let tasks = List::<Task>::of(move || {
        let name = name.get();
        if name.is_empty() {
            return String::new();
        }
        let path = format!("/v1/queues/{}/tasks?limit={PAGE}", query::escape(&name));
        query::with(&path, &[("state", &state.get()), ("type", &kind.get())])
    });
    live::follow(
        move || {
            let name = name.get();
            (!name.is_empty() && !paused.get()).then(|| query::with("/v1/events", &[("queue", &name)]))
        },
        move || tasks.refresh(PAGE),
    );
    let marked = RwSignal::new(Vec::<uuid::Uuid>::new());
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
            <button type="button" aria-pressed=move || paused.get().to_string() on:click=move |_| paused.update(|on| *on = !*on)>
                {move || if paused.get() { "Follow" } else { "Hold still" }}
            </button>
            <Show when=move || session::may(Scope::Manage) && marked.with(|m| !m.is_empty())><CancelMarked marked tasks/></Show>
        </div>
        <Failed failure=tasks.failure/>
        <Show when=none>{empty}</Show>
        <Show when=move || tasks.items.with(|items| items.as_ref().is_some_and(|items| !items.is_empty()))>
            <div class="scroll" tabindex="0" role="region" aria-label="Tasks">
                <table>
                    <thead><tr><th><span class="unseen">"Mark"</span></th><th>"Task"</th><th>"State"</th><th>"Type"</th><th>"Enqueued"</th><th>"Due"</th><th class="num">"Priority"</th><th class="num">"Size"</th></tr></thead>
                    <tbody>
                        <For each=move || tasks.items.get().unwrap_or_default() key=|t| (t.id, word(t.state)) let(task)>
                            <tr>
                                <td>
                                    <input
                                        type="checkbox"
                                        aria-label="Mark this task"
                                        prop:checked=move || marked.with(|m| m.contains(&task.id))
                                        on:change=move |event| {
                                            let on = event_target_checked(&event);
                                            marked.update(|m| {
                                                m.retain(|id| *id != task.id);
                                                if on { m.push(task.id); }
                                            });
                                        }
                                    />
                                </td>
                                <td><Id id=task.id to=format!("/tasks/{}", task.id)/></td>
                                <td><Badge word=word(task.state)/></td>
                                <td>{task.kind.clone()}</td>
                                <td><When at=task.created_at/></td>
                                <td><When at=task.due_at/></td>
                                <td class="num">{task.priority}</td>
                                <td class="num">{format::bytes(task.size)}</td>
                            </tr>
                        </For>
                    </tbody>
                </table>
            </div>
        </Show>
        <More next=tasks.next busy=tasks.busy on=Callback::new(move |()| tasks.more())/>
    }
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
