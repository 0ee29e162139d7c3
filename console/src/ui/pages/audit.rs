//! The audit: who did what of consequence.

use leptos::prelude::*;
use proto::{Actor, ActorKind, AuditEntry};

use crate::ui::{
    loaded::List,
    widgets::{Badge, Copy, Empty, Failed, Id, More, When, api_line, title},
};

#[component]
pub(crate) fn Audit() -> impl IntoView {
    title("Audit");
    let entries = List::<AuditEntry>::of(|| "/v1/audit?limit=100".to_owned());
    view! {
        <div class="head">
            <h1>"Audit"</h1>
            <span class="grow"></span>
            <button type="button" on:click=move |_| entries.again()>"Look again"</button>
        </div>
        <p class="muted">"Secrets that were made, shown or deleted; keys that were made, changed, rotated or revoked; what was deleted or purged."</p>
        <Failed failure=entries.failure/>
        <Show when=move || entries.items.with(|items| items.as_ref().is_some_and(Vec::is_empty))>
            <Empty title="Nothing was done yet" text="It is also read by:" line=api_line("GET", "/v1/audit", None)/>
        </Show>
        <Show when=move || entries.items.with(|items| items.as_ref().is_some_and(|items| !items.is_empty()))>
            <div class="scroll" tabindex="0" role="region" aria-label="Audit">
                <table>
                    <thead><tr><th>"When"</th><th>"Who"</th><th>"What"</th><th>"To what"</th><th>"Endpoint"</th><th>"Queues"</th></tr></thead>
                    <tbody>
                        <For each=move || entries.items.get().unwrap_or_default() key=|e| e.id let(entry)>
                            <tr>
                                <td><When at=entry.at/></td>
                                <td title=entry.actor.id.clone()>{who(&entry.actor)}</td>
                                <td><Badge word=entry.action.clone()/></td>
                                <td><span class="id"><code>{entry.subject.clone()}</code><Copy text=entry.subject.clone() label="Copy what it was done to"/></span></td>
                                <td>{entry.endpoint.map(|id| view! { <Id id to=format!("/endpoints/{id}")/> })}</td>
                                <td><code>{entry.queues.join(" ")}</code></td>
                            </tr>
                        </For>
                    </tbody>
                </table>
            </div>
        </Show>
        <More next=entries.next busy=entries.busy on=Callback::new(move |()| entries.more())/>
    }
}

/// Somebody, in words.
fn who(actor: &Actor) -> String {
    match actor.kind {
        ActorKind::Key | ActorKind::User => actor.name.clone(),
        ActorKind::Token => format!("{} of {}", actor.id, actor.name),
        ActorKind::Server => "the server".to_owned(),
    }
}
