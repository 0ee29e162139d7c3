//! What answers mean: the rules of a queue or an endpoint, and what a response would cause.

use std::collections::BTreeMap;

use console::{
    query,
    verdict::{ACTIONS, COMMON, FAILURES, PRESETS, Typed, takes_time},
};
use leptos::{ev::SubmitEvent, prelude::*, task::spawn_local};
use proto::{
    Endpoint, LaneEffect, Queue, Scope, SimulatedVerdict, VerdictCase, VerdictRule, VerdictSettings,
};
use serde_json::{Value, json};

use crate::ui::{
    api,
    loaded::Loaded,
    notes::say,
    session,
    widgets::{Badge, When},
};

/// Whose rules they are.
#[derive(Clone, Copy)]
pub(crate) enum Of {
    Queue(Loaded<Queue>),
    Endpoint(Loaded<Endpoint>),
}

impl Of {
    fn path(self) -> Option<String> {
        match self {
            Self::Queue(queue) => queue.value.with(|q| {
                q.as_ref()
                    .map(|q| format!("/v1/queues/{}", query::escape(&q.name)))
            }),
            Self::Endpoint(endpoint) => endpoint
                .value
                .with(|e| e.as_ref().map(|e| format!("/v1/endpoints/{}", e.id))),
        }
    }

    fn settings(self) -> VerdictSettings {
        let of = match self {
            Self::Queue(queue) => queue
                .value
                .with(|q| q.as_ref().and_then(|q| q.settings.verdict.clone())),
            Self::Endpoint(endpoint) => endpoint
                .value
                .with(|e| e.as_ref().and_then(|e| e.settings.verdict.clone())),
        };
        of.unwrap_or_default()
    }

    /// Saves, and takes what the server answers.
    async fn save(self, path: &str, verdict: Value) -> api::Result<()> {
        let update = json!({"settings": {"verdict": verdict}});
        let method = gloo_net::http::Method::PATCH;
        match self {
            Self::Queue(queue) => queue.put(api::send(method, path, &update).await?),
            Self::Endpoint(endpoint) => endpoint.put(api::send(method, path, &update).await?),
        }
        Ok(())
    }
}

/// A rule that is being typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    id: u32,
    rule: RwSignal<Typed>,
}

#[component]
pub(crate) fn Rules(of: Of) -> impl IntoView {
    let open = RwSignal::new(false);
    let current = Memo::new(move |_| of.settings());
    let count = move || current.with(|c| c.rules.len());
    let whose = match of {
        Of::Queue(_) => {
            "Asked after an endpoint's own rules. The first that matches decides; if none does, the preset."
        }
        Of::Endpoint(_) => {
            "Asked first, before those of its queue and the preset. The first that matches decides."
        }
    };
    let summary = move || {
        let current = current.get();
        let preset = current
            .preset
            .and_then(|preset| serde_json::to_value(preset).ok())
            .and_then(|word| word.as_str().map(str::to_owned));
        let rules = current
            .rules
            .iter()
            .map(|rule| view! { <li>{in_words(rule)}</li> });
        view! {
            <ol class="rules">{rules.collect_view()}</ol>
            <p class="muted small">{preset.map_or_else(|| "No preset is set here.".to_owned(), |word| format!("Where no rule matches: {word}"))}</p>
        }
    };
    let form = move || {
        open.get()
            .then(|| view! { <Form of current=current.get_untracked() open/> })
    };
    view! {
        <section class="card" aria-label="Verdict rules">
            <div class="row">
                <h2>"What answers mean"</h2>
                <span class="grow"></span>
                <Show when=move || !open.get() && session::may(Scope::Manage)>
                    <button type="button" on:click=move |_| open.set(true)>
                        {move || if count() == 0 { "Add a rule" } else { "Change the rules" }}
                    </button>
                </Show>
            </div>
            <p class="muted small">{whose}</p>
            <Show when=move || !open.get()>{summary}</Show>
            {form}
            <Simulator of/>
        </section>
    }
}

/// A rule in a sentence.
fn in_words(rule: &VerdictRule) -> String {
    let typed = Typed::of(rule);
    let mut when = vec![];
    if !typed.status.is_empty() {
        when.push(format!("the answer is {}", typed.status));
    }
    if !typed.header.is_empty() {
        let value = if typed.value.is_empty() { "*" } else { &typed.value };
        when.push(format!("it has the header {}: {value}", typed.header));
    }
    if !typed.failure.is_empty() {
        when.push(format!("none comes ({})", typed.failure));
    }
    let when = if when.is_empty() {
        "always".to_owned()
    } else {
        format!("if {}", when.join(" and "))
    };
    let then = ACTIONS
        .iter()
        .find(|(word, _)| *word == typed.then)
        .map_or("", |(_, told)| told);
    let time = match (typed.then.as_str(), typed.time.as_str()) {
        ("hold_lane", "") => " as long as it asks for",
        ("hold_lane" | "retry_after", _) => " ",
        _ => "",
    };
    format!("{when}, {then}{time}{}", typed.time)
}

