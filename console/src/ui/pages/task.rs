//! A task: its payload, and what became of it, delivery by delivery.

use std::sync::Arc;

use console::{format, payload};
use gloo_net::http::Method;
use leptos::prelude::*;
use leptos_router::{components::A, hooks::use_params_map};
use proto::{
    Attempt, Cancelled, Delivery, DeliveryState, Page, Payload, ReplayTask, Scope, Task, TaskReplayed,
};

use super::{attempts::Timeline, tasks};
use crate::ui::{
    api,
    ask::{Question, asker},
    live,
    loaded::Loaded,
    notes::{perform, say},
    session,
    tree::Tree,
    widgets::{Badge, Copy, Failed, Id, MaybeWhen, When, title},
};

#[component]
pub(crate) fn TaskPage() -> impl IntoView {
    title("Task");
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id")).unwrap_or_default());
    let path = move || format!("/v1/tasks/{}", id.get());
    let task = Loaded::<Task>::of(path);
    let deliveries = Loaded::<Page<Delivery>>::of(move || format!("{}/deliveries?limit=200", path()));
    let attempts = Loaded::<Page<Attempt>>::of(move || format!("{}/attempts?limit=1000", path()));
    let again = move || {
        task.again();
        deliveries.again();
        attempts.again();
    };
    live::follow(move || Some(format!("/v1/events?task={}", id.get())), again);
    let shown = Memo::new(move |_| task.value.get());
    view! {
        <p class="crumbs">
            <A href="/queues">"Queues"</A>
            {move || shown.get().map(|t| {
                let (to_queue, to_tasks) = (format!("/queues/{}", t.queue), console::query::with("/tasks", &[("queue", &t.queue)]));
                view! { <A href=to_queue>{t.queue}</A><A href=to_tasks>"Tasks"</A> }
            })}
        </p>
        <Failed failure=task.failure/>
        {move || shown.get().map(|t| view! { <Head task=t again=Callback::new(move |()| again())/> })}
        <h2>"Deliveries"</h2>
        <Failed failure=deliveries.failure/>
        {move || {
            // What an attempt sent is told by the task: whichever of the two comes last, they are shown together.
            let (task, page) = (shown.get()?, deliveries.value.get()?);
            let logged = attempts.value.with(|page| page.as_ref().map(|page| page.items.clone()).unwrap_or_default());
            if page.items.is_empty() {
                return Some(view! { <p class="muted">"No endpoint wanted it: it is stored, and was sent nowhere."</p> }.into_any());
            }
            Some(
                page.items
                    .into_iter()
                    .map(|delivery| {
                        let of_it: Vec<Attempt> = logged.iter().filter(|a| a.delivery == delivery.id).cloned().collect();
                        view! { <DeliveryCard delivery attempts=of_it task=task.clone() again=Callback::new(move |()| again())/> }
                    })
                    .collect_view()
                    .into_any(),
            )
        }}
        <Failed failure=attempts.failure/>
    }
}

#[component]
fn Head(task: Task, again: Callback<()>) -> impl IntoView {
    let ask = asker();
    let id = task.id;
    let open = matches!(word_of(&task), "retrying" | "pending" | "scheduled");
    let cancel = move |_| {
        ask(Question {
            title: "Cancel this task?".to_owned(),
            text:
                "What of it has not ended is not sent any more. A request that is out already goes its way."
                    .to_owned(),
            name: None,
            act: "Cancel the task",
            then: Callback::new(move |()| {
                perform(
                    async move { api::act::<Cancelled>(&format!("/v1/tasks/{id}/cancel")).await },
                    move |done| {
                        say(format!(
                            "{} cancelled.",
                            format::counted(u64::from(done.cancelled), "delivery", "deliveries")
                        ));
                        again.run(());
                    },
                );
            }),
        });
    };
    let headers = task.headers.clone();
    let word = word_of(&task);
    let named = if task.kind.is_empty() {
        "Task".to_owned()
    } else {
        task.kind.clone()
    };
    let (queue, to_queue) = (task.queue.clone(), format!("/queues/{}", task.queue));
    let (created_at, due_at, expires_at, priority) =
        (task.created_at, task.due_at, task.expires_at, task.priority);
    let idempotency_key = task.idempotency_key.clone().unwrap_or_else(|| "–".into());
    view! {
        <div class="head">
            <h1>{named}</h1>
            <Badge word/>
            <span class="grow"></span>
            <Show when=move || open && session::may(Scope::Manage)>
                <button type="button" class="danger" on:click=cancel>"Cancel…"</button>
            </Show>
        </div>
        <div class="columns">
            <dl class="pairs card">
                <dt>"Id"</dt><dd><span class="id"><code class="break">{id.to_string()}</code><Copy text=id.to_string() label="Copy the id"/></span></dd>
                <dt>"Queue"</dt><dd><A href=to_queue>{queue}</A></dd>
                <dt>"Enqueued"</dt><dd><When at=created_at/></dd>
                <dt>"First due"</dt><dd><When at=due_at/></dd>
                <dt>"Expires"</dt><dd><MaybeWhen at=expires_at none="never"/></dd>
                <dt>"Priority"</dt><dd>{priority}</dd>
                <dt>"Idempotency key"</dt><dd>{idempotency_key}</dd>
                {headers
                    .into_iter()
                    .map(|(name, value)| view! { <dt><code>{name}</code></dt><dd class="break">{value}</dd> })
                    .collect_view()}
            </dl>
            <PayloadCard task/>
        </div>
    }
}

