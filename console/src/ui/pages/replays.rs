//! Replays: how far each is, held and ended.

use std::time::Duration;

use console::format;
use leptos::prelude::*;
use leptos_router::components::A;
use proto::{Replay, ReplayStatus, Scope};

use crate::ui::{
    api,
    ask::{Question, asker},
    clock,
    loaded::List,
    notes::{perform, say},
    session,
    widgets::{Badge, Copy, Empty, Failed, More, When, api_line, title},
};

/// How many are read at once.
const PAGE: usize = 50;

/// How often they are looked at: a replay makes a hundred deliveries a second.
const LOOK: Duration = Duration::from_secs(1);

/// Where a replay is, in a word.
fn word(status: ReplayStatus) -> &'static str {
    match status {
        ReplayStatus::Running => "running",
        ReplayStatus::Paused => "paused",
        ReplayStatus::Done => "done",
        ReplayStatus::Cancelled => "cancelled",
    }
}

#[component]
pub(crate) fn Replays() -> impl IntoView {
    title("Replays");
    let replays = List::<Replay>::of(|| format!("/v1/replays?limit={PAGE}"));
    clock::every(LOOK, move || {
        let moving = |items: &Option<Vec<Replay>>| {
            items
                .iter()
                .flatten()
                .any(|one| one.status == ReplayStatus::Running)
        };
        if replays.items.with_untracked(moving) {
            replays.refresh(PAGE);
        }
    });
    view! {
        <div class="head"><h1>"Replays"</h1></div>
        <Failed failure=replays.failure/>
        <Show when=move || replays.items.with(|items| items.as_ref().is_some_and(Vec::is_empty))>
            <Empty
                title="Nothing was replayed yet"
                text="A replay sends old tasks once more, in the background and at a rate of its own. Begin one among the dead letters, or with:"
                line=api_line("POST", "/v1/replays", Some(r#"{"filter":{"queue":"orders","status":500},"rate":100}"#))
            />
        </Show>
        <Show when=move || replays.items.with(|items| items.as_ref().is_some_and(|items| !items.is_empty()))>
            <div class="scroll" tabindex="0" role="region" aria-label="Replays">
                <table>
                    <thead><tr><th>"Replay"</th><th>"State"</th><th>"Progress"</th><th class="num">"Replayed"</th><th class="num">"Left out"</th><th class="num">"Rate"</th><th>"What"</th><th>"Begun"</th><th><span class="unseen">"Actions"</span></th></tr></thead>
                    <tbody>
                        <For each=move || replays.items.get().unwrap_or_default() key=|r| (r.id, r.looked, r.done, word(r.status), r.problem.clone()) let(replay)>
                            <Row replay replays/>
                        </For>
                    </tbody>
                </table>
            </div>
        </Show>
        <More next=replays.next busy=replays.busy on=Callback::new(move |()| replays.more())/>
        <p class="muted">"What a replay makes is seen among the tasks. "<A href="/dead-letters">"Dead letters"</A></p>
    }
}

#[component]
fn Row(replay: Replay, replays: List<Replay>) -> impl IntoView {
    let (ask, id, status) = (asker(), replay.id, replay.status);
    let act = move |act: &'static str, said: &'static str| {
        perform(
            async move { api::act::<Replay>(&format!("/v1/replays/{id}/{act}")).await },
            move |_| {
                say(said);
                replays.again();
            },
        );
    };
    let cancel = move |_| {
        ask(Question {
            title: "Cancel this replay?".to_owned(),
            text: "What it has made goes its way; the rest stays as it is.".to_owned(),
            name: None,
            act: "Cancel the replay",
            then: Callback::new(move |()| act("cancel", "Cancelled.")),
        });
    };
    let filter = serde_json::to_string(&replay.filter).unwrap_or_default();
    let expected = replay.expected.max(replay.done + replay.skipped).max(1);
    let of = format!(
        "{}{}",
        format::count(replay.expected),
        if replay.expected_exact { "" } else { " or more" }
    );
    let done = if status == ReplayStatus::Done {
        expected
    } else {
        replay.done + replay.skipped
    };
    view! {
        <tr>
            <td><span class="id"><code>{format::short_id(id)}</code><Copy text=id.to_string() label="Copy the id"/></span></td>
            <td><Badge word=word(status)/></td>
            <td>
                <progress max=expected.to_string() value=done.to_string() aria-label="Progress"></progress>
                {replay.problem.clone().map(|problem| view! { <p class="failed">{problem}</p> })}
            </td>
            <td class="num">{format::count(replay.done)}" of "{of}</td>
            <td class="num">{format::count(replay.skipped)}</td>
            <td class="num">{replay.rate}"/s"</td>
            <td class="wide muted"><code>{filter}</code></td>
            <td><When at=replay.created_at/></td>
            <td class="row">
                <Show when=move || session::may(Scope::Replay)>
                    {(status == ReplayStatus::Running).then(|| view! { <button type="button" class="small" on:click=move |_| act("pause", "Paused.")>"Pause"</button> })}
                    {(status == ReplayStatus::Paused).then(|| view! { <button type="button" class="small" on:click=move |_| act("resume", "Resumed.")>"Resume"</button> })}
                    {matches!(status, ReplayStatus::Running | ReplayStatus::Paused).then(|| view! { <button type="button" class="small danger" on:click=cancel>"Cancel…"</button> })}
                </Show>
            </td>
        </tr>
    }
}
