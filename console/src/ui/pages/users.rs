//! Users: made, changed, signed out, deleted.

use leptos::{ev::SubmitEvent, prelude::*};
use proto::{NewUser, Role, User, UserUpdate};

use super::queue::words;
use crate::ui::{
    api,
    ask::{Question, asker},
    loaded::List,
    notes::{perform, say},
    session,
    widgets::{Badge, Failed, MaybeWhen, More, When, title},
};

/// What a role allows, in a line.
fn allows(role: Role) -> &'static str {
    match role {
        Role::Viewer => "sees everything but secrets, keys and users",
        Role::Operator => "that, and puts tasks in, manages queues and endpoints, and replays",
        Role::Admin => "everything, keys and users included",
    }
}

/// What the form is about.
#[derive(Clone, PartialEq)]
enum Doing {
    Nothing,
    Making,
    Changing(User),
}

#[component]
pub(crate) fn Users() -> impl IntoView {
    title("Users");
    let users = List::<User>::of(|| "/v1/users?limit=200".to_owned());
    let doing = RwSignal::new(Doing::Nothing);
    let make = move |_| {
        doing.update(|doing| {
            *doing = if *doing == Doing::Making {
                Doing::Nothing
            } else {
                Doing::Making
            };
        });
    };
    view! {
        <div class="head">
            <h1>"Users"</h1>
            <span class="grow"></span>
            <button type="button" class="primary" on:click=make>"New user"</button>
        </div>
        <p class="muted">"People who sign in here by a name and a password. Programs are given API keys."</p>
        {move || match doing.get() {
            Doing::Nothing => ().into_any(),
            Doing::Making => view! { <Form user=None doing users/> }.into_any(),
            Doing::Changing(user) => view! { <Form user=Some(user) doing users/> }.into_any(),
        }}
        <Failed failure=users.failure/>
        <div class="scroll" tabindex="0" role="region" aria-label="Users">
            <table>
                <thead><tr><th>"Name"</th><th>"Role"</th><th>"State"</th><th>"Queues"</th><th>"Last signed in"</th><th>"Made"</th><th><span class="unseen">"Actions"</span></th></tr></thead>
                <tbody>
                    <For
                        each=move || users.items.get().unwrap_or_default()
                        key=|u| (u.id, u.role.word(), u.disabled, u.queues.clone(), u.signed_in_at)
                        let(user)
                    >
                        <Row user doing users/>
                    </For>
                </tbody>
            </table>
        </div>
        <More next=users.next busy=users.busy on=Callback::new(move |()| users.more())/>
    }
}

#[component]
fn Row(user: User, doing: RwSignal<Doing>, users: List<User>) -> impl IntoView {
    let ask = asker();
    let (id, name, disabled) = (user.id, StoredValue::new(user.name.clone()), user.disabled);
    let oneself = move || session::current().is_some_and(|session| session.user == Some(id));
    let sign_out = move |_| {
        let name = name.get_value();
        ask(Question {
            title: format!("Sign {name} out everywhere?"),
            text: "Every session of theirs ends within a second, on every node. They may sign in again."
                .to_owned(),
            name: None,
            act: "Sign out",
            then: Callback::new(move |()| {
                let path = format!("/v1/users/{id}/sign-out");
                perform(async move { api::act_quietly(&path).await }, |()| {
                    say("Signed out everywhere.");
                });
            }),
        });
    };
    let switch = move |_| {
        let update = UserUpdate {
            disabled: Some(!disabled),
            ..UserUpdate::default()
        };
        change(
            id,
            update,
            users,
            if disabled {
                "Enabled."
            } else {
                "Disabled, and signed out everywhere."
            },
        );
    };
    let delete = move |_| {
        let name = name.get_value();
        ask(Question {
            title: format!("Delete {name}?"),
            text: "They are signed out everywhere, and cannot sign in any more. What they did stays in the audit."
                .to_owned(),
            name: Some(name),
            act: "Delete the user",
            then: Callback::new(move |()| {
                perform(async move { api::delete(&format!("/v1/users/{id}")).await }, move |()| {
                    say("Deleted.");
                    users.again();
                });
            }),
        });
    };
    let edited = user.clone();
    view! {
        <tr>
            <td>{user.name.clone()}{move || oneself().then(|| view! { <small class="muted">" (you)"</small> })}</td>
            <td title=allows(user.role)>{user.role.word()}</td>
            <td><Badge word=if user.disabled { "disabled" } else { "enabled" }/></td>
            <td><code>{user.queues.join(" ")}</code></td>
            <td><MaybeWhen at=user.signed_in_at none="never"/></td>
            <td><When at=user.created_at/></td>
            <td class="row">
                <button type="button" class="small" on:click=move |_| doing.set(Doing::Changing(edited.clone()))>"Change…"</button>
                <button type="button" class="small" on:click=sign_out>"Sign out…"</button>
                <Show when=move || !oneself()>
                    <button type="button" class="small" on:click=switch>{if disabled { "Enable" } else { "Disable" }}</button>
                    <button type="button" class="small danger" on:click=delete>"Delete…"</button>
                </Show>
            </td>
        </tr>
    }
}

