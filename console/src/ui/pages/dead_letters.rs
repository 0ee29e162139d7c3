//! Dead letters: what was given up, and its replay.

use console::{format, query};
use leptos::prelude::*;
use leptos_router::{components::A, hooks::use_navigate};
use proto::{
    Count, DeadLetter, DeadLetterFilter, DeadLetterGroup, DeadLetterGroups, NewReplay, Replay, ReplayFilter,
    ReplayPreview, Replayed, Scope,
};

use super::{filter, filters, queue};
use crate::ui::{
    api,
    ask::{Question, asker},
    live,
    loaded::{List, Loaded},
    notes::{perform, say},
    session,
    widgets::{Badge, Empty, Failed, Id, More, When, api_line, title},
};

/// How many are read at once.
const PAGE: usize = 100;

/// How many groups are shown.
const GROUPS: usize = 12;

/// Up to so many they are counted again whenever something dies; more cost the server some time each.
const COUNTED_LIVE: u64 = 5_000;

#[component]
pub(crate) fn DeadLetters() -> impl IntoView {
    title("Dead letters");
    let (name, set_queue) = filter("queue");
    let (endpoint, set_endpoint) = filter("endpoint");
    let (kind, set_kind) = filter("type");
    let (status, set_status) = filter("status");
    let (failure, set_failure) = filter("failure");
    let names = queue::names();
    let meant = Memo::new(move |_| DeadLetterFilter {
        queue: Some(name.get()).filter(|name| !name.is_empty()),
        endpoint: endpoint.get().parse().ok(),
        kind: Some(kind.get()).filter(|kind| !kind.is_empty()),
        status: status.get().parse().ok(),
        failure: Some(failure.get()).filter(|failure| !failure.is_empty()),
        ..DeadLetterFilter::default()
    });
    let filtered = move |path: &str| {
        let parameters = [
            ("queue", name.get()),
            ("endpoint", endpoint.get()),
            ("type", kind.get()),
            ("status", status.get()),
            ("failure", failure.get()),
        ];
        let parameters: Vec<(&str, &str)> = parameters
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        query::with(path, &parameters)
    };
    let letters = List::<DeadLetter>::of(move || filtered(&format!("/v1/dead-letters?limit={PAGE}")));
    let groups = Loaded::<DeadLetterGroups>::of(move || filtered("/v1/dead-letters/groups"));
    live::follow(
        move || {
            Some(query::with(
                "/v1/events?state=dead,replayed",
                &[("queue", &name.get())],
            ))
        },
        move || {
            letters.refresh(PAGE);
            let counted = groups
                .value
                .with_untracked(|groups| groups.as_ref().map_or(0, |groups| groups.count));
            if counted <= COUNTED_LIVE {
                groups.again();
            }
        },
    );
    let options = move || {
        names
            .get()
            .into_iter()
            .map(|option| {
                let (value, selected) = (option.clone(), name.get_untracked() == option);
                view! { <option value=value selected=selected>{option}</option> }
            })
            .collect_view()
    };
    let none = move || {
        letters
            .items
            .with(|items| items.as_ref().is_some_and(Vec::is_empty))
    };
    view! {
        <div class="head">
            <h1>"Dead letters"</h1>
            <span class="grow"></span>
            <Show when=|| session::may(Scope::Replay)><ReplayAll meant/></Show>
            <Show when=|| session::may(Scope::Manage)><PurgeAll meant letters groups/></Show>
        </div>
        <div class="filters">
            <label>
                <span>"Queue"</span>
                <select on:change=move |event| set_queue.run(event_target_value(&event))><option value="">"any"</option>{options}</select>
            </label>
            <label><span>"Type"</span><input data-search="" placeholder="invoice.*" prop:value=kind on:change=move |event| set_kind.run(event_target_value(&event))/></label>
            <label><span>"Status"</span><input inputmode="numeric" placeholder="500" size="5" prop:value=status on:change=move |event| set_status.run(event_target_value(&event))/></label>
            <Show when=move || !failure.get().is_empty()>
                <button type="button" on:click=move |_| set_failure.run(String::new())>{move || format!("Failed by {} ×", failure.get())}</button>
            </Show>
            <Show when=move || !endpoint.get().is_empty()>
                <button type="button" on:click=move |_| set_endpoint.run(String::new())>"One endpoint only ×"</button>
            </Show>
        </div>
        <Failed failure=letters.failure/>
        <Failed failure=groups.failure/>
        <Show when=none>
            <Empty
                title="No dead letter is here"
                text="Everything that these filters mean was delivered, or is still being tried. They are also listed by:"
                line=api_line("GET", "/v1/dead-letters", None)
            />
        </Show>
        <Show when=move || letters.items.with(|items| items.as_ref().is_some_and(|items| !items.is_empty()))>
            <Groups groups/>
            <div class="scroll" tabindex="0" role="region" aria-label="Dead letters">
                <table>
                    <thead><tr><th>"Task"</th><th>"Queue"</th><th>"Type"</th><th>"Endpoint"</th><th>"Answer"</th><th>"Why"</th><th class="num">"Attempts"</th><th>"Given up"</th><th><span class="unseen">"Actions"</span></th></tr></thead>
                    <tbody>
                        <For each=move || letters.items.get().unwrap_or_default() key=|l| l.id let(letter)><Row letter letters/></For>
                    </tbody>
                </table>
            </div>
        </Show>
        <More next=letters.next busy=letters.busy on=Callback::new(move |()| letters.more())/>
    }
}

