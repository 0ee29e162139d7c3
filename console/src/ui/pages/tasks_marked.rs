//! What is done to the tasks that are marked in a list.

use console::format;
use leptos::prelude::*;
use proto::{Cancelled, Task, TaskReplayed};

use crate::ui::{
    api::{self, Failure},
    ask::{Question, asker},
    loaded::List,
    notes::{perform, say},
};

/// The status by which the server says that there is nothing to do.
const CONFLICT: u16 = 409;

/// Marks all that were read, or none.
#[component]
pub(crate) fn MarkAll(marked: RwSignal<Vec<uuid::Uuid>>, tasks: List<Task>) -> impl IntoView {
    let all = move || {
        tasks
            .items
            .with(|items| items.iter().flatten().map(|task| task.id).collect::<Vec<_>>())
    };
    let mark = move |event| {
        let on = event_target_checked(&event);
        marked.set(if on { all() } else { vec![] });
    };
    let checked = move || {
        let count = tasks.items.with(|items| items.as_ref().map_or(0, Vec::len));
        count > 0 && marked.with(Vec::len) == count
    };
    view! { <input type="checkbox" aria-label="Mark all that are listed" title="Mark all that are listed" prop:checked=checked on:change=mark/> }
}

#[component]
pub(crate) fn CancelMarked(marked: RwSignal<Vec<uuid::Uuid>>, done: Callback<()>) -> impl IntoView {
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
                    done.run(());
                });
            }),
        });
    };
    view! { <button type="button" class="danger" on:click=cancel>{move || format!("Cancel {}…", format::counted(number(), "task", "tasks"))}</button> }
}

/// Sends the marked tasks once more, whatever became of them.
#[component]
pub(crate) fn ReplayMarked(marked: RwSignal<Vec<uuid::Uuid>>, done: Callback<()>) -> impl IntoView {
    let ask = asker();
    let number = move || u64::try_from(marked.with(Vec::len)).unwrap_or(0);
    let replay = move |_| {
        ask(Question {
            title: format!("Replay {}?", format::counted(number(), "task", "tasks")),
            text: "Each is sent once more to every endpoint that it went to, also where it was delivered. Where it is still on its way, it stays as it is."
                .to_owned(),
            name: None,
            act: "Replay",
            then: Callback::new(move |()| {
                let ids = marked.get_untracked();
                perform(replay_all(ids), move |(deliveries, left_out)| {
                    say(told(deliveries, &left_out));
                    marked.set(vec![]);
                    done.run(());
                });
            }),
        });
    };
    view! { <button type="button" on:click=replay>{move || format!("Replay {}…", format::counted(number(), "task", "tasks"))}</button> }
}

/// How many deliveries were made; and why some tasks were left out, which does not keep the others from it.
async fn replay_all(ids: Vec<uuid::Uuid>) -> api::Result<(u64, Vec<String>)> {
    let (mut deliveries, mut left_out) = (0, vec![]);
    for id in ids {
        match api::act::<TaskReplayed>(&format!("/v1/tasks/{id}/replay")).await {
            Ok(replayed) => deliveries += u64::try_from(replayed.deliveries.len()).unwrap_or(0),
            Err(Failure {
                status: CONFLICT,
                words,
                ..
            }) => left_out.push(words),
            Err(failure) => return Err(failure),
        }
    }
    Ok((deliveries, left_out))
}

fn told(deliveries: u64, left_out: &[String]) -> String {
    let made = format::counted(deliveries, "delivery is made", "deliveries are made");
    match left_out {
        [] => format!("{made}."),
        [one] => format!("{made}. One task is left out: {one}"),
        [first, ..] => {
            let count = u64::try_from(left_out.len()).unwrap_or(0);
            format!(
                "{made}. {} tasks are left out, the first because: {first}",
                format::count(count)
            )
        }
    }
}