fn change(id: uuid::Uuid, update: UserUpdate, users: List<User>, said: &'static str) {
    let action = async move {
        api::send::<User>(gloo_net::http::Method::PATCH, &format!("/v1/users/{id}"), &update).await
    };
    perform(action, move |_| {
        say(said);
        users.again();
    });
}

/// For a user that is to be made, or changed.
#[component]
fn Form(user: Option<User>, doing: RwSignal<Doing>, users: List<User>) -> impl IntoView {
    let (name, password) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let role = RwSignal::new(user.as_ref().map_or(Role::Viewer, |user| user.role));
    let queues = RwSignal::new(
        user.as_ref()
            .map_or_else(|| "*".to_owned(), |user| user.queues.join(", ")),
    );
    let before = StoredValue::new(user.clone());
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let (role, queues) = (role.get_untracked(), words(&queues.get_untracked()));
        let Some(before) = before.get_value() else {
            let new = NewUser {
                name: name.get_untracked(),
                password: password.get_untracked(),
                role,
                queues,
            };
            let action =
                async move { api::send::<User>(gloo_net::http::Method::POST, "/v1/users", &new).await };
            return perform(action, move |_| {
                say("Made: they may sign in.");
                doing.set(Doing::Nothing);
                users.again();
            });
        };
        let update = UserUpdate {
            role: (role != before.role).then_some(role),
            queues: (queues != before.queues).then_some(queues),
            password: Some(password.get_untracked()).filter(|text| !text.is_empty()),
            ..UserUpdate::default()
        };
        let path = format!("/v1/users/{}", before.id);
        let action = async move { api::send::<User>(gloo_net::http::Method::PATCH, &path, &update).await };
        perform(action, move |_| {
            say("Saved: it is in effect.");
            doing.set(Doing::Nothing);
            users.again();
        });
    };
    let making = user.is_none();
    let heading = user.map_or_else(|| "New user".to_owned(), |user| format!("Change {}", user.name));
    view! {
        <form class="card" on:submit=submit>
            <h2>{heading}</h2>
            <div class="fields">
                {making.then(|| view! {
                    <label><span>"Name"</span><input name="name" required maxlength="64" autocomplete="off" spellcheck="false" autofocus bind:value=name/><small>"What they sign in with: a-z 0-9 . _ @ + -"</small></label>
                })}
                <label>
                    <span>{if making { "Password" } else { "New password" }}</span>
                    <input name="password" type="password" minlength="12" maxlength="200" autocomplete="new-password" required=making bind:value=password/>
                    <small>{if making { "12 characters at least" } else { "12 characters at least; empty: it stays. A new one ends their sessions" }}</small>
                </label>
                <label><span>"Queues"</span><input name="queues" required spellcheck="false" bind:value=queues/><small>"Globs of their names, such as shop-*; * is all"</small></label>
            </div>
            <fieldset>
                <legend>"Role"</legend>
                {Role::ALL
                    .map(|one| view! {
                        <label class="check">
                            <input
                                type="radio"
                                name="role"
                                value=one.word()
                                prop:checked=move || role.get() == one
                                on:change=move |_| role.set(one)
                            />
                            <span><b>{one.word()}</b>" "{allows(one)}</span>
                        </label>
                    })
                    .collect_view()}
            </fieldset>
            <div class="row">
                <button type="submit" class="primary">{if making { "Make the user" } else { "Save" }}</button>
                <button type="button" on:click=move |_| doing.set(Doing::Nothing)>"Cancel"</button>
            </div>
        </form>
    }
}
