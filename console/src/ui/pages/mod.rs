//! The pages.

pub(crate) mod attempts;
pub(crate) mod audit;
pub(crate) mod dead_letters;
pub(crate) mod endpoint;
pub(crate) mod endpoint_auth;
pub(crate) mod endpoint_edit;
pub(crate) mod events;
pub(crate) mod keys;
pub(crate) mod lane;
pub(crate) mod missing;
pub(crate) mod overview;
pub(crate) mod queue;
pub(crate) mod queue_edit;
pub(crate) mod queues;
pub(crate) mod replays;
pub(crate) mod secrets;
pub(crate) mod session_page;
pub(crate) mod settings_form;
pub(crate) mod sign_in;
pub(crate) mod system;
pub(crate) mod task;
pub(crate) mod tasks;
pub(crate) mod tasks_marked;
pub(crate) mod test_send;
pub(crate) mod users;
pub(crate) mod verdict_rules;

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};

/// A filter that lives in the address: it is there after a reload, and the way back has it.
pub(crate) fn filter(name: &'static str) -> (Memo<String>, Callback<String>) {
    let query = use_query_map();
    let value = Memo::new(move |_| query.with(|query| query.get(name)).unwrap_or_default());
    let set = filters();
    (value, Callback::new(move |to| set.run(vec![(name, to)])))
}

/// Sets several such filters at once.
pub(crate) fn filters() -> Callback<Vec<(&'static str, String)>> {
    let query = use_query_map();
    let navigate = StoredValue::new_local(use_navigate());
    Callback::new(move |to: Vec<(&'static str, String)>| {
        let map = query.get_untracked();
        let mut pairs: Vec<(String, String)> = map
            .into_iter()
            .map(|(name, value)| (name.into_owned(), value))
            .collect();
        pairs.retain(|(known, _)| !to.iter().any(|(name, _)| known == name));
        pairs.extend(to.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let pairs: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let path = window().location().pathname().unwrap_or_default();
        let options = NavigateOptions {
            replace: true,
            scroll: false,
            ..NavigateOptions::default()
        };
        navigate.with_value(|navigate| navigate(&console::query::with(&path, &pairs), options));
    })
}