fn word_of(task: &Task) -> &'static str {
    tasks::word(task.state)
}

/// The payload, inert: whatever it is, it is shown as text.
#[component]
fn PayloadCard(task: Task) -> impl IntoView {
    let text = match &task.payload {
        Some(Payload::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let bytes = match &task.payload {
        Some(Payload::Text(text)) => text.clone().into_bytes(),
        Some(Payload::Base64(coded)) => payload::base64(coded).unwrap_or_default(),
        None => vec![],
    };
    let laid_out = text.as_deref().and_then(payload::pretty);
    let first = if laid_out.is_some() {
        "json"
    } else if text.is_some() {
        "text"
    } else {
        "hex"
    };
    let view_as = RwSignal::new(first);
    let tabs: Vec<&'static str> = [
        laid_out.as_ref().map(|_| "json"),
        text.as_ref().map(|_| "text"),
        Some("hex"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let to_copy = text.clone();
    let nodes = Arc::new(laid_out.as_deref().map(payload::tree).unwrap_or_default());
    let shown = move || {
        let whole = match view_as.get() {
            "text" => text.clone().unwrap_or_default(),
            _ => payload::hex(&bytes),
        };
        let (begin, all) = payload::cut(&whole);
        let rest = if all {
            ""
        } else {
            "\n… the rest can be downloaded"
        };
        format!("{begin}{rest}")
    };
    view! {
        <section class="card payload" aria-label="Payload">
            <div class="row">
                <h2>"Payload"</h2>
                <small class="muted">{task.content_type.clone()}" · "{format::bytes(task.size)}</small>
                <span class="grow"></span>
                {tabs
                    .into_iter()
                    .map(|tab| view! {
                        <button type="button" class="tab" aria-pressed=move || (view_as.get() == tab).to_string() on:click=move |_| view_as.set(tab)>{tab}</button>
                    })
                    .collect_view()}
                {to_copy.map(|text| view! { <Copy text label="Copy the payload"/> })}
                <a href=format!("/v1/tasks/{}/payload", task.id) download=format!("{}.payload", task.id) rel="external">"Download"</a>
            </div>
            <Show when=move || view_as.get() == "json"><Tree nodes=nodes.clone()/></Show>
            <Show when=move || view_as.get() != "json"><pre tabindex="0">{shown.clone()}</pre></Show>
        </section>
    }
}

/// A delivery's state in a word.
pub(crate) fn delivery_word(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Scheduled => "scheduled",
        DeliveryState::Pending => "pending",
        DeliveryState::Retrying => "retrying",
        DeliveryState::Delivered => "delivered",
        DeliveryState::Dead => "dead",
        DeliveryState::Cancelled => "cancelled",
    }
}

#[component]
fn DeliveryCard(
    delivery: Delivery,
    attempts: Vec<Attempt>,
    task: Task,
    again: Callback<()>,
) -> impl IntoView {
    let (id, of) = (delivery.id, delivery.task);
    let open = delivery.ended_at.is_none();
    let to = ReplayTask {
        endpoint: Some(delivery.endpoint),
    };
    // Whatever became of it, it may be sent there once more.
    let replay = move |_| {
        perform(
            async move { api::send::<TaskReplayed>(Method::POST, &format!("/v1/tasks/{of}/replay"), &to).await },
            move |_| {
                say("Replayed: a new delivery is on its way.");
                again.run(());
            },
        );
    };
    view! {
        <section class="card" aria-label="Delivery">
            <div class="row">
                <Badge word=delivery_word(delivery.state)/>
                <span>"to "<Id id=delivery.endpoint to=format!("/endpoints/{}", delivery.endpoint)/></span>
                <small class="muted">{format::counted(u64::from(delivery.attempts), "attempt", "attempts")}</small>
                {delivery.due_at.map(|at| view! { <small>"next try "<When at/></small> })}
                {delivery.ended_at.map(|at| view! { <small class="muted">"ended "<When at/></small> })}
                <span class="grow"></span>
                <Show when=move || !open && session::may(Scope::Replay)>
                    <button type="button" on:click=replay>"Replay"</button>
                </Show>
            </div>
            {delivery.reason.map(|reason| view! { <p class="muted">{reason}</p> })}
            {open.then(|| view! { <WhyNow id/> })}
            <Timeline attempts task/>
        </section>
    }
}

/// What a delivery that has not ended waits for.
#[component]
fn WhyNow(id: uuid::Uuid) -> impl IntoView {
    let delivery = Loaded::<Delivery>::of(move || format!("/v1/deliveries/{id}"));
    move || {
        let sentence = delivery.value.with(|d| {
            d.as_ref()
                .and_then(|d| d.why.as_ref().map(|why| why.sentence.clone()))
        });
        sentence.map(|sentence| view! { <p>{sentence}</p> })
    }
}