/// What came back, in a word.
fn answer(letter: &DeadLetter) -> String {
    match (letter.status, &letter.failure) {
        (Some(status), _) => status.to_string(),
        (None, Some(failure)) => failure.clone(),
        (None, None) => "none".to_owned(),
    }
}

/// How many there are of what: what to mend first. A press narrows the list to them.
#[component]
fn Groups(groups: Loaded<DeadLetterGroups>) -> impl IntoView {
    let set = filters();
    let of = move |group: DeadLetterGroup| {
        let reason = group.reason.clone();
        let (endpoint, status, failure) = (group.endpoint, group.status, group.failure.clone());
        let narrow = move |_| {
            set.run(vec![
                ("endpoint", endpoint.to_string()),
                (
                    "status",
                    status.map_or_else(String::new, |status| status.to_string()),
                ),
                ("failure", failure.clone().unwrap_or_default()),
            ]);
        };
        view! {
            <li>
                <button type="button" class="group" on:click=narrow title="Show those of this endpoint that were answered so">
                    <b>{format::count(group.count)}</b>
                    <span>{reason}</span>
                    <code>{format::short_id(endpoint)}</code>
                </button>
            </li>
        }
    };
    let shown = move || {
        let found = groups.value.get().unwrap_or_default();
        found.groups.into_iter().take(GROUPS).map(of).collect_view()
    };
    let of_newest = move || {
        groups
            .value
            .with(|groups| groups.as_ref().is_some_and(|groups| groups.more))
    };
    view! {
        <ul class="groups" aria-label="By endpoint and reason">{shown}</ul>
        <Show when=of_newest><p class="muted">"Counted are the newest 50,000."</p></Show>
    }
}

#[component]
fn Row(letter: DeadLetter, letters: List<DeadLetter>) -> impl IntoView {
    let id = letter.id;
    let replay = move |_| {
        perform(
            async move { api::act::<Replayed>(&format!("/v1/dead-letters/{id}/replay")).await },
            move |_| {
                say("Replayed: a new delivery is on its way.");
                letters.again();
            },
        );
    };
    let answered = answer(&letter);
    view! {
        <tr>
            <td><Id id=letter.task to=format!("/tasks/{}", letter.task)/></td>
            <td><A href=format!("/queues/{}", letter.queue)>{letter.queue.clone()}</A></td>
            <td>{letter.kind.clone()}</td>
            <td><Id id=letter.endpoint to=format!("/endpoints/{}", letter.endpoint)/></td>
            <td><Badge word=answered/></td>
            <td class="wide muted">{letter.reason.clone()}</td>
            <td class="num">{letter.attempts}</td>
            <td><When at=letter.died_at/></td>
            <td>
                <Show when=|| session::may(Scope::Replay)>
                    <button type="button" class="small" on:click=replay>"Replay"</button>
                </Show>
            </td>
        </tr>
    }
}

