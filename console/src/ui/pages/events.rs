//! What happens, as it happens.

use std::{cell::RefCell, collections::VecDeque, rc::Rc, time::Duration};

use console::{format, query};
use leptos::prelude::*;
use proto::{Event, EventKind, EventMessage};

use super::filter;
use crate::ui::{
    clock,
    live::{self, Heard},
    widgets::{Badge, Empty, Id, api_line, title},
};

/// How many are kept: what a person can look through.
const KEPT: usize = 300;

/// How often what came is shown: more often nobody could read.
const SHOWN: Duration = Duration::from_millis(250);

#[component]
pub(crate) fn Events() -> impl IntoView {
    title("Events");
    let (queue, set_queue) = filter("queue");
    let (kind, set_kind) = filter("type");
    let (state, set_state) = filter("state");
    let (paused, missed) = (RwSignal::new(false), RwSignal::new(0_u64));
    let shown = RwSignal::new(VecDeque::<Event>::new());
    let come = Rc::new(RefCell::new(VecDeque::<Event>::new()));
    let heard = come.clone();
    live::watch(
        move || {
            let parameters = [
                ("queue", queue.get()),
                ("type", kind.get()),
                ("state", state.get()),
            ];
            let parameters: Vec<(&str, &str)> = parameters
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            Some(query::with("/v1/events", &parameters))
        },
        move |message| {
            let Heard::Told(message) = message else { return };
            match *message {
                EventMessage::Event(event) if !paused.get_untracked() => {
                    let mut come = heard.borrow_mut();
                    come.push_front(event);
                    come.truncate(KEPT);
                }
                EventMessage::Event(_) => {}
                EventMessage::Missed(some) => missed.update(|missed| *missed += some.count.unwrap_or(1)),
            }
        },
    );
    clock::every(SHOWN, move || {
        let mut come = come.borrow_mut();
        if !come.is_empty() {
            let news = std::mem::take(&mut *come);
            shown.update(|shown| {
                for event in news.into_iter().rev() {
                    shown.push_front(event);
                }
                shown.truncate(KEPT);
            });
        }
    });
    view! {
        <div class="head">
            <h1>"Events"</h1>
            <span class="grow"></span>
            <button type="button" aria-pressed=move || paused.get().to_string() on:click=move |_| paused.update(|on| *on = !*on)>
                {move || if paused.get() { "Go on" } else { "Pause" }}
            </button>
            <button type="button" on:click=move |_| shown.set(VecDeque::new())>"Clear"</button>
        </div>
        <div class="filters">
            <label><span>"Queue"</span><input data-search="" placeholder="orders, shop-*" prop:value=queue on:change=move |event| set_queue.run(event_target_value(&event))/></label>
            <label><span>"Type"</span><input placeholder="invoice.*" prop:value=kind on:change=move |event| set_kind.run(event_target_value(&event))/></label>
            <label>
                <span>"Kind"</span>
                <select prop:value=state on:change=move |event| set_state.run(event_target_value(&event))>
                    <option value="">"all"</option>
                    {EventKind::ALL.iter().map(|kind| view! { <option value=kind.as_str()>{format::words(kind.as_str())}</option> }).collect_view()}
                </select>
            </label>
        </div>
        <Show when=move || { missed.get() > 0 }>
            <p class="muted" role="status">{move || format!("{} came faster than they could be shown.", format::counted(missed.get(), "event", "events"))}</p>
        </Show>
        <Show when=move || shown.with(VecDeque::is_empty)>
            <Empty
                title="Waiting for something to happen"
                text="Events are shown as they come, from now on. The same stream, for programs:"
                line=format!("{} -N", api_line("GET", "/v1/events", None))
            />
        </Show>
        <Show when=move || shown.with(|shown| !shown.is_empty())>
            <div class="scroll" tabindex="0" role="region" aria-label="Events">
                <table>
                    <thead><tr><th>"When"</th><th>"What"</th><th>"Queue"</th><th>"Task"</th><th>"Endpoint"</th><th>"Answer"</th><th>"Why"</th></tr></thead>
                    <tbody>
                        <For each=move || shown.get() key=|e| e.id let(event)>
                            <tr>
                                <td><time datetime=event.at.to_rfc3339() title=format::exact(event.at)>{event.at.format("%H:%M:%S%.3f").to_string()}</time></td>
                                <td><Badge word=event.kind.as_str()/></td>
                                <td>{event.queue}</td>
                                <td>{event.task.map(|task| view! { <Id id=task to=format!("/tasks/{task}")/> })}" "{event.task_type}</td>
                                <td>{event.endpoint.map(|id| view! { <Id id to=format!("/endpoints/{id}")/> })}</td>
                                <td>{event.status.map(|status| status.to_string()).or(event.failure)}</td>
                                <td class="wide muted">{event.reason}</td>
                            </tr>
                        </For>
                    </tbody>
                </table>
            </div>
        </Show>
    }
}
