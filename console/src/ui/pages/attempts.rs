//! Attempts: what was sent, what came back, how long each part took, and what was decided.

use console::{curl, format, payload};
use leptos::prelude::*;
use leptos_router::components::A;
use proto::{Attempt, Payload, Task, Timing};

use crate::ui::widgets::{Badge, Copy, When};

/// The parts of an attempt's time: name, class, milliseconds.
fn parts(timing: &Timing) -> Vec<(&'static str, &'static str, f64)> {
    let (dns, connect, tls) = (
        timing.dns_ms.unwrap_or(0.0),
        timing.connect_ms.unwrap_or(0.0),
        timing.tls_ms.unwrap_or(0.0),
    );
    let first = timing.first_byte_ms.unwrap_or(timing.total_ms);
    let all = [
        ("name", "dns", dns),
        ("connect", "connect", connect),
        ("TLS", "tls", tls),
        ("first byte", "first", (first - dns - connect - tls).max(0.0)),
        ("body", "body", (timing.total_ms - first).max(0.0)),
    ];
    all.into_iter().filter(|(_, _, ms)| *ms > 0.0).collect()
}

/// The attempts of a delivery, oldest first.
#[component]
pub(crate) fn Timeline(attempts: Vec<Attempt>, task: Task) -> impl IntoView {
    let last = attempts.len().saturating_sub(1);
    view! {
        <ol class="timeline">
            {attempts
                .into_iter()
                .enumerate()
                .map(|(at, attempt)| {
                    let verdict = attempt.verdict.clone();
                    view! { <li data-verdict=verdict><Exchange attempt task=Some(task.clone()) open=at == last/></li> }
                })
                .collect_view()}
        </ol>
    }
}

/// One attempt. What it sent is told by its task: where that is not at hand, the way to it.
#[component]
pub(crate) fn Exchange(attempt: Attempt, task: Option<Task>, open: bool) -> impl IntoView {
    let outcome = match (attempt.status, attempt.failure.as_deref()) {
        (Some(status), _) => status.to_string(),
        (None, Some(failure)) => failure.to_owned(),
        (None, None) => "no request".to_owned(),
    };
    let request = attempt.url.clone().map(|url| {
        if let Some(task) = task {
            view! { <Request attempt=attempt.clone() task url/> }.into_any()
        } else {
            let to = format!("/tasks/{}", attempt.task);
            view! { <p><code class="break">"POST "{url}</code>" "<A href=to>"The whole request"</A></p> }
                .into_any()
        }
    });
    let body = response_body(&attempt);
    let headers = attempt.response_headers.clone();
    let timing = attempt.timing;
    view! {
        <details open=open>
            <summary>
                <span class="strong">"#"{attempt.number}</span>
                <Badge word=attempt.verdict.clone()/>
                <code>{outcome}</code>
                <span class="muted"><When at=attempt.started_at/></span>
                <span class="muted num">{format::millis(timing.total_ms)}</span>
            </summary>
            <p>{attempt.reason.clone()}{attempt.retry_at.map(|at| view! { " · next try "<When at/> })}</p>
            <Split timing/>
            {request}
            <Show when={ let some = !headers.is_empty() || !body.is_empty(); move || some }>
                <h3>"Response"</h3>
            </Show>
            <dl class="headers">
                {headers.into_iter().map(|header| view! { <dt>{header.name}</dt><dd class="break">{header.value}</dd> }).collect_view()}
            </dl>
            {(!body.is_empty()).then(|| view! { <pre tabindex="0">{body}</pre> })}
            {attempt.response_truncated.then(|| view! { <p class="muted small">"There was more of the body, or it broke off."</p> })}
        </details>
    }
}

/// What was sent, with the line that sends it again.
#[component]
fn Request(attempt: Attempt, task: Task, url: String) -> impl IntoView {
    let sent = request_headers(&attempt, &task);
    let line = curl::of_delivery(&url, &sent, text_of(&task));
    view! {
        <h3>"Request"</h3>
        <div class="row">
            <code class="break">"POST "{url}</code>
            <Copy text=line label="Copy as curl"/>
        </div>
        <dl class="headers">
            {sent.into_iter().map(|(name, value)| view! { <dt>{name}</dt><dd class="break">{value}</dd> }).collect_view()}
            <dt>"webhook-signature"</dt><dd class="muted">"made for each attempt, and not kept"</dd>
        </dl>
    }
}

/// How the time was spent, as a bar.
#[component]
fn Split(timing: Timing) -> impl IntoView {
    let parts = parts(&timing);
    let total: f64 = parts.iter().map(|(_, _, ms)| ms).sum::<f64>().max(0.001);
    let bars = parts.clone().into_iter().map(|(name, class, ms)| {
        view! { <i class=class style:width=format!("{:.2}%", ms / total * 100.0) title=format!("{name}: {}", format::millis(ms))></i> }
    });
    let words = parts.into_iter().map(|(name, class, ms)| view! { <span class=format!("key {class}")>{name}" "<b>{format::millis(ms)}</b></span> });
    view! {
        <div class="split">
            <span class="bar">{bars.collect_view()}</span>
            <span class="legend">
                <span class="muted">"waited "{format::millis(timing.wait_ms)}</span>
                {words.collect_view()}
            </span>
        </div>
    }
}

/// What was sent besides the signature.
fn request_headers(attempt: &Attempt, task: &Task) -> Vec<(String, String)> {
    let started = attempt.started_at.timestamp().to_string();
    let mut headers = vec![
        ("webhook-id".to_owned(), attempt.task.to_string()),
        ("webhook-timestamp".to_owned(), started),
        ("content-type".to_owned(), task.content_type.clone()),
        ("posthaste-queue".to_owned(), task.queue.clone()),
    ];
    if !task.kind.is_empty() {
        headers.push(("posthaste-type".to_owned(), task.kind.clone()));
    }
    headers.extend(task.headers.clone());
    headers.push(("posthaste-attempt".to_owned(), attempt.number.to_string()));
    headers
}

fn text_of(task: &Task) -> Option<&str> {
    match task.payload.as_ref()? {
        Payload::Text(text) => Some(text),
        Payload::Base64(_) => None,
    }
}

/// The response's body as text, JSON laid out; what is no text in hexadecimal.
fn response_body(attempt: &Attempt) -> String {
    match (&attempt.response_body, &attempt.response_body_base64) {
        (Some(text), _) => payload::pretty(text).unwrap_or_else(|| text.clone()),
        (None, Some(coded)) => payload::hex(&payload::base64(coded).unwrap_or_default()),
        (None, None) => String::new(),
    }
}
