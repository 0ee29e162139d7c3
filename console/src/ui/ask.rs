//! Questions before what cannot be undone: what will happen, and for the gravest the name of what it happens to.

use leptos::{html::Dialog, prelude::*};

/// A question.
#[derive(Clone)]
pub(crate) struct Question {
    /// What is asked.
    pub(crate) title: String,
    /// What will happen.
    pub(crate) text: String,
    /// What must be typed first, if anything.
    pub(crate) name: Option<String>,
    /// The word on the button.
    pub(crate) act: &'static str,
    /// What is done then.
    pub(crate) then: Callback<()>,
}

#[derive(Clone, Copy)]
struct Asking(RwSignal<Option<Question>>);

/// Makes room for questions.
pub(crate) fn begin() {
    provide_context(Asking(RwSignal::new(None)));
}

/// How to ask: to be fetched while the page is drawn.
pub(crate) fn asker() -> impl Fn(Question) + Copy + Send + Sync + 'static {
    let asking = expect_context::<Asking>();
    move |question| asking.0.set(Some(question))
}

/// Where it is asked.
#[component]
pub(crate) fn Ask() -> impl IntoView {
    let asking = expect_context::<Asking>().0;
    let dialog = NodeRef::<Dialog>::new();
    let typed = RwSignal::new(String::new());
    Effect::new(move |_| {
        let open = asking.with(Option::is_some);
        let Some(dialog) = dialog.get() else { return };
        if open && !dialog.open() {
            typed.set(String::new());
            let _ = dialog.show_modal();
        } else if !open && dialog.open() {
            dialog.close();
        }
    });
    let missing = move || {
        asking.with(|q| {
            q.as_ref()
                .and_then(|q| q.name.clone())
                .is_some_and(|name| name != typed.get())
        })
    };
    let part = move |of: fn(&Question) -> String| asking.with(|q| q.as_ref().map(of).unwrap_or_default());
    let go = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if missing() {
            return;
        }
        if let Some(question) = asking.get_untracked() {
            asking.set(None);
            question.then.run(());
        }
    };
    view! {
        <dialog node_ref=dialog aria-labelledby="ask-title" on:close=move |_| asking.set(None)>
            <form on:submit=go>
                <h2 id="ask-title">{move || part(|q| q.title.clone())}</h2>
                <p>{move || part(|q| q.text.clone())}</p>
                <Show when=move || asking.with(|q| q.as_ref().is_some_and(|q| q.name.is_some()))>
                    <label>
                        <span>"Type " <code>{move || part(|q| q.name.clone().unwrap_or_default())}</code> " to go on"</span>
                        <input autocomplete="off" spellcheck="false" bind:value=typed/>
                    </label>
                </Show>
                <div class="row end">
                    <button type="button" on:click=move |_| asking.set(None)>"Cancel"</button>
                    <button type="submit" class="danger" disabled=missing>{move || part(|q| q.act.to_owned())}</button>
                </div>
            </form>
        </dialog>
    }
}