/// What the filter means, in words.
fn described(filter: &DeadLetterFilter) -> String {
    let mut words = Vec::new();
    words.extend(filter.queue.as_ref().map(|queue| format!("of the queue {queue}")));
    words.extend(
        filter
            .endpoint
            .map(|endpoint| format!("of the endpoint {}", format::short_id(endpoint))),
    );
    words.extend(filter.kind.as_ref().map(|kind| format!("of the type {kind}")));
    words.extend(filter.status.map(|status| format!("that were answered {status}")));
    words.extend(
        filter
            .failure
            .as_ref()
            .map(|failure| format!("that failed by {failure}")),
    );
    if words.is_empty() {
        "of all queues that you see".to_owned()
    } else {
        words.join(", ")
    }
}

/// How many are meant, as far as they were counted.
fn number(groups: Loaded<DeadLetterGroups>) -> String {
    groups.value.with_untracked(|groups| {
        let (count, more) = groups
            .as_ref()
            .map_or((0, true), |groups| (groups.count, groups.more));
        let count = format::counted(count, "dead letter", "dead letters");
        if more { format!("At least {count}") } else { count }
    })
}

/// Does it until nothing is left, and tells how far it is.
async fn to_the_end(
    path: &'static str,
    filter: DeadLetterFilter,
    progress: RwSignal<Option<u64>>,
) -> api::Result<u64> {
    let mut all = 0;
    progress.try_set(Some(0));
    loop {
        let count = api::send::<Count>(gloo_net::http::Method::POST, path, &filter).await;
        let count = count.inspect_err(|_| {
            progress.try_set(None);
        })?;
        all += count.count;
        // Who leaves the page ends it there: what was done is done.
        if !count.more || progress.try_set(Some(all)).is_some() {
            progress.try_set(None);
            return Ok(all);
        }
    }
}

#[component]
fn ReplayAll(meant: Memo<DeadLetterFilter>) -> impl IntoView {
    let (ask, navigate) = (asker(), StoredValue::new_local(use_navigate()));
    let start = move |_| {
        let meant = meant.get_untracked();
        let new = NewReplay {
            filter: ReplayFilter {
                queue: meant.queue.clone(),
                endpoint: meant.endpoint,
                kind: meant.kind.clone(),
                status: meant.status,
                failure: meant.failure.clone(),
                ..ReplayFilter::default()
            },
            ..NewReplay::default()
        };
        let asked = new.clone();
        let preview = async move {
            api::send::<ReplayPreview>(gloo_net::http::Method::POST, "/v1/replays:preview", &asked).await
        };
        perform(preview, move |preview| {
            let number = format::counted(preview.count, "dead letter", "dead letters");
            let number = if preview.exact {
                number
            } else {
                format!("At least {number}")
            };
            ask(Question {
                title: "Replay all of these?".to_owned(),
                text: format!(
                    "{number} {}: each is sent once more, under the same webhook-id, with all its attempts anew. It takes about {}, in the background.",
                    described(&meant),
                    format::counted(preview.seconds, "second", "seconds")
                ),
                name: None,
                act: "Replay",
                then: Callback::new(move |()| {
                    let new = new.clone();
                    let begin = async move {
                        api::send::<Replay>(gloo_net::http::Method::POST, "/v1/replays", &new).await
                    };
                    perform(begin, move |_| {
                        say("The replay has begun.");
                        navigate.with_value(|go| {
                            go("/replays", leptos_router::NavigateOptions::default());
                        });
                    });
                }),
            });
        });
    };
    view! { <button type="button" class="primary" on:click=start>"Replay all…"</button> }
}

#[component]
fn PurgeAll(
    meant: Memo<DeadLetterFilter>,
    letters: List<DeadLetter>,
    groups: Loaded<DeadLetterGroups>,
) -> impl IntoView {
    let (ask, progress) = (asker(), RwSignal::new(None::<u64>));
    let start = move |_| {
        let filter = meant.get_untracked();
        ask(Question {
            title: "Throw all of these away?".to_owned(),
            text: format!(
                "{} {}: they can never be replayed.",
                number(groups),
                described(&filter)
            ),
            name: Some(filter.queue.clone().unwrap_or_else(|| "purge".to_owned())),
            act: "Throw away",
            then: Callback::new(move |()| {
                perform(
                    to_the_end("/v1/dead-letters/purge", filter.clone(), progress),
                    move |count| {
                        say(format!(
                            "{} thrown away.",
                            format::counted(count, "dead letter", "dead letters")
                        ));
                        letters.again();
                        groups.again();
                    },
                );
            }),
        });
    };
    view! {
        <button type="button" class="danger" disabled=move || progress.get().is_some() on:click=start>"Purge…"</button>
    }
}
