//! The settings of deliveries as a form: of a queue, or of an endpoint. What the server says is wrong stands at its field.

use console::settings::{self, GROUPS, Kind, Setting, is_of_queues_alone};
use leptos::{prelude::*, task::spawn_local};
use proto::{DeliverySettings, FieldError};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::ui::{api, widgets::typed};

/// What is being typed.
#[derive(Clone, Copy)]
pub(crate) struct Draft {
    before: StoredValue<Value>,
    texts: StoredValue<Vec<RwSignal<String>>>,
    /// What is wrong with fields, as the server said.
    errors: RwSignal<Vec<FieldError>>,
    /// What is wrong otherwise.
    failure: RwSignal<Option<String>>,
    busy: RwSignal<bool>,
}

impl Draft {
    /// Begins with what is set.
    pub(crate) fn of(current: &DeliverySettings) -> Self {
        let before = serde_json::to_value(current).unwrap_or_default();
        let texts = settings::all().map(|setting| RwSignal::new(settings::text(&before, setting.path)));
        Self {
            texts: StoredValue::new(texts.collect()),
            before: StoredValue::new(before),
            errors: RwSignal::new(vec![]),
            failure: RwSignal::new(None),
            busy: RwSignal::new(false),
        }
    }

    /// What is to change.
    pub(crate) fn patch(self) -> Value {
        let texts: Vec<String> = self
            .texts
            .with_value(|texts| texts.iter().map(GetUntracked::get_untracked).collect());
        self.before.with_value(|before| settings::patch(before, &texts))
    }

    /// What is wrong with a field.
    fn wrong(self, path: &str) -> Option<String> {
        self.errors
            .with(|errors| settings::wrong(path, errors).map(str::to_owned))
    }

    /// Sends the update, and goes on with the answer, or shows what is wrong with it.
    pub(crate) fn save<T: DeserializeOwned + 'static>(
        self,
        path: String,
        update: impl Serialize + 'static,
        done: impl FnOnce(T) + 'static,
    ) {
        if self.busy.get_untracked() {
            return;
        }
        self.busy.set(true);
        spawn_local(async move {
            let answer = api::send::<T>(gloo_net::http::Method::PATCH, &path, &update).await;
            self.busy.try_set(false);
            match answer {
                Ok(now) => {
                    self.errors.try_set(vec![]);
                    self.failure.try_set(None);
                    done(now);
                }
                Err(why) => {
                    self.failure.try_set(Some(why.told()));
                    self.errors.try_set(why.fields);
                }
            }
        });
    }
}

/// A field of text with its hint, and what is wrong with it.
#[component]
pub(crate) fn Field(
    label: &'static str,
    hint: &'static str,
    name: &'static str,
    signal: RwSignal<String>,
    draft: Draft,
    #[prop(optional)] choice: Option<&'static [(&'static str, &'static str)]>,
    #[prop(optional)] rows: u32,
) -> impl IntoView {
    let invalid = move || draft.wrong(name).is_some().then_some("true");
    let told = format!("wrong-{}", name.replace('.', "-"));
    let described = told.clone();
    let control = match (choice, rows) {
        (Some(options), _) => view! {
            <select name=name aria-invalid=invalid aria-describedby=described prop:value=signal on:change=typed(signal)>
                <option value="">"as the default"</option>
                {options
                    .iter()
                    .map(|(value, label)| view! { <option value=*value selected={signal.get_untracked() == *value}>{*label}</option> })
                    .collect_view()}
            </select>
        }
        .into_any(),
        (None, 0) => view! {
            <input name=name autocomplete="off" spellcheck="false" aria-invalid=invalid aria-describedby=described prop:value=signal on:input=typed(signal)/>
        }
        .into_any(),
        (None, rows) => view! {
            <textarea name=name rows=rows spellcheck="false" aria-invalid=invalid aria-describedby=described prop:value=signal on:input=typed(signal)></textarea>
        }
        .into_any(),
    };
    view! {
        <label class:full={rows > 0}>
            <span>{label}</span>
            {control}
            <small>{hint}</small>
            <small class="wrong" id=told>{move || draft.wrong(name)}</small>
        </label>
    }
}

/// The choices of a setting.
fn choice(setting: &Setting) -> Option<&'static [(&'static str, &'static str)]> {
    match (setting.kind, setting.path) {
        (Kind::Flag, _) => Some(&[("yes", "yes"), ("no", "no")]),
        (Kind::Choice(_), "rate_limit.per") => Some(&[
            ("second", "a second"),
            ("minute", "a minute"),
            ("hour", "an hour"),
        ]),
        (Kind::Choice(_), "ordering.mode") => Some(&[
            ("unordered", "nothing"),
            ("key", "tasks of one ordering key"),
            ("fifo", "all of an endpoint"),
        ]),
        (Kind::Choice(_), _) => Some(&[("block", "wait"), ("skip", "go on")]),
        _ => None,
    }
}

/// The fields, group by group. Open are the first, those that have something set, and those with something wrong.
#[component]
pub(crate) fn Fields(draft: Draft, #[prop(optional)] of_endpoint: bool) -> impl IntoView {
    let mut signals = draft.texts.get_value().into_iter();
    GROUPS
        .iter()
        .enumerate()
        .map(|(at, (name, settings))| {
            let fields: Vec<(&Setting, RwSignal<String>)> = settings.iter().zip(signals.by_ref()).collect();
            if of_endpoint && settings.iter().all(|setting| is_of_queues_alone(setting.path)) {
                return ().into_any();
            }
            let is_set = at == 0 || fields.iter().any(|(_, text)| !text.get_untracked().is_empty());
            let is_wrong = move || settings.iter().any(|setting| draft.wrong(setting.path).is_some());
            let fields = fields.into_iter().map(|(setting, signal)| match choice(setting) {
                Some(choice) => view! { <Field label=setting.label hint=setting.hint name=setting.path signal draft choice/> }.into_any(),
                None => view! { <Field label=setting.label hint=setting.hint name=setting.path signal draft/> }.into_any(),
            });
            view! {
                <details class="group-of-fields" open=is_set prop:open=move || is_set || is_wrong()>
                    <summary>{*name}</summary>
                    <div class="fields">{fields.collect_view()}</div>
                </details>
            }
            .into_any()
        })
        .collect_view()
}

/// What is wrong as a whole, and the buttons under the form.
#[component]
pub(crate) fn Ending(draft: Draft, open: RwSignal<bool>) -> impl IntoView {
    view! {
        {move || draft.failure.get().map(|words| view! { <p class="failed" role="alert">{words}</p> })}
        <div class="row">
            <button type="submit" class="primary" disabled=draft.busy>{move || if draft.busy.get() { "Saving…" } else { "Save" }}</button>
            <button type="button" on:click=move |_| open.set(false)>"Cancel"</button>
        </div>
    }
}