#[component]
fn Form(of: Of, current: VerdictSettings, open: RwSignal<bool>) -> impl IntoView {
    let rows = RwSignal::new(Vec::<Row>::new());
    let last = StoredValue::new(0_u32);
    let add = move |rule: Typed| {
        last.update_value(|last| *last += 1);
        let row = Row {
            id: last.get_value(),
            rule: RwSignal::new(rule),
        };
        rows.update(|rows| rows.push(row));
    };
    for rule in &current.rules {
        add(Typed::of(rule));
    }
    if current.rules.is_empty() {
        add(Typed {
            then: "retry".to_owned(),
            ..Typed::default()
        });
    }
    let preset = current
        .preset
        .and_then(|preset| serde_json::to_value(preset).ok())
        .and_then(|word| word.as_str().map(str::to_owned));
    let preset = RwSignal::new(preset.unwrap_or_default());
    let (busy, failure) = (RwSignal::new(false), RwSignal::new(None::<String>));
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(path) = of.path() else { return };
        let rules: Vec<Value> = rows.with_untracked(|rows| {
            rows.iter()
                .map(|row| row.rule.with_untracked(Typed::rule))
                .collect()
        });
        let word = preset.get_untracked();
        let preset = if word.is_empty() { Value::Null } else { json!(word) };
        let verdict = if rules.is_empty() && preset.is_null() {
            Value::Null
        } else {
            json!({"rules": rules, "preset": preset})
        };
        busy.set(true);
        spawn_local(async move {
            match of.save(&path, verdict).await {
                Ok(()) => {
                    say("The rules are in effect.");
                    open.try_set(false);
                }
                Err(why) => {
                    failure.try_set(Some(why.told()));
                }
            }
            busy.try_set(false);
        });
    };
    let common = COMMON.map(|(name, rule)| {
        let press = move |_| {
            if let Ok(rule) = serde_json::from_str::<VerdictRule>(rule) {
                rows.update(|rows| rows.retain(|row| row.rule.with_untracked(|r| !is_blank(r))));
                add(Typed::of(&rule));
            }
        };
        view! { <button type="button" class="small" on:click=press>{name}</button> }
    });
    view! {
        <form on:submit=submit>
            <ol class="rules">
                <For each=move || rows.get() key=|row| row.id let(row)><RuleFields row rows/></For>
            </ol>
            <div class="row">
                <button type="button" class="small" on:click=move |_| add(Typed { then: "retry".to_owned(), ..Typed::default() })>"One more rule"</button>
                <span class="muted small">"or one that is often wanted:"</span>
                {common.into_iter().collect_view()}
            </div>
            <label>
                <span>"Where no rule matches"</span>
                <select name="preset" on:change=move |event| preset.set(event_target_value(&event))>
                    <option value="">"nothing is said here"</option>
                    {PRESETS.map(|(word, told)| view! { <option value=word selected={preset.get_untracked() == word}>{told}</option> }).collect_view()}
                </select>
            </label>
            {move || failure.get().map(|words| view! { <p class="failed" role="alert">{words}</p> })}
            <div class="row">
                <button type="submit" class="primary" disabled=busy>"Save the rules"</button>
                <button type="button" on:click=move |_| open.set(false)>"Cancel"</button>
            </div>
        </form>
    }
}

/// Whether nobody has typed anything into it.
fn is_blank(rule: &Typed) -> bool {
    rule.status.is_empty() && rule.header.is_empty() && rule.failure.is_empty()
}

