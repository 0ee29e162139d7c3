//! A test-send: one attempt, with everything that was exchanged.

use leptos::{ev::SubmitEvent, prelude::*, task::spawn_local};
use proto::TestResult;
use serde_json::{Value, json};

use super::attempts::Exchange;
use crate::ui::{api, notes::complain, widgets::Badge};

#[component]
pub(crate) fn TestSendForm(id: Memo<String>) -> impl IntoView {
    let (kind, payload) = (
        RwSignal::new("posthaste.test".to_owned()),
        RwSignal::new("{\"hello\": \"world\"}".to_owned()),
    );
    let (busy, result, wrong) = (
        RwSignal::new(false),
        RwSignal::new(None::<TestResult>),
        RwSignal::new(None::<String>),
    );
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let parsed = match serde_json::from_str::<Value>(&payload.get_untracked()) {
            Ok(value) => value,
            Err(error) => return wrong.set(Some(format!("The payload is no JSON: {error}"))),
        };
        wrong.set(None);
        busy.set(true);
        let (path, body) = (
            format!("/v1/endpoints/{}/test", id.get_untracked()),
            json!({"type": kind.get_untracked(), "payload": parsed}),
        );
        spawn_local(async move {
            match api::send::<TestResult>(gloo_net::http::Method::POST, &path, &body).await {
                Ok(came) => {
                    result.try_set(Some(came));
                }
                Err(failure) => complain(&failure),
            }
            busy.try_set(false);
        });
    };
    view! {
        <section class="card" aria-label="Test">
            <h2>"Send a test"</h2>
            <form on:submit=submit>
                <label><span>"Type"</span><input name="type" spellcheck="false" bind:value=kind/></label>
                <label><span>"Payload"</span><textarea name="payload" rows="3" spellcheck="false" prop:value=payload on:input=crate::ui::widgets::typed(payload)></textarea></label>
                {move || wrong.get().map(|words| view! { <p class="failed" role="alert">{words}</p> })}
                <div class="row"><button type="submit" disabled=busy>{move || if busy.get() { "Waiting for the answer…" } else { "Send" }}</button></div>
            </form>
            {move || {
                result.get().map(|result| {
                    let word = if result.delivered { "delivered" } else { "failed" };
                    view! {
                        <div class="test-result" role="status">
                            <Badge word/>
                            {match result.attempt {
                                Some(attempt) => view! { <Exchange attempt task=None open=true/> }.into_any(),
                                None => view! { <p class="muted">"No answer came in time: look at the task later."</p> }.into_any(),
                            }}
                        </div>
                    }
                })
            }}
        </section>
    }
}
