//! What can be set on a queue: it holds for its endpoints, as far as they say nothing else.

use console::query;
use leptos::{ev::SubmitEvent, prelude::*};
use proto::{Queue, QueueUpdate, Scope};

use super::{
    endpoint_edit::flat,
    settings_form::{Draft, Ending, Field, Fields},
    verdict_rules::{Of, Rules},
};
use crate::ui::{loaded::Loaded, notes::say, session};

#[component]
pub(crate) fn QueueSettings(queue: Loaded<Queue>) -> impl IntoView {
    let open = RwSignal::new(false);
    // Made anew when the form is opened: what others change meanwhile does not move under somebody's hands.
    let form = move || {
        let current = open.get().then(|| queue.value.get_untracked()).flatten()?;
        Some(view! { <Form current queue open/> })
    };
    let rows = move || {
        queue.value.get().map(|q| {
            let settings = flat(&serde_json::to_value(&q.settings).unwrap_or_default());
            if settings.is_empty() {
                return view! { <p class="muted">"Nothing is set: everything is as the server's defaults say."</p> }.into_any();
            }
            view! {
                <dl class="pairs">
                    {settings.into_iter().map(|(name, value)| view! { <dt>{name}</dt><dd class="break">{value}</dd> }).collect_view()}
                </dl>
            }
            .into_any()
        })
    };
    view! {
        <section class="card" aria-label="Settings">
            <div class="row">
                <h2>"Settings"</h2>
                <span class="grow"></span>
                <Show when=move || !open.get() && session::may(Scope::Manage)>
                    <button type="button" on:click=move |_| open.set(true)>"Change the settings"</button>
                </Show>
            </div>
            <Show when=move || !open.get()>{rows}</Show>
            {form}
        </section>
        <Rules of=Of::Queue(queue)/>
    }
}

#[component]
fn Form(current: Queue, queue: Loaded<Queue>, open: RwSignal<bool>) -> impl IntoView {
    let draft = Draft::of(&current.settings);
    let description = RwSignal::new(current.description.clone());
    let before = current.max_depth.map(|most| most.to_string()).unwrap_or_default();
    let max_depth = RwSignal::new(before.clone());
    let path = format!("/v1/queues/{}", query::escape(&current.name));
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let typed = max_depth.get_untracked().trim().to_owned();
        let mut update = serde_json::to_value(QueueUpdate {
            description: Some(description.get_untracked()),
            settings: Some(draft.patch()),
            ..QueueUpdate::default()
        })
        .unwrap_or_default();
        if typed != before {
            // What is no number goes as it is: the server says what is wrong with it.
            update["max_depth"] = if typed.is_empty() {
                serde_json::Value::Null
            } else {
                typed
                    .parse::<u64>()
                    .map_or_else(|_| typed.clone().into(), Into::into)
            };
        }
        draft.save::<Queue>(path.clone(), update, move |now| {
            say("Saved: it is in effect, also for what waits.");
            queue.put(now);
            open.set(false);
        });
    };
    view! {
        <form on:submit=submit>
            <p class="muted small">"These hold for all endpoints of the queue that say nothing else. An empty field is as the server's default."</p>
            <div class="fields">
                <Field label="Description" hint="For people" name="description" signal=description draft/>
                <Field label="Deliveries at most" hint="Beyond as many that have not ended, enqueues are refused (429); nothing: no limit" name="max_depth" signal=max_depth draft/>
            </div>
            <Fields draft/>
            <Ending draft open/>
        </form>
    }
}