#[component]
fn RuleFields(row: Row, rows: RwSignal<Vec<Row>>) -> impl IntoView {
    let Row { id, rule } = row;
    let text = move |label: &'static str,
                     hint: &'static str,
                     read: fn(&Typed) -> &String,
                     write: fn(&mut Typed) -> &mut String| {
        view! {
            <input
                aria-label=label
                title=label
                placeholder=hint
                autocomplete="off"
                spellcheck="false"
                prop:value=move || rule.with(|rule| read(rule).clone())
                on:input=move |event| rule.update(|rule| *write(rule) = event_target_value(&event))
            />
        }
    };
    let up = move |_| {
        rows.update(|rows| {
            if let Some(at) = rows.iter().position(|row| row.id == id)
                && at > 0
            {
                rows.swap(at, at - 1);
            }
        });
    };
    let asks_time = Memo::new(move |_| rule.with(|rule| takes_time(&rule.then)));
    view! {
        <li class="rule">
            <span class="muted">"if the answer is"</span>
            {text("Status", "any, or 404, 5xx", |r| &r.status, |r| &mut r.status)}
            <span class="muted">"with"</span>
            {text("Header", "any header", |r| &r.header, |r| &mut r.header)}
            {text("Its value", "any value", |r| &r.value, |r| &mut r.value)}
            <span class="muted">"or none comes for"</span>
            {text("Failure", "dns, tls, timeout …", |r| &r.failure, |r| &mut r.failure)}
            <select aria-label="Then" on:change=move |event| rule.update(|rule| rule.then = event_target_value(&event))>
                {ACTIONS
                    .map(|(word, told)| view! { <option value=word selected={rule.with_untracked(|rule| rule.then == word)}>{told}</option> })
                    .collect_view()}
            </select>
            <Show when=move || asks_time.get()>{text("How long", "30s", |r| &r.time, |r| &mut r.time)}</Show>
            <button type="button" class="small" aria-label="Ask this rule earlier" title="Ask it earlier" on:click=up>"↑"</button>
            <button
                type="button"
                class="small danger"
                aria-label="Remove this rule"
                title="Remove it"
                on:click=move |_| rows.update(|rows| rows.retain(|row| row.id != id))
            >
                "×"
            </button>
        </li>
    }
}

/// What a response would cause, by what is saved.
#[component]
fn Simulator(of: Of) -> impl IntoView {
    let [status, header, failure, attempt] = ["503", "", "", "1"].map(|text| RwSignal::new(text.to_owned()));
    let (told, wrong) = (
        RwSignal::new(None::<SimulatedVerdict>),
        RwSignal::new(None::<String>),
    );
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(path) = of.path() else { return };
        let no_answer = failure.get_untracked();
        let headers: BTreeMap<String, String> = header
            .get_untracked()
            .split_once(':')
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .into_iter()
            .collect();
        let answers = no_answer.is_empty();
        let case = VerdictCase {
            status: answers.then(|| status.get_untracked().trim().parse().unwrap_or_default()),
            headers: if answers { headers } else { BTreeMap::new() },
            failure: (!answers).then_some(no_answer),
            attempt: attempt.get_untracked().trim().parse().ok(),
        };
        spawn_local(async move {
            let path = format!("{path}/verdict:simulate");
            match api::send::<SimulatedVerdict>(gloo_net::http::Method::POST, &path, &case).await {
                Ok(verdict) => {
                    wrong.try_set(None);
                    told.try_set(Some(verdict));
                }
                Err(why) => {
                    told.try_set(None);
                    wrong.try_set(Some(why.told()));
                }
            }
        });
    };
    let result = move || {
        told.get().map(|told| {
            let lane = match told.lane {
                LaneEffect::Carry => None,
                LaneEffect::Hold => Some("Nothing is sent to the endpoint meanwhile."),
                LaneEffect::Disable => Some("The endpoint is disabled."),
            };
            view! {
                <div class="test-result" role="status">
                    <p class="row">
                        <Badge word=told.verdict.clone()/>
                        <span>{told.reason}</span>
                    </p>
                    {told.retry_at.map(|at| view! { <p>"The next attempt: "<When at/></p> })}
                    {lane.map(|words| view! { <p>{words}</p> })}
                </div>
            }
        })
    };
    view! {
        <details class="simulator">
            <summary>"What would a response cause?"</summary>
            <form on:submit=submit>
                <div class="fields">
                    <label><span>"Status"</span><input name="status" inputmode="numeric" bind:value=status/></label>
                    <label><span>"A header of it"</span><input name="header" placeholder="retry-after: 60" spellcheck="false" bind:value=header/></label>
                    <label>
                        <span>"Or no answer"</span>
                        <select name="failure" on:change=move |event| failure.set(event_target_value(&event))>
                            <option value="">"it answers"</option>
                            {FAILURES.map(|word| view! { <option value=word>{word}</option> }).collect_view()}
                        </select>
                    </label>
                    <label><span>"Attempt"</span><input name="attempt" inputmode="numeric" bind:value=attempt/></label>
                </div>
                <div class="row">
                    <button type="submit">"Ask"</button>
                    <span class="muted small">"By the rules that are saved. Nothing is sent."</span>
                </div>
            </form>
            {move || wrong.get().map(|words| view! { <p class="failed" role="alert">{words}</p> })}
            {result}
        </details>
    }
}
